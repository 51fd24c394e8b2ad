"""Whether a quantity is a whole number of lots."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import LOTS
from spec.records import QUANTITY_BITS

from ..arithmetic import table

_CHUNK = 10  #: bits: 2**10 = -1 modulo 25
_SHIFT = 1025  #: a multiple of 25 above any chunk
_LOW = 6  #: bits of the alternating sum in the first table


class RoundLot(wiring.Component):
    """Every lot is 2**k x 5**j with k at most 3 and j at most 2: its divisibility is that of a few bits and by 25.

    Latency: ``quantity`` one cycle before ``lot``, ``fails`` one cycle after it. II = 1.

    Members
    -------
    quantity : In
        Shares.
    lot : In
        Shares; one of ``spec.config.LOTS``, any other fails.
    fails : Out
    """

    quantity: In(QUANTITY_BITS)
    lot: In(8)
    fails: Out(1)

    def elaborate(self, platform):
        m = Module()
        low, high = self.quantity[:_CHUNK], self.quantity[_CHUNK:]
        alternating, bits = Signal(_CHUNK + 2), Signal(3)
        m.d.sync += [alternating.eq(low + _SHIFT - high), bits.eq(self.quantity)]

        def divides(fives: int) -> Value:
            """The remainders of two halves cancel."""
            first = table(alternating[:_LOW], [value % fives for value in range(1 << _LOW)])
            second = table(alternating[_LOW:], [-(value << _LOW) % fives for value in range(1 << _CHUNK + 2 - _LOW)])
            return first == second

        by = {1: C(1, 1), 5: divides(5), 25: divides(25)}
        with m.Switch(self.lot):
            for lot in LOTS:
                twos = (lot & -lot).bit_length() - 1
                with m.Case(lot):
                    m.d.sync += self.fails.eq(~(by[lot >> twos] & (bits[:twos] == 0)))
            with m.Default():
                m.d.sync += self.fails.eq(1)
        return m
