// The Verilated kernel with its clocks, host memory behind its AXI4 masters, and queues at its wires.
//
// Each clock has its own period. Agents belong to a clock: they see what stands at its rising edge, and drive what they
// want after it. ap_clk counts the cycles.
//
// ports.h is generated (sim/card/kernel.py): CLOCKS(X) names the clocks beside ap_clk, SESSION_CLOCK, RX_CLOCK and TX_CLOCK
// the clock of each wire.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "Vtickwire_kernel.h"
#include "ports.h"
#include "verilated.h"

namespace {

using Top = Vtickwire_kernel;
using Words = std::vector<uint64_t>;
constexpr unsigned beat_octets = 64;
enum { ap_clk_clock,
#define X(name) name##_clock,
    CLOCKS(X)
#undef X
    clock_count };
enum { okay = 0, slverr = 2 };

struct Memory {
    uint8_t* octets;
    uint64_t size;
    bool holds(uint64_t address, uint64_t length) const { return address < size && length <= size - address; }
};

template <std::size_t N> uint8_t* octets_of(VlWide<N>& port) { return reinterpret_cast<uint8_t*>(port.data()); }

struct Writes {  // m_axi_records
    struct Burst { uint64_t address; unsigned beats; bool bad; };
    std::deque<Burst> bursts;
    std::deque<unsigned> responses;

    void edge(Top& t, Memory& memory) {
        if (t.m_axi_records_bvalid && t.m_axi_records_bready) responses.pop_front();
        if (t.m_axi_records_awvalid && t.m_axi_records_awready)
            bursts.push_back({t.m_axi_records_awaddr, t.m_axi_records_awlen + 1u, false});
        if (t.m_axi_records_wvalid && t.m_axi_records_wready) {
            auto& burst = bursts.front();
            if (memory.holds(burst.address, beat_octets))
                std::memcpy(memory.octets + burst.address, octets_of(t.m_axi_records_wdata), beat_octets);
            else
                burst.bad = true;
            burst.address += beat_octets;
            if (--burst.beats == 0) {
                responses.push_back(burst.bad ? slverr : okay);
                bursts.pop_front();
            }
        }
    }
    void drive(Top& t) const {
        t.m_axi_records_awready = 1;
        t.m_axi_records_wready = !bursts.empty();
        t.m_axi_records_bvalid = !responses.empty();
        t.m_axi_records_bresp = responses.empty() ? 0 : responses.front();
        t.m_axi_records_bid = 0;
    }
};

struct Reads {  // m_axi_commands
    struct Burst { uint64_t address; unsigned beats; };
    std::deque<Burst> bursts;

    void edge(Top& t) {
        if (t.m_axi_commands_rvalid && t.m_axi_commands_rready) {
            auto& burst = bursts.front();
            burst.address += beat_octets;
            if (--burst.beats == 0) bursts.pop_front();
        }
        if (t.m_axi_commands_arvalid && t.m_axi_commands_arready)
            bursts.push_back({t.m_axi_commands_araddr, t.m_axi_commands_arlen + 1u});
    }
    void drive(Top& t, const Memory& memory) const {
        t.m_axi_commands_arready = bursts.size() < 4;
        t.m_axi_commands_rvalid = !bursts.empty();
        t.m_axi_commands_rid = 0;
        if (bursts.empty()) return;
        const auto& burst = bursts.front();
        const bool there = memory.holds(burst.address, beat_octets);
        t.m_axi_commands_rresp = there ? okay : slverr;
        t.m_axi_commands_rlast = burst.beats == 1;
        if (there) std::memcpy(octets_of(t.m_axi_commands_rdata), memory.octets + burst.address, beat_octets);
    }
};

struct Access {  // s_axi_control: one at a time
    bool write = false, busy = false, address_sent = false, data_sent = false;
    uint32_t address = 0, data = 0;
    unsigned response = 0;

