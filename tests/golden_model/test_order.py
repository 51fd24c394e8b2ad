"""order: the frame as scapy dissects it, and OUCH and SoupBinTCP by hand from the specifications."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from golden_model.order import Order
from spec.config import preset
from spec.records import DECISION, MAX_PAYLOAD, ORDER, Refusal, Side
from tests.golden_model.build import small

DESIGN = preset("small")


def decision(**values):
    fields = dict.fromkeys(DECISION.tuple._fields, 0)
    return DECISION.tuple(**{**fields, "quantity": 100, "price": 10_000, **values})


def payload_of(order) -> bytes:
    return order.payload.to_bytes(MAX_PAYLOAD, "little")


def checksums_hold(frame: bytes) -> bool:
    """scapy computes both checksums anew and finds the same octets."""
    packet = Ether(frame)
    del packet[IP].chksum, packet[TCP].chksum
    return bytes(packet) == frame


def test_enter_order_octet_by_octet():
    order = Order(DESIGN).decision(decision(message=7, side=Side.SELL, quantity=0x01020304, price=0x11223344, symbol=3))
    assert (order.message, order.user_ref_num, order.tcp_sequence) == (7, 1, 1)
    assert payload_of(order) == b"".join([
        b"\x00\x36", b"U",  # SoupBinTCP: 54 octets follow the length
        b"O", b"\x00\x00\x00\x01", b"S", b"\x01\x02\x03\x04", b"PENNY   ", b"\0\0\0\0\x11\x22\x33\x44",
        b"3", b"Y", b"P", b"N", b"N", b"TW00000001    ",
        b"\x00\x06", b"\x05\x02TWIR"])


def test_without_a_firm_there_is_no_appendage():
    stage = Order(small(order={"firm": ""}))
    order = stage.decision(decision())
    assert payload_of(order)[:3] == b"\x00\x30U" and payload_of(order)[48:] == bytes(8)
    assert len(stage.frame(order)) == 14 + 20 + 20 + 50
    assert stage.decision(decision()).tcp_sequence == 51


def test_frame_as_scapy_reads_it():
    stage, session = Order(DESIGN), DESIGN.order
    stage.decision(decision())
    order = stage.decision(decision(side=Side.BUY))
    frame = stage.frame(order)
    packet = Ether(frame)
    assert (packet.src, packet.dst, packet.type) == (session.source_mac, session.destination_mac, 0x0800)
    ip, tcp = packet[IP], packet[TCP]
    assert (ip.src, ip.dst, ip.len) == (session.source_address, session.destination_address, len(frame) - 14)
    assert (ip.ihl, ip.tos, ip.id, str(ip.flags), ip.frag, ip.ttl) == (5, 0, 0, "DF", 0, 64)
    assert (tcp.sport, tcp.dport, tcp.dataofs, str(tcp.flags)) == (42354, 8003, 5, "PA")
    assert (tcp.seq, tcp.ack, tcp.window, tcp.urgptr, tcp.options) == (57, 1, 65535, 0, [])
    assert bytes(tcp.payload) == payload_of(order)
    assert checksums_hold(frame)
    assert stage.counters == {"orders": 2, "frames": 1}


@given(st.builds(
    decision, side=st.sampled_from(Side), quantity=st.integers(0, 2**32 - 1), price=st.integers(0, 2**32 - 1),
    symbol=st.integers(0, 3)), st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_checksums(d, user_ref_num, tcp_sequence):
    stage = Order(small(order={"user_ref_num": user_ref_num, "tcp_sequence": tcp_sequence}))
    order = stage.decision(d)
    ORDER.pack(order)
    assert checksums_hold(stage.frame(order))


@pytest.mark.parametrize("at", [24, 50])
def test_a_wrong_checksum_is_noticed(at):
    stage = Order(DESIGN)
    frame = bytearray(stage.frame(stage.decision(decision())))
    frame[at] ^= 1
    assert not checksums_hold(bytes(frame))


def test_refused_decisions_leave_nothing():
    stage = Order(DESIGN)
    for refusal in Refusal:
        if refusal:
            assert stage.decision(decision(refusals=refusal.value)) is None
    assert stage.decision(decision()).user_ref_num == 1
    assert stage.counters == {"orders": 1, "frames": 0}


def test_numbers_run_on_and_wrap():
    stage = Order(small(order={"user_ref_num": 2**32 - 1, "tcp_sequence": 2**32 - 50, "cl_ord_id_prefix": "ABCDEF"}))
    first, second = stage.decision(decision()), stage.decision(decision())
    assert (first.user_ref_num, first.tcp_sequence) == (2**32 - 1, 2**32 - 50)
    assert (second.user_ref_num, second.tcp_sequence) == (0, 6)
    assert payload_of(first)[34:48] == b"ABCDEFFFFFFFFF"
