"""The order table against a dictionary and ``spec.order_table``."""

import random

import pytest
from amaranth import *
from amaranth.sim import Simulator

from hdl.book.order_table import OrderTable, bucket_of
from hdl.book.price_grid import POSITION_BITS
from spec import order_table as spec


class NaiveTable:
    """One operation at a time."""

    def __init__(self, book):
        self.book, self.bits = book, book.buckets.bit_length() - 1
        self.orders, self.places, self.used = {}, {}, set()
        self.dropped = None

    def room(self, reference):
        """The free place that the rule gives, or None."""
        best = None
        for t in range(self.book.tables):
            bucket = spec.bucket_of(reference, t, self.bits)
            free = [w for w in range(self.book.ways) if (t, bucket, w) not in self.used]
            if free and (best is None or len(free) > best[0]):
                best = len(free), (t, bucket, free[0])
        spill = [("spill", i) for i in range(self.book.spill) if ("spill", i) not in self.used]
        return best[1] if best else next(iter(spill), None)

    def apply(self, op):
        """Effect and faults as the gateware reports them; the side and position of the order."""
        result = dict.fromkeys(("found", "add", "reduce", "remove", "unknown", "duplicate", "over", "full"), 0)
        reference, dropped, self.dropped = op["reference"], self.dropped, None
        if not (op["order"] and op["mapped"]):
            return result
        if op["add"]:
            if op["replace"] and dropped is None:
                return result
            if reference in self.orders:
                return result | {"duplicate": 1}
            place = self.room(reference)
            if place is None:
                return result | {"full": 1}
            side = dropped if op["replace"] else op["side"]
            self.orders[reference] = [op["symbol"], side, op["position"], op["shares"]]
            self.places[reference] = place
            self.used.add(place)
            return result | {"add": 1, "shares": op["shares"], "side": side, "at": op["position"]}
        order = self.orders.get(reference)
        if order is None or order[0] != op["symbol"]:
            return result | {"unknown": 1}
        result |= {"found": 1, "side": order[1], "at": order[2], "position": order[2]}
        if op["take"] and op["shares"] < order[3]:
            order[3] -= op["shares"]
            return result | {"reduce": 1, "shares": op["shares"]}
        del self.orders[reference]
        self.used.remove(self.places.pop(reference))
        self.dropped = order[1] if op["drop"] else None
        return result | {"remove": 1, "shares": order[3], "over": int(op["take"] and op["shares"] > order[3])}


KINDS = {"add": ("add",), "take": ("take",), "drop": ("drop",), "replace": ("add", "replace"), "none": ()}


def operation(kind, **fields):
    flags = dict.fromkeys(("add", "take", "drop", "replace"), 0) | dict.fromkeys(KINDS[kind], 1)
    return {"valid": 1, "order": int(kind != "none"), "mapped": 1, "symbol": 0, "side": 0, "shares": 1, "position": 0,
            **flags, **fields}


def random_operations(rng, count, references, symbols):
    def any_fields():
        return {"symbol": rng.choice((0, 0, 0, rng.randrange(symbols))), "mapped": rng.random() < 0.95,
                "side": rng.randrange(2), "shares": rng.choice((0, 1, 2, 3)),
                "position": rng.getrandbits(POSITION_BITS)}

    operations = []
    while len(operations) < count:
        reference = rng.choice(references[: rng.choice((3, len(references)))])
        kind = rng.choices(("add", "take", "drop", "replace", "none"), (8, 2, 2, 3, 1))[0]
        fields = any_fields()
        if kind == "replace":  # the drop comes first, of the same symbol
            operations.append(operation("drop", reference=reference, **fields))
            reference = rng.choice(references)
            fields |= {"shares": 1}
        operations.append(operation(kind, reference=reference, **fields))
    return operations


