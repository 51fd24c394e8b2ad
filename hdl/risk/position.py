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

    An intent is taken in cycle c. In c + 1 stands whether its position limit fails, and ``approved`` is given; in c + 2
    stands the position after it. Initiation interval 1: intents on the same symbol may follow each other in adjacent
    cycles. The loop through the position is one comparison beside one addition: their other operands are made in cycle
    c, and the verdict selects the result.

    Only as many bits are kept as positions within the limit need, since no approval leads out of it.
    Positions are in shares, short negative. Every one is zero when ``ready`` rises, one cycle per symbol after reset.

    Members
    -------
    valid, intent
        To be judged.
    approved
        The verdict on the intent of the cycle before; low if there was none.
    fails
        The intent of the cycle before would lead beyond ``max_position`` shares, long or short.
    position
        After the verdict of the cycle before.
    ready
        The memory is swept.
    """

    valid: In(1)
    intent: In(layout(INTENT))
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
        intent, limit = self.intent, self._limit
        shape = signed(max(2, limit.bit_length() + 1))
        m.submodules.memory = memory = ForwardedMemory(shape=shape, depth=self._symbols)

        # A sale is a purchase seen from the other side: with x = position or, inverted, -position - 1,
        # |position +- quantity| > limit becomes x > bound.
        sells = intent.side == Side.SELL.value
        judging, selling = Signal(), Signal()
        symbol = Signal.like(intent.symbol)
        bound = Signal(signed(max(shape.width, 33) + 1))
        change = Signal(shape)
        m.d.sync += [
            judging.eq(self.valid),
            symbol.eq(intent.symbol),
            selling.eq(sells),
            bound.eq(limit - intent.quantity - sells),
            change.eq(Mux(sells, -intent.quantity, intent.quantity)),
        ]

        before, after = memory.read_data, Signal(shape)
        m.d.comb += [
            self.fails.eq((before.as_unsigned() ^ selling.replicate(shape.width)).as_signed() > bound),
            after.eq(Mux(self.approved, before + change, before)),
            memory.read_address.eq(intent.symbol),
            # Written back when refused too, so that the write need not wait for the verdict.
            memory.write_enable.eq(judging),
            memory.write_address.eq(symbol),
            memory.write_data.eq(after),
            self.ready.eq(memory.ready),
        ]
        m.d.sync += self.position.eq(after)
        return m
