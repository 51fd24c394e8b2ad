"""Every resting order by its reference: d-left hashing with an associative spill, ``spec.order_table``."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.order_table import fold_rotations

from ..memory import PlainMemory
from .operation import PRICE_BITS, Ring, operation, order_layout, scanned_ports, symbol_index
from .pipeline import carry, one_of
from .placement import Placement, places

# An entry written at stage 4 is seen by a look-up that begins six operations later, at stage -1; what the five
# operations between do to a reference is forwarded.
_WRITE_STAGE = 4
_IN_FLIGHT = range(1, _WRITE_STAGE + 2)


def bucket_of(reference: Value, table: int, index_bits: int) -> Value:
    """``spec.order_table.bucket_of``."""
    index, tag = reference[:index_bits], reference[index_bits:]
    for i, rotations in enumerate(fold_rotations(table, index_bits)):
        chunk = tag[i * index_bits : (i + 1) * index_bits]
        for rotation in rotations:
            index = index ^ Cat(chunk, C(0, index_bits - len(chunk))).rotate_left(rotation)
    return index


class OrderTable(wiring.Component):
    """Finds, adds, reduces and removes resting orders; a replace does two of these at once.

    Every operation sees all earlier ones: what the table's RAM does not show yet is forwarded by comparing references,
    since an operation changes no other reference's order. Two references are looked up at a time: ``old`` with its
    order, ``new`` only for being there, in a second copy of the tags. Latency: an order looked up at stage -1 is known
    at stage 1, what becomes of it at stage 3. II: 1. Sweep: ``design.book.buckets`` cycles, of the occupancy alone.

    Parameters
    ----------
    design : Design

    Members
    -------
    old, new, scan, row : In
        Stage -1. With ``scan`` bucket ``row`` is read.
    operation : In(operation(design))
        Stage 1.
    slot_index, symbol : In
        Stage 1: the low bits of a new order's price / tick; the message's or request's symbol.
    mapped, off : In
        Stage 2: the symbol is configured; a new order's price is between two ticks.
    scanned : scanned_ports(design, Out)
        Stage 1.
    side, find_slot, place_slot : Out
        Stage 1: side of the order that is found or added, without one any; where on the ladder they are.
    find_price : Out(PRICE_BITS)
        Stage 2.
    off_ladder : Out(1)
        Stage 2: the found order's price is between two ticks.
    holds, releases : In(1)
        Stage 3: what a ``hold`` or ``release`` would do, the ladder allows.
    find_better, place_held, place_better : In(1)
        Stage 3: how the order that is found is to be counted as far; an order added now is counted in its level; or as
        better, as far.
    effect : Out
        Stage 3: ``found``; an order comes (``add``), shrinks (``reduce``) or goes (``remove``), ``take_shares`` or
        ``add_shares`` of it; ``moves``: an order may be held or released; ``held``: it is; ``better``: counted so as
        far. ``full``: the order to be added finds no room.
    unknown_reference, duplicate_reference, over_execution, table_full : Out(1)
        Stage 4: the operation's fault.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._design = design
        symbol, slot = symbol_index(design), Ring(design).slot_bits
        self._effect = data.StructLayout({
            "found": 1, "add": 1, "full": 1, "reduce": 1, "remove": 1, "moves": 1, "held": 1, "better": 1,
            "take_shares": 32, "add_shares": 32, "price": PRICE_BITS,
        })
        super().__init__({
            "old": In(64), "new": In(64), "scan": In(1), "row": In(range(design.book.buckets)),
            "operation": In(operation(design)), "slot_index": In(slot), "symbol": In(symbol), "mapped": In(1),
            "off": In(1), "scanned": scanned_ports(design, Out), "side": Out(1), "find_slot": Out(slot),
            "place_slot": Out(slot), "find_price": Out(PRICE_BITS), "off_ladder": Out(1),
            "holds": In(1), "releases": In(1), "find_better": In(1), "place_held": In(1), "place_better": In(1),
            "effect": Out(self._effect),
            "unknown_reference": Out(1), "duplicate_reference": Out(1), "over_execution": Out(1), "table_full": Out(1),
            "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        design, book = self._design, self._design.book
        order_shape = order_layout(design)
        index_bits = book.buckets.bit_length() - 1
        tag_bits = 64 - index_bits
        m.submodules.placement = placement = Placement(book=book)

        op = carry(m, self.operation, since=1, until=5, name="operation")
        symbol = carry(m, self.symbol, since=1, until=2, name="symbol")

        # Stage -1: the bucket in every sub-table is read.
        def buckets(reference, name, stop):
            return [carry(m, bucket, since=-1, until=_WRITE_STAGE, name=f"{name}_{t}") for t, bucket in enumerate(
                Mux(stop, self.row, bucket_of(reference, t, index_bits)) for t in range(book.tables))]

        old_buckets, new_buckets = buckets(self.old, "old_bucket", self.scan), buckets(self.new, "new_bucket", C(0, 1))
        entry_shape = data.StructLayout({"tag": tag_bits, "order": order_shape})
        ways = [(t, way) for t in range(book.tables) for way in range(book.ways)]
        entries, tags = [], []
        for t, way in ways:
            entries.append(PlainMemory(shape=entry_shape, depth=book.buckets))
            tags.append(PlainMemory(shape=tag_bits, depth=book.buckets, style="block"))
            m.submodules[f"entries_{t}_{way}"], m.submodules[f"tags_{t}_{way}"] = entries[-1], tags[-1]
            m.d.comb += [entries[-1].read_address.eq(old_buckets[t][-1]), tags[-1].read_address.eq(new_buckets[t][-1])]
        for t in range(book.tables):
            m.d.comb += [
                placement.look_old[t].eq(old_buckets[t][-1]), placement.look_new[t].eq(new_buckets[t][-1]),
                placement.old_buckets[t].eq(old_buckets[t][1]), placement.new_buckets[t].eq(new_buckets[t][1]),
            ]

        # Stage 0: references are compared: with the entries, with the spill, with operations in flight.
        old, new = Signal(64, name="old_0"), Signal(64, name="new_0")
        m.d.sync += [old.eq(self.old), new.eq(self.new)]
        spill = [Signal(data.StructLayout({"reference": 64, "order": order_shape}), name=f"spill_{i}")
                 for i in range(book.spill)]
        hit, new_hit = Signal(places(book), name="hit_1"), Signal(places(book), name="new_hit_1")
        m.d.sync += [
            hit.eq(Cat(
                *(placement.used_old[t][way] & (entry.read_data.tag == old[index_bits:])
                  for (t, way), entry in zip(ways, entries, strict=True)),
                *(placement.spill[i] & (s.reference == old) for i, s in enumerate(spill)))),
            new_hit.eq(Cat(
                *(placement.used_new[t][way] & (tag.read_data == new[index_bits:])
                  for (t, way), tag in zip(ways, tags, strict=True)),
                *(placement.spill[i] & (s.reference == new) for i, s in enumerate(spill)))),
        ]
        candidates = []
        for i, entry in enumerate(entries):
            candidate = Signal(order_shape, name=f"candidate_{i}")
            tag = Signal(tag_bits, name=f"candidate_tag_{i}")
            used = Signal(name=f"candidate_used_{i}")
            t, way = ways[i]
            m.d.sync += [candidate.eq(entry.read_data.order), tag.eq(entry.read_data.tag),
                         used.eq(placement.used_old[t][way])]
            candidates.append(candidate)
            m.d.comb += Value.cast(self.scanned[i]).eq(Cat(used, tag, C(0, index_bits), candidate))
        for i, s in enumerate(spill):
            m.d.comb += Value.cast(self.scanned[len(entries) + i]).eq(Cat(placement.spill[i], s.reference, s.order))
        candidates += [s.order for s in spill]
        # ``as_old[d]``: the operation d ahead looked the reference up as its old one; ``as_new[d]``: as its new one.
        def ahead(name, reference, flag, theirs):
            eq = Signal(len(_IN_FLIGHT), name=f"{name}_1")
            m.d.sync += eq.eq(Cat(op[d][flag] & (op[d][theirs] == reference) for d in _IN_FLIGHT))
            return eq

        old_as_old, old_as_new = ahead("old_as_old", old, "finds", "old"), ahead("old_as_new", old, "places", "new")
        new_as_old, new_as_new = ahead("new_as_old", new, "finds", "old"), ahead("new_as_new", new, "places", "new")
        same = Signal()  # a replace keeps its reference
        m.d.sync += same.eq(old == new)

        # What an operation leaves behind, from stage 3 on: its old order, if that is still present, or the one added.
        left = carry(m, Signal(data.StructLayout({"present": 1, "adds": 1, "order": order_shape}), name="left_3"),
                     since=3, until=6, name="left")
        left_present = carry(m, left[6].present, since=6, until=7, name="left_present")
        left_adds = carry(m, left[6].adds, since=6, until=7, name="left_adds")
        full = carry(m, placement.full, since=3, until=7, name="full")

        # Stage 1: one order is selected. The latest operation on the reference counts: it has seen the others. An order
        # that was not added leaves no trace; that one found no room is only known later. Whether the operation directly
        # ahead adds its order is known last.
        adds_2, placed_2, found = Signal(), Signal(order_shape), Signal(order_shape, name="found_2")
        later = range(2, len(_IN_FLIGHT) + 1)
        by_new = {d: old_as_new[d - 1] & left[1 + d].adds for d in later}
        by_any = {d: by_new[d] | old_as_old[d - 1] for d in later}
        nearest = {d: by_any[d] & ~Cat(by_any[e] for e in later if e < d).any() for d in later}
        in_flight = Cat(nearest.values()).any()
        # An order that the operation directly ahead looked up as well is found where that found it; what changes of it
        # comes later.
        otherwise = Signal(order_shape)
        m.d.comb += Value.cast(otherwise).eq(one_of(
            *((hit[i] & ~in_flight, Value.cast(candidate)) for i, candidate in enumerate(candidates)),
            *((nearest[d], Value.cast(left[1 + d].order)) for d in later)))
        latest = old_as_new[0] & adds_2
        order_1 = Signal(order_shape)
        m.d.comb += Value.cast(order_1).eq(Mux(latest, Value.cast(placed_2), Value.cast(otherwise)))

        def side_of(order):
            return Mux(op[1].finds, order.side, op[1].side)

        def place_slot_of(order):
            return self.slot_index ^ side_of(order).replicate(len(self.slot_index))

        m.d.comb += [
            self.side.eq(Mux(latest, side_of(placed_2), side_of(otherwise))),
            self.find_slot.eq(order_1.slot),
            self.place_slot.eq(Mux(latest, place_slot_of(placed_2), place_slot_of(otherwise))),
        ]
        was_present, directly, source, source_new = Signal(), Signal(), Signal(len(_IN_FLIGHT)), Signal(len(_IN_FLIGHT))
        hit_2, place_slot, side_2 = Signal.like(hit), Signal.like(self.place_slot), Signal()
        new_hit_2, new_old_2, new_new_2, same_2 = Signal(), Signal.like(new_as_old), Signal.like(new_as_new), Signal()
        any_source = in_flight | old_as_old[0] | latest
        m.d.sync += [
            found.eq(order_1),
            was_present.eq(Mux(in_flight, Cat(nearest[d] & (by_new[d] | left[1 + d].present) for d in later).any(),
                               hit.any())),
            source.eq(Cat(old_as_old[0] | latest, *(nearest[d] & ~(old_as_old[0] | latest) for d in later))),
            source_new.eq(Cat(latest, *by_new.values())),
            hit_2.eq(Mux(any_source, 0, hit)),
            place_slot.eq(self.place_slot), side_2.eq(self.side),
            new_hit_2.eq(new_hit.any()), new_old_2.eq(new_as_old), new_new_2.eq(new_as_new), same_2.eq(same),
        ]
        m.d.comb += directly.eq(source[0])

        # Stage 2: what the operation does. Whether the one directly ahead finds room is known last: all is decided for
        # both cases.
        now = op[2]
        order = Signal(order_shape)
        m.d.comb += order.eq(found)
        with m.If(directly):
            m.d.comb += [order[name].eq(left[3].order[name]) for name in ("shares", "held", "better")]
        own_symbol, all_shares, over = Signal(), Signal(), Signal()
        m.d.comb += [
            own_symbol.eq((found.symbol == symbol[2]) & now.order & self.mapped),
            all_shares.eq(now.drops | Mux(directly, now.shares >= left[3].order.shares, now.shares >= found.shares)),
            over.eq(Mux(directly, now.shares > left[3].order.shares, now.shares > found.shares)),
        ]
        adds_of = {d: left[2 + d].adds if d < 5 else left_adds[7] for d in _IN_FLIGHT}
        present_of = {d: left[2 + d].present if d < 5 else left_present[7] for d in _IN_FLIGHT}
        ours = Signal()
        m.d.comb += ours.eq(now.order & self.mapped)

        def decide(full_3: int) -> dict[str, Value]:
            no_room = {d: C(full_3, 1) if d == 1 else full[2 + d] for d in _IN_FLIGHT}
            fails = Cat(source[d - 1] & source_new[d - 1] & no_room[d] for d in _IN_FLIGHT).any()
            new_present = new_hit_2
            for d in reversed(_IN_FLIGHT):
                placed = new_new_2[d - 1] & adds_of[d]
                new_present = Mux(placed, ~no_room[d], Mux(new_old_2[d - 1], present_of[d], new_present))
            present = Mux(directly, source_new[0] | left[3].present, was_present) & ~fails
            known = present & own_symbol
            wants = now.places & Mux(now.replace, known, ours)
            duplicate = new_present & ~(same_2 & now.replace)
            return {
                "present": present, "known": known, "takes": known & now.takes,
                "touches": known & (now.takes | now.drops), "unknown": ~known & ours & (now.takes | now.drops),
                "movable": known & (found.side == now.side),
                "adds": wants & ~duplicate, "duplicates": wants & duplicate,
            }

        room, no_room = decide(0), decide(1)
        decision = {name: Signal(name=f"{name}_2") for name in room}
        for name, signal in decision.items():
            m.d.comb += signal.eq(Mux(placement.full, no_room[name], room[name]))
        removes = decision["touches"] & all_shares
        m.d.comb += [
            adds_2.eq(decision["adds"]),
            placed_2.symbol.eq(symbol[2]), placed_2.side.eq(side_2), placed_2.price.eq(now.price),
            placed_2.slot.eq(place_slot), placed_2.off.eq(self.off), placed_2.shares.eq(now.shares),
            self.find_price.eq(found.price),
            self.off_ladder.eq(found.off),
        ]
        effect = self.effect
        remain, left_3, present_3 = Signal(order_shape), Signal(order_shape), Signal()
        m.d.comb += remain.eq(Mux(adds_2, Value.cast(placed_2), Value.cast(order)))
        with m.If(decision["takes"]):  # if all of them, no one will ask
            m.d.comb += remain.shares.eq(order.shares - now.shares)
        fault_3 = Signal(data.StructLayout({"unknown_reference": 1, "duplicate_reference": 1, "over_execution": 1}))
        adds_3, held_3, better_3, hold_3, release_3 = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            left_3.eq(remain), present_3.eq(decision["present"] & ~removes), adds_3.eq(adds_2),
            held_3.eq(order.held), better_3.eq(order.better),
            hold_3.eq(now.hold & decision["movable"] & ~order.held),
            release_3.eq(now.release & decision["movable"] & order.held),
            effect.found.eq(decision["known"]), effect.remove.eq(removes),
            effect.reduce.eq(decision["takes"] & ~all_shares),
            effect.take_shares.eq(Mux(now.takes & ~all_shares, now.shares, order.shares)),
            effect.add_shares.eq(Mux(now.hold, order.shares, now.shares)),
            effect.price.eq(order.price),
            fault_3.unknown_reference.eq(decision["unknown"]),
            fault_3.duplicate_reference.eq(decision["duplicates"]),
            fault_3.over_execution.eq(decision["takes"] & over),
        ]

        # Stage 3: places; the ladder says whether an order is counted in its level from here on.
        hit_3, source_3 = Signal.like(hit), Signal.like(source)
        m.d.sync += [hit_3.eq(hit_2), source_3.eq(source)]
        place = carry(m, Signal(places(book), name="place_3"), since=3, until=3 + len(_IN_FLIGHT), name="place")
        old_place = Signal.like(hit)
        m.d.comb += [
            old_place.eq(hit_3 | one_of(*((source_3[d - 1], place[3 + d]) for d in _IN_FLIGHT))),
            placement.insert.eq(adds_3), placement.remove.eq(effect.remove), placement.place.eq(old_place),
            place[3].eq(Mux(adds_3, placement.chosen, old_place)),
            effect.add.eq(adds_3), effect.full.eq(placement.full), effect.held.eq(held_3),
            effect.better.eq(better_3),
            effect.moves.eq(hold_3 | release_3),
            left[3].present.eq(present_3), left[3].adds.eq(adds_3), left[3].order.eq(left_3),
            left[3].order.held.eq(Mux(adds_3, self.place_held,
                                      held_3 & ~(release_3 & self.releases) | hold_3 & self.holds)),
            left[3].order.better.eq(Mux(adds_3, self.place_better,
                                        Mux(hold_3 & ~self.holds | release_3, self.find_better, better_3))),
        ]
        writes = Signal()
        m.d.sync += [
            self.table_full.eq(adds_3 & placement.full),
            *(getattr(self, name).eq(fault_3[name]) for name in fault_3.shape().members),
            writes.eq(adds_3 & ~placement.full | effect.reduce | hold_3 | release_3),
        ]

        # Stage 4: the entry is written.
        adds_4 = left[4].adds
        for i, ((t, _), entry, tag) in enumerate(zip(ways, entries, tags, strict=True)):
            m.d.comb += [
                entry.write_enable.eq(writes & place[4][i]),
                entry.write_address.eq(Mux(adds_4, new_buckets[t][4], old_buckets[t][4])),
                entry.write_data.tag.eq(Mux(adds_4, op[4].new, op[4].old)[index_bits:]),
                entry.write_data.order.eq(left[4].order),
                tag.write_enable.eq(adds_4 & writes & place[4][i]),
                tag.write_address.eq(new_buckets[t][4]),
                tag.write_data.eq(op[4].new[index_bits:]),
            ]
        for i, s in enumerate(spill, start=len(entries)):
            with m.If(writes & place[4][i]):
                m.d.sync += [s.reference.eq(Mux(adds_4, op[4].new, op[4].old)), s.order.eq(left[4].order)]
        m.d.comb += self.ready.eq(placement.ready)
        return m
