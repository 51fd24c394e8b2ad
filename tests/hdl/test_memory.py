"""Swept and forwarded memories against a list of rows."""

import random

import pytest
from amaranth.sim import Simulator

from hdl.export import write_verilog
from hdl.memory import ForwardedMemory, PlainMemory, SetClearMemory, SweptMemory, ram_style


def simulate(dut, process):
    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()


async def sweep(ctx, dut, depth):
    """Wait for ``ready``; it takes exactly ``depth`` cycles, and writes until then are ignored."""
    ctx.set(dut.write_enable, 1)
    ctx.set(dut.write_data, 0x77)
    for _ in range(depth):
        assert not ctx.get(dut.ready)
        await ctx.tick()
    assert ctx.get(dut.ready)
    ctx.set(dut.write_enable, 0)


@pytest.mark.parametrize("depth", [1, 2, 13, 16])
def test_sweep_sets_every_row(depth):
    rows = {depth - 1: 0xA5}
    dut = SweptMemory(shape=8, depth=depth, initial=0x3C, rows=rows)
    seen = []

    async def process(ctx):
        await sweep(ctx, dut, max(depth, 2))
        for address in range(depth):
            ctx.set(dut.read_address[0], address)
            await ctx.tick()
            seen.append(ctx.get(dut.read_data[0]))

    simulate(dut, process)
    assert seen == [rows.get(address, 0x3C) for address in range(depth)]


def test_a_read_does_not_see_the_write_of_its_own_cycle():
    dut = SweptMemory(shape=8, depth=4, reads=2, initial=1)
    seen = []

    async def process(ctx):
        await sweep(ctx, dut, 4)
        ctx.set(dut.write_enable, 1)
        ctx.set(dut.write_address, 2)
        ctx.set(dut.write_data, 9)
        for port in range(2):
            ctx.set(dut.read_address[port], 2)
        for _ in range(2):
            await ctx.tick()
            seen.append([ctx.get(dut.read_data[port]) for port in range(2)])

    simulate(dut, process)
    assert seen == [[1, 1], [9, 9]]


def differences(dut, read_address, read_data, *, depth, latency, seed, cycles=600):
    """How many reads of a random stream, one read and up to one write per cycle, differ from a list's."""
    rng = random.Random(seed)
    rows, history, wrong = [5] * depth, [], 0

    async def process(ctx):
        nonlocal wrong
        await sweep(ctx, dut, depth)
        for _ in range(cycles):
            # Data that arrives now was addressed ``latency`` cycles ago and reflects everything written before now.
            if len(history) >= latency:
                wrong += ctx.get(read_data) != rows[history[-latency]]
            address = rng.randrange(depth)
            ctx.set(read_address, address)
            history.append(address)
            enable, target, value = rng.random() < 0.7, rng.randrange(depth), rng.randrange(256)
            ctx.set(dut.write_enable, enable)
            ctx.set(dut.write_address, target)
            ctx.set(dut.write_data, value)
            await ctx.tick()
            if enable:
                rows[target] = value

    simulate(dut, process)
    assert len(history) == cycles
    return wrong


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("latency", [1, 2, 4])
@pytest.mark.parametrize("depth", [2, 3, 8])
def test_forwarding_at_one_access_per_cycle(depth, latency, late):
    dut = ForwardedMemory(shape=8, depth=depth, latency=latency, late=late, initial=5)
    seed = depth * 10 + latency
    assert differences(dut, dut.read_address, dut.read_data, depth=depth, latency=latency, seed=seed) == 0


def test_the_check_of_forwarding_can_fail():
    dut = SweptMemory(shape=8, depth=4, initial=5)
    assert differences(dut, dut.read_address[0], dut.read_data[0], depth=4, latency=1, seed=1) > 0


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"depth": 2.0}, {"reads": 0}, {"rows": {4: 1}}])
def test_swept_memory_rejects(wrong):
    with pytest.raises(ValueError, match="not "):
        SweptMemory(**{"shape": 8, "depth": 4} | wrong)


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"latency": 0}, {"rows": {-1: 1}}])
def test_forwarded_memory_rejects(wrong):
    with pytest.raises(ValueError, match="not "):
        ForwardedMemory(**{"shape": 8, "depth": 4} | wrong)


