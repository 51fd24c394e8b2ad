"""Order against its golden twin: every record and every frame; and scapy's word on every frame.

``TICKWIRE_ORDER_PCAP`` names a file to which the frames of ``random_orders_under_backpressure`` are written,
``TICKWIRE_ORDER_RATES`` one to which ``orders_per_second`` writes what it measured.
"""

import json
import os
from pathlib import Path

import cocotb
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from spec.records import Action
from testbenches.order_bench import LANES, MASK, OrderBench, Segment, StreamRules, assert_checksums

__all__ = ["StreamRules", "assert_checksums"]

TIMEOUT = {"timeout_time": 1, "timeout_unit": "ms"}
WANTED = 10_000_000  #: orders per second
CLOCK_HZ = 322_265_625
MOST = CLOCK_HZ // WANTED * LANES  #: octets of a frame of which as many leave


async def ready(dut) -> OrderBench:
    bench = OrderBench(dut)
    await bench.begin()
    return bench


@cocotb.test(**TIMEOUT)
async def random_orders_under_backpressure(dut):
    """Bursts and gaps, refusals, messages that keep the session and services in between, a wire that pauses at random
    or for long."""
    bench = await ready(dut)
    rng = bench.rng

    def dawdle():
        while True:
            share = rng.choice([0.0, 0.3, 0.9])
            for _ in range(rng.randint(1, 60)):
                yield rng.random() < share

    bench.sink.set_pause_generator(dawdle())
    frames, known = [], []
    for _ in range(5):
        talk = cocotb.start_soon(bench.offer("admin", [bench.any_admin() for _ in range(3)],
                                             gap=lambda: rng.randrange(80)))
        for _ in range(4):
            bench.services.append(rng.choice([Segment(int(dut.next_sequence.value), b""), *known[-3:]]))
        for _ in range(2):
            await bench.judge(rng.randint(30, 150), approve=rng.choice([0.01, 0.04, 0.4]), refuse=0.2)
        await talk
        await bench.drain()
        known = list(bench.sent)
        frames += bench.check()
    assert len(frames) > 40
    assert bench.model.counters["retransmissions"] and bench.model.counters["acknowledgments"]
    if path := os.environ.get("TICKWIRE_ORDER_PCAP"):
        wrpcap(path, [Ether(frame) for frame in frames])


@cocotb.test(**TIMEOUT)
async def first_beat_after_a_constant_time_on_an_idle_wire(dut):
    """Whatever the order says, and also when ready is low as it is offered. At most 30 ns, nine cycles."""
    bench = await ready(dut)
    latency = 6 if bench.fix else 1
    begun = 0
    for paused in (0, 0, 1, 0, 1):
        for action in Action:
            bench.sink.pause = bool(paused)
            await bench.cycles(bench.rng.randint(3, 9))
            await bench.decide({"action": action})
            await bench.cycles(latency + 4)
            bench.sink.pause = False
            await bench.cycles(50)
            begun += 1
    assert {start - given for given, start in zip(bench.decisions.cycles, bench.offered, strict=True)} == {latency}
    assert latency == bench.latency <= 9 and len(bench.offered) == begun
    bench.check()


@cocotb.test(**TIMEOUT)
async def frames_back_to_back_without_bubbles(dut):
    """A burst that fills the queue, then as many as go out: the wire is never idle."""
    bench = await ready(dut)
    for action in Action:
        bench.beats.clear()
        for _ in range(2 * bench.design.order.queue):
            await bench.judge(1, approve=1)
        await bench.decide({"action": action, "refusals": 1})
        await bench.drain()
        frames = bench.check()
        assert len(frames) >= bench.design.order.queue
        assert bench.beats == list(range(bench.beats[0], bench.beats[0] + len(bench.beats)))
    assert bench.queue_was_full


