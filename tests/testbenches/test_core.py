"""The bench of the core on both simulators; and that it fails when it should."""

import re

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import connect, flipped

from hdl.export import write_verilog
from hdl.top import TickToTrade
from sim import build, simulators
from spec import config

SMALL = config.preset("small")
CORE = build.module_name("core")


class LateCore(wiring.Component):
    """A core whose market data comes one cycle later."""

    def __init__(self):
        self._core = TickToTrade(design=SMALL)
        super().__init__(self._core.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self._core
        for name, member in core.signature.members.items():
            mine, theirs = getattr(self, name), getattr(core, name)
            if name == "rx":
                m.d.sync += [theirs.valid.eq(mine.valid), theirs.payload.eq(mine.payload)]
            elif not member.is_port and (member.flow == wiring.In or name == "tx"):
                connect(m, flipped(mine), theirs)
            elif not member.is_port:
                m.d.comb += [mine.valid.eq(theirs.valid), mine.payload.eq(theirs.payload)]
            else:
                m.d.comb += theirs.eq(mine) if member.flow == wiring.In else mine.eq(theirs)
        return m


@pytest.fixture
def core_builds(build_dir):
    """Shared with the UVM bench: compiling the core takes longer than running a bench."""
    return build_dir.with_name("testbenches_test_core_uvm")


@pytest.mark.slow
def test_bench(simulator, seed, core_builds):
    build.run_bench("core", simulator=simulator, seed=seed, directory=core_builds)


@pytest.fixture
def bench_on(build_dir, seed):
    """Runs one test of the bench, which expects the ``small`` preset, on other Verilog."""
    def run(verilog, testcase: str = "dissected_orders"):
        simulators.run_cocotb(simulator="icarus", verilog=verilog, toplevel=CORE, test_module="testbenches.core",
                              build_dir=build_dir, seed=seed, testcase=testcase, env={"TICKWIRE_DESIGN": "small"})
    return run


@pytest.mark.campaign
def test_bench_finds_another_design(bench_on):
    other = SMALL.model_copy(update={"order": SMALL.order.model_copy(update={"display": "N"})})
    with pytest.raises(simulators.TestsFailed, match="order frame 0: expected"):
        bench_on(build.cached_verilog("core", other))


def test_bench_finds_a_late_core(bench_on, tmp_path):
    verilog = write_verilog(LateCore(), tmp_path / f"{CORE}.v", name=CORE)
    with pytest.raises(simulators.TestsFailed, match="feed: message 0: 4 cycles, declared 3"):
        bench_on(verilog)


def test_bench_finds_a_core_that_is_not_ready(bench_on, tmp_path):
    text, count = re.subn(r"assign rx_tready = [^;]+;", "assign rx_tready = 1'h0;",
                          build.cached_verilog("core", SMALL).read_text())
    assert count == 1
    verilog = tmp_path / f"{CORE}.v"
    verilog.write_text(text)
    with pytest.raises(simulators.TestsFailed, match="rx_tready is low"):
        bench_on(verilog, "back_to_back_deletes")
