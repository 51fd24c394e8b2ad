"""The feed in Amaranth's simulator: latency, and the corners that a frame source does not drive."""

from amaranth.sim import Simulator

from hdl.feed import Feed
from spec import config
from spec.counters import COUNTERS
from testbenches.feed_frames import Datagram

SMALL = config.preset("small")
DELETE = b"D" + bytes(range(1, 19))
EVENT = b"S" + bytes(range(101, 112))


def beats(octets: bytes, *, error: bool = False):
    """(data, keep, last, error) of each beat."""
    for at in range(0, len(octets), 8):
        part = octets[at : at + 8]
        last = at + 8 >= len(octets)
        yield int.from_bytes(part, "little"), (1 << len(part)) - 1, last, last and error


def run(wire, *, design=SMALL, enabled=lambda cycle: True):
    """Feed ``wire`` (a beat or ``None`` per cycle) and return ({cycle: message}, counters that are not zero)."""
    feed = Feed(design=design)
    seen, counts = {}, {}

    async def process(ctx):
        for cycle, beat in enumerate([*wire, *[None] * 12]):
            ctx.set(feed.enabled, enabled(cycle))
            ctx.set(feed.rx.valid, beat is not None)
            if beat is not None:
                payload = feed.rx.payload
                for member, value in zip((payload.data, payload.keep, payload.last, payload.error), beat, strict=True):
                    ctx.set(member, value)
            if ctx.get(feed.messages.valid):
                message = ctx.get(feed.messages.payload)
                octets = message.octets.to_bytes(50, "little")
                seen[cycle] = (message.message, message.sequence, message.gap, octets.rstrip(b"\0"))
            await ctx.tick()
        counts.update({name: n for name in COUNTERS["feed"] if (n := ctx.get(feed.counters[name]))})

    simulator = Simulator(feed)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()
    return seen, counts


def frame(sequence, *messages, design=SMALL, **options) -> bytes:
    return Datagram(design, sequence, messages, **options).octets()


def test_latency_is_exact_and_idle_cycles_do_not_matter():
    octets = frame(1, DELETE, EVENT, DELETE, vlan=True)
    offsets = [66 + 2 + 18, 66 + 21 + 2 + 11, 66 + 21 + 14 + 2 + 18]  # of each message's last octet
    for idle in (0, 1, 5):
        wire = [beat for each in beats(octets) for beat in [*[None] * idle, each]]
        seen, counts = run(wire)
        due = [(offset // 8 + 1) * (idle + 1) - 1 + Feed.LATENCY for offset in offsets]
        assert seen == dict(zip(due, [(0, 1, 0, DELETE), (1, 2, 0, EVENT), (2, 3, 0, DELETE)], strict=True))
        assert counts == {"frames": 1, "datagrams": 1, "messages": 3}


def test_last_beat_without_octets():
    whole = [*beats(frame(1, bytes(1) + DELETE[1:], EVENT) + bytes(7))]  # an unknown type, to begin with
    empty = (0, 0, 1, 0)
    cut = [*beats(frame(3, DELETE))]
    seen, counts = run([*[(*beat[:2], 0, 0) for beat in whole], empty, empty,
                        *[(*beat[:2], 0, 0) for beat in cut[:8]], empty, *beats(frame(3, DELETE))])
    assert [*seen.values()] == [(0, 2, 0, EVENT), (1, 3, 0, DELETE)]
    assert counts == {"frames": 4, "datagrams": 3, "messages": 2, "message_type": 1, "frame_runt": 1,
                      "frame_truncated": 1}


def test_octets_beyond_keep_are_not_there():
    octets = frame(1, EVENT, EVENT)
    for cut in (63, 65, 75, 76, 77, 89):
        wire = [*beats(octets[:cut])]
        rest = octets[len(octets[:cut]) // 8 * 8 :][:8] if cut % 8 else b""
        if rest:  # the lanes that do not count hold what would have come
            wire[-1] = (int.from_bytes(rest, "little"), *wire[-1][1:])
        seen, counts = run(wire)
        assert counts["frame_truncated"] == 1
        assert len(seen) == (cut >= 62 + 14), cut


def test_a_frame_is_refused_by_its_first_beat():
    bad, good = [*beats(frame(1, EVENT))], [*beats(frame(1, DELETE))]
    seen, counts = run(bad + good, enabled=lambda cycle: cycle >= 1)
    assert [*seen.values()] == [(0, 1, 0, DELETE)]
    assert counts == {"frames": 2, "frame_not_ready": 1, "datagrams": 1, "messages": 1}
    seen, counts = run(good + bad, enabled=lambda cycle: cycle < 1)
    assert [*seen.values()] == [(0, 1, 0, DELETE)]
    assert counts == {"frames": 2, "frame_not_ready": 1, "datagrams": 1, "messages": 1}


def test_the_session_is_the_configured_one():
    design = SMALL.model_copy(update={"feed": SMALL.feed.model_copy(update={"session": "SHORT", "first_sequence": 5})})
    seen, counts = run([*beats(frame(5, DELETE, session=b"LONGER")), *beats(frame(5, EVENT, session=b"SHORT")),
                        *beats(frame(6, EVENT, session=b"SHORT1")), *beats(frame(1, *[EVENT] * 7, session=b"SHORT"))],
                       design=design)
    assert [*seen.values()] == [(0, 5, 0, EVENT), (1, 6, 0, EVENT), (2, 7, 0, EVENT)]
    assert counts == {"frames": 4, "frame_session": 2, "datagrams": 2, "messages": 3, "message_duplicate": 5}


def test_the_session_is_learned_from_nothing_but_a_good_frame():
    def strange(**options):
        return frame(1, EVENT, session=b"STRANGE", **options)

    seen, counts = run([*beats(strange(ip={"proto": 6})), *beats(strange(udp={"dport": 1})), *beats(strange()[:61]),
                        *beats(strange(udp={"len": 9}), error=True), *beats(frame(1, DELETE)), *beats(strange())])
    assert [*seen.values()] == [(0, 1, 0, DELETE)]
    assert counts == {"frames": 6, "frame_ip_protocol": 1, "frame_address": 1, "frame_runt": 1, "frame_udp_length": 1,
                      "datagrams": 1, "messages": 1, "frame_session": 1}
