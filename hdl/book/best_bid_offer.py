"""Both sides of a symbol, of which an operation changes one."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.ladder import ASK
from spec.records import LEVEL_ORDERS_BITS, LEVEL_QUANTITY_BITS

from ..memory import ForwardedMemory
from .operation import PRICE_BITS, symbol_index

#: The best level of a side. ``known``: it is certain to be the best, or the side to be empty; else all is zero.
Best = data.StructLayout({
    "known": 1, "price": PRICE_BITS, "quantity": LEVEL_QUANTITY_BITS, "orders": LEVEL_ORDERS_BITS,
})
_EMPTY = 1  # known, everything else zero


class BestBidOffer(wiring.Component):
    """Keeps the best level of every symbol's sides and puts an operation's new one, if it has any, beside the other.

    Latency: none from ``best``. II: 1. Sweep: 2 * symbols cycles.

    Parameters
    ----------
    design : Design

    Members
    -------
    symbol, side : In
        Stage 5.
    best : In(Best)
        Stage 6: of that side.
    update : In(1)
        Stage 6: ``best`` is new; else both sides are as they were.
    bid, ask : Out(Best)
        Stage 6.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._symbols = len(design.symbols)
        super().__init__({
            "symbol": In(symbol_index(design)), "side": In(1), "best": In(Best), "update": In(1),
            "bid": Out(Best), "ask": Out(Best), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        own, side = Signal(range(2 * self._symbols)), Signal()
        kept = {}
        for which, read in (("own", self.side), ("other", ~self.side)):
            kept[which] = memory = ForwardedMemory(shape=Best, depth=2 * self._symbols, initial=_EMPTY)
            m.submodules[which] = memory
            m.d.comb += [
                memory.read_address.eq(Cat(read, self.symbol)),
                memory.write_enable.eq(self.update),
                memory.write_address.eq(own),
                memory.write_data.eq(self.best),
            ]
        m.d.sync += [own.eq(Cat(self.side, self.symbol)), side.eq(self.side)]
        mine = Mux(self.update, self.best.as_value(), kept["own"].read_data.as_value())
        theirs = kept["other"].read_data.as_value()
        m.d.comb += [
            self.bid.eq(Mux(side == ASK, theirs, mine)),
            self.ask.eq(Mux(side == ASK, mine, theirs)),
            self.ready.eq(kept["own"].ready & kept["other"].ready),
        ]
        return m
