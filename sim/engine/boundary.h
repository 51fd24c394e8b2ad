// What a Verilated module shows at its boundary: record streams and counters, collected for Python.
//
// ports.h is generated (sim/engine/native.py) and names them:
//     #define STREAMS(X)  X(messages) X(updates) ...           ports <name>_valid and <name>_payload
//     #define COUNTERS(X) X(feed_counters) X(book_counters) ...
// Widths come from the Verilated class.

#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "ports.h"
#include "verilated.h"

using Words = std::vector<uint64_t>;

template <typename T> constexpr unsigned words_of(const T&) { return 1; }
template <std::size_t N> constexpr unsigned words_of(const VlWide<N>&) { return (N + 1) / 2; }

template <typename T> void append(Words& to, const T& port) { to.push_back(port); }
template <std::size_t N> void append(Words& to, const VlWide<N>& port) {
    for (std::size_t i = 0; i < N; i += 2)
        to.push_back(port[i] | (i + 1 < N ? static_cast<uint64_t>(port[i + 1]) << 32 : 0));
}

template <typename T> void assign(T& port, const uint64_t* from) { port = static_cast<T>(*from); }
template <std::size_t N> void assign(VlWide<N>& port, const uint64_t* from) {
    for (std::size_t i = 0; i < N; ++i) port[i] = static_cast<uint32_t>(from[i / 2] >> 32 * (i % 2));
}

enum {
#define X(name) name##_stream,
    STREAMS(X)
#undef X
    stream_count
};

struct Streams {  // every record that was valid, and the edge at which it was
    Words cycles[stream_count], words[stream_count];

    template <typename Top> void sample(const Top& top, uint64_t cycle) {
#define X(name)                                             \
        if (top.name##_valid) {                             \
            cycles[name##_stream].push_back(cycle);         \
            append(words[name##_stream], top.name##_payload); \
        }
        STREAMS(X)
#undef X
    }

    void clear() {
        for (auto& each : cycles) each.clear();
        for (auto& each : words) each.clear();
    }
};

// 64-bit words of one record of `stream`.
template <typename Top> unsigned record_words(const Top& top, int stream) {
#define X(name) if (stream == name##_stream) return words_of(top.name##_payload);
    STREAMS(X)
#undef X
    return 0;
}

// All counters, in the order of COUNTERS. Returns how many; `to` may be null.
template <typename Top> uint64_t read_counters(const Top& top, uint64_t* to) {
    Words words;
#define X(name) append(words, top.name);
    COUNTERS(X)
#undef X
    if (to) std::memcpy(to, words.data(), 8 * words.size());
    return words.size();
}

// Reset for `cycles` edges, then up to `limit` cycles until the module is ready. Returns 0 if it is not.
template <typename Engine> int reset_until_ready(Engine& e, uint64_t cycles, uint64_t limit) {
    e.top->rst = 1;
    while (cycles--) e.step();
    e.top->rst = 0;
    while (limit--) {
        e.step();
        if (e.top->ready) return 1;
    }
    return 0;
}

// What every Engine offers to Python, beside what it has of its own. It has members top, cycle and streams.
#define BOUNDARY_FUNCTIONS                                                                                         \
    void engine_free(Engine* e) { delete e; }                                                                      \
    uint64_t engine_cycle(const Engine* e) { return e->cycle; }                                                    \
    void engine_idle(Engine* e, uint64_t cycles) {                                                                 \
        while (cycles--) e->step();                                                                                \
    }                                                                                                              \
    uint64_t engine_stream(Engine* e, int stream, const uint64_t** cycles, const uint64_t** words) {               \
        *cycles = e->streams.cycles[stream].data();                                                                \
        *words = e->streams.words[stream].data();                                                                  \
        return e->streams.cycles[stream].size();                                                                   \
    }                                                                                                              \
    unsigned engine_words(const Engine* e, int stream) { return record_words(*e->top, stream); }                   \
    uint64_t engine_counters(const Engine* e, uint64_t* to) { return read_counters(*e->top, to); }
