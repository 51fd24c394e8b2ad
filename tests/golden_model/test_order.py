"""order: frames as scapy dissects them, OUCH and SoupBinTCP by hand from the specifications; FIX is in ``test_fix``."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from golden_model.order import Header, Order
from spec.records import ADMIN, DECISION, ORDER, Action, Refusal, Side
from tests.golden_model.build import small

WORD = st.integers(0, 2**32 - 1)
HEADER = Header(acknowledgment=0x0A0B0C0D, window=0x1234, ts_value=0xDEADBEEF, ts_echo=0xCAFEF00D)
HEADERS = st.builds(Header, WORD, st.integers(0, 2**16 - 1), WORD, WORD)
ANY_DECISION = {
    "symbol": st.integers(0, 3), "action": st.sampled_from(Action), "side": st.sampled_from(Side),
    "short": st.integers(0, 1), "target": WORD, "user_ref_num": WORD, "quantity": WORD, "price": WORD,
    "time": st.integers(0, 2**62),
}
PAYLOAD_AT = 14 + 20 + 20
FRAMES = {  # action: octets of payload, without and with a firm
    Action.ENTER: (50, 56), Action.REPLACE: (43, 43), Action.CANCEL: (12, 12),
}


def decision(**values):
    fields = dict.fromkeys(DECISION.tuple._fields, 0)
    return DECISION.tuple(**{**fields, "user_ref_num": 1, "quantity": 100, "price": 10_000, **values})


def admin(kind: str, text: bytes = b""):
    return ADMIN.tuple(ord(kind), len(text), int.from_bytes(text, "little"))


def payload_of(frame: bytes) -> bytes:
    """What TCP carries: as IPv4's total length and TCP's data offset say, so without padding."""
    end = 14 + int.from_bytes(frame[16:18], "big")
    return frame[34 + 4 * (frame[46] >> 4) : end]


def sent(stage: Order, d, header: Header = HEADER) -> bytes:
    return stage.frame(stage.decision(d, header=header))


def checksums_hold(frame: bytes) -> bool:
    """scapy computes both checksums anew and finds the same octets."""
    packet = Ether(frame)
    del packet[IP].chksum, packet[TCP].chksum
    return bytes(packet) == frame


def test_enter_order_octet_by_octet():
    frame = sent(Order(small()), decision(symbol=3, side=Side.SELL, quantity=0x01020304, price=0x11223344))
    assert payload_of(frame) == b"".join([
        b"\x00\x36", b"U",  # SoupBinTCP: 54 octets follow the length
        b"O", b"\x00\x00\x00\x01", b"S", b"\x01\x02\x03\x04", b"PENNY   ", b"\0\0\0\0\x11\x22\x33\x44",
        b"3", b"Y", b"P", b"N", b"N", b"TW00000001    ",
        b"\x00\x06", b"\x05\x02TWIR"])


def test_replace_order_octet_by_octet():
    """Section 2.2: no side, symbol, capacity or firm: those of the order to replace."""
    frame = sent(Order(small()), decision(
        action=Action.REPLACE, side=Side.SELL, short=1, target=0x0102, user_ref_num=0xA1B2C3D4, quantity=999_999,
        price=2**32 - 1))
    assert payload_of(frame) == b"".join([
        b"\x00\x29", b"U", b"U", b"\x00\x00\x01\x02", b"\xa1\xb2\xc3\xd4", b"\x00\x0f\x42\x3f",
        b"\0\0\0\0\xff\xff\xff\xff", b"3", b"Y", b"N", b"TWA1B2C3D4    ", b"\x00\x00"])


def test_cancel_order_octet_by_octet():
    """Section 2.3: of the order to cancel nothing is to be left, whatever it was."""
    frame = sent(Order(small()), decision(
        action=Action.CANCEL, target=0x01020304, user_ref_num=9, quantity=300, price=5))
    assert payload_of(frame) == b"\x00\x0a" b"U" b"X" b"\x01\x02\x03\x04" b"\0\0\0\0"


@pytest.mark.parametrize("side, short, letter", [
    (Side.BUY, 0, b"B"), (Side.SELL, 0, b"S"), (Side.SELL, 1, b"T"),
    (Side.BUY, 1, b"B"),  # risk never says so; a purchase is no short sale
])
def test_sides(side, short, letter):
    assert payload_of(sent(Order(small()), decision(side=side, short=short)))[8:9] == letter


@pytest.mark.parametrize("settings, at, octets", [
    ({"time_in_force": "0"}, 29, b"0"), ({"display": "N"}, 30, b"N"), ({"capacity": "A"}, 31, b"A"),
    ({"cl_ord_id_prefix": ""}, 34, b"00000001      "), ({"cl_ord_id_prefix": "ABCDEF"}, 34, b"ABCDEF00000001"),
])
def test_settings_of_the_session(settings, at, octets):
    assert payload_of(sent(Order(small(order=settings)), decision()))[at : at + len(octets)] == octets


@pytest.mark.parametrize("firm", ["", "TWIR"])
@pytest.mark.parametrize("action", Action)
def test_lengths(action, firm):
    """Only a cancel is shorter than an Ethernet frame may be; what it is padded with is no part of the datagram."""
    stage = Order(small(order={"firm": firm}))
    order = stage.decision(decision(action=action), header=HEADER)
    frame, length = stage.frame(order), FRAMES[action][bool(firm)]
    assert (order.length, len(payload_of(frame)), Ether(frame)[IP].len) == (length, length, 40 + length)
    assert len(frame) == max(60, PAYLOAD_AT + length)
    assert stage.tcp_sequence == 1 + length


def test_frame_as_scapy_reads_it():
    design = small()
    stage, session = Order(design), design.order
    stage.decision(decision(), header=HEADER)
    frame = sent(stage, decision(side=Side.BUY))
    packet = Ether(frame)
    assert (packet.src, packet.dst, packet.type) == (session.source_mac, session.destination_mac, 0x0800)
    ip, tcp = packet[IP], packet[TCP]
    assert (ip.src, ip.dst, ip.len) == (session.source_address, session.destination_address, len(frame) - 14)
    assert (ip.version, ip.ihl, ip.tos, ip.id, str(ip.flags), ip.frag, ip.ttl) == (4, 5, 0, 0, "DF", 0, 64)
    assert (tcp.sport, tcp.dport, tcp.dataofs, str(tcp.flags)) == (42354, 8003, 5, "PA")
    assert (tcp.seq, tcp.ack, tcp.window, tcp.urgptr, tcp.options) == (57, 0x0A0B0C0D, 0x1234, 0, [])
    assert bytes(tcp.payload) == payload_of(frame)
    assert checksums_hold(frame)


def test_timestamps():
    """RFC 7323, appendix A: two no-operations align the option, value and echo, to words."""
    frame = sent(Order(small(order={"tcp_timestamps": True})), decision())
    tcp = Ether(frame)[TCP]
    assert frame[54:66] == b"\x01\x01\x08\x0a\xde\xad\xbe\xef\xca\xfe\xf0\x0d"
    assert (tcp.dataofs, len(tcp.payload)) == (8, 56)
    assert tcp.options == [("NOP", None), ("NOP", None), ("Timestamp", (HEADER.ts_value, HEADER.ts_echo))]
    assert checksums_hold(frame)


@pytest.mark.parametrize("protocol", ["ouch", "fix"])
@pytest.mark.parametrize("timestamps", [False, True])
@given(d=st.builds(decision, **ANY_DECISION), header=HEADERS, tcp_sequence=WORD)
def test_record_and_frame_agree(protocol, timestamps, d, header, tcp_sequence):
    stage = Order(small(order={"protocol": protocol, "tcp_timestamps": timestamps, "tcp_sequence": tcp_sequence}))
    order = stage.decision(d, header=header)
    ORDER.pack(order)  # every field fits
    frame = stage.frame(order)
    packet = Ether(frame)
    tcp = packet[TCP]
    assert (tcp.seq, tcp.ack, tcp.window) == (order.tcp_sequence, order.acknowledgment, order.window)
    assert header == (order.acknowledgment, order.window, order.ts_value, order.ts_echo)
    assert len(payload_of(frame)) == order.length
    assert stage.tcp_sequence == (tcp_sequence + order.length) % 2**32
    assert frame[packet[IP].len + 14 :] == bytes(len(frame) - packet[IP].len - 14)
    assert checksums_hold(frame)


@given(d=st.builds(decision, **ANY_DECISION))
def test_ouch_fields_unpack(d):
    """Against ``struct``, at offsets and in sizes typed in from section 2."""
    body = payload_of(sent(Order(small(order={"firm": ""})), d))[3:]
    if d.action == Action.CANCEL:
        assert struct.unpack(">cII", body) == (b"X", d.target, 0)
        return
    digits = b"TW%08X    " % d.user_ref_num
    if d.action == Action.REPLACE:
        assert struct.unpack(">cIIIQccc14sH", body) == (
            b"U", d.target, d.user_ref_num, d.quantity, d.price, b"3", b"Y", b"N", digits, 0)
        return
    side = b"B" if d.side == Side.BUY else b"T" if d.short else b"S"
    stock = (b"AAPL    ", b"MSFT    ", b"QQQ     ", b"PENNY   ")[d.symbol]
    assert struct.unpack(">cIcI8sQccccc14sH", body) == (
        b"O", d.user_ref_num, side, d.quantity, stock, d.price, b"3", b"Y", b"P", b"N", b"N", digits, 0)


@pytest.mark.parametrize("at", [24, 50])
def test_a_wrong_checksum_is_noticed(at):
    frame = bytearray(sent(Order(small()), decision()))
    frame[at] ^= 1
    assert not checksums_hold(bytes(frame))


def test_a_checksum_of_zero_is_sent_as_zero():
    """TCP, unlike UDP (RFC 768), has no zero that means ``none``."""
    stage = Order(small())
    for acknowledgment in range(1 << 16):
        header = HEADER._replace(acknowledgment=acknowledgment)
        frame = stage.acknowledgment(header)
        if frame[50:52] == b"\0\0":
            assert checksums_hold(frame)
            return
    raise AssertionError("no such frame")


def test_numbers():
    """UserRefNum comes with the decision and is used once; the sequence runs on around 2**32."""
    stage = Order(small(order={"tcp_sequence": 2**32 - 50}))
    first = stage.decision(decision(message=7, decision=3, user_ref_num=5), header=HEADER)
    second = stage.decision(decision(message=8, decision=9, user_ref_num=77), header=HEADER)
    assert (first.message, first.decision, first.user_ref_num, first.tcp_sequence) == (7, 3, 5, 2**32 - 50)
    assert (second.message, second.decision, second.user_ref_num, second.tcp_sequence) == (8, 9, 77, 6)
    assert first.msg_seq_num == second.msg_seq_num == 0, "OUCH has no MsgSeqNum"
    assert payload_of(stage.frame(second))[34:48] == b"TW0000004D    "
    assert payload_of(stage.frame(first))[34:48] == b"TW00000005    "


def test_refused_decisions_leave_nothing():
    stage = Order(small())
    for refusal in Refusal:
        if refusal:
            assert stage.decision(decision(refusals=refusal.value), header=HEADER) is None
    assert stage.decision(decision(), header=HEADER).tcp_sequence == 1
    assert stage.counters["orders"] == 1 and stage.counters["frames"] == 0


@pytest.mark.parametrize("kind", ["R", "O"])
def test_soupbintcp_heartbeat_and_logout(kind):
    stage = Order(small())
    order = stage.admin(admin(kind), header=HEADER)
    assert (order.admin, order.message, order.decision, order.user_ref_num, order.length) == (1, 0, 0, 0, 3)
    frame = stage.frame(order)
    assert payload_of(frame) == b"\0\1" + kind.encode()
    assert len(frame) == 60 and checksums_hold(frame)
    assert stage.tcp_sequence == 4


@pytest.mark.parametrize("timestamps", [False, True])
def test_acknowledgment(timestamps):
    """Carries nothing, pushes nothing, uses nothing up."""
    stage = Order(small(order={"tcp_timestamps": timestamps, "tcp_sequence": 1000}))
    tcp = Ether(frame := stage.acknowledgment(HEADER))[TCP]
    assert (tcp.seq, tcp.ack, tcp.window, str(tcp.flags)) == (1000, HEADER.acknowledgment, HEADER.window, "A")
    assert payload_of(frame) == b"" and checksums_hold(frame)
    assert len(frame) == (66 if timestamps else 60)
    assert stage.tcp_sequence == 1000
    assert Ether(stage.acknowledgment(HEADER, sequence=7))[TCP].seq == 7


@given(d=st.builds(decision, **ANY_DECISION), before=HEADERS, after=HEADERS)
def test_a_segment_again(d, before, after):
    """Same sequence and payload; what the header says of the connection is what is true now."""
    stage = Order(small(order={"tcp_timestamps": True}))
    order = stage.decision(d, header=before)
    first = stage.frame(order)
    frame = stage.again(order.tcp_sequence, payload_of(first), after)
    assert payload_of(frame) == payload_of(first) and checksums_hold(frame)
    tcp = Ether(frame)[TCP]
    assert (tcp.seq, tcp.ack, tcp.window) == (order.tcp_sequence, after.acknowledgment, after.window)
    assert dict(tcp.options)["Timestamp"] == (after.ts_value, after.ts_echo)
    assert stage.tcp_sequence == order.tcp_sequence + order.length


def test_begin():
    """The host has handed over another connection."""
    stage = Order(small())
    stage.decision(decision(), header=HEADER)
    stage.begin(500, 20)
    order = stage.decision(decision(), header=HEADER)
    assert order.tcp_sequence == 500 and Ether(stage.frame(order))[TCP].sport == 42354
    stage.begin(600, 20, source_port=1234)
    assert Ether(sent(stage, decision()))[TCP].sport == 1234


def test_counters():
    stage = Order(small())
    order = stage.decision(decision(), header=HEADER)
    frame = stage.frame(order)
    stage.frame(stage.admin(admin("R"), header=HEADER))
    stage.acknowledgment(HEADER)
    stage.again(order.tcp_sequence, payload_of(frame), HEADER)
    assert stage.counters == {"orders": 1, "admin": 1, "frames": 4, "acknowledgments": 1, "retransmissions": 1}
