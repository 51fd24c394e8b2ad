"""The kernel as its host sees it: start and stop, commands, kill switch, clocks, interrupts, stamps."""

import pytest

from sim.card import CardError
from sim.card.compiled import RX, CompiledCard
from sim.card.host import Host
from sim.card.program import clock_setting
from sim.engine.native import Batch
from sim.framing import as_file, frames
from sim.generator import session
from sim.pace import Pace
from spec import config
from spec.limits import session_limit, symbol_limit
from spec.records import (
    HANDOVER,
    REQUEST,
    SESSION_LIMIT,
    SNAPSHOT,
    SYMBOL_LIMIT,
    Action,
    Cause,
    Refusal,
    SessionEvent,
    Side,
)
from spec.registers import Control, CoreControl, Interrupt, Pulse, Status
from spec.rings import CLOCK, COMMANDS, RINGS, STAMP

DESIGN = config.preset("small")
KILL_CYCLES = 4  #: from the edge with which the card takes the write; intents of the cycles after are refused


@pytest.fixture
def card():
    with CompiledCard(DESIGN) as card:
        yield card


@pytest.fixture
def host(card):
    host = Host(card)
    host.start()
    return host


def market(card, messages: int, seed: int) -> int:
    """Puts a session on RX as on a 10G wire. Returns how many frames."""
    whole = list(frames(as_file(session(DESIGN, messages=messages, seed=seed)), design=DESIGN, seed=seed, bracket=True))
    card.frames(RX, Batch.of([frame.octets for frame in whole], Pace("10g", DESIGN).gaps(whole)))
    return len(whole)


def drained(card, host) -> dict:
    """All records until nothing more comes."""
    found, quiet = {record.stream: [] for record in RINGS}, 0
    while quiet < 4:
        card.run(600)
        some = host.read()
        quiet = 0 if card.waiting(RX) or any(map(len, some.values())) else quiet + 1
        for name, stream in some.items():
            found[name] += zip(stream.cycles.tolist(), map(stream.record.tuple._make, stream.rows), strict=True)
    return found


def test_it_says_what_it_is(card):
    host = Host(card)
    host.check(DESIGN)
    registers = host.registers
    assert registers.symbols == len(DESIGN.symbols) and registers.ring_count == len(RINGS)
    assert registers.clock_khz == round(DESIGN.core.clock_mhz * 1000) and registers.protocol == 0
    assert registers.ap_ctrl == Control.IDLE and not registers.status & Status.RUNNING
    other = DESIGN.model_copy(update={"order": DESIGN.order.model_copy(update={"firm": "OTHR"})})
    with pytest.raises(CardError, match="another design"):
        host.check(other)


def test_another_card_is_refused(card, monkeypatch):
    monkeypatch.setattr(card, "read", lambda address: 0x1234)
    with pytest.raises(CardError, match="no Tickwire card: its id is 0x00001234"):
        Host(card)


def test_what_is_locked_while_it_runs(card, host):
    assert host.registers.ap_ctrl == Control.START
    for name in ("records", "commands", "ring_log2", "command_log2"):
        before = getattr(host.registers, name)
        with pytest.raises(CardError, match="SLVERR"):
            setattr(host.registers, name, 5)
        assert getattr(host.registers, name) == before


def test_stop_and_start_again(card, host, seed):
    market(card, 600, seed)
    first = drained(card, host)
    assert len(first["messages"]) == 600
    last = host.stop()
    assert last["kills"].rows[-1][-1] == Cause.HOST
    with pytest.raises(CardError, match="SLVERR"):
        host.registers.ap_ctrl = Control.START  # commands that nobody took are still leaving
    card.run(300)
    host.registers.core_control = CoreControl(0)
    host.start()
    assert host.registers.feed_messages == 0
    market(card, 600, seed)
    second = drained(card, host)
    assert [row for _, row in second["messages"]] == [row for _, row in first["messages"]]
    assert [row for _, row in second["orders"]] == [row for _, row in first["orders"]]


