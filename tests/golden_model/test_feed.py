"""feed: every drop reason, the order of the checks, sequence numbers, truncation, each by example."""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from golden_model.feed import Feed
from spec.config import preset
from tests.golden_model.build import (
    SESSION,
    VLAN_141,
    block,
    datagram,
    frame,
    itch_message,
    mold,
    nonzero,
    octets_of,
    small,
)

DESIGN = preset("small")
DELETE = itch_message("D", reference=1)
ADD = itch_message("A", reference=1, side="B", shares=100, stock="AAPL", price=2_915_200)


@pytest.fixture
def feed():
    return Feed(DESIGN)


def counted(feed: Feed, octets: bytes, **flags) -> dict:
    """What one frame adds to the counters, ``frames`` aside."""
    before = dict(feed.counters)
    feed.frame(octets, **flags)
    change = nonzero({name: value - before[name] for name, value in feed.counters.items()})
    assert change.pop("frames") == 1
    return change


def sequences(messages) -> list[int]:
    return [message.sequence for message in messages]


# Headers.

def test_frames_built_here_are_what_scapy_builds():
    payload = mold([ADD, DELETE])
    packet = IP(src="206.200.1.1", dst="233.54.12.111", flags="DF", ttl=21, id=0) / UDP(
        sport=4000, dport=26477, chksum=0) / payload
    link = Ether(dst="01:00:5e:36:0c:6f", src="02:00:00:00:00:03")
    assert bytes(link / packet) == frame(payload)
    assert bytes(link / Dot1Q(vlan=141) / packet) == frame(payload, tag=VLAN_141)


@pytest.mark.parametrize("tag", [b"", VLAN_141])
@pytest.mark.parametrize("line", DESIGN.feed.lines)
def test_delivers_every_message_on_every_line(feed, line, tag):
    octets = frame(mold([ADD, DELETE]), destination=line.address_octets, port=line.port, tag=tag)
    first, second = feed.frame(octets)
    assert (first.message, first.sequence, first.gap) == (0, 1, 0)
    assert (second.message, second.sequence, second.gap) == (1, 2, 0)
    assert [octets_of(first), octets_of(second)] == [ADD, DELETE]
    assert [octets[last] for last in feed.last_octets] == [ADD[-1], DELETE[-1]]
    assert feed.last_octets[1] == len(octets) - 1
    assert nonzero(feed.counters) == {"frames": 1, "datagrams": 1, "messages": 2}


PAYLOAD = mold([DELETE])
WRONG = {
    "frame_ethertype": {"ethertype": 0x86DD},
    "frame_ip_header": {"version_ihl": 0x46},
    "frame_ip_fragment": {"flags": 0x2000},
    "frame_ip_protocol": {"protocol": 6},
    "frame_ip_length": {"ip_length": 47},
    "frame_address": {"port": 26478},
    "frame_udp_length": {"udp_length": 8 + len(PAYLOAD) - 1},
}


@pytest.mark.parametrize(("counter", "values"), [
    *WRONG.items(),
    ("frame_ethertype", {"tag": VLAN_141 * 2}),
    ("frame_ip_header", {"version_ihl": 0x65}),
    ("frame_ip_header", {"checksum_error": 1}),
    ("frame_ip_fragment", {"flags": 0x4001}),
    ("frame_ip_length", {"ip_length": DESIGN.feed.max_ip_length + 1}),
    ("frame_address", {"destination": bytes([233, 54, 12, 112])}),
    ("frame_udp_length", {"udp_length": 8 + len(PAYLOAD) + 1}),
])
def test_drops_a_frame_by_reason(feed, counter, values):
    assert counted(feed, frame(PAYLOAD, **values)) == {counter: 1}
    assert counted(feed, frame(PAYLOAD)) == {"datagrams": 1, "messages": 1}, "the bad frame left a trace"


def test_an_address_of_one_line_with_the_port_of_another_is_no_line():
    lines = [{"address": "233.54.12.111", "port": 1}, {"address": "233.86.230.111", "port": 2}]
    feed = Feed(small(feed={"lines": lines}))
    assert counted(feed, frame(PAYLOAD, port=2)) == {"frame_address": 1}
    assert counted(feed, frame(PAYLOAD, port=1)) == {"datagrams": 1, "messages": 1}


@pytest.mark.parametrize("flags", [0x0000, 0x4000, 0x8000])
def test_flags_that_are_no_fragment_are_accepted(feed, flags):
    assert counted(feed, frame(PAYLOAD, flags=flags)) == {"datagrams": 1, "messages": 1}


def test_the_first_failing_check_names_the_reason(feed):
    feed.frame(datagram(sequence=1))
    values = {}
    assert counted(feed, frame(mold([DELETE], session=b"X" * 10), **values)) == {"frame_session": 1}
    for counter, wrong in reversed(WRONG.items()):
        values |= wrong
        assert counted(feed, frame(mold([DELETE], session=b"X" * 10), **values)) == {counter: 1}
    assert counted(feed, frame(PAYLOAD, **values), ready=False) == {"frame_not_ready": 1}


