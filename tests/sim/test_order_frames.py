"""Order frames taken apart by the tables; scapy puts them together."""

import pytest
import simplefix
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from sim.order_frames import Segment, name_octet, segment
from spec import ouch, soupbintcp, wire

_PAYLOAD = 14 + 20 + 20


def _frame(payload: bytes, stamps=None) -> bytes:
    options = [("NOP", None), ("NOP", None), ("Timestamp", stamps)] if stamps else []
    return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2")
                 / TCP(seq=11, ack=22, window=33, options=options) / payload)


def _ouch(code: str) -> bytes:
    message = code.encode() + bytes(ouch.CLIENT[code].length - 1)
    return wire.write(soupbintcp.HEADER, length=1 + len(message), type="U") + message


def test_segments():
    assert segment(_frame(b"abc")) == Segment(11, 22, 33, 0, 0, _PAYLOAD, 3)
    assert segment(_frame(b"abc", (5, 6))) == Segment(11, 22, 33, 5, 6, _PAYLOAD + 12, 3)
    assert segment(_frame(b"") + bytes(6)) == Segment(11, 22, 33, 0, 0, _PAYLOAD, 0), "padding is no payload"


@pytest.mark.parametrize("frame", [
    b"", _frame(b"abc")[: _PAYLOAD - 1], _frame(b"abc")[:-1],
    _frame(b"")[:46] + b"\x40" + _frame(b"")[47:],  # a header of 16 octets
    _frame(b"")[:46] + b"\xf0" + _frame(b"")[47:],  # one that ends behind the packet
], ids=["empty", "no header", "cut short", "short header", "long header"])
def test_what_is_no_segment(frame):
    assert segment(frame) is None


@pytest.mark.parametrize(("at", "name"), [
    (0, "Ethernet II destination"), (12, "Ethernet II ethertype"), (16, "IPv4 total_length"), (25, "IPv4 checksum"),
    (38, "TCP sequence"), (50, "TCP checksum"), (54, "TCP options"), (65, "TCP options"),
    (66, f"{soupbintcp.HEADER.name} length"), (68, f"{soupbintcp.HEADER.name} type"),
    (70, f"{ouch.CLIENT['O'].name} user_ref_num"), (74, f"{ouch.CLIENT['O'].name} side"),
    (75, f"{ouch.CLIENT['O'].name} quantity"),
])
def test_octets_of_an_ouch_order(at, name):
    assert name_octet(_frame(_ouch("O"), (5, 6)), at) == f"octet {at} ({name})"


def test_every_octet_of_each_ouch_message_has_a_name():
    for code, message in ouch.CLIENT.items():
        frame = _frame(_ouch(code) + b"xy")
        names = [name_octet(frame, at) for at in range(len(frame))]
        for field in message.fields:
            for at in range(field.offset, field.end):
                assert names[_PAYLOAD + 3 + at] == f"octet {_PAYLOAD + 3 + at} ({message.name} {field.name})"
        assert names[-1].endswith("(appendage)")


def test_octets_of_a_fix_order():
    message = simplefix.FixMessage()
    for tag, value in ((8, "FIX.4.4"), (35, "D"), (11, "T1"), (38, 100)):
        message.append_pair(tag, value)
    payload = message.encode()
    frame = _frame(payload)
    for tag in (b"8", b"9", b"35", b"11", b"38", b"10"):
        at = _PAYLOAD + (b"\x01" + payload).index(b"\x01" + tag + b"=")
        for octet in (at, at + len(tag), at + len(tag) + 1):
            assert name_octet(frame, octet) == f"octet {octet} (FIX tag {tag.decode()})"


def test_padding_and_frames_that_are_no_segment():
    assert name_octet(_frame(b"") + bytes(6), _PAYLOAD + 2) == f"octet {_PAYLOAD + 2} (padding)"
    assert name_octet(bytes(40), 15) == "octet 15 (IPv4 dscp_ecn)"
