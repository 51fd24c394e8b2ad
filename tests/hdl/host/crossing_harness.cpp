// Two clocks without any relation, each edge somewhere else than it should be, until enough has arrived.

#include <cstdint>
#include <random>

#include "Vcrossing_check.h"
#include "verilated.h"

namespace {

using Top = Vcrossing_check;

struct Clock {
    uint64_t period, next;  // fs; of a half
    std::mt19937_64& random;
    uint64_t jitter;
    bool due(uint64_t now) const { return next == now; }
    void toggle() {
        ideal += period;
        next = ideal + (jitter ? random() % jitter : 0);
    }
    uint64_t ideal = next;
};

}  // namespace

extern "C" {

// Runs until `beats` have arrived, then lets the rest through with nothing offered. Halves of periods in fs; an edge
// comes up to `jitter` fs late. Returns the errors; `sent` and `count` as they then are. -1 if it takes too long.
int64_t crossing_run(uint64_t half_a, uint64_t half_b, uint64_t jitter, unsigned offers, unsigned takes, uint64_t beats,
                     uint64_t seed, uint64_t limit, uint32_t* sent, uint32_t* count) {
    VerilatedContext context;
    Top top(&context);
    std::mt19937_64 random(seed);
    Clock a{half_a, half_a + random() % half_a, random, jitter}, b{half_b, half_b + random() % half_b, random, jitter};
    top.a_clk = top.b_clk = 0;
    top.a_rst = top.b_rst = 1;
    top.offers = 0;
    top.takes = takes;
    unsigned a_edges = 0, b_edges = 0, quiet = 0;
    while (limit--) {
        const uint64_t now = a.next < b.next ? a.next : b.next;
        const bool a_now = a.due(now), b_now = b.due(now);
        if (a_now) top.a_clk = !top.a_clk, a.toggle();
        if (b_now) top.b_clk = !top.b_clk, b.toggle();
        top.eval();
        // Inputs change with the falling edge of their clock.
        if (a_now && !top.a_clk) {
            top.a_rst = ++a_edges < 16 || b_edges < 16;
            top.offers = top.a_rst || b_edges < 32 || top.count >= beats ? 0 : offers;
        }
        if (b_now && !top.b_clk) {
            top.b_rst = ++b_edges < 16;
            quiet = top.count >= beats ? quiet + 1 : 0;
            if (quiet > 4000) {
                *sent = top.sent;
                *count = top.count;
                return top.errors;
            }
        }
    }
    *sent = top.sent;
    *count = top.count;
    return -1;
}

}  // extern "C"
