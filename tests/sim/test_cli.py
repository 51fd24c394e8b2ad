"""The command line: help, errors in one line, exit codes, files; and each command on real hardware."""

import gzip
import io
import json
import re

import pytest

from sim import benches, cli, console, explain, replay, report, simulators
from sim.bug.investigate import Found
from sim.bug.story import Story
from sim.captures import PcapWriter
from sim.cli import run
from sim.differences import Difference
from sim.engine import EngineError
from sim.inputs import open_input
from sim.replay import Run
from spec import config

COMMANDS = ("demo", "replay", "report", "export", "diff", "generate", "describe", "verilog", "latency", "fill", "rate",
            "bench", "test", "synth", "exchange")
SMALL = config.preset("small")


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """A wide terminal without colours."""
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 200)
    monkeypatch.setattr("typer.rich_utils.FORCE_TERMINAL", False)


@pytest.fixture
def said(monkeypatch):
    """What the commands print to the console."""
    stream = io.StringIO()
    monkeypatch.setattr(console.output, "_file", stream)
    return stream


@pytest.fixture
def session_file(tmp_path):
    path = tmp_path / "day.itch"
    assert run(["generate", "-o", str(path), "-n", "2000", "-d", "small"]) == 0
    return path


@pytest.mark.parametrize("command", [(), *((c,) for c in COMMANDS)])
def test_help_shows_how_to_use_it(command, capsys):
    assert run([*command, "--help"]) == 0
    text = capsys.readouterr().out
    for name in command or COMMANDS:
        assert name in text
    if command:
        assert f"tickwire {command[0]}" in text.split("Example")[1]
        assert "--help" in text


def test_every_option_is_explained(capsys):
    for command in COMMANDS:
        run([command, "-h"])
        text = capsys.readouterr().out
        for line in re.findall(r"│ --.*│", text):
            assert len(line.strip("│ ").split("  ")[-1]) > 8, line


ERRORS = [
    (["demo", "--design", "nope"], "preset 'nope': no such preset; there are demo, small, u280"),
    (["demo", "--design", "none/such.toml"], "none/such.toml: cannot be read: No such file or directory"),
    (["demo", "-n", "10"], "messages must be at least 1260 for 16 symbols, not 10"),
    (["replay", "nowhere.itch"], "nowhere.itch: cannot be read: No such file or directory"),
    (["replay", "-", "--symbols", "auto"], "--symbols: standard input cannot be looked at beforehand"),
    (["replay", "-", "--speed", "40g"], "--speed: one of wire, 10g, 25g, realtime, max, not '40g'"),
    (["replay", "-", "--from", "9.30"], "--from: expected a time of day such as 09:30"),
    (["replay", "-", "--from", "10:00", "--to", "09:30"], "--to: must be later than --from 10:00, not 09:30"),
    (["generate", "-o", "x.csv"], "--out: 'x.csv' must end in .itch, .itch.gz, .pcap"),
    (["test", "nose"], "no bench for 'nose'; there are feed, book"),
    (["test", "--simulator", "modelsim"], "--simulator: must be verilator, icarus or both, not 'modelsim'"),
]


@pytest.mark.parametrize(("arguments", "expected"), ERRORS, ids=[" ".join(a) for a, _ in ERRORS])
def test_users_errors_are_one_line_and_exit_code_2(arguments, expected, capsys):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"tickwire: {expected}")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err + captured.out


def test_each_fault_of_a_configuration_is_a_line(tmp_path, capsys):
    path = tmp_path / "bad.toml"
    text = (config.PRESETS / "small.toml").read_text()
    path.write_text(text.replace("tables = 2", "tables = 3").replace("sma = 4", "sma = 5"))
    assert run(["verilog", "-o", str(tmp_path), "-d", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"tickwire: {path}: ") for line in lines)


@pytest.mark.parametrize("arguments", [["replay"], ["generate"], ["demo", "--bogus"], ["dance"],
                                       ["replay", "-n", "0", "x"]])
def test_misuse_is_explained(arguments, capsys):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert "tickwire" in captured.err and "Usage" in captured.err
    assert "Traceback" not in captured.err


def test_a_missing_simulator_and_a_failed_tool(monkeypatch, tmp_path, capsys):
    for error in simulators.MissingSimulator("verilator needs g++"), simulators.ToolFailed("it does not build"):
        def refuse(*_, error=error, **__):
            raise error
        monkeypatch.setattr(replay, "run", refuse)
        assert run(["demo", "-d", "small", "-n", "1000", "-o", str(tmp_path)]) == 2
        assert capsys.readouterr().err == f"tickwire: {error}\n"


