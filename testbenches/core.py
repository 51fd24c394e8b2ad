"""cocotb bench of the whole core: frames in, order frames out; every record, counter and latency held to the model."""

from collections import Counter
from collections.abc import Iterable

import cocotb
from cocotb.triggers import RisingEdge
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from sim import book_events, moments
from sim.framing import as_file
from sim.framing import frames as framed
from sim.generator import MIN_PER_SYMBOL, session
from sim.latency import TRANSMIT
from spec import itch, soupbintcp
from spec.records import Refusal, Side
from spec.wire import read
from testbenches.core_bench import CoreBench
from testbenches.core_traffic import HEAVY, Market, Trigger
from testbenches.order_bench import LANES


def _test(**options):
    return cocotb.test(timeout_time=1, timeout_unit="ms", **options)


def _saturated(bench: CoreBench, frames: Iterable[list[int]]) -> bool:
    beats = [cycle for frame in frames for cycle in frame]
    return beats == [*range(beats[0], beats[0] + len(beats))]


@_test()
async def back_to_back_deletes(dut):
    """One 64-bit beat in every cycle, thousands of 21-octet blocks with deletes: ready never drops, nothing is lost."""
    bench = await CoreBench.create(dut, opened=False)
    market, rng = bench.market, bench.rng
    symbols = range(len(bench.design.symbols))
    bench.send(market.frame(*market.directory()))
    deletes = 0
    for _ in range(1 if bench.slow else 6):
        for _ in range(5 if bench.slow else 12):
            bench.send(market.frame(*(market.add(
                symbol := rng.choice(symbols), side := rng.choice("BS"), rng.randint(1, HEAVY),
                price=market.price(symbol, side) + (1 if side == "S" else -1) * rng.randrange(30)
                * bench.design.symbols[symbol].tick) for _ in range(34))))
        rng.shuffle(market.resting)
        everything = market.clear()
        # Strangers too: of a symbol that is not configured, as most deletes on the wire are.
        everything += [market.message("D", 40, reference=rng.getrandbits(64))
                       for _ in range(250 if bench.slow else 600)]
        rng.shuffle(everything)
        deletes += len(everything)
        per_frame = rng.randint(55, 65)
        for at in range(0, len(everything), per_frame):
            bench.send(market.frame(*everything[at : at + per_frame], vlan=rng.random() < 0.5))
    await bench.drain()
    bench.check()
    assert _saturated(bench, bench.rx_beats), "the source was not saturating"
    types = Counter(chr(record.octets & 0xFF) for record in bench.watches["messages"].seen)
    assert types["D"] == deletes > (400 if bench.slow else 6000), types
    counters = {stage: bench.counters(stage, f"{stage}_counters") for stage in ("feed", "book")}
    assert counters["feed"]["messages"] == market.delivered
    assert counters["book"]["updates"] + counters["book"]["filtered"] == market.delivered
    faults = ("unknown_reference", "duplicate_reference", "over_execution", "table_full")
    assert not any(counters["book"][name] for name in faults), counters["book"]
    assert not any(count for name, count in counters["feed"].items() if name not in ("frames", "datagrams", "messages"))