def test_commands_come_as_they_were_sent(card, host):
    rows = [SNAPSHOT.tuple(i % 4, i & 1, 1000 + i, 2_915_200 + 100 * (i % 7), 100 + i, 0) for i in range(70)]
    host.send(SNAPSHOT, rows)
    limits = [symbol_limit(DESIGN, i)._replace(max_quantity=500 + i) for i in range(4)]
    host.send(SYMBOL_LIMIT, limits)
    host.send(SESSION_LIMIT, [session_limit(DESIGN)._replace(max_rejects=7)])
    found = drained(card, host)
    assert [row[1:] for _, row in found["loads"]] == [tuple(row) for row in rows]
    assert [row[2:] for _, row in found["symbol_limits_set"]] == [tuple(row) for row in limits]
    assert found["session_limits_set"][0][1].max_rejects == 7
    assert host.registers.book_loads == 70 and host.registers.risk_limits_set == 5


def test_one_command_as_a_whole(card, host):
    """What is written to ``request`` afterwards does not reach the command; a second waits its turn."""
    host.commit(REQUEST, REQUEST.tuple(1, Action.ENTER, 0, Side.BUY, 30, 10_000))
    host.registers.request[0] = 0xFFFF_FFFF
    host.commit(REQUEST, REQUEST.tuple(2, Action.ENTER, 0, Side.SELL, 40, 10_100))
    found = drained(card, host)
    assert [(row.symbol, row.quantity, row.host) for _, row in found["intents"]] == [(1, 30, 1), (2, 40, 1)]
    for number in (255, len(COMMANDS), len(COMMANDS) + 1):
        with pytest.raises(CardError, match="SLVERR"):
            host.registers.commit = number


def test_a_command_ring_that_names_none(card, host):
    host.registers.command_producer = 1  # a slot of zeros, but for what it names
    host._ring._slots[0][112] = 99
    host.registers.command_producer = 0
    host.registers.command_producer = 1
    card.run(200)
    assert host.registers.status & Status.COMMAND_FAULT or host.registers.command_consumer == 1
    if host.registers.status & Status.COMMAND_FAULT:
        with pytest.raises(CardError, match="stopped at command 0"):
            host._check()


def test_the_kill_switch_stops_orders_within_stated_cycles(card, host, seed):
    """Counted in the core's cycles from the edge at which the write is taken."""
    market(card, 3000, seed)
    card.run(20_000)
    written = card.cycle  # the edge with which the write is taken
    host.registers.core_control = CoreControl.KILL
    found = drained(card, host)
    beats, _ = card.left()
    first = next(cycle for cycle, row in found["stamps"] if row.port == RX) - 2
    offset = int(beats[0]) - first
    cycle, kill = found["kills"][0]
    assert kill.causes == Cause.HOST
    # The record is two cycles behind what it tells of.
    assert cycle - 2 + offset - written == KILL_CYCLES
    after = [row for _, row in found["decisions"] if row.decision >= kill.decision]
    before = [row for _, row in found["decisions"] if row.decision < kill.decision]
    assert after and all(row.refusals & Refusal.KILL_SWITCH for row in after)
    assert before and not any(row.refusals & Refusal.KILL_SWITCH for row in before)
    assert max(row.decision for _, row in found["orders"]) < kill.decision
    assert host.registers.status & Status.KILLED and host.registers.kill_causes == Cause.HOST
    host.release()
    card.run(50)
    assert not host.registers.status & Status.KILLED


def test_interrupts(card, host):
    registers = host.registers
    registers.gie, registers.ier = 1, Interrupt.KILL
    assert not card.interrupt
    host.kill()
    card.run(50)
    assert card.interrupt and registers.isr & Interrupt.KILL
    registers.isr = Interrupt.KILL  # toggles
    assert not registers.isr & Interrupt.KILL
    card.run(5)
    assert not card.interrupt


def test_the_session_goes_back_and_forth(card, host):
    registers = host.registers
    assert registers.status & Status.SESSION
    registers.core_control = CoreControl.HANDBACK
    card.run(500)
    assert not registers.status & Status.SESSION
    registers.core_control = CoreControl(0)
    numbers = dict(source_port=42354, tcp_sequence=7_000, tcp_acknowledgment=9_000, msg_seq_num=0, expected_seq_num=0,
                   ts_recent=0, tcp_window=65535, tcp_window_scale=0, ts_offset=0)
    host.send(HANDOVER, [HANDOVER.tuple(**numbers)])
    found = drained(card, host)
    assert [row.state for _, row in found["sessions"]] == [SessionEvent.HANDED_BACK, SessionEvent.ESTABLISHED]
    assert found["sessions"][-1][1].tcp_sequence == 7_000
    assert registers.status & Status.SESSION and registers.isr & Interrupt.SESSION