@pytest.mark.parametrize(("result", "code", "line"), [
    (Run(SMALL), 0, ""),
    (Run(SMALL, differences=1), 1, ""),
    (Run(SMALL, differences=1, input_error="x: offset 7: expected more"), 1, ""),
    (Run(SMALL, input_error="x: offset 7: expected more"), 2, "tickwire: x: offset 7: expected more\n"),
    (Run(SMALL, broken_latency=1), 3, ""),
    (Run(SMALL, split_frames=1), 3, ""),
])
def test_exit_codes(result, code, line, monkeypatch, capsys):
    consumed = []
    monkeypatch.setattr(replay, "run", lambda design, frames, **_: consumed.extend(frames) or result)
    monkeypatch.setattr(report, "print_run", lambda *_: None)
    assert run(["demo", "-d", "small", "-n", "1000"]) == code
    assert capsys.readouterr().err == line
    assert len(consumed) > 100


@pytest.mark.parametrize("suffix", ["itch", "itch.gz", "pcap"])
def test_generate_writes_the_same_octets_again(suffix, tmp_path, said):
    one, two, other = (tmp_path / f"{name}.{suffix}" for name in ("one", "two", "other"))
    for path, seed in (one, 1), (two, 1), (other, 2):
        assert run(["generate", "-o", str(path), "-n", "2000", "-d", "small", "--seed", str(seed)]) == 0
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()
    assert f"{one}: 2,000 messages, {one.stat().st_size:,} octets" in said.getvalue()
    with open_input(one) as data:
        assert data.kind == ("pcap" if suffix == "pcap" else "itch")
    if suffix == "itch.gz":
        plain_path = tmp_path / "plain.itch"
        run(["generate", "-o", str(plain_path), "-n", "2000", "-d", "small"])
        assert gzip.decompress(one.read_bytes()) == plain_path.read_bytes()


@pytest.fixture
def replayed(monkeypatch):
    """What ``replay`` hands to the engine: (design, frames)."""
    calls = []

    def keep(design, frames, **_):
        calls.append((design, list(frames)))
        return Run(design)

    monkeypatch.setattr(replay, "run", keep)
    monkeypatch.setattr(report, "print_run", lambda *_: None)
    return calls


def test_replay_takes_the_designs_symbols_where_they_occur(session_file, replayed, said):
    assert run(["replay", str(session_file), "-d", "small"]) == 0
    assert replayed[0][0] == SMALL
    assert said.getvalue() == ""
    assert run(["replay", str(session_file), "-d", "small", "--limit", "50"]) == 0
    assert len(replayed[1][1]) < len(replayed[0][1]) / 10


def test_replay_falls_back_to_the_busiest_and_says_so(tmp_path, session_file, replayed, said):
    toml = (config.PRESETS / "small.toml").read_text()
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text(re.sub(r'stock = "(\w+)"', lambda m: f'stock = "{m[1]}.X"', toml))
    assert run(["replay", str(session_file), "-d", str(elsewhere)]) == 0
    assert "None of the design's symbols is in this input; taking the busiest there" in said.getvalue()
    stocks = {symbol.stock for symbol in replayed[0][0].symbols}
    assert {symbol.stock for symbol in SMALL.symbols} <= stocks
    assert all(stock in said.getvalue() for stock in stocks)


def test_replay_takes_the_symbols_it_is_told(session_file, replayed, said, capsys):
    assert run(["replay", str(session_file), "-d", "demo", "-s", "penny,QQQ"]) == 0
    assert [symbol.stock for symbol in replayed[0][0].symbols] == ["PENNY", "QQQ"]
    assert run(["replay", str(session_file), "-s", "auto"]) == 0
    assert len(replayed[1][0].symbols) == 12  # all there are
    assert run(["replay", str(session_file), "-s", "NOWHERE"]) == 2
    assert "'NOWHERE' does not occur in the input" in capsys.readouterr().err


def test_a_difference_is_looked_into(session_file, tmp_path, monkeypatch, said):
    difference = Difference("value", "book", "updates", "bid_price", 1, 2, message=7)
    seen = []

    def look(design, found, source, **_):
        seen.append((found, [message.octets for message in source()]))
        return Found(found, Story(), [], 3, waveform=tmp_path / "minimised.fst")

    monkeypatch.setattr(replay, "run", lambda design, frames, **_: Run(
        design, differences=1, first_difference=difference,
        paths={"verilog": session_file, "run": tmp_path / "run.json"}))
    monkeypatch.setattr(report, "print_run", lambda *_: None)
    monkeypatch.setattr("sim.engine.build", lambda *_, **__: session_file)
    monkeypatch.setattr("sim.bug.investigate", look)
    assert run(["replay", str(session_file), "-d", "small"]) == 1
    assert json.loads((tmp_path / "run.json").read_text())["paths"]["minimised_waveform"] == "minimised.fst"
    with open_input(session_file) as data:
        assert seen == [(difference, [message.octets for message in data.messages()])]
    assert "No part of the input that was tried (3 trials) fails by itself" in said.getvalue()
    assert run(["replay", str(session_file), "-d", "small", "--no-investigate"]) == 1 and len(seen) == 1
    assert run(["replay", str(session_file), "-d", "small", "--limit", "50"]) == 1 and len(seen[1][1]) == 50


