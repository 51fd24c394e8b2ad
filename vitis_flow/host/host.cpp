#include "host.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <sys/stat.h>

#include "clock.h"

namespace tickwire {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double READY_LIMIT = 10, SHORT_LIMIT = 2;  // s
constexpr auto LOOK_EVERY = std::chrono::milliseconds(100), SHOW_EVERY = std::chrono::milliseconds(500);
constexpr uint32_t PASS = 256;  // slots of one ring before the next has its turn

double since(Clock::time_point moment) { return std::chrono::duration<double>(Clock::now() - moment).count(); }

}  // namespace

void say(const std::string& text) { std::fprintf(stderr, "tickwire_host: %s\n", text.c_str()); }

Host::Host(Card& card, const Options& options, std::function<void()> check_signal)
    : card_(card), options_(options), check_signal_(std::move(check_signal)),
      waiter_(card, [this] { check_signal_(); poll(); }), patient_(card, [this] { poll(); }) {}

Host::~Host() = default;

void Host::prepare() {
    const uint32_t id = card_.read(address::id), version = card_.read(address::version);
    if (id != ID) throw CardError("id reads " + std::to_string(id) + ": expected " + std::to_string(ID) +
                                  ", a Tickwire card");
    if (version != VERSION) throw CardError("the card's register table has version " + std::to_string(version) +
                                            ": expected " + std::to_string(VERSION));
    if (card_.read(address::ring_count) != RING_COUNT)
        throw CardError("the card has " + std::to_string(card_.read(address::ring_count)) + " rings: expected " +
                        std::to_string(RING_COUNT));
    if (options_.stop_only) return;
    if (status() & status::RUNNING)
        throw CardError("the core runs already: expected a card at rest (tickwire_host --stop stops it)");

    char design[32];
    std::snprintf(design, sizeof design, "%08x%08x", card_.read(address::design_low), card_.read(address::design_high));
    const uint32_t count = card_.read(address::symbols);
    if (!options_.symbols.empty()) {
        symbols_ = read_symbols(options_.symbols);
        if (symbols_.design != design || symbols_.count != count)
            throw ConfigError(options_.symbols + ": design " + symbols_.design + " with " +
                              std::to_string(symbols_.count) + " symbols: expected the card's, " + design + " with " +
                              std::to_string(count));
    }
    symbols_.count = count;
    if (!options_.names.empty()) names_ = read_names(options_.names, symbols_);
    if (!options_.limits.empty()) limits_ = read_limits(options_.limits, symbols_);
    if (!options_.snapshot.empty()) snapshot_ = read_snapshot(options_.snapshot, symbols_);
    if (!options_.handover.empty()) handover_ = read_handover(options_.handover);
    if (!options_.dump.empty()) {
        if (mkdir(options_.dump.c_str(), 0777) && errno != EEXIST)
            throw ConfigError(options_.dump + ": " + std::strerror(errno) + ": expected a directory to write to");
        for (const Layout& ring : RINGS) {
            const std::string path = options_.dump + "/" + ring.stream + ".bin";
            dumps_.emplace_back(std::fopen(path.c_str(), "wb"));
            if (!dumps_.back())
                throw ConfigError(path + ": " + std::strerror(errno) + ": expected a directory to write to");
        }
    }
    say("design " + std::string(design) + ", " + std::to_string(count) + " symbols, core clock " +
        std::to_string(card_.read(address::clock_khz)) + " kHz, " +
        (card_.read(address::protocol) ? "FIX" : "OUCH"));
}

void Host::program() {
    const size_t ring = size_t{SLOT_OCTETS} << options_.ring_log2;
    records_ = card_.allocate(ring * RING_COUNT);
    command_memory_ = card_.allocate(size_t{SLOT_OCTETS} << options_.command_log2);
    card_.write_wide(address::records, records_->address());
    card_.write_wide(address::commands, command_memory_->address());
    card_.write(address::ring_log2, options_.ring_log2);
    card_.write(address::command_log2, options_.command_log2);
    card_.write(address::gie, 0);  // rings are polled
    card_.write(address::ring_enable, options_.rings & ((1u << RING_COUNT) - 1));
    card_.write(address::command_producer, 0);
    for (uint32_t i = 0; i < RING_COUNT; ++i) card_.write(address::ring_consumer(i), 0);
    rings_.reserve(RING_COUNT);
    for (uint32_t i = 0; i < RING_COUNT; ++i) rings_.emplace_back(card_, i, *records_, ring * i, options_.ring_log2);
    commands_ = std::make_unique<CommandRing>(card_, waiter_, *command_memory_, options_.command_log2);
}

