"""Every resting order by its reference: d-left hashing with an associative spill, ``spec.order_table``."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.order_table import fold_rotations

from ..memory import SweptMemory
from .operation import Operation, symbol_index
from .pipeline import carry
from .placement import Placement, places
from .price_grid import POSITION_BITS

# An entry written at stage 5 is seen by a look-up that begins six operations later; what the five operations between
# do to a reference is forwarded.
_WRITE_STAGE = 5
_IN_FLIGHT = range(1, _WRITE_STAGE + 1)


def bucket_of(reference: Value, table: int, index_bits: int) -> Value:
    """``spec.order_table.bucket_of``."""
    index, tag = reference[:index_bits], reference[index_bits:]
    for i, rotations in enumerate(fold_rotations(table, index_bits)):
        chunk = tag[i * index_bits : (i + 1) * index_bits]
        for rotation in rotations:
            index = index ^ Cat(chunk, C(0, index_bits - len(chunk))).rotate_left(rotation)
    return index


class OrderTable(wiring.Component):
    """Finds, adds, reduces and removes resting orders.

    Every operation sees all earlier ones: what the table's RAM does not show yet is forwarded by comparing references,
    since an operation changes no other reference's order. Latency: the side and position of stage 0's operation stand
    at stage 3, its effect at stage 4. II: 1. Sweep: ``design.book.buckets`` cycles.

    Parameters
    ----------
    design : Design

    Members
    -------
    reference : In(64)
        Stage 0.
    operation : In(Operation)
        Stage 1.
    mapped, symbol : In
        Stage 2: of the message.
    position : In(POSITION_BITS)
        Stage 3: of an added order's price.
    side, order_position : Out
        Stage 3: side and price of the order that is added or found.
    effect : Out
        Stage 4: ``add``, ``reduce`` (it stays) or ``remove`` an order; ``shares`` added or taken away. ``position`` is
        the price of an order that was found.
    unknown_reference, duplicate_reference, over_execution, table_full : Out(1)
        Stage 4: the operation's fault.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._book = design.book
        symbol = symbol_index(design)
        self._order = data.StructLayout({"symbol": symbol, "side": 1, "position": POSITION_BITS, "shares": 32})
        effect = data.StructLayout({"found": 1, "add": 1, "reduce": 1, "remove": 1, "shares": 32,
                                    "position": POSITION_BITS})
        super().__init__({
            "reference": In(64), "operation": In(Operation), "mapped": In(1), "symbol": In(symbol),
            "position": In(POSITION_BITS), "side": Out(1), "order_position": Out(POSITION_BITS),
            "effect": Out(effect), "unknown_reference": Out(1), "duplicate_reference": Out(1),
            "over_execution": Out(1), "table_full": Out(1), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        book, order_layout = self._book, self._order
        index_bits = book.buckets.bit_length() - 1
        m.submodules.placement = placement = Placement(book=book)

        operation = carry(m, self.operation, since=1, until=1 + _WRITE_STAGE, name="operation")
        mapped = carry(m, self.mapped, since=2, until=3, name="mapped")
        symbol = carry(m, self.symbol, since=2, until=3, name="symbol")

        # Stage 0: the bucket in every sub-table is read.
        entry = data.StructLayout({"valid": 1, "tag": 64 - index_bits, "order": order_layout})
        rows, buckets = [], []
        for t in range(book.tables):
            buckets.append(carry(m, bucket_of(self.reference, t, index_bits), since=0, until=_WRITE_STAGE,
                                 name=f"bucket_{t}"))
            for way in range(book.ways):
                row = SweptMemory(shape=entry, depth=book.buckets)
                m.submodules[f"entries_{t}_{way}"] = row
                rows.append((t, row))
                m.d.comb += row.read_address[0].eq(buckets[t][0])

        # Stage 1: references are compared: with the entries, with the spill, with operations in flight.
        spill = [Signal(data.StructLayout({"valid": 1, "reference": 64, "order": order_layout}), name=f"spill_{i}")
                 for i in range(book.spill)]
        hit = Signal(places(book))
        m.d.sync += hit.eq(Cat(
            *(row.read_data[0].valid & (row.read_data[0].tag == operation[1].reference[index_bits:])
              for _, row in rows),
            *(s.valid & (s.reference == operation[1].reference) for s in spill),
        ))
        candidates = []
        for i, (_, row) in enumerate(rows):
            candidate = Signal(order_layout, name=f"candidate_{i}")
            m.d.sync += candidate.eq(row.read_data[0].order)
            candidates.append(candidate)
        candidates += [s.order for s in spill]
        # Of several operations on the reference the latest counts, which has seen the others: they know that they are
        # superseded, so that no order among them need be found here.
        same, superseded, source_2 = Signal(len(_IN_FLIGHT)), Signal(len(_IN_FLIGHT)), Signal(len(_IN_FLIGHT))
        m.d.comb += same.eq(Cat(operation[1 + k].order & (operation[1 + k].reference == operation[1].reference)
                                for k in _IN_FLIGHT))
        m.d.sync += [
            superseded.eq(Cat(C(0, 1), operation[1].order.replicate(len(same)) & same | superseded)),
            source_2.eq(same & ~superseded),
        ]
        source = {2: source_2}
        for stage in (3, 4):
            source[stage] = Signal(len(same), name=f"source_{stage}")
            m.d.sync += source[stage].eq(source[stage - 1])

        # What is known of the operation's reference after it, at each stage from 4 on.
        outcome = carry(m, Signal(data.StructLayout({"present": 1, "order": order_layout}), name="outcome_4"),
                        since=4, until=2 + _WRITE_STAGE, name="outcome")

        # Stage 2: one order is selected. The operation directly before is not done yet; see stage 3.
        found_2 = Signal(data.StructLayout({"present": 1, "order": order_layout}))
        looked_up = Signal.like(hit)
        m.d.comb += looked_up.eq(Mux(source[2].any(), 0, hit))
        select = [(looked_up[i], Value.cast(candidate)) for i, candidate in enumerate(candidates)]
        select += [(source[2][k - 1], Value.cast(outcome[2 + k].order)) for k in _IN_FLIGHT if k > 1]
        present = [looked_up.any()] + [source[2][k - 1] & outcome[2 + k].present for k in _IN_FLIGHT if k > 1]
        m.d.comb += [
            found_2.present.eq(Cat(present).any()),
            Value.cast(found_2.order).eq(_or(Mux(chosen, value, 0) for chosen, value in select)),
        ]
        found_3, hit_3 = Signal.like(found_2), Signal.like(hit)
        m.d.sync += [found_3.eq(found_2), hit_3.eq(looked_up)]
        m.d.comb += [placement.buckets[t].eq(buckets[t][2]) for t in range(book.tables)]

        # Stage 3: what the operation does.
        before = outcome[4]
        dropped = Signal()  # stage 4: the operation removed an order by drop
        order, present_3 = Signal(order_layout), Signal()
        op = operation[3]
        m.d.comb += [
            order.eq(Mux(source[3][0], before.order, found_3.order)),
            present_3.eq(Mux(source[3][0], before.present, found_3.present)),
        ]
        known, acts, wants, all_shares = Signal(), Signal(), Signal(), Signal()
        adds, removes, reduces = Signal(), Signal(), Signal()
        m.d.comb += [
            known.eq(present_3 & (order.symbol == symbol[3])),
            acts.eq(op.order & mapped[3]),
            wants.eq(acts & op.add & (~op.replace | dropped)),
            all_shares.eq(op.drop | (op.shares >= order.shares)),
            adds.eq(wants & ~present_3),
            removes.eq(acts & ~op.add & known & all_shares),
            reduces.eq(acts & op.take & known & ~all_shares),
            self.side.eq(Mux(op.add, Mux(op.replace, before.order.side, op.side), order.side)),
            self.order_position.eq(Mux(op.add, self.position, order.position)),
        ]
        add_4, remove_4, reduce_4, shares_4, found_4 = Signal(), Signal(), Signal(), Signal(32), Signal()
        added, present_4, order_4 = Signal(order_layout), Signal(), Signal(order_layout)
        m.d.comb += [
            added.symbol.eq(symbol[3]),
            added.side.eq(self.side),
            added.position.eq(self.position),
            added.shares.eq(op.shares),
        ]
        after = Signal(order_layout)
        m.d.comb += after.eq(order)
        with m.If(reduces):
            m.d.comb += after.shares.eq(order.shares - op.shares)
        m.d.sync += [
            add_4.eq(adds), remove_4.eq(removes), reduce_4.eq(reduces), found_4.eq(known & acts & ~op.add),
            dropped.eq(removes & op.drop),
            shares_4.eq(Mux(op.add | ~all_shares, op.shares, order.shares)),
            present_4.eq(adds | present_3 & ~removes),
            order_4.eq(Mux(adds, added, after)),
            self.unknown_reference.eq(acts & ~op.add & ~known),
            self.duplicate_reference.eq(wants & present_3),
            self.over_execution.eq(acts & op.take & known & (op.shares > order.shares)),
        ]

        # Stage 4: places.
        place = carry(m, Signal(places(book), name="place_4"), since=4, until=3 + _WRITE_STAGE, name="place")
        place_3, found_place = Signal.like(hit), Signal.like(hit)
        m.d.comb += place_3.eq(hit_3 | _or(Mux(source[3][k - 1], place[3 + k], 0) for k in _IN_FLIGHT if k > 1))
        m.d.sync += found_place.eq(place_3)
        m.d.comb += [
            placement.insert.eq(add_4),
            placement.remove.eq(remove_4),
            placement.place.eq(Mux(source[4][0], place[5], found_place)),
            place[4].eq(Mux(add_4, placement.chosen, placement.place)),
            self.table_full.eq(add_4 & placement.full),
            outcome[4].present.eq(present_4 & ~self.table_full),
            outcome[4].order.eq(order_4),
            self.effect.found.eq(found_4),
            self.effect.add.eq(add_4 & ~placement.full),
            self.effect.remove.eq(remove_4),
            self.effect.reduce.eq(reduce_4),
            self.effect.shares.eq(shares_4),
            self.effect.position.eq(order_4.position),
        ]

        # Stage 5: the entry is written.
        writes = Signal()
        m.d.sync += writes.eq(self.effect.add | self.effect.remove | self.effect.reduce)
        for i, (t, row) in enumerate(rows):
            m.d.comb += [
                row.write_enable.eq(writes & place[5][i]),
                row.write_address.eq(buckets[t][5]),
                row.write_data.valid.eq(outcome[5].present),
                row.write_data.tag.eq(operation[5].reference[index_bits:]),
                row.write_data.order.eq(outcome[5].order),
            ]
        for i, s in enumerate(spill, start=len(rows)):
            with m.If(writes & place[5][i]):
                m.d.sync += [s.valid.eq(outcome[5].present), s.reference.eq(operation[5].reference),
                             s.order.eq(outcome[5].order)]
        m.d.comb += self.ready.eq(Cat(placement.ready, *(row.ready for _, row in rows)).all())
        return m


def _or(values) -> Value:
    result = 0
    for value in values:
        result = result | value
    return result
