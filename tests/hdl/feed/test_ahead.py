"""What the feed shows of a message one cycle before it: there before every message, exact, and mostly low."""

import itertools
import random

import pytest
from amaranth.sim import Simulator

from hdl.feed import Feed
from spec import config, itch
from spec.moldudp64 import MIN_MESSAGE
from testbenches.feed_frames import UNKNOWN, Datagram, ahead_of, message, random_messages

SMALL = config.preset("small")


def run(frames, *, idle=lambda: 0):
    """Send ``frames``, (octets, error) each; returns (messages, cycles in which ``ahead`` was valid, beats).

    Every message is held against what ``ahead`` said in the cycle before.
    """
    feed = Feed(design=SMALL)
    delivered, announced, beats = [], 0, 0

    async def process(ctx):
        nonlocal announced, beats
        before = {}

        async def cycle():
            nonlocal announced, before
            if ctx.get(feed.messages.valid):
                octets = ctx.get(feed.messages.payload.octets).to_bytes(itch.MAX_MESSAGE, "little")
                delivered.append(octets[: itch.MESSAGES[chr(octets[0])].length])
                expected = ahead_of(delivered[-1])
                assert expected == {name: before[name] for name in expected}, len(delivered)
            before = {name: ctx.get(getattr(feed.ahead, name)) for name in ahead_of(bytes(27))}
            announced += before["valid"]
            await ctx.tick()

        ctx.set(feed.enabled, 1)
        payload = feed.rx.payload
        for octets, error in frames:
            for at in range(0, len(octets), 8):
                part, last = octets[at : at + 8], at + 8 >= len(octets)
                ctx.set(feed.rx.valid, 1)
                ctx.set(payload.data, int.from_bytes(part, "little"))
                ctx.set(payload.keep, (1 << len(part)) - 1)
                ctx.set(payload.last, last)
                ctx.set(payload.error, last and error)
                await cycle()
                beats += 1
                ctx.set(feed.rx.valid, 0)
                for _ in range(idle()):
                    await cycle()
        for _ in range(8):
            await cycle()

    simulator = Simulator(feed)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()
    return delivered, announced, beats


@pytest.mark.parametrize("code", "ADEFUX")
def test_every_alignment(code):
    """A message that begins in each lane, with and without VLAN tag, others directly before and behind it."""
    rng = random.Random(code)
    frames, sent = [], []
    for vlan, lane in itertools.product((False, True), range(8)):
        datagram = Datagram(SMALL, 1 + len(sent), vlan=vlan)
        filler = MIN_MESSAGE + (lane - datagram.blocks_at - 2 - MIN_MESSAGE - 2) % 8
        datagram.messages = [UNKNOWN + rng.randbytes(filler - 1), message(rng, code), message(rng, rng.choice("ADU"))]
        assert (datagram.blocks_at + 2 + filler + 2) % 8 == lane
        sent += datagram.messages
        frames.append((datagram.octets(), False))
    delivered, announced, _ = run(frames)
    assert delivered == [octets for octets in sent if octets[:1] != UNKNOWN]
    assert announced == len(sent)


@pytest.mark.parametrize("seed", range(2))
def test_random_frames(seed):
    """Whole, truncated, damaged, repeated and foreign frames; unknown types and wrong lengths; idle cycles."""
    rng = random.Random(seed)
    frames, sequence, share = [], 1, rng.choice([0.1, 0.5])
    for k in range(50):
        messages = random_messages(rng, rng.randint(1, 5))
        if rng.random() < 0.3:
            messages[rng.randrange(len(messages))] = rng.randbytes(rng.randint(11, 60))
        octets = Datagram(SMALL, max(1, sequence - (k % 7 == 0)), messages, vlan=rng.random() < 0.5,
                          ip={"proto": 6} if k % 9 == 4 else {}, trailing=rng.randbytes(rng.choice([0, 0, 3]))).octets()
        if rng.random() < 0.3:
            octets = octets[: rng.randint(1, len(octets))]
        frames.append((octets, rng.random() < 0.1))
        sequence += len(messages)
    delivered, announced, beats = run(frames, idle=lambda: rng.randint(1, 3) if rng.random() < share else 0)
    assert len(delivered) > 40
    assert len(delivered) < announced < beats / 2, "not every frame is good, and cycles are free"


@pytest.mark.parametrize("code, of", [("D", 21), ("S", 14), ("U", 37)])
def test_cycles_left_free_at_full_rate(code, of):
    """One message per block of ``of`` octets, eight octets per cycle: the rest of the cycles is free."""
    rng = random.Random(code)
    sent = [message(rng, code) for _ in range(120)]
    delivered, announced, beats = run([(Datagram(SMALL, 1, sent[:60]).octets(), False),
                                       (Datagram(SMALL, 61, sent[60:], vlan=True).octets(), False)])
    assert delivered == sent and announced == len(sent)
    assert announced / beats < 8 / of
    assert code != "D" or announced < beats / 2
