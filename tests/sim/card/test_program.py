"""The host program in Python, the card at a socket, and the commands, as a person uses them."""

import signal
import socket
import subprocess
import sys
import time
import types
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sim.card import CardError
from sim.card.compiled import CompiledCard
from sim.card.host import Host
from sim.card.program import MetricsServer, Program
from sim.card.remote import SocketCard
from sim.card.xrt import XrtCard
from sim.simulators import CHECKOUT
from spec import config
from spec.counters import COUNTERS
from spec.registers import CoreControl, Status
from spec.rings import RINGS
from tests.sim.card.served import Served

DESIGN = config.preset("small")
TICKWIRE = [sys.executable, "-c", "from sim.cli import main; main()"]


@pytest.fixture
def served(tmp_path):
    served = Served(DESIGN, tmp_path)
    yield served
    served.close()


def test_a_program_starts_with_the_kill_switch_and_ends_with_it(served):
    said, card = [], SocketCard(served.path)
    writes = []
    write = card.write
    card.write = lambda address, value: (writes.append((address, value)), write(address, value))
    program = Program(Host(card), DESIGN, say=said.append)
    program.start(1_700_000_000_000_000_000)
    first = next(i for i, (address, value) in enumerate(writes) if address == 0x80)
    assert writes[first] == (0x80, CoreControl.KILL) and (0x000, 1) in writes[first:]
    assert not served.registers.status & Status.KILLED
    while program.poll() or not program.records["symbol_limits_set"]:
        card.run(100)
    assert program.records["symbol_limits_set"] == len(DESIGN.symbols) and program.records["session_limits_set"] == 1
    writes.clear()
    assert program.stop()
    assert writes[0] == (0x80, CoreControl.KILL)
    assert said[-1].startswith("stopped; ") and not served.registers.status & Status.RUNNING
    card.close()


def test_metrics_and_table(served):
    with SocketCard(served.path) as card:
        program = Program(Host(card), DESIGN, say=lambda line: None)
        program.start()
        program.poll()
        with MetricsServer(program, 0) as server:
            text = urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics").read().decode()
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"http://127.0.0.1:{server.port}/other")
        names = {family.name for family in text_string_to_metric_families(text)}
        assert {f"tickwire_{stage}_{name}" for stage, counters in COUNTERS.items() for name in counters} <= names
        assert {"tickwire_host_records", "tickwire_ring_lost"} <= names
        assert program.table().row_count == len(RINGS)
        program.stop()


def test_memory_is_given_back_with_the_client(served):
    octets = len(served.card.memory) - 4096
    for _ in range(3):
        with SocketCard(served.path) as card:
            address = card.allocate(octets)
            assert address % 4096 == 0
            with pytest.raises(CardError, match="no room"):
                card.allocate(8192)
            card.buffer(address, 16)[:] = 1
        deadline = time.monotonic() + 30
        while served.card._free != [(4096, len(served.card.memory))]:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize("request_, complaint", [
    (b"X", "request b'X': expected one of"),
    (b"P\x02\x00\x40\x00\x00\x00", "a frame of 64 octets for wire 2"),
    (b"P\x00\x00\x00\x00\x00\x00", "a frame of 0 octets"),
])
def test_a_client_that_talks_nonsense_is_cut_off(served, request_, complaint):
    said = []
    served.server._say = said.append
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(served.path))
        assert client.recv(4) == b"TWC1"
        client.sendall(request_)
        client.settimeout(30)
        while client.recv(4096):
            pass
    assert any(complaint in line for line in said), said
    assert served.registers.id  # the others go on


def test_no_card_at_the_socket(tmp_path):
    with pytest.raises(CardError, match="no simulated card there: No such file"):
        SocketCard(tmp_path / "nothing")