@cocotb.test(**TIMEOUT)
async def orders_per_second(dut):
    """Cycles from frame to frame of usual orders, and of the longest that risk allows: as many as a frame has beats."""
    bench = await ready(dut)
    usual = {"action": Action.ENTER, "symbol": 0, "quantity": 100, "price": 2_916_000}
    longest = {"action": Action.REPLACE, "quantity": 999_999, "price": MASK}
    await bench.resume(1, 10_000)
    rates = []
    for name, changes in (("usual", usual), ("longest", longest)):
        for _ in range(bench.design.order.queue - 1):
            await bench.decide(changes)
        await bench.drain()
        starts = list(bench.offered)
        frames = bench.check()
        apart = {there - here for here, there in zip(starts, starts[1:], strict=False)}
        assert apart == {-(-len(frame) // LANES) for frame in frames[:-1]}
        assert CLOCK_HZ / max(apart) >= WANTED or len(frames[0]) > MOST, "slower than its length asks for"
        rates.append({"orders": name, "cycles": max(apart), "octets": max(map(len, frames))})
    if path := os.environ.get("TICKWIRE_ORDER_RATES"):
        Path(path).write_text(json.dumps(rates))


@cocotb.test(**TIMEOUT)
async def stopped_wire_loses_nothing(dut):
    """Approvals in every cycle while TX is not ready; then again, as it empties."""
    bench = await ready(dut)
    for _ in range(3):
        bench.sink.pause = True
        await bench.judge(3 * bench.design.order.queue, approve=1)
        bench.sink.pause = False
        await bench.judge(bench.rng.randint(10, 60), approve=1)
    await bench.drain()
    frames = bench.check()
    assert bench.queue_was_full
    assert len(frames) > bench.design.order.queue + 1, "nothing moved between the stops"


@cocotb.test(**TIMEOUT)
async def numbers_of_every_length(dut):
    """Quantities and prices of one digit to ten, two decimals and four; MsgSeqNum where a digit is added; TCP's
    sequence number where it wraps."""
    bench = await ready(dut)
    powers = [10**n for n in range(10)]
    numbers = [*powers, *(power - 1 for power in powers[1:]), MASK, 4_000_000_000]
    prices = [1, 9, 10, 99, 100, 101, 110, 9_900, 9_999, 10_000, 1_000_100, 1_999_999_900, *numbers]
    changes = [{"action": action, "quantity": quantity} for action in Action for quantity in numbers]
    changes += [{"action": action, "price": price} for action in (Action.ENTER, Action.REPLACE) for price in prices]
    changes += [{"action": Action.ENTER, "symbol": symbol, "side": side, "short": short}
                for symbol in range(len(bench.design.symbols)) for side in (0, 1) for short in (0, 1)]
    begins = [(MASK - 300, 8), (0x7FFF_FF00, 98), (MASK, 998), (1, 99_998), (MASK - 1, 999_999_998), (1, 2**31 - 2)]
    each = -(-len(changes) // len(begins))
    for i, (sequence, number) in enumerate(begins):
        if bench.decisions.seen:
            await bench.drain()
            bench.check()
        await bench.resume(sequence, number)
        for change in changes[i * each : (i + 1) * each]:
            await bench.decide(change, gap=42)
    await bench.drain()
    bench.check()


@cocotb.test(**TIMEOUT)
async def what_the_session_asks_for(dut):
    """Acknowledgments; segments again with every length of the last beat, and what was sent before; messages with every
    length of text around a beat; alone and between orders."""
    bench = await ready(dut)
    for busy in (False, True):
        bench.services += [Segment(bench.rng.getrandbits(32), bench.rng.randbytes(length))
                           for length in (0, *range(1, 18), 0, 0)]
        talk = cocotb.start_soon(bench.offer("admin", [bench.any_admin(length) for length in (0, 1, 7, 8, 9, 63, 64)]))
        if busy:
            await bench.judge(600, approve=0.02)
        await talk
        bench.services += [Segment(segment.sequence, segment.payload) for segment in bench.sent[-3:]]
        await bench.drain()
        bench.check()
