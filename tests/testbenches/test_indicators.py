"""The indicators bench on both simulators, and that it can fail."""

import pytest

from hdl.indicators import ema
from sim.build import run_bench
from sim.simulators import TestsFailed
from spec.config import PRESETS
from tests.testbenches.faults import Late, break_gateware


@pytest.mark.parametrize("source", ["mid", "trade"])
def test_indicators(simulator, source, seed, build_dir):
    design = build_dir / f"{source}.toml"
    small = (PRESETS / "small.toml").read_text()
    design.write_text(small.replace("[indicators]", f'[indicators]\nsource = "{source}"'))
    run_bench("indicators", simulator=simulator, design=str(design), seed=seed, directory=build_dir)


def test_a_wrong_value_is_found(seed, build_dir, monkeypatch):
    directory = build_dir / "wrong_value"
    break_gateware(monkeypatch, directory)
    monkeypatch.setattr(ema, "AVERAGE_BITS", ema.AVERAGE_BITS - 1)
    with pytest.raises(TestsFailed, match=r"falling_samples_round_down: .*indicators\[\d+\] message \d+ .*ema"):
        run_bench("indicators", simulator="icarus", seed=seed, directory=directory,
                  testcase="falling_samples_round_down")


def test_a_wrong_latency_is_found(seed, build_dir, monkeypatch):
    directory = build_dir / "wrong_latency"
    break_gateware(monkeypatch, directory, Late)
    with pytest.raises(TestsFailed, match="falling_samples_round_down: .*indicators: latency"):
        run_bench("indicators", simulator="icarus", seed=seed, directory=directory,
                  testcase="falling_samples_round_down")
