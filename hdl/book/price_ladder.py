"""Price levels of all symbols in shared memory, and the best one of a side: ``spec.ladder``."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.ladder import ASK, window_base
from spec.records import LEVEL_ORDERS_BITS, LEVEL_QUANTITY_BITS

from ..memory import ForwardedMemory, SweptMemory
from .operation import symbol_index
from .pipeline import carry, highest
from .price_grid import POSITION_BITS, PRICE_BITS, unpack

#: The best level of a side. ``known``: it is certain to be the best, or the side to be empty.
Best = data.StructLayout({
    "known": 1, "price": PRICE_BITS, "quantity": LEVEL_QUANTITY_BITS, "orders": LEVEL_ORDERS_BITS,
})
_Level = data.StructLayout({"quantity": LEVEL_QUANTITY_BITS, "orders": LEVEL_ORDERS_BITS})
_Far = data.StructLayout({"better": LEVEL_ORDERS_BITS, "worse": LEVEL_ORDERS_BITS})


class PriceLadder(wiring.Component):
    """Levels with a two-level occupancy bitmap per symbol and side, and counts of the orders beyond the window.

    Within a side levels are numbered by rank, the best price highest, so that one priority encoder serves both sides.
    A word of the bitmap holds the occupancy of neighbouring ranks, the summary that of a side's words. The best level
    is looked up anew for every operation: an emptied level costs nothing. What that look-up reads is written in the
    cycle before it by the same operation: it sees the book as of its own operation, with nothing to forward.

    Latency: the effect of stage 4 is in the best level at stage 8. II: 1. Sweep: 2 * symbols * levels cycles.

    Parameters
    ----------
    design : Design

    Members
    -------
    symbol : In
        Stage 2.
    side, position : In
        Stage 3: of the order that is added or found; without one, any.
    add, reduce, remove, shares : In
        Stage 4: an order comes, shrinks by ``shares`` or goes with its last ``shares``.
    best : Out(Best)
        Stage 8: of the operation's symbol and side.
    added_better, added_worse : Out(1)
        Stage 5: the order was added beyond the window, or between two ticks.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._design = design
        super().__init__({
            "symbol": In(symbol_index(design)), "side": In(1), "position": In(POSITION_BITS),
            "add": In(1), "reduce": In(1), "remove": In(1), "shares": In(32),
            "best": Out(Best), "added_better": Out(1), "added_worse": Out(1), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        symbols, levels = self._design.symbols, self._design.book.levels
        bases = [window_base(s.reference, s.tick, levels) for s in symbols]
        rank_bits = levels.bit_length() - 1
        word_bits = (rank_bits + 1) // 2  # of a rank: its place in its word; the rest is its word
        sides = 2 * len(symbols)

        level_memory = ForwardedMemory(shape=_Level, depth=sides * levels)
        best_level_memory = SweptMemory(shape=_Level, depth=sides * levels)
        word_memory = ForwardedMemory(shape=1 << word_bits, depth=sides * levels >> word_bits)
        best_word_memory = SweptMemory(shape=1 << word_bits, depth=sides * levels >> word_bits)
        summary_memory = ForwardedMemory(shape=levels >> word_bits, depth=sides)
        far_memory = ForwardedMemory(shape=_Far, depth=sides)
        m.submodules.levels, m.submodules.best_levels = level_memory, best_level_memory
        m.submodules.words, m.submodules.best_words = word_memory, best_word_memory
        m.submodules.summaries, m.submodules.far = summary_memory, far_memory
        m.d.comb += self.ready.eq(Cat(memory.ready for memory in (
            level_memory, best_level_memory, word_memory, best_word_memory, summary_memory, far_memory)).all())

        symbol = carry(m, self.symbol, since=2, until=8, name="symbol")
        side = carry(m, self.side, since=3, until=8, name="side")
        book = {stage: Cat(side[stage], symbol[stage]) for stage in range(3, 9)}  # row of a symbol's side

        # Stage 2: the symbol's window; stage 3: where in it the price lies.
        base, fine = Signal(PRICE_BITS), Signal()
        m.d.sync += [
            base.eq(Array(C(b // s.tick, PRICE_BITS) for s, b in zip(symbols, bases, strict=True))[symbol[2]]),
            fine.eq(Array(C(s.tick == 1, 1) for s in symbols)[symbol[2]]),
        ]
        grid = unpack(m, self.position, fine, "grid")
        level = Signal(signed(PRICE_BITS + 1))
        m.d.comb += level.eq(grid.index - base)
        below = level < 0
        above = ~below & level[rank_bits:].any()
        between = ~below & ~above & (grid.remainder != 0)
        rank = carry(m, Signal(rank_bits, name="rank_3"), since=3, until=6, name="rank")
        m.d.comb += rank[3].eq(level[:rank_bits] ^ side[3].replicate(rank_bits))
        inside, better, worse = Signal(), Signal(), Signal()
        m.d.sync += [
            inside.eq(~below & ~above & ~between),
            better.eq(between | Mux(side[3] == ASK, below, above)),
            worse.eq(Mux(side[3] == ASK, above, below)),
        ]
        m.d.comb += [
            level_memory.read_address.eq(Cat(rank[3], book[3])),
            far_memory.read_address.eq(book[3]),
        ]

        # Stage 4: level and far counts are changed; the second copy of the levels follows two cycles later.
        changes = self.add | self.remove | self.reduce
        old, new = level_memory.read_data, level_memory.write_data
        quantity, orders = new.quantity, new.orders
        far, far_new = far_memory.read_data, far_memory.write_data
        m.d.comb += [
            quantity.eq(Mux(self.add, old.quantity + self.shares, old.quantity - self.shares)),
            orders.eq(Mux(self.add, old.orders + 1, old.orders - self.remove)),
            level_memory.write_enable.eq(inside & changes),
            level_memory.write_address.eq(Cat(rank[4], book[4])),
            far_new.better.eq(Mux(self.add, far.better + better, far.better - (better & self.remove))),
            far_new.worse.eq(Mux(self.add, far.worse + worse, far.worse - (worse & self.remove))),
            far_memory.write_enable.eq((better | worse) & changes),
            far_memory.write_address.eq(book[4]),
        ]
        write = Signal(data.StructLayout({"enable": 1, "address": len(level_memory.write_address), "level": _Level}),
                       name="write_4")
        m.d.comb += [write.enable.eq(level_memory.write_enable), write.address.eq(level_memory.write_address),
                     write.level.eq(new)]
        write_6 = carry(m, write, since=4, until=6, name="write")[6]
        m.d.comb += [
            best_level_memory.write_enable.eq(write_6.enable),
            best_level_memory.write_address.eq(write_6.address),
            best_level_memory.write_data.eq(write_6.level),
        ]
        fills, empties = Signal(), Signal()
        far_5 = Signal(_Far)
        m.d.sync += [
            fills.eq(inside & self.add),
            empties.eq(inside & self.remove & (old.orders == 1)),
            far_5.eq(far_new),
            self.added_better.eq(better & self.add),
            self.added_worse.eq(worse & self.add),
        ]
        m.d.comb += word_memory.read_address.eq(Cat(rank[4][word_bits:], book[4]))

        # Stage 5: the bitmap's word; its second copy is written alike and read one cycle later.
        place = Signal(1 << word_bits)
        m.d.comb += place.eq(1 << rank[5][:word_bits])
        word = word_memory.read_data
        kept = Signal.like(place)
        m.d.comb += kept.eq(word & ~Mux(empties, place, 0))
        for memory in (word_memory, best_word_memory):
            m.d.comb += [
                memory.write_enable.eq(fills | empties),
                memory.write_address.eq(Cat(rank[5][word_bits:], book[5])),
                memory.write_data.eq(kept | Mux(fills, place, 0)),
            ]
        occupied, word_changes = Signal(), Signal()
        none_better, none_worse = Signal(), Signal()
        m.d.sync += [
            occupied.eq(fills | kept.any()),
            word_changes.eq(fills | empties),
            none_better.eq(far_5.better == 0),
            none_worse.eq(far_5.worse == 0),
        ]
        m.d.comb += summary_memory.read_address.eq(book[5])

        # Stage 6: the summary, and from it the best word.
        place_6 = Signal(levels >> word_bits)
        m.d.comb += place_6.eq(1 << rank[6][word_bits:])
        summary = Signal(levels >> word_bits)
        m.d.comb += [
            summary.eq(summary_memory.read_data & ~place_6 | Mux(occupied, place_6, 0)),
            summary_memory.write_enable.eq(word_changes),
            summary_memory.write_address.eq(book[6]),
            summary_memory.write_data.eq(summary),
        ]
        any_6, best_word = highest(summary)
        m.d.comb += best_word_memory.read_address[0].eq(Cat(best_word, book[6]))
        best_word_7, any_7, any_8 = Signal.like(best_word), Signal(), Signal()
        exact_7, exact_8 = Signal(), Signal()
        m.d.sync += [
            best_word_7.eq(best_word), any_7.eq(any_6), any_8.eq(any_7),
            exact_7.eq(none_better & (any_6 | none_worse)), exact_8.eq(exact_7),
        ]

        # Stage 7: the best level.
        _, best_place = highest(best_word_memory.read_data[0])
        best_rank = Cat(best_place, best_word_7)
        m.d.comb += best_level_memory.read_address[0].eq(Cat(best_rank, book[7]))
        best_base, best_number, best_fine = Signal(PRICE_BITS), Signal(rank_bits), Signal()
        m.d.sync += [
            best_base.eq(Array(C(b, PRICE_BITS) for b in bases)[symbol[7]]),
            best_fine.eq(Array(C(s.tick == 1, 1) for s in symbols)[symbol[7]]),
            best_number.eq(best_rank ^ side[7].replicate(rank_bits)),
        ]

        # Stage 8.
        dollar_tick = max(s.tick for s in symbols)
        best = best_level_memory.read_data[0]
        with m.If(any_8):
            m.d.comb += [
                self.best.price.eq(best_base + Mux(best_fine, best_number, best_number * dollar_tick)),
                self.best.quantity.eq(best.quantity),
                self.best.orders.eq(best.orders),
            ]
        m.d.comb += self.best.known.eq(exact_8)
        return m
