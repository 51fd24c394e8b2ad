// What goes into a Verilated module from the host: streams with backpressure, each offered until it is taken.
//
// ports.h names them: #define INPUTS(X) X(snapshot) X(requests) ...   ports <name>_valid, _payload and _ready

#pragma once

#include <deque>

#include "boundary.h"

enum {
#define X(name) name##_input,
    INPUTS(X)
#undef X
    input_count
};

struct Inputs {
    std::deque<Words> waiting[input_count];

    // While the clock is low, before outputs settle.
    template <typename Top> void drive(Top& top) const {
#define X(name)                                                          \
        top.name##_valid = !waiting[name##_input].empty();               \
        if (top.name##_valid) assign(top.name##_payload, waiting[name##_input].front().data());
        INPUTS(X)
#undef X
    }

    // When outputs have settled.
    template <typename Top> void take(const Top& top) {
#define X(name) if (top.name##_valid && top.name##_ready) waiting[name##_input].pop_front();
        INPUTS(X)
#undef X
    }

    void put(int input, const uint64_t* words, uint64_t width, uint64_t count) {
        while (count--) {
            waiting[input].emplace_back(words, words + width);
            words += width;
        }
    }
};
