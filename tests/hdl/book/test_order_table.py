"""The order table against a dictionary and the golden model's places, in every cycle an operation."""

import random
from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass

import pytest
from amaranth import *
from amaranth.lib.memory import Memory
from amaranth.sim import Simulator

from golden_model.order_table import SPILL
from golden_model.order_table import OrderTable as Places
from hdl.book.operation import Ring
from hdl.book.order_table import OrderTable, bucket_of
from spec import order_table as spec

DISTANCES = range(1, 9)  #: of two operations on one reference; beyond the sixth nothing is in flight
ENTRY_SEEN, SPILL_SEEN = 6, 4  #: operations until a scan shows what one has left in a bucket, and in the spill
PAUSE = 8

#: Name -> flags of the operation.
KINDS = {
    "add": ("order", "places"), "load": ("order", "places", "load"), "take": ("order", "finds", "takes"),
    "drop": ("order", "finds", "drops"), "replace": ("order", "finds", "drops", "places", "replace"),
    "hold": ("order", "finds", "hold"), "release": ("order", "finds", "release"), "scan": ("scan",), "none": (),
}
FREQUENT = ("add", "take", "drop", "replace", "hold")
FLAGS = sorted({flag for flags in KINDS.values() for flag in flags})
FIELDS = ("side", "old", "new", "shares", "price")
PREPARED = ("holds", "releases", "find_better", "place_held", "place_better")
FAULTS = ("unknown_reference", "duplicate_reference", "over_execution", "table_full")


@dataclass
class Order:
    symbol: int
    side: int
    price: int
    slot: int
    off: int
    shares: int
    held: int
    better: int


class NaiveTable:
    """One operation at a time."""

    def __init__(self, design):
        self.book, self.ring = design.book, Ring(design)
        self.bits = design.book.buckets.bit_length() - 1
        self.orders, self.table = {}, Places(design.book)
        self.former = deque([{}] * ENTRY_SEEN, maxlen=ENTRY_SEEN)  # by place, after each of the last operations

    def apply(self, op):
        """What the gateware shall show of the operation; nothing of what has no meaning."""
        scanned = self.scan(op["row"]) if op["scan"] else {}
        expected = self.operate(op) | scanned
        self.former.append({
            place: (reference, *vars(self.orders[reference]).values())
            for reference, place in self.table.places.items()})
        return expected

    def scan(self, row):
        shown, book, entries, spill = {}, self.book, self.former[0], self.former[ENTRY_SEEN - SPILL_SEEN]
        for t in range(book.tables):
            for way in range(book.ways):
                entry = entries.get((t, row, way))
                shown["entry", t * book.ways + way] = entry and (spec.tag_of(entry[0], self.bits), *entry[1:])
        for i in range(book.spill):
            shown["entry", book.tables * book.ways + i] = spill.get((SPILL, 0, i))
        return shown

    def operate(self, op):
        effect = dict.fromkeys(("add", "reduce", "remove", "moves", *FAULTS), 0)
        if not (op["order"] and op["mapped"]):
            return effect
        side = op["side"]
        if op["finds"]:
            effect |= {"found": 0}
            order = self.orders.get(op["old"])
            if order is None or order.symbol != op["symbol"]:
                return effect | {"unknown_reference": int(op["takes"] or op["drops"])}
            side = order.side
            effect |= {"found": 1, "held": order.held, "better": order.better, "price": order.price, "side": side,
                       "find_slot": order.slot, "find_price": order.price, "off_ladder": order.off,
                       "take_shares": order.shares}
            if op["takes"] and op["shares"] < order.shares:
                order.shares -= op["shares"]
                return effect | {"reduce": 1, "take_shares": op["shares"]}
            if op["takes"] or op["drops"]:
                effect |= {"remove": 1, "over_execution": int(op["takes"] and op["shares"] > order.shares)}
            if op["takes"] or op["drops"] and not op["places"]:
                self.remove(op["old"])
            if op["hold"] and side == op["side"] and not order.held:
                effect |= {"moves": 1, "add_shares": order.shares}
                if op["holds"]:
                    order.held = 1
                else:
                    order.better = op["find_better"]
            elif op["release"] and side == op["side"] and order.held:
                effect |= {"moves": 1}
                order.held, order.better = int(not op["releases"]), op["find_better"]
        if not op["places"]:
            return effect
        new = op["new"]
        if new in self.orders and not (op["replace"] and new == op["old"]):
            if op["replace"]:
                self.remove(op["old"])
            return effect | {"duplicate_reference": 1}
        slot = op["slot_index"] ^ -side & self.ring.levels - 1
        effect |= {"add": 1, "side": side, "place_slot": slot, "add_shares": op["shares"]}
        if op["replace"]:
            del self.orders[op["old"]]
            placed = self.table.replace(op["old"], new)
        else:
            placed = self.table.insert(new)
        if placed:
            self.orders[new] = Order(op["symbol"], side, op["price"], slot, op["off"], op["shares"],
                                     op["place_held"], op["place_better"])
        return effect | {"full": int(not placed), "table_full": int(not placed)}

    def remove(self, reference):
        del self.orders[reference]
        self.table.remove(reference)


