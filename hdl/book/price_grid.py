"""Prices as whole ticks: the division is done once, when an order is added."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

PRICE_BITS = 32
_DOLLAR_TICK = 100  #: 1/10 000 dollar: the tick from one dollar up
_INDEX_BITS = (((1 << PRICE_BITS) - 1) // _DOLLAR_TICK).bit_length()  #: of a price in those ticks
_REMAINDER_BITS = (_DOLLAR_TICK - 1).bit_length()
POSITION_BITS = _INDEX_BITS + _REMAINDER_BITS

# floor(x / 25) = x * _RECIPROCAL >> _SHIFT for every x below 2**30: the excess of _RECIPROCAL * 25 over 2**_SHIFT, 7,
# times x stays below 2**_SHIFT.
_SHIFT = 35
_RECIPROCAL = (1 << _SHIFT) // 25 + 1
assert (_RECIPROCAL * 25 - (1 << _SHIFT)) << PRICE_BITS - 2 < 1 << _SHIFT


class Grid(data.Struct):
    """A price = ``index`` ticks + ``remainder``."""

    index: PRICE_BITS
    remainder: _REMAINDER_BITS


def unpack(m: Module, position: Value, fine: Value, name: str) -> Grid:
    """A position's ticks and remainder; ``fine``: the tick is 1/10 000 dollar, else 1 cent."""
    grid = Signal(Grid, name=name)
    m.d.comb += [
        grid.index.eq(Cat(position[:_INDEX_BITS], Mux(fine, position[_INDEX_BITS:PRICE_BITS], 0))),
        grid.remainder.eq(Mux(fine, 0, position[_INDEX_BITS:])),
    ]
    return grid


def price_of(grid: Grid, fine: Value) -> Value:
    """The price that a ``Grid`` came from."""
    return Mux(fine, grid.index, grid.index[:_INDEX_BITS] * _DOLLAR_TICK + grid.remainder)[:PRICE_BITS]


class PriceGrid(wiring.Component):
    """The position of a price on its symbol's grid: one word that holds the price exactly.

    A position is the price itself where the tick is 1/10 000 dollar, else quotient (low) and remainder (high) of the
    price by 100. Latency: 3 cycles. II: 1.

    Members
    -------
    price : In(32)
        Stage 0, 1/10 000 dollar.
    fine : In(1)
        Stage 2: the symbol's tick is 1/10 000 dollar.
    position : Out(POSITION_BITS)
        Stage 3.
    """

    price: In(PRICE_BITS)
    fine: In(1)
    position: Out(POSITION_BITS)

    def elaborate(self, platform):
        m = Module()
        # Stage 0: two products narrow enough for DSP slices. Division by 100 is division by 4, then by 25.
        half = (PRICE_BITS - 2) // 2
        low, high = (Signal(half + _RECIPROCAL.bit_length(), name=f"product_{part}") for part in ("low", "high"))
        price_1, price_2 = Signal(PRICE_BITS), Signal(PRICE_BITS)
        m.d.sync += [
            low.eq(self.price[2:][:half] * _RECIPROCAL),
            high.eq(self.price[2:][half:] * _RECIPROCAL),
            price_1.eq(self.price),
        ]
        # Stage 1: their sum; stage 2: what is left.
        quotient = Signal(_INDEX_BITS)
        m.d.sync += [quotient.eq((low + (high << half)) >> _SHIFT), price_2.eq(price_1)]
        remainder = (price_2[:_REMAINDER_BITS] - (quotient * _DOLLAR_TICK)[:_REMAINDER_BITS])[:_REMAINDER_BITS]
        m.d.sync += self.position.eq(Mux(self.fine, price_2, Cat(quotient, remainder)))
        return m
