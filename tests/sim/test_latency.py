"""Latencies are measured to the cycle, and the law of tick to trade is held against every order."""

import random

import numpy as np
import pytest

from sim.engine import Batch, Capture, Engine, OrderFrame, Stream
from sim.latency import DEPTH, FIRST_TO_FIRST, TICK_TO_TRADE, TRANSMIT, WAIT, DepthDelay, Histogram, Latency
from spec import config
from spec.records import DEPTH as DEPTH_RECORD
from spec.records import RECORDS, UPDATE
from tests.sim import standin

DESIGN = config.preset("small")


def _measure(frames, *, gap, batches=1, **patterns):
    """The stand-in's latencies. A frame is one message from its first octet to its last."""
    core, latency = Engine(standin.library(), **patterns), Latency(DESIGN)
    size = -(-len(frames) // batches)
    for i in range(0, len(frames), size):
        some = frames[i : i + size]
        core.send(Batch.of(some, [gap] * len(some)))
        got = core.capture()
        ends = np.cumsum([-(-len(frame) // 8) for frame in some])
        beats = got.beats.astype(np.int64)
        numbers = np.arange(i, i + len(some))
        latency.add(got, numbers, beats[np.concatenate([[0], ends[:-1]])], beats[ends - 1])
    core.idle(20_000)
    nothing = np.empty(0, np.int64)
    latency.add(core.capture(), nothing, nothing, nothing)
    return latency


@pytest.mark.parametrize("batches", [1, 7])
def test_every_stage_to_the_cycle(batches):
    """In batches or not: a record whose input was in an earlier batch is measured all the same."""
    frames = standin.frames(random.Random(21), 200)
    latency = _measure(frames, gap=6, batches=batches)
    rows = {row.name: row for row in latency.table}
    del rows[DEPTH]  # the stand-in's depths follow deletes alone
    expected = {
        "feed": standin.FEED, "book": standin.BOOK, "indicators": standin.INDICATORS, "vwap quotient": standin.VWAP,
        "strategy": standin.STRATEGY, "risk": standin.RISK, "encode": standin.ENCODE, TRANSMIT: standin.TRANSMIT,
        TICK_TO_TRADE: standin.TICK_TO_TRADE, FIRST_TO_FIRST: standin.TICK_TO_TRADE + 4,  # an A has five beats
    }
    assert {name: (row.minimum, row.median, row.p99, row.maximum) for name, row in rows.items()} == {
        name: (cycles,) * 4 for name, cycles in expected.items()}
    assert rows["feed"].count == 200
    followed = sum(frame[2] < 4 for frame in frames)
    assert rows["book"].count == rows["vwap quotient"].count == followed
    orders = sum(frame[2] < 4 and frame[:1] == b"A" for frame in frames)
    assert rows[TRANSMIT].count == latency.orders == orders > 10
    assert latency.tick_to_trade == standin.TICK_TO_TRADE
    assert (latency.broken, latency.split, latency.exceeded) == (0, 0, [])


def test_waiting_for_a_busy_wire_is_lawful_and_a_row_of_its_own():
    """Orders of five beats each, sent by messages of five beats each, leave every sixteen: they queue."""
    frames = [standin.message("A", locate=1)] * 30
    latency = _measure(frames, gap=0, tx="0001")
    rows = {row.name: row for row in latency.table}
    assert latency.orders == 30 and latency.broken == 0
    assert rows[TICK_TO_TRADE].count == rows[TRANSMIT].count == 1
    assert rows[WAIT].count == 29 and rows[WAIT].maximum > rows[WAIT].minimum > 0
    assert rows[TICK_TO_TRADE].maximum == standin.TICK_TO_TRADE


def _capture(sofs, last=lambda sof: sof + 3, eots=None):
    """Order frames that begin at ``sofs``, of messages 100 cycles apart."""
    def stream(record):
        words = np.zeros((len(sofs), -(-record.bits // 64)), np.uint64)
        words[:, 0] = np.arange(len(sofs))
        return Stream(record, np.arange(len(sofs), dtype=np.uint64) * 100 + 5, words)

    frames = [OrderFrame(bytes(27), sof, sof, last(sof)) for sof in sofs]
    return Capture({record.stream: stream(record) for record in RECORDS}, np.empty(0, np.uint64), frames)


def _held_against(sofs, **frames):
    latency, numbers = Latency(DESIGN), np.arange(len(sofs))
    latency.add(_capture(sofs, **frames), numbers, numbers * 100 - 3, numbers * 100)
    return latency


def test_one_cycle_of_jitter_is_found_and_named():
    assert _held_against([8, 108, 208]).broken == 0
    for wrong in (107, 109):
        latency = _held_against([8, wrong, 208])
        assert latency.broken == 1
        assert str(latency.jitter[0]) == f"message 1: order frame expected at cycle 108, began at cycle {wrong}"


def test_an_order_that_waits_longer_than_the_wire_is_busy_is_jitter():
    """Frame 0 ends at 150, so order 1 must begin at 151."""
    assert _held_against([8, 151, 208], last=lambda sof: 150 if sof == 8 else sof + 3).broken == 0
    assert _held_against([8, 152, 208], last=lambda sof: 150 if sof == 8 else sof + 3).broken == 1


def test_an_idle_beat_inside_a_frame_is_found():
    assert _held_against([8, 108]).split == 0
    assert _held_against([8, 108], last=lambda sof: sof + 4).split == 2


def test_a_budget_that_is_exceeded_is_named():
    tight = DESIGN.model_copy(update={"budgets": DESIGN.budgets.model_copy(update={"book": 6.0})})
    latency = Latency(tight)
    latency.histograms["book"].add(np.array([1, 1, 2]))  # 6.2 ns
    latency.histograms["feed"].add(np.array([9]))
    assert [row.name for row in latency.exceeded] == ["book"]


def test_percentiles_are_exact():
    cycles = Histogram()
    for part in np.split(np.arange(1, 1001), 10):
        cycles.add(part)
    assert [cycles.percentile(p) for p in (0, 50, 99, 99.9, 100)] == [1, 500, 990, 999, 1000]
    with pytest.raises(ValueError, match="empty"):
        Histogram().percentile(50)


def _stream(record, *rows):
    """From (cycle, fields) of each record."""
    made = [record.pack(record.tuple(**dict.fromkeys(record.tuple._fields, 0) | fields)) for _, fields in rows]
    width = -(-record.bits // 64)
    words = [[word >> 64 * i & (1 << 64) - 1 for i in range(width)] for word in made]
    cycles = [cycle for cycle, _ in rows]
    return Stream(record, np.array(cycles, np.uint64), np.array(words, np.uint64).reshape(-1, width))


@pytest.mark.parametrize("batches", [1, 2])
def test_depth_is_late_by_the_cycles_from_the_change_that_it_shows_first(batches):
    """A change of a side's best waits for the first depth of that side that holds it; any other for nothing."""
    updates = [(10, {"message": 0, "symbol": 1}), (20, {"message": 1, "symbol": 1, "bid_price": 5}),
               (30, {"message": 2, "symbol": 1, "bid_price": 6}), (40, {"message": 3, "symbol": 1, "bid_price": 6}),
               (50, {"message": 4, "symbol": 1, "bid_price": 6, "ask_orders": 1})]
    depths = [(35, {"message": 2, "symbol": 1}), (60, {"message": 5, "symbol": 1, "side": 1}),
              (61, {"message": 5, "symbol": 0}), (90, {"message": 5, "symbol": 1})]
    delay = DepthDelay()
    for since, until in {1: [(0, 100)], 2: [(0, 45), (45, 100)]}[batches]:
        delay.add(*(_stream(record, *(row for row in rows if since <= row[0] < until))
                    for record, rows in ((UPDATE, updates), (DEPTH_RECORD, depths))))
    assert delay.histogram.counts == {15: 1, 10: 1, 60: 1}
