"""session: TCP's receive side and what the exchange says, told apart from what only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap

from golden_model.session import Session
from spec.records import HANDOVER, ORDER, REPLY, SESSION_STATE, LostReason, Reply, SessionEvent
from tests.golden_model.build import VLAN_141, nonzero, small
from tests.golden_model.peer import (
    ACK,
    FIN,
    PSH,
    RST,
    SYN,
    fix_framed,
    fix_message,
    logged_in,
    message,
    segment,
    soup,
    timestamps,
)

OUCH = small()
FIX = small(order={"protocol": "fix"})


def order_like(sequence: int, length: int):
    return ORDER.tuple(*[0] * len(ORDER.fields))._replace(tcp_sequence=sequence, length=length)


def reply(kind: Reply, user_ref_num: int, original=0, quantity=0, all=0, price=0):
    return REPLY.tuple(kind, user_ref_num, original, quantity, all, price)


EXECUTED = message("E", user_ref_num=7, quantity=300, price=1_234_500, match=9)
CONVERSATION = logged_in() + b"".join((
    soup("H"), message("A", user_ref_num=7, quantity=500, appendage=b"\x05\x02TWIR"), EXECUTED, soup("+", b"debug"),
    message("S", event="S"), message("U", original_user_ref_num=7, user_ref_num=8, quantity=200),
    message("C", user_ref_num=8, quantity=50, reason="U"), message("D", user_ref_num=8, decrement_shares=20),
    message("M", user_ref_num=8, quantity=100), message("J", user_ref_num=9), message("I", user_ref_num=8),
    message("B", user_ref_num=7, match=9), message("P", user_ref_num=8), message("T", user_ref_num=8),
    message("R", user_ref_num=8), soup("S", b"?new"),
))
REPLIES = [
    reply(Reply.ACCEPTED, 7, quantity=500), reply(Reply.EXECUTED, 7, quantity=300, price=1_234_500),
    reply(Reply.REPLACED, 8, 7, 200), reply(Reply.CANCELED, 8, quantity=50), reply(Reply.CANCELED, 8, quantity=20),
    reply(Reply.ACCEPTED, 8, quantity=100), reply(Reply.REJECTED, 9), reply(Reply.CANCEL_REJECTED, 8),
    reply(Reply.BROKEN, 7),
]
FIX_CONVERSATION = b"".join(fix_message(kind, number, *pairs) for number, (kind, *pairs) in enumerate((
    ("A", (98, 0), (108, 30)), ("0",),
    ("8", (150, "0"), (11, "TW00000007"), (151, 500), (14, 0)),
    ("8", (150, "F"), (11, "TW00000007"), (32, 300), (31, "123.45"), (151, 200)),
    ("8", (150, "5"), (11, "TW0000000A"), (41, "TW00000007"), (151, 150)),
    ("8", (150, "4"), (11, "TW0000000B"), (41, "TW0000000A"), (151, 0)),
    ("8", (150, "C"), (11, "TW0000000A"), (151, 0)), ("8", (150, "3"), (11, "TW0000000A"), (151, 0)),
    ("8", (150, "8"), (11, "TW0000000C"), (151, 0)), ("8", (150, "H"), (11, "TW00000007")),
    ("9", (11, "TW0000000D"), (41, "TW0000000A"), (434, 1)), ("9", (11, "TW0000000E"), (41, "TW0000000A"), (434, 2)),
    ("8", (150, "A"), (11, "TW0000000F"), (151, 1)), ("8", (150, "0"), (11, "XX0000000F"), (151, 1)),
    ("8", (150, "0"), (11, "TW0000000f"), (151, 1)), ("j", (380, 3)), ("1", (112, "hello")), ("4", (36, 99)),
), 1))
FIX_REPLIES = [
    reply(Reply.ACCEPTED, 7, quantity=500), reply(Reply.EXECUTED, 7, quantity=300, price=1_234_500),
    reply(Reply.REPLACED, 10, 7, 150), reply(Reply.CANCELED, 10, all=1), reply(Reply.CANCELED, 10, all=1),
    reply(Reply.CANCELED, 10, all=1), reply(Reply.REJECTED, 12), reply(Reply.BROKEN, 7),
    reply(Reply.CANCEL_REJECTED, 13), reply(Reply.REJECTED, 14),
]
CONVERSATIONS = {"ouch": (OUCH, CONVERSATION, REPLIES), "fix": (FIX, FIX_CONVERSATION, FIX_REPLIES)}


@pytest.fixture(params=CONVERSATIONS)
def conversation(request):
    return CONVERSATIONS[request.param]


def received(session: Session, payload: bytes, cuts=(), start: int = 1) -> list:
    """Replies in ``payload``, sent in order in segments that end at ``cuts``."""
    ends, at, replies = [*sorted({c for c in cuts if 0 < c < len(payload)}), len(payload)], 0, []
    for end in ends:
        replies += session.frame(segment(payload[at:end], sequence=start + at))
        at = end
    return replies


def outcome(session: Session) -> tuple:
    """What must not depend on how the octets were cut."""
    names = ("octets", "packets", "packet_malformed", "packet_sequence", "messages_inbox", "messages_unknown",
             "replies", "lost")
    return (b"".join(session.inbox), session.partial, session.expected, session.reason,
            {name: session.counters[name] for name in names})


def test_what_the_exchange_says(conversation):
    design, octets, replies = conversation
    session = Session(design)
    assert received(session, octets) == replies
    assert b"".join(session.inbox) == octets and session.partial == b""
    packets = len(session.inbox)
    unknown = 5 if design is OUCH else 4
    assert nonzero(session.counters) == {
        "frames": 1, "segments": 1, "octets": len(octets), "packets": packets, "messages_inbox": packets,
        "messages_unknown": unknown, "replies": len(replies)}
    assert session.expected == 1 + len(octets) and session.asks_acknowledgment and session.established


def test_every_cut_gives_the_same(conversation):
    design, octets, replies = conversation
    whole = Session(design)
    received(whole, octets)
    for cut in range(len(octets)):
        session = Session(design)
        assert received(session, octets, [cut]) == replies
        assert outcome(session) == outcome(whole)
    octet_by_octet = Session(design)
    assert received(octet_by_octet, octets, range(len(octets))) == replies
    assert outcome(octet_by_octet) == outcome(whole)


@given(st.data(), st.sampled_from(sorted(CONVERSATIONS)))
def test_a_network_that_loses_repeats_and_reorders(data, protocol):
    """Whatever arrives, the next octets in order go on, once."""
    design, octets, replies = CONVERSATIONS[protocol]
    start = data.draw(st.sampled_from([1, 2**32 - 100, 2**31 - 100]))
    session = Session(small(order={"protocol": protocol, "tcp_acknowledgment": start}))
    got, arrived, pieces = [], 0, st.tuples(st.integers(0, len(octets)), st.integers(0, 200))
    for at, length in data.draw(st.lists(pieces, max_size=30)):
        end = min(at + length, len(octets))
        got += session.frame(segment(octets[at:end], sequence=start + at))
        if at <= arrived:
            arrived = max(arrived, end)
        assert session.expected == (start + arrived) % 2**32
    got += session.frame(segment(octets[arrived:], sequence=start + arrived))
    assert got == replies and b"".join(session.inbox) == octets
    assert session.counters["octets"] == len(octets)


def test_duplicate_early_and_overlapping_segments_are_told_apart():
    session = Session(OUCH)
    assert session.frame(segment(EXECUTED[5:], sequence=6)) == [] and session.asks_acknowledgment
    assert session.frame(segment(EXECUTED[:9])) == [] and session.asks_acknowledgment
    assert session.frame(segment(EXECUTED[2:8], sequence=3)) == [] and session.asks_acknowledgment
    assert session.frame(segment(EXECUTED[3:], sequence=4)) == [REPLIES[1]]
    assert nonzero(session.counters) == {
        "frames": 4, "segments": 4, "segment_early": 1, "segment_duplicate": 1, "octets": len(EXECUTED), "packets": 1,
        "messages_inbox": 1, "replies": 1}
    assert session.frame(segment(sequence=1)) == [] and session.asks_acknowledgment  # a keep-alive probe
    for sequence in (1 + len(EXECUTED), 2 + len(EXECUTED)):
        assert session.frame(segment(sequence=sequence)) == [] and not session.asks_acknowledgment


TRUNCATED = {"frame_foreign": range(38), "frame_length": range(38, 54 + len(EXECUTED))}
REFUSED = {
    "frame_foreign": [{"ethertype": 0x0806}, {"protocol": 17}, {"source": bytes(4)}, {"destination": bytes(4)},
                      {"source_port": 8004}, {"destination_port": 1}, {"tag": VLAN_141 * 2},
                      {"protocol": 17, "ip_checksum_error": 1}],
    "frame_ip_header": [{"version_ihl": 0x55}, {"version_ihl": 0x46}, {"fragment": 0x2000}, {"fragment": 1},
                        {"ip_checksum_error": 1}, {"ip_checksum_error": 1, "ip_length": 39}],
    "frame_length": [{"ip_length": 39}, {"ip_length": 20 + 20 + len(EXECUTED) + 1}, {"header_words": 4},
                     {"header_words": 15}],
    "frame_checksum": [{"checksum_error": 1}, {"checksum_error": 0x8000}, {"ip_length": 40 + len(EXECUTED) - 1}],
}


@pytest.mark.parametrize("tag", [b"", VLAN_141], ids=["untagged", "tagged"])
@pytest.mark.parametrize(("counter", "wrong"), [(c, w) for c, all_of in REFUSED.items() for w in all_of])
def test_bad_frames(counter, wrong, tag):
    session = Session(OUCH)
    assert session.frame(segment(EXECUTED, **{"tag": tag, **wrong})) == []
    assert nonzero(session.counters) == {"frames": 1, counter: 1}
    assert session.frame(segment(EXECUTED, tag=tag)) == [REPLIES[1]]


@pytest.mark.parametrize("tag", [b"", VLAN_141], ids=["untagged", "tagged"])
def test_frames_cut_short(tag):
    whole = segment(EXECUTED, tag=tag)
    for counter, lengths in TRUNCATED.items():
        for length in lengths:
            session = Session(OUCH)
            session.frame(whole[: len(tag) + length])
            assert nonzero(session.counters) == {"frames": 1, counter: 1}, length


def test_a_frame_that_the_mac_flagged_and_one_too_large():
    session = Session(small(feed={"max_frame": 200}))
    session.frame(segment(EXECUTED), error=True)
    session.frame(segment(EXECUTED, checksum_error=1), error=True)
    session.frame(segment(bytes(143)))
    assert nonzero(session.counters) == {"frames": 3, "frame_error": 2, "frame_length": 1}
    session.frame(segment(soup("+", bytes(139))))
    assert session.counters["octets"] == 142


def test_padding_is_no_payload():
    session = Session(OUCH)
    frame = segment(soup("H"))
    assert len(frame) == 60
    session.frame(frame + b"more")
    assert session.counters["octets"] == 3


def test_checksums_against_scapy():
    frame = bytes(Ether() / IP(src="206.200.121.231", dst="10.49.247.1")
                  / TCP(sport=8003, dport=42354, seq=1, ack=1, flags="PA",
                        options=[("NOP", None), ("NOP", None), ("Timestamp", (5, 6))]) / EXECUTED)
    session = Session(small(order={"tcp_timestamps": True}))
    assert session.frame(frame) == [REPLIES[1]]
    assert session.ts_recent == 5


def test_acknowledgments_and_the_window():
    session = Session(small(order={"tcp_sequence": 2**32 - 50, "tcp_window": 1000, "tcp_window_scale": 2}))
    assert session.window == 4000
    session.sent(order_like(2**32 - 50, 100))
    assert session.next_sequence == 50
    session.frame(segment(acknowledgment=2**32 - 50, window=1000))
    assert session.counters["acknowledgment_duplicate"] == 1 and not session.asks_acknowledgment
    session.frame(segment(acknowledgment=2**32 - 50, window=999))
    session.frame(segment(acknowledgment=2**32 - 50, window=999, flags=ACK | FIN, sequence=5))
    session.frame(segment(b"x", acknowledgment=2**32 - 50, window=999, sequence=5))
    assert session.counters["acknowledgment_duplicate"] == 1 and session.window == 999 << 2
    session.frame(segment(acknowledgment=10, window=500))
    assert (session.unacknowledged, session.window) == (10, 2000)
    session.frame(segment(acknowledgment=2, window=1))
    assert (session.unacknowledged, session.window) == (10, 2000)
    session.frame(segment(soup("H"), acknowledgment=51))
    assert session.asks_acknowledgment and session.counters["acknowledgment_beyond"] == 1 and session.inbox == []
    session.frame(segment(acknowledgment=50, window=500))
    assert (session.unacknowledged, session.counters["acknowledgment_duplicate"]) == (50, 1)
    session.frame(segment(acknowledgment=50, window=500))
    assert session.counters["acknowledgment_duplicate"] == 1  # nothing is under way
    session.frame(segment(soup("H"), acknowledgment=50, flags=PSH))
    assert session.counters["segment_unacknowledging"] == 1 and session.inbox == []


def test_an_old_segment_does_not_shrink_the_window():
    session = Session(OUCH)
    session.sent(order_like(1, 10))
    session.frame(segment(soup("H"), window=2000, acknowledgment=5))
    session.frame(segment(soup("H"), window=3000, acknowledgment=5, sequence=4))
    session.frame(segment(soup("H"), window=1000, acknowledgment=5))
    assert session.window == 3000


def test_whoever_is_not_told_what_was_sent_can_believe_the_peer():
    session = Session(OUCH, believe=True)
    session.frame(segment(soup("H"), acknowledgment=1000))
    assert (session.unacknowledged, session.next_sequence) == (1000, 1000)
    assert session.counters["acknowledgment_beyond"] == 0 and session.inbox == [soup("H")]


def test_timestamps():
    session = Session(small(order={"tcp_timestamps": True}))
    session.handover(HANDOVER.tuple(42354, 1, 1, 0, 0, ts_recent=2**32 - 2, tcp_window=9, tcp_window_scale=0,
                                    ts_offset=0))
    session.frame(segment(soup("H"), options=timestamps(2**32 - 1)))
    session.frame(segment(soup("H"), sequence=7, options=timestamps(3)))  # beyond a hole
    assert session.ts_recent == 2**32 - 1
    session.frame(segment(soup("H"), sequence=4, options=b"\1" + timestamps(2)[2:] + b"\0"))
    assert session.ts_recent == 2 and len(session.inbox) == 2
    session.frame(segment(soup("H"), sequence=7, options=timestamps(1)))
    assert session.counters["segment_old"] == 1 and session.asks_acknowledgment and len(session.inbox) == 2
    session.frame(segment(soup("H"), sequence=7))
    assert len(session.inbox) == 3 and session.ts_recent == 2
    session.frame(segment(flags=RST, sequence=10, options=timestamps(1)))
    assert session.reason == LostReason.RST


@pytest.mark.parametrize("options", [
    b"\x08\x0a", b"\x08\x09" + bytes(10), b"\x05\x00" + bytes(2), b"\x00" + b"\x01" + timestamps(9)[2:], b"\1\1\1\3",
])
def test_options_that_hold_no_timestamp(options):
    session = Session(small(order={"tcp_timestamps": True}))
    options += bytes(-len(options) % 4)
    session.frame(segment(soup("H"), options=options))
    assert session.inbox == [soup("H")] and session.ts_recent == 0


def test_without_the_option_timestamps_are_not_looked_at():
    session = Session(OUCH)
    session.frame(segment(soup("H"), options=timestamps(2**31 + 5)))
    assert session.inbox == [soup("H")] and session.ts_recent == 0


@pytest.mark.parametrize(("frames", "reason"), [
    ([segment(flags=FIN | ACK)], LostReason.FIN),
    ([segment(soup("H"), flags=FIN | ACK)], LostReason.FIN),
    ([segment(soup("H")), segment(soup("H"), flags=FIN | ACK)], LostReason.FIN),
    ([segment(flags=RST)], LostReason.RST),
    ([segment(flags=RST | ACK, acknowledgment=12345)], LostReason.RST),
    ([segment(soup("Z"))], LostReason.END_OF_SESSION),
    ([segment(soup("J", b"A") + EXECUTED)], LostReason.END_OF_SESSION),
    ([segment(soup("Z"), flags=FIN | ACK)], LostReason.END_OF_SESSION),
    ([segment(b"\0\0")], LostReason.MALFORMED),
])
def test_the_end(frames, reason):
    session = Session(OUCH)
    for frame in frames:
        assert session.frame(frame) == []
    assert (session.established, session.reason, session.counters["lost"]) == (False, reason, 1)
    session.frame(segment(EXECUTED, sequence=session.expected))
    assert session.counters["frame_closed"] == 1 and session.counters["replies"] == 0


def test_not_yet_the_end():
    session = Session(OUCH)
    for wrong in ({"flags": FIN | ACK, "sequence": 2}, {"flags": RST, "sequence": 2}, {"flags": SYN},
                  {"flags": SYN | ACK}):
        session.frame(segment(**wrong))
        assert session.established and session.asks_acknowledgment
    session.frame(segment(flags=RST, sequence=0))
    assert session.established and not session.asks_acknowledgment
    assert session.expected == 1


@pytest.mark.parametrize("octets", [
    b"\0\0", b"\0\1U", b"\0\5L", b"\0\1\0", soup("S"), soup("S", b"E" + bytes(34)), soup("S", b"A" + bytes(62)),
    message("E", user_ref_num=1, quantity=1, price=1 << 32),
])
def test_malformed_packets(octets):
    session = Session(OUCH)
    assert received(session, EXECUTED + octets + EXECUTED) == [REPLIES[1]]
    assert session.reason == LostReason.MALFORMED
    assert session.counters["packet_malformed"] == session.counters["packets"] == session.counters["lost"] == 1


def report(*pairs, kind="8", number=1) -> bytes:
    return fix_message(kind, number, *pairs)


@pytest.mark.parametrize("octets", [
    b"8=FIX.4.2\x01", b"\r\n8=FIX", b"8=FIX.4.4\x019=\x01", b"8=FIX.4.4\x019=123456", b"8=FIX.4.4\x019=-5\x01",
    b"8=FIX.4.4\x019=5 \x01", b"8=FIX.4.4\x019=0\x0110=000\x01", report().replace(b"9=59", b"9=58"),
    report()[:-2] + b"\x01" * 2, report()[:-4] + b"999\x01", fix_framed(b"34=1\x0135=0\x01"), fix_framed(b"35=0\x01"),
    fix_framed(b"35=0\x0134=x\x01"), fix_framed(b"35=0\x0134=\x01"), fix_framed(b"35=0\x0134=1"),
    report((150, "0"), (11, "TW00000001")), report((150, "0"), (11, "TW00000001"), (151, "1.5")),
    report((150, "0"), (11, "TW00000001"), (151, "-1")), report((150, "0"), (11, "TW00000001"), (151, 1 << 32)),
    report((150, "F"), (11, "TW00000001"), (32, 1)), report((150, "F"), (11, "TW00000001"), (32, 1), (31, "1.00001")),
    report((150, "F"), (11, "TW00000001"), (32, 1), (31, ".5")),
], ids=lambda octets: repr(octets)[:60])
def test_malformed_messages(octets):
    session = Session(FIX)
    assert received(session, octets + fix_message("0", 1)) == []
    assert session.reason == LostReason.MALFORMED
    assert session.counters["packet_malformed"] == session.counters["lost"] == 1


@pytest.mark.parametrize(("text", "price"), [
    ("1", 10_000), ("1.", 10_000), ("001.5", 15_000), ("0.0001", 1), ("12.34560", 123_456), ("429496.7295", 2**32 - 1),
])
def test_decimals(text, price):
    session = Session(FIX)
    octets = report((150, "F"), (11, "TW00000001"), (32, "2.00"), (31, text))
    assert received(session, octets) == [reply(Reply.EXECUTED, 1, quantity=2, price=price)]


def test_fix_sequence_numbers():
    session = Session(FIX)
    accepted = ((150, "0"), (11, "TW00000001"), (151, 5))
    octets = [report(*accepted, number=1), report(*accepted, number=1), report((43, "Y"), *accepted, number=1),
              report(*accepted, number=4), fix_message("0", 2), report((43, "Y"), *accepted, number=3)]
    assert received(session, b"".join(octets)) == [reply(Reply.ACCEPTED, 1, quantity=5)] * 2
    assert session.inbox == octets and session.expected_seq_num == 4
    assert session.counters["packet_sequence"] == 3 and session.counters["packets"] == 6


@pytest.mark.parametrize("number", [1, 9])
def test_fix_logout_ends_the_session(number):
    session = Session(FIX)
    received(session, fix_message("5", number, (58, "bye")) + fix_message("0", 2))
    assert session.reason == LostReason.END_OF_SESSION and len(session.inbox) == 1


def test_a_field_that_comes_twice_and_one_that_is_none():
    session = Session(FIX)
    octets = report((150, "0"), (11, "TW00000001"), (151, 5), (151, 6), (354, 3), (355, b"a\x01b"))
    assert received(session, octets) == [reply(Reply.ACCEPTED, 1, quantity=5)]


def test_a_session_is_handed_over_and_back():
    session = Session(small(session={"established": False}, order={"tcp_timestamps": True}))
    session.frame(segment(soup("H")))
    assert session.counters["frame_closed"] == 1
    session.handovers.append(HANDOVER.tuple(
        source_port=50_000, tcp_sequence=1000, tcp_acknowledgment=2000, msg_seq_num=0, expected_seq_num=0, ts_recent=7,
        tcp_window=3000, tcp_window_scale=1, ts_offset=0))
    told = SESSION_STATE.tuple(3, 4, SessionEvent.ESTABLISHED, *[0] * 7)
    assert session.state(told) == SESSION_STATE.tuple(3, 4, SessionEvent.ESTABLISHED, 0, 1000, 1000, 2000, 0, 0, 7)
    session.frame(segment(soup("H")))
    assert session.counters["frame_foreign"] == 1
    there = {"destination_port": 50_000, "sequence": 2000, "acknowledgment": 1000}
    session.frame(segment(soup("H") + EXECUTED[:5], window=1000, options=timestamps(8), **there))
    assert session.inbox == [soup("H")] and session.partial == EXECUTED[:5] and session.window == 2000
    told = SESSION_STATE.tuple(5, 6, SessionEvent.HANDED_BACK, *[0] * 7)
    assert session.state(told) == SESSION_STATE.tuple(5, 6, SessionEvent.HANDED_BACK, 0, 1000, 1000, 2008, 0, 0, 8)
    assert not session.established
    assert {name: session.counters[name] for name in ("handovers", "handbacks", "lost")} == {
        "handovers": 1, "handbacks": 1, "lost": 0}


def test_a_loss_needs_a_cause():
    session = Session(FIX)
    told = SESSION_STATE.tuple(*[0] * 10)._replace(state=SessionEvent.LOST, msg_seq_num=3)
    with pytest.raises(ValueError, match="nothing ended"):
        session.state(told)
    stated = session.state(told._replace(reason=LostReason.TIMEOUT))
    assert (stated.reason, stated.msg_seq_num, stated.expected_seq_num) == (LostReason.TIMEOUT, 3, 1)
    assert session.counters["lost"] == 1


CAPTURED = {
    "OrderAcceptedMessage": [reply(Reply.ACCEPTED, 7_682_701, quantity=40)],
    "CanceledMessage": [reply(Reply.CANCELED, 7_682_701, quantity=40)],
    "ServerHeartbeatPacket": [],
}


@pytest.mark.parametrize("name", CAPTURED)
def test_a_real_exchange(request, name):
    folder = request.getfixturevalue("shared_data") / "nasdaq_ouch50_pcap"
    if not folder.is_dir():
        pytest.skip(f"no captures at {folder}")
    [frame] = rdpcap(str(folder / f"{name}.pcap"))
    tcp = frame[TCP]
    session = Session(small(order={
        "source_address": frame[IP].dst, "destination_address": frame[IP].src, "source_port": tcp.dport,
        "destination_port": tcp.sport, "tcp_sequence": tcp.ack, "tcp_acknowledgment": tcp.seq}))
    # A capturing switch appended octets of its own to the datagram.
    assert session.frame(bytes(frame.original)) == CAPTURED[name]
    assert session.inbox == [bytes(tcp.payload)[: session.counters["octets"]]]
    assert session.counters["packets"] == 1 and session.partial == b""
