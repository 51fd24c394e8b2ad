"""The best five price levels of every symbol's sides, collected in free slots: ``spec.records.DEPTH``."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import DEPTH, DEPTH_LEVELS, LEVEL_ORDERS_BITS, LEVEL_QUANTITY_BITS

from ..arithmetic import times
from ..memory import SweptMemory
from ..records import records
from .operation import PRICE_BITS, Ring, background, result, symbol_index
from .pipeline import lowest_one_hot

_Level = data.StructLayout({"price": PRICE_BITS, "quantity": LEVEL_QUANTITY_BITS, "orders": LEVEL_ORDERS_BITS})


class Depth(wiring.Component):
    """Publishes the best levels of each side that changed, as they stand at one moment between two messages.

    A walk down a side asks for its best level, then again and again for the best below the cursor, the level found
    last: first in the rest of its word, then in the words below. Meanwhile every result that passes changes the levels
    found so far. So all levels at the cursor or better are in the set at any time: one that is not in it and comes was
    empty before. With five in the set, or none left to find, the set is the side's depth as of the result that made it
    so, the record's ``message``; it is sorted and published. Whatever a walk's query finds outside the law ends it.

    A side is marked when a result changed it, or the symbol's soundness may have changed with it; its mark goes when a
    walk begins. A gap in the feed reaches a side's record with the next result of the symbol. Marked sides take turns.

    Masks: of all words and places the first query is for, then for one word and the places below the cursor, then for
    the words below and all places. They stand still while a query is asked for or out. A mask of no words finds none.

    Delay: a query is asked for ``OWN`` = 4 cycles after the last one's result. Where it waits w cycles for its slot and
    its result comes 7 cycles after that, it costs 11 + w cycles. An undisturbed walk has at most 9: one for the first
    level, two for each of four more, or for three and for the end. ``AROUND`` = 16 cycles are around them: the mark is
    found (1) and cleared (2: a message may come first), levels are sorted (10), sealed (1), published (1), and the
    search goes on (1).
    Of a wire full of deletes, one in 2.6 cycles, none follows another at once: every other cycle at least is free, and
    with half of these for others w <= 3. So a walk takes at most 9 * 14 + 16 = 142 cycles. A mark is seen 3 cycles
    after its result, and then come the walk under way, one for each side, and the search between them: a record comes
    at most (2 * symbols + 1) * 142 + 2 * symbols + 3 cycles after the result, 18 449 (57 us) with 64 symbols.
    What prolongs a walk:

    - a level that is found, and emptied before the walk's end: two queries, 28 cycles. A walk that a drain overtakes
      finds each level at most once: it has at most levels + words + 1 queries;
    - a window that moves under it: it begins again, after one query more, whose answer is void;
    - holds and releases of moving windows in slots next to each other: a mark is cleared in a cycle without a result
      that marks the same side of any symbol.

    Free slots that the host's snapshot takes are not ours either.

    Sweep: one cycle per symbol.

    Parameters
    ----------
    design : Design

    Members
    -------
    results : In(result(design))
        What each operation found and did, in their order.
    requests : Out(stream)
        Masked queries; at most one is asked for or out.
    word_mask, place_mask : Out
        The words and places that the query looks among. They belong to the slot and the ring, not to prices.
    depths : Out(records(DEPTH))
    ready : Out(1)
    """

    OWN = 4  #: cycles from a query's result to the request of the next
    AROUND = 16  #: cycles of a walk that are not spent on queries

    def __init__(self, *, design: Design):
        self._design = design
        ring = Ring(design)
        super().__init__({
            "results": In(result(design)), "requests": Out(stream.Signature(background(design))),
            "word_mask": Out(ring.words), "place_mask": Out(ring.places), "depths": Out(records(DEPTH)),
            "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        symbols, ring = self._design.symbols, Ring(self._design)
        # Held orders lie less than ``levels`` ticks apart. A tick is 1 or 4 * 25, and 25 is odd: levels differ in these
        # bits of their prices.
        key_bits = ring.slot_bits + 2

        # The walk's side, and what marks are left: a memory per side, which results set and the walk clears.
        walk = Signal(data.StructLayout({"side": 1, "symbol": symbol_index(self._design)}))
        clear = Signal()
        cleared = Signal()
        turn = Signal.like(walk)
        looked = Signal.like(walk)
        seen = Signal(result(self._design), reset_less=True)
        seen_valid = Signal()
        m.d.sync += [seen.eq(self.results), seen_valid.eq(self.results.valid)]
        marking = Signal()
        marks_other = Signal()
        m.d.comb += [
            marking.eq(seen_valid & ~seen.query),
            # Soundness goes with a result that is not sound, and comes back with one that moves no shares.
            marks_other.eq(~seen.sound | ~(seen.takes | seen.adds)),
        ]
        marked = []
        for side in range(2):
            marks = SweptMemory(shape=1, depth=len(symbols))
            m.submodules[f"marks_{side}"] = marks
            set_here = Signal(name=f"set_{side}")
            clear_here = Signal(name=f"clear_{side}")
            m.d.comb += [
                set_here.eq(marking & (marks_other | (seen.side == side))),
                clear_here.eq(clear & (walk.side == side) & ~set_here),
                marks.read_address[0].eq(turn.symbol),
                marks.write_enable.eq(set_here | clear_here),
                marks.write_address.eq(Mux(set_here, seen.symbol, walk.symbol)),
                marks.write_data.eq(set_here),
            ]
            with m.If(clear_here):
                m.d.comb += cleared.eq(1)
            marked.append(marks)
        m.d.comb += self.ready.eq(marked[0].ready & marked[1].ready)

        # One cycle after a result: what it does to the levels found, if it is of the walk's side. A replacement at its
        # own price is a change of one level.
        ours = Signal()
        answer = Signal()
        windowed = Signal()
        some = Signal()
        inside = Signal()
        takes = Signal()
        take_key = Signal(key_bits)
        take_quantity = Signal(signed(33))
        take_orders = Signal()
        puts = Signal()
        put = Signal(_Level)
        slot = Signal(ring.slot_bits)
        floor = Signal(range(ring.words))
        header = data.StructLayout({"message": 32, "low": PRICE_BITS, "high": PRICE_BITS, "sound": 1, "better": 1,
                                    "worse": 1})
        now = Signal(header, reset_less=True)
        same = Signal()
        found = Signal()
        m.d.comb += [
            same.eq(seen.takes & seen.adds & (seen.take_price[:key_bits] == seen.add_price[:key_bits])),
            found.eq(seen.query & seen.any & seen.inside),
        ]
        m.d.sync += [
            ours.eq(seen_valid & (seen.symbol == walk.symbol) & (seen.side == walk.side)),
            answer.eq(seen_valid & seen.query & seen.masked),
            windowed.eq(seen.windowed),
            some.eq(seen.any),
            inside.eq(seen.inside),
            takes.eq(seen.takes & ~same),
            take_key.eq(seen.take_price),
            take_quantity.eq(-seen.take_shares),
            take_orders.eq(seen.take_orders),
            puts.eq(Mux(seen.query, found & seen.masked, seen.adds)),
            put.price.eq(Mux(seen.query, seen.price, seen.add_price)),
            put.quantity.eq(Mux(seen.query, seen.quantity, seen.add_shares) - Mux(same, seen.take_shares, 0)),
            put.orders.eq(Mux(seen.query, seen.orders, ~(same & seen.take_orders))),
            slot.eq(seen.slot), floor.eq(seen.floor),
            now.message.eq(seen.message), now.low.eq(seen.window.law_low), now.high.eq(seen.window.law_high),
            now.sound.eq(seen.sound), now.better.eq(seen.better), now.worse.eq(seen.worse),
        ]

        # Two cycles after it: the set. What is not valid holds zeros, so that a level that comes is added to it.
        valid = Signal(DEPTH_LEVELS)
        levels = [Signal(_Level, name=f"level_{i}") for i in range(DEPTH_LEVELS)]
        live = Signal()
        walking = Signal()  # the state WALK, as a register of its own since much waits for it
        begun = Signal()
        again = Signal()
        cursor = Signal(PRICE_BITS)  # larger is better: a bid's price, the complement of an ask's
        takes_from = Signal(DEPTH_LEVELS)
        puts_to = Signal(DEPTH_LEVELS)
        comes_to = Signal(DEPTH_LEVELS)
        matches = Signal(DEPTH_LEVELS)
        fits = Signal()
        comes = Signal()
        empties = Signal(DEPTH_LEVELS)
        put_rank = Signal(PRICE_BITS)
        change = Signal()
        m.d.comb += [
            live.eq(walking & ~valid.all() & ~again),
            change.eq(live & ours),
            put_rank.eq(put.price ^ walk.side.replicate(PRICE_BITS)),
            fits.eq(answer | begun & (put_rank >= cursor)),
            comes.eq(change & puts & fits & ~matches.any()),
            comes_to.eq(lowest_one_hot(~valid) & comes.replicate(DEPTH_LEVELS)),
            puts_to.eq(matches & (change & puts).replicate(DEPTH_LEVELS) | comes_to),
        ]
        exchange = Signal(DEPTH_LEVELS - 1)  # sorting: a place and the next change their levels
        drop = Signal(DEPTH_LEVELS)
        for i, level in enumerate(levels):
            key = level.price[:key_bits]
            m.d.comb += [
                matches[i].eq(valid[i] & (put.price[:key_bits] == key)),
                takes_from[i].eq(change & takes & valid[i] & (take_key == key)),
                empties[i].eq(takes_from[i] & take_orders & (level.orders == 1)),
            ]
            old = Signal(_Level, name=f"old_{i}")
            old_valid = Signal(name=f"old_valid_{i}")
            m.d.comb += [old.eq(level), old_valid.eq(valid[i])]
            moved = C(0, 1)
            for other, swap in ((i - 1, i - 1), (i + 1, i)):
                if 0 <= other < DEPTH_LEVELS:
                    moved = moved | exchange[swap]
                    with m.If(exchange[swap]):
                        m.d.comb += [old.eq(levels[other]), old_valid.eq(valid[other])]
            take, place = takes_from[i], puts_to[i]
            m.d.sync += [
                # Both sums are made while it is found out which of them is meant; a level never takes both.
                level.quantity.eq(Mux(moved, old.quantity, Mux(
                    take, level.quantity + take_quantity, Mux(
                        place, level.quantity + put.quantity, level.quantity)))),
                level.orders.eq(Mux(moved, old.orders, Mux(
                    take, level.orders - take_orders, Mux(place, level.orders + put.orders, level.orders)))),
                valid[i].eq(old_valid & ~empties[i] | comes_to[i]),
            ]
            with m.If(moved | comes_to[i]):
                m.d.sync += level.price.eq(Mux(moved, old.price, put.price))
            with m.If(drop[i]):
                m.d.sync += [level.eq(0), valid[i].eq(0)]

        # The cursor's word and place, and from them the masks.
        word = Signal(range(ring.words))
        place = Signal(ring.word_bits)
        bottom = Signal(PRICE_BITS)
        start = Signal(range(ring.words))
        below = Signal()  # queries for the words below the cursor's; for all of them
        whole = Signal()
        fine = Signal()
        offset = Signal(ring.word_bits + 7)
        m.d.sync += [
            fine.eq(Array(C(s.tick == 1, 1) for s in symbols)[walk.symbol]),
            offset.eq(Mux(fine, place, times(place, max(s.tick for s in symbols)))),
            bottom.eq(cursor - offset),
        ]
        words_below = Cat(Mux(word < start, (i >= start) | (i < word), (i >= start) & (i < word))
                          for i in range(ring.words))

        asking = Signal()
        out = Signal()
        step = Signal()
        m.d.comb += [
            self.requests.valid.eq(asking),
            self.requests.payload.query.eq(1),
            self.requests.payload.masked.eq(1),
            self.requests.payload.symbol.eq(walk.symbol),
            self.requests.payload.side.eq(walk.side),
        ]
        with m.If(answer):
            m.d.sync += out.eq(0)
        with m.If(asking & self.requests.ready):
            m.d.sync += [asking.eq(0), out.eq(1)]

        frozen = Signal(header)
        beyond = Signal()  # orders rest in levels that the law has left
        known = Signal()
        cut = Signal()
        number = Signal(range(DEPTH_LEVELS + 1))
        looking = Signal()
        count = Signal(range(2 * DEPTH_LEVELS))
        m.d.sync += known.eq(frozen.sound & ~frozen.better & (valid.any() | ~(frozen.worse | beyond)))

        with m.FSM():
            with m.State("SEEK"):
                with m.If(~asking & ~out):  # a query of the last walk may be left
                    m.d.sync += [looking.eq(1), looked.eq(turn)]
                    with m.If(looking & Mux(looked.side, marked[1].read_data[0], marked[0].read_data[0])):
                        m.d.sync += [walk.eq(looked), looking.eq(0)]
                        m.next = "CLEAR"
                    with m.Else():
                        m.d.sync += Value.cast(turn).eq(
                            Mux(Value.cast(turn) == 2 * len(symbols) - 1, 0, Value.cast(turn) + 1))
            with m.State("CLEAR"):
                m.d.comb += [clear.eq(1), drop.eq(-1)]
                m.d.sync += [self.word_mask.eq(-1), self.place_mask.eq(-1), whole.eq(1), below.eq(0), begun.eq(0),
                             again.eq(0), beyond.eq(0), step.eq(0), count.eq(0)]
                with m.If(cleared):
                    m.d.sync += [asking.eq(1), walking.eq(1)]
                    m.next = "WALK"
            with m.State("WALK"):
                m.d.sync += step.eq(0)
                with m.If(change):
                    m.d.sync += frozen.eq(now)
                    with m.If(windowed):
                        m.d.sync += again.eq(1)
                with m.If(valid.all()):
                    m.d.sync += walking.eq(0)
                    m.next = "SORT"
                with m.Elif(answer & again):
                    m.d.sync += walking.eq(0)
                    m.next = "CLEAR"
                with m.Elif(answer & some & inside):
                    m.d.sync += [
                        begun.eq(1), cursor.eq(put_rank), start.eq(floor), Cat(place, word).eq(slot),
                        whole.eq(0), below.eq(slot[:ring.word_bits] == 0), step.eq(1),
                    ]
                with m.Elif(answer & ~some & ~below & ~whole):
                    m.d.sync += [cursor.eq(bottom), below.eq(1), step.eq(1)]
                with m.Elif(answer):
                    m.d.sync += beyond.eq(some)
                    m.d.sync += walking.eq(0)
                    m.next = "SORT"
                with m.If(step & ~valid.all()):
                    m.d.sync += [
                        self.word_mask.eq(Mux(below, words_below, 1 << word)),
                        self.place_mask.eq(Mux(below, -1, Cat(i < place for i in range(ring.places)))),
                        asking.eq(1),
                    ]
            with m.State("SORT"):  # neighbours in turns: compared in one cycle, exchanged in the next
                m.d.sync += count.eq(count + 1)
                for i in range(DEPTH_LEVELS - 1):
                    lower = levels[i].price < levels[i + 1].price
                    m.d.sync += exchange[i].eq(~count[0] & (count[1] == i % 2) & valid[i + 1]
                                               & (~valid[i] | (lower ^ walk.side)))
                with m.If(count == 2 * DEPTH_LEVELS - 1):
                    m.next = "SEAL"
            with m.State("SEAL"):
                m.d.comb += drop.eq(~valid | ~known.replicate(DEPTH_LEVELS))
                m.d.sync += [
                    number.eq(Mux(known, sum(valid[i] for i in range(DEPTH_LEVELS)), 0)),
                    cut.eq(known & ~valid.all() & (frozen.worse | beyond)),
                ]
                m.next = "PUBLISH"
            with m.State("PUBLISH"):
                m.d.comb += self.depths.valid.eq(1)
                m.next = "SEEK"

        record = self.depths.payload
        m.d.comb += [
            record.message.eq(frozen.message), record.symbol.eq(walk.symbol), record.side.eq(walk.side),
            record.low.eq(frozen.low), record.high.eq(frozen.high), record.known.eq(known),
            record.levels.eq(number), record.cut.eq(cut),
        ]
        for i, level in enumerate(levels):
            for name in ("price", "quantity", "orders"):
                m.d.comb += record[f"{name}_{i}"].eq(level[name])
        return m
