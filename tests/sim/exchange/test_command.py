"""``tickwire exchange``: on its own with a recording, until a signal; errors in one line."""

import json
import re
import signal
import socket
import subprocess
import sys

import pytest

from sim.captures import PcapWriter
from sim.cli import run
from sim.exchange.command import recorded
from sim.framing import Framer
from spec import config
from tests.sim.exchange.fix_client import FixClient
from tests.sim.exchange.itch import add
from tests.sim.exchange.ouch_client import OuchClient

FREE_PORTS = ["--ouch-port", "0", "--fix-port", "0"]


def started(*arguments: str, **streams) -> subprocess.Popen:
    command = [sys.executable, "-c", "from sim.cli import main; main()", "exchange", *arguments, *FREE_PORTS]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **streams)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "day.itch"
    assert run(["generate", "-o", str(path), "-n", "2000", "-d", "small"]) == 0
    return path


def test_it_serves_until_a_signal_and_says_what_was_traded(recording, tmp_path):
    log, stock = tmp_path / "log.jsonl", config.preset("small").symbols[0].stock
    with started(str(recording), "--ahead", "1000", "--pace", "1/order", "--log", str(log),
                 "--account", "alice:secret", "--account", "BOB:secret") as venue:
        try:
            ports = [int(re.search(r":(\d+), ", venue.stdout.readline())[1]) for _ in range(2)]
            with OuchClient(ports[0], sequence=0) as alice, FixClient(ports[1], "BOB") as bob:
                alice.enter(1, "B", 100, 2_000_000_000, symbol=stock)
                assert alice.message()["type"] == "A"
                assert alice.message()["type"] == "E"
                bob.logon((554, "secret"))
                bob.enter("one", 1, 10, 1, symbol=stock)
                bob.expect("8", t150="0")
                venue.send_signal(signal.SIGINT)
                bob.expect("5")
            said = venue.stdout.read()
            assert venue.wait(10) == 0
        finally:
            venue.kill()
    assert re.search(r"^alice +<- order executed .*price=\d+\.\d\d ", said, re.MULTILINE), said
    assert "1,002 recorded messages" in said
    assert f"alice (ouch): 1 requests, 0 orders open; {stock} +100" in said
    assert "BOB (fix): 1 requests, 1 orders open; no position" in said
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(e["message"], e["quantity"]) for e in events if e["direction"] == "in" and e["protocol"] == "ouch"] == \
        [("enter order", 100)]


def test_a_captured_message_that_comes_twice_counts_once(tmp_path):
    frames, path = Framer(design=config.preset("small")), tmp_path / "two_lines.pcap"
    messages = [add(n, "S", 100, 1_000_000) for n in range(1, 5)]
    first, second = frames.datagram(1, messages[:2]), frames.datagram(3, messages[2:])
    with PcapWriter(path) as capture:
        for time, frame in enumerate((first, first, second, first, second)):
            capture.write(frame, time)
    assert [*recorded([path])] == messages


@pytest.mark.parametrize(("arguments", "message"), [
    (["nowhere.itch"], "nowhere.itch: cannot be read: No such file or directory"),
    (["pyproject.toml"], "pyproject.toml: offset 0: expected ITCH messages, pcap or pcapng"),
    (["--reject", "1.5"], "reject must be a probability from 0 to 1, not 1.5"),
    (["--delay-ms", "-1"], "delay-ms must be at least 0, not -1"),
    (["--disconnect-after", "-1"], "disconnect-after must be at least 0, not -1"),
    (["--pace", "fast"], "pace must be N/order or N/s with N at least 1, not 'fast'"),
    (["--pace", "0/s"], "pace must be N/order or N/s with N at least 1, not '0/s'"),
    (["--ahead", "-1"], "--ahead must be at least 0, not -1"),
    (["--account", "alice"], "--account must be NAME:PASSWORD, not 'alice'"),
    (["--symbols", "AAPL,,MSFT"], "--symbols: names of 1 to 8 characters, not 'AAPL,,MSFT'"),
    (["--ouch-port", "65536"], "--ouch-port must be 0 to 65535, not 65536"),
    (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1, ports 26400 and 26500: "),
    (["--log", "none/such"], "[Errno 2] No such file or directory: 'none/such'"),
])
def test_errors_are_one_line(arguments, message, capsys):
    assert run(["exchange", *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"tickwire: {message}")
    assert (said.err.count("\n"), said.out) == (1, "")


def test_a_port_that_is_taken_is_named(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["exchange", "--ouch-port", "0", "--fix-port", str(port)]) == 2
    assert capsys.readouterr().err == \
        f"tickwire: cannot listen on 127.0.0.1, ports 0 and {port}: Address already in use\n"


def test_a_capture_without_messages_is_an_error(tmp_path, capsys):
    path = tmp_path / "empty.pcap"
    with PcapWriter(path) as capture:
        capture.write(bytes(60), 0)
    assert run(["exchange", str(path)]) == 2
    assert capsys.readouterr().err == f"tickwire: {path}: expected ITCH messages, found none\n"


def test_a_recording_that_is_cut_off_is_said_at_the_end(recording):
    cut = recording.with_name("cut.itch")
    cut.write_bytes(recording.read_bytes()[:-3])
    with started(str(cut), "--ahead", "5000", stderr=subprocess.PIPE) as venue:
        try:
            assert "OUCH" in venue.stdout.readline()
            venue.send_signal(signal.SIGTERM)
            assert venue.wait(10) == 2
        finally:
            venue.kill()
        assert "1,999 recorded messages" in venue.stdout.read()
        assert re.fullmatch(rf"tickwire: {cut}: offset \d+: .*\n", venue.stderr.read())


def test_help_explains_every_option(capsys, monkeypatch):
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 200)
    monkeypatch.setattr("typer.rich_utils.FORCE_TERMINAL", False)
    assert run(["exchange", "--help"]) == 0
    text = capsys.readouterr().out
    assert "tickwire exchange day.itch" in text.split("Example")[1]
    for line in re.findall(r"│ --.*│", text):
        assert len(line.strip("│ ").split("  ")[-1]) > 8, line
