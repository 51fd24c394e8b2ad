"""cocotb bench of the feed stage: frames in, every message, latency and counter held against the golden model."""

import itertools

import cocotb

from golden_model.feed import Feed as Model
from spec import itch
from testbenches.feed_frames import MIN_BLOCK, UNKNOWN, mend_checksum, message, random_messages
from testbenches.feed_tb import TB
from testbenches.harness import assert_same_records

_test = cocotb.test(timeout_time=1, timeout_unit="ms")


@_test
async def every_type_at_every_alignment(dut):
    """All 23 types, beginning in each of the eight lanes, with and without VLAN tag."""
    tb = await TB.create(dut)
    covered, sequence = set(), 1
    for vlan, lane in itertools.product((False, True), range(8)):
        datagram = tb.datagram(sequence, [], vlan=vlan)
        at = datagram.blocks_at
        for code in tb.rng.sample([*itch.MESSAGES], len(itch.MESSAGES)):
            # A block of unknown type moves the message into its lane.
            filler = MIN_BLOCK - 2 + (lane - at - MIN_BLOCK - 2) % 8
            datagram.messages += [UNKNOWN + tb.rng.randbytes(filler - 1), message(tb.rng, code)]
            at += 2 + filler + 2
            covered.add((code, at % 8, vlan))
            at += itch.MESSAGES[code].length
        tb.send(datagram.octets())
        sequence += len(datagram.messages)
    await tb.check()
    assert len(covered) == len(itch.MESSAGES) * 8 * 2
    assert len(tb.expected) == len(covered)


@_test
async def random_datagrams(dut):
    """1 to 40 random messages per datagram, random idle cycles, duplicates on line B, gaps, bad blocks."""
    tb = await TB.create(dut)
    sequence = 1
    for idle in (0, 0.1, 0.5, 0.9):
        tb.idle(idle)
        for _ in range(12 if idle < 0.9 else 4):
            messages = random_messages(tb.rng, tb.rng.choice([1, 1, 2, 3, tb.rng.randint(1, 40)]))
            if tb.rng.random() < 0.3:  # a wrong length, or an unknown type
                messages[tb.rng.randrange(len(messages))] = tb.rng.randbytes(tb.rng.randint(11, 60))
            sequence = max(1, sequence + tb.rng.choice([0, 0, 0, 0, 1, 7, -1, -3]))
            datagram = tb.datagram(
                sequence, messages, vlan=tb.rng.random() < 0.5, line=tb.rng.randrange(len(tb.design.feed.lines)),
                trailing=tb.rng.randbytes(tb.rng.choice([0, 0, 0, 1, 2, 3, 9])),
                padding=bytes(tb.rng.choice([0, 0, 4, 11])),
                count=tb.rng.choice([None] * 8 + [len(messages) + 1, len(messages) - 1]))
            tb.send(datagram.octets(), error=tb.rng.random() < 0.05)
            sequence += len(messages)
        await tb.drain()
    await tb.check()


