"""The order table's hash: index and tag determine the reference."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.order_table import bucket_of, fold_rotations, tag_of

reference = st.integers(0, 2**64 - 1)
index_bits = st.integers(4, 20)
table = st.integers(0, 7)


@given(reference, table, index_bits)
def test_index_and_tag_determine_the_reference(reference, table, bits):
    """What the tag folds to depends on the tag alone, so the index gives back the low bits."""
    index, tag = bucket_of(reference, table, bits), tag_of(reference, bits)
    assert 0 <= index < 1 << bits
    folded = bucket_of(tag << bits, table, bits)
    assert tag << bits | index ^ folded == reference


@given(reference, reference, table, index_bits)
def test_the_index_is_linear(one, other, table, bits):
    assert bucket_of(one ^ other, table, bits) == bucket_of(one, table, bits) ^ bucket_of(other, table, bits)


@given(table, index_bits)
def test_every_bit_of_the_reference_counts(table, bits):
    assert all(bucket_of(1 << bit, table, bits) for bit in range(64))


def test_table_zero_folds_without_rotation():
    assert fold_rotations(0, 6) == [(0,)] * 10
    assert bucket_of(0b1_000010_000001, 0, 6) == 0b000001 ^ 0b000010 ^ 0b1


@pytest.mark.parametrize("bits", [6, 10, 13])
def test_buckets_of_random_references_are_even(bits):
    rng, count = random.Random(bits), [[0] * (1 << bits) for _ in range(4)]
    for _ in range(32 << bits):
        reference = rng.getrandbits(64)
        for table in range(4):
            count[table][bucket_of(reference, table, bits)] += 1
    assert all(4 <= min(buckets) and max(buckets) <= 80 for buckets in count)
