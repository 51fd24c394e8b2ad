"""One stimulus, three engines: the same records in the same cycles, the same frames, the same verdict."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from golden_model.core import Core
from sim import bench, build, engine, replay
from sim.bench.print import print_engines, print_profile, print_replays
from sim.cli import run
from sim.engine import EngineError, RemoteEngine
from sim.engine.clocked import wrapped
from sim.framing import as_file, frames
from sim.generator import session
from spec import config

DESIGN = config.preset("small")
BUILDS = Path("build/native")
COCOTB = [name for name in engine.ENGINES if name != engine.NATIVE]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def verilog():
    return build.cached_verilog("core", DESIGN)


@pytest.fixture(scope="module")
def library(verilog):
    return engine.build(verilog, BUILDS)


def _day(messages):
    return list(frames(as_file(session(DESIGN, messages=messages, seed=3)), design=DESIGN, seed=3, bracket=True))


@pytest.fixture(scope="module")
def native(library, tmp_path_factory):
    out = tmp_path_factory.mktemp("native")
    return replay.run(DESIGN, _day(3000), out=out, library=library), (out / "orders.pcap").read_bytes()


def _said(run):
    """All that must not depend on who ran it."""
    return [getattr(run, name) for name in (
        "passed", "frames", "cycles", "messages", "symbols", "compared", "counters", "expected_counters", "orders",
        "first_orders", "last_orders", "refusals", "latency", "tick_to_trade")]


@pytest.mark.campaign
def test_all_engines_say_the_same_in_the_same_cycles():
    found = bench.compare_engines(DESIGN, _day(600)[:30], build_dir=BUILDS)
    assert [speed.engine for speed in found] == [engine.NATIVE, *COCOTB]
    assert len({speed.digest for speed in found}) == 1
    slow = [speed for speed in found if speed.engine != engine.NATIVE]
    assert len({(speed.messages, speed.cycles) for speed in slow}) == 1 and slow[0].messages > 40
    assert found[0].messages % slow[0].messages == 0  # it went over it again and again
    console = Console(width=120, record=True, quiet=True)
    print_engines(found, console)


def test_different_records_are_told(capsys):
    speed = bench.Speed("native", 1, 2, 1.0, 1.0, "a")
    console = Console(width=120)
    print_engines([speed, replace(speed, engine="cocotb-icarus", digest="b")], console)
    assert "NOT IDENTICAL" in capsys.readouterr().out


@pytest.mark.campaign
def test_a_replay_through_cocotb_is_the_same_replay(native, tmp_path):
    run = replay.run(DESIGN, _day(3000), out=tmp_path, engine="cocotb-verilator")
    assert run.passed and run.orders > 10, run.first_difference
    assert _said(run) == _said(native[0])
    assert (tmp_path / "orders.pcap").read_bytes() == native[1]


@pytest.mark.parametrize("ahead", [1, 9])
def test_how_far_hardware_is_ahead_makes_no_difference(native, library, tmp_path, monkeypatch, ahead):
    monkeypatch.setattr(replay, "_AHEAD", ahead)
    assert _said(replay.run(DESIGN, _day(3000), out=tmp_path, library=library)) == _said(native[0])


def test_an_error_of_the_model_ends_the_replay(library, tmp_path):
    class Broken(Core):
        def frame(self, octets, **options):
            raise ArithmeticError("no such sum")

    with pytest.raises(ArithmeticError, match="no such sum"):
        replay.run(DESIGN, _day(3000), out=tmp_path, library=library, model=Broken(DESIGN))


def test_parts_of_a_replay_add_up(library):
    day = _day(3000)
    parts = bench.profile(DESIGN, day, library)
    assert parts.messages == 3000 and [*parts.seconds] == [*bench.PARTS]
    assert all(seconds > 0 for seconds in parts.seconds.values())
    assert parts.total == pytest.approx(parts.hardware_process + parts.follower_process)
    whole = bench.measure_replay("all of it", DESIGN, day, library)
    assert whole.run.passed and whole.cpu > 0 and whole.memory > 10
    console = Console(width=120, record=True, quiet=True)
    print_profile("all of it", parts, console)
    print_replays([whole], console)


@pytest.mark.campaign
def test_a_core_that_is_not_ready_ends_the_simulation(verilog):
    with pytest.raises(EngineError, match="not ready within 10 cycles"):
        RemoteEngine("verilator", verilog, BUILDS, ready_within=10)


def test_a_simulation_that_cannot_be_built_says_why(tmp_path):
    (tmp_path / "tickwire.v").write_text("\nmodule tickwire(clk);\n  input clk;\n  nonsense\nendmodule\n")
    with pytest.raises(Exception, match="tickwire.v"):
        RemoteEngine("icarus", tmp_path / "tickwire.v", tmp_path)


def test_what_no_engine_has_is_refused(verilog, capsys):
    with pytest.raises(ValueError, match="engine must be one of native, cocotb-verilator, cocotb-icarus, not 'qemu'"):
        engine.start("qemu", verilog, BUILDS)
    with pytest.raises(ValueError, match="waves must be False with cocotb-icarus"):
        engine.start("cocotb-icarus", verilog, BUILDS, waves=True)
    assert run(["demo", "--engine", "qemu"]) == 2
    assert "--engine" in capsys.readouterr().err


def test_only_inputs_are_clocked():
    ports = ("input [3:0] a", "wire [3:0] a", "input clk", "input rst", "output b")
    module = "\nmodule top(a, clk, rst, b);\n" + "".join(f"  {port};\n" for port in ports) + "endmodule\n"
    text = wrapped(module, "top")
    assert "module top_core(a, clk, rst, b);" in text
    assert "reg [3:0] a_now = 0;" in text and "reg rst_now = 1;" in text and "clk_now" not in text
    assert "top_core core(.a(a_now), .clk(clk), .rst(rst_now), .b(b));" in text
    with pytest.raises(ValueError, match="no module other"):
        wrapped(module, "other")
