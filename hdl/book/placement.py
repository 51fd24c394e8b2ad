"""Which entry of the order table a new order goes to: the d-left rule of ``spec.order_table``."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import Book

from ..arithmetic import table
from ..memory import SetClearMemory
from .pipeline import lowest_one_hot


def places(book: Book) -> int:
    """Bits of a place: one per entry of the bucket in each sub-table, then one per spill entry; one-hot."""
    return book.tables * book.ways + book.spill


class Placement(wiring.Component):
    """Occupancy of every bucket and of the spill; chooses places and frees them.

    Occupancy lies apart from the entries: the choice is one short loop, an entry needs no valid bit and its RAM no
    sweep, and a replace takes a place and gives up another in the same cycle.
    Latency: an operation sees every earlier one. II: 1. Sweep: ``book.buckets`` cycles.

    Parameters
    ----------
    book : Book

    Members
    -------
    look_old, look_new : In, arrays of ``book.tables``
        Stage -1: buckets of the references that are looked up.
    used_old, used_new : Out, arrays of ``book.tables``
        Stage 0: which of their entries are taken, but for what the five operations ahead do.
    old_buckets, new_buckets : In, arrays of ``book.tables``
        Stage 1.
    insert, remove : In(1)
        Stage 3: ``new`` wants a place; ``old`` gives ``place`` up.
    place : In(places(book))
        Stage 3.
    chosen : Out(places(book))
        Stage 3: where an order to be inserted goes; zero when ``full``.
    full : Out(1)
        Stage 3: there is no room.
    spill : Out(book.spill)
        Which spill entries are taken; changes with the entry.
    ready : Out(1)
    """

    def __init__(self, *, book: Book):
        self._book = book
        buckets = In(range(book.buckets)).array(book.tables)
        super().__init__({
            "look_old": buckets, "look_new": buckets, "old_buckets": buckets, "new_buckets": buckets,
            "used_old": Out(book.ways).array(book.tables), "used_new": Out(book.ways).array(book.tables),
            "insert": In(1), "remove": In(1), "place": In(places(book)),
            "chosen": Out(places(book)), "full": Out(1), "spill": Out(book.spill), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        book, tables, ways = self._book, range(self._book.tables), self._book.ways
        rows, used, count, fewest = [], [], [], []
        # What look-ups see changes together with the entry, a cycle after the choice.
        spill = Signal(book.spill)
        m.d.sync += self.spill.eq(spill)
        for t in tables:
            rows.append(SetClearMemory(width=ways, depth=book.buckets, latency=2, looks=2, behind=1))
            m.submodules[f"occupancy_{t}"] = rows[t]
            used.append(rows[t].set_row)
            count.append(Signal(range(ways + 1), name=f"count_{t}"))
            m.d.comb += [
                rows[t].look_address[0].eq(self.look_old[t]), self.used_old[t].eq(rows[t].look_row[0]),
                rows[t].look_address[1].eq(self.look_new[t]), self.used_new[t].eq(rows[t].look_row[1]),
                rows[t].set_address.eq(self.new_buckets[t]), rows[t].clear_address.eq(self.old_buckets[t]),
                count[t].eq(table(used[t], [taken.bit_count() for taken in range(1 << ways)])),
            ]
        # Small sums and comparisons are tables, one or two levels of logic where carry chains would take more.
        bits = len(count[0])
        orders = range(1 << bits)
        for t in tables:
            fewest.append(Cat(table(Cat(count[t], count[u]), [
                int(mine < theirs or mine == theirs and t < u) for theirs in orders for mine in orders])
                for u in tables if u != t).all())

        full_tables = Signal()
        m.d.comb += [
            full_tables.eq(Cat(bucket.all() for bucket in used).all()),
            self.chosen.eq(Cat(*(Mux(fewest[t], lowest_one_hot(~used[t]), 0) for t in tables),
                               Mux(full_tables, lowest_one_hot(~spill), 0))),
            self.full.eq(full_tables & spill.all()),
            self.ready.eq(Cat(row.ready for row in rows).all()),
        ]
        for t in tables:
            part = slice(t * ways, (t + 1) * ways)
            m.d.comb += [
                rows[t].set_mask.eq(self.chosen[part]),
                rows[t].set_enable.eq(self.insert),
                rows[t].clear_mask.eq(self.place[part]),
                rows[t].clear_enable.eq(self.remove),
            ]
        in_spill = slice(book.tables * ways, None)
        put, take = Signal.like(spill), Signal.like(spill)
        m.d.comb += [
            put.eq(Mux(self.insert, self.chosen[in_spill], 0)), take.eq(Mux(self.remove, self.place[in_spill], 0)),
        ]
        m.d.sync += spill.eq(spill & ~take | put)
        return m
