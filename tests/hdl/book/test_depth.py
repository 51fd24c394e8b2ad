"""The walk for the best five levels against a naive book behind a stand-in of the pipeline."""

import random
from collections import deque
from dataclasses import dataclass, field

import pytest
from amaranth import *
from amaranth.sim import Simulator

from hdl.book.depth import Depth
from hdl.book.operation import result
from spec.ladder import BID, word_span
from spec.records import DEPTH
from tests.hdl.book.depth_pipeline import LATENCY, Pipeline
from tests.hdl.book.depth_traffic import Traffic


def packer(layout):
    """``pack(fields)``: a dict of integers, nested where the layout is, as one integer."""
    def pack(fields, layout=layout):
        word = 0
        for name, value in fields.items():
            part = layout[name]
            if isinstance(value, dict):
                value = pack(value, part.shape)
            assert 0 <= value < 1 << part.width, (name, value)
            word |= value << part.offset
        return word
    return pack


@dataclass
class Seen:
    records: list = field(default_factory=list)  # (cycle, record)
    changes: list = field(default_factory=list)  # (cycle, message, (symbol, side)) of results that mark a side
    windowed: int = 0
    queries: int = 0


def simulate(dut, pipeline, wishes, *, cycles, share=0.5, pace=0.5, quiet=0):
    """Run ``cycles`` of traffic and ``quiet`` ones without; every record is held against the naive book.

    ``share``: part of the free slots that the unit gets while others want them too, or a function of the cycle.
    ``pace``: part of those slots in which a moving window takes its next step.
    """
    pack, rng, seen = packer(result(pipeline.design)), pipeline.rng, Seen()
    coming = deque([None] * LATENCY)
    out = deque()

    async def process(ctx):
        await ctx.tick().until(dut.ready)
        requests = dut.requests
        for cycle in range(cycles + quiet):
            pipeline.cycle = cycle
            got = coming.popleft()
            ctx.set(Value.cast(dut.results), pack(got) if got else rng.getrandbits(64) << 1)
            if got and not got.get("query"):
                seen.changes.append((cycle, pipeline.whole(got["message"]), (got["symbol"], got["side"])))
                seen.windowed += got.get("windowed", 0)
            operation = wishes(cycle, pipeline) if cycle < cycles else None
            if not operation and rng.random() < pace:
                operation = pipeline.background()
            free = not operation and (share(cycle) if callable(share) else rng.random() < share or cycle >= cycles)
            ctx.set(requests.ready, free)
            masks = ctx.get(dut.word_mask), ctx.get(dut.place_mask)
            if out:
                assert masks == out[0][1]
            if free and ctx.get(requests.valid):
                request = requests.payload
                assert ctx.get(request.query) and ctx.get(request.masked) and not out
                pair = ctx.get(request.symbol), ctx.get(request.side)
                operation = pipeline.found(pair, masked=True, words=masks[0], places=masks[1])
                operation |= {"query": 1, "masked": 1}
                seen.queries += 1
                out.append((cycle + LATENCY, masks))
            if out and out[0][0] == cycle:
                out.popleft()
            coming.append(operation)
            if ctx.get(dut.depths.valid):
                record = DEPTH.unpack(ctx.get(Value.cast(dut.depths.payload)))
                seen.records.append((cycle, record))
                may_say = pipeline.may_say((record.symbol, record.side), pipeline.whole(record.message))
                assert tuple(record[3:]) in may_say, (cycle, record, may_say)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()
    return seen


def delays(pipeline, seen):
    """Of each result that marked a side: cycles until a record that has it, and the levels emptied meanwhile."""
    found = []
    for cycle, message, pair in seen.changes:
        at = next(at for at, r in seen.records
                  if at > cycle and (r.symbol, r.side) == pair and pipeline.whole(r.message) >= message)
        found.append((at - cycle, sum(cycle - LATENCY - 3 <= when <= at for when in pipeline.emptied)))
    return found


def settled(pipeline, seen):
    """The last record of each side that anything happened to says what the side is."""
    for pair in {pair for _, _, pair in seen.changes}:
        last = [r for _, r in seen.records if (r.symbol, r.side) == pair][-1]
        assert tuple(last[3:]) == pipeline.depth(pair), last