@_test
async def back_to_back_deletes(dut):
    """The densest stream of the busiest type: one 64-bit beat in every cycle, and nothing is lost."""
    tb = await TB.create(dut)
    frames = [tb.datagram(1 + 60 * i, [message(tb.rng, "D") for _ in range(60)]).octets() for i in range(20)]
    for octets in frames:
        tb.send(octets)
    await tb.check()
    beats = [cycle for frame in tb._accepted for cycle in frame]
    assert len(beats) == sum(-(-len(octets) // 8) for octets in frames)
    assert beats == [*range(beats[0], beats[0] + len(beats))], "the source was not saturating"
    assert tb.counters("feed")["messages"] == 20 * 60
    assert len(tb.ahead_cycles) == 20 * 60 and 2 * len(tb.ahead_cycles) < len(beats), "too few cycles are free"


@_test
async def densest_messages(dut):
    """The shortest messages there are (S and W, 14 octets with their length), saturating, in short frames."""
    tb = await TB.create(dut)
    sequence = 1
    for count in range(1, 30):
        messages = [message(tb.rng, tb.rng.choice("SW")) for _ in range(count)]
        tb.send(tb.datagram(sequence, messages, vlan=tb.rng.random() < 0.5).octets())
        sequence += count
    await tb.check()


def _bad_frames(tb: TB, sequence: int, messages: list[bytes], vlan: bool) -> dict[str, bytes]:
    """One frame for every reason to drop a frame, all of them otherwise good. Named by counter (and variant)."""
    def frame(**options):
        return tb.datagram(sequence, messages, vlan=vlan, **options).octets()

    good = frame()
    ip = 18 if vlan else 14
    max_length = tb.design.feed.max_ip_length
    double = good[:12] + b"\x81\x00\x00\x01" + good[12:]
    return {
        "frame_ethertype": good[: ip - 2] + b"\x86\xdd" + good[ip:],
        "frame_ethertype two tags": double if vlan else double[:12] + b"\x81\x00\x00\x01" + double[12:],
        "frame_ethertype 802.1ad": good[:12] + b"\x88\xa8\x00\x01" + good[12:],
        "frame_ip_header version": frame(ip={"version": 6}),
        "frame_ip_header options": frame(ip={"options": b"\x01\x01\x01\x01"}),
        "frame_ip_header checksum": good[: ip + 10] + bytes([good[ip + 10] ^ 1]) + good[ip + 11 :],
        "frame_ip_fragment more": frame(ip={"flags": "MF"}),
        "frame_ip_fragment offset": frame(ip={"frag": 1}),
        "frame_ip_protocol": frame(ip={"proto": 6}),
        "frame_ip_length short": frame(ip={"len": 47}),
        "frame_ip_length long": frame(ip={"len": max_length + 1}),
        "frame_address address": frame(ip={"dst": "233.54.12.110"}),
        "frame_address port": frame(udp={"dport": 26478}),
        "frame_address mixed": frame(udp={"dport": 26477}, ip={"dst": "233.86.230.112"}),
        "frame_udp_length": frame(udp={"len": 9}),
        "frame_session": frame(session=b"SESSION002"),
        "frame_runt": good[: 61 + 4 * vlan],
        "frame_runt one beat": good[:5],
    }


@_test
async def every_drop_reason_leaves_no_trace(dut):
    """A bad frame, then a good one, over and over, saturating: the messages are those of the good frames alone."""
    tb = await TB.create(dut)
    alone, expected, sequence, reasons = Model(tb.design), [], 1, set()
    tb.send(first := tb.datagram(sequence, random_messages(tb.rng, 2)).octets())
    expected += alone.frame(first)
    sequence += 2
    for vlan, after in itertools.product((False, True), repeat=2):
        for name in _bad_frames(tb, 1, [], vlan):
            messages = random_messages(tb.rng, 2)
            bad = _bad_frames(tb, sequence, messages, vlan)[name]
            before = dict(tb.model.counters)
            assert not tb.send(bad), name
            counter = name.split()[0]
            assert tb.model.counters[counter] == before[counter] + 1, name
            reasons.add(counter)
            good = tb.datagram(sequence, messages, vlan=after).octets()
            tb.send(good)
            expected += alone.frame(good)
            sequence += 2
    await tb.check()
    assert_same_records(tb.messages, expected)
    assert len(reasons) == 9  # and frame_not_ready, below


@_test
async def not_ready(dut):
    """A frame that begins before the core is ready is dropped whole; one that begins after is not."""
    tb = await TB.create(dut, enabled=0)
    early = tb.datagram(1, random_messages(tb.rng, 20)).octets()
    tb.send(early, ready=False)
    tb.send(early[:20], ready=False)
    tb.send(tb.datagram(1, random_messages(tb.rng, 3), session=b"EARLY").octets(), ready=False)
    await tb.source.wait()
    tb.send(early, ready=False)
    await tb.cycles(10)
    tb.dut.enabled.value = 1
    tb.send(tb.datagram(1, random_messages(tb.rng, 3)).octets())
    await tb.check()
    assert tb.model.counters["frame_not_ready"] == 4 and tb.model.counters["messages"] == 3


@_test
async def truncated_at_every_octet(dut):
    """A datagram cut after each of its octets; what was complete stands, the rest leaves no trace."""
    tb = await TB.create(dut)
    sequence = 1
    for vlan in (False, True):
        messages = [message(tb.rng, code) for code in "SXA"]
        length = len(tb.datagram(1, messages, vlan=vlan).octets())
        for cut in range(1, length + 1):
            whole = tb.datagram(sequence, messages, vlan=vlan, trailing=b"\0" * (cut % 3)).octets()
            sequence += len(tb.send(whole[:cut]))
            if cut % 4 == 0:
                sequence += len(tb.send(whole))
    await tb.check()
    assert tb.model.counters["frame_truncated"] > 90 and tb.model.counters["frame_runt"] > 90


@_test
async def ends_and_paddings(dut):
    """Frames that end at, before and after their datagram's end in every lane; blocks that do not fit by one octet."""
    tb = await TB.create(dut)
    sequence = 1
    for vlan, size in itertools.product((False, True), range(12, 20)):
        messages = [UNKNOWN + tb.rng.randbytes(size - 1), message(tb.rng, "D")]
        whole = tb.datagram(sequence, messages, vlan=vlan)
        end = len(whole.octets())
        for less in (0, 1, 2, 3):  # octets that the IPv4 length is too short by, the frame being long enough
            total = end - whole.blocks_at + 48 - less
            octets = tb.datagram(sequence, messages, vlan=vlan, ip={"len": total}, udp={"len": total - 20}).octets()
            sequence += len(tb.send(octets)) and 2
        for options in ({"trailing": b"\0"}, {"trailing": b"\0\x13"}, {"count": 3}, {"count": 1}, {"padding": bytes(9)},
                        {"count": 3, "trailing": b"\0"}, {"count": 3, "trailing": b"\0\x0b"},
                        {"count": 3, "trailing": b"\0\x0a"}, {"count": 3, "trailing": b"\xff\xff" + bytes(20)},
                        {"count": 3, "trailing": bytes(30)}, {"count": 0xFFFE}):
            tb.send(tb.datagram(sequence, messages, vlan=vlan, **options).octets())
            sequence += 2 - tb.rng.randint(0, 1)
        for count in (0, 1, 2):  # no room for any block
            tb.send(tb.datagram(sequence, [], vlan=vlan, count=count, trailing=bytes(size % 3)).octets())
    await tb.check()
    for name in ("block_short", "block_overrun", "block_trailing", "message_type", "message_duplicate"):
        assert tb.model.counters[name] > 8, name


@_test
async def sequences(dut):
    """Gaps, duplicates, heartbeats, ends of session, damaged frames, and numbers near 2**64."""
    tb = await TB.create(dut)

    def send(sequence, messages=1, *, error=False, **options):
        vlan = tb.rng.random() < 0.5
        tb.send(tb.datagram(sequence, random_messages(tb.rng, messages), vlan=vlan, **options).octets(), error=error)

    send(1, 3)
    send(1, 3)  # all seen
    send(2, 4)  # two of them seen
    send(6, 0)  # heartbeat, in sequence
    send(6, 0, count=0xFFFF)
    send(4, 0)  # an old heartbeat
    send(6, 0, error=True)  # a damaged heartbeat damages nothing
    send(3, 2, error=True)  # nor do duplicates
    send(6)
    assert tb.expected[-1].gap == 0
    send(7, 2, error=True)  # delivered, but whatever follows is suspect
    assert tb.expected[-1].gap == 0
    send(9)
    assert tb.expected[-1].gap == 1
    send(12, 2)  # two lost
    send(20, 0, trailing=b"payload of a heartbeat is ignored")
    send(20, 1)
    send(30, 0, count=0xFFFF)
    send(25, 10)
    send((1 << 63) + 5, 2)
    send((1 << 64) - 3, 2)
    tb.send(tb.datagram((1 << 64) - 1, [b"S" + bytes(20), *random_messages(tb.rng, 2)]).octets())
    send((1 << 64) - 1, 3)
    send(2, 2)
    await tb.check()
    assert tb.model.counters["gaps"] == 5
    assert tb.model.counters["heartbeats"] == 4 and tb.model.counters["end_of_session"] == 2


@_test
async def damaged_frames(dut):
    """Flipped bits in headers and length fields, the checksum mended or not, cut or not, saturating and with idles."""
    tb = await TB.create(dut)
    rng = tb.rng
    tb.send(tb.datagram(1, random_messages(rng, 1)).octets())
    for k in range(150):
        if k == 100:
            await tb.drain()
            tb.idle(0.3)
        sequence = tb.expected[-1].sequence + 1 - (k % 5 == 0)
        datagram = tb.datagram(sequence, random_messages(rng, rng.randint(0, 4)), vlan=rng.random() < 0.5)
        octets, at = bytearray(datagram.octets()), datagram.blocks_at
        ip, udp, moldudp64 = at - 48, at - 28, at - 20
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            # Of the sequence number only the last two octets, or everything after would be a duplicate.
            where = rng.choice([range(12, 14), range(ip - 2, udp), range(udp, moldudp64), range(moldudp64, at - 10),
                                range(at - 4, at - 2), range(at - 2, at), range(at, at + 3), range(at, len(octets))])
            octets[rng.choice([i for i in where if i < len(octets)] or [-1])] ^= 1 << rng.randrange(8)
        if rng.random() < 0.8:
            octets = mend_checksum(octets, ip)
        if rng.random() < 0.2:
            octets = octets[: rng.randint(1, len(octets))]
        tb.send(bytes(octets), error=rng.random() < 0.1)
    await tb.check()


@_test
async def jumbo(dut):
    """The longest frame that the design accepts, and the shortest that it does not."""
    tb = await TB.create(dut)
    room = tb.design.feed.max_ip_length - 48
    for vlan, excess in ((False, 0), (True, 0), (True, 1), (False, 1)):
        sequence = 1 + len(tb.expected)
        messages, left = [], room + excess
        while left > 120:
            messages.append(message(tb.rng, tb.rng.choice([*itch.MESSAGES])))
            left -= 2 + len(messages[-1])
        messages.append(UNKNOWN + bytes(left - 3))
        delivered = tb.send(tb.datagram(sequence, messages[:-1] if excess else messages, vlan=vlan,
                                        trailing=bytes(left) if excess else b"").octets())
        assert bool(delivered) is not bool(excess)
    tb.send(tb.datagram(1, random_messages(tb.rng, 2), padding=bytes(1_000)).octets())
    await tb.check()
    assert tb.model.counters["frame_ip_length"] == 2


@_test
async def single_beat_frames(dut):
    """Frames of 1 to 8 octets, one per cycle, each counted; the good frame behind them is served."""
    tb = await TB.create(dut)
    for length in [*range(1, 9), *range(8, 0, -1)]:
        tb.send(tb.rng.randbytes(length))
    tb.send(tb.datagram(1, random_messages(tb.rng, 3)).octets())
    await tb.check()
    assert tb.model.counters["frame_runt"] == 16


