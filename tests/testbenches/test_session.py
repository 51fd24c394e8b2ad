"""The session benches on both simulators: OUCH with and without timestamps, FIX."""

import pytest

from hdl.export import write_verilog
from hdl.session import Session
from sim import build, simulators
from sim.simulators import CHECKOUT
from spec import config

SMALL = (CHECKOUT / "spec" / "presets" / "small.toml").read_text()
SESSION = """
[session]
send_buffer = 4096
receive_buffer = 2048
retransmit_ns = 6_000
retransmissions = 3
heartbeat_ns = 20_000
"""
DESIGNS = {
    "ouch": SMALL + SESSION,
    "timestamps": SMALL.replace("tcp_sequence = 1\n", "tcp_sequence = 4294967200\ntcp_timestamps = true\n"
                                "tcp_window_scale = 7\n") + SESSION,
    "fix": SMALL.replace("[order]\n", '[order]\nprotocol = "fix"\n') + SESSION.replace("4096", "16384"),
}
BENCHES = {"ouch": "session", "timestamps": "session", "fix": "session_fix"}


@pytest.fixture
def run(tmp_path, build_dir, seed):
    """Runs the bench, or one test of it, on the session of a design."""
    def run(design: str, simulator: str, testcase: str | None = None):
        file = tmp_path / f"{design}.toml"
        file.write_text(DESIGNS[design])
        verilog = write_verilog(Session(design=config.load(file)), tmp_path / "session.v",
                                name=build.module_name("session"))
        simulators.run_cocotb(simulator=simulator, verilog=verilog, toplevel=build.module_name("session"),
                              test_module=f"testbenches.{BENCHES[design]}", build_dir=build_dir / design, seed=seed,
                              testcase=testcase, env={"TICKWIRE_DESIGN": str(file)})
    return run


@pytest.mark.parametrize("design", DESIGNS)
def test_bench(run, design, simulator):
    run(design, simulator)
