"""Positions per symbol, and their limit."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import DECISION, INTENT, Side

from ..memory import ForwardedMemory
from ..records import layout

POSITION = layout(DECISION)["position"].shape


class Positions(wiring.Component):
    """The position of every symbol, every approved order taken as filled, and whether an intent would exceed its limit.

    Symbol and quantity are taken in cycle c. In c + 1 it is said whether there is an intent and of which side, the
    position limit fails or not, and ``approved`` is given; in c + 2 stands the position after it. Initiation interval
    1: intents on the same symbol may follow each other in adjacent cycles. The loop through the position is one
    comparison beside one addition: their other operands are made in cycle c for either side, and the verdict selects
    the result.

    Only as many bits are kept as positions within the limit need, since no approval leads out of it.
    Positions are in shares, short negative. Every one is zero when ``ready`` rises, one cycle per symbol after reset.

    Members
    -------
    symbol, quantity
        May be ordered in the next cycle.
    valid, side
        There is an intent of symbol and quantity of the cycle before.
    approved
        The verdict on the intent; low if there is none.
    fails
        It would lead beyond ``max_position`` shares, long or short.
    position
        After the verdict of the cycle before.
    ready
        The memory is swept.
    """

    symbol: In(layout(INTENT)["symbol"].shape)
    quantity: In(layout(INTENT)["quantity"].shape)
    valid: In(1)
    side: In(1)
    approved: In(1)
    fails: Out(1)
    position: Out(POSITION)
    ready: Out(1)

    def __init__(self, *, design: Design):
        self._limit = design.risk.max_position
        self._symbols = len(design.symbols)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        limit = self._limit
        shape = signed(max(2, limit.bit_length() + 1))
        m.submodules.memory = memory = ForwardedMemory(shape=shape, depth=self._symbols)

        # A sale is a purchase seen from the other side: with x = position or, inverted, -position - 1,
        # |position +- quantity| > limit becomes x > bound.
        symbol = Signal.like(self.symbol)
        bounds = [Signal(signed(max(shape.width, 33) + 1), name=f"bound_{side.name.lower()}") for side in Side]
        changes = [Signal(shape, name=f"change_{side.name.lower()}") for side in Side]
        m.d.sync += [
            symbol.eq(self.symbol),
            bounds[Side.BUY].eq(limit - self.quantity),
            bounds[Side.SELL].eq(limit - self.quantity - 1),
            changes[Side.BUY].eq(self.quantity),
            changes[Side.SELL].eq(-self.quantity),
        ]

        before, after, selling = memory.read_data, Signal(shape), self.side == Side.SELL.value
        m.d.comb += [
            self.fails.eq(Mux(selling, ~before > bounds[Side.SELL], before > bounds[Side.BUY])),
            after.eq(Mux(self.approved, before + Mux(selling, changes[Side.SELL], changes[Side.BUY]), before)),
            memory.read_address.eq(self.symbol),
            # Written back when refused too, so that the write need not wait for the verdict.
            memory.write_enable.eq(self.valid),
            memory.write_address.eq(symbol),
            memory.write_data.eq(after),
            self.ready.eq(memory.ready),
        ]
        m.d.sync += self.position.eq(after)
        return m
