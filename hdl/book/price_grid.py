"""Prices on their symbol's grid: the ladder's slot of a price, and whether it is on the grid at all.

Nothing is divided. On the grid of 100, index = price / 100 exactly, and the low bits of price / 4 * 25^-1 modulo a
power of two are those of the index. Whether 100 divides a price is seen from its remainder by 25: 1024 is -1 modulo 25,
so that the alternating sum of chunks of ten bits has the same remainder.
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic import table, times
from .operation import PRICE_BITS

_CHUNK = 10
_SHIFT = 1025  #: a multiple of 25 that keeps the alternating sum positive
_HALF = 6
assert (1 << _CHUNK) % 25 == 24 and _SHIFT % 25 == 0 and _SHIFT >= 1 << _CHUNK


class PriceGrid(wiring.Component):
    """Latency: ``slot_index`` one cycle, ``off`` two. II: 1.

    Parameters
    ----------
    slot_bits : int
        log2 of the ladder's levels.

    Members
    -------
    price : In(32)
        Stage 0, 1/10 000 dollar.
    fine : In(1)
        Stage 1: the symbol's tick is 1/10 000 dollar, else 1 cent.
    slot_index : Out(slot_bits)
        Stage 1: the low bits of price / tick.
    off : Out(1)
        Stage 2: the price is between two ticks.
    """

    def __init__(self, *, slot_bits: int):
        if not 1 <= slot_bits <= PRICE_BITS - 2:
            raise ValueError(f"slot_bits must be 1 to {PRICE_BITS - 2}, not {slot_bits!r}")
        self._slot_bits = slot_bits
        super().__init__({"price": In(PRICE_BITS), "fine": In(1), "slot_index": Out(slot_bits), "off": Out(1)})

    def elaborate(self, platform):
        m = Module()
        bits = self._slot_bits
        # Stage 0.
        quarter = self.price[2:]
        fine_slot, cent_slot = Signal(bits), Signal(bits)
        alternating, quarters = Signal(2 * _HALF), Signal()
        low, middle, high = (quarter[i * _CHUNK : (i + 1) * _CHUNK] for i in range(3))
        m.d.sync += [
            fine_slot.eq(self.price),
            cent_slot.eq(times(quarter[:bits], pow(25, -1, 1 << bits))[:bits]),
            alternating.eq(low + high + _SHIFT - middle),
            quarters.eq(self.price[:2] == 0),
        ]
        # Stage 1: the remainders of two halves cancel.
        size = range(1 << _HALF)
        first = table(alternating[:_HALF], [value % 25 for value in size])
        second = table(alternating[_HALF:], [-(value << _HALF) % 25 for value in size])
        m.d.comb += self.slot_index.eq(Mux(self.fine, fine_slot, cent_slot))
        m.d.sync += self.off.eq(~self.fine & ~(quarters & (first == second)))
        return m