@pytest.mark.parametrize("tag", [b"", VLAN_141])
def test_a_frame_that_ends_in_its_headers_is_a_runt(feed, tag):
    octets = frame(mold(), tag=tag)
    for length in range(len(octets)):
        assert counted(feed, octets[:length]) == {"frame_runt": 1}, length
    assert counted(feed, octets) == {"datagrams": 1, "heartbeats": 1}


# Where in the frame the check has all its octets; one octet less and the frame is a runt.
@pytest.mark.parametrize(("counter", "reached"), [
    ("frame_ethertype", 14), ("frame_ip_header", 34), ("frame_ip_fragment", 34), ("frame_ip_protocol", 34),
    ("frame_ip_length", 34), ("frame_address", 38), ("frame_udp_length", 40)])
def test_a_check_applies_once_its_octets_are_there(feed, counter, reached):
    octets = frame(PAYLOAD, **WRONG[counter])
    assert counted(feed, octets[:reached]) == {counter: 1}
    assert counted(feed, octets[: reached - 1]) == {"frame_runt": 1}


def test_the_tag_must_be_followed_by_an_ethertype(feed):
    octets = frame(PAYLOAD, tag=VLAN_141, ethertype=0x0806)
    assert counted(feed, octets[:17]) == {"frame_runt": 1}
    assert counted(feed, octets[:18]) == {"frame_ethertype": 1}


def test_ip_length_limits_are_inclusive():
    feed = Feed(small(feed={"max_frame": 128}))
    room = 128 - 14 - 4 - 48
    for octets, counter in ((room, "messages"), (room + 1, "frame_ip_length")):
        payload = mold([DELETE], sequence=feed.counters["messages"] + 1)
        assert counter in counted(feed, frame(payload + bytes(octets - len(block(DELETE)))))


def test_ethernet_padding_is_ignored(feed):
    assert counted(feed, frame(mold()) + bytes(12)) == {"datagrams": 1, "heartbeats": 1}
    assert counted(feed, frame(PAYLOAD) + b"\xff" * 100) == {"datagrams": 1, "messages": 1}


# Session.

def test_the_first_session_seen_stays(feed):
    assert counted(feed, frame(mold([DELETE], session=b"OTHER     "), port=1)) == {"frame_address": 1}
    assert counted(feed, datagram()) == {"datagrams": 1, "heartbeats": 1}
    assert counted(feed, datagram(DELETE, session=b"OTHER     ")) == {"frame_session": 1}
    assert counted(feed, datagram(DELETE)) == {"datagrams": 1, "messages": 1}


def test_a_configured_session_is_padded():
    feed = Feed(small(feed={"session": "ABC"}))
    assert counted(feed, datagram(DELETE, session=SESSION)) == {"frame_session": 1}
    assert counted(feed, datagram(DELETE, session=b"ABC       ")) == {"datagrams": 1, "messages": 1}


# Sequence.

def test_duplicates_of_the_other_line_are_dropped(feed):
    feed.frame(datagram(ADD, DELETE))
    assert counted(feed, datagram(ADD, DELETE)) == {"datagrams": 1, "message_duplicate": 2}
    assert sequences(feed.frame(datagram(ADD, DELETE, DELETE, DELETE))) == [3, 4]


def test_a_gap_is_counted_once_and_stays_flagged(feed):
    assert [m.gap for m in feed.frame(datagram(DELETE))] == [0]
    before = dict(feed.counters)
    assert [m.gap for m in feed.frame(datagram(DELETE, DELETE, sequence=5))] == [1, 1]
    assert (feed.counters["gaps"], feed.counters["messages_lost"]) == (before["gaps"] + 1, 3)
    assert [m.gap for m in feed.frame(datagram(DELETE, sequence=7))] == [1]
    assert feed.counters["gaps"] == 1


def test_a_later_first_message_is_a_gap():
    feed = Feed(small(feed={"first_sequence": 10}))
    assert counted(feed, datagram(DELETE, sequence=9)) == {"datagrams": 1, "message_duplicate": 1}
    assert counted(feed, datagram(DELETE, sequence=12)) == {
        "datagrams": 1, "messages": 1, "gaps": 1, "messages_lost": 2}


@pytest.mark.parametrize(("count", "counter"), [(0, "heartbeats"), (0xFFFF, "end_of_session")])
def test_heartbeat_and_end_of_session_carry_the_next_sequence(feed, count, counter):
    assert counted(feed, frame(mold(count=count))) == {"datagrams": 1, counter: 1}
    assert counted(feed, frame(mold(count=count, sequence=4) + b"ignored")) == {
        "datagrams": 1, counter: 1, "gaps": 1, "messages_lost": 3}
    assert counted(feed, frame(mold(count=count, sequence=2))) == {"datagrams": 1, counter: 1}
    (message,) = feed.frame(datagram(DELETE, sequence=4))
    assert message.gap == 1


def test_a_truncated_heartbeat_still_tells_the_next_sequence(feed):
    assert counted(feed, frame(mold(sequence=3) + bytes(8))[:-1]) == {
        "datagrams": 1, "heartbeats": 1, "frame_truncated": 1, "gaps": 1, "messages_lost": 2}


