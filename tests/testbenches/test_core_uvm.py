"""The UVM environment of the core on both simulators: every coverage bin, and a scoreboard that can fail."""

import pytest

from sim.build import run_bench
from spec import config


@pytest.fixture
def resting(tmp_path) -> str:
    """A design whose orders rest at the venue until they are replaced or cancelled."""
    path = tmp_path / "resting.toml"
    text = (config.PRESETS / "small.toml").read_text()
    path.write_text(text.replace("[order]\n", '[order]\ntime_in_force = "0"\n').replace("= 1_000\n", "= 100_000\n"))
    return str(path)


def every_bin(simulator, build_dir, resting):
    run_bench("core", bench="core_uvm.tests", testcase="EveryBin", simulator=simulator, seed=1, directory=build_dir,
              design=resting)


@pytest.mark.slow
def test_every_coverage_bin_is_hit(build_dir, resting):
    every_bin("verilator", build_dir, resting)


@pytest.mark.campaign
def test_every_coverage_bin_is_hit_on_icarus_too(build_dir, resting):
    every_bin("icarus", build_dir, resting)


def test_the_scoreboard_can_fail(simulator, build_dir):
    run_bench("core", bench="core_uvm.tests", testcase="CorruptedRecord", simulator=simulator, seed=2,
              directory=build_dir)
