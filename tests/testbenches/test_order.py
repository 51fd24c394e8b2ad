"""The order bench on both simulators; that it fails when it should; and tshark's word on the frames."""

import json
import shutil
import subprocess

import pytest

from sim import build, simulators
from spec import config
from testbenches.order import StreamRules, assert_checksums


def test_bench(simulator, seed, build_dir):
    build.run_bench("order", simulator=simulator, seed=seed, directory=build_dir)


def test_bench_finds_another_octet_in_the_hardware(tmp_path, build_dir, seed):
    design = config.preset("small")
    other = design.model_copy(update={"order": design.order.model_copy(update={"tcp_window": 1})})
    verilog = build.verilog("order", other, tmp_path)
    with pytest.raises(simulators.TestsFailed, match=r"without_bubbles: .*frame 0: expected"):
        simulators.run_cocotb(simulator="icarus", verilog=verilog, toplevel=build.module_name("order"),
                              test_module="testbenches.order", build_dir=build_dir, seed=seed,
                              testcase="frames_back_to_back_without_bubbles", env={"TICKWIRE_DESIGN": "small"})


@pytest.mark.parametrize("second", [(False, False, ()), (True, False, (2,)), (True, True, (2,))])
def test_stream_rules_find_a_beat_that_changes_or_goes(second):
    rules = StreamRules()
    rules.sample(True, False, (1,))
    with pytest.raises(AssertionError, match="before ready rose"):
        rules.sample(*second)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """A capture of what the hardware sent."""
    directory = tmp_path_factory.mktemp("order")
    path = directory / "orders.pcap"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICKWIRE_ORDER_PCAP", str(path))
        design = config.preset("small")
        verilog = build.verilog("order", design, directory)
        simulators.run_cocotb(simulator="icarus", verilog=verilog, toplevel=build.module_name("order"),
                              test_module="testbenches.order", build_dir=directory, seed=1,
                              testcase="random_orders_under_backpressure", env={"TICKWIRE_DESIGN": "small"})
    return path


def dissect(capture, *fields):
    """tshark's value of each field, one row per packet; checksums verified, the session's port taken for SoupBinTCP."""
    port = config.preset("small").order.destination_port
    assert shutil.which("tshark"), "tshark is not installed: apt-get install tshark (or: make system)"
    command = ["tshark", "-r", capture, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
               "-d", f"tcp.port=={port},soupbintcp", "-T", "json"]
    packets = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows = []
    for packet in packets:
        flat = {}

        def walk(node, flat=flat):
            for key, value in node.items():
                if isinstance(value, dict):
                    walk(value)
                flat.setdefault(key, value)

        walk(packet["_source"]["layers"])
        rows.append({field: flat.get(field) for field in fields})
    return rows


GOOD = "1"


def test_tshark_accepts_every_frame(capture):
    rows = dissect(capture, "ip.checksum.status", "tcp.checksum.status", "tcp.len", "tcp.seq_raw", "soupbintcp",
                   "soupbintcp.packet_length", "soupbintcp.packet_type", "_ws.malformed")
    assert len(rows) > 20
    sequence = config.preset("small").order.tcp_sequence
    for row in rows:
        assert row["ip.checksum.status"] == row["tcp.checksum.status"] == GOOD, row
        assert row["_ws.malformed"] is None and row["soupbintcp"] is not None, row
        assert int(row["soupbintcp.packet_length"]) == int(row["tcp.len"]) - 2, row
        assert row["soupbintcp.packet_type"].strip("'") == "U", row  # quoted by some versions
        assert int(row["tcp.seq_raw"]) == sequence
        sequence += int(row["tcp.len"])


def test_tshark_and_scapy_refuse_a_damaged_frame(capture, tmp_path):
    """The referees look at what they are asked to look at."""
    from scapy.utils import rdpcap, wrpcap

    frame = bytearray(bytes(rdpcap(str(capture))[0]))
    frame[60] ^= 1
    damaged = tmp_path / "damaged.pcap"
    wrpcap(str(damaged), [bytes(frame)], linktype=1)
    [row] = dissect(damaged, "ip.checksum.status", "tcp.checksum.status")
    assert (row["ip.checksum.status"], row["tcp.checksum.status"]) == (GOOD, "0")
    with pytest.raises(AssertionError, match="checksums"):
        assert_checksums(bytes(frame))
