#include "options.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <getopt.h>
#include <stdexcept>

#include "registers.h"

namespace tickwire {

const char* const USAGE = R"(usage: tickwire_host --card xrt:INDEX --xclbin FILE [options]
       tickwire_host --card sim:PATH [options]

Starts a Tickwire card, reads its records, and stops it. Ctrl-C or SIGTERM engages the kill switch, then stops.

  --card CARD         xrt:INDEX, a card behind XRT; sim:PATH, a simulated one at a Unix socket
  --xclbin FILE       what xrt:INDEX is loaded with
  --symbols FILE      symbols.txt of the design; names may then be used, and the card must have this design
  --names FILE        what the day's symbols are, CSV; the feed comes after
  --limits FILE       limits of session and symbols, parameters of the strategy
  --handover SOURCE   numbers of the open order session: a file, or key=value,key=value; may be repeated
  --handback FILE     where its numbers go when it is handed back
  --snapshot FILE     resting orders, CSV
  --dump DIR          each ring's slots as DIR/STREAM.bin, 128 octets each
  --rings A,B         the card writes these rings alone
  --ring-log2 N       slots of a ring are 2**N (12)
  --command-log2 N    the same of the command ring (10)
  --clock NS          set the core's clock to this, ns since 1970 UTC, instead of the host's time
  --no-hold           do not hold the kill switch while limits, book and session are loaded
  --metrics PORT      Prometheus text at http://127.0.0.1:PORT/metrics
  --table             a live table
  --seconds N         end after so long
  --until-idle        end when no record has come for a second (--idle-seconds N)
  --patience FACTOR   wait so many times as long as hardware needs (1; a simulated card 30, emulated hardware 1000)
  --stop              stop a card that another run has left running, nothing else
  --help

Exit code: 0 all was clean; 1 an error, or something was not (it says what); 2 the command line or a file is wrong.
)";

namespace {

[[noreturn]] void refuse(const std::string& option, const char* text, const std::string& expected) {
    throw std::invalid_argument(option + " " + text + ": expected " + expected);
}

uint64_t integer(const std::string& option, const char* text, uint64_t low, uint64_t high) {
    char* end = nullptr;
    const uint64_t value = std::strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < low || value > high)
        refuse(option, text, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
    return value;
}

double positive(const std::string& option, const char* text, const std::string& expected = "seconds above 0") {
    char* end = nullptr;
    const double value = std::strtod(text, &end);
    if (end == text || *end || !std::isfinite(value) || value <= 0) refuse(option, text, expected);
    return value;
}

uint32_t ring_mask(const char* text) {
    uint32_t mask = 0;
    const std::string all = text;
    for (size_t at = 0; at <= all.size();) {
        const size_t comma = std::min(all.find(',', at), all.size());
        const std::string name = all.substr(at, comma - at);
        uint32_t i = 0;
        while (i < RING_COUNT && name != RINGS[i].stream) ++i;
        if (i == RING_COUNT) {
            std::string names;
            for (const Layout& ring : RINGS) names += (names.empty() ? "" : ", ") + std::string(ring.stream);
            refuse("--rings", text, "some of " + names);
        }
        mask |= 1u << i;
        at = comma + 1;
    }
    return mask;
}

}  // namespace

Options parse_options(int count, char** arguments) {
    Options options;
    enum { CARD = 1, XCLBIN, SYMBOLS, NAMES, LIMITS, HANDOVER, HANDBACK, SNAPSHOT, DUMP, RINGS_, RING_LOG2, COMMAND_LOG2,
           CLOCK, NO_HOLD, METRICS, TABLE, SECONDS, UNTIL_IDLE, IDLE_SECONDS, PATIENCE, STOP, HELP };
    static const option known[] = {
        {"card", 1, nullptr, CARD}, {"xclbin", 1, nullptr, XCLBIN}, {"symbols", 1, nullptr, SYMBOLS},
        {"names", 1, nullptr, NAMES},
        {"limits", 1, nullptr, LIMITS}, {"handover", 1, nullptr, HANDOVER}, {"handback", 1, nullptr, HANDBACK},
        {"snapshot", 1, nullptr, SNAPSHOT}, {"dump", 1, nullptr, DUMP}, {"rings", 1, nullptr, RINGS_},
        {"ring-log2", 1, nullptr, RING_LOG2}, {"command-log2", 1, nullptr, COMMAND_LOG2},
        {"clock", 1, nullptr, CLOCK}, {"no-hold", 0, nullptr, NO_HOLD}, {"metrics", 1, nullptr, METRICS},
        {"table", 0, nullptr, TABLE}, {"seconds", 1, nullptr, SECONDS}, {"until-idle", 0, nullptr, UNTIL_IDLE},
        {"idle-seconds", 1, nullptr, IDLE_SECONDS}, {"patience", 1, nullptr, PATIENCE},
        {"stop", 0, nullptr, STOP}, {"help", 0, nullptr, HELP},
        {nullptr, 0, nullptr, 0},
    };
    opterr = 0;
    for (int code, index = 0; (code = getopt_long(count, arguments, "", known, &index)) != -1;) {
        switch (code) {
        case CARD: options.card = optarg; break;
        case XCLBIN: options.xclbin = optarg; break;
        case SYMBOLS: options.symbols = optarg; break;
        case NAMES: options.names = optarg; break;
        case LIMITS: options.limits = optarg; break;
        case HANDOVER: options.handover.emplace_back(optarg); break;
        case HANDBACK: options.handback = optarg; break;
        case SNAPSHOT: options.snapshot = optarg; break;
        case DUMP: options.dump = optarg; break;
        case RINGS_: options.rings = ring_mask(optarg); break;
        case RING_LOG2:
            options.ring_log2 = static_cast<unsigned>(integer("--ring-log2", optarg, MIN_RING_LOG2, MAX_RING_LOG2));
            break;
        case COMMAND_LOG2:
            options.command_log2 =
                static_cast<unsigned>(integer("--command-log2", optarg, MIN_RING_LOG2, MAX_RING_LOG2));
            break;
        case CLOCK: options.clock_ns = integer("--clock", optarg, 0, ~0ull); break;
        case NO_HOLD: options.hold = false; break;
        case METRICS: options.metrics = static_cast<uint16_t>(integer("--metrics", optarg, 1, 65535)); break;
        case TABLE: options.table = true; break;
        case SECONDS: options.seconds = positive("--seconds", optarg); break;
        case UNTIL_IDLE: options.until_idle = true; break;
        case IDLE_SECONDS: options.idle_seconds = positive("--idle-seconds", optarg); break;
        case PATIENCE: options.patience = positive("--patience", optarg, "a number above 0"); break;
        case STOP: options.stop_only = true; break;
        case HELP: options.help = true; return options;
        default: throw std::invalid_argument(std::string(arguments[optind - 1]) + ": no such option, or its value is "
                                             "missing; expected one that --help lists");
        }
    }
    if (optind < count) throw std::invalid_argument(std::string(arguments[optind]) + ": expected options only");
    const bool xrt = options.card.rfind("xrt:", 0) == 0;
    if (!xrt && options.card.rfind("sim:", 0) != 0) refuse("--card", options.card.c_str(), "xrt:INDEX or sim:PATH");
    if (xrt) integer("--card xrt:", options.card.c_str() + 4, 0, 255);
    if (xrt && options.xclbin.empty())
        throw std::invalid_argument("--card " + options.card + ": expected --xclbin FILE");
    return options;
}

}  // namespace tickwire