def operation(kind, **fields):
    op = dict.fromkeys((*FLAGS, *FIELDS, *PREPARED, "symbol", "slot_index", "off", "row"), 0)
    op |= dict.fromkeys(KINDS[kind], 1) | {"kind": kind, "mapped": 1, "shares": 1, **fields}
    return op | {"look_old": op["old"], "look_new": op["new"]}


def random_operation(rng, design, references, kind=None, **fields):
    """Of any kind, on some of ``references``; a replace may keep its own."""
    kind = kind or rng.choices([*KINDS], (8, 1, 5, 2, 6, 3, 3, 1, 1))[0]
    old = rng.choice(references)
    new = rng.choice(references) if KINDS[kind] and "finds" in KINDS[kind] else old
    return operation(kind, **{
        "old": old, "new": new, "symbol": rng.choice((0, 0, 0, rng.randrange(len(design.symbols)))),
        "mapped": int(rng.random() < 0.97), "side": rng.randrange(2), "shares": rng.choice((0, 1, 2, 3, 1 << 31)),
        "price": rng.getrandbits(32), "slot_index": rng.randrange(design.book.levels), "off": rng.randrange(2),
        "row": rng.randrange(design.book.buckets), **{name: rng.randrange(2) for name in PREPARED}, **fields})


def compare(run_pipeline, design, operations):
    """Run the gateware beside the naive table; the naive results and what rested after each operation."""
    dut = OrderTable(design=design)
    inputs = {name: (getattr(dut.operation, name), 1) for name in (*FLAGS, *FIELDS)}
    inputs |= {"look_old": (dut.old, -1), "look_new": (dut.new, -1), "stop": (dut.scan, -1), "row": (dut.row, -1),
               "symbol": (dut.symbol, 1), "slot_index": (dut.slot_index, 1),
               "mapped": (dut.mapped, 2), "off": (dut.off, 2)}
    inputs |= {name: (getattr(dut, name), 3) for name in PREPARED}
    for op in operations:
        op["stop"] = op["scan"]
    outputs = {name: (getattr(dut, name), 1) for name in ("side", "find_slot", "place_slot")}
    outputs |= {name: (getattr(dut, name), 2) for name in ("find_price", "off_ladder")}
    outputs |= {name: (dut.effect[name], 3) for name in dut.effect.shape().members}
    outputs |= {name: (getattr(dut, name), 4) for name in FAULTS}
    scanned = [dut.scanned[i] for i in range(len(dut.scanned))]
    if any(op["scan"] for op in operations):
        outputs |= {("entry", i): (entry, 1) for i, entry in enumerate(scanned)}
    naive, expected, resting = NaiveTable(design), [], []
    for k, (op, got) in enumerate(zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True)):
        expected.append(naive.apply(op))
        resting.append(dict(naive.table.places))
        shown = {name: got[name] for name in expected[-1]}
        for name in shown:
            if isinstance(name, tuple):
                entry = scanned[0].shape().from_bits(shown[name])
                order = entry.order
                shown[name] = (entry.reference, *(order[part] for part in vars(Order(*[0] * 8)))) \
                    if entry.used else None
        assert shown == expected[-1], (k, op)
    return expected, resting


def colliding(rng, count, tables, bits):
    """References that share their bucket in every sub-table."""
    wanted = [spec.bucket_of(1, t, bits) for t in range(tables)]
    references = []
    while len(references) < count:
        low = rng.getrandbits(64) >> bits << bits
        references += [r for r in (low + i for i in range(1 << bits))
                       if [spec.bucket_of(r, t, bits) for t in range(tables)] == wanted]
    return references[:count]


