"""Prices on the ladder's grid, against division."""

import random

import pytest

from hdl.book.price_grid import PriceGrid
from spec.ladder import MAX_PRICE


def compare(run_pipeline, slot_bits, operations):
    dut = PriceGrid(slot_bits=slot_bits)
    inputs = {"price": (dut.price, 0), "fine": (dut.fine, 1)}
    outputs = {"slot": (dut.slot_index, 1), "off": (dut.off, 2)}
    for op, got in zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True):
        index, rest = divmod(op["price"], 1 if op["fine"] else 100)
        expected = {"slot": got["slot"] if rest else index % (1 << slot_bits), "off": int(rest != 0)}
        assert got == expected, op


@pytest.mark.parametrize("slot_bits", [4, 6, 10, 12])
def test_slots_are_ticks_modulo_the_ladder(run_pipeline, seed, slot_bits):
    rng = random.Random(seed)
    prices = [*range(3000), *range(MAX_PRICE - 500, MAX_PRICE + 1), *range(199_999_0000 - 150, 199_999_0000 + 150)]
    prices += [1 << bit for bit in range(32)] + [rng.getrandbits(32) for _ in range(500)]
    prices += [100 * rng.randrange(MAX_PRICE // 100) for _ in range(1000)]
    prices += [25 * rng.randrange(MAX_PRICE // 25) for _ in range(500)]
    compare(run_pipeline, slot_bits, [{"price": price, "fine": int(rng.random() < 0.2)} for price in prices])


def test_every_remainder(run_pipeline, seed):
    """Whatever the chunks of which the remainder by 25 is made: all of each, the others extreme or any."""
    rng = random.Random(seed)
    prices = []
    for shift in (2, 12, 22):
        for chunk in range(1 << 10):
            others = rng.choice((0, MAX_PRICE, rng.getrandbits(32))) & ~(1023 << shift) & MAX_PRICE
            whole = others | chunk << shift
            prices += [whole & ~3, whole // 100 * 100]
    compare(run_pipeline, 6, [{"price": price, "fine": 0} for price in prices])


def test_the_comparison_finds_another_shift(run_pipeline, seed, monkeypatch):
    monkeypatch.setattr("hdl.book.price_grid._SHIFT", 1024)
    with pytest.raises(AssertionError, match=r"^\{'price': "):
        test_every_remainder(run_pipeline, seed)


@pytest.mark.parametrize("slot_bits", [0, -1, 31])
def test_slot_bits_have_a_range(slot_bits):
    with pytest.raises(ValueError, match=f"slot_bits must be 1 to 30, not {slot_bits}"):
        PriceGrid(slot_bits=slot_bits)
