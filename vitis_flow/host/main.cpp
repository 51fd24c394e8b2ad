// tickwire_host: start a Tickwire card, read what it says, stop it.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "host.h"
#include "metrics.h"
#include "simulated_card.h"
#include "table.h"
#ifndef SIM_ONLY
#include "xrt_card.h"
#endif

namespace {

using namespace tickwire;

enum { CLEAN = 0, FAILED = 1, USAGE_FAULT = 2 };

volatile std::sig_atomic_t signalled = 0;

void note(int number) { signalled = number; }

void check_signal() {
    if (signalled) throw Interrupted(signalled == SIGINT ? "interrupted" : "asked to end");
}

void catch_signals() {
    struct sigaction action {};
    action.sa_handler = note;
    for (int number : {SIGINT, SIGTERM, SIGHUP}) sigaction(number, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // whoever read the output may be gone; the card is not
}

std::unique_ptr<Card> open_card(const Options& options) {
    const std::string rest = options.card.substr(4);
    if (options.card.rfind("sim:", 0) == 0) return std::make_unique<SimulatedCard>(rest);
#ifdef SIM_ONLY
    throw CardError("card " + options.card + ": this program was built without XRT (SIM_ONLY=1); expected sim:PATH");
#else
    return open_xrt_card(static_cast<unsigned>(std::strtoul(rest.c_str(), nullptr, 10)), options.xclbin);
#endif
}

// From `start` on, whatever happens: `stop`.
bool run(Host& host, Card& card, const Options& options) {
    bool good = true;
    std::unique_ptr<MetricsServer> metrics;
    try {
        if (options.metrics) metrics = std::make_unique<MetricsServer>(*options.metrics, card, host.statistics());
        Table table(card, host.statistics());
        if (options.table) host.show = [&table] { table.draw(); };
        host.start();
        host.run();
    } catch (const Interrupted& reason) {
        // Stopping comes first, and words after it.
        const bool clean = host.stop();
        say(reason.what());
        return clean;
    } catch (const std::exception& error) {
        host.stop();
        say(error.what());
        return false;
    }
    good = host.stop();
    return good;
}

}  // namespace

int main(int count, char** arguments) {
    Options options;
    try {
        options = parse_options(count, arguments);
    } catch (const std::invalid_argument& error) {
        say(error.what());
        return USAGE_FAULT;
    }
    if (options.help) {
        std::fputs(USAGE, stdout);
        return CLEAN;
    }
    catch_signals();
    try {
        const std::unique_ptr<Card> card = open_card(options);
        if (options.patience) card->patience = *options.patience;
        Host host(*card, options, check_signal);
        host.prepare();
        if (options.stop_only) return host.stop_only() ? CLEAN : FAILED;
        return run(host, *card, options) ? CLEAN : FAILED;
    } catch (const ConfigError& error) {
        say(error.what());
        return USAGE_FAULT;
    } catch (const std::exception& error) {
        say(error.what());
        return FAILED;
    }
}