def test_the_sequence_wraps_at_64_bits():
    feed = Feed(small(feed={"first_sequence": 2**63 - 1}))
    assert sequences(feed.frame(datagram(DELETE, DELETE, sequence=2**64 - 1))) == [2**64 - 1, 0]
    assert feed.counters["messages_lost"] == 2**63


# Messages.

def test_a_type_that_itch_does_not_have_takes_its_place_in_the_sequence(feed):
    assert counted(feed, datagram(b"?" + bytes(10), DELETE)) == {"datagrams": 1, "message_type": 1, "messages": 1}
    assert counted(feed, datagram(b"?" + bytes(60), sequence=5)) == {
        "datagrams": 1, "message_type": 1, "gaps": 1, "messages_lost": 2}
    assert counted(feed, datagram(DELETE, sequence=5)) == {"datagrams": 1, "message_duplicate": 1}


def test_a_message_of_wrong_length_does_not_take_its_place(feed):
    assert counted(feed, datagram(DELETE + b"\0")) == {"datagrams": 1, "message_length": 1}
    assert counted(feed, datagram(DELETE)) == {"datagrams": 1, "messages": 1}
    assert counted(feed, datagram(ADD[:-1], DELETE, sequence=2)) == {
        "datagrams": 1, "message_length": 1, "messages": 1, "gaps": 1, "messages_lost": 1}


def test_a_duplicate_is_nothing_but_a_duplicate(feed):
    feed.frame(datagram(DELETE, DELETE))
    assert counted(feed, datagram(b"?" + bytes(10), DELETE[:-1])) == {"datagrams": 1, "message_duplicate": 2}


def test_a_short_block_drops_the_rest(feed):
    assert counted(feed, datagram(DELETE, b"D" + bytes(9), DELETE)) == {
        "datagrams": 1, "messages": 1, "block_short": 1}
    assert counted(feed, datagram(DELETE, sequence=2)) == {"datagrams": 1, "messages": 1}


@pytest.mark.parametrize("payload", [
    mold([DELETE]) + b"\0\x13" + bytes(18), mold([DELETE]) + b"\0", mold([DELETE])],
    ids=["body", "half a length", "nothing"])
def test_a_block_beyond_the_payload_drops_the_rest(feed, payload):
    payload = payload[:18] + b"\0\2" + payload[20:]
    assert counted(feed, frame(payload)) == {"datagrams": 1, "messages": 1, "block_overrun": 1}


def test_octets_after_the_last_message_are_counted_once(feed):
    assert counted(feed, frame(mold([DELETE]) + bytes(30))) == {"datagrams": 1, "messages": 1, "block_trailing": 1}


def test_a_cut_at_any_octet_leaves_the_complete_messages(feed):
    octets = datagram(ADD, DELETE, ADD)
    ends = [62 + 38, 62 + 38 + 21, len(octets)]
    for length in range(62, len(octets)):
        complete = sum(end <= length for end in ends)
        expected = {"datagrams": 1, "frame_truncated": 1, "messages": complete}
        assert counted(Feed(DESIGN), octets[:length]) == nonzero(expected), length


def test_a_cut_datagram_is_judged_by_its_udp_length(feed):
    octets = frame(mold([DELETE]) + bytes(8))
    assert counted(feed, octets[:-8]) == {"datagrams": 1, "messages": 1, "frame_truncated": 1, "block_trailing": 1}
    overrun = {"datagrams": 1, "messages": 1, "frame_truncated": 1, "block_overrun": 1}
    octets = frame(mold([DELETE, DELETE], sequence=2)[:-1])
    assert counted(feed, octets[:-10]) == overrun, "its length field has arrived"
    assert counted(feed, frame(mold([DELETE], count=2, sequence=3) + b"\0")[:-1]) == overrun, "none can arrive"
    assert counted(feed, frame(mold([DELETE, DELETE], sequence=4)[:-1])[:-19]) == {
        "datagrams": 1, "messages": 1, "frame_truncated": 1}, "its length field has not arrived"


# The MAC's error flag.

def test_messages_of_a_flagged_frame_stand_and_what_follows_is_flagged(feed):
    (message,) = feed.frame(datagram(DELETE), error=True)
    assert message.gap == 0
    (message,) = feed.frame(datagram(DELETE, sequence=2))
    assert message.gap == 1
    assert nonzero(feed.counters) == {"frames": 2, "datagrams": 2, "messages": 2, "frame_error": 1}


@pytest.mark.parametrize(("octets", "gap"), [
    (datagram(), 0), (datagram(DELETE), 0), (datagram(ADD[:-1], sequence=2), 0), (frame(PAYLOAD, port=1), 0),
    (datagram(b"?" + bytes(10), sequence=2), 1)],
    ids=["heartbeat", "duplicate", "wrong length", "dropped", "unknown type"])
def test_an_error_flags_only_what_took_a_place_in_the_sequence(feed, octets, gap):
    feed.frame(datagram(DELETE))
    feed.frame(octets, error=True)
    (message,) = feed.frame(datagram(DELETE, DELETE, DELETE, sequence=2 + gap))[:1]
    assert message.gap == gap
