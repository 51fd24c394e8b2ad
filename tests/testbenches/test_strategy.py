"""The strategy bench on both simulators, and that it can fail."""

import pytest

from hdl.strategy import imbalance
from sim.build import run_bench
from sim.simulators import TestsFailed
from spec.config import PRESETS
from tests.testbenches.faults import Late, break_gateware

VARIANTS = {
    "as_shipped": "",
    "mid_and_odd_ratio": "numerator = 171\ndenominator = 57\nmax_spread = 0x7FFF_FFFF\n[risk]\nreference = 'mid'\n",
    "either_side_nearly_always": "numerator = 1\ndenominator = 255\n",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_strategy(simulator, variant, seed, build_dir):
    design = build_dir / f"{variant}.toml"
    small = (PRESETS / "small.toml").read_text()
    design.write_text(small.replace("cooldown_ns = 10_000\n", f"cooldown_ns = 10_000\n{VARIANTS[variant]}"))
    run_bench("strategy", simulator=simulator, design=str(design), seed=seed, directory=build_dir)


def test_a_wrong_value_is_found(seed, build_dir, monkeypatch):
    directory = build_dir / "wrong_value"
    break_gateware(monkeypatch, directory)
    times = imbalance.times
    monkeypatch.setattr(imbalance, "times", lambda value, factor: times(value, factor + (factor == 3)))
    with pytest.raises(TestsFailed, match=r"anything_with_gaps: .*intents\[\d+\] message \d+ "):
        run_bench("strategy", simulator="icarus", seed=seed, directory=directory,
                  testcase="anything_with_gaps")


def test_a_wrong_latency_is_found(seed, build_dir, monkeypatch):
    directory = build_dir / "wrong_latency"
    break_gateware(monkeypatch, directory, Late)
    with pytest.raises(TestsFailed, match="anything_with_gaps: .*latency 3"):
        run_bench("strategy", simulator="icarus", seed=seed, directory=directory,
                  testcase="anything_with_gaps")
