// Noise for whatever nothing valid stands behind: nothing may depend on it.

#pragma once

#include <cstdint>

#include "boundary.h"

struct Noise {
    uint64_t state;

    explicit Noise(uint64_t seed) : state{seed * 0x9e3779b97f4a7c15 + 1} {}

    uint64_t operator()() {
        state ^= state << 13;
        state ^= state >> 7;
        return state ^= state << 17;
    }

    template <typename T> void fill(T& port) {
        uint64_t words[16];
        for (auto& word : words) word = (*this)();
        assign(port, words);
    }
};

// Memories and registers without an initial value start with anything.
inline void start_with_noise(VerilatedContext& context, uint64_t seed) {
    context.randReset(2);
    context.randSeed(static_cast<int>(seed & 0x3fffffff) + 1);
}
