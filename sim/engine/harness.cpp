// The native replay engine: the Verilated core, a clock, and memory for what crosses its stage boundaries.
//
// One cycle c: inputs are set, the clock rises and takes them into the flip-flops that clocked.py puts before the core,
// outputs settle and are sampled. "At edge c" is what hdl/ and the cocotb benches mean by it: the value that a flip-flop
// of the core sees at rising edge c, which is the edge that begins the next step.
//
// Streams and counters are of boundary.h. Python owns the batches that go in; the engine owns what comes out until
// engine_clear().

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "Vtickwire.h"
#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Wave = VerilatedFstC;
#elif VM_TRACE_VCD
#include "verilated_vcd_c.h"
using Wave = VerilatedVcdC;
#endif
#if VM_TRACE  // built with --savable as well
#include "verilated_save.h"
#endif

#include "boundary.h"
#include "inputs.h"

namespace {

enum { tx_offered, tx_accepted, tx_last, tx_octets, tx_error, tx_columns };

struct Pattern {  // bit c % length is the value in cycle c
    uint64_t bits = 1, length = 1;
    bool operator()(uint64_t cycle) const { return length == 1 ? bits & 1 : bits >> (cycle % length) & 1; }
};

#if VM_TRACE
class Save final : public VerilatedSerialize {
    std::vector<uint8_t>& m_to;

public:
    explicit Save(std::vector<uint8_t>& to) : m_to{to} {
        m_isOpen = true;
        header();
    }
    ~Save() override { flush(); }
    void flush() override {
        m_to.insert(m_to.end(), m_bufp, m_cp);
        m_cp = m_bufp;
    }
};

class Restore final : public VerilatedDeserialize {
    const std::vector<uint8_t>& m_from;
    std::size_t m_at = 0;

public:
    explicit Restore(const std::vector<uint8_t>& from) : m_from{from} {
        m_isOpen = true;
        m_endp = m_bufp;
        header();
    }
    void fill() override {  // keep what is unread, top up behind it
        const std::size_t unread = m_endp - m_cp;
        std::memmove(m_bufp, m_cp, unread);
        m_cp = m_bufp;
        const std::size_t more = std::min(bufferSize() - unread, m_from.size() - m_at);
        std::memcpy(m_bufp + unread, m_from.data() + m_at, more);
        m_at += more;
        m_endp = m_bufp + unread + more;
    }
};
#endif

}  // namespace

struct SessionRx {  // frames on their way to the order session's RX, beat by beat
    struct Frame {
        std::vector<uint8_t> octets;
        uint64_t gap;  // idle cycles before it
        bool bad;
    };
    std::deque<Frame> waiting;
    uint64_t at = 0;  // octet of the first frame

    void drive(Vtickwire& top) {
        top.session_rx_tvalid = !waiting.empty() && !waiting.front().gap;
        if (!waiting.empty() && waiting.front().gap) --waiting.front().gap;
        if (!top.session_rx_tvalid) return;
        const auto& frame = waiting.front();
        const uint64_t lanes = std::min<uint64_t>(8, frame.octets.size() - at);
        uint64_t data = 0;
        std::memcpy(&data, frame.octets.data() + at, lanes);
        top.session_rx_tdata = data;
        top.session_rx_tkeep = 0xff >> (8 - lanes);
        top.session_rx_tlast = at + 8 >= frame.octets.size();
        top.session_rx_tuser = top.session_rx_tlast && frame.bad;
    }

    void take(const Vtickwire& top) {
        if (!top.session_rx_tvalid || !top.session_rx_tready) return;
        at += 8;
        if (!top.session_rx_tlast) return;
        waiting.pop_front();
        at = 0;
    }
};

struct Tx {  // order frames as they are put together from beats
    std::vector<uint8_t> octets;  // the unfinished frame's included
    Words frames;                 // tx_columns per finished frame
    uint64_t frame[tx_columns] = {};
    bool offered = false, started = false;

