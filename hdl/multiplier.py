"""The product of two 32-bit integers, one per cycle."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

BITS = 32
_HALF = BITS // 2


class Multiplier(wiring.Component):
    """``product = left * right``, unsigned. Latency: 2 cycles. II = 1.

    Four 16x16 products, each registered inside its DSP, then one sum of three operands. ``left`` and ``right`` should
    come straight from registers, which then are the DSPs' own.

    Members
    -------
    left, right : In(32)
    product : Out(64)
    """

    LATENCY = 2

    left: In(BITS)
    right: In(BITS)
    product: Out(2 * BITS)

    def elaborate(self, platform):
        m = Module()
        low, high = slice(0, _HALF), slice(_HALF, BITS)
        products = {}
        for name, a, b in (("low", low, low), ("cross0", low, high), ("cross1", high, low), ("high", high, high)):
            products[name] = product = Signal(BITS, name=name, reset_less=True)
            m.d.sync += product.eq(self.left[a] * self.right[b])
        total = Signal(2 * BITS, reset_less=True)
        outer = Cat(products["low"], products["high"])
        m.d.sync += total.eq(outer + Cat(C(0, _HALF), products["cross0"]) + Cat(C(0, _HALF), products["cross1"]))
        m.d.comb += self.product.eq(total)
        return m
