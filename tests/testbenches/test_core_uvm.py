"""The UVM environment of the core on both simulators: every coverage bin, and a scoreboard that can fail."""

import pytest

from sim.build import run_bench


@pytest.mark.slow
def test_every_coverage_bin_is_hit(simulator, build_dir):
    run_bench("core", bench="core_uvm.tests", testcase="EveryBin", simulator=simulator, seed=1, directory=build_dir)


def test_the_scoreboard_can_fail(simulator, build_dir):
    run_bench("core", bench="core_uvm.tests", testcase="CorruptedRecord", simulator=simulator, seed=2,
              directory=build_dir)
