// A live table on the terminal.

#pragma once

#include <chrono>
#include <cstdint>

#include "card.h"
#include "statistics.h"

namespace tickwire {

// Rings with their rates, and the counters that a trader looks at first.
class Table {
public:
    Table(Card& card, const Statistics& statistics) : card_(card), statistics_(statistics) {}

    // Draw it over the one before. Throws CardError.
    void draw();

private:
    Card& card_;
    const Statistics& statistics_;
    std::chrono::steady_clock::time_point then_ = std::chrono::steady_clock::now();
    uint64_t before_[RING_COUNT] = {};
};

}  // namespace tickwire
