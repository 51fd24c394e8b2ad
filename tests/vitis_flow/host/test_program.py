"""tickwire_host against a card that is a dictionary: what it does in which order, and what it says when it ends."""

import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sim.card import products
from spec import wire
from spec.config import preset
from spec.counters import COUNTERS
from spec.records import HANDOVER, KILL, SESSION_STATE, SNAPSHOT, SYMBOL_LIMIT, UPDATE, Cause
from spec.registers import Control, CoreControl, Pulse, Status, design_words
from spec.rings import CLOCK, RINGS, SLOT, SLOT_OCTETS
from tests.vitis_flow.host.fake_card import FakeCard
from tests.vitis_flow.host.test_parts import HEADER, NAMES, SESSION, STRATEGY, SYMBOL

_LIMIT = 60  #: s after which a run hangs


@pytest.fixture
def card(tmp_path):
    cards = []

    def make(**arguments) -> FakeCard:
        cards.append(FakeCard(tmp_path, **arguments))
        return cards[-1]

    yield make
    for one in cards:
        one.close()


def arguments_of(program, card, *more):
    return [program, "--card", f"sim:{card.path}", *map(str, more)]


def run(program, card, *more):
    return subprocess.run(arguments_of(program, card, *more), text=True, capture_output=True, timeout=_LIMIT)


UNTIL_IDLE = ("--until-idle", "--idle-seconds", "0.05")


def updates(count):
    """Emits that many records, a few whenever the host has nothing to do."""
    left = iter(range(count))

    def emit(card):
        for i in [next(left, None) for _ in range(7)]:
            if i is not None:
                card.emit("updates", UPDATE.tuple(i, *[0] * (len(UPDATE.fields) - 1)))

    return emit


def in_order(writes, *wanted):
    """Each of ``wanted`` stands in ``writes``, behind the one before it."""
    at = 0
    for write in wanted:
        assert write in writes[at:], f"{write} is not behind the others in {writes}"
        at = writes.index(write, at) + 1


def test_another_order_is_seen():
    in_order([("a", 1), ("b", 2), ("a", 1)], ("a", 1), ("b", 2))
    with pytest.raises(AssertionError, match="is not behind the others"):
        in_order([("b", 2), ("a", 1)], ("a", 1), ("b", 2))


@pytest.mark.parametrize("which", ["xrt", "sim"])
def test_a_run_from_start_to_stop(programs, card, which):
    fake = card(on_idle=updates(40))
    said = run(getattr(programs, which), fake, "--ring-log2", 5, *UNTIL_IDLE)
    assert said.returncode == 0, said.stderr
    assert [line.split() for line in said.stdout.splitlines() if "updates" in line] == [["updates", "40", "0"]]
    in_order(fake.writes(), ("ring_log2", 5), ("core_control", CoreControl.KILL), ("ap_ctrl", Control.START),
             ("pulse", Pulse.PTP_SET), ("command_producer", 1), ("core_control", 0), ("pulse", Pulse.KILL_RELEASE),
             ("core_control", CoreControl.KILL), ("pulse", Pulse.STOP))
    assert not [entry for entry in fake.log if entry[0] == "refused"]
    assert fake.value("records") % 4096 == 0 and fake.value("commands") % 4096 == 0
    assert fake.value("ring_consumer", 1) == 40 and not fake.running
    (clock,) = fake.commands
    assert abs(clock.ns / 1e9 - time.time()) < _LIMIT and len(clock) == len(CLOCK.fields)


