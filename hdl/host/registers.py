"""The register table of ``spec.registers`` behind AXI4-Lite."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.registers import ADDRESS_BITS, COUNTER_INDEX, REGISTERS, WORDS, Access, Word

from .axi import Resp, axi4_lite

COUNTER_BITS = max(COUNTER_INDEX.values()).bit_length()
_KEPT = (Access.READ_WRITE, Access.LOCKED)


def _members() -> dict:
    members = {}
    for register in REGISTERS:
        name, bits = register.name, register.bits * register.count
        if register.access in _KEPT:
            members[name] = Out(bits, init=sum(register.reset << register.bits * i for i in range(register.count)))
        elif register.access in (Access.READ_ONLY, Access.ACTION):
            members[name] = In(bits)
        if register.access in (Access.WRITE_ONLY, Access.ACTION):
            members |= {f"{name}_written": Out(1), f"{name}_data": Out(register.bits), f"{name}_ready": In(1)}
    return members


class Registers(wiring.Component):
    """AXI4-Lite slave: one write and one read at a time, side by side.

    Latency from the later of AW and W to B: 2 cycles; from AR to R: 2 cycles, a counter's low word as long as its
    answer takes. What was written shows one cycle before its response.

    Members
    -------
    axi
        ``s_axi_control``.
    locked
        Locked registers answer SLVERR.
    NAME
        Every register: what it keeps (out), or what it shows (in); ``count`` of them side by side, the first lowest.
    NAME_written, NAME_data, NAME_ready
        Registers that act: high for one cycle with what was written. Not ready: SLVERR instead.
    counter_index, counter_read, counter_value, counter_answered, counter_failed
        Asks for the value with that index (``spec.registers.COUNTER_INDEX``) for one cycle; it is answered, or refused,
        for one cycle, later.
    """

    def __init__(self):
        super().__init__(_members() | {
            "axi": In(axi4_lite(ADDRESS_BITS)), "locked": In(1),
            "counter_index": Out(COUNTER_BITS), "counter_read": Out(1), "counter_value": In(64),
            "counter_answered": In(1), "counter_failed": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        self._write(m)
        self._read(m)
        return m

    def _write(self, m):
        axi = self.axi
        address, has_address = Signal(ADDRESS_BITS), Signal()
        value, strobes, has_data = Signal(32), Signal(4), Signal()
        m.d.comb += [axi.awready.eq(~has_address), axi.wready.eq(~has_data)]
        with m.If(axi.awvalid & axi.awready):
            m.d.sync += [address.eq(axi.awaddr), has_address.eq(1)]
        with m.If(axi.wvalid & axi.wready):
            m.d.sync += [value.eq(axi.wdata), strobes.eq(axi.wstrb), has_data.eq(1)]
        with m.If(axi.bvalid & axi.bready):
            m.d.sync += axi.bvalid.eq(0)

        acts, there, takes = Signal(), Signal(), Signal()
        m.d.comb += [
            acts.eq(has_address & has_data & ~axi.bvalid),
            takes.eq(acts & (address[:2] == 0) & strobes.all()),
        ]
        with m.Switch(address[2:]):
            for at, word in WORDS.items():
                if word.register.writable:
                    with m.Case(at >> 2):
                        self._write_word(m, word, value, there, takes)
        with m.If(acts):
            m.d.sync += [
                has_address.eq(0), has_data.eq(0), axi.bvalid.eq(1),
                axi.bresp.eq(Mux(there & takes, Resp.OKAY, Resp.SLVERR)),
            ]

    def _bits(self, word: Word) -> Value:
        first = word.register.bits * word.i + word.first
        return getattr(self, word.register.name)[first : first + word.bits]

    def _write_word(self, m, word: Word, value, there, takes):
        name, access = word.register.name, word.register.access
        if access in _KEPT:
            m.d.comb += there.eq(~self.locked if access is Access.LOCKED else 1)
            with m.If(takes & there):
                m.d.sync += self._bits(word).eq(value)
        else:
            m.d.comb += [
                there.eq(getattr(self, f"{name}_ready")),
                getattr(self, f"{name}_data").eq(value),
                getattr(self, f"{name}_written").eq(takes & there),
            ]

    def _read(self, m):
        axi = self.axi
        address, value, there, low = Signal(ADDRESS_BITS), Signal(32), Signal(), Signal()
        index, high, held, holds = Signal(COUNTER_BITS), Signal(32), Signal(COUNTER_BITS), Signal()
        with m.Switch(address[2:]):
            for at, word in WORDS.items():
                if not word.register.readable:
                    continue
                with m.Case(at >> 2):
                    if word.register.access is not Access.COUNTER:
                        m.d.comb += [there.eq(1), value.eq(self._bits(word))]
                        continue
                    number = COUNTER_INDEX[word.register.name, word.i]
                    m.d.comb += index.eq(number)
                    if word.first:
                        m.d.comb += [there.eq(holds & (held == number)), value.eq(high)]
                    else:
                        m.d.comb += low.eq(1)
        aligned = address[:2] == 0
        m.d.comb += self.counter_index.eq(index)
        with m.FSM():
            with m.State("AWAIT"):
                m.d.comb += axi.arready.eq(1)
                m.d.sync += address.eq(axi.araddr)
                with m.If(axi.arvalid):
                    m.next = "READ"
            with m.State("READ"):
                m.d.sync += [
                    axi.rdata.eq(Mux(there & aligned, value, 0)),
                    axi.rresp.eq(Mux(there & aligned, Resp.OKAY, Resp.SLVERR)),
                ]
                with m.If(low & aligned):
                    m.d.comb += self.counter_read.eq(1)
                    m.d.sync += holds.eq(0)
                    m.next = "COUNT"
                with m.Else():
                    m.d.sync += axi.rvalid.eq(1)
                    m.next = "ANSWER"
            with m.State("COUNT"):
                with m.If(self.counter_answered | self.counter_failed):
                    m.d.sync += [
                        axi.rdata.eq(Mux(self.counter_failed, 0, self.counter_value[:32])), high.eq(
                            self.counter_value[32:]),
                        axi.rresp.eq(Mux(self.counter_failed, Resp.SLVERR, Resp.OKAY)),
                        held.eq(index), holds.eq(~self.counter_failed), axi.rvalid.eq(1),
                    ]
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                with m.If(axi.rready):
                    m.d.sync += axi.rvalid.eq(0)
                    m.next = "AWAIT"
