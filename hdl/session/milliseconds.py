"""The clock of TCP's timestamps: milliseconds. Source: RFC 7323 section 5.4."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

_NS = 1_000_000
_SHIFT = (_NS & -_NS).bit_length() - 1  # the division begins with the factors of two
_DIVISOR = _NS >> _SHIFT
_BITS = 64 - _SHIFT


class Milliseconds(wiring.Component):
    """``ns`` in whole milliseconds, modulo 2**32, by division one bit per cycle.

    Latency ``CYCLES`` + 1 cycles, interval ``CYCLES``: the number follows the time by less than 0.5 us.

    Members
    -------
    ns
        Time in ns.
    ms
        The same in ms; 0 until the first division is done.
    """

    CYCLES = _BITS + 1

    ns: In(64)
    ms: Out(32)

    def elaborate(self, platform):
        m = Module()
        dividend, rest, quotient = Signal(_BITS), Signal(range(_DIVISOR)), Signal(32)
        step = Signal(range(_BITS + 1), init=_BITS)
        trial = Cat(dividend[-1], rest)
        fits = trial >= _DIVISOR
        with m.If(step == _BITS):
            m.d.sync += [dividend.eq(self.ns[_SHIFT:]), rest.eq(0), step.eq(0), quotient.eq(0), self.ms.eq(quotient)]
        with m.Else():
            m.d.sync += [
                step.eq(step + 1),
                dividend.eq(dividend << 1),
                rest.eq(Mux(fits, trial - _DIVISOR, trial)),
                quotient.eq(Cat(fits, quotient)),
            ]
        return m