def test_slots_are_dumped_as_they_were_read(programs, card, tmp_path):
    fake = card(on_idle=updates(100))  # three laps of 32 slots
    said = run(programs.sim, fake, "--ring-log2", 5, "--dump", tmp_path / "dump", *UNTIL_IDLE)
    assert said.returncode == 0, said.stderr
    octets = (tmp_path / "dump" / "updates.bin").read_bytes()
    slots = [wire.read(SLOT, octets[at : at + SLOT_OCTETS], "little") for at in range(0, len(octets), SLOT_OCTETS)]
    assert [slot["sequence"] for slot in slots] == [*range(100)]
    assert [UPDATE.unpack(int.from_bytes(slot["payload"], "little")).message for slot in slots] == [*range(100)]
    assert [slot["phase"] for slot in slots] == [~(i // 32) & 1 for i in range(100)]
    assert {path.stem for path in (tmp_path / "dump").iterdir()} == {record.stream for record in RINGS}
    assert (tmp_path / "dump" / "orders.bin").read_bytes() == b""


def test_limits_book_and_session_before_the_kill_switch_is_released(programs, card, tmp_path):
    design = preset("small")
    fake = card(design=design_words(design), symbols=len(design.symbols))
    files = {"names": f"{NAMES}MSFT,AAPL,2\nAAPL,GM,9\n", "limits": f"{SESSION}{STRATEGY}[symbol *]\n{SYMBOL}",
             "snapshot": f"{HEADER}GM,B,7,100,5\nGM,vouch\n",
             "symbols": products.symbols_text(design),
             "handover": "".join(f"{f.name} = {i + 1}\n" for i, f in enumerate(HANDOVER.fields))}
    options = []
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        options += [f"--{name}", tmp_path / name]
    said = run(programs.sim, fake, *options, "--handback", tmp_path / "handback", *UNTIL_IDLE)
    assert said.returncode == 0, said.stderr
    kinds = [type(command).__name__ for command in fake.commands]
    assert kinds == ["ClockSetting", "GivenSymbol", "GivenSymbol", "SessionLimit", "Parameters",
                     *["SymbolLimit"] * len(design.symbols), "Snapshot", "Snapshot", "Handover"]
    assert [c.symbol for c in fake.commands if isinstance(c, SYMBOL_LIMIT.tuple)] == [*range(len(design.symbols))]
    assert [c for c in fake.commands if isinstance(c, SNAPSHOT.tuple)] == [
        SNAPSHOT.tuple(0, 0, 7, 100, 5, 0), SNAPSHOT.tuple(0, 0, 0, 0, 0, 1)]
    in_order(fake.writes(), ("core_control", CoreControl.KILL), ("ap_ctrl", Control.START),
             ("command_producer", len(kinds)), ("pulse", Pulse.KILL_RELEASE), ("core_control", CoreControl.KILL),
             ("core_control", CoreControl.KILL | CoreControl.HANDBACK), ("pulse", Pulse.STOP))
    numbers = dict(line.split(" = ") for line in (tmp_path / "handback").read_text().splitlines())
    assert [*numbers] == [f.name for f in SESSION_STATE.fields] and numbers["tcp_sequence"] == "100"
    assert "session ESTABLISHED" in said.stderr and "session HANDED_BACK" in said.stderr


def test_a_symbol_that_the_card_refuses_ends_the_start(programs, card, tmp_path):
    fake = card()
    (tmp_path / "names").write_text(f"{NAMES}0,TSLA,60001\n")
    said = run(programs.sim, fake, "--names", tmp_path / "names", *UNTIL_IDLE)
    assert said.returncode == 1 and "1 symbols were refused: a locate beyond the card's table, or" in said.stderr
    assert not fake.running


def test_the_kill_switch_need_not_be_held(programs, card):
    fake = card()
    assert run(programs.sim, fake, "--no-hold", *UNTIL_IDLE).returncode == 0
    writes = fake.writes()
    in_order(writes, ("core_control", 0), ("ap_ctrl", Control.START))
    assert ("pulse", Pulse.KILL_RELEASE) not in writes


def wait_for(condition):
    end = time.monotonic() + _LIMIT
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_kills_before_everything_else(programs, card, number):
    marks = []

    def emit(fake):
        fake.emit("updates", UPDATE.tuple(*[0] * len(UPDATE.fields)))

    fake = card(on_idle=emit)
    handover = ",".join(f"{f.name}=1" for f in HANDOVER.fields)
    process = subprocess.Popen(arguments_of(programs.sim, fake, "--handover", handover), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: ("pulse", Pulse.KILL_RELEASE) in fake.writes() and fake.value("ring_producer", 1) > 50)
    marks.append(len(fake.log))
    process.send_signal(number)
    out, said = process.communicate(timeout=_LIMIT)
    assert process.returncode == 0, said
    # The host was in the middle of reading: until it noticed, looks and told rings are all that may stand there.
    after = fake.log[marks[0]:]
    first = after.index(("write", "core_control", CoreControl.KILL))
    assert {(kind, name) for kind, name, _ in after[:first]} <= {("read", "status"), ("write", "ring_consumer")}
    in_order([entry[1:] for entry in after[first:] if entry[0] == "write"], ("core_control", CoreControl.KILL),
             ("core_control", CoreControl.KILL | CoreControl.HANDBACK), ("pulse", Pulse.STOP))
    assert "interrupted" in said or "asked to end" in said
    assert not fake.running and not fake.session


def test_a_signal_while_the_card_starts(programs, card):
    fake = card()
    fake.status = lambda: int(Status.RUNNING) if fake.running else 0  # never ready
    process = subprocess.Popen(arguments_of(programs.sim, fake), text=True, stderr=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    wait_for(lambda: fake.running)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=_LIMIT)
    assert process.returncode == 0, said
    assert ("pulse", Pulse.KILL_RELEASE) not in fake.writes()
    in_order(fake.writes(), ("ap_ctrl", Control.START), ("core_control", CoreControl.KILL), ("pulse", Pulse.STOP))


def test_an_error_kills_before_everything_else(programs, card):
    def emit(fake):
        fake.emit("updates", UPDATE.tuple(*[0] * len(UPDATE.fields)), ring=5)

    fake = card(on_idle=emit)
    said = run(programs.sim, fake)
    assert said.returncode == 1
    assert "ring updates, slot 0: says ring 5, expected 1" in said.stderr
    writes = fake.writes()
    released = writes.index(("pulse", Pulse.KILL_RELEASE))
    behind = [write for write in writes[released + 1:] if write[0] != "ring_consumer"]
    assert behind == [("core_control", CoreControl.KILL), ("pulse", Pulse.STOP)]
    assert not fake.running


def test_a_fault_ends_the_run(programs, card):
    fake = card()
    usual = fake.status
    fake.status = lambda: usual() | (Status.RECORD_FAULT if fake.cycle > 20000 else 0)
    said = run(programs.sim, fake)
    assert said.returncode == 1 and "host memory answered a write of records with an error" in said.stderr
    assert not fake.running


def test_a_session_that_does_not_come_back_is_said(programs, card):
    """The card is stopped all the same."""
    fake = card(hands_back=False)
    handover = ",".join(f"{f.name}=1" for f in HANDOVER.fields)
    said = run(programs.sim, fake, "--handover", handover, "--patience", 0.2, *UNTIL_IDLE)
    assert said.returncode == 1 and "hand back: session handed back: not within 1.0" in said.stderr
    assert not fake.running


def test_lost_records_are_no_clean_end(programs, card):
    def emit(fake):
        for _ in range(40):  # of 32 slots
            fake.emit("updates", UPDATE.tuple(*[0] * len(UPDATE.fields)))
        fake.on_idle = None

    fake = card(on_idle=emit)
    said = run(programs.sim, fake, "--ring-log2", 5, *UNTIL_IDLE)
    assert said.returncode == 1 and "ring updates: 8 records lost" in said.stderr
    assert [line.split() for line in said.stdout.splitlines() if "updates" in line] == [["updates", "32", "8"]]


def test_a_kill_by_the_core_is_no_clean_end(programs, card):
    def emit(fake):
        fake.emit("kills", KILL.tuple(0, 0, Cause.LOSS | Cause.REJECTS))
        fake.on_idle = None

    said = run(programs.sim, card(on_idle=emit), *UNTIL_IDLE)
    assert said.returncode == 1 and "kill switch engaged: LOSS+REJECTS" in said.stderr


def test_a_card_that_refuses_to_start(programs, card):
    """What the run before left in the registers is not waited for."""
    fake = card()
    fake.refuses.add("ap_ctrl")
    fake.set("ring_producer", 7, 3)
    said = run(programs.sim, fake)
    assert said.returncode == 1 and said.stderr.endswith("SLVERR to a write of 0x0001 to register 0x0000\n")
    assert ("refused", "ap_ctrl", Control.START) in fake.log
    assert fake.writes()[-2:] == [("core_control", CoreControl.KILL), ("pulse", Pulse.STOP)]


def test_a_running_card_is_left_alone_and_can_be_stopped(programs, tmp_path, card):
    fake = card()
    fake.running = True
    said = run(programs.sim, fake)
    assert said.returncode == 1 and "the core runs already" in said.stderr
    assert fake.writes() == [] and fake.running
    (tmp_path / "again").mkdir()
    fake = FakeCard(tmp_path / "again")
    fake.running = True
    assert run(programs.sim, fake, "--stop").returncode == 0
    assert fake.writes() == [("core_control", CoreControl.KILL), ("pulse", Pulse.STOP)] and not fake.running
    fake.close()


@pytest.mark.parametrize("registers, complaint", [
    ({"id": 1}, "id reads 1: expected 1262700884, a Tickwire card"),
    ({"version": 99}, "the card's register table has version 99: expected"),
    ({"ring_count": 3}, f"the card has 3 rings: expected {len(RINGS)}"),
])
def test_another_card_is_refused(programs, card, registers, complaint):
    fake = card(registers=registers)
    said = run(programs.sim, fake)
    assert said.returncode == 1 and complaint in said.stderr and fake.writes() == []


def test_files_are_read_before_anything_is_written(programs, card, tmp_path):
    fake = card()
    (tmp_path / "limits").write_text("[session]\nmax_gros = 1\n")
    said = run(programs.sim, fake, "--limits", tmp_path / "limits")
    assert said.returncode == 2 and "limits:2: max_gros: no such key" in said.stderr
    assert said.stderr.count("\n") == 1 and fake.writes() == []


def test_symbols_of_another_design_are_refused(programs, card, tmp_path):
    fake = card()
    (tmp_path / "symbols").write_text(products.symbols_text(preset("small")))
    said = run(programs.sim, fake, "--symbols", tmp_path / "symbols")
    assert said.returncode == 2 and "expected the card's, 0000000100000002 with 4" in said.stderr
    assert fake.writes() == []


@pytest.mark.parametrize("options, complaint", [
    ([], "--card : expected xrt:INDEX or sim:PATH"),
    (["--card", "pci:0"], "--card pci:0: expected xrt:INDEX or sim:PATH"),
    (["--card", "xrt:a", "--xclbin", "f"], "--card xrt: a: expected an integer from 0 to 255"),
    (["--card", "xrt:0"], "--card xrt:0: expected --xclbin FILE"),
    (["--card", "sim:x", "--ring-log2", "25"], "--ring-log2 25: expected an integer from 5 to 24"),
    (["--card", "sim:x", "--seconds", "-1"], "--seconds -1: expected seconds above 0"),
    (["--card", "sim:x", "--rings", "updates,bids"], "--rings updates,bids: expected some of messages, updates, "),
    (["--card", "sim:x", "--fast"], "--fast: no such option"),
    (["--card", "sim:x", "now"], "now: expected options only"),
])
def test_a_wrong_command_line(programs, options, complaint):
    said = subprocess.run([programs.sim, *options], text=True, capture_output=True)
    assert said.returncode == 2 and complaint in said.stderr and said.stderr.count("\n") == 1


def test_what_is_missing_is_said_in_a_line(programs, tmp_path):
    said = subprocess.run([programs.sim, "--card", f"sim:{tmp_path / 'none'}"], text=True, capture_output=True)
    assert said.returncode == 1 and said.stderr == (
        f"tickwire_host: card sim:{tmp_path / 'none'}: No such file or directory\n")
    said = subprocess.run([programs.sim, "--card", "xrt:0", "--xclbin", "f"], text=True, capture_output=True)
    assert said.returncode == 1 and "built without XRT" in said.stderr
    said = subprocess.run([programs.xrt, "--card", "xrt:0", "--xclbin", tmp_path / "f"], text=True, capture_output=True)
    assert said.returncode == 1 and said.stderr.startswith("tickwire_host: card xrt:0 with ")
    assert "--card CARD" in subprocess.run([programs.sim, "--help"], text=True, capture_output=True, check=True).stdout


def test_chosen_rings_alone_are_written(programs, card):
    fake = card()
    assert run(programs.sim, fake, "--rings", "orders,kills", *UNTIL_IDLE).returncode == 0
    assert fake.value("ring_enable") == sum(1 << i for i, r in enumerate(RINGS) if r.stream in ("orders", "kills"))


def test_metrics_and_the_table(programs, card):
    fake = card(on_idle=updates(20))
    fake.counters["risk_approved"] = (1 << 32) + 5
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(arguments_of(programs.sim, fake, "--metrics", port, "--table"), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # The table reads counters when the host is running.
    wait_for(lambda: fake.value("ring_producer", 1) == 20 and any(name == "feed_frames" for _, name, _ in fake.log))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_LIMIT) as answer:
        text = answer.read().decode()
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=_LIMIT)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=_LIMIT)
    assert process.returncode == 0, said
    samples = {(sample.name, *sample.labels.values()): sample.value
               for family in text_string_to_metric_families(text) for sample in family.samples}
    assert samples["tickwire_risk_approved_total",] == (1 << 32) + 5
    assert samples["tickwire_host_records_total", "updates"] == 20
    assert samples["tickwire_status", "RUNNING"] == 1 and samples["tickwire_status", "KILLED"] == 0
    names = {(products.prometheus_name(stage, name),) for stage, counters in COUNTERS.items() for name in counters}
    assert names <= {*samples}
    assert "status RUNNING+READY" in out and "approved" in out


def test_a_port_that_is_taken_stops_the_run_before_it_begins(programs, card):
    fake = card()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = run(programs.sim, fake, "--metrics", taken.getsockname()[1])
    assert said.returncode == 1 and "Address already in use" in said.stderr and fake.writes() == []
