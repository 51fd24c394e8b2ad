"""Price levels of all symbols in shared memory, and the best one of a side: ``spec.ladder``."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import LEVEL_ORDERS_BITS, LEVEL_QUANTITY_BITS

from ..arithmetic import table
from ..memory import ForwardedMemory, SetClearMemory, SweptMemory
from .operation import PRICE_BITS, Ring, symbol_index, window_row
from .pipeline import carry, highest

_Level = data.StructLayout({"quantity": LEVEL_QUANTITY_BITS, "orders": LEVEL_ORDERS_BITS})


def found_level(design: Design) -> data.StructLayout:
    """The best level of a side: as in ``operation.result``. Meaningless where not ``any``."""
    ring = Ring(design)
    return data.StructLayout({
        "any": 1, "inside": 1, "slot": ring.slot_bits, "number": ring.slot_bits, "price": PRICE_BITS,
        "quantity": LEVEL_QUANTITY_BITS, "orders": LEVEL_ORDERS_BITS, "floor": range(ring.words),
    })


class PriceLadder(wiring.Component):
    """Levels with a two-level occupancy bitmap per symbol and side.

    A price's slot is its tick modulo the number of levels, inverted for asks, so that a higher place in a word is the
    better price on both sides; the words follow one another around the ring from its floor up. A window moves along
    the ring, nothing moves in memory.

    A level is the difference of two sums: of all that was added, and of all that was taken away. Each sum has one
    writer, so that a replace changes two levels, of the same side or the same level, in one cycle. The best level is
    looked up anew for every operation: an emptied level costs nothing. What that look-up reads is written in the cycle
    before it by the same operation: it sees the book as of its own operation, with nothing to forward.

    Latency: the change of stage 3 is in the best level at stage 6. II: 1. Sweep: 2 * symbols * levels cycles.

    Parameters
    ----------
    design : Design

    Members
    -------
    symbol, side, find_slot, place_slot : In
        Stage 1.
    row : In
        Stage 3: the side's window.
    adds, add_shares : In
        Stage 3: an order more at ``place_slot``.
    takes, take_orders, take_shares : In
        Stage 3: shares, and with ``take_orders`` their order, go from ``find_slot``.
    masked, word_mask, place_mask : In
        Stages 3 and 4: only these words, and of the best one only these places, are looked at.
    best : Out(found_level(design))
        Stage 6.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._design, self._ring = design, Ring(design)
        ring = self._ring
        super().__init__({
            "symbol": In(symbol_index(design)), "side": In(1), "find_slot": In(ring.slot_bits),
            "place_slot": In(ring.slot_bits), "row": In(window_row(design)), "adds": In(1), "add_shares": In(32),
            "takes": In(1), "take_orders": In(1), "take_shares": In(32), "masked": In(1), "word_mask": In(ring.words),
            "place_mask": In(ring.places), "best": Out(found_level(design)), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        ring, word_bits = self._ring, self._ring.word_bits
        sides = 2 * len(self._design.symbols)
        rows = sides * ring.levels

        added = ForwardedMemory(shape=_Level, depth=rows, latency=2)
        # How many orders were added, less one: as many were taken when one rests.
        all_but_one = ForwardedMemory(shape=LEVEL_ORDERS_BITS, depth=rows, latency=2, initial=-1)
        taken = ForwardedMemory(shape=_Level, depth=rows, latency=2)
        best_added, best_taken = SweptMemory(shape=_Level, depth=rows), SweptMemory(shape=_Level, depth=rows)
        words = SetClearMemory(width=ring.places, depth=sides * ring.words, latency=2)
        summaries = ForwardedMemory(shape=ring.words, depth=sides, latency=2)
        memories = {"added": added, "all_but_one": all_but_one, "taken": taken, "best_added": best_added,
                    "best_taken": best_taken, "words": words, "summaries": summaries}
        for name, memory in memories.items():
            m.submodules[name] = memory
        m.d.comb += self.ready.eq(Cat(memory.ready for memory in memories.values()).all())

        # Stage 1: the two levels are read, and their words.
        side = carry(m, self.side, since=1, until=6, name="side")
        book = carry(m, Cat(self.side, self.symbol), since=1, until=5, name="book")
        find_slot = carry(m, self.find_slot, since=1, until=4, name="find_slot")
        place_slot = carry(m, self.place_slot, since=1, until=4, name="place_slot")
        find = {stage: Cat(find_slot[stage], book[stage]) for stage in (1, 2, 3)}
        place = {stage: Cat(place_slot[stage], book[stage]) for stage in (1, 2, 3)}
        m.d.comb += [
            added.read_address.eq(place[1]), all_but_one.read_address.eq(find[1]), taken.read_address.eq(find[1]),
            words.set_address.eq(place[1][word_bits:]), words.clear_address.eq(find[1][word_bits:]),
            summaries.read_address.eq(book[2]),
        ]
        same = Signal()
        m.d.sync += same.eq(find_slot[2] == place_slot[2])

        # Stage 3: the levels change, and with them their words.
        more, less = added.write_data, taken.write_data
        m.d.comb += [
            more.quantity.eq(added.read_data.quantity + self.add_shares),
            more.orders.eq(added.read_data.orders + 1),
            less.quantity.eq(taken.read_data.quantity + self.take_shares),
            less.orders.eq(taken.read_data.orders + self.take_orders),
            added.write_enable.eq(self.adds), added.write_address.eq(place[3]),
            taken.write_enable.eq(self.takes), taken.write_address.eq(find[3]),
            all_but_one.write_enable.eq(self.adds), all_but_one.write_address.eq(place[3]),
            all_but_one.write_data.eq(added.read_data.orders),
        ]
        for memory, source in ((best_added, added), (best_taken, taken)):
            enable, address, level = Signal(), Signal.like(source.write_address), Signal(_Level)
            m.d.sync += [enable.eq(source.write_enable), address.eq(source.write_address), level.eq(source.write_data)]
            m.d.comb += [memory.write_enable.eq(enable), memory.write_address.eq(address), memory.write_data.eq(level)]
        empties, others = Signal(), Signal()
        find_place, place_place = Signal(ring.places), Signal(ring.places)
        m.d.comb += [
            empties.eq(self.takes & self.take_orders & ~(same & self.adds)
                       & (all_but_one.read_data == taken.read_data.orders)),
            find_place.eq(1 << find_slot[3][:word_bits]), place_place.eq(1 << place_slot[3][:word_bits]),
            words.set_enable.eq(self.adds), words.set_mask.eq(place_place),
            words.clear_enable.eq(empties), words.clear_mask.eq(find_place),
        ]
        emptied, filled_word = Signal(), Signal(ring.words)
        emptied_word, above, below = Signal(ring.words), Signal(ring.words), Signal(ring.words)
        floor = Signal(range(ring.words))
        wanted = Signal(ring.words)
        m.d.comb += [
            floor.eq(Mux(side[3], -self.row.ring_word, self.row.ring_word)),
            wanted.eq(self.word_mask | ~self.masked.replicate(ring.words)),
        ]
        m.d.sync += [
            emptied.eq(empties), others.eq((words.clear_row & ~find_place).any()),
            filled_word.eq(Mux(self.adds, 1 << place_slot[3][word_bits:], 0)),
            emptied_word.eq(1 << find_slot[3][word_bits:]),
            above.eq(Cat(i < floor for i in range(ring.words)) & wanted),  # beyond the end of the ring: better
            below.eq(Cat(i >= floor for i in range(ring.words)) & wanted),
        ]

        # Stage 4: the summary, and from it the best word.
        changed_4 = Signal()
        m.d.sync += changed_4.eq(self.adds | self.takes)
        summary = Signal(ring.words)
        m.d.comb += [
            summary.eq(summaries.read_data & ~Mux(emptied & ~others, emptied_word, 0) | filled_word),
            summaries.write_enable.eq(changed_4),
            summaries.write_address.eq(book[4]),
            summaries.write_data.eq(summary),
        ]
        any_above, word_above = highest(summary & above)
        any_below, word_below = highest(summary & below)
        best_word, some_word = Signal(range(ring.words)), Signal()
        m.d.sync += some_word.eq(any_above | any_below)
        m.d.comb += [
            best_word.eq(Mux(any_above, word_above, word_below)),
            words.look_address[0].eq(Cat(best_word, book[4])),
        ]

        # Stage 5: the best level of that word, and the price at which the word begins.
        window = carry(m, self.row, since=3, until=5, name="row")
        looked_at = Signal(ring.places)
        masked = carry(m, self.masked, since=3, until=4, name="masked")
        m.d.sync += looked_at.eq(self.place_mask | ~masked[4].replicate(ring.places))
        floors = carry(m, floor, since=3, until=6, name="floor")
        word_5 = Signal.like(best_word)
        m.d.sync += word_5.eq(best_word)
        any_5, place_5 = highest(words.look_row[0] & looked_at)
        slot_5 = Cat(place_5, word_5)
        for memory in (best_added, best_taken):
            m.d.comb += memory.read_address[0].eq(Cat(slot_5, book[5]))
        number = Signal.like(word_5)
        m.d.comb += number.eq((word_5 ^ side[5].replicate(len(word_5))) - window[5].ring_word)
        symbol_5 = book[5][1:]
        fine_5, fine = Signal(), Signal()
        m.d.comb += fine_5.eq(Array(C(s.tick == 1, 1) for s in self._design.symbols)[symbol_5])
        tick = max(s.tick for s in self._design.symbols)
        best, word_price, place_6 = self.best, Signal(PRICE_BITS), Signal.like(place_5)
        word_6 = Signal.like(word_5)
        m.d.sync += [
            best.any.eq(some_word & any_5), best.slot.eq(slot_5), word_6.eq(number),
            best.inside.eq((number >= window[5].lo_word) & (number < window[5].hi_word)),
            word_price.eq(window[5].ring_base + (Mux(
                fine_5, number, table(number, [tick * word for word in range(ring.words)])) << word_bits)),
            place_6.eq(place_5 ^ side[5].replicate(word_bits)), fine.eq(fine_5),
        ]

        # Stage 6.
        more, less = best_added.read_data[0], best_taken.read_data[0]
        m.d.comb += [
            best.number.eq(Cat(place_6, word_6)),
            best.price.eq(word_price + Mux(
                fine, place_6, table(place_6, [tick * place for place in range(ring.places)]))),
            best.quantity.eq(more.quantity - less.quantity),
            best.orders.eq(more.orders - less.orders),
            best.floor.eq(floors[6]),
        ]
        return m
