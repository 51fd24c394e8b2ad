#include "table.h"

#include <cstdio>

#include "records.h"

namespace tickwire {
namespace {

constexpr struct {
    const char* text;
    uint32_t address;
} SHOWN[] = {
    {"feed frames", address::feed_frames}, {"feed messages", address::feed_messages},
    {"feed messages lost", address::feed_messages_lost}, {"book updates", address::book_updates},
    {"intents", address::strategy_intents}, {"approved", address::risk_approved}, {"refused", address::risk_refused},
    {"orders", address::order_orders}, {"executions", address::risk_executed}, {"rejects", address::risk_rejected},
    {"session retransmissions", address::order_retransmissions},
};

}  // namespace

void Table::draw() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - then_).count();
    const uint32_t status = card_.read(address::status);
    std::string text = "\033[H\033[J";  // home, clear to the end
    char line[160];
    text += "status " + flags(STATUS_NAMES, status);
    if (status & status::KILLED) text += "   kill switch " + flags(CAUSE_NAMES, card_.read(address::kill_causes));
    std::snprintf(line, sizeof line, "\n\n%-20s %14s %12s %10s\n", "ring", "records", "per s", "lost");
    text += line;
    for (uint32_t i = 0; i < RING_COUNT; ++i) {
        const uint64_t records = statistics_.records[i], lost = statistics_.lost[i];
        std::snprintf(line, sizeof line, "%-20s %14llu %12.0f %10llu\n", RINGS[i].stream,
                      static_cast<unsigned long long>(records),
                      seconds > 0 ? static_cast<double>(records - before_[i]) / seconds : 0.0,
                      static_cast<unsigned long long>(lost));
        text += line;
        before_[i] = records;
    }
    text += "\n";
    for (const auto& row : SHOWN) {
        std::snprintf(line, sizeof line, "%-26s %16llu\n", row.text,
                      static_cast<unsigned long long>(card_.read_wide(row.address)));
        text += line;
    }
    then_ = now;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

}  // namespace tickwire
