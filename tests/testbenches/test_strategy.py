"""The strategy bench on both simulators, and that it can fail."""

import pytest

from hdl import strategy
from hdl.strategy import imbalance
from hdl.strategy.parameters import Parameters
from sim.build import run_bench
from sim.simulators import TestsFailed
from spec.config import PRESETS
from tests.testbenches.faults import Late, break_gateware

#: Lines that a variant adds to sections of the small preset.
VARIANTS = {
    "as_shipped": {},
    "mid_and_odd_ratio": {"strategy": "numerator = 171\ndenominator = 57\nmax_spread = 0x7FFF_FFFF",
                          "risk": "reference = 'mid'"},
    "either_side_nearly_always": {"strategy": "numerator = 1\ndenominator = 255"},
}


@pytest.mark.parametrize("variant", ["as_shipped", "mid_and_odd_ratio", pytest.param(
    "either_side_nearly_always", marks=pytest.mark.campaign)])
def test_strategy(simulator, variant, seed, build_dir):
    text = (PRESETS / "small.toml").read_text()
    for section, lines in VARIANTS[variant].items():
        assert f"[{section}]\n" in text
        text = text.replace(f"[{section}]\n", f"[{section}]\n{lines}\n")
    design = build_dir / f"{variant}.toml"
    design.write_text(text)
    run_bench("strategy", simulator=simulator, design=str(design), seed=seed, directory=build_dir)


def test_a_wrong_value_is_found(seed, build_dir, monkeypatch):
    directory = build_dir / "wrong_value"
    break_gateware(monkeypatch, directory)
    product = imbalance.product
    monkeypatch.setattr(imbalance, "product", lambda m, value, factor: product(m, value, factor + (factor == 3)))
    with pytest.raises(TestsFailed, match=r"anything_with_gaps: .*intents\[\d+\] message \d+ "):
        run_bench("strategy", simulator="icarus", seed=seed, directory=directory,
                  testcase="anything_with_gaps")


def test_parameters_that_come_too_early_are_found(seed, build_dir, monkeypatch):
    class Early(Parameters):
        """For the update of the cycle in which they are given, too."""

        def elaborate(self, platform):
            m = super().elaborate(platform)
            with m.If(self.given.valid):
                m.d.comb += self.active.eq(self.given.payload)
            return m

    directory = build_dir / "early"
    break_gateware(monkeypatch, directory)
    monkeypatch.setattr(strategy, "Parameters", Early)
    with pytest.raises(TestsFailed, match=r"parameters_between_updates: .*intents"):
        run_bench("strategy", simulator="verilator", seed=seed, directory=directory,
                  testcase="parameters_between_updates")


def test_a_wrong_latency_is_found(seed, build_dir, monkeypatch):
    directory = build_dir / "wrong_latency"
    break_gateware(monkeypatch, directory, Late)
    with pytest.raises(TestsFailed, match="anything_with_gaps: .*latency 3"):
        run_bench("strategy", simulator="icarus", seed=seed, directory=directory,
                  testcase="anything_with_gaps")
