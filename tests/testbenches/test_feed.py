"""The feed bench on both simulators."""

import pytest

from sim.build import run_bench
from sim.simulators import SIMULATORS


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_feed(simulator, tmp_path):
    run_bench("feed", simulator=simulator, seed=1, directory=tmp_path)
