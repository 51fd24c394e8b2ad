"""The indicators bench on both simulators."""

import pytest

from sim.build import run_bench
from spec.config import PRESETS


@pytest.mark.parametrize("source", ["mid", "trade"])
def test_indicators(simulator, source, seed, build_dir):
    design = build_dir / f"{source}.toml"
    small = (PRESETS / "small.toml").read_text()
    design.write_text(small.replace("[indicators]", f'[indicators]\nsource = "{source}"'))
    run_bench("indicators", simulator=simulator, design=str(design), seed=seed, directory=build_dir)
