"""Profit and loss, and the limit of the loss."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import NOTIONAL_BITS, UPDATE

from ..memory import ForwardedMemory
from ..multiplier import BITS, Multiplier
from ..pipeline import delay
from ..records import records
from .replies import Fill
from .shapes import NOTIONAL, SHARES

_Mark = data.StructLayout({"traded": 1, "price": 32})  #: traded: of a print on the market, else of our own execution


class Loss(wiring.Component):
    """Values every position at its symbol's last trade, before the first at the price of our newest execution.

    Each update and each execution changes equity by one product: shares held times the change of the mark, or shares
    executed times the mark's distance from their price. Latency: ``exceeded`` ``LATENCY`` cycles after an update, or
    after an execution was taken. II = 1 for updates; executions are taken in cycles without one. Sweep: one cycle per
    symbol.

    Members
    -------
    updates
    fills
    max_loss
        1/10 000 dollar x shares; 0: none.
    exceeded
        The loss is greater.
    ready
    """

    LATENCY = 9

    def __init__(self, *, design: Design):
        self._symbols = len(design.symbols)
        super().__init__({
            "updates": In(records(UPDATE)), "fills": In(stream.Signature(Fill)), "max_loss": In(NOTIONAL_BITS - 1),
            "exceeded": Out(1), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.marks = marks = ForwardedMemory(shape=_Mark, depth=self._symbols)
        m.submodules.held = held = ForwardedMemory(shape=SHARES, depth=self._symbols)
        update, fill = self.updates, self.fills.payload
        m.d.comb += [
            self.ready.eq(marks.ready & held.ready),
            self.fills.ready.eq(~update.valid & self.ready),
        ]

        # Cycle 0: whose; cycle 1: by how much what is held counts more.
        symbol = Mux(update.valid, update.payload.symbol, fill.symbol)
        m.d.comb += [marks.read_address.eq(symbol), held.read_address.eq(symbol)]
        updates, fills = Signal(), Signal()
        symbol_1, fill_1, trade = Signal.like(fill.symbol), Signal(Fill), Signal(32)
        m.d.sync += [
            updates.eq(update.valid & (update.payload.last_trade != 0)), fills.eq(self.fills.valid & self.fills.ready),
            symbol_1.eq(symbol), fill_1.eq(fill), trade.eq(update.payload.last_trade),
        ]
        mark, shares, signed_quantity = marks.read_data, held.read_data, Signal(SHARES)
        m.d.comb += [
            signed_quantity.eq(Mux(fill_1.side, -fill_1.quantity, fill_1.quantity)),
            *(memory.write_address.eq(symbol_1) for memory in (marks, held)),
            marks.write_enable.eq(updates | fills & ~mark.traded),
            marks.write_data.eq(Cat(updates, Mux(updates, trade, fill_1.price))),
            held.write_enable.eq(fills),
            held.write_data.eq(shares + signed_quantity),
        ]
        counts, moves = Signal(SHARES), Signal(signed(33))
        traded_fill = fills & mark.traded
        m.d.sync += [
            counts.eq(Mux(updates, shares, Mux(traded_fill, signed_quantity, Mux(fills, shares, 0)))),
            moves.eq(Mux(traded_fill, mark.price, Mux(updates, trade, fill_1.price))
                     - Mux(traded_fill, fill_1.price, mark.price)),
        ]

        # Cycle 2: sign and magnitudes; 3 and 4: products of the magnitude's halves; 5: their sum; 6: equity.
        negative, size, distance = Signal(), Signal(len(counts)), Signal(32)
        m.d.sync += [
            negative.eq(counts[-1] ^ moves[-1]),
            size.eq(Mux(counts[-1], -counts, counts)),
            distance.eq(Mux(moves[-1], -moves, moves)),
        ]
        products = []
        for name, part in (("low", size[:BITS]), ("high", size[BITS:])):
            m.submodules[name] = multiplier = Multiplier()
            m.d.comb += [multiplier.left.eq(part), multiplier.right.eq(distance)]
            products.append(multiplier.product)
        change, equity, limit = Signal(NOTIONAL), Signal(NOTIONAL), Signal(signed(NOTIONAL_BITS + 1))
        m.d.sync += change.eq(products[0] + (products[1] << BITS))
        limited = Signal()
        loses = delay(m, negative, Multiplier.LATENCY + 1, name="loses")
        m.d.sync += [
            equity.eq(equity + Mux(loses, ~change, change) + loses),
            limit.eq(equity + self.max_loss),
            limited.eq(self.max_loss != 0),
            self.exceeded.eq((limit < 0) & limited),
        ]
        return m