void Host::start() {
    program();
    held_ = options_.hold;
    started_ = true;
    // An engaged kill switch is what the core wakes up with.
    card_.write(address::core_control, held_ ? core_control::KILL : 0u);
    card_.pause();  // a card that was stopped just now refuses to start for 255 cycles
    card_.write(address::ap_ctrl, control::START);
    waiter_.until("ready after the start", READY_LIMIT, [this] {
        const uint32_t now = status();
        ran_ = ran_ || now & status::RUNNING;
        return now & status::READY;
    });
    set_clock();
    if (!names_.empty()) {
        load(names_, "names");
        waiter_.until("symbols named", SHORT_LIMIT, [this] {
            return card_.read_wide(address::book_symbols_set) + card_.read_wide(address::book_symbols_refused) >=
                   names_.size();
        });
        if (const uint64_t refused = card_.read_wide(address::book_symbols_refused))
            throw CardError(std::to_string(refused) + " symbols were refused: a locate beyond the card's table, or "
                            "there was a message already (join the feed after the start)");
    }
    if (!limits_.empty()) {
        // The ring says that they were taken out of it, the counters that risk and strategy have them.
        const auto taken = [this] {
            return card_.read_wide(address::risk_limits_set) + card_.read_wide(address::strategy_parameters_set);
        };
        const uint64_t before = taken();
        load(limits_, "limits");
        waiter_.until("limits taken by risk and strategy", SHORT_LIMIT,
                      [&] { return taken() - before >= limits_.size(); });
    }
    if (!snapshot_.empty()) {
        load(snapshot_, "snapshot");
        if (const uint64_t foreign = card_.read_wide(address::book_load_foreign))
            throw CardError(std::to_string(foreign) + " entries of the snapshot name no symbol of the card");
    }
    if (handover_) hand_over();
    if (held_) release();
    say("running");
}

void Host::pulse(uint32_t bits) {
    Waiter& waiter = reading_ ? waiter_ : patient_;
    waiter.until("the last pulse done", SHORT_LIMIT, [this] { return !(status() & status::BUSY); });
    card_.write(address::pulse, bits);
    waiter.until("pulse done", SHORT_LIMIT, [this] { return !(status() & status::BUSY); });
}

void Host::set_clock() {
    constexpr uint64_t SECOND = 1'000'000'000;
    const uint64_t ptp = options_.clock_ns ? *options_.clock_ns : host_ns(CLOCK_TAI);
    card_.write_wide(address::ptp_set_seconds, ptp / SECOND);
    card_.write(address::ptp_set_nanoseconds, static_cast<uint32_t>(ptp % SECOND));
    card_.write(address::ptp_set_fraction, 0);
    pulse(pulse::PTP_SET);
    load({clock_setting(options_.clock_ns ? *options_.clock_ns : host_ns(CLOCK_REALTIME))}, "clock");
}

void Host::load(const std::vector<Record>& records, const std::string& what) {
    try {
        for (const Record& record : records) commands_->put(record);
        commands_->finish();
    } catch (const CardError& error) {
        throw CardError(what + ": " + error.what());
    }
    if (what != "clock") say(what + ": " + std::to_string(records.size()) + " loaded");
}

void Host::hand_over() {
    session_over_ = true;  // from here on it may be the core's
    load({*handover_}, "hand-over");
    waiter_.until("session taken over", SHORT_LIMIT, [this] { return status() & status::SESSION; });
}

