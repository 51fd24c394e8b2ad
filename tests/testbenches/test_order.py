"""The order bench on both simulators, for both protocols, with TCP timestamps and without; that it fails when it
should; and tshark's word on the frames."""

import shutil

import pytest

from hdl.export import write_verilog
from hdl.order import Order, packer
from sim import build, simulators
from sim.simulators import CHECKOUT
from spec import config
from testbenches.order import StreamRules, assert_checksums
from tests.referees.order_capture import Fault, check

SMALL = (CHECKOUT / "spec" / "presets" / "small.toml").read_text()
FIX = SMALL.replace("[order]\n", '[order]\nprotocol = "fix"\n')
STAMPS = ("tcp_sequence = 1\n", "tcp_sequence = 4294967200\ntcp_timestamps = true\n")
SHORT = 'cl_ord_id_prefix = ""\nfix = {sender_comp_id = "T", target_comp_id = "E"}\n'
LONG = 'cl_ord_id_prefix = "TICKWI"\nfix = {sender_comp_id = "TICKWIRETICKWIRE", target_comp_id = "EXCHANGEEXCHANGE"}\n'
DESIGNS = {"ouch": SMALL, "ouch_timestamps": SMALL.replace(*STAMPS), "fix": FIX, "fix_timestamps": FIX.replace(*STAMPS),
           "fix_short": FIX.replace("[order]\n", "[order]\n" + SHORT),
           "fix_long": FIX.replace(*STAMPS).replace("[order]\n", "[order]\n" + LONG)}


@pytest.fixture
def run(tmp_path, build_dir, seed):
    """Runs the bench, or one test of it, on a design's Verilog, or on that of another."""
    def run(name: str, simulator: str, testcase: str | None = None, built: config.Design | None = None, **env: str):
        file = tmp_path / f"{name}.toml"
        file.write_text(DESIGNS[name])
        verilog = write_verilog(Order(design=built or config.load(file)), tmp_path / "order.v",
                                name=build.module_name("order"))
        simulators.run_cocotb(simulator=simulator, verilog=verilog, toplevel=build.module_name("order"),
                              test_module="testbenches.order", build_dir=build_dir / name, seed=seed,
                              testcase=testcase, env={"TICKWIRE_DESIGN": str(file)} | env)
        return config.load(file)
    return run


@pytest.mark.parametrize("name", ["ouch", "fix_long"])
def test_bench(run, name, simulator):
    run(name, simulator)


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["ouch_timestamps", "fix_short", "fix", "fix_timestamps"])
def test_bench_of_other_designs(run, name):
    run(name, "icarus")


def bench_finds(run, name: str, testcase: str, what: str, **options):
    with pytest.raises(simulators.TestsFailed, match=what):
        run(name, "icarus", testcase, **options)


@pytest.mark.parametrize("name, changes", [
    ("ouch", {"capacity": "A"}), pytest.param("fix", {"capacity": "A"}, marks=pytest.mark.campaign),
    ("fix", {"cl_ord_id_prefix": "XW"})])
def test_bench_finds_another_octet_in_the_hardware(run, tmp_path, name, changes):
    file = tmp_path / "other.toml"
    file.write_text(DESIGNS[name])
    design = config.load(file)
    other = design.model_copy(update={"order": design.order.model_copy(update=changes)})
    bench_finds(run, name, "stopped_wire_loses_nothing", "what was said to be sent", built=other)


def test_bench_finds_a_message_that_does_not_come_in_time(run, monkeypatch):
    monkeypatch.setattr(packer, "MOST", 8)  # a beat of payload is missing in a frame's middle
    bench_finds(run, "fix", "numbers_of_every_length", "was not there in time")


@pytest.mark.parametrize("second", [(False, False, ()), (True, False, (2,)), (True, True, (2,))])
def test_stream_rules_find_a_beat_that_changes_or_goes(second):
    rules = StreamRules()
    rules.sample(True, False, (1,))
    with pytest.raises(AssertionError, match="before ready rose"):
        rules.sample(*second)


needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed (make system)")


@needs_tshark
@pytest.mark.parametrize("name", ["ouch", pytest.param("fix", marks=pytest.mark.campaign), "fix_long"])
def test_tshark_accepts_every_frame(run, tmp_path, name):
    capture = tmp_path / "orders.pcap"
    design = run(name, "icarus", "random_orders_under_backpressure", TICKWIRE_ORDER_PCAP=str(capture))
    verdict = check(capture, design)
    assert verdict.frames > 40 and verdict.acknowledgments and verdict.repeated and not verdict.missing
    assert {*verdict.kinds} > ({*"DFG"} if "fix" in name else {*"OUX"})


@needs_tshark
def test_tshark_and_scapy_refuse_a_damaged_frame(run, tmp_path):
    """The referees look at what they are asked to look at."""
    from scapy.utils import rdpcap, wrpcap

    capture, damaged = tmp_path / "orders.pcap", tmp_path / "damaged.pcap"
    design = run("ouch", "icarus", "random_orders_under_backpressure", TICKWIRE_ORDER_PCAP=str(capture))
    frame = bytearray(next(bytes(packet) for packet in rdpcap(str(capture)) if len(packet) > 61))
    frame[60] ^= 1
    wrpcap(str(damaged), [bytes(frame)], linktype=1)
    with pytest.raises(Fault, match="TCP checksum"):
        check(damaged, design)
    with pytest.raises(AssertionError, match="checksums"):
        assert_checksums(bytes(frame))