    void edge(const Top& t) {
        if (!busy) return;
        if (write) {
            address_sent |= t.s_axi_control_awvalid && t.s_axi_control_awready;
            data_sent |= t.s_axi_control_wvalid && t.s_axi_control_wready;
            if (t.s_axi_control_bvalid && t.s_axi_control_bready) response = t.s_axi_control_bresp, busy = false;
        } else {
            address_sent |= t.s_axi_control_arvalid && t.s_axi_control_arready;
            if (t.s_axi_control_rvalid && t.s_axi_control_rready)
                response = t.s_axi_control_rresp, data = t.s_axi_control_rdata, busy = false;
        }
    }
    void drive(Top& t) const {
        t.s_axi_control_awvalid = busy && write && !address_sent;
        t.s_axi_control_wvalid = busy && write && !data_sent;
        t.s_axi_control_arvalid = busy && !write && !address_sent;
        t.s_axi_control_awaddr = t.s_axi_control_araddr = address & 0x3fff;
        t.s_axi_control_wdata = data;
        t.s_axi_control_wstrb = 0xf;
        t.s_axi_control_bready = t.s_axi_control_rready = 1;
    }
};

struct Wire {  // frames on their way to an RX port, beat by beat
    struct Frame { std::vector<uint8_t> octets; uint64_t gap; bool bad; };
    std::deque<Frame> waiting;
    Words beats;  // cycle at which each was taken
    uint64_t at = 0, held_back = 0;

    template <typename Valid, typename Ready, typename Last>
    void edge(Valid valid, Ready ready, Last last, uint64_t cycle) {
        held_back += valid && !ready;
        if (!waiting.empty() && !valid && waiting.front().gap) --waiting.front().gap;
        if (!valid || !ready) return;
        beats.push_back(cycle);
        at += 8;
        if (last) waiting.pop_front(), at = 0;
    }
    template <typename Data, typename Bits>
    void drive(Data& data, Bits& keep, Bits& last, Bits& user, Bits& valid) const {
        valid = !waiting.empty() && !waiting.front().gap;
        if (!valid) return;
        const auto& frame = waiting.front();
        const uint64_t lanes = std::min<uint64_t>(8, frame.octets.size() - at);
        uint64_t octets = 0;
        std::memcpy(&octets, frame.octets.data() + at, lanes);
        data = octets;
        keep = 0xff >> (8 - lanes);
        last = at + 8 >= frame.octets.size();
        user = last && frame.bad;
    }
};

enum { tx_offered, tx_accepted, tx_last, tx_octets, tx_error, tx_columns };

struct Tx {
    std::vector<uint8_t> octets;
    Words frames;
    uint64_t frame[tx_columns] = {}, underruns = 0;
    bool started = false;

    void edge(const Top& t, uint64_t cycle) {
        underruns += started && !t.tx_tvalid;
        if (!t.tx_tvalid || !t.tx_tready) return;
        if (!started) frame[tx_offered] = frame[tx_accepted] = cycle, frame[tx_octets] = 0, started = true;
        for (unsigned lane = 0; lane < 8; ++lane)
            if (t.tx_tkeep >> lane & 1) octets.push_back(t.tx_tdata >> 8 * lane & 0xff), ++frame[tx_octets];
        if (!t.tx_tlast) return;
        frame[tx_last] = cycle;
        frame[tx_error] = t.tx_tuser;
        frames.insert(frames.end(), frame, frame + tx_columns);
        started = false;
    }
};

}  // namespace

struct Card {
    VerilatedContext context;
    std::unique_ptr<Top> top{new Top(&context)};
    Memory memory;
    uint64_t cycle = 0;
    uint64_t period[clock_count], next[clock_count];  // ps
    Writes writes;
    Reads reads;
    Access access;
    Wire rx, session_rx;
    Tx tx;

    Card(uint8_t* octets, uint64_t size, const uint64_t* periods) : memory{octets, size} {
        for (int i = 0; i < clock_count; ++i) period[i] = periods[i], next[i] = periods[i] + 37 * i;
        top->ap_rst_n = 0;
        top->tx_tready = 1;
        drive_all();
        top->eval();
    }
    ~Card() { top->final(); }

    CData& clock(int i) {
        switch (i) {
#define X(name) case name##_clock: return top->name;
            CLOCKS(X)
#undef X
        }
        return top->ap_clk;
    }