def compare(run_pipeline, design, operations):
    """Run the gateware beside the naive table; the naive results."""
    dut = OrderTable(design=design)
    fields = ("valid", "order", "add", "take", "drop", "replace", "side", "reference", "shares")
    inputs = {name: (getattr(dut.operation, name), 1) for name in fields}
    for op in operations:
        op["looked_up"] = op["reference"]
    inputs |= {"looked_up": (dut.reference, 0), "mapped": (dut.mapped, 2), "symbol": (dut.symbol, 2),
               "position": (dut.position, 3)}
    outputs = {name: (getattr(dut.effect, name), 4) for name in ("found", "add", "reduce", "remove", "shares")}
    outputs |= {"unknown": (dut.unknown_reference, 4), "duplicate": (dut.duplicate_reference, 4),
                "over": (dut.over_execution, 4), "full": (dut.table_full, 4), "position": (dut.effect.position, 4),
                "side": (dut.side, 3), "at": (dut.order_position, 3)}
    naive, expected = NaiveTable(design.book), []
    for k, (op, got) in enumerate(zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True)):
        expected.append(naive.apply(op))
        assert {name: got[name] for name in expected[-1]} == expected[-1], (k, op)
    return expected


@pytest.mark.parametrize("geometry", [
    {"tables": 2, "buckets": 16, "ways": 1, "spill": 1},
    {"tables": 2, "buckets": 16, "ways": 4, "spill": 3},
    {"tables": 4, "buckets": 16, "ways": 2, "spill": 2},
])
def test_against_a_dictionary(run_pipeline, tiny, seed, geometry):
    rng = random.Random(seed)
    design = tiny(symbols=2, **geometry)
    book = design.book
    # Many references for few buckets, so that the table fills, and some that differ in a single bit.
    references = [rng.getrandbits(64) for _ in range(book.capacity)]
    references += [references[0] ^ 1 << bit for bit in (0, 3, 4, 63)]
    expected = compare(run_pipeline, design, random_operations(rng, 700, references, 2))
    for event in ("add", "reduce", "remove", "unknown", "duplicate", "over"):
        assert any(result[event] for result in expected), event


def test_a_storm_on_one_bucket_fills_the_spill_and_then_the_table(run_pipeline, tiny, seed):
    rng = random.Random(seed)
    design = tiny(symbols=1, tables=2, buckets=16, ways=2, spill=3)
    wanted = [spec.bucket_of(1, t, 4) for t in range(2)]
    references = []
    while len(references) < 9:
        reference = rng.getrandbits(64)
        if [spec.bucket_of(reference, t, 4) for t in range(2)] == wanted:
            references.append(reference)
    operations = [operation("add", reference=r) for r in references]
    operations += random_operations(rng, 400, references, 1)
    expected = compare(run_pipeline, design, operations)
    assert [result["full"] for result in expected[:9]] == [0] * 7 + [1] * 2
    assert [result["add"] for result in expected[:9]] == [1] * 7 + [0] * 2


def adjacent_steps(run_pipeline, design, distance):
    """Add, reduce, remove, add again, remove on one reference, every ``distance`` cycles."""
    steps = [operation("add", shares=5, side=1, position=7), operation("take", shares=2), operation("take", shares=3),
             operation("add", shares=4, position=9), operation("add"), operation("drop"), operation("drop")]
    operations = []
    for step in steps:
        operations.append(step | {"reference": 5})
        operations += [operation("none", reference=5) for _ in range(distance - 1)]
    expected = [result for result in compare(run_pipeline, design, operations) if any(result.values())]
    effects = ("duplicate", "unknown", "add", "reduce", "remove")
    return [next(name for name in effects if result[name]) for result in expected]


@pytest.mark.parametrize("distance", range(1, 9))
def test_an_operation_sees_the_one_before_at_every_distance(run_pipeline, tiny, distance):
    effects = adjacent_steps(run_pipeline, tiny(symbols=1, tables=2, buckets=16, ways=1, spill=1), distance)
    assert effects == ["add", "reduce", "remove", "add", "duplicate", "remove", "unknown"]


def test_the_comparison_finds_a_missing_forward(run_pipeline, tiny, monkeypatch):
    monkeypatch.setattr("hdl.book.order_table._IN_FLIGHT", range(1, 5))
    with pytest.raises(AssertionError, match=r"^\(5, "):
        adjacent_steps(run_pipeline, tiny(symbols=1, tables=2, buckets=16, ways=1, spill=1), distance=5)


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
