"""order_table: placement by example, and that a table is filled before anything is turned away."""

import random

import pytest

from golden_model.order_table import SPILL, OrderTable
from spec.config import Book, preset
from spec.order_table import bucket_of

BOOK = Book(tables=2, buckets=16, ways=2, spill=2, levels=16)
INDEX_BITS = 4
SAME = [r for r in range(1 << 14) if bucket_of(r, 0, INDEX_BITS) == 3 and bucket_of(r, 1, INDEX_BITS) == 5]


def test_goes_to_the_emptier_bucket_leftmost_on_a_tie_then_to_the_spill():
    table = OrderTable(BOOK)
    assert all(map(table.insert, SAME[:6]))
    assert [table.places[r] for r in SAME[:6]] == [
        (0, 3, 0), (1, 5, 0), (0, 3, 1), (1, 5, 1), (SPILL, 0, 0), (SPILL, 0, 1)]
    assert table.spilled == 2
    assert not table.insert(SAME[6]) and SAME[6] not in table.places


def test_takes_the_lowest_free_way_and_never_moves():
    table = OrderTable(BOOK)
    for reference in SAME[:6]:
        table.insert(reference)
    table.remove(SAME[0])
    table.remove(SAME[4])
    assert table.insert(SAME[6]) and table.places[SAME[6]] == (0, 3, 0), "the bucket before the spill"
    assert table.insert(SAME[7]) and table.places[SAME[7]] == (SPILL, 0, 0)
    assert table.places[SAME[5]] == (SPILL, 0, 1)


@pytest.mark.parametrize("book", [BOOK, preset("demo").book, Book(tables=8, buckets=32, ways=1, spill=1, levels=16)])
def test_buckets_are_those_of_the_contract(book):
    table, rng, bits = OrderTable(book), random.Random(1), book.buckets.bit_length() - 1
    for _ in range(200):
        reference = rng.getrandbits(rng.choice([8, 32, 64]))
        assert table.buckets(reference) == [bucket_of(reference, t, bits) for t in range(book.tables)]


@pytest.mark.parametrize("ways", [1, 3, 5, 7, 8])
def test_any_number_of_ways(ways):
    book = Book(tables=2, buckets=16, ways=ways, spill=1, levels=16)
    table = OrderTable(book)
    assert [table.insert(r) for r in SAME[: 2 * ways + 2]] == [True] * (2 * ways + 1) + [False]
    assert {table.places[r] for r in SAME[: 2 * ways + 1]} == {
        *((0, 3, way) for way in range(ways)), *((1, 5, way) for way in range(ways)), (SPILL, 0, 0)}


@pytest.mark.parametrize("stride", [1, 4, 20])
def test_fills_to_three_quarters_without_spilling(stride):
    """References of one symbol advance by multiples of four; DESIGN asks for well over 75 %."""
    book = Book(tables=4, buckets=256, ways=4, spill=16, levels=16)
    table, rng, reference = OrderTable(book), random.Random(stride), 10_000
    for _ in range(book.tables * book.buckets * book.ways * 3 // 4):
        reference += stride * rng.randint(1, 8)
        table.insert(reference)
    assert table.spilled == 0