def test_verilog_gives_no_initial_contents(tmp_path):
    """What is not swept is X in Icarus, as it may be in UltraRAM."""
    text = write_verilog(ForwardedMemory(shape=8, depth=4, initial=3), tmp_path / "memory.v", name="memory").read_text()
    assert "reg [7:0] rows [3:0];" in text and "initial" not in text


def test_large_memories_ask_for_ultraram():
    assert [ram_style(*size) for size in ((72, 4096), (124, 8192), (36, 1 << 17))] == ["ultra"] * 3
    assert [ram_style(*size) for size in ((72, 2048), (7, 16384), (33, 64))] == ["auto"] * 3


def wrong_rows(dut, *, depth, latency, behind, seed, width=4, cycles=800):
    """How many rows of a memory under a random stream of sets, clears and looks differ from a list's."""
    rng = random.Random(seed)
    history = [[0] * depth for _ in range(behind + 1)]  # rows as they were before this cycle, oldest first
    sets, clears, looks, wrong = [], [], [], 0

    async def process(ctx):
        nonlocal wrong
        while not ctx.get(dut.ready):
            await ctx.tick()
        for _ in range(cycles):
            rows = history[-1]
            if looks:
                wrong += ctx.get(dut.look_row[0]) != looks[-1]
            masks = {}
            for name, addresses in (("set", sets), ("clear", clears)):
                masks[name] = 0
                if len(addresses) >= latency:
                    wrong += ctx.get(getattr(dut, f"{name}_row")) != rows[addresses[-latency]]
                    masks[name] = rng.getrandbits(width)
            enables = {name: rng.random() < 0.8 for name in masks}
            if len(sets) >= latency and sets[-latency] == clears[-latency]:
                masks["clear"] &= ~masks["set"]
            for name, addresses in (("set", sets), ("clear", clears)):
                addresses.append(rng.randrange(depth))
                ctx.set(getattr(dut, f"{name}_address"), addresses[-1])
                ctx.set(getattr(dut, f"{name}_enable"), enables[name])
                ctx.set(getattr(dut, f"{name}_mask"), masks[name])
            address = rng.randrange(depth)
            ctx.set(dut.look_address[0], address)
            looks.append(history[0][address])
            await ctx.tick()
            rows = list(rows)
            if len(sets) > latency and enables["set"]:
                rows[sets[-latency - 1]] |= masks["set"]
            if len(clears) > latency and enables["clear"]:
                rows[clears[-latency - 1]] &= ~masks["clear"]
            del history[0]
            history.append(rows)

    simulate(dut, process)
    assert len(looks) == cycles
    return wrong


@pytest.mark.parametrize("behind", [0, 1])
@pytest.mark.parametrize("latency", [1, 2])
def test_setting_and_clearing_in_the_same_cycle(latency, behind):
    dut = SetClearMemory(width=4, depth=3, latency=latency, behind=behind)
    assert wrong_rows(dut, depth=3, latency=latency, behind=behind, seed=latency) == 0


def test_the_check_of_setting_and_clearing_can_fail():
    assert wrong_rows(SetClearMemory(width=4, depth=3, latency=2), depth=3, latency=2, behind=1, seed=1) > 0


def test_a_plain_memory_shows_what_was_written_before():
    dut, seen = PlainMemory(shape=8, depth=4), []

    async def process(ctx):
        ctx.set(dut.read_address, 2)
        ctx.set(dut.write_address, 2)
        ctx.set(dut.write_enable, 1)
        for value in (7, 8, 9):
            ctx.set(dut.write_data, value)
            await ctx.tick()
            seen.append(ctx.get(dut.read_data))

    simulate(dut, process)
    assert seen[1:] == [7, 8]  # each one cycle after it was written
