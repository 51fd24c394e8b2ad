"""The simple moving average."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spec.fixed_point import AVERAGE_BITS, PRICE_BITS
from spec.records import SYMBOL_BITS

from ..memory import ForwardedMemory
from ..pipeline import delay
from .samples import SAMPLE_BITS, Sample


class Sma(wiring.Component):
    """Mean of a symbol's last ``length`` samples, exact. ``spec.fixed_point``.

    Latency: 5 cycles from ``sample`` to the average with it. II = 1. One ring per symbol, all in one RAM. By cycle:

    0. 1. read the ring's position;
    2. read the oldest sample; its place is the newest one's;
    3. the difference of the two, zero for the oldest while the ring is not full; the newest is written;
    4. their sum over the ring.

    A slot is read again at least two cycles after it was written, so the ring needs no forwarding.

    Parameters
    ----------
    symbols : int
    length : int
        Samples, a power of two, at least 2.

    Members
    -------
    sample : In(Sample)
    known : Out(1)
        The ring is full.
    average : Out(48)
        1/10 000 dollar, Q32.16; 0 unless known.
    ready : Out(1)
        The memories are swept.
    """

    LATENCY = 5

    sample: In(Sample)
    known: Out(1)
    average: Out(AVERAGE_BITS)
    ready: Out(1)

    def __init__(self, *, symbols: int, length: int):
        if not 1 <= symbols <= 1 << SYMBOL_BITS:
            raise ValueError(f"symbols must be 1 to {1 << SYMBOL_BITS}, not {symbols!r}")
        if not 2 <= length <= 1 << 15 or length & length - 1:
            raise ValueError(f"length must be a power of two from 2 to {1 << 15}, not {length!r}")
        self._symbols = symbols
        self._length = length
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        log = self._length.bit_length() - 1
        position = data.StructLayout({"slot": log, "full": 1})
        total_bits = SAMPLE_BITS + log
        depth = max(self._symbols, 2)
        m.submodules.positions = positions = ForwardedMemory(shape=position, depth=depth, latency=2)
        m.submodules.totals = totals = ForwardedMemory(shape=total_bits, depth=depth, latency=2)
        m.submodules.ring = ring = Memory(shape=SAMPLE_BITS, depth=depth << log, init=[],
                                          attrs={"ram_style": "block"})
        oldest, newest = ring.read_port(), ring.write_port()
        m.d.comb += self.ready.eq(positions.ready & totals.ready)

        m.d.comb += positions.read_address.eq(self.sample.symbol)

        # Cycle 2.
        sample = delay(m, self.sample, 2, name="sample")
        take = delay(m, self.sample.take, 2, name="take", reset=True)
        was_full = positions.read_data.full
        m.d.comb += [
            Cat(positions.write_data.slot, positions.write_data.full).eq(Cat(positions.read_data.slot, C(0, 1)) + 1),
            positions.write_address.eq(sample.symbol),
            positions.write_enable.eq(take),
            oldest.addr.eq(Cat(positions.read_data.slot, sample.symbol)),
            oldest.en.eq(1),
            totals.read_address.eq(sample.symbol),
        ]
        with m.If(was_full):
            m.d.comb += positions.write_data.full.eq(1)
        is_full = was_full | take & positions.write_data.full

        # Cycle 3.
        slot, was_full = delay(m, oldest.addr, 1, name="slot"), delay(m, was_full, 1, name="was_full")
        sample, take = delay(m, sample, 1, name="sample_3"), delay(m, take, 1, name="take_3", reset=True)
        change = Signal(signed(SAMPLE_BITS + 1), reset_less=True)
        m.d.comb += [newest.addr.eq(slot), newest.data.eq(sample.value), newest.en.eq(take)]
        m.d.sync += change.eq(sample.value - Mux(was_full, oldest.data, 0))

        # Cycle 4.
        take, is_full = delay(m, take, 1, name="take_4", reset=True), delay(m, is_full, 2, name="is_full")
        total = Signal(total_bits)
        m.d.comb += [
            total.eq(totals.read_data + Mux(take, change, 0)),
            totals.write_address.eq(delay(m, sample.symbol, 1, name="symbol_4")),
            totals.write_data.eq(total),
            totals.write_enable.eq(take),
        ]
        scale = AVERAGE_BITS - PRICE_BITS - 1 - log  # from half price units, times length, to Q32.16
        m.d.sync += [self.known.eq(is_full), self.average.eq(Mux(is_full, total << scale, 0))]
        return m
