"""Both simulators build, run, pass and, above all, fail when they should."""

import ctypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from sim import simulators

HERE = Path(__file__).parent
BENCH = "tests.sim.counter_bench"


class Counter(wiring.Component):
    """Counts the cycles in which ``enable`` is high."""

    enable: In(1)
    count: Out(8)

    def elaborate(self, platform):
        m = Module()
        with m.If(self.enable):
            m.d.sync += self.count.eq(self.count + 1)
        return m


@pytest.fixture
def counter(tmp_path) -> Path:
    path = tmp_path / "counter.v"
    path.write_text(verilog.convert(Counter(), name="counter", emit_src=False, strip_internal_attrs=True))
    return path


@pytest.fixture
def run(counter, simulator, build_dir, seed):
    def run(**arguments):
        return simulators.run_cocotb(**{
            "simulator": simulator, "verilog": counter, "toplevel": "counter", "test_module": BENCH,
            "build_dir": build_dir, "seed": seed, **arguments,
        })
    return run


def test_a_passing_bench_passes(run):
    assert run().passed == 1


def test_env_reaches_the_bench(run):
    assert run(env={"EXPECTED": "1"}).passed == 2


def test_a_failing_bench_raises_and_names_the_test_and_the_seed(run, seed):
    with pytest.raises(simulators.TestsFailed, match=rf"seed {seed}: 1 of 2 .*\n  reaches_expected: .*assert"):
        run(env={"EXPECTED": "7"})


def test_a_failing_bench_raises_outside_pytest_too(run, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    with pytest.raises(simulators.TestsFailed, match="1 of 1 tests failed"):
        run(env={"EXPECTED": "7"}, testcase="reaches_expected")


@pytest.mark.parametrize("arguments", [{"testcase": "reaches_expected"}, {"testcase": "no_such_test"},
                                       {"test_module": "no.such.module"}])
def test_a_bench_in_which_nothing_ran_raises(run, arguments):
    with pytest.raises(simulators.TestsFailed):
        run(**arguments)


def test_waves_are_recorded(run):
    waves = run(waves=True).waves
    assert waves.stat().st_size > 500


def test_one_build_serves_runs_side_by_side_and_a_changed_source_gets_its_own(run, counter, tmp_path):
    def builds():
        return {built: built.stat().st_mtime_ns for built in tmp_path.glob("*/built")}

    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda seed: run(seed=seed, build_dir=tmp_path), range(3)))
    assert [run.passed for run in runs] == [1] * 3
    before = builds()
    assert len(before) == 1
    run(build_dir=tmp_path)
    assert builds() == before
    counter.write_text(counter.read_text() + "// changed\n")
    run(build_dir=tmp_path)
    assert len(builds()) == 2 and before.items() <= builds().items()


def test_bad_verilog_does_not_build(run, counter):
    counter.write_text("module counter(input clk; endmodule\n")
    with pytest.raises(simulators.ToolFailed, match=r"(?i)syntax error[\s\S]*full log: .*build\.log"):
        run()


def test_lint_accepts_what_amaranth_writes(counter):
    simulators.lint(counter, "counter")


@pytest.mark.parametrize("body, complaint", [
    ("assign undeclared = clk;", "undeclared"),
    ("wire loop; assign loop = ~loop ^ clk; assign q = loop;", "UNOPTFLAT"),
    ("", "UNDRIVEN"),
])
def test_lint_refuses_what_is_not_on_the_list(counter, body, complaint):
    counter.write_text(f"module counter(input clk, output q);\n  {body}\nendmodule\n")
    with pytest.raises(simulators.ToolFailed, match=complaint):
        simulators.lint(counter, "counter")


@pytest.mark.parametrize("trace", [False, True])
def test_a_verilated_library_runs_in_this_process(counter, build_dir, tmp_path, trace):
    header = tmp_path / "step.h"
    header.write_text("#define STEP 1\n")
    library = simulators.verilate(verilog=counter, toplevel="counter", harness=HERE / "counter_harness.cpp",
                                  build_dir=build_dir, trace=trace, savable=trace, headers=[header])
    waves = tmp_path / "waves.fst"
    model = ctypes.CDLL(str(library))
    assert model.count(300, str(waves).encode()) == 300 % 256
    assert waves.exists() == trace


@pytest.mark.parametrize("wanted, package", [("verilator", "g\\+\\+"), ("icarus", "iverilog")])
def test_a_missing_tool_is_an_error_that_names_the_package(monkeypatch, wanted, package):
    monkeypatch.setenv("PATH", "")
    simulators.version.cache_clear()
    with pytest.raises(simulators.MissingSimulator, match=f"apt-get install {package}"):
        simulators.version(wanted)


def test_an_unknown_simulator_is_refused():
    with pytest.raises(ValueError, match="verilator, icarus, not 'modelsim'"):
        simulators.version("modelsim")
