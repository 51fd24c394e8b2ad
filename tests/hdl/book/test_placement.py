"""The choice of a place against the golden model's table; occupancy as look-ups see it."""

import random
from collections import deque

import pytest

from golden_model.order_table import SPILL
from golden_model.order_table import OrderTable as Places
from hdl.book.placement import Placement, places

SEEN = 6  #: operations until a look-up sees what one has taken and given up


class NaivePlacement:
    """One operation at a time; references are the golden model's, their buckets follow from them."""

    def __init__(self, book):
        self.book, self.table = book, Places(book)
        self.former = deque([[{} for _ in range(book.tables)]] * SEEN, maxlen=SEEN)

    def bit(self, place):
        table, _, way = place
        return 1 << (self.book.tables * self.book.ways + way if table == SPILL else table * self.book.ways + way)

    def apply(self, op):
        seen = self.former[0]
        expected = {("old", t): seen[t].get(op["look_old", t], 0) for t in range(self.book.tables)}
        expected |= {("new", t): seen[t].get(op["look_new", t], 0) for t in range(self.book.tables)}
        old = self.table.places.get(op["reference"])
        if op["insert"] and op["remove"]:
            placed = self.table.replace(op["reference"], op["other"])
        elif op["insert"]:
            placed = self.table.insert(op["other"])
        elif op["remove"]:
            self.table.remove(op["reference"])
        if op["insert"]:
            expected |= {"chosen": self.bit(self.table.places[op["other"]]) if placed else 0, "full": int(not placed)}
        self.former.append(self.used())
        return expected, self.bit(old) if op["remove"] else 0

    def used(self):
        used = [{} for _ in range(self.book.tables)]
        for table, bucket, way in self.table.places.values():
            if table != SPILL:
                used[table][bucket] = used[table].get(bucket, 0) | 1 << way
        return used


def random_operations(rng, book, naive, count):
    operations, expected = [], []
    pool = [rng.getrandbits(64) for _ in range(2 * book.capacity)]
    for k in range(count):
        resting, full = [*naive.table.places], k // 150 % 2
        kind = rng.choices(("insert", "remove", "replace", "none"), (3 + 3 * full, 3, 3, 1))[0]
        op = {"insert": int(kind in ("insert", "replace") or not resting and kind == "remove"),
              "remove": int(bool(resting) and kind in ("remove", "replace")), "reference": pool[0]}
        if op["remove"]:
            op["reference"] = rng.choice((resting[-1], rng.choice(resting)))
        op["other"] = rng.choice([r for r in pool if r not in naive.table.places])
        if op["remove"] and op["insert"] and rng.random() < 0.1:
            op["other"] = op["reference"]
        for t in range(book.tables):
            op["look_old", t], op["look_new", t] = rng.randrange(book.buckets), rng.randrange(book.buckets)
            op["old_bucket", t] = naive.table.buckets(op["reference"])[t]
            op["new_bucket", t] = naive.table.buckets(op["other"])[t]
        known, op["place"] = naive.apply(op)
        operations.append(op)
        expected.append(known)
    return operations, expected


def compare(run_pipeline, book, operations, expected):
    dut = Placement(book=book)
    tables = range(book.tables)
    inputs = {("look_old", t): (dut.look_old[t], -1) for t in tables}
    inputs |= {("look_new", t): (dut.look_new[t], -1) for t in tables}
    inputs |= {("old_bucket", t): (dut.old_buckets[t], 1) for t in tables}
    inputs |= {("new_bucket", t): (dut.new_buckets[t], 1) for t in tables}
    inputs |= {name: (getattr(dut, name), 3) for name in ("insert", "remove", "place")}
    outputs = {("old", t): (dut.used_old[t], 0) for t in tables} | {("new", t): (dut.used_new[t], 0) for t in tables}
    outputs |= {name: (getattr(dut, name), 3) for name in ("chosen", "full")}
    for k, (op, got, known) in enumerate(zip(
            operations, run_pipeline(dut, operations, inputs, outputs), expected, strict=True)):
        assert {name: got[name] for name in known} == known, (k, op)


@pytest.mark.parametrize("geometry", [
    {"tables": 2, "buckets": 4, "ways": 1, "spill": 1},
    {"tables": 2, "buckets": 4, "ways": 3, "spill": 2},
    {"tables": 4, "buckets": 2, "ways": 2, "spill": 3},
])
def test_against_the_golden_model(run_pipeline, tiny, seed, geometry):
    book = tiny(symbols=1, **geometry).book
    assert places(book) == book.tables * book.ways + book.spill
    operations, expected = random_operations(random.Random(seed), book, NaivePlacement(book), 900)
    compare(run_pipeline, book, operations, expected)
    assert 20 < sum(known.get("full", 0) for known in expected) < 500
    spill = (1 << book.spill) - 1 << book.tables * book.ways
    assert any(op["place"] & spill for op in operations)
    assert any(op["insert"] and op["remove"] and known["full"] for op, known in zip(operations, expected, strict=True))


def test_the_comparison_finds_a_place_given_to_the_right(run_pipeline, tiny, seed, monkeypatch):
    """Of sub-tables with as many orders each, the leftmost is it."""
    book = tiny(symbols=1, tables=2, buckets=4, ways=3, spill=2).book
    operations, expected = random_operations(random.Random(seed), book, NaivePlacement(book), 100)
    k = next(k for k, known in enumerate(expected) if known.get("chosen", 0) & 7)
    expected[k]["chosen"] <<= book.ways
    with pytest.raises(AssertionError, match=rf"^\({k}, "):
        compare(run_pipeline, book, operations, expected)
