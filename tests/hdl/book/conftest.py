"""Drives a component of the book's pipeline, whose ports belong to stages."""

import pytest
from amaranth import *
from amaranth.sim import Simulator

pytest.register_assert_rewrite(*(f"tests.hdl.book.{name}" for name in ("depth_pipeline", "recentre_book")))


@pytest.fixture
def run_pipeline():
    """``run(dut, operations, inputs, outputs)``: one operation per cycle from ``ready`` on.

    ``inputs`` and ``outputs``: name -> (port, stage); stages may be negative. An operation is a dict of inputs, zero
    where it has none; the result is a list of dicts of outputs, integers.
    """

    def run(dut, operations, inputs, outputs, within=2000):
        results = [{} for _ in operations]
        stages = [stage for _, stage in (*inputs.values(), *outputs.values())]
        given = [(name, Value.cast(port), stage) for name, (port, stage) in inputs.items()]
        wanted = [(name, Value.cast(port), stage) for name, (port, stage) in outputs.items()]

        async def process(ctx):
            for _ in range(within):
                if not hasattr(dut, "ready") or ctx.get(dut.ready):
                    break
                await ctx.tick()
            else:
                raise AssertionError("never ready")
            shown = {}
            for cycle in range(min(stages), len(operations) + max(stages)):
                for name, port, stage in given:
                    k = cycle - stage
                    value = operations[k].get(name, 0) if 0 <= k < len(operations) else 0
                    if shown.get(name) != value:
                        ctx.set(port, value)
                        shown[name] = value
                for name, port, stage in wanted:
                    if 0 <= cycle - stage < len(operations):
                        results[cycle - stage][name] = ctx.get(port)
                await ctx.tick()

        top = Module()
        top.submodules.dut = dut
        top.d.sync += Signal().eq(1)  # a clock, for what has none
        simulator = Simulator(top)
        simulator.add_clock(1e-9)
        simulator.add_testbench(process)
        simulator.run()
        return results

    return run


@pytest.fixture
def tiny():
    """``tiny(symbols=2, **book)``: the small preset with fewer symbols and another geometry, unchecked."""
    from spec import config

    small = config.preset("small")
    ticks = {1: [0], 2: [0, 3], 3: [0, 1, 3], 4: [0, 1, 2, 3]}  # the last of small's symbols has the fine tick

    def make(symbols=2, **book):
        return small.model_copy(update={
            "symbols": [small.symbols[i] for i in ticks[symbols]],
            "book": small.book.model_copy(update=book),
        })

    return make
