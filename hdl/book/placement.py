"""Which entry of the order table a new order goes to: the d-left rule of ``spec.order_table``."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Book

from ..memory import ForwardedMemory
from .pipeline import carry, lowest_one_hot


def places(book: Book) -> int:
    """Bits of a place: one per entry of the bucket in each sub-table, then one per spill entry; one-hot."""
    return book.tables * book.ways + book.spill


class Placement(wiring.Component):
    """Occupancy of every bucket and of the spill; chooses places and frees them.

    Occupancy lies apart from the entries, so that the choice is one short loop: an operation sees every earlier one.
    Latency: the buckets of stage 2's operation are judged at stage 4. II: 1. Sweep: ``book.buckets`` cycles.

    Parameters
    ----------
    book : Book

    Members
    -------
    buckets : In, array of ``book.tables``
        Stage 2.
    insert, remove : In(1)
        Stage 4: the operation wants a place; it gives ``place`` up.
    place : In(places(book))
        Stage 4.
    chosen : Out(places(book))
        Stage 4: where an order to be inserted goes; zero when ``full``.
    full : Out(1)
        Stage 4: there is no room.
    ready : Out(1)
    """

    def __init__(self, *, book: Book):
        self._book = book
        super().__init__({
            "buckets": In(range(book.buckets)).array(book.tables),
            "insert": In(1), "remove": In(1), "place": In(places(book)),
            "chosen": Out(places(book)), "full": Out(1), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        tables, ways = range(self._book.tables), self._book.ways
        rows, used, count, fewest = [], [], [], []
        # That a bucket and the spill are full is kept beside what is used: whether an order finds room decides what
        # the next operation on its reference does, in the same cycle.
        occupancy = data.StructLayout({"used": ways, "full": 1})
        spill, spill_full = Signal(self._book.spill), Signal()
        for t in tables:
            rows.append(ForwardedMemory(shape=occupancy, depth=self._book.buckets, latency=2))
            m.submodules[f"occupancy_{t}"] = rows[t]
            used.append(rows[t].read_data.used)
            count.append(Signal(range(ways + 1), name=f"count_{t}"))
            m.d.comb += [rows[t].read_address.eq(self.buckets[t]), count[t].eq(sum(used[t]))]
        for t in tables:
            less = [count[t] < count[u] for u in tables if u < t]
            not_more = [count[t] <= count[u] for u in tables if u > t]
            fewest.append(Cat(*less, *not_more).all())

        full_tables, choice = Signal(), Signal(places(self._book))
        m.d.comb += [
            full_tables.eq(Cat(row.read_data.full for row in rows).all()),
            choice.eq(Cat(*(Mux(fewest[t], lowest_one_hot(~used[t]), 0) for t in tables),
                          Mux(full_tables, lowest_one_hot(~spill), 0))),
            self.chosen.eq(choice),
            self.full.eq(full_tables & spill_full),
            self.ready.eq(Cat(row.ready for row in rows).all()),
        ]

        put, take = Signal.like(choice), Signal.like(choice)
        m.d.comb += [put.eq(Mux(self.insert, choice, 0)), take.eq(Mux(self.remove, self.place, 0))]
        for t in tables:
            bucket = carry(m, self.buckets[t], since=2, until=4, name=f"bucket_{t}")
            part = slice(t * ways, (t + 1) * ways)
            m.d.comb += [
                rows[t].write_enable.eq(put[part].any() | take[part].any()),
                rows[t].write_address.eq(bucket[4]),
                rows[t].write_data.used.eq(used[t] & ~take[part] | put[part]),
                rows[t].write_data.full.eq(put[part].any() & (count[t] == ways - 1)),
            ]
        put_spill, take_spill = put[-len(spill):], take[-len(spill):]
        spilled = Signal(range(self._book.spill + 1))
        m.d.sync += [
            spill.eq(spill & ~take_spill | put_spill),
            spilled.eq(spilled + (self.insert & full_tables & ~spill_full) - take_spill.any()),
            spill_full.eq(Mux(self.insert & full_tables, spill_full | (spilled == self._book.spill - 1),
                              spill_full & ~take_spill.any())),
        ]
        return m