    void sample(int i) {
        Top& t = *top;
        if (i == ap_clk_clock) writes.edge(t, memory), reads.edge(t), access.edge(t);
        if (i == RX_CLOCK) rx.edge(t.rx_tvalid, t.rx_tready, t.rx_tlast, cycle);
        if (i == SESSION_CLOCK) session_rx.edge(t.session_rx_tvalid, t.session_rx_tready, t.session_rx_tlast, cycle);
        if (i == TX_CLOCK) tx.edge(t, cycle);
    }
    void drive(int i) {
        Top& t = *top;
        if (i == ap_clk_clock) writes.drive(t), reads.drive(t, memory), access.drive(t);
        if (i == RX_CLOCK) rx.drive(t.rx_tdata, t.rx_tkeep, t.rx_tlast, t.rx_tuser, t.rx_tvalid);
        if (i == SESSION_CLOCK)
            session_rx.drive(t.session_rx_tdata, t.session_rx_tkeep, t.session_rx_tlast, t.session_rx_tuser,
                             t.session_rx_tvalid);
    }
    void drive_all() {
        for (int i = 0; i < clock_count; ++i) drive(i);
    }

    // To the next rising edge of any clock, and what follows it.
    void edge() {
        uint64_t now = next[0];
        for (int i = 1; i < clock_count; ++i) now = std::min(now, next[i]);
        bool rises[clock_count];
        for (int i = 0; i < clock_count; ++i)
            if ((rises[i] = next[i] == now)) sample(i);
        for (int i = 0; i < clock_count; ++i)
            if (rises[i]) clock(i) = 1, next[i] += period[i];
        top->eval();
        cycle += rises[ap_clk_clock];
        for (int i = 0; i < clock_count; ++i)
            if (rises[i]) clock(i) = 0, drive(i);
        top->eval();
    }
    void run(uint64_t cycles) {
        for (const uint64_t end = cycle + cycles; cycle < end;) edge();
    }
};

extern "C" {

Card* card_new(uint8_t* memory, uint64_t size, const uint64_t* periods) { return new Card(memory, size, periods); }
void card_free(Card* card) { delete card; }
uint64_t card_cycle(const Card* card) { return card->cycle; }
void card_run(Card* card, uint64_t cycles) { card->run(cycles); }

void card_reset(Card* card, uint64_t cycles) {
    card->top->ap_rst_n = 0;
    card->run(cycles);
    card->top->ap_rst_n = 1;
    card->run(cycles);
}

// Returns the response; 4 if none came within `limit` cycles.
int card_access(Card* card, int write, uint32_t address, uint32_t* data, uint64_t limit) {
    card->access = {write != 0, true, false, false, address, *data};
    card->access.drive(*card->top);
    card->top->eval();
    while (card->access.busy && limit--) card->run(1);
    *data = card->access.data;
    return card->access.busy ? 4 : static_cast<int>(card->access.response);
}

void card_frames(Card* card, int port, const uint8_t* octets, const uint32_t* lengths, const uint32_t* gaps,
                 const uint8_t* errors, uint64_t count) {
    auto& wire = port ? card->session_rx : card->rx;
    for (uint64_t i = 0; i < count; ++i) {
        wire.waiting.push_back({{octets, octets + lengths[i]}, gaps[i], errors[i] != 0});
        octets += lengths[i];
    }
}

uint64_t card_waiting(const Card* card, int port) {
    return (port ? card->session_rx : card->rx).waiting.size();
}
uint64_t card_held_back(const Card* card) { return card->rx.held_back + card->session_rx.held_back; }
uint64_t card_underruns(const Card* card) { return card->tx.underruns; }
int card_interrupt(const Card* card) { return card->top->__SYM__interrupt; }

uint64_t card_beats(const Card* card, const uint64_t** cycles) {
    *cycles = card->rx.beats.data();
    return card->rx.beats.size();
}
uint64_t card_tx(const Card* card, const uint64_t** frames, const uint8_t** octets) {
    *frames = card->tx.frames.data();
    *octets = card->tx.octets.data();
    return card->tx.frames.size() / tx_columns;
}

// Forget beats and finished frames.
void card_clear(Card* card) {
    auto& tx = card->tx;
    uint64_t finished = 0;
    for (uint64_t i = tx_octets; i < tx.frames.size(); i += tx_columns) finished += tx.frames[i];
    tx.octets.erase(tx.octets.begin(), tx.octets.begin() + static_cast<std::ptrdiff_t>(finished));
    tx.frames.clear();
    card->rx.beats.clear();
    card->session_rx.beats.clear();
}

}  // extern "C"