MIXES = {
    "sparse": {"density": 0.02, "limit": 8},
    "half": {"density": 0.4, "limit": 20, "far": 0.01},
    "dense": {"density": 0.9, "limit": 30, "far": 0.002},
    "every cycle": {"density": 1.0, "limit": 14, "far": 0.02},
    "drained": {"density": 0.5, "limit": 40, "drain": 0.95, "far": 0.001},
    "moving": {"density": 0.1, "limit": 24, "moves": 0.02, "far": 0.01},
    "moving and drained": {"density": 0.3, "limit": 40, "drain": 0.8, "moves": 0.01, "far": 0.01},
    "moving slowly": {"density": 0.2, "limit": 24, "moves": 0.05, "far": 0.0},
    "faulty": {"density": 0.1, "limit": 12, "faults": 0.1},
}


@pytest.mark.parametrize("symbols, levels", [(1, 16), (3, 64)])
@pytest.mark.parametrize("mix", MIXES)
def test_records_are_the_depth_at_their_message(tiny, seed, mix, symbols, levels):
    rng = random.Random(f"{seed} {mix} {symbols}")
    design = tiny(symbols=symbols, levels=levels)
    pipeline, traffic = Pipeline(design, rng), Traffic(rng, **MIXES[mix])

    def wishes(cycle, pipeline):  # even where every cycle may have a message, there are rests
        return None if mix == "every cycle" and cycle // 150 % 2 else traffic.wish(pipeline)

    slow = {"share": 0.1, "pace": 0.01} if mix == "moving slowly" else {}
    seen = simulate(Depth(design=design), pipeline, wishes, cycles=3000, quiet=3000 if slow else 1500, **slow)
    settled(pipeline, seen)
    records = [record for _, record in seen.records]
    assert len(records) >= 15
    assert sum(record.known for record in records) >= 10
    assert len({record.levels for record in records}) >= 2
    if "moving" in mix:
        assert seen.windowed > (3 if slow else 30)


class EveryOther:
    """Whoever else wants slots gets every second free one."""

    def __init__(self):
        self.ours = False

    def __call__(self, cycle):
        self.ours = not self.ours
        return self.ours


@pytest.mark.parametrize("drain", [0.0, 0.9])
def test_the_delay_is_bounded(tiny, seed, drain):
    """A wire full of messages of the shortest kind, one in 2.6 cycles."""
    rng, design = random.Random(seed), tiny(symbols=3, levels=64)
    pipeline, traffic = Pipeline(design, rng), Traffic(rng, density=1.0, limit=40, drain=drain, far=0.0)

    def wishes(cycle, pipeline):
        return traffic.wish(pipeline) if int((cycle + 1) / 2.6) > int(cycle / 2.6) else None

    dut = Depth(design=design)
    seen = simulate(dut, pipeline, wishes, cycles=8000, quiet=1500, share=EveryOther())
    settled(pipeline, seen)
    walk = 9 * (LATENCY + dut.OWN + 3) + dut.AROUND
    bound = (2 * 3 + 1) * walk + 2 * 3 + 3
    found = delays(pipeline, seen)
    assert len(found) > 2000
    assert all(cycles <= bound + 28 * emptied for cycles, emptied in found)
    assert max(cycles for cycles, _ in found) > bound // 3


@pytest.mark.parametrize("side", [0, 1])
def test_a_walk_takes_nine_queries_at_most(tiny, side):
    """Five levels in as many words, of a side that nothing else happens to; every slot is free."""
    design = tiny(symbols=1, levels=64)
    pipeline = Pipeline(design, random.Random(1))
    tick, law = pipeline.sides[0, side].tick, pipeline.sides[0, side].law
    prices = [law.low + (8 * word + 3) * tick for word in range(6)]

    def wishes(cycle, pipeline):
        if cycle < len(prices):
            return pipeline.told((0, side), pipeline.add((0, side), prices[cycle], 10 + cycle), message=1)
        if cycle == 600:
            return pipeline.told((0, side), pipeline.add((0, side), prices[0], 1), message=1)
        return None

    dut = Depth(design=design)
    seen = simulate(dut, pipeline, wishes, cycles=601, quiet=500, share=lambda cycle: True)
    settled(pipeline, seen)
    (before, _), (at, record) = seen.records[-2:]
    assert before < 600 + LATENCY and record.side == side and record.levels == 5
    assert [record.price_0, record.price_4] == [prices[5], prices[1]] if side == BID else [prices[0], prices[4]]
    walk = 9 * (LATENCY + dut.OWN) + dut.AROUND
    # The mark is seen three cycles after the result, or one later when the other side has its turn. Nothing delays its
    # clearing, the record goes out in the last cycle but one, and cycles are counted from the first, not from one.
    assert walk <= at - 600 - LATENCY <= walk + 1