@_test()
async def tick_to_trade(dut):
    """Whatever the type, lane, tag and place in the datagram of the message that triggers: always the same cycles."""
    bench = await CoreBench.create(dut)
    triggers, sides = {}, [Side.BUY] * len(bench.design.symbols)
    chosen = Trigger.every(bench.rng)[:: 8 if bench.slow else 1]
    bench.answering = False  # else an acknowledgment might have the wire when an order comes
    for count, trigger in enumerate(chosen):
        if count % 8 == 7:
            await bench.answer()
        symbol = bench.rng.randrange(len(sides))
        frames, number = trigger.frames(bench.market, symbol, sides[symbol])
        triggers[number] = trigger, sides[symbol]
        sides[symbol] ^= 1
        bench.send(*frames)
    await bench.drain()
    steps = bench.check()
    assert bench.slow or len(triggers) == len(itch.BOOK_TYPES) * 2 * (1 + 2 * 8)
    assert {trigger.code for trigger, _ in triggers.values()} == {*itch.BOOK_TYPES}
    assert [(d.message, d.side, d.refusals) for d in bench.decisions] == [
        (number, side, 0) for number, (_, side) in triggers.items()]
    lanes = {record.message: last % LANES for step in steps
             for record, last in zip(step.messages, step.last_octets, strict=True)}
    eot = bench.ends(steps)
    for order, frame in zip(bench.orders, bench.order_frames, strict=True):
        sof = bench.sof[frame]
        trigger, _ = triggers[order.message]
        assert lanes[order.message] == trigger.lane, trigger
        assert sof - eot[order.message] == bench.k, f"{trigger}: {sof - eot[order.message]} cycles"
    stages = ("feed", "book", "strategy", "risk", "encode", TRANSMIT)
    assert bench.k == sum(bench.latency[stage] for stage in stages)
    budgets, period = bench.design.budgets, bench.design.core.period_ns
    for stage in (*stages, "indicators"):
        assert bench.latency[stage] * period <= getattr(budgets, stage), stage
    assert bench.k * period <= budgets.tick_to_trade <= 200


@_test()
async def queueing_orders(dut):
    """Bursts of signals faster than order frames: each waits for the one before and for nothing else."""
    bench = await CoreBench.create(dut)
    market, rng = bench.market, bench.rng
    symbols = range(len(bench.design.symbols))
    bench.answering = False
    for burst in range(6 if bench.slow else 16):
        # As many buys as sells of each symbol, so that the position limit is far.
        side = Side(burst % 2)
        if side == Side.BUY:
            counts = [rng.randint(0, 3) for _ in symbols]
        messages = market.clear()
        signals = [symbol for symbol in symbols for _ in range(counts[symbol])]
        rng.shuffle(signals)
        own, other = ("B", "S") if side == Side.BUY else ("S", "B")
        messages += [market.add(symbol, other, 1) for symbol in symbols]
        for symbol in signals:
            market.tick()
            messages.append(market.add(symbol, own, HEAVY))
        bench.send(market.frame(*messages, vlan=rng.random() < 0.5))
        await bench.source.wait()
        await (bench.cycles(20) if burst % 3 else bench.answer())
    await bench.drain()
    eot = bench.ends(bench.check())
    sof = [bench.sof[k] for k in bench.order_frames]
    [beats] = {len(bench.tx_beats[k]) for k in bench.order_frames}
    assert not bench.tx_held_back
    waited = 0
    for n, (order, begun) in enumerate(zip(bench.orders, sof, strict=True)):
        arrived = eot[order.message] + bench.k
        assert begun == arrived or begun == sof[n - 1] + beats
        waited += begun > arrived
    assert waited > len(sof) / 3 and len(sof) - waited >= 3, f"{waited} of {len(sof)} waited"


def _market_day(bench: CoreBench) -> list[bytes]:
    """Frames of the shortest session that has all types."""
    count = 300 + MIN_PER_SYMBOL * len(bench.design.symbols)
    seed = bench.rng.getrandbits(32)
    day = session(bench.design, messages=count, seed=seed, symbols=2 * len(bench.design.symbols))
    return [frame.octets for frame in framed(as_file(day), design=bench.design, seed=seed, bracket=True)]


