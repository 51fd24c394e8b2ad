// Waiting with a limit, and without letting go of what else has to be done.

#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "card.h"

namespace tickwire {

// Somebody wants the program to end: Ctrl-C, SIGTERM.
struct Interrupted : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Waiter {
public:
    // `meanwhile` is called over and over; it may throw Interrupted.
    Waiter(Card& card, std::function<void()> meanwhile) : card_(card), meanwhile_(std::move(meanwhile)) {}

    // Returns when `done` does; throws CardError, naming `what`, after so many seconds (longer on a simulated card).
    template <typename Done>
    void until(const std::string& what, double seconds, Done&& done) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds * card_.patience);
        while (!done()) {
            if (std::chrono::steady_clock::now() > limit)
                throw CardError(what + ": not within " + std::to_string(seconds * card_.patience) + " s");
            meanwhile_();
            card_.pause();
        }
    }

private:
    Card& card_;
    std::function<void()> meanwhile_;
};

}  // namespace tickwire
