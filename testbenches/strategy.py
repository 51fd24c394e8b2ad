"""Strategy: every intent and counter against the golden model, every latency to the cycle."""

from itertools import pairwise

import cocotb

from golden_model.strategy import Strategy as Golden
from hdl.candidates import Candidates
from hdl.strategy import Strategy
from spec.limits import parameters
from spec.records import LEVEL_QUANTITY_BITS, MAX_SYMBOLS, PARAMETERS, REQUEST, Action, Side

from .candidates import candidates_of
from .harness import Bench, assert_same_counters, assert_same_records
from .updates import Updates, drive

#: Counters of what may become of an update.
OUTCOMES = ("intents", "suppressed_unknown", "suppressed_halt", "suppressed_cooldown")
IDLE = (0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4)


async def compare(bench: Bench, updates: list, gap=lambda: 0, requests=(), sets=()) -> list:
    """Drive ``updates``, and ``requests`` and ``sets`` of parameters beside them, from reset and compare all there is;
    the expected intents."""
    await bench.start(**{f"{stream}_{wire}": 0 for stream in ("updates", "indicators", "requests", "parameters")
                         for wire in ("valid", "payload")})
    sent, intents, asked = bench.watch("updates"), bench.watch("intents"), bench.watch("requests")
    given, echoes = bench.watch("parameters"), bench.watch("parameters_set")
    latency = Strategy(design=bench.design).LATENCY
    announced = {}

    def watch_candidates():
        announced[bench.cycle] = int(bench.dut.candidates.value)

    bench.always(watch_candidates)
    offers = [cocotb.start_soon(bench.offer("requests", requests, gap)),
              cocotb.start_soon(bench.offer("parameters", sets, lambda: 10 * gap() + bench.rng.randrange(40)))]
    await drive(bench, updates, gap)
    for offer in offers:
        await offer
    await bench.cycles(latency + 3)

    golden, expected, caused, echoed = Golden(bench.design), [], [], []
    inputs = [(cycle, ask, record) for watch, ask in (
        (sent, golden.update), (asked, golden.request), (given, golden.parameters))  # an update sees what was before
        for cycle, record in zip(watch.cycles, watch.seen, strict=True)]
    for cycle, ask, record in sorted(inputs, key=lambda i: i[0]):
        if (answer := ask(record)) is None:
            continue
        if ask == golden.parameters:
            echoed.append(answer)
        else:
            expected.append(answer)
            caused.append(cycle)
    assert [len(watch.seen) for watch in (sent, asked, given)] == [len(updates), len(requests), len(sets)]
    assert_same_records(intents, expected)
    assert echoes.seen == echoed
    assert echoes.cycles == [cycle + 1 for cycle in given.cycles]
    for intent, cause, cycle in zip(intents.seen, caused, intents.cycles, strict=True):
        assert cycle - cause == latency, f"message {intent.message}: latency {cycle - cause}"
        said = Candidates.from_bits(announced[cycle - 1])
        assert announced[cycle - 1] == candidates_of(intent, said.prices[1 - intent.side]), (
            f"message {intent.message}: {said} came before {intent}")
    assert_same_counters(bench.counters("strategy"), golden.counters)
    return expected


def book(make: Updates, *, bid=1_000_000, spread=100, bid_quantity, ask_quantity, **fields):
    """A book change with both sides known and orders on them, tradable."""
    return make.make(**{
        "bid_known": 1, "bid_price": bid, "bid_quantity": bid_quantity, "bid_orders": 1, "ask_known": 1,
        "ask_price": bid + spread, "ask_quantity": ask_quantity, "ask_orders": 1, "tradable": 1, "last_trade": bid,
        "collar_lower": 900_000, "collar_upper": 1_100_000} | fields)


