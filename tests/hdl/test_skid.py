"""skid: everything comes out once and in order, without a bubble, and what is offered stands still."""

import random

import pytest
from amaranth.sim import Simulator

from hdl.skid import SkidBuffer


@pytest.mark.parametrize("offered, taken", [(1, 1), (1, 0.5), (0.5, 1), (0.5, 0.5), (0.9, 0.1)])
def test_nothing_is_lost_or_repeated(offered, taken):
    rng, dut, sent, got = random.Random(1), SkidBuffer(16), [], []

    async def bench(ctx):
        held, value = None, 0
        for _ in range(2000):
            if not ctx.get(dut.input.valid) or ctx.get(dut.input.ready):
                value = rng.getrandbits(16)
                next_valid = rng.random() < offered
            ctx.set(dut.input.valid, next_valid)
            ctx.set(dut.input.payload, value)
            ctx.set(dut.output.ready, rng.random() < taken)
            if next_valid and ctx.get(dut.input.ready):
                sent.append(value)
            if ctx.get(dut.output.valid):
                said = ctx.get(dut.output.payload)
                assert held in (None, said), "an offered payload changed"
                held = None if ctx.get(dut.output.ready) else said
                if held is None:
                    got.append(said)
            else:
                assert held is None, "an offer was withdrawn"
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert got == sent[: len(got)] and len(sent) - len(got) <= 2 and len(got) > 100
    if offered == taken == 1:
        assert len(got) == 1999, "one in every cycle, after one cycle"


def test_ready_is_a_register():
    dut = SkidBuffer(8)

    async def bench(ctx):
        ctx.set(dut.input.valid, 1)
        await ctx.tick().repeat(3)
        for ready in (0, 1, 0):
            ctx.set(dut.output.ready, ready)
            assert not ctx.get(dut.input.ready), "it follows the far end within the cycle"

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
