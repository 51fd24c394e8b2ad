"""Positions per symbol, and their limit."""

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import DECISION, INTENT, Side

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
        The verdict on the intent of the cycle before.
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
        # Few rows, and the verdict waits for them: LUT RAM, whose output register is a plain flip-flop.
        m.submodules.rows = rows = memory.Memory(
            shape=shape, depth=max(2, self._symbols), init=[], attrs={"ram_style": "distributed"})
        read, write = rows.read_port(), rows.write_port()
        m.d.comb += read.addr.eq(intent.symbol)

        # Three intents may be under way: this one, one being judged, and one whose position is not yet in RAM.
        judging, judged = Signal(), Signal()
        judging_symbol, judged_symbol = Signal(10), Signal(10)
        after = Signal(shape)  # the position of ``judged_symbol``
        written = Signal()  # an approval changed it
        m.d.sync += [
            judging.eq(self.valid),
            judging_symbol.eq(intent.symbol),
            judged.eq(judging),
            judged_symbol.eq(judging_symbol),
        ]

        adjacent, forward, forwarded = Signal(), Signal(), Signal(shape)
        m.d.sync += [
            adjacent.eq(judging & (judging_symbol == intent.symbol)),
            forward.eq(judged & (judged_symbol == intent.symbol)),
            forwarded.eq(after),
        ]
        before = Signal(shape)
        with m.If(adjacent):
            m.d.comb += before.eq(after)
        with m.Elif(forward):
            m.d.comb += before.eq(forwarded)
        with m.Else():
            m.d.comb += before.eq(read.data)

        # A sale is a purchase seen from the other side: with x = position or, inverted, -position - 1,
        # |position +- quantity| > limit becomes x > bound.
        sells = intent.side == Side.SELL.value
        bound = Signal(signed(max(shape.width, 33) + 1))
        change = Signal(shape)
        selling = Signal()
        m.d.sync += [
            bound.eq(limit - intent.quantity - sells),
            change.eq(Mux(sells, -intent.quantity, intent.quantity)),
            selling.eq(sells),
        ]
        m.d.comb += self.fails.eq((before.as_unsigned() ^ selling.replicate(shape.width)).as_signed() > bound)
        m.d.sync += [
            after.eq(Mux(self.approved, before + change, before)),
            written.eq(judging & self.approved),
        ]
        m.d.comb += self.position.eq(after)

        sweep = Signal(range(self._symbols + 1))
        m.d.comb += self.ready.eq(sweep == self._symbols)
        with m.If(self.ready):
            m.d.comb += [write.en.eq(written), write.addr.eq(judged_symbol), write.data.eq(after)]
        with m.Else():
            m.d.sync += sweep.eq(sweep + 1)
            m.d.comb += [write.en.eq(1), write.addr.eq(sweep), write.data.eq(0)]
        return m