    void take(const Vtickwire& top, uint64_t cycle) {
        if (!offered) frame[tx_offered] = cycle;
        offered = true;
        if (!top.tx_tready) return;
        if (!started) {
            frame[tx_accepted] = cycle;
            frame[tx_octets] = 0;
            started = true;
        }
        const uint64_t data = top.tx_tdata;
        for (unsigned lane = 0; lane < 8; ++lane)
            if (top.tx_tkeep >> lane & 1) {
                octets.push_back(static_cast<uint8_t>(data >> 8 * lane));
                ++frame[tx_octets];
            }
        if (!top.tx_tlast) return;
        frame[tx_last] = cycle;
        frame[tx_error] = top.tx_tuser;
        frames.insert(frames.end(), frame, frame + tx_columns);
        offered = started = false;
    }

    void clear() {
        uint64_t finished = 0;
        for (uint64_t i = tx_octets; i < frames.size(); i += tx_columns) finished += frames[i];
        octets.erase(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(finished));
        frames.clear();
    }
};

struct Snapshot {
    std::vector<uint8_t> state;
    Pattern rx_pattern, tx_pattern;
    Tx tx;
    SessionRx session_rx;
    Inputs inputs;
};

struct Engine {
    VerilatedContext context;
    std::unique_ptr<Vtickwire> top;
    uint64_t cycle = 0;      // of the next rising edge
    uint64_t held_back = 0;  // cycles in which RX was offered a beat and not ready
    Pattern rx_pattern, tx_pattern;

    Streams streams;
    Words beats;  // cycle at which each RX beat was accepted
    Tx tx;
    SessionRx session_rx;
    Inputs inputs;

#if VM_TRACE
    std::unique_ptr<Wave> wave;
    uint64_t wave_from = 0, wave_to = 0;
    void dump(uint64_t half) {
        if (wave && cycle >= wave_from && cycle < wave_to) wave->dump(cycle * 1000 + half);
    }
#else
    void dump(uint64_t) {}
#endif

    Engine() {
#if VM_TRACE
        context.traceEverOn(true);
#endif
        top = std::make_unique<Vtickwire>(&context);
        top->clk = 0;
        top->kill = top->kill_release = top->handback = 0;
        idle_rx();
    }
    ~Engine() { top->final(); }

    void idle_rx() { top->rx_tvalid = top->rx_tlast = top->rx_tuser = 0; }

    // One cycle with the inputs as they are. Returns whether an offered RX beat was accepted.
    bool step() {
        Vtickwire& t = *top;
        t.tx_tready = tx_pattern(cycle);
        session_rx.drive(t);
        inputs.drive(t);
        t.clk = 1;
        t.eval();
        dump(0);
        const bool ready = t.rx_tready;
        held_back += t.rx_tvalid && !ready;
        streams.sample(t, cycle);
        if (t.tx_tvalid) tx.take(t, cycle);
        session_rx.take(t);
        inputs.take(t);
        t.clk = 0;
        t.eval();
        dump(500);
        ++cycle;
        return ready;
    }

    // Returns false if the core did not take a beat for `patience` cycles.
    bool send(const uint8_t* frame, uint64_t length, uint64_t gap, bool bad) {
        constexpr unsigned patience = 1 << 16;
        Vtickwire& t = *top;
        while (gap--) step();
        for (uint64_t at = 0; at < length; at += 8) {
            const uint64_t lanes = std::min<uint64_t>(8, length - at);
            uint64_t data = 0;
            std::memcpy(&data, frame + at, lanes);
            while (!rx_pattern(cycle)) step();
            t.rx_tdata = data;
            t.rx_tkeep = 0xff >> (8 - lanes);
            t.rx_tlast = at + 8 >= length;
            t.rx_tuser = bad && t.rx_tlast;
            t.rx_tvalid = 1;
            for (unsigned waited = 0; !step(); ++waited)
                if (waited == patience) return false;
            beats.push_back(cycle - 1);
            idle_rx();
        }
        return true;
    }
};

