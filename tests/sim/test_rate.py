"""One message per cycle, sustained, and the same latency as at rest."""

import re

import numpy as np
import pytest

from sim import order_rate, rate
from sim.book_run import BookRun, Segment
from sim.cli import run
from sim.engine import Stream
from sim.engine.book import library
from sim.storms import Storms
from spec import config

DESIGN = config.preset("small")


@pytest.mark.parametrize("messages", [
    pytest.param(20_000, id="short"), pytest.param(1_000_000, id="a million", marks=pytest.mark.campaign)])
def test_a_message_in_every_cycle(messages, seed, record_property):
    found = rate.measure(DESIGN, library(DESIGN), messages=messages, at_rest=5000, seed=seed)
    assert found.rest.described == found.full.described == []
    assert found.full.longest == found.full.messages >= messages
    assert set(found.full.latency.counts) == set(found.rest.latency.counts) == {found.declared}
    assert found.full.known > found.full.updates / 2
    assert found.passed
    record_property("campaign", f"rate: {found.full.longest:,} messages in as many cycles, each update after "
                                f"{found.declared} cycles")


def test_the_command(capsys):
    assert run(["rate", "book", "-n", "2000"]) == 0
    assert run(["rate", "bok"]) == 2
    assert "no rate of 'bok'; choose from book, order" in capsys.readouterr().err


@pytest.mark.campaign
def test_orders_per_second(capsys):
    """At least ten million leave with either protocol; a wire has room for its own."""
    assert run(["rate", "order"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    for line in lines:
        assert float(re.search(r"([0-9.]+) million a second", line)[1]) >= 10, line
    rate = order_rate.OrderRate("ouch", "usual", cycles=14, octets=126, clock_mhz=280)
    assert rate.per_second == 20e6 and rate.on_wire(10) == pytest.approx(10e9 / 1200)


def _falsified(stream: str, column: int, bit: int):
    """Flips a bit of one record in the middle of a stream."""
    def falsify(streams):
        one = streams[stream]
        words = one.words.copy()
        words[len(words) // 2, column] ^= np.uint64(1 << bit)
        return streams | {stream: Stream(one.record, one.cycles, words)}
    return falsify


def _dropped(stream: str):
    def falsify(streams):
        one, keep = streams[stream], np.arange(len(streams[stream])) != len(streams[stream]) // 2
        return streams | {stream: Stream(one.record, one.cycles[keep], one.words[keep])}
    return falsify


@pytest.mark.parametrize("falsify, complaint", [
    (_falsified("updates", 3, 3), "updates: message"),
    (_falsified("depths", 2, 20), "depths: message"),
    (_falsified("windows", 0, 45), "windows: "),
    (_dropped("updates"), "updates: missing"),
    (_dropped("windows"), ""),
], ids=["update", "depth", "window", "lost update", "lost window"])
def test_what_is_falsified_is_found(falsify, complaint, seed):
    storms = Storms(DESIGN, seed)
    segments = [segment for kind in ("walks", "mixture") for segment in storms.segments(kind, 4000)]
    segments = [Segment(segment.octets, gaps=np.full(len(segment), 12, np.uint32)) for segment in segments]
    assert not BookRun(DESIGN, library(DESIGN), seed=seed).run(segments).differences
    result = BookRun(DESIGN, library(DESIGN), seed=seed, falsify=falsify).run(segments)
    assert result.differences and any(complaint in what for what in result.described)