void Host::release() {
    card_.write(address::core_control, 0);
    pulse(pulse::KILL_RELEASE);
    waiter_.until("kill switch released (a cause is up: " + flags(CAUSE_NAMES, card_.read(address::kill_causes)) + ")",
                  SHORT_LIMIT, [this] { return !(status() & status::KILLED); });
    held_ = false;
}

// Reading

uint32_t Host::poll() {
    uint32_t taken = 0;
    if (rings_.empty()) return 0;
    records_->from_card();
    for (RingReader& ring : rings_) {
        const uint32_t now = ring.poll([this](const Slot& slot) { take(slot); }, PASS);
        if (!now) continue;
        taken += now;
        statistics_.records[ring.index()].fetch_add(now, std::memory_order_relaxed);
        statistics_.lost[ring.index()].store(ring.lost(), std::memory_order_relaxed);
    }
    if (!taken) {
        for (RingReader& ring : rings_) ring.tell();
        for (const auto& dump : dumps_) std::fflush(dump.get());  // whoever follows the files sees what came
    }
    return taken;
}

void Host::take(const Slot& slot) {
    if (!dumps_.empty() && std::fwrite(slot.octets, SLOT_OCTETS, 1, dumps_[slot.ring()].get()) != 1)
        throw CardError(options_.dump + ": cannot be written: " + std::strerror(errno));
    if (slot.ring() == static_cast<uint8_t>(Ring::kills)) say_kill(slot);
    if (slot.ring() == static_cast<uint8_t>(Ring::sessions)) say_session(slot);
}

void Host::say_kill(const Slot& slot) {
    const auto causes = static_cast<uint32_t>(get(slot.payload(), field(layout(Ring::kills), "causes")));
    say("cycle " + std::to_string(slot.cycle()) + ": kill switch " +
        (causes ? "engaged: " + flags(CAUSE_NAMES, causes) : "released"));
    // While stopping it is the host's doing, and what was up before has been told.
    if (reading_ && causes & ~static_cast<uint32_t>(cause::HOST)) unclean("the core engaged the kill switch");
}

void Host::say_session(const Slot& slot) {
    const Layout& state = layout(Ring::sessions);
    session_ = slot;
    const auto now = static_cast<uint32_t>(get(slot.payload(), field(state, "state")));
    const auto reason = static_cast<uint32_t>(get(slot.payload(), field(state, "reason")));
    say("cycle " + std::to_string(slot.cycle()) + ": session " + code(SESSION_EVENT_NAMES, now) +
        (reason ? ", " + code(LOST_REASON_NAMES, reason) : ""));
    if (now == session_event::LOST) unclean("the order session was lost");
    if (now != session_event::ESTABLISHED) session_over_ = false;
}

void Host::run() {
    const auto began = Clock::now();
    auto last_record = began, last_look = began, last_show = began;
    uint64_t idle_passes = 0;
    for (;;) {
        check_signal_();
        const auto now = Clock::now();
        if (poll()) {
            last_record = now;
            idle_passes = 0;
        } else {
            ++idle_passes;
            card_.pause();
        }
        if (now - last_look > LOOK_EVERY) {
            look();
            last_look = now;
        }
        if (show && now - last_show > SHOW_EVERY) {
            show();
            last_show = now;
        }
        if (options_.seconds > 0 && since(began) > options_.seconds) return;
        // On a slow simulation a second may be a single pass.
        if (options_.until_idle && idle_passes > 16 && since(last_record) > options_.idle_seconds) return;
    }
}

void Host::look() {
    const uint32_t now = status();
    if (now & status::RECORD_FAULT) throw CardError("host memory answered a write of records with an error");
    if (now & status::COMMAND_FAULT) throw CardError("the command ring stands still: a slot could not be read, or "
                                                     "names no command");
    if (!(now & status::RUNNING)) throw CardError("the core does not run any more");
    if (now & status::KILLED && !killed_) {
        killed_ = true;
        unclean("kill switch engaged: " + flags(CAUSE_NAMES, card_.read(address::kill_causes)));
    }
}

void Host::unclean(const std::string& what) {
    say(what);
    clean_ = false;
}

}  // namespace tickwire