@_test()
async def idle_gaps(dut):
    """A session with idle cycles within and between frames."""
    bench = await CoreBench.create(dut, opened=False)
    frames = _market_day(bench)
    parts = (0.05, 0.15, 0.3) if bench.slow else (0.0, 0.1, 0.5, 0.9)
    for part, probability in enumerate(parts):
        bench.idle(probability)
        for octets in frames[part * len(frames) // len(parts) : (part + 1) * len(frames) // len(parts)]:
            bench.send(octets)
            if bench.rng.random() < 0.2:
                await bench.source.wait()
                await bench.cycles(bench.rng.randint(0, 40))
        await bench.source.wait()
    await bench.drain()
    bench.check()
    assert len({chr(record.octets & 0xFF) for record in bench.watches["messages"].seen}) == len(itch.MESSAGES)
    assert not _saturated(bench, bench.rx_beats)


@_test()
async def backpressure(dut):
    """TX pauses at random and for long: orders wait, the queue fills, what is sent is exact and in order."""
    bench = await CoreBench.create(dut)
    market, rng = bench.market, bench.rng

    def pauses():
        yield from [True] * 800  # long enough to fill the queue
        while True:
            share = rng.choice((0.0, 0.4, 0.95, 1.0))
            for _ in range(rng.randint(1, 100)):
                yield rng.random() < share

    bench.sink.set_pause_generator(pauses())
    symbols = range(len(bench.design.symbols))
    for _ in range(25 if bench.slow else 100):
        market.tick()
        side = rng.choice((Side.BUY, Side.SELL))
        messages = market.clear()
        for symbol in rng.sample(symbols, rng.randint(1, len(symbols))):
            before, trigger = market.signal(rng.choice(itch.BOOK_TYPES), symbol, side)
            messages += [*before, trigger]
        bench.send(market.frame(*messages))
    await bench.drain()
    bench.check()
    assert bench.tx_held_back
    assert any(d.refusals & Refusal.ORDER_QUEUE_FULL for d in bench.decisions), "the queue was never full"
    assert len(bench.orders) > 2 * bench.design.order.queue


@_test()
async def dissected_orders(dut):
    """Scapy reads each order frame: the TCP stream is whole, one SoupBinTCP packet to a frame."""
    bench = await CoreBench.create(dut)
    for side in (Side.BUY, Side.SELL) * 3:
        bench.send(*Trigger("A", False, "alone", 0).frames(bench.market, 0, side)[0])
        await bench.cycles(60)
    await bench.drain()
    session_, sequence = bench.design.order, bench.design.order.tcp_sequence
    bench.check()
    frames = [bench.tx_frames[k] for k in bench.order_frames]
    assert len(frames) == 6
    for frame in map(Ether, frames):
        ip, tcp = frame[IP], frame[TCP]
        assert (ip.src, ip.dst, tcp.sport, tcp.dport) == (
            session_.source_address, session_.destination_address, session_.source_port, session_.destination_port)
        payload = bytes(tcp.payload)[: ip.len - 40]
        header = read(soupbintcp.HEADER, payload)
        assert (header["type"], header["length"] + 2) == ("U", len(payload))
        assert tcp.seq == sequence
        sequence += len(payload)


@_test()
async def kill_switch(dut):
    """One cycle of it while orders flow: what was decided goes out, nothing is approved any more."""
    bench = await CoreBench.create(dut)
    market = bench.market
    for burst in range(20):
        market.tick()
        messages = market.clear()
        for symbol in range(len(bench.design.symbols)):
            before, trigger = market.signal("A", symbol, Side(burst % 2))
            messages += [*before, trigger]
        bench.send(market.frame(*messages))
    await bench.until(lambda: len(bench.decisions) == 30, within=10_000)
    await bench.cycles(bench.rng.randint(0, 20))
    dut.kill.value = 1
    await RisingEdge(dut.clk)
    dut.kill.value = 0
    await bench.drain()
    bench.check()
    killed = [bool(d.refusals & Refusal.KILL_SWITCH) for d in bench.decisions]
    assert killed == sorted(killed) and 30 <= killed.count(False) < 40 and killed.count(True) > 30


@_test()
async def reset_in_the_middle_of_frames(dut):
    """Reset with a frame half in and an order half out; what is left of the frame is dropped, then all is as new."""
    bench = await CoreBench.create(dut)
    bench.answering = False  # the wreck of an answer would count
    for _ in range(2):
        market = bench.market
        for side in (Side.BUY, Side.SELL):
            bench.send(*Trigger("A", False, "alone", 0).frames(market, 1, side)[0])
        bench.send(market.frame(*(market.quiet() for _ in range(40))))
        await bench.until(lambda: len(bench.sof) == 2, within=10_000)
        await bench.cycles(5)
        assert bench.frame_under_way and bench.rx_beats[-1], "no frame is under way"
        await bench.reset()
        # The frame's tail, and whole frames until the sweep is over.
        bench.market = Market(bench.design, bench.rng)
        early = Market(bench.design, bench.rng)
        bench.send(*(early.frame(*early.opening()) for _ in range(4)))
        await bench.source.wait()
        assert not int(dut.ready.value), "the frames were not early"
        await bench.until(lambda: int(dut.ready.value) == 1, within=10_000)
        bench.send(bench.market.frame(*bench.market.opening()))
    for side in (Side.BUY, Side.SELL):
        for trigger in (Trigger("A", False, "alone", 0), Trigger("D", True, "last", 3)):
            bench.send(*trigger.frames(bench.market, 2, side)[0])
    await bench.drain()
    bench.check()
    assert bench.counters("feed", "feed_counters")["frame_not_ready"] == 1 + 4
    assert len(bench.orders) == 4
    assert bench.orders[0].user_ref_num == bench.design.order.user_ref_num


#: What decides when the model does something, or goes into what it makes: of that it can find nothing wrong.
_TOLD = {"intents": ("host",), "decisions": ("decision", "time"),
         "orders": ("admin", "acknowledgment", "window", "ts_value", "ts_echo")}


@_test()
async def altered_observations(dut):
    """The comparison can fail: one bit of any record, one octet, one cycle, one counter, and it says which."""
    bench = await CoreBench.create(dut)
    for side in (Side.BUY, Side.SELL):
        bench.send(*Trigger("E", False, "alone", 0).frames(bench.market, 0, side)[0])
    await bench.drain()

    def fails(*saying: str):
        try:
            bench.check()
        except AssertionError as failure:
            assert any(each in str(failure) for each in saying), failure
            return
        raise AssertionError(f"accepted: {saying}")

    bench.check()
    # What the model is told of is falsified in the stages' own benches; here one of it is kept from it.
    depths = bench.watches["depths"]
    last = depths.seen.pop(), depths.cycles.pop()
    fails("counters")
    depths.seen.append(last[0])
    depths.cycles.append(last[1])
    for stream, watch in bench.watches.items():
        if not watch.seen or stream in (*book_events.STREAMS, *(record.stream for record in moments.RECORDS)):
            continue
        for field in watch.record.fields:
            if field.name in _TOLD.get(stream, ()):
                continue
            good = watch.seen[-1]
            watch.seen[-1] = good._replace(**{field.name: getattr(good, field.name) ^ 1})
            fails(f"{stream}[{len(watch.seen) - 1}]")
            watch.seen[-1] = good
        last = watch.seen.pop(), watch.cycles.pop()
        fails(f"{stream}: expected {len(watch.seen) + 1}, got {len(watch.seen)}")
        watch.seen.append(last[0])
        watch.cycles.append(last[1] + 1)
        fails("declared", "clock after")
        watch.cycles[-1] -= 1
    last = bench.order_frames[-1]
    bench.sof[last] += 1
    fails("first beat at cycle")
    bench.sof[last] -= 1
    good = bench.tx_frames[last]
    bench.tx_frames[last] = good[:-1] + bytes([good[-1] ^ 1])
    fails("order frame 1: expected")
    bench.tx_frames[last] = good
    counters = bench.counters
    bench.counters = lambda *names: {name: value + 1 for name, value in counters(*names).items()}
    fails("counters")
    bench.counters = counters
