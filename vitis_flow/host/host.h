// One run of a card: started, read, stopped.

#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "configuration.h"
#include "options.h"
#include "ring.h"
#include "statistics.h"

namespace tickwire {

// Whatever happens after `start` began, call `stop`.
class Host {
public:
    // `check_signal` throws Interrupted when the program is to end.
    Host(Card& card, const Options& options, std::function<void()> check_signal);
    ~Host();

    // The card is a Tickwire card of this table's version, of this design, and stands still; all files are read and
    // make sense. Nothing on the card has changed. Throws CardError, ConfigError.
    void prepare();

    // The core runs, its clock is set, limits and book are loaded, the session is handed over, and the kill switch is
    // released at last: no order leaves before that. Throws CardError, Interrupted.
    void start();

    // Read records until the time is up or, where asked for, nothing comes any more. Throws CardError, Interrupted.
    void run();

    // Kill switch first; then hand back, read what is left, stop. Each step is tried whatever became of those before.
    // Throws nothing; returns whether all of this, and the run before it, was clean. Says what was not.
    bool stop();

    // Stop a card that another run left running.
    bool stop_only();

    const Statistics& statistics() const { return statistics_; }
    Statistics& statistics() { return statistics_; }
    const Symbols& symbols() const { return symbols_; }

    // Called between passes, a few times per second.
    std::function<void()> show;

private:
    struct Closes {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    void program();
    void set_clock();
    void load(const std::vector<Record>& records, const std::string& what);
    void hand_over();
    void release();
    void look();
    uint32_t poll();
    void take(const Slot& slot);
    void say_kill(const Slot& slot);
    void say_session(const Slot& slot);
    void hand_back();
    void write_handback();
    void drain(double seconds);
    void pulse(uint32_t bits);
    uint32_t status() { return card_.read(address::status); }
    void unclean(const std::string& what);
    void attempt(const std::string& what, const std::function<void()>& step);
    void summary();

    Card& card_;
    const Options& options_;
    std::function<void()> check_signal_;
    Waiter waiter_;    // throws Interrupted
    Waiter patient_;   // while stopping: does not
    Symbols symbols_;
    std::vector<Record> names_, limits_, snapshot_;
    std::optional<Record> handover_;
    std::unique_ptr<Buffer> records_, command_memory_;
    std::vector<RingReader> rings_;
    std::unique_ptr<CommandRing> commands_;
    std::vector<std::unique_ptr<std::FILE, Closes>> dumps_;
    Statistics statistics_;
    std::optional<Slot> session_;  // the last SessionState
    bool started_ = false;  // `stop` has something to do
    bool ran_ = false;      // the core did: what the rings' registers say is of this run
    bool held_ = false, killed_ = false, session_over_ = false, clean_ = true, reading_ = true;
};

// One line on standard error.
void say(const std::string& text);

}  // namespace tickwire
