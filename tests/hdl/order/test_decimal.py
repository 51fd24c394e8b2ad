"""Decimal digits and MsgSeqNum against Python's."""

import random

import pytest
from amaranth.sim import Simulator

from hdl.order.decimal import DIGITS, Decimal
from hdl.order.msg_seq_num import MsgSeqNum
from tests.hdl.cycles import run

TOP = (1 << 32) - 1


def test_every_carry():
    """A number per cycle: all around powers of ten, and any."""
    rng = random.Random(1)
    numbers = [number for power in (10**n for n in range(DIGITS)) for number in (power - 1, power, 2 * power - 1)]
    numbers += [TOP, TOP - 1, 0x0FFF_FFFF, *(1 << bit for bit in range(32))]
    numbers += [rng.getrandbits(rng.randrange(1, 33)) for _ in range(2000)]
    seen = run(Decimal(), [{"number": number} for number in numbers], ["digits"], after=Decimal.LATENCY)
    assert [int(f"{digits:x}") for digits, in seen[Decimal.LATENCY :]] == numbers


@pytest.mark.parametrize("first", [1, 9, 98, 99_998, 999_999_999, 2**31 - 1])
def test_counts_in_decimal(first):
    dut, rng, expected = MsgSeqNum(first=first), random.Random(first), first

    async def bench(ctx):
        nonlocal expected
        for cycle in range(300):
            if cycle == 200:  # and on from another number, whose digits come later
                ctx.set(dut.load, 1)
                ctx.set(dut.number, 1_098)
            if cycle == 204:
                ctx.set(dut.load_digits, 1)
                ctx.set(dut.digits.as_value(), 0x1098)
            goes = not 200 <= cycle <= 204 and rng.random() < 0.7
            ctx.set(dut.next, goes)
            await ctx.tick()
            ctx.set(dut.load, 0)
            ctx.set(dut.load_digits, 0)
            expected = 1_098 if cycle == 200 else expected + goes
            assert ctx.get(dut.count) == expected
            assert 200 <= cycle < 204 or ctx.get(dut.decimal.as_value()) == int(str(expected), 16)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert expected > 1_130
