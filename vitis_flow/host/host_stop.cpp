// How a run ends: the kill switch before anything else.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "host.h"

namespace tickwire {
namespace {

constexpr double HANDBACK_LIMIT = 5, DRAIN_LIMIT = 5, STOP_LIMIT = 5;  // s

}  // namespace

void Host::attempt(const std::string& what, const std::function<void()>& step) {
    try {
        step();
    } catch (const std::exception& error) {
        unclean(what + ": " + error.what());
    }
}

bool Host::stop() {
    if (!started_) return clean_;
    started_ = false;
    // Before everything else, and without a look at anything.
    attempt("kill switch", [this] { card_.write(address::core_control, core_control::KILL); });
    statistics_.ending = true;
    reading_ = false;
    if (session_over_) attempt("hand back", [this] { hand_back(); });
    attempt("read what is left", [this] { drain(DRAIN_LIMIT); });
    uint64_t lost[RING_COUNT] = {};
    attempt("count what was lost", [&] {
        if (!ran_) return;
        for (uint32_t i = 0; i < RING_COUNT; ++i) lost[i] = card_.read_wide(address::ring_lost(i));
    });
    attempt("faults", [this] {
        const uint32_t now = status();
        if (now & status::RECORD_FAULT || card_.read(address::record_errors))
            throw CardError(std::to_string(card_.read(address::record_errors)) + " bursts of records failed");
        if (now & status::COMMAND_FAULT || card_.read(address::command_errors))
            throw CardError(std::to_string(card_.read(address::command_errors)) + " reads of commands failed");
    });
    attempt("stop", [this] {
        card_.write(address::pulse, pulse::STOP);
        patient_.until("core in reset", STOP_LIMIT, [this] { return !(status() & status::RUNNING); });
    });
    attempt("read the rest", [this] { drain(DRAIN_LIMIT); });
    for (uint32_t i = 0; i < rings_.size(); ++i) {
        const uint64_t known = std::max(lost[i], rings_[i].lost());
        statistics_.lost[i] = known;
        if (known && options_.rings >> i & 1)
            unclean(std::string("ring ") + RINGS[i].stream + ": " + std::to_string(known) + " records lost");
    }
    for (uint32_t i = 0; i < dumps_.size(); ++i)
        if (std::fflush(dumps_[i].get())) unclean(options_.dump + ": cannot be written: " + std::strerror(errno));
    attempt("numbers of the session", [this] { write_handback(); });
    summary();
    return clean_;
}

void Host::hand_back() {
    card_.write(address::core_control, core_control::KILL | core_control::HANDBACK);
    if (!(status() & status::SESSION)) {  // interrupted before it was taken over, or just lost
        say("the core does not hold the session");
        return;
    }
    // The record says so, with the numbers to go on with.
    patient_.until("session handed back", HANDBACK_LIMIT, [this] { return !session_over_; });
}

void Host::write_handback() {
    const Layout& state = layout(Ring::sessions);
    if (options_.handback.empty() || !session_ || session_over_) return;
    std::unique_ptr<std::FILE, Closes> file(std::fopen(options_.handback.c_str(), "w"));
    if (!file) throw CardError(options_.handback + ": " + std::strerror(errno));
    for (const Field* f = state.fields; f != state.fields + state.count; ++f)
        std::fprintf(file.get(), "%s = %llu\n", f->name,
                     static_cast<unsigned long long>(get(session_->payload(), *f)));
    if (std::fflush(file.get())) throw CardError(options_.handback + ": " + std::strerror(errno));
}

// All that the card had sent when this began. The feed does not stop, and the core goes on until it is in reset.
void Host::drain(double seconds) {
    if (!ran_) return;  // rings' registers may be of the run before
    std::vector<uint32_t> ends;
    for (RingReader& ring : rings_) ends.push_back(ring.read() + ring.behind());
    patient_.until("rings read to their ends", seconds, [&] {
        for (RingReader& ring : rings_)
            if (static_cast<int32_t>(ends[ring.index()] - ring.read()) > 0) return false;
        return true;
    });
    for (RingReader& ring : rings_) ring.tell();
}

bool Host::stop_only() {
    if (!(status() & status::RUNNING)) {
        say("the core is at rest");
        return true;
    }
    attempt("kill switch", [this] { card_.write(address::core_control, core_control::KILL); });
    attempt("stop", [this] {
        card_.write(address::pulse, pulse::STOP);
        patient_.until("core in reset", STOP_LIMIT, [this] { return !(status() & status::RUNNING); });
        say("stopped");
    });
    return clean_;
}

void Host::summary() {
    std::printf("%-20s %12s %12s\n", "ring", "records", "lost");
    for (const RingReader& ring : rings_)
        std::printf("%-20s %12llu %12llu\n", RINGS[ring.index()].stream,
                    static_cast<unsigned long long>(statistics_.records[ring.index()]),
                    static_cast<unsigned long long>(statistics_.lost[ring.index()]));
    std::fflush(stdout);
}

}  // namespace tickwire