@pytest.mark.parametrize("code", "SD")
def test_symbols_of_the_design_can_be_kept_whatever_is_in_the_file(session_file, replayed, tmp_path, code):
    with open_input(session_file) as data:
        one = next(message.octets for message in data.messages() if message.octets[:1] == code.encode())
    (tmp_path / "one.itch").write_bytes(len(one).to_bytes(2, "big") + one)
    assert run(["replay", str(tmp_path / "one.itch"), "-d", "small", "--symbols", "design"]) == 0
    assert replayed[0][0] == SMALL


def test_a_difference_that_cannot_be_looked_into_still_is_one(session_file, monkeypatch, said, capsys):
    def look(*_, **__):
        raise EngineError("RX stopped accepting beats")

    monkeypatch.setattr(replay, "run", lambda design, frames, **_: Run(
        design, differences=1, first_difference=Difference("value", "book", "updates", "bid_price", 1, 2, message=7),
        paths={"verilog": session_file}))
    monkeypatch.setattr(report, "print_run", lambda *_: None)
    monkeypatch.setattr("sim.engine.build", lambda *_, **__: session_file)
    monkeypatch.setattr("sim.bug.investigate", look)
    assert run(["replay", str(session_file), "-d", "small"]) == 1
    assert "could not be looked into: RX stopped accepting beats" in capsys.readouterr().err


def test_replay_of_standard_input(session_file, replayed, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(session_file.read_bytes())))
    assert run(["replay", "-", "-d", "small"]) == 0
    assert len(replayed[0][1]) > 500


def test_a_capture_without_market_data_is_an_error(tmp_path, capsys):
    path = tmp_path / "other.pcap"
    with PcapWriter(path) as writer:
        writer.write(bytes(60), 0)
    assert run(["replay", str(path)]) == 2
    assert "expected MoldUDP64 datagrams with ITCH messages, found none" in capsys.readouterr().err


def test_progress_is_silent_without_a_terminal(capsys):
    with console.progress(10) as show:
        assert list(console.counted(range(3000), show, "counting")) == list(range(3000))
    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_on_a_terminal(monkeypatch):
    stream = io.StringIO()
    terminal = console.Console(file=stream, force_terminal=True, width=100)
    monkeypatch.setattr(console, "_terminal", terminal)
    with console.progress(4000) as show:
        list(console.counted(range(3000), show, "counting"))
    assert "counting" in stream.getvalue()
    assert "3,000 messages" in stream.getvalue()


def test_benches_that_fail_give_exit_code_1(monkeypatch, said):
    def fail(unit, **_):
        if unit == "risk":
            raise simulators.TestsFailed("risk: 1 of 3 tests failed")
    monkeypatch.setattr(benches.build, "run_bench", fail)
    assert run(["test", "order", "risk"]) == 1
    assert "risk: 1 of 3 tests failed" in said.getvalue()
    assert run(["test", "order"]) == 0


def test_declared_latencies_add_up():
    cycles = explain.declared(SMALL)
    hot = ("feed", "book", "strategy", "risk", "encode", "transmit")
    assert cycles[explain.TICK_TO_TRADE] == sum(cycles[stage] for stage in hot)
    assert set(cycles) <= set(explain.DOES)


# On real hardware


@pytest.mark.slow
def test_demo_replay_and_latency(tmp_path, said, capsys):
    """One build of the hardware for all three, since budgets do not change it."""
    out = ["-o", str(tmp_path / "out")]
    assert run(["demo", "-n", "3000", "-d", "small", *out]) == 0
    assert (tmp_path / "out" / "orders.pcap").stat().st_size > 1000

    damaged = tmp_path / "damaged.itch"
    assert run(["generate", "-o", str(damaged), "-n", "3000", "-d", "small"]) == 0
    damaged.write_bytes(damaged.read_bytes()[:-9])
    assert run(["replay", str(damaged), "-d", "small", *out]) == 2
    assert re.fullmatch(rf"tickwire: {damaged}: offset \d+: expected a message of 12 octets, the file ends after 3\n",
                        capsys.readouterr().err)

    tight = tmp_path / "tight.toml"
    tight.write_text((config.PRESETS / "small.toml").read_text() + "\n[budgets]\nbook = 3.2\n")
    said.truncate(0)
    assert run(["latency", "-n", "2000", "-d", str(tight), *out]) == 3
    text = said.getvalue()
    assert "cycle by cycle" in text
    for stage in ("feed", "book", "strategy", "risk", "encode", "transmit", "tick to trade (EOT to SOF)"):
        row = next(line for line in text.splitlines() if line.strip().startswith(stage))
        numbers = re.findall(r" (-?[\d.]+)(?= |$)", row)
        assert numbers[0] == numbers[1]  # declared and measured
        assert (float(numbers[-1]) < 0) == (stage == "book")


def test_the_command_is_installed():
    """``tickwire`` of the environment is this one."""
    from importlib.metadata import entry_points

    found = [e for e in entry_points(group="console_scripts") if e.name == "tickwire"]
    assert [e.load() for e in found] == [cli.main]
