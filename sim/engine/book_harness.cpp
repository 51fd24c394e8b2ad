// The Verilated book by itself: message words in, one per cycle or with gaps, what is `ahead` a cycle before each.
//
// Cycles are counted as in harness.cpp. Python owns what goes in; the engine owns what comes out until engine_clear().

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "Vtickwire_book.h"
#include "verilated.h"

#include "boundary.h"
#include "noise.h"

struct Engine {
    VerilatedContext context;
    std::unique_ptr<Vtickwire_book> top;
    uint64_t cycle = 0;  // of the next rising edge
    Streams streams;
    Noise noise;
    uint64_t threats = 0;  // of 256: how often `ahead` is valid before a cycle without a message
    Words message;         // shown in the next cycle; empty: none
    Words snapshot;        // records that wait to be loaded
    std::size_t loaded = 0;  // words of them that were taken

    explicit Engine(uint64_t seed) : noise{seed} {
        start_with_noise(context, seed);
        top = std::make_unique<Vtickwire_book>(&context);
        top->clk = 0;
    }
    ~Engine() { top->final(); }

    // One cycle: `message` is shown if there is one, and `ahead` of the next one if it is not null.
    void step(const uint64_t* ahead = nullptr) {
        Vtickwire_book& t = *top;
        t.clk = 0;
        if ((t.messages_valid = !message.empty()))
            assign(t.messages_payload, message.data());
        else
            noise.fill(t.messages_payload);
        message.clear();
        if (ahead) {
            assign(t.ahead, ahead);
        } else {
            noise.fill(t.ahead);
            t.ahead[0] &= ~1u;
            if (threats && (noise() & 0xff) < threats) t.ahead[0] |= 1;
        }
        const std::size_t width = words_of(t.snapshot_payload);
        if ((t.snapshot_valid = loaded < snapshot.size()))
            assign(t.snapshot_payload, snapshot.data() + loaded);
        t.eval();
        streams.sample(t, cycle);
        if (t.snapshot_valid && t.snapshot_ready) loaded += width;
        t.clk = 1;
        t.eval();
        ++cycle;
    }
};

extern "C" {

Engine* engine_new(uint64_t seed) { return new Engine(seed); }

void engine_threats(Engine* e, uint64_t of_256) { e->threats = of_256; }

// Reset for `cycles` edges, whatever is under way, then wait for `ready`. Returns 0 if it does not come within `limit`.
int engine_reset(Engine* e, uint64_t cycles, uint64_t limit) {
    e->message.clear();
    e->snapshot.clear();
    e->loaded = 0;
    return reset_until_ready(*e, cycles, limit);
}

// `gaps[i]`: cycles without a message before message i. The last message is shown in the cycle after the call's last.
void engine_messages(Engine* e, const uint64_t* messages, const uint64_t* ahead, const uint32_t* gaps, uint64_t count) {
    const unsigned width = words_of(e->top->messages_payload), ahead_width = words_of(e->top->ahead);
    for (uint64_t i = 0; i < count; ++i) {
        for (uint32_t idle = gaps[i]; idle; --idle) e->step();
        e->step(ahead + i * ahead_width);
        e->message.assign(messages + i * width, messages + (i + 1) * width);
    }
}

// Records to be loaded as soon as the book takes them, after those that still wait.
void engine_snapshot(Engine* e, const uint64_t* records, uint64_t count) {
    e->snapshot.erase(e->snapshot.begin(), e->snapshot.begin() + static_cast<std::ptrdiff_t>(e->loaded));
    e->loaded = 0;
    e->snapshot.insert(e->snapshot.end(), records, records + count * words_of(e->top->snapshot_payload));
}

// Records of the snapshot that were not taken yet.
uint64_t engine_waiting(const Engine* e) {
    return (e->snapshot.size() - e->loaded) / words_of(e->top->snapshot_payload);
}

void engine_clear(Engine* e) { e->streams.clear(); }

BOUNDARY_FUNCTIONS

}  // extern "C"
