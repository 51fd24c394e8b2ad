"""Where prices lie from the window of their symbol's side: the law of ``spec.ladder``."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.ladder import ASK, BID, DOLLAR, window_around

from ..memory import SweptMemory
from .operation import PRICE_BITS, Ring, entering_layout, symbol_index, window_row

#: Where a price lies: one of the first three is set. ``entering``: its level is being taken into the window.
#: ``far_better``: in which far count an order belongs that is not inside; while a window is about to take prices in,
#: that is judged from those.
Zone = data.StructLayout({"inside": 1, "better": 1, "worse": 1, "entering": 1, "far_better": 1})


def initial_row(design: Design, index: int) -> int:
    """The row of the symbol's sides after reset, as an integer."""
    symbol, ring = design.symbols[index], Ring(design)
    window = window_around(symbol.reference, symbol.tick, ring.levels)
    word = window.low // symbol.tick >> ring.word_bits
    return window_row(design).const({
        "law_low": window.low, "law_high": window.high, "ring_base": window.low, "ring_word": word % ring.words,
        "lo_word": 0, "hi_word": ring.words,
    }).as_value().value


class Zones(wiring.Component):
    """Keeps every side's window and judges the price of an order that is found and of one that is placed.

    Latency: symbol and side of stage 1, prices of stage 2, the verdict at stage 3. A ``window`` operation is seen by
    the next one. II: 1. Sweep: 2 * symbols cycles.

    Parameters
    ----------
    design : Design

    Members
    -------
    symbol, side : In
        Stage 1.
    write, windows : In
        Stage 2: the operation writes its side's row.
    find_price, find_off, place_price, place_off : In
        Stage 2: price, and whether it is between two ticks.
    entering : In
        Stage 2.
    row : Out
        Stage 3: of the operation's side, after its own write.
    find, place : Out(Zone)
        Stage 3.
    from_better : Out(1)
        Stage 3: entering orders were counted as better before, else as worse.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._design = design
        price = In(PRICE_BITS)
        super().__init__({
            "symbol": In(symbol_index(design)), "side": In(1), "write": In(1), "windows": In(window_row(design)),
            "find_price": price, "find_off": In(1), "place_price": price, "place_off": In(1),
            "entering": In(entering_layout(design)), "row": Out(window_row(design)), "find": Out(Zone),
            "place": Out(Zone), "from_better": Out(1), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        symbols = range(len(self._design.symbols))
        rows = {2 * i + side: initial_row(self._design, i) for i in symbols for side in (BID, ASK)}
        m.submodules.rows = memory = SweptMemory(shape=window_row(self._design), depth=2 * len(symbols), rows=rows)
        symbol, side, address = Signal.like(self.symbol), Signal(), Signal.like(memory.write_address)
        # The row as the RAM has it, and the one that the operation before wrote: prices are held against both while it
        # is found out which counts.
        stored, wrote, written = memory.read_data[0], Signal(), Signal(window_row(self._design))
        written_address, forwards = Signal.like(address), Signal()
        m.d.sync += [wrote.eq(self.write), written.eq(self.windows), written_address.eq(address)]
        m.d.comb += [
            forwards.eq(wrote & (written_address == address)),
            memory.read_address[0].eq(Cat(self.side, self.symbol)),
            memory.write_enable.eq(self.write),
            memory.write_address.eq(address),
            memory.write_data.eq(self.windows),
            self.ready.eq(memory.ready),
        ]

        def judged(of_row) -> Value:
            return Mux(forwards, of_row(written), of_row(stored))

        entering = self.entering
        moves = entering.active & (entering.symbol == symbol) & (entering.side == side)
        m.d.sync += [
            symbol.eq(self.symbol), side.eq(self.side), address.eq(memory.read_address[0]),
            self.row.eq(Mux(self.write, self.windows.as_value(), judged(lambda row: row.as_value()))),
            self.from_better.eq(judged(lambda row: entering.high > row.law_high) ^ side),
        ]
        for zone, price, off in ((self.find, self.find_price, self.find_off),
                                 (self.place, self.place_price, self.place_off)):
            below = judged(lambda row, price=price: price < row.law_low)
            above = judged(lambda row, price=price: price >= row.law_high)
            under, over = price < entering.low, price >= entering.high
            off_worse = ~side & (price < DOLLAR)
            m.d.sync += [
                zone.inside.eq(~off & ~below & ~above),
                zone.better.eq(Mux(off, ~off_worse, Mux(side, below, above))),
                zone.worse.eq(Mux(off, off_worse, Mux(side, above, below))),
                zone.entering.eq(moves & ~off & (below | above) & ~under & ~over),
                zone.far_better.eq(Mux(off, ~off_worse, Mux(moves & (under | over), Mux(side, under, over),
                                                            Mux(side, below, above)))),
            ]
        return m