def test_every_frame_is_stamped(card, host, seed):
    """In and out, at the first beat; the PTP clock advances with the core's cycles."""
    registers = host.registers
    registers.ptp_set_seconds, registers.ptp_set_nanoseconds = 1_700_000_000, 999_990_000
    host.pulse(Pulse.PTP_SET)
    card.run(50)
    frames_in = market(card, 1000, seed)
    found = drained(card, host)
    _, frames_out = card.left()
    stamps = [(cycle, row) for cycle, row in found[STAMP.stream]]
    by_port = [[row.frame for _, row in stamps if row.port == port] for port in range(3)]
    assert [*map(len, by_port)] == [frames_in, 0, len(frames_out)] and frames_out
    assert all(numbers == [*range(len(numbers))] for numbers in by_port)

    def ns(row) -> float:
        return (row.seconds - 1_700_000_000) * 1e9 + row.nanoseconds + row.fraction / 65536

    first_cycle, first = next((cycle, row) for cycle, row in stamps if row.port == RX)
    last_cycle, last = [(cycle, row) for cycle, row in stamps if row.port == RX][-1]
    assert abs(ns(last) - ns(first) - (last_cycle - first_cycle) * DESIGN.core.period_ns) < 4 * DESIGN.core.period_ns
    assert last.seconds == 1_700_000_001
    host.pulse(Pulse.PTP_READ)
    card.run(50)
    assert registers.ptp_now_seconds == 1_700_000_001 and registers.ptp_now_nanoseconds > last.nanoseconds


def test_the_time_of_day_is_set_as_a_whole(card, host):
    moment = 1_700_000_000_123_456_789
    setting = clock_setting(moment)
    digits = "".join(str(getattr(setting, f"digit_{i}")) for i in range(17))
    assert digits == "20231114221320123" and setting.ns_of_ms == 456_789
    assert "".join(str(getattr(setting, f"tomorrow_{i}")) for i in range(8)) == "20231115"
    host.send(CLOCK, [setting])
    host.commit(REQUEST, REQUEST.tuple(0, Action.ENTER, 0, Side.BUY, 1, 10_000))
    decision = drained(card, host)["decisions"][0][1]
    assert 0 <= decision.time - moment < 2000


def test_counters_are_read_as_a_whole(card, host, seed):
    market(card, 600, seed)
    drained(card, host)
    counters = host.registers.counters()
    assert counters["feed"]["messages"] == 600 and counters["book"]["updates"] > 100
    with pytest.raises(CardError, match="SLVERR"):
        card.read(0x1000 + 4)  # a high word whose low word was not read last


def test_a_reader_that_is_too_slow_is_told(card, seed):
    """Rings of one burst and nobody reads: the ring stands, the FIFO fills, what is lost is counted, nothing waits."""
    host = Host(card, ring_log2=5)
    host.start()
    market(card, 3000, seed)
    while card.waiting(RX):
        card.run(2000)
    lost = host.registers.ring_lost[0]
    assert lost == 3000 - 32 - DESIGN.host.fifo and card.held_back == 0
    assert host.registers.feed_messages == 3000
    found = drained(card, host)
    assert len(found["messages"]) + lost == 3000
    # The sequence shows a gap before what comes next.
    assert [row.message for _, row in found["messages"]] == [*range(32 + DESIGN.host.fifo)]


def test_addresses_that_nobody_answers(card, seed):
    """Errors of host memory are counted and shown; the core goes on."""
    host = Host(card)
    host._records = len(card.memory) + (1 << 30)
    card.buffer = lambda address, octets, whole=card.buffer: whole(4096, octets)
    host.start()
    market(card, 600, seed)
    card.run(20_000)
    assert host.registers.record_errors and host.registers.status & Status.RECORD_FAULT
    assert host.registers.feed_messages == 600
    errors = host.registers.record_errors
    host.registers.pulse = Pulse.CLEAR_FAULT
    assert not host.registers.status & Status.RECORD_FAULT and host.registers.record_errors == errors
