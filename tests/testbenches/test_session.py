"""The session benches on both simulators: OUCH with and without timestamps, FIX."""

import pytest

from hdl.export import write_verilog
from hdl.session import Session, acknowledge, ouch_replies, retransmit
from sim import build, simulators
from sim.simulators import CHECKOUT
from spec import config
from spec.records import Reply

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
    def run(design: str, simulator: str, testcase: str | None = None, built: config.Design | None = None):
        file = tmp_path / f"{design}.toml"
        file.write_text(DESIGNS[design])
        verilog = write_verilog(Session(design=built or config.load(file)), tmp_path / "session.v",
                                name=build.module_name("session"))
        simulators.run_cocotb(simulator=simulator, verilog=verilog, toplevel=build.module_name("session"),
                              test_module=f"testbenches.{BENCHES[design]}", build_dir=build_dir / design, seed=seed,
                              testcase=testcase, env={"TICKWIRE_DESIGN": str(file)})
    return run


@pytest.mark.parametrize("design", ["ouch", "fix"])
def test_bench(run, design, simulator):
    run(design, simulator)


@pytest.mark.campaign
def test_bench_with_timestamps(run):
    run("timestamps", "icarus")


def bench_finds(run, testcase: str, what: str, **options):
    with pytest.raises(simulators.TestsFailed, match=what):
        run("ouch", "icarus", testcase, **options)


def test_bench_finds_another_reply(run, monkeypatch):
    monkeypatch.setitem(ouch_replies.REPLIES, "C", (Reply.BROKEN, "quantity"))
    bench_finds(run, "every_message", r"replies\[\d+\] at cycle \d+: expected ExchangeReply\(kind=4")


def test_bench_finds_a_wrong_counter(run, monkeypatch):
    original = Session._count

    def count(self, m, events):
        original(self, m, events | {"frame_checksum": events["frame_error"]})

    monkeypatch.setattr(Session, "_count", count)
    bench_finds(run, "every_drop_reason_leaves_no_trace", "'frame_checksum': ")


def test_bench_finds_a_late_acknowledgment(run, monkeypatch):
    monkeypatch.setattr(acknowledge.Acknowledge, "DELAY", 200)
    bench_finds(run, "acknowledgments", "no acknowledgment in time")


def test_bench_finds_a_patient_sender(run, monkeypatch):
    monkeypatch.setattr(retransmit, "DUPLICATES", 4)
    bench_finds(run, "fast_retransmission", "fast_retransmission: ")


def test_bench_finds_another_timeout(run):
    design = config.parse(DESIGNS["ouch"])
    other = design.model_copy(update={"session": design.session.model_copy(update={"retransmit_ns": 7_000})})
    bench_finds(run, "retransmission_after_timeout", "retransmission_after_timeout: ", built=other)
