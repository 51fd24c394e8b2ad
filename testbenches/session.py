"""cocotb bench of the session: a peer that answers, forgets, repeats and reorders, beside the golden model."""

import itertools

import cocotb

from hdl.session import Session
from spec import ouch
from spec.records import LostReason, SessionEvent
from testbenches.session_peer import MASK, message, packets, soup
from testbenches.session_tb import TB

_test = cocotb.test(timeout_time=2, timeout_unit="ms")


@_test
async def every_message(dut):
    """Every server message and packet, by itself, packed and split over segments, with and without idle cycles."""
    tb = await TB.create(dut)
    for idle in (0, 0.5):
        tb.idle_rx(idle)
        for code in ouch.SERVER:
            tb.give(tb.peer.send(soup("S", message(tb.rng, code))))
        stream = b"".join(packets(tb.rng, 60))
        while stream:
            size = tb.rng.choice([1, 2, 3, 5, 8, 40, 200, 700])
            tb.give(tb.peer.send(stream[:size], padding=bytes(tb.rng.choice([0, 0, 5, 30]))))
            stream = stream[size:]
        await tb.drain()
    tb.check()
    assert len(tb.expected) > 60 and tb.peer.acknowledged == tb.peer.sequence


@_test
async def shortest_frames_back_to_back(dut):
    """Segments of one octet in every seventh cycle, none of them lost."""
    tb = await TB.create(dut)
    stream = b"".join(packets(tb.rng, 12))
    for octet in stream:
        tb.give(tb.peer.send(bytes([octet]), vlan=False)[:55] if not tb.design.order.tcp_timestamps
                else tb.peer.send(bytes([octet]), vlan=False))
    await tb.drain()
    tb.check()
    assert tb.counters("session")["octets"] == len(stream)


def _bad_frames(tb: TB, payload: bytes) -> dict[str, bytes]:
    """One frame for every reason to drop a frame, named by counter (and variant)."""
    def frame(**options):
        return tb.peer.segment(payload, vlan=vlan, **options)

    vlan = tb.rng.random() < 0.5
    good = frame()
    ip = 18 if vlan else 14
    flip = tb.rng.randrange(ip + 40, len(good))
    tag = b"\x81\x00\x00\x01"
    return {
        "frame_foreign ethertype": good[: ip - 2] + b"\x86\xdd" + good[ip:],
        "frame_foreign two tags": good[:12] + tag + (b"" if vlan else tag) + good[12:],
        "frame_foreign source": frame(ip={"src": "10.0.0.1"}),
        "frame_foreign destination": frame(ip={"dst": "10.0.0.1"}),
        "frame_foreign protocol": frame(ip={"proto": 17}),
        "frame_foreign source port": frame(tcp={"sport": 8004}),
        "frame_foreign destination port": frame(tcp={"dport": tb.peer.port + 1}),
        "frame_foreign short": good[: ip + 23],
        "frame_ip_header version": frame(ip={"version": 6}),
        "frame_ip_header fragment": frame(ip={"flags": "MF"}),
        "frame_ip_header offset": frame(ip={"frag": 1}),
        "frame_ip_header checksum": good[: ip + 10] + bytes([good[ip + 10] ^ 1]) + good[ip + 11 :],
        "frame_length cut": good[:-1],
        "frame_length at ports": good[: ip + 24],
        "frame_length below": frame(ip={"len": 39}),
        "frame_length above": frame(ip={"len": tb.design.feed.max_ip_length + 1}),
        "frame_length offset": frame(tcp={"dataofs": 4}),
        "frame_length options": frame(ip={"len": 59}, tcp={"dataofs": 15}),
        "frame_error": good,
        "frame_checksum": good[:flip] + bytes([good[flip] ^ 1]) + good[flip + 1 :],
        "frame_checksum header": frame(tcp={"chksum": 1}),
    }


@_test
async def every_drop_reason_leaves_no_trace(dut):
    """A bad frame, then a good one, over and over, with no cycle between."""
    tb = await TB.create(dut)
    for name in _bad_frames(tb, bytes(50)):
        payload = b"".join(packets(tb.rng, tb.rng.randint(1, 3)))
        octets = _bad_frames(tb, tb.rng.randbytes(tb.rng.randint(20, 90)))[name]
        tb.give(octets, error=name == "frame_error")
        for length in tb.rng.choices(range(1, 20), k=tb.rng.choice([0, 0, 1, 3])):
            tb.give(tb.rng.randbytes(length))
        tb.give(tb.peer.send(payload))
        if tb.rng.random() < 0.3:
            await tb.drain()
        before = tb.counters("session")[name.split()[0]]
        await tb.drain()
        assert tb.counters("session")[name.split()[0]] >= before
    tb.check()
    reasons = {name.split()[0] for name in _bad_frames(tb, bytes(50))}
    assert all(tb.model.counters[name] for name in reasons)


