"""The products that an order is judged by."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.records import QUANTITY_BITS

from .shapes import BASIS_POINTS
from .sums import total

_HALF = 16


class Products(wiring.Component):
    """Notional, and the price against the reference's collar: DSPs multiply halves, both sides' before it is known
    which side it is.

    Latency: 1 cycle from factors to products, one more to what is summed. II = 1.

    Members
    -------
    quantity, prices
        Of the intent in the next cycle, by side.
    side, reference, up, down
        With the intent; the collar as in ``LimitRow``.
    notional
        With the intent: two words that add up to quantity x price.
    scaled
        One cycle later: price x 10 000; 0 without a reference.
    above, below
        In that cycle: two words each that add up to reference x ``up`` and reference x ``down``.
    """

    def __init__(self):
        super().__init__({
            "quantity": In(QUANTITY_BITS), "prices": In(32).array(2), "side": In(1), "reference": In(32),
            "up": In(15), "down": In(14), "notional": Out(32 + QUANTITY_BITS).array(2), "scaled": Out(32 + 14),
            "above": Out(32 + 15).array(2), "below": Out(32 + 14).array(2),
        })

    def elaborate(self, platform):
        m = Module()

        def product(left, right, name) -> list[Value]:
            """Halves that add up to it, a cycle later."""
            halves = []
            for i in range(2):
                half = Signal(_HALF + len(right), name=f"{name}_half", reset_less=True)
                m.d.sync += half.eq(left.word_select(i, _HALF) * right)
                halves.append(half)
            return [halves[0], Cat(C(0, _HALF), halves[1])]

        scale = C(BASIS_POINTS, 14)
        notionals = [product(price, self.quantity, "notional") for price in self.prices]
        scaled = [product(price, scale, "scaled") for price in self.prices]
        for i in range(2):
            m.d.comb += self.notional[i].eq(Mux(self.side, notionals[1][i], notionals[0][i]))
        m.d.sync += self.scaled.eq(Mux(self.reference == 0, 0, total(
            m, *(Mux(self.side, scaled[1][i], scaled[0][i]) for i in range(2)), width=46, name="scaled")))
        for out, factor in ((self.above, self.up), (self.below, self.down)):
            m.d.comb += [word.eq(half) for word, half in
                         zip(out, product(self.reference, factor, "collar"), strict=True)]
        return m
