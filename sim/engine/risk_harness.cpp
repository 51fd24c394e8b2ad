// The Verilated risk stage by itself, cycle by cycle as a script says: intents, candidates a cycle before each, updates,
// wires, time; and the moments from which replies and limits are offered.
//
// Cycles are counted as in harness.cpp. Python owns what goes in; the engine owns what comes out until engine_clear().

#include <cstdint>
#include <deque>
#include <memory>

#include "Vtickwire_risk.h"
#include "verilated.h"

#include "boundary.h"
#include "inputs.h"
#include "noise.h"

namespace {

// Bits of a row's flags, as in risk.py. From `offers` on one bit per input: one more record of it may go in.
enum { intent, update, kill, kill_release, session_lost, queue_full, no_session, heard, offers };

struct Row {  // of the script: what is shown in a cycle
    uint32_t flags = 0;
    uint64_t ns = 0;
    const uint64_t *intent = nullptr, *update = nullptr;
};

}  // namespace

struct Engine {
    VerilatedContext context;
    std::unique_ptr<Vtickwire_risk> top;
    uint64_t cycle = 0;  // of the next rising edge
    Streams streams;
    Inputs inputs;
    std::deque<Words> later[input_count];  // to be offered when the script says so
    Noise noise;
    uint64_t ns = 0;

    explicit Engine(uint64_t seed) : noise{seed} {
        start_with_noise(context, seed);
        top = std::make_unique<Vtickwire_risk>(&context);
        top->clk = 0;
    }
    ~Engine() { top->final(); }

    // One cycle: `row` is shown, and `candidates` of the next one's intent if it is not null.
    void step(const Row& row, const uint64_t* candidates) {
        Vtickwire_risk& t = *top;
        const auto is = [&row](int bit) { return row.flags >> bit & 1; };
        t.clk = 0;
        if ((t.intents_valid = is(intent))) assign(t.intents_payload, row.intent);
        else noise.fill(t.intents_payload);
        if ((t.updates_valid = is(update))) assign(t.updates_payload, row.update);
        else noise.fill(t.updates_payload);
        if (candidates) assign(t.candidates, candidates);
        else noise.fill(t.candidates);
        t.kill = is(kill);
        t.kill_release = is(kill_release);
        t.session_lost = is(session_lost);
        t.queue_full = is(queue_full);
        t.no_session = is(no_session);
        t.heard = is(heard);
        ns = row.ns;
        const uint64_t now[] = {ns, noise(), noise()};
        assign(t.time, now);
        for (int i = 0; i < input_count; ++i) {
            if (!is(offers + i) || later[i].empty()) continue;
            inputs.waiting[i].push_back(std::move(later[i].front()));
            later[i].pop_front();
        }
        inputs.drive(t);
        t.eval();
        streams.sample(t, cycle);
        inputs.take(t);
        t.clk = 1;
        t.eval();
        ++cycle;
    }

    void step() { step(Row{0, ns, nullptr, nullptr}, nullptr); }
};

extern "C" {

Engine* engine_new(uint64_t seed) { return new Engine(seed); }

int engine_reset(Engine* e, uint64_t cycles, uint64_t limit) { return reset_until_ready(*e, cycles, limit); }

// Records that go in one after another, each when a row of the script offers one more.
void engine_later(Engine* e, int input, const uint64_t* words, uint64_t width, uint64_t count) {
    for (; count--; words += width) e->later[input].emplace_back(words, words + width);
}

// Records that the hardware has not taken yet.
uint64_t engine_waiting(const Engine* e) {
    uint64_t count = 0;
    for (int i = 0; i < input_count; ++i) count += e->inputs.waiting[i].size() + e->later[i].size();
    return count;
}

// `rows` cycles after one without anything. `intents`, `candidates` and `updates` have one record for each row with
// that bit.
void engine_play(Engine* e, const uint32_t* flags, const uint64_t* ns, uint64_t rows, const uint64_t* intents,
                 const uint64_t* candidates, const uint64_t* updates) {
    const unsigned intent_words = words_of(e->top->intents_payload), update_words = words_of(e->top->updates_payload);
    const unsigned candidates_words = words_of(e->top->candidates);
    Row shown{0, e->ns, nullptr, nullptr};
    for (uint64_t i = 0; i <= rows; ++i) {
        Row next{0, e->ns, nullptr, nullptr};
        const uint64_t* ahead = nullptr;
        if (i < rows) {
            next = {flags[i], ns[i], intents, updates};
            if (flags[i] >> intent & 1) {
                ahead = candidates;
                intents += intent_words;
                candidates += candidates_words;
            }
            if (flags[i] >> update & 1) updates += update_words;
        }
        e->step(shown, ahead);
        shown = next;
    }
}

void engine_clear(Engine* e) { e->streams.clear(); }

BOUNDARY_FUNCTIONS

}  // extern "C"
