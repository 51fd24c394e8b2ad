// What the reading thread counts, for whoever shows it.

#pragma once

#include <atomic>
#include <cstdint>

#include "registers.h"

namespace tickwire {

struct Statistics {
    std::atomic<uint64_t> records[RING_COUNT] = {};
    std::atomic<uint64_t> lost[RING_COUNT] = {};
    std::atomic<bool> ending{false};  // the card is about to be stopped: leave its registers alone

    uint64_t total() const {
        uint64_t sum = 0;
        for (const auto& one : records) sum += one.load(std::memory_order_relaxed);
        return sum;
    }
};

}  // namespace tickwire