def test_card_and_host_as_commands(tmp_path):
    """Two processes: market data, orders and their answers, and a clean end on Ctrl-C."""
    path = tmp_path / "card"
    card = subprocess.Popen([*TICKWIRE, "card", "--socket", path, "-n", "2000"], cwd=CHECKOUT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 300
        while not path.exists():
            assert card.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        host = subprocess.run([*TICKWIRE, "host", "--card", f"sim:{path}", "--seconds", "3"], cwd=CHECKOUT, text=True,
                              capture_output=True, timeout=120)
        assert host.returncode == 0, host.stdout + host.stderr
        assert "kill switch released" in host.stdout and "records read" in host.stdout
    finally:
        card.send_signal(signal.SIGINT)
        said, _ = card.communicate(timeout=60)
    assert card.returncode == 0 and "a client has come" in said, said
    frames, orders = (int(word.replace(",", "")) for word in said.splitlines()[-1].split() if word[0].isdigit())
    assert frames > 100 and orders > 10


@pytest.mark.parametrize("arguments, complaint", [
    (["host", "--card", "usb:0"], "--card: xrt:INDEX or sim:PATH, not 'usb:0'"),
    (["host", "--card", "xrt:0"], "--xclbin: needed with --card xrt:INDEX"),
    (["host", "--card", "sim:nowhere"], "nowhere: no simulated card there"),
    (["vitis", "-o", "build/x", "--design", "small", "--clocks", "two"], "--clocks 'two': one of one, rx, all"),
    (["vitis", "-o", "build/x", "--design", "small", "--strategy", "calm"], "--strategy 'calm': NAME=VALUE"),
    (["vitis", "-o", "build/x", "--design", "small", "--platform", "u1"], "u1"),
])
def test_a_mistake_is_one_line(arguments, complaint):
    said = subprocess.run([*TICKWIRE, *arguments], cwd=CHECKOUT, text=True, capture_output=True)
    assert said.returncode == 2 and complaint in said.stderr and said.stderr.count("\n") == 1


def test_the_project_as_a_command(tmp_path):
    said = subprocess.run([*TICKWIRE, "vitis", "-o", tmp_path, "--design", "small", "--ila", "orders"], cwd=CHECKOUT,
                          text=True, capture_output=True)
    assert said.returncode == 0, said.stderr
    assert {"rtl", "kernel.xml", "package_kernel.tcl", "link.cfg", "Makefile", "debug.tcl", "constraints", "host"} <= {
        path.name for path in tmp_path.iterdir()}


class _Buffer:
    def __init__(self, octets, address):
        self._octets, self._address = bytearray(octets), address

    def address(self):
        return self._address

    def map(self):
        return memoryview(self._octets)


def _pyxrt(monkeypatch, mems=("bank0", "HOST[0]"), card=None):
    """XRT's binding, as far as it is used, over a simulated card's registers."""
    module = types.ModuleType("pyxrt")
    bank = [types.SimpleNamespace(get_index=lambda i=i: i, get_tag=lambda tag=tag: tag) for i, tag in enumerate(mems)]
    module.device = lambda index: types.SimpleNamespace(load_xclbin=lambda image: "uuid")
    module.xclbin = lambda path: types.SimpleNamespace(get_mems=lambda: bank)
    module.ip = lambda device, uuid, name: types.SimpleNamespace(
        read_register=card.read, write_register=card.write) if card else None

    class bo(_Buffer):
        flags = types.SimpleNamespace(host_only="host_only")

        def __init__(self, device, octets, flags, group):
            assert (flags, group) == ("host_only", 1)
            super().__init__(octets, 0x1000)

    module.bo = bo
    monkeypatch.setitem(sys.modules, "pyxrt", module)
    return module


def test_a_card_behind_xrt(monkeypatch):
    with CompiledCard(DESIGN) as simulated:
        _pyxrt(monkeypatch, card=simulated)
        card = XrtCard(0, Path("x.xclbin"))
        assert Host(card).registers.symbols == len(DESIGN.symbols)
        view = card.buffer(card.allocate(8192), 4096)
        assert isinstance(view, np.ndarray) and len(view) == 4096 and not view.any()
        view[3] = 7


def test_what_xrt_lacks_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyxrt", None)
    with pytest.raises(CardError, match="pyxrt is not installed"):
        XrtCard(0, Path("x.xclbin"))
    del _pyxrt(monkeypatch).ip
    with pytest.raises(CardError, match="no user-managed kernels"):
        XrtCard(0, Path("x.xclbin"))
    _pyxrt(monkeypatch, mems=("bank0",))
    with pytest.raises(CardError, match=r"no memory HOST\[0\]"):
        XrtCard(0, Path("x.xclbin"))
    def broken(index):
        raise RuntimeError("no such device")
    _pyxrt(monkeypatch).device = broken
    with pytest.raises(CardError, match="card 0, x.xclbin: no such device"):
        XrtCard(0, Path("x.xclbin"))
