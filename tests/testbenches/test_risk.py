"""The risk bench on both simulators; and that it fails when it should."""

import pytest

from sim import build, simulators
from spec import config


def test_bench(simulator, seed, build_dir):
    build.run_bench("risk", simulator=simulator, seed=seed, directory=build_dir)


@pytest.mark.parametrize("limit, value, failed", [
    ("max_quantity", 1001, "each_check_just_inside_and_just_outside"),
    ("max_position", 10_001, "position_limit_just_inside_and_just_outside"),
    ("collar_bps", 501, "each_check_just_inside_and_just_outside"),
])
def test_bench_finds_another_limit_in_the_hardware(tmp_path, build_dir, seed, limit, value, failed):
    design = config.preset("small")
    other = design.model_copy(update={"risk": design.risk.model_copy(update={limit: value})})
    verilog = build.verilog("risk", other, tmp_path)
    with pytest.raises(simulators.TestsFailed, match=rf"{failed}: .*refusals: expected"):
        simulators.run_cocotb(simulator="icarus", verilog=verilog, toplevel=build.module_name("risk"),
                              test_module="testbenches.risk", build_dir=build_dir, seed=seed,
                              testcase=failed, env={"TICKWIRE_DESIGN": "small"})