extern "C" {

Engine* engine_new(uint64_t) { return new Engine; }  // starts with zeros, whatever the seed

// Reset for `cycles` edges, then wait for `ready`. Returns 0 if it does not come within `limit` cycles.
int engine_reset(Engine* e, uint64_t cycles, uint64_t limit) {
    return reset_until_ready(*e, cycles, limit);
}

void engine_patterns(Engine* e, uint64_t rx, uint64_t rx_length, uint64_t tx, uint64_t tx_length) {
    e->rx_pattern = {rx, rx_length};
    e->tx_pattern = {tx, tx_length};
}

void engine_kill(Engine* e, int on) { e->top->kill = on; }
void engine_release(Engine* e, int on) { e->top->kill_release = on; }
void engine_handback(Engine* e, int on) { e->top->handback = on; }

// Records of `width` words each, offered on a host's stream after those that still wait there.
void engine_put(Engine* e, int input, const uint64_t* words, uint64_t width, uint64_t count) {
    e->inputs.put(input, words, width, count);
}

// A frame for the order session's RX, `gap` idle cycles after the one before it.
void engine_session(Engine* e, const uint8_t* octets, uint64_t length, uint64_t gap, int bad) {
    e->session_rx.waiting.push_back({{octets, octets + length}, gap, bad != 0});
}

// Frames and records that the core has not taken yet.
uint64_t engine_waiting(const Engine* e) {
    uint64_t count = e->session_rx.waiting.size();
    for (const auto& each : e->inputs.waiting) count += each.size();
    return count;
}

// Returns how many frames were taken: `count` unless the core stopped accepting.
uint64_t engine_frames(Engine* e, const uint8_t* octets, const uint32_t* lengths, const uint32_t* gaps,
                       const uint8_t* errors, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
        if (!e->send(octets, lengths[i], gaps[i], errors[i])) return i;
        octets += lengths[i];
    }
    return count;
}

uint64_t engine_held_back(const Engine* e) { return e->held_back; }

uint64_t engine_beats(const Engine* e, const uint64_t** cycles) {
    *cycles = e->beats.data();
    return e->beats.size();
}

// Finished order frames: per frame tx_columns words in `frames`; their octets end to end in `octets`.
uint64_t engine_tx(const Engine* e, const uint64_t** frames, const uint8_t** octets) {
    *frames = e->tx.frames.data();
    *octets = e->tx.octets.data();
    return e->tx.frames.size() / tx_columns;
}

// Forget what was collected; the frame that TX is in the middle of is kept.
void engine_clear(Engine* e) {
    e->streams.clear();
    e->beats.clear();
    e->tx.clear();
}

// Waveforms and snapshots exist in a traced build only; elsewhere these return 0.

// The format of waveforms.
const char* engine_wave_format() {
#if VM_TRACE_FST
    return "fst";
#elif VM_TRACE_VCD
    return "vcd";
#else
    return "";
#endif
}

// Waveform of the cycles [from, to): cycle c stands at c ns.
int engine_wave(Engine* e, const char* path, uint64_t from, uint64_t to) {
#if VM_TRACE
    e->wave = std::make_unique<Wave>();
    e->top->trace(e->wave.get(), 99);
    e->wave->open(path);
    e->wave_from = from;
    e->wave_to = to;
    return e->wave->isOpen();
#else
    return 0;
#endif
}

int engine_wave_close(Engine* e) {
#if VM_TRACE
    if (e->wave) e->wave->close();
    e->wave.reset();
    return 1;
#else
    return 0;
#endif
}

Snapshot* engine_save(Engine* e) {
#if VM_TRACE
    auto* snapshot = new Snapshot{{}, e->rx_pattern, e->tx_pattern, e->tx, e->session_rx, e->inputs};
    Save to{snapshot->state};
    to << e->cycle << *e->top;
    return snapshot;
#else
    return nullptr;
#endif
}

// `e` continues where the engine that `snapshot` was saved from stood.
void engine_restore(Engine* e, const Snapshot* snapshot) {
#if VM_TRACE
    Restore from{snapshot->state};
    from >> e->cycle >> *e->top;
    e->rx_pattern = snapshot->rx_pattern;
    e->tx_pattern = snapshot->tx_pattern;
    e->tx = snapshot->tx;
    e->session_rx = snapshot->session_rx;
    e->inputs = snapshot->inputs;
#endif
}

void snapshot_free(Snapshot* snapshot) { delete snapshot; }

BOUNDARY_FUNCTIONS

}  // extern "C"
