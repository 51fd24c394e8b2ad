"""The exponential moving average."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.fixed_point import AVERAGE_BITS, PRICE_BITS
from spec.records import SYMBOL_BITS

from ..memory import ForwardedMemory
from ..pipeline import delay
from .samples import Sample

_STATE = data.StructLayout({"known": 1, "average": AVERAGE_BITS})


class Ema(wiring.Component):
    """``ema += (sample - ema) / 2**k`` rounded towards minus infinity, ``2**k = (length + 1) / 2``. The first sample is
    taken as it is. ``spec.fixed_point``.

    Latency: 3 cycles from ``sample`` to the average with it. II = 1. By cycle: 0. 1. read the symbol's average;
    2. the new one.

    Parameters
    ----------
    symbols : int
    length : int
        Samples, one less than a power of two, at least 3.

    Members
    -------
    sample : In(Sample)
    known : Out(1)
        There was a sample.
    average : Out(48)
        1/10 000 dollar, Q32.16; 0 unless known.
    ready : Out(1)
        The memory is swept.
    """

    LATENCY = 3

    sample: In(Sample)
    known: Out(1)
    average: Out(AVERAGE_BITS)
    ready: Out(1)

    def __init__(self, *, symbols: int, length: int):
        if not 1 <= symbols <= 1 << SYMBOL_BITS:
            raise ValueError(f"symbols must be 1 to {1 << SYMBOL_BITS}, not {symbols!r}")
        if length < 3 or length + 1 & length:
            raise ValueError(f"length must be one less than a power of two and at least 3, not {length!r}")
        self._symbols = symbols
        self._length = length
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        k = (self._length + 1).bit_length() - 2
        m.submodules.averages = averages = ForwardedMemory(shape=_STATE, depth=max(self._symbols, 2), latency=2)
        m.d.comb += [averages.read_address.eq(self.sample.symbol), self.ready.eq(averages.ready)]

        # Cycle 2. The rule as one sum: old + floor((new - old) / 2**k) = floor((new + old * 2**k - old) / 2**k). With
        # the first sample in place of the average that is not there, it yields that sample.
        sample = delay(m, self.sample, 2, name="sample")
        take = delay(m, self.sample.take, 2, name="take", reset=True)
        state = averages.read_data
        new = sample.value << AVERAGE_BITS - PRICE_BITS - 1
        old = Mux(state.known, state.average, new)
        blend = Signal(AVERAGE_BITS + k)
        m.d.comb += [
            blend.eq(new + (old << k) - old),
            averages.write_address.eq(sample.symbol),
            averages.write_data.known.eq(1),
            averages.write_data.average.eq(blend >> k),
            averages.write_enable.eq(take),
        ]
        m.d.sync += [
            self.known.eq(state.known | take),
            self.average.eq(Mux(take, averages.write_data.average, state.average)),
        ]
        return m
