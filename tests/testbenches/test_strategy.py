"""The strategy bench on both simulators."""

import pytest

from sim.build import run_bench
from spec.config import PRESETS

VARIANTS = {
    "as_shipped": "",
    "mid_and_odd_ratio": "numerator = 171\ndenominator = 57\nmax_spread = 0x7FFF_FFFF\n[risk]\nreference = 'mid'\n",
    "no_cooldown_margin": "numerator = 1\ndenominator = 255\n",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_strategy(simulator, variant, seed, build_dir):
    design = build_dir / f"{variant}.toml"
    small = (PRESETS / "small.toml").read_text()
    design.write_text(small.replace("cooldown_ns = 10_000\n", f"cooldown_ns = 10_000\n{VARIANTS[variant]}"))
    run_bench("strategy", simulator=simulator, design=str(design), seed=seed, directory=build_dir)
