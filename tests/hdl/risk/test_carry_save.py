"""Carry-save sums against integers."""

import random

import pytest
from amaranth import *
from amaranth.sim import Simulator

from hdl.risk.carry_save import carry_save, signed_digits


@pytest.mark.parametrize("constant", [0, 1, 2, 3, 7, 10_000, 10_500, 0b1010101, 19_999, (1 << 20) - 1])
def test_signed_digits_add_up_and_never_stand_side_by_side(constant):
    digits = signed_digits(constant)
    assert sum(sign << shift for shift, sign in digits) == constant
    shifts = [shift for shift, _ in digits]
    assert all(b - a > 1 for a, b in zip(shifts, shifts[1:]))  # noqa: B905


@pytest.mark.parametrize("factors", [[(1, 1)], [(10_000, 1), (10_500, -1)], [(3, -1), (5, 1), (7, -1)], [(0, 1)]])
def test_two_words_have_the_sum(factors):
    rng, width = random.Random(1), 48
    inputs = [Signal(32, name=f"x{i}") for i in range(len(factors))]
    total = Signal(width)
    m = Module()
    first, second = carry_save(m, [(x, c, s) for x, (c, s) in zip(inputs, factors, strict=True)], width)
    m.d.comb += total.eq(first + second)

    async def bench(ctx):
        for _ in range(50):
            values = [rng.choice([0, 1, (1 << 32) - 1, rng.getrandbits(32)]) for _ in inputs]
            for signal, value in zip(inputs, values, strict=True):
                ctx.set(signal, value)
            await ctx.delay(1e-9)
            expected = sum(v * c * s for v, (c, s) in zip(values, factors, strict=True))
            assert ctx.get(total) == expected % (1 << width)

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