@pytest.mark.parametrize("geometry", [
    {"tables": 2, "buckets": 16, "ways": 1, "spill": 1},
    {"tables": 2, "buckets": 4, "ways": 3, "spill": 3},
    {"tables": 4, "buckets": 4, "ways": 2, "spill": 2},
])
def test_against_a_dictionary(run_pipeline, tiny, seed, geometry):
    rng = random.Random(seed)
    design = tiny(symbols=2, **geometry)
    book = design.book
    # Many references for few buckets, so that the table fills, and some that differ in a single bit.
    references = [rng.getrandbits(64) for _ in range(2 * book.capacity)]
    references += [references[0] ^ 1 << bit for bit in (0, 3, 4, 63)]
    few = [references[:3], references[:8], references]
    operations = [random_operation(rng, design, rng.choice(few)) for _ in range(400)]
    operations += [random_operation(rng, design, [reference], "add", mapped=1) for reference in references]
    operations += [random_operation(rng, design, rng.choice(few)) for _ in range(150)]
    expected, _ = compare(run_pipeline, design, operations)
    for event in ("add", "reduce", "remove", "moves", *FAULTS):
        assert any(result[event] for result in expected), event


def interleaved(rng, design, distance, count):
    """Streams of operations, each on two references of its own, of which one is in every ``distance``-th slot.

    Most find an order where they want one, and none where they do not.
    """
    streams = [[rng.getrandbits(64) for _ in range(2)] for _ in range(distance)]
    naive, operations = NaiveTable(design), []
    for k in range(count):
        references = streams[k % distance]
        present = [r for r in references if r in naive.orders]
        absent = [r for r in references if r not in naive.orders]
        kind = rng.choice(FREQUENT)
        if rng.random() < 0.1:
            op = random_operation(rng, design, references)
        elif absent and (kind == "add" or not present):
            op = random_operation(rng, design, absent, "add", mapped=1, symbol=0)
        else:
            kind = rng.choice(FREQUENT[1:]) if kind == "add" else kind
            op = random_operation(rng, design, references, kind, mapped=1, symbol=0)
            op["old"] = op["look_old"] = rng.choice(present)
        if op["hold"] and op["old"] in naive.orders:
            op["side"] = naive.orders[op["old"]].side
        naive.apply(op)
        operations.append(op)
    return operations


@pytest.mark.parametrize("distance", DISTANCES)
def test_an_operation_sees_the_one_before_at_every_distance(run_pipeline, tiny, seed, distance):
    rng = random.Random(seed * 16 + distance)
    design = tiny(symbols=2, tables=2, buckets=16, ways=2, spill=2)
    operations = interleaved(rng, design, distance, 500)
    expected, _ = compare(run_pipeline, design, operations)
    worked = [any(result[name] for name in ("add", "reduce", "remove", "moves")) for result in expected]
    pairs = {(op["kind"], later["kind"]) for op, later, one, other in zip(
        operations, operations[distance:], worked, worked[distance:], strict=False) if one and other}
    possible = {(a, b) for a in ("add", "take", "replace") for b in FREQUENT} | {("drop", "add"), ("hold", "take")}
    possible.remove(("take", "hold"))  # rare: most are held by then
    assert possible <= pairs, possible - pairs


@pytest.mark.parametrize("distance", [5, 6])
def test_the_comparison_finds_a_missing_forward(run_pipeline, tiny, seed, monkeypatch, distance):
    """What the fifth operation ahead leaves must be forwarded; the sixth's is in memory."""
    design = tiny(symbols=2, tables=2, buckets=16, ways=2, spill=2)
    operations = interleaved(random.Random(seed), design, distance, 150)
    monkeypatch.setattr("hdl.book.order_table._IN_FLIGHT", range(1, 5))
    with pytest.raises(AssertionError, match=r"^\(\d+, ") if distance == 5 else nullcontext():
        compare(run_pipeline, design, operations)


def test_a_storm_on_one_bucket_fills_the_spill_and_then_the_table(run_pipeline, tiny, seed):
    rng = random.Random(seed)
    design = tiny(symbols=1, tables=2, buckets=16, ways=2, spill=3)
    references = colliding(rng, 12, 2, 4)
    operations = [operation("add", old=r, new=r) for r in references[:9]]
    operations += [random_operation(rng, design, references) for _ in range(300)]
    expected, _ = compare(run_pipeline, design, operations)
    assert [result["full"] for result in expected[:9]] == [0] * 7 + [1] * 2
    assert sum(result["table_full"] for result in expected) > 5


