"""What a session may be built of, and what it does before there is one."""

import pytest

from hdl.session import IN_FLIGHT, Session
from hdl.session.receive_buffer import ReceiveBuffer
from hdl.session.send_buffer import SendBuffer
from spec import config
from spec.records import HANDOVER, SESSION_STATE, SessionEvent
from tests.hdl.cycles import run

SMALL = config.preset("small")


def design(*, session: dict | None = None, order: dict | None = None) -> config.Design:
    return SMALL.model_copy(update={"session": SMALL.session.model_copy(update=session or {}),
                                    "order": SMALL.order.model_copy(update=order or {})})


def test_parameters():
    with pytest.raises(TypeError, match="design must be a spec.config.Design, not 1"):
        Session(design=1)
    for size in (32, 100):
        with pytest.raises(ValueError, match=f"size must be a power of two of at least 64, not {size}"):
            ReceiveBuffer(size=size)
    with pytest.raises(ValueError, match="size must be at least .* octets: 32 messages of 256 octets, not 4096"):
        SendBuffer(size=4096, lane=6, largest=256, in_flight=IN_FLIGHT)


@pytest.mark.parametrize("established", [True, False])
def test_established_by_configuration(established):
    inputs = [{"idle": 1, "next_sequence": SMALL.order.tcp_sequence}]
    seen = run(Session(design=design(session={"established": established})), inputs,
               ["no_session", "session_lost", "sessions__valid", "begin__valid"], after=30)
    assert seen[-1][0] == (not established)
    assert not any(any(values[1:]) for values in seen)


def test_handover_gives_everybody_the_numbers():
    handover = HANDOVER.tuple(source_port=4242, tcp_sequence=0xFFFF_FFF0, tcp_acknowledgment=77, msg_seq_num=12,
                              expected_seq_num=34, ts_recent=56, tcp_window=5000, tcp_window_scale=3, ts_offset=9)
    dut = Session(design=design(session={"established": False}, order={"protocol": "fix", "tcp_timestamps": True}))
    inputs = [{"idle": 1}] + [None] * 20
    inputs += [{"handovers__valid": 1, "handovers__payload": HANDOVER.pack(handover)}]
    inputs += [{"next_sequence": handover.tcp_sequence, "next_msg_seq_num": 12, "seen__message": 5,
                "seen__decision": 6}, {"handovers__valid": 0}]
    outputs = ["handovers__ready", "begin__valid", "begin__payload", "sessions__valid", "sessions__payload",
               "header__source_port", "header__acknowledgment", "header__window", "header__ts_echo", "no_session",
               "full"]
    seen = run(dut, inputs, outputs, after=60)
    assert [values[2] for values in seen if values[1]] == [handover.tcp_sequence | 12 << 32]
    states = [SESSION_STATE.unpack(values[4]) for values in seen if values[3]]
    assert states == [SESSION_STATE.tuple(
        message=5, decision=6, state=SessionEvent.ESTABLISHED, reason=0, tcp_sequence=handover.tcp_sequence,
        tcp_unacknowledged=handover.tcp_sequence, tcp_acknowledgment=77, msg_seq_num=12, expected_seq_num=34,
        ts_recent=56)]
    assert seen[-1][5:] == (4242, 77, SMALL.session.receive_buffer, 56, 0, 0)


def test_a_small_window_refuses_orders():
    window = 16 * 56
    for octets, full in ((window, 0), (window - 1, 1)):
        dut = Session(design=design(order={"tcp_window": octets}))
        seen = run(dut, [{"idle": 1, "next_sequence": SMALL.order.tcp_sequence}], ["full", "no_session"], after=40)
        assert seen[-1] == (full, 0)