def anything(make: Updates, count: int, sets=()) -> list:
    """Around every edge: ratio, spread, cooldown, flags; of the design's parameters or any of ``sets``."""
    rng, updates = make.rng, []
    for _ in range(count):
        edges = rng.choice(sets or [make.design.strategy])
        numerator, denominator = edges.numerator, max(edges.denominator, 1)
        thin = rng.choice((0, 1, 100, rng.getrandbits(LEVEL_QUANTITY_BITS - 9)))
        edge = -(-thin * numerator // denominator)
        thick = max(0, edge + rng.choice((-1, 0, 0, 1, rng.getrandbits(20))))
        quantities = [min(quantity, 2**LEVEL_QUANTITY_BITS - 1) for quantity in (thin, thick)]
        rng.shuffle(quantities)
        bid = rng.choice((1_000_000, 1, rng.getrandbits(31)))
        ask = bid + rng.choice((-1, 0, 1, 100, edges.max_spread, edges.max_spread + 1))
        updates.append(make.make(
            symbol=make.symbol(), type=make.type(), tradable=int(rng.random() < 0.9), last_trade=rng.getrandbits(32),
            collar_lower=rng.getrandbits(32), collar_upper=rng.getrandbits(32),
            **make.side("bid", bid, quantities[0]), **make.side("ask", min(ask, (1 << 32) - 1), quantities[1])))
    return updates


def around_cooldown(bench: Bench) -> tuple[int, ...]:
    cooldown = bench.design.strategy.cooldown_ns
    return 0, 1, cooldown // 3, cooldown - 1, cooldown, cooldown + 1


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def anything_with_gaps(dut):
    bench = Bench(dut)
    updates = anything(Updates(bench.rng, bench.design, near=around_cooldown(bench)), 2000)
    expected = await compare(bench, updates, lambda: bench.rng.choice(IDLE))
    assert {intent.side for intent in expected} == {Side.BUY, Side.SELL}
    counters = bench.counters("strategy")
    assert all(counters[name] for name in OUTCOMES), f"something never happened: {counters}"


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def requests_among_updates(dut):
    """In cycles without an update only, with what the update before said, however near that was."""
    bench = Bench(dut)
    rng, symbols = bench.rng, len(bench.design.symbols)
    requests = [REQUEST.tuple(
        symbol=rng.choice((0, rng.randrange(symbols), rng.randrange(MAX_SYMBOLS))), action=rng.choice(list(Action)),
        target=rng.getrandbits(32), side=rng.getrandbits(1), quantity=rng.getrandbits(32), price=rng.getrandbits(32))
        for _ in range(800)]
    updates = anything(Updates(rng, bench.design, near=around_cooldown(bench)), 1500)
    updates = [update._replace(gap=int(k > 300), short_restricted=rng.getrandbits(1))
               for k, update in enumerate(updates)]
    expected = await compare(bench, updates, lambda: rng.choice(IDLE), requests)
    assert {(intent.host, intent.gap) for intent in expected} == {(host, gap) for host in (0, 1) for gap in (0, 1)}
    assert bench.counters("strategy")["requests_foreign"]


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def parameters_between_updates(dut):
    """With an update in nearly every cycle, each is judged by the old ones or by the new ones; zeros and ones too."""
    bench = Bench(dut)
    rng, near = bench.rng, around_cooldown(bench)
    first = parameters(bench.design)
    sets = [first, first._replace(quantity=0), PARAMETERS.unpack(0), PARAMETERS.unpack((1 << PARAMETERS.bits) - 1)]
    sets += [PARAMETERS.tuple(rng.randrange(1, 256), rng.randrange(1, 256), rng.randrange(1, 1_000_000),
                              rng.choice((1, 100, rng.getrandbits(32))), rng.choice(near)) for _ in range(12)]
    given = [rng.choice(sets) for _ in range(60)]
    updates = anything(Updates(rng, bench.design, near=near), 1500, sets)
    expected = await compare(bench, updates, lambda: rng.choice((0, 0, 0, 1)), sets=given)
    assert len({intent.quantity for intent in expected}) > 8
    counters = bench.counters("strategy")
    assert all(counters[name] for name in OUTCOMES), f"something never happened: {counters}"


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def anything_back_to_back_over_midnight(dut):
    """Time wraps to zero on the way."""
    bench = Bench(dut)
    near = around_cooldown(bench)
    expected = await compare(bench, anything(Updates(bench.rng, bench.design, near, (1 << 48) - 500 * max(near)), 2000))
    assert any(later.timestamp < earlier.timestamp for earlier, later in pairwise(expected))


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def cooldown_ends_to_the_nanosecond(dut):
    """A signal in every cycle on one symbol; each distance of the forwarding, one ns before and at the end."""
    bench = Bench(dut)
    cooldown = bench.design.strategy.cooldown_ns
    for spread in (0, 1, 2, 3):
        make = Updates(bench.rng, bench.design, near=(0,))
        updates, due = [book(make, bid_quantity=500, ask_quantity=100)], [0]
        for _ in range(20):
            for wait, intent in ((cooldown - 1, False), (1, True), (0, False), (0, False)):
                make.timestamp += wait
                updates.append(book(make, bid_quantity=500, ask_quantity=100))
                due += [updates[-1].message] if intent else []
        expected = await compare(bench, updates, lambda spread=spread: spread)
        assert [intent.message for intent in expected] == due
        bench = Bench(dut)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def symbols_cool_apart(dut):
    """One symbol's intents do not hold back another's, in adjacent cycles."""
    bench = Bench(dut)
    make, symbols = Updates(bench.rng, bench.design, near=(0,)), len(bench.design.symbols)
    updates = [book(make, symbol=k % symbols, bid_quantity=100, ask_quantity=500) for k in range(3 * symbols)]
    expected = await compare(bench, updates)
    assert [intent.symbol for intent in expected] == list(range(symbols))
    assert bench.counters("strategy")["suppressed_cooldown"] == 2 * symbols


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_halted_signal_starts_no_cooldown(dut):
    bench = Bench(dut)
    make = Updates(bench.rng, bench.design, near=(0,))
    updates = [book(make, bid_quantity=500, ask_quantity=100, tradable=k == 2) for k in range(4)]
    expected = await compare(bench, updates)
    assert [intent.message for intent in expected] == [2]
    counters = bench.counters("strategy")
    assert (counters["suppressed_halt"], counters["suppressed_cooldown"]) == (3, 0), counters


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def reset_forgets_the_cooldown(dut):
    for _ in range(2):
        bench = Bench(dut)
        make = Updates(bench.rng, bench.design, near=(1,))
        await compare(bench, [book(make, bid_quantity=500, ask_quantity=100) for _ in range(3)])