def full_bucket(references, pause):
    """Fill a bucket of each sub-table, then replace in it: the spill takes one order, and then nobody does."""
    a, b, c, d, e = references
    steps = [("add", a, a), ("add", b, b), ("replace", a, c), ("add", d, d), ("replace", b, e), ("take", e, e),
             ("take", c, c), ("take", d, d)]
    operations = []
    for kind, old, new in steps:
        operations += [operation(kind, old=old, new=new), *[operation("none") for _ in range(pause)]]
    return operations


@pytest.mark.parametrize("pause", range(7))
def test_a_replace_takes_its_new_place_before_it_gives_the_old_one_back(run_pipeline, tiny, seed, pause):
    design = tiny(symbols=1, tables=2, buckets=16, ways=1, spill=1)
    references = colliding(random.Random(seed), 5, 2, 4)
    a, b, c, d, e = references
    expected, resting = compare(run_pipeline, design, full_bucket(references, pause))
    after = [places for places in resting[:: pause + 1]]
    assert after[2][c] == (SPILL, 0, 0) and a not in after[2], "the bucket was full when the replace came"
    assert after[3][d] == after[0][a], "the old place was free for the next"
    assert [result["table_full"] for result in expected[:: pause + 1]] == [0, 0, 0, 0, 1, 0, 0, 0]
    assert [result["unknown_reference"] for result in expected[:: pause + 1]] == [0, 0, 0, 0, 0, 1, 0, 0]


def test_the_comparison_finds_another_placement(run_pipeline, tiny, seed, monkeypatch):
    def freed_first(places, old, new):
        places.remove(old)
        return places.insert(new)

    monkeypatch.setattr(Places, "replace", freed_first)
    design = tiny(symbols=1, tables=2, buckets=16, ways=1, spill=1)
    with pytest.raises(AssertionError, match=r"^\(4, "):
        compare(run_pipeline, design, full_bucket(colliding(random.Random(seed), 5, 2, 4), 0))


@pytest.mark.parametrize("spill", [0, 1])
def test_an_entry_that_was_given_up_is_never_found(run_pipeline, tiny, seed, spill):
    """Another order takes the place of one that went, and the first is looked up at every distance from both."""
    design = tiny(symbols=1, tables=2, buckets=16, ways=1, spill=1)
    # With the bucket full of others, it is a place in the spill.
    first, second, *others = colliding(random.Random(seed), 4, 2, 4)
    operations = [operation("add", old=r, new=r) for r in others[: 2 * spill]]
    for apart in DISTANCES:
        for later in DISTANCES:
            steps = {0: ("add", first, 5), PAUSE: ("drop", first, 0), PAUSE + apart: ("add", second, 7),
                     PAUSE + apart + later: (("take", "add", "drop", "hold")[(apart + later) % 4], first, 1)}
            end = PAUSE + apart + later
            for reference in (first, second):
                end += PAUSE
                steps[end] = "drop", reference, 0
            for k in range(end + 1):
                kind, reference, shares = steps.get(k, ("none", first, 0))
                operations.append(operation(kind, old=reference, new=reference, shares=shares))
    expected, resting = compare(run_pipeline, design, operations)
    shared = {places[first] for places in resting if first in places} & {
        places[second] for places in resting if second in places}
    assert shared and all((place[0] == SPILL) == bool(spill) for place in shared)
    assert not any(result["duplicate_reference"] for result in expected)
    assert sum(result["unknown_reference"] for result in expected) > len(DISTANCES) ** 2 // 4


