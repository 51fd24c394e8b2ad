"""The risk bench on both simulators; and that it fails when it should."""

import pytest
from amaranth import *
from amaranth.lib import wiring

from hdl import risk
from hdl.memory import SweptMemory
from hdl.risk import exposure, lot, order_checks
from sim import build, simulators
from tests.testbenches.faults import break_gateware

EACH_CHECK = "each_check_of_an_order_just_inside_and_just_outside"
EACH_SUM = "each_sum_just_inside_and_just_outside"


def test_bench(simulator, seed, build_dir):
    build.run_bench("risk", simulator=simulator, seed=seed, directory=build_dir)


def bench_finds(build_dir, seed, testcase: str, what: str):
    with pytest.raises(simulators.TestsFailed, match=rf"{testcase}: .*{what}"):
        build.run_bench("risk", simulator="icarus", seed=seed, directory=build_dir, testcase=testcase)


@pytest.mark.parametrize("module, name, change, testcase, what", [
    (order_checks, "is_less", lambda less: lambda m, a, b, name: ~less(m, b, a, name=name), EACH_CHECK,
     "ORDER_NOTIONAL"),
    (lot, "LOTS", lambda lots: lots[:-1], EACH_CHECK, "refusals: expected"),
    (exposure, "total", lambda total: lambda *words, **rest: total(*words, **rest) + 1, EACH_SUM, "SYMBOL_GROSS"),
])
def test_bench_finds_another_limit_in_the_hardware(monkeypatch, tmp_path, build_dir, seed, module, name, change,
                                                   testcase, what):
    monkeypatch.setattr(module, name, change(getattr(module, name)))
    break_gateware(monkeypatch, tmp_path)
    bench_finds(build_dir, seed, testcase, what)


class _Forgetful(SweptMemory):
    """A forwarded memory that does not forward."""

    def __init__(self, *, shape, depth):
        super().__init__(shape=shape, depth=depth)
        self.read_address, self.read_data = self.read_address[0], self.read_data[0]

    def elaborate(self, platform):
        self.read_address, self.read_data = [self.read_address], [self.read_data]
        return super().elaborate(platform)


def test_bench_finds_an_order_that_does_not_see_the_one_before(monkeypatch, tmp_path, build_dir, seed):
    monkeypatch.setattr(exposure, "ForwardedMemory", _Forgetful)
    break_gateware(monkeypatch, tmp_path)
    bench_finds(build_dir, seed, EACH_SUM, "POSITION_LIMIT")


def test_bench_finds_a_reply_that_is_seen_a_cycle_late(monkeypatch, tmp_path, build_dir, seed):
    original = risk.Risk._connect_replies

    def connect(self, m, replies, orders, sums, *rest):
        original(self, m, replies, orders, sums, *rest)
        late = Signal()
        m.d.sync += late.eq(replies.commit)
        m.d.comb += sums.adjust.eq(late)

    monkeypatch.setattr(risk.Risk, "_connect_replies", connect)
    break_gateware(monkeypatch, tmp_path)
    bench_finds(build_dir, seed, "a_reply_is_seen_by_the_very_next_order", "expected")


class _LateDecisions(wiring.Component):
    """Decisions a cycle late, and nothing else."""

    def __init__(self, inner):
        self._inner = inner
        super().__init__(inner.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = self._inner
        for path, member, port in self.signature.flatten(self):
            other = inner
            for part in path:
                other = other[part] if isinstance(part, int) else getattr(other, part)
            if isinstance(other, Const):
                continue  # always ready
            if member.flow == wiring.In:
                m.d.comb += Value.cast(other).eq(Value.cast(port))
            elif path[0] != "decisions":
                m.d.comb += Value.cast(port).eq(Value.cast(other))
            else:
                m.d.sync += Value.cast(port).eq(Value.cast(other))
        return m


def test_bench_finds_a_late_decision(monkeypatch, tmp_path, build_dir, seed):
    break_gateware(monkeypatch, tmp_path, _LateDecisions)
    bench_finds(build_dir, seed, "duplicates_are_refused_for_a_while", r"decisions after \[3\] cycles")
