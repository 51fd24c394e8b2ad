"""The products that an order is judged by."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.records import QUANTITY_BITS

from .shapes import BASIS_POINTS

_HALF = 16


class Products(wiring.Component):
    """Notional, and the price against the reference's collar; each as two words of which the high one counts 2**16.

    Latency: 1 cycle, into the registers of as many multipliers as there are outputs. II = 1.

    Members
    -------
    quantity, price, reference, up, down
        Of an intent; the collar as in ``LimitRow``.
    notional, scaled, above, below
        One cycle later, halves of quantity x price, price x 10 000, reference x ``up``, reference x ``down``.
    """

    def __init__(self):
        halves = {name: Out(_HALF + bits).array(2) for name, bits in (
            ("notional", QUANTITY_BITS), ("scaled", 14), ("above", 15), ("below", 14))}
        super().__init__({"quantity": In(QUANTITY_BITS), "price": In(32), "reference": In(32), "up": In(15),
                          "down": In(14), **halves})

    def elaborate(self, platform):
        m = Module()
        scale = C(BASIS_POINTS, 14)
        for out, left, right in ((self.notional, self.price, self.quantity), (self.scaled, self.price, scale),
                                 (self.above, self.reference, self.up), (self.below, self.reference, self.down)):
            for i in range(2):
                product = Signal.like(out[i], reset_less=True, name="product")
                m.d.sync += product.eq(left.word_select(i, _HALF) * right)
                m.d.comb += out[i].eq(product)
        return m


def words(halves) -> tuple[Value, Value]:
    """Two words whose sum is the product."""
    return halves[0], Cat(C(0, _HALF), halves[1])