def test_a_fault_and_its_end_are_published_for_both_sides(tiny):
    design = tiny(symbols=2)
    pipeline = Pipeline(design, random.Random(1))

    def wishes(cycle, pipeline):
        if cycle not in (5, 300):
            return None
        pipeline.sound[1] = cycle == 300
        return pipeline.told((1, 0), {}, message=1)

    seen = simulate(Depth(design=design), pipeline, wishes, cycles=301, quiet=200)
    assert sorted((r.known, r.symbol, r.side) for _, r in seen.records) == [(0, 1, 0), (0, 1, 1), (1, 1, 0), (1, 1, 1)]


def test_a_window_that_moves_voids_what_was_found(tiny):
    """It leaves the best of four levels found; a fifth comes before the walk has begun again."""
    design = tiny(symbols=1, levels=64)
    pipeline = Pipeline(design, random.Random(1))
    side = pipeline.sides[0, BID]
    top, span = side.law.high, word_span(side.tick, side.levels)
    prices = [top - (1 + 8 * word) * side.tick for word in range(6)]
    sent = []

    def wishes(cycle, pipeline):
        if cycle == 0:
            pipeline.move((0, BID), side.law.low - span)
            sent.extend(pipeline.plans)
            pipeline.plans.clear()
        if 2 <= cycle < 8:
            return pipeline.told((0, BID), pipeline.add((0, BID), prices[cycle - 2], 1), message=1)
        if cycle == 300:
            return pipeline.told((0, BID), pipeline.add((0, BID), prices[0], 2), message=1)
        if cycle == 450:
            pipeline.plans.append(sent[0])
            return pipeline.background()
        if cycle == 452:
            return pipeline.told((0, BID), pipeline.add((0, BID), prices[1] - side.tick, 3), message=1)
        return None

    queries = []

    def share(cycle):  # four levels are found by seven queries
        if cycle > 310 and cycle < 500:
            queries.extend([cycle] * (cycle % 20 == 0))
            return cycle % 20 == 0 and len(queries) <= 7
        return True

    seen = simulate(Depth(design=design), pipeline, wishes, cycles=500, quiet=300, share=share)
    settled(pipeline, seen)
    assert {r.known for at, r in seen.records if at > 450 and r.side == BID} == {0}


@pytest.mark.parametrize("inside", [0, 3])
@pytest.mark.parametrize("side", [0, 1])
def test_levels_that_the_law_has_left_are_not_shown(tiny, side, inside):
    """Between the window's step and the orders' release they are orders beyond it."""
    design = tiny(symbols=1, levels=64)
    pipeline = Pipeline(design, random.Random(1))
    ladder = pipeline.sides[0, side]
    span = word_span(ladder.tick, 64)
    worst, better = (ladder.law.low, ladder.tick) if side == BID else (ladder.law.high - ladder.tick, -ladder.tick)
    prices = [worst, worst + better, *(worst + (20 + level) * better for level in range(inside))]

    def wishes(cycle, pipeline):
        if cycle < len(prices):
            return pipeline.told((0, side), pipeline.add((0, side), prices[cycle], 7), message=1)
        if cycle == 300:
            pipeline.move((0, side), ladder.law.low + (span if side == BID else -span))
            first = pipeline.background()
            pipeline.plans.clear()
            return first
        return None

    seen = simulate(Depth(design=design), pipeline, wishes, cycles=301, quiet=300)
    settled(pipeline, seen)
    last = [record for _, record in seen.records if record.side == side][-1]
    assert (last.known, last.levels, last.cut) == ((1, 3, 1) if inside else (0, 0, 0))


def test_the_comparison_finds_a_level_that_is_not_added(tiny, seed, monkeypatch):
    from hdl.book import depth

    monkeypatch.setattr(depth, "lowest_one_hot", lambda bits: Cat(C(0, 1), bits[1:] & -bits[1:]))
    with pytest.raises(AssertionError, match="Depth"):
        test_records_are_the_depth_at_their_message(tiny, seed, "half", 1, 16)
