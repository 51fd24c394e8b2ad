"""Who gets a free slot: the snapshot, else recentring and depth in turn."""

import random
import sys

import pytest
from amaranth import *
from amaranth.sim import Simulator

from hdl.book.arbiter import Arbiter
from hdl.book.operation import background
from spec.records import SNAPSHOT, SYMBOL_BITS

SOURCES = ("snapshot", "recentre", "depth")


def run(design, cycles):
    """Per cycle what was taken, and from whom; ``cycles``: valid and payload of each source, and ready.

    What was not taken is asked for again in the next cycle, also in ``cycles``.
    """
    dut, seen = Arbiter(design=design), []

    async def process(ctx):
        for k, cycle in enumerate(cycles):
            for name in SOURCES:
                if k and cycles[k - 1][name][0] and name not in seen[-1][-1]:
                    cycle[name] = cycles[k - 1][name]
                valid, payload = cycle[name]
                ctx.set(getattr(dut, name).valid, valid)
                ctx.set(Value.cast(getattr(dut, name).payload), payload)
            ctx.set(dut.requests.ready, cycle["ready"])
            seen.append((
                ctx.get(dut.requests.valid), ctx.get(Value.cast(dut.requests.payload)), ctx.get(dut.foreign),
                ctx.get(dut.scan),
                {name for name in SOURCES if ctx.get(getattr(dut, name).ready) and cycle[name][0]}))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()
    return seen


def random_cycles(rng, design, count, chances):
    bits = background(design).size
    cycles = []
    for _ in range(count):
        symbol = rng.choice((rng.randrange(len(design.symbols)), rng.randrange(1 << SYMBOL_BITS)))
        entry = SNAPSHOT.pack((symbol, *(rng.getrandbits(field.bits) for field in SNAPSHOT.fields[1:])))
        payloads = {"snapshot": entry, "recentre": rng.getrandbits(bits), "depth": rng.getrandbits(bits)}
        cycles.append({"ready": int(rng.random() < 0.7)} | {
            name: (int(rng.random() < chances[name]), payloads[name]) for name in SOURCES})
    return cycles


def request_of(design, name, word):
    """The fields of ``name``'s request that matter: a load is of no row, and the depth reads no order."""
    shape = background(design)
    if name == "snapshot":
        entry = SNAPSHOT.unpack(word)
        fields = {part: getattr(entry, part) for part in ("symbol", "side", "reference", "price", "shares")}
        word = shape.const({"load": 1 - entry.vouch, "vouch": entry.vouch, **fields}).as_value().value
    without = {"snapshot": ("row", "windows"), "recentre": (), "depth": ("row", "reference")}[name]
    mask = sum((1 << shape[part].width) - 1 << shape[part].offset for part in shape.members if part not in without)
    return word & mask, mask


def check(design, cycles):
    """Who was served, and how often an entry of no symbol was dropped. Recentring has its turn once it has waited."""
    last, served, dropped, waits = "depth", set(), 0, False
    scan, row = (background(design)[part].offset for part in ("scan", "row"))
    rows = design.book.buckets
    for k, (cycle, (valid, payload, foreign, scans, taken)) in enumerate(zip(cycles, run(design, cycles), strict=True)):
        wanting = [name for name in SOURCES if cycle[name][0]]
        alien = "snapshot" in wanting and SNAPSHOT.unpack(cycle["snapshot"][1]).symbol >= len(design.symbols)
        assert foreign == (alien and cycle["ready"]), k
        assert valid == (bool(wanting) and not alien), k
        dropped += foreign
        if not wanting:
            assert not taken, k
            waits = False
            continue
        first = "depth" if "depth" in wanting and (last == "recentre" or not waits) else "recentre"
        if "snapshot" in wanting:
            first = "snapshot"
        if valid:
            wanted, mask = request_of(design, first, cycle[first][1])
            assert payload & mask == wanted, k
        if first == "recentre":
            assert scans == cycle[first][1] >> scan & 1, k
            assert payload >> row & rows - 1 == cycle[first][1] >> row & rows - 1, k
        elif first == "snapshot":
            assert not scans, k
        assert taken == ({first} if cycle["ready"] else set()), k
        if taken and first != "snapshot":
            last = first
        waits = "recentre" in wanting and "recentre" not in taken
        served |= taken
    return served, dropped


@pytest.mark.parametrize("symbols", [1, 3, 4])
def test_the_snapshot_goes_first_and_the_others_take_turns(tiny, seed, symbols):
    """An entry of no configured symbol is dropped in its turn."""
    design = tiny(symbols=symbols)
    cycles = random_cycles(random.Random(seed), design, 800, {"snapshot": 0.3, "recentre": 0.6, "depth": 0.6})
    served, dropped = check(design, cycles)
    assert served == set(SOURCES) and 50 < dropped < 200


def test_recentring_and_depth_take_turns(tiny, seed):
    design = tiny(symbols=1)
    cycles = random_cycles(random.Random(seed), design, 100, {"snapshot": 0, "recentre": 1, "depth": 1})
    taken = [next(iter(names)) for *_, names in run(design, cycles) if names]
    assert len(taken) > 30 and set(taken[::2]) == {taken[0]} and set(taken[1::2]) == {taken[1]} != {taken[0]}


def test_the_check_finds_who_is_served_out_of_turn(tiny, seed, monkeypatch):
    design = tiny(symbols=1)
    cycles = random_cycles(random.Random(seed), design, 100, {"snapshot": 0.3, "recentre": 0.6, "depth": 0.6})
    seen = run(design, cycles)
    k = next(k for k, (*_, taken) in enumerate(seen) if taken == {"depth"})
    seen[k] = (*seen[k][:4], {"recentre"})
    monkeypatch.setattr(sys.modules[__name__], "run", lambda *_: seen)
    with pytest.raises(AssertionError, match=rf"^{k}\n"):
        check(design, cycles)
