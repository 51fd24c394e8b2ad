"""Records compared as columns: equal is what equal tuples are, and nothing else."""

import random

import numpy as np
import pytest

from sim.engine import Stream, unpack
from spec.records import RECORDS

COUNT = 7


def _made(record, rng):
    rows = []
    for _ in range(COUNT):
        bounds = [(-(1 << f.bits - 1), (1 << f.bits - 1) - 1) if f.signed else (0, (1 << f.bits) - 1)
                  for f in record.fields]
        rows.append(record.tuple(*(rng.choice([low, high, rng.randint(low, high)]) for low, high in bounds)))
    width = unpack.words_of(record)
    words = [[record.pack(row) >> 64 * i & (1 << 64) - 1 for i in range(width)] for row in rows]
    return rows, np.array(words, np.uint64)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stream)
def test_every_field_counts(record):
    rng = random.Random(5)
    rows, words = _made(record, rng)
    assert unpack.equal(record, words, rows) and unpack.equal(record, words[:0], [])
    for field in record.fields:
        k = rng.randrange(COUNT)
        value = getattr(rows[k], field.name)
        # The last two have the bits of the right value, or none that a field could have.
        for wrong in (value ^ 1, value + (1 << field.bits), -1 - abs(value), value + (1 << 700)):
            if wrong != value:
                changed = [*rows[:k], rows[k]._replace(**{field.name: wrong}), *rows[k + 1 :]]
                assert not unpack.equal(record, words, changed), (field.name, wrong)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stream)
def test_a_part_is_a_field_of_every_record(record):
    rows, words = _made(record, random.Random(6))
    for field in record.fields:
        if field.bits <= 64:
            assert unpack.part(record, words, field.name).tolist() == [getattr(row, field.name) for row in rows]
        low = unpack.part(record, words, field.name, bits=1).tolist()
        assert low == [getattr(row, field.name) & 1 for row in rows]
    with pytest.raises(KeyError, match="no field 'nonsense'"):
        unpack.part(record, words, "nonsense")


def test_streams_are_cut_and_joined():
    record = RECORDS[0]
    rows, words = _made(record, random.Random(7))
    whole = Stream(record, np.arange(COUNT, dtype=np.uint64), words)
    joined = Stream.none(record) + whole[:3] + whole[3:]
    assert joined.rows == rows and joined.cycles.tolist() == [*range(COUNT)]
    assert whole[whole.cycles > 4].rows == rows[5:]
