"""The queue against a list, at every coincidence of writing and taking."""

import random
from collections import deque

import pytest
from amaranth.sim import Simulator

from hdl.order.queue import Queue


@pytest.mark.parametrize("depth", [2, 4, 8])
@pytest.mark.parametrize("write, take", [(0.5, 0.5), (0.9, 0.6), (0.3, 0.9), (1, 1), (1, 0.95)])
def test_is_a_list(depth, write, take):
    rng = random.Random(depth)
    dut, model, most = Queue(shape=16, depth=depth), deque(), 0

    async def bench(ctx):
        nonlocal most
        for n in range(600):
            push = len(model) < depth and rng.random() < write
            ready = rng.random() < take
            ctx.set(dut.entries.valid, push)
            ctx.set(dut.entries.payload, n)
            ctx.set(dut.head.ready, ready)
            if push:
                model.append(n)
            most = max(most, len(model))
            assert ctx.get(dut.head.valid) == bool(model), n
            if model:
                assert ctx.get(dut.head.payload) == model[0], n
                if ready:
                    model.popleft()
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert most >= (depth if write < 1 and take < 0.9 and write >= take else 1)


@pytest.mark.parametrize("depth", [0, 1, 3, 12])
def test_depth_must_be_a_power_of_two(depth):
    with pytest.raises(ValueError, match=f"not {depth}$"):
        Queue(shape=8, depth=depth)