@_test
async def disorder(dut):
    """Segments lost, repeated, overlapping and out of order, until all has arrived: each octet is taken once."""
    tb = await TB.create(dut)
    rng = tb.rng
    made = packets(rng, 80)
    start, stream = tb.peer.sequence, b"".join(made)
    end = start + len(stream)
    tb.give(tb.peer.segment(stream[:9]), error=True)
    tb.give(tb.peer.segment(stream[9:20], sequence=start + 9))
    for _ in range(2):
        tb.give(tb.peer.segment(stream[:9]))
    await tb.drain()
    while tb.peer.acknowledged != end & MASK:
        base = tb.peer.acknowledged
        window = []
        at = base
        while at != end & MASK and len(window) < 5:
            size = min(rng.choice([1, 7, 8, 60, 300]), end - at)
            back = min(rng.choice([0, 0, 0, 3, 50]), at - start)
            window.append((at - back, stream[at - start - back : at - start + size]))
            at += size
        if rng.random() < 0.4:
            rng.shuffle(window)
        for sequence, payload in window:
            for _ in range(rng.choice([0, 1, 1, 1, 1, 2])):
                tb.give(tb.peer.segment(payload, sequence=sequence), error=rng.random() < 0.05)
        await tb.drain()
    tb.check()
    for name in ("segment_duplicate", "segment_early", "frame_error"):
        assert tb.model.counters[name], name
    assert tb.counters("session")["octets"] == len(stream)
    assert tb.inbox == made


@_test
async def acknowledgments(dut):
    """When and how often the core acknowledges."""
    tb = await TB.create(dut)
    heartbeat = soup("H")

    async def acknowledged(frame: bytes, *, within: int, times: int = 1):
        before = len(tb.frames)
        tb.give(frame)
        await tb.source.wait()
        await tb.cycles(within + 14)
        assert len(tb.frames) >= before + min(times, 1), "no acknowledgment in time"
        await tb.cycles(300)
        assert len(tb.frames) == before + times, f"{len(tb.frames) - before} acknowledgments"
        assert tb.frames[-1].acknowledgment == tb.peer.sequence and not tb.frames[-1].payload

    await acknowledged(tb.peer.send(heartbeat), within=80)
    assert tb.peer.acknowledged == tb.peer.sequence
    await acknowledged(tb.peer.segment(heartbeat, sequence=tb.peer.sequence - 3), within=20)  # again
    await acknowledged(tb.peer.segment(heartbeat, sequence=tb.peer.sequence + 3), within=20)  # too early
    await acknowledged(tb.peer.segment(sequence=tb.peer.sequence - 1), within=20)  # keep-alive
    await acknowledged(tb.peer.segment(acknowledgment=tb.peer.expected + 1), within=20)  # of what was never sent
    await acknowledged(tb.peer.segment(flags="S"), within=20)
    await acknowledged(tb.peer.segment(flags="R", sequence=tb.peer.sequence + 100), within=20)  # RFC 5961
    before = len(tb.frames)
    tb.give(tb.peer.segment())
    tb.give(tb.peer.segment(flags="R", sequence=tb.peer.sequence - 100))
    tb.give(tb.peer.segment(heartbeat, flags=""))
    await tb.drain()
    assert len(tb.frames) == before, "acknowledged what nobody waits for"
    tb.order(b"order")  # carries the acknowledgment
    tb.give(tb.peer.send(heartbeat))
    await tb.source.wait()
    await tb.cycles(20)
    tb.order(b"second")
    await tb.cycles(400)
    assert [bool(frame.payload) for frame in tb.frames[before:]].count(True) == 2
    assert tb.frames[-1].acknowledgment == tb.peer.sequence
    assert len(tb.frames) <= before + 3
    tb.check()


