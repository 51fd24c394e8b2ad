"""The feed bench on both simulators; and that it fails when it should."""

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import connect, flipped

from hdl.export import write_verilog
from hdl.feed import Feed
from sim import build, simulators
from spec import config, itch

SMALL = config.preset("small")


class LateFeed(wiring.Component):
    """A feed whose messages come one cycle later than they should, and what is ahead of them as told."""

    def __init__(self, ahead):
        self._feed, self._ahead = Feed(design=SMALL), ahead
        super().__init__(self._feed.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.feed = inner = self._feed
        connect(m, flipped(self.rx), inner.rx)
        m.d.comb += [inner.enabled.eq(self.enabled), self.counters.eq(inner.counters)]
        m.d.sync += [self.messages.valid.eq(inner.messages.valid), self.messages.payload.eq(inner.messages.payload)]
        self._ahead(m, self.ahead, inner.ahead)
        return m


def late(m, ahead, inner):
    m.d.sync += ahead.eq(inner)


def not_late(m, ahead, inner):
    m.d.comb += ahead.eq(inner)


def test_bench(simulator, seed, build_dir):
    build.run_bench("feed", simulator=simulator, seed=seed, directory=build_dir)


@pytest.fixture
def bench_on(tmp_path, build_dir, seed):
    """Runs one test of the bench, which expects the feed of the ``small`` preset, on another component."""
    def run(component: wiring.Component, testcase: str):
        verilog = write_verilog(component, tmp_path / "feed.v", name=build.module_name("feed"))
        simulators.run_cocotb(simulator="icarus", verilog=verilog, toplevel=build.module_name("feed"),
                              test_module="testbenches.feed", build_dir=build_dir, seed=seed, testcase=testcase,
                              env={"TICKWIRE_DESIGN": "small"})
    return run


@pytest.mark.parametrize("key, value, what", [
    ("first_sequence", 2, r"messages\[0\] message 0 .*sequence: expected 1, got 2"),
    ("lines", SMALL.feed.lines[1:], r"messages: expected \d+, got 0"),
])
def test_bench_finds_another_configuration(bench_on, key, value, what):
    other = SMALL.model_copy(update={"feed": SMALL.feed.model_copy(update={key: value})})
    with pytest.raises(simulators.TestsFailed, match=what):
        bench_on(Feed(design=other), "densest_messages")


def test_bench_finds_a_wrong_message_length(bench_on, monkeypatch):
    layout = itch.MESSAGES["D"]
    monkeypatch.setitem(itch.MESSAGES, "D", type(layout)(layout.name, 20, layout.section, layout.fields, layout.code))
    with pytest.raises(simulators.TestsFailed, match=r"messages: expected \d+, got 0"):
        bench_on(Feed(design=SMALL), "back_to_back_deletes")


def test_bench_finds_a_late_message(bench_on):
    with pytest.raises(simulators.TestsFailed, match="densest_messages: message 0 at cycle"):
        bench_on(LateFeed(late), "densest_messages")


def test_bench_finds_an_ahead_that_is_not_one_cycle_ahead(bench_on):
    with pytest.raises(simulators.TestsFailed, match=r"message at cycle \d+: ahead.valid: expected 0x1, got 0x0"):
        bench_on(LateFeed(not_late), "back_to_back_deletes")