@pytest.mark.parametrize("kind", ["take", "drop"])
def test_an_order_that_moved_is_not_where_it_was(run_pipeline, tiny, seed, kind):
    """It is replaced by one of its reference, another takes its old place, and then it is looked up at once.

    Memory still shows it there, with what is forwarded saying where it is.
    """
    design = tiny(symbols=1, tables=2, buckets=16, ways=1, spill=1)
    first, second = colliding(random.Random(seed), 2, 2, 4)
    operations, rounds = [], 0
    for taken in range(1, 6):
        for looked_up in range(taken + 1, 7):
            last = PAUSE + looked_up
            steps = {0: ("add", first, 5), PAUSE: ("replace", first, 5), PAUSE + taken: ("add", second, 7),
                     last: (kind, first, 1), last + PAUSE: ("take", second, 1), last + PAUSE + 1: ("take", first, 1),
                     last + 2 * PAUSE: ("drop", second, 0), last + 3 * PAUSE: ("drop", first, 0)}
            for k in range(last + 4 * PAUSE):
                step, reference, shares = steps.get(k, ("none", first, 0))
                operations.append(operation(step, old=reference, new=reference, shares=shares))
            rounds += 1
    expected, _ = compare(run_pipeline, design, operations)
    assert sum(result.get("found", 0) for result in expected) == (6 if kind == "take" else 4) * rounds


@pytest.fixture
def garbage(monkeypatch):
    """``garbage(rng, references, bits)``: every memory begins with entries of ``references``, where they belong."""

    def scatter(rng, references, bits, tables):
        residents = {}
        for reference in references:
            for t in range(tables):
                residents.setdefault(spec.bucket_of(reference, t, bits), []).append(spec.tag_of(reference, bits))

        def memory(*, shape, depth, init, attrs):
            width = Shape.cast(shape).width
            rows = [(rng.getrandbits(256) << 64 - bits | rng.choice(residents.get(row, [0]))) & (1 << width) - 1
                    for row in range(depth)]
            return Memory(shape=shape, depth=depth, init=rows, attrs=attrs)

        monkeypatch.setattr("hdl.memory.Memory", memory)

    return scatter


def test_what_stands_in_memory_at_start_is_never_found(run_pipeline, tiny, seed, garbage):
    rng = random.Random(seed)
    design = tiny(symbols=2, tables=2, buckets=16, ways=2, spill=2)
    references = [rng.getrandbits(64) for _ in range(24)]
    garbage(rng, references, 4, 2)
    operations = [random_operation(rng, design, [r], kind, mapped=1) for r in references for kind in ("take", "add")]
    operations += [random_operation(rng, design, references) for _ in range(200)]
    expected, _ = compare(run_pipeline, design, operations)
    assert all(result["unknown_reference"] for result in expected[: 2 * len(references) : 2])
    assert not any(result["duplicate_reference"] for result in expected[1 : 2 * len(references) : 2])


def everything_set(memory, platform):
    """A stuck occupancy."""
    m = Module()
    m.d.comb += [memory.ready.eq(1), *(row.eq(~0) for row in memory.look_row)]
    return m


def test_garbage_is_found_where_occupancy_is_not_asked(run_pipeline, tiny, seed, garbage, monkeypatch):
    """The garbage is such that an entry of it would be taken for an order's."""
    rng = random.Random(seed)
    design = tiny(symbols=2, tables=2, buckets=16, ways=2, spill=2)
    references = [rng.getrandbits(64) for _ in range(24)]
    garbage(rng, references, 4, 2)
    monkeypatch.setattr("hdl.memory.SetClearMemory.elaborate", everything_set)
    operations = [random_operation(rng, design, [r], "drop", mapped=1) for r in references]
    with pytest.raises(AssertionError, match=r"^\(\d+, "):
        compare(run_pipeline, design, operations)


@pytest.mark.parametrize("index_bits", [4, 6, 10, 13])
@pytest.mark.parametrize("table", [0, 1, 3])
def test_bucket_is_the_specifications(index_bits, table):
    rng = random.Random(index_bits * 8 + table)
    m, reference, bucket = Module(), Signal(64), Signal(index_bits)
    m.d.comb += bucket.eq(bucket_of(reference, table, index_bits))

    async def process(ctx):
        for _ in range(50):
            value = rng.choice((rng.getrandbits(64), 1 << rng.randrange(64)))
            ctx.set(reference, value)
            assert ctx.get(bucket) == spec.bucket_of(value, table, index_bits)

    simulator = Simulator(m)
    simulator.add_testbench(process)
    simulator.run()


def test_ready_after_the_occupancys_sweep(tiny):
    """Entries are not swept."""
    dut = OrderTable(design=tiny(symbols=1, tables=2, buckets=32, ways=1, spill=1))

    async def process(ctx):
        for _ in range(32):
            assert not ctx.get(dut.ready)
            await ctx.tick()
        assert ctx.get(dut.ready)

    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()
