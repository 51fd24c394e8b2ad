"""What hangs on the clock: retransmission, milliseconds, heartbeats."""

import pytest

from hdl.session.admin import Admin
from hdl.session.milliseconds import Milliseconds
from hdl.session.retransmit import Retransmit
from tests.hdl.cycles import run

FIRST = 100  # ns; one per cycle here
OUTPUTS = ["timeout", "again_all", "again_first", "fast", "probe", "in_vain"]


def cycles_of(seen, name):
    return [cycle for cycle, values in enumerate(seen) if values[OUTPUTS.index(name)]]


def retransmit(events: dict[int, dict], cycles: int, times: int = 3):
    """Runs the timer with 1 ns per cycle; pulses last one cycle."""
    inputs = []
    for cycle in range(cycles):
        inputs.append({"ns": 5_000 + cycle, "advances": 0, "duplicate": 0, **events.get(cycle, {})})
    return run(Retransmit(first_ns=FIRST, times=times), inputs, OUTPUTS)


def test_timeout_doubles_and_ends():
    seen = retransmit({10: {"sent": 5}}, 1800)
    expected = [10 + FIRST, 10 + 3 * FIRST, 10 + 7 * FIRST]
    got = cycles_of(seen, "timeout")
    late = [cycle - due for cycle, due in zip(got, expected, strict=True)]
    assert all(0 <= cycles <= (k + 1) * (Retransmit.LATE + 2) for k, cycles in enumerate(late)), late
    assert cycles_of(seen, "again_all") == got
    assert len(cycles_of(seen, "in_vain")) == 1 and 0 <= cycles_of(seen, "in_vain")[0] - (10 + 15 * FIRST) < 40


def test_an_acknowledgment_restarts_the_timer():
    seen = retransmit({10: {"sent": 50}, 90: {"unacknowledged": 5, "advances": 1}}, 250)
    assert len(cycles_of(seen, "timeout")) == 1 and 190 <= cycles_of(seen, "timeout")[0] < 200
    seen = retransmit({10: {"sent": 50}, 250: {"unacknowledged": 5, "advances": 1}}, 400)
    assert len(cycles_of(seen, "timeout")) == 2 and 350 <= cycles_of(seen, "timeout")[1] < 360
    seen = retransmit({10: {"sent": 50}, 90: {"unacknowledged": 50, "advances": 1}}, 800)
    assert cycles_of(seen, "timeout") == []


def test_three_duplicates_and_partial_acknowledgments():
    duplicates = {cycle: {"duplicate": 1} for cycle in (20, 25, 30, 35, 40, 45)}
    seen = retransmit({10: {"sent": 50}, **duplicates, 60: {"unacknowledged": 10, "advances": 1},
                       70: {"unacknowledged": 50, "advances": 1}}, 90)
    assert cycles_of(seen, "fast") == [31]
    assert cycles_of(seen, "again_first") == [31, 62]


def test_no_fast_retransmission_of_what_a_timeout_repeated():
    duplicates = {cycle: {"duplicate": 1} for cycle in range(130, 150, 4)}
    seen = retransmit({10: {"sent": 50}, **duplicates}, 200)
    assert cycles_of(seen, "fast") == [] and len(cycles_of(seen, "timeout")) == 1


def test_probes_go_on():
    seen = retransmit({10: {"waits": 1}}, 4000, times=1)
    probes = cycles_of(seen, "probe")
    assert len(probes) == 5 and cycles_of(seen, "in_vain") == [] == cycles_of(seen, "timeout")
    gaps = [b - a for a, b in zip(probes, probes[1:], strict=False)]
    assert all(later > 1.9 * before for before, later in zip(gaps, gaps[1:], strict=False))


def test_nothing_while_stopped():
    assert not any(any(values) for values in retransmit({0: {"stop": 1}, 10: {"sent": 5, "waits": 1}}, 900))


@pytest.mark.parametrize("ns", [0, 999_999, 1_000_000, 1_764_149_552_123_456_789, (1 << 64) - 1])
def test_milliseconds(ns):
    seen = run(Milliseconds(), [{"ns": ns}], ["ms"], after=Milliseconds.CYCLES + 1)
    assert seen[-1][0] == ns // 1_000_000 % (1 << 32)


def test_no_heartbeats_where_the_host_sends_them():
    dut = Admin(heartbeat_ns=0)
    inputs = [{"ns": 1000 * cycle, "enabled": 1, "admin__ready": 1} for cycle in range(50)]
    assert not any(valid for valid, in run(dut, inputs, ["admin__valid"]))


def test_a_message_waits_while_messages_may_not_begin():
    inputs = [{"enabled": 0, "host_admin__valid": 1, "host_admin__payload": ord("O"), "admin__ready": 0}] * 5
    inputs += [{"enabled": 1}, {"enabled": 0}, {}, {"admin__ready": 1}, {}]
    seen = run(Admin(heartbeat_ns=0), inputs, ["host_admin__ready", "admin__valid"])
    assert seen == [(0, 0)] * 5 + [(1, 0), (0, 1), (0, 1), (0, 1), (0, 0)]