@_test
async def replies_wait_for_risk(dut):
    """Risk takes no reply: the window closes, opens again, and nothing is lost."""
    tb = await TB.create(dut)
    size = tb.design.session.receive_buffer
    dut.replies_ready.value = 0
    payload = soup("S", message(tb.rng, "E"))
    while tb.peer.sequence + len(payload) - tb.design.order.tcp_acknowledgment <= size:
        tb.give(tb.peer.send(payload))
    tb.give(tb.peer.send(bytes([0, 1])))
    await tb.drain()
    assert tb.frames[-1].window < 200
    used = tb.frames[-1].window
    for _ in range(3):
        tb.give(tb.peer.segment(bytes(used + 1)))  # beyond the window
    await tb.drain(200)
    assert tb.counters("session")["segment_full"] == 3
    for _ in range(3):
        tb.model.counters["segments"] += 0
    dut.replies_ready.value = 1
    await tb.drain(size // 2)
    assert tb.frames[-1].window >= size // 2, "the peer was not told of the window"
    assert len(tb.replies.seen) == size // len(payload)


@_test
async def retransmission_after_timeout(dut):
    """Nothing is acknowledged: all is sent again, after a timeout that doubles; then an acknowledgment ends it."""
    tb = await TB.create(dut)
    tb.answers = False
    timeout = tb.design.session.retransmit_ns // 3
    for size in (3, 54, 13, 200):
        tb.order(tb.rng.randbytes(size))
    end = tb.next_sequence  # before any heartbeat

    def sent_again():
        return [frame for frame in tb.frames if frame.again and frame.sequence != end]

    await tb.cycles(timeout * 3 + 500)
    again = sent_again()
    first = [frame for frame in tb.frames if not frame.again]
    assert [(f.sequence, f.payload) for f in again] == [(f.sequence, f.payload) for f in first] * 2
    assert [f.cycle for f in again[4:]] >= [f.cycle + 2 * timeout for f in again[:4]]
    assert timeout <= again[0].cycle - first[0].cycle < timeout + 120
    # A part of the second segment is acknowledged: it is sent again as a whole.
    partial = first[1].sequence + 5
    tb.give(tb.peer.segment(acknowledgment=partial))
    await tb.cycles(timeout + 600)
    assert [f.sequence for f in sent_again()][8:] == [f.sequence for f in first[1:]]
    tb.give(tb.peer.segment())
    await tb.cycles(8 * timeout)
    assert len(sent_again()) == 11
    assert tb.counters("session")["timeouts"] == 3
    tb.check()


@_test
async def fast_retransmission(dut):
    """Three duplicate acknowledgments: the first segment again, at once; the next hole with the next acknowledgment."""
    tb = await TB.create(dut)
    for count, lost in ((5, (2,)), (8, (2, 5))):
        frames, before = itertools.count(1), tb.counters("session")["fast_retransmits"]
        tb.lose = lambda frame, frames=frames, lost=lost: bool(frame.payload) and next(frames) in lost
        tb.frames.clear()
        for _ in range(count):
            tb.order(tb.rng.randbytes(50))
        await tb.cycles(900)
        assert tb.peer.received == tb.sent_octets
        assert [f.sequence for f in tb.frames if f.again] == [tb.frames[k - 1].sequence for k in lost]
        got = tb.counters("session")
        assert got["fast_retransmits"] == before + 1 and got["timeouts"] == 0
    tb.check()


@_test
async def both_ways_over_a_bad_line(dut):
    """Frames of the core and of the peer are lost, repeated and damaged: each side has all, once and in order."""
    tb = await TB.create(dut)
    rng = tb.rng
    tb.lose = lambda frame: rng.random() < 0.1
    tb.lose_answer = lambda: rng.random() < 0.2
    tb.busy = lambda: rng.choice([0, 0, 5, 30])
    made = packets(rng, 60)
    start, stream = tb.peer.sequence, b"".join(made)
    for _ in range(60):
        if not int(dut.full.value):
            tb.order(rng.randbytes(rng.choice([3, 12, 50, 54])))
        at = tb.peer.acknowledged - start & MASK
        for _ in range(rng.choice([0, 1, 1, 2])):
            size = rng.choice([1, 40, 300])
            tb.give(tb.peer.segment(stream[at : at + size], sequence=start + at), error=rng.random() < 0.1)
            at += rng.choice([0, size, size, size])
        await tb.cycles(rng.choice([1, 30, 200]))
    limit = 40 * tb.design.session.retransmit_ns // 3
    await tb.until(lambda: tb.peer.received == tb.sent_octets, within=limit)
    await tb.drain()
    while (at := tb.peer.acknowledged - start & MASK) != len(stream):
        tb.give(tb.peer.segment(stream[at : at + 700], sequence=start + at))
        await tb.drain()
    tb.lose = lambda frame: False
    tb.lose_answer = lambda: False
    tb.peer.sequence = tb.peer.acknowledged
    await tb.until(lambda: tb.model.unacknowledged == tb.next_sequence, within=limit)
    await tb.drain()
    tb.check()
    assert tb.inbox == made


@_test
async def latency(dut):
    """Cycles from a segment's last beat to the reply in it, and from reply to reply."""
    tb = await TB.create(dut)
    for code in "AUECJ":
        packet = soup("S", message(tb.rng, code))
        tb.give(tb.peer.send(packet * 3, vlan=False))
        await tb.drain()
        cycles = tb.replies.cycles[-3:]
        assert cycles[0] - tb.last_beat == Session.LATENCY + len(packet), code
        assert [b - a for a, b in zip(cycles, cycles[1:], strict=False)] == [len(packet) + 1] * 2
    tb.check()


@_test
async def window_of_the_peer(dut):
    """Orders are refused before they would not fit; a closed window is asked about until it opens."""
    tb = await TB.create(dut)
    assert not int(dut.full.value)
    tb.give(tb.peer.segment(window=0))
    await tb.drain()
    assert int(dut.full.value)
    tb.answers = False
    await tb.cycles(tb.design.session.retransmit_ns // 3 + 300)
    probe = tb.frames[-1]
    assert probe.sequence == tb.next_sequence - 1 & MASK and not probe.payload, "no window probe"
    tb.give(tb.peer.segment(window=60_000))
    await tb.drain()
    assert not int(dut.full.value)
    tb.order(b"x" * 50)
    await tb.drain()
    tb.give(tb.peer.segment(acknowledgment=tb.next_sequence))
    await tb.drain()
    tb.check()


@_test
async def send_buffer_fills(dut):
    """Nothing is acknowledged: ``full`` rises in time, and falls when room is there again."""
    tb = await TB.create(dut)
    tb.answers = False
    sent = 0
    while not int(dut.full.value):
        tb.order(tb.rng.randbytes(50))
        sent += 1
        await tb.cycles(20)
    rows = tb.design.session.send_buffer // 8
    assert rows - 16 * 8 - 24 <= sent * 8 <= rows, f"full after {sent} orders"
    await tb.until(lambda: len([f for f in tb.frames if not f.again]) == sent, within=100_000)
    tb.give(tb.peer.segment())
    await tb.drain(2000)
    assert not int(dut.full.value)
    tb.check()


LOSSES = {
    LostReason.RST: lambda tb: tb.peer.segment(flags="R"),
    LostReason.FIN: lambda tb: tb.peer.segment(soup("H"), flags="FA"),
    LostReason.END_OF_SESSION: lambda tb: tb.peer.send(soup("Z") + soup("H")),
    LostReason.MALFORMED: lambda tb: tb.peer.send(soup("H") + soup("Q", b"what") + soup("H")),
}


@_test
async def lost_and_handed_over(dut):
    """Every way to lose a session, each followed by a hand-over."""
    tb = await TB.create(dut)
    for k, (reason, frame) in enumerate(LOSSES.items()):
        tb.order(b"an order")
        await tb.drain()
        assert int(dut.no_session.value) == 0 and int(dut.session_lost.value) == 0
        tb.give(tb.peer.send(b"".join(packets(tb.rng, 4))))
        await tb.drain()
        tb.give(frame(tb))
        await tb.drain()
        assert int(dut.no_session.value) == 1 and int(dut.session_lost.value) == 1
        assert tb.sessions.seen[-1].state == SessionEvent.LOST and tb.sessions.seen[-1].reason == reason
        tb.check_state()
        tb.give(tb.peer.segment(soup("H")))
        await tb.drain()
        assert tb.model.counters["frame_closed"] == k + 1
        tb.check()
        await tb.handover(tcp_sequence=tb.rng.getrandbits(32), tcp_acknowledgment=tb.rng.choice([MASK - 40, 7]),
                          source_port=tb.rng.randint(1024, 65535))
        await tb.until(lambda: not int(dut.no_session.value), within=100)
        assert tb.sessions.seen[-1].state == SessionEvent.ESTABLISHED
        tb.check_state()
    tb.give(tb.peer.send(b"".join(packets(tb.rng, 4))))
    await tb.drain()
    tb.check()
    tb.answers, tb.lose = False, lambda frame: True
    order = tb.next_sequence
    tb.order(b"into the void")
    await tb.until(lambda: int(dut.session_lost.value), within=20 * tb.design.session.retransmit_ns)
    await tb.drain()
    assert tb.sessions.seen[-1].reason == LostReason.TIMEOUT
    assert len([f for f in tb.frames if f.payload and f.sequence == order]) == 1 + tb.design.session.retransmissions
    tb.check_state()
    tb.check()


@_test
async def malformed(dut):
    """Every way for a packet to be none."""
    tb = await TB.create(dut)
    price = bytearray(message(tb.rng, "E"))
    price[ouch.SERVER["E"]["price"].offset + 3] = 1
    for what in (b"\0\0", soup("U", b"x"), soup("S"), soup("S", bytes(price)),
                 *(soup("S", message(tb.rng, code)[:-1]) for code in "AUCDEBJIM")):
        tb.give(tb.peer.send(soup("H") + what + soup("H")))
        await tb.drain()
        assert tb.sessions.seen[-1].reason == LostReason.MALFORMED, what
        tb.check_state()
        tb.check()
        await tb.handover()


@_test
async def handed_back(dut):
    """The session goes back when nothing is under way, not before; what comes then is not taken."""
    tb = await TB.create(dut)
    tb.answers = False
    tb.order(b"one order")
    await tb.drain()
    half = soup("S", message(tb.rng, "A"))
    tb.give(tb.peer.send(half[:20]))
    await tb.drain()
    dut.handback.value = 1
    await tb.drain(300)
    assert int(dut.no_session.value) == 1 and not tb.sessions.seen, "the order is not acknowledged"
    tb.give(tb.peer.segment())
    await tb.drain(300)
    assert not tb.sessions.seen, "half of a packet is there"
    tb.give(tb.peer.send(half[20:]))
    await tb.drain(300)
    assert tb.sessions.seen[-1].state == SessionEvent.HANDED_BACK and not int(dut.session_lost.value)
    tb.check_state()
    assert tb.peer.acknowledged == tb.peer.sequence
    tb.give(tb.peer.segment(soup("H")))
    await tb.drain()
    tb.check()
    assert tb.model.counters["frame_closed"] == 1
    dut.handback.value = 0
    state = tb.sessions.seen[-1]
    await tb.handover(tcp_sequence=state.tcp_sequence, tcp_acknowledgment=state.tcp_acknowledgment)
    tb.answers = True
    tb.order(b"another")
    tb.give(tb.peer.send(b"".join(packets(tb.rng, 3))))
    await tb.drain()
    tb.check()
    assert tb.peer.received.endswith(b"another")


@_test
async def heartbeats(dut):
    """A heartbeat after a silence, none while orders flow, and the host's messages first."""
    tb = await TB.create(dut)
    silence = tb.design.session.heartbeat_ns // 3
    await tb.cycles(silence - 200)
    assert not tb.admins
    await tb.cycles(400)
    assert [chr(a.type) for a in tb.admins] == ["R"]
    for _ in range(4):
        await tb.cycles(silence // 2)
        tb.order(b"no silence")
    assert len(tb.admins) == 1
    await tb.admin("O")
    await tb.drain()
    assert [chr(a.type) for a in tb.admins] == ["R", "O"]
    assert tb.counters("session")["heartbeats"] == 1
    tb.check()


@_test
async def timestamps(dut):
    """Timestamps sent and echoed (RFC 7323), and protection against wrapped sequence numbers."""
    tb = await TB.create(dut)
    if not tb.design.order.tcp_timestamps:
        tb.give(tb.peer.send(soup("H")))
        await tb.drain()
        assert tb.frames[-1].ts_value == tb.frames[-1].ts_echo == 0
        return
    tb.give(tb.peer.segment(flags="R"))
    await tb.drain()
    recent, offset = MASK - 5, tb.rng.getrandbits(32)
    await tb.handover(ts_recent=recent, ts_offset=offset)
    for stamp, echoed in ((MASK, MASK), (3, 3), (3, 3), (2, 3), (MASK, 3), (-1, 3), (1 << 30, 1 << 30)):
        old = stamp not in (echoed, -1)
        frame = tb.peer.segment(soup("H"), stamp=stamp)
        if not old:
            tb.peer.sequence = tb.peer.sequence + 3 & MASK
        before = tb.model.counters["segment_old"]
        tb.give(frame)
        await tb.drain()
        assert tb.model.counters["segment_old"] == before + old
        assert tb.frames[-1].ts_echo == echoed and tb.frames[-1].acknowledgment == tb.peer.sequence
        assert tb.frames[-1].ts_value == (1_000_000_000 + offset) & MASK
    tb.give(tb.peer.segment(soup("H"), stamp=1 << 30, sequence=tb.peer.sequence + 9))  # beyond a hole: not echoed
    tb.give(tb.peer.segment(flags="R", stamp=5, sequence=tb.peer.sequence))  # RST passes with any timestamp
    await tb.drain()
    assert tb.sessions.seen[-1].reason == LostReason.RST
    tb.check()
    tb.check_state()
