"""The parts of the gate, each by itself."""

import random

import pytest
from amaranth import *
from amaranth.sim import Simulator

from hdl.risk.duplicates import Duplicates
from hdl.risk.kill_switch import KillSwitch
from hdl.risk.loss import Loss
from hdl.risk.lot import RoundLot
from hdl.risk.products import Products
from hdl.risk.rate import Rate
from hdl.risk.stale import Stale
from hdl.risk.sums import any_of, inverted, is_less, total
from spec.config import LOTS, preset
from spec.records import KILL, UPDATE, Cause
from tests.hdl.cycles import run

SMALL = preset("small")


def _combinational(m, process):
    simulator = Simulator(m)
    simulator.add_testbench(process)
    simulator.run()


@pytest.mark.parametrize("words", range(2, 7))
def test_a_total_is_the_sum_of_words_and_ones(words):
    """Words of either sign, with as many ones as there is place for, and with fewer."""
    m, rng = Module(), random.Random(words)
    inputs = [Signal(signed(9) if i % 2 else unsigned(8), name=f"word_{i}") for i in range(words)]
    bits = Signal(words - 1)
    sums = [Signal(signed(14), name=f"sum_{ones}") for ones in range(words)]
    for ones, result in enumerate(sums):
        m.d.comb += result.eq(total(m, *inputs, ones=tuple(bits[:ones]), width=14, name=f"with_{ones}"))

    async def process(ctx):
        for _ in range(200):
            values = [rng.choice((-256, -1, 0, 255)) if i % 2 else rng.choice((0, 1, 127, 255, rng.getrandbits(8)))
                      for i in range(words)]
            given = rng.getrandbits(words - 1)
            for signal, value in zip([*inputs, bits], [*values, given], strict=True):
                ctx.set(signal, value)
            for ones, result in enumerate(sums):
                assert ctx.get(result) == sum(values) + bin(given & (1 << ones) - 1).count("1")

    _combinational(m, process)


def test_more_ones_than_a_total_has_place_for():
    with pytest.raises(ValueError, match="ones must be fewer than words, not 2 with 2"):
        total(Module(), Signal(4), Signal(4), ones=(1, 1), width=5, name="sum")


def test_less_inverted_and_any():
    m, rng = Module(), random.Random(1)
    a, b, c, d = (Signal(6, name=name) for name in "abcd")
    less, negative, some = Signal(), Signal(signed(8)), Signal()
    m.d.comb += [less.eq(is_less(m, [a, b], [c, d], name="less")), negative.eq(inverted(a) + 1),
                 some.eq(any_of(m, a ^ b, name="some"))]

    async def process(ctx):
        for _ in range(500):
            values = [rng.choice((0, 1, 31, 62, 63)) for _ in "abcd"]
            for signal, value in zip((a, b, c, d), values, strict=True):
                ctx.set(signal, value)
            assert ctx.get(less) == (values[0] + values[1] < values[2] + values[3])
            assert ctx.get(negative) == -values[0]
            assert ctx.get(some) == (values[0] != values[1])

    _combinational(m, process)


def test_every_lot_divides_its_multiples_alone():
    """Around every multiple of 200 near the ends, and anywhere; in adjacent cycles."""
    rng = random.Random(2)
    edges = [q for base in (0, 1000, 1024, 1 << 19, 999_800, (1 << 20) - 205) for q in range(base, base + 205)]
    steps = [(lot, q) for lot in LOTS for q in rng.sample(edges, 300) + [rng.randrange(1 << 20) // lot * lot]]
    steps += [(lot, 0) for lot in range(256) if lot not in LOTS]
    inputs = [{"quantity": q, "lot": before} for (_, q), (before, _) in
              zip([*steps, (1, 0)], [(1, 0), *steps], strict=True)]
    seen = run(RoundLot(), inputs, ["fails"], after=2)
    for k, (lot, quantity) in enumerate(steps):
        assert seen[k + 2][0] == (lot not in LOTS or quantity % lot != 0), (lot, quantity)


def test_products():
    rng = random.Random(3)
    top = (1 << 32) - 1
    steps = [{name: rng.choice((0, 1, most, rng.randint(0, most))) for name, most in (
        ("quantity", (1 << 20) - 1), ("buy", top), ("sell", top), ("reference", top), ("up", 20_000), ("down", 10_000),
        ("side", 1))} for _ in range(100)]
    inputs = [{"quantity": now["quantity"], "prices": now["buy"] | now["sell"] << 32}
              | {name: before[name] for name in ("side", "reference", "up", "down")}
              for now, before in zip([*steps, steps[0]], [steps[0], *steps], strict=True)]
    dut = Products()
    # An array of ports is no single value.
    for name in ("prices", "notional", "above", "below"):
        setattr(dut, f"all_{name}", Cat(getattr(dut, name)))
    inputs = [{"all_prices" if name == "prices" else name: value for name, value in step.items()} for step in inputs]
    seen = run(dut, inputs, ["all_notional", "scaled", "all_above", "all_below"], after=2)

    def sum_of(word, bits):
        return (word & (1 << bits) - 1) + (word >> bits)

    for k, step in enumerate(steps):
        price, reference = step["sell" if step["side"] else "buy"], step["reference"]
        assert sum_of(seen[k + 1][0], 52) == price * step["quantity"]
        assert seen[k + 2][1] == (price * 10_000 if reference else 0)
        assert sum_of(seen[k + 2][2], 47) == reference * step["up"]
        assert sum_of(seen[k + 2][3], 46) == reference * step["down"]


@pytest.mark.parametrize("rate_ns, burst_ns", [(10, 0), (10, 30), (7, 7 * 65_534), ((1 << 40) - 1, 0), (0, 0)])
def test_a_bucket_gives_its_tokens_and_one_per_interval(rate_ns, burst_ns):
    """Told with counts instead of times: a bucket of burst / rate + 1 tokens, filled by one per interval."""
    rng, dut = random.Random(4), Rate()
    tokens, filled, time, full_at = (burst_ns // rate_ns if rate_ns else 0) + 1, 0, 1_700_000_000_000_000_000, 0
    capacity = tokens
    for _ in range(60):
        time += rng.choice((0, 1, rate_ns - 1, rate_ns, 3 * rate_ns, 200 * rate_ns)) if rate_ns else 0
        if rate_ns and tokens == capacity:
            filled = time  # a full bucket waits
        while rate_ns and tokens < capacity and filled + rate_ns <= time:
            tokens, filled = tokens + 1, filled + rate_ns
        if rate_ns and tokens == capacity:
            filled = time
        seen = run(dut, [{"time": time, "rate_ns": rate_ns, "burst_ns": burst_ns, "full_at": full_at}, None],
                   ["fails", "next"])
        fails, after = seen[1]
        assert fails == (bool(rate_ns) and tokens == 0)
        if not fails:
            tokens, full_at = tokens - bool(rate_ns), after
        dut = Rate()


def test_duplicates_at_any_distance():
    """A naive memory of what was entered, an intent per cycle or fewer, windows of some cycles."""
    rng = random.Random(5)
    for gap in range(4):
        time, inputs, expected, last = 1_700_000_000_000_000_000, [], [], {}
        enters_before = 0
        for _ in range(300):
            time += rng.choice((0, 1, 3))
            symbol, side, quantity, price = rng.randrange(2), rng.randrange(2), rng.choice((1, 2)), rng.choice((5, 6))
            window, enters = rng.choice((0, 1, 4, 1 << 39)), rng.random() < 0.9
            then = last.get((symbol, side))
            fails = bool(enters and window and then and then[:2] == (quantity, price) and time - then[2] < window)
            approved = enters and not fails and rng.random() < 0.7
            if approved:
                last[symbol, side] = quantity, price, time
            inputs.append({"symbol": symbol, "side": side, "quantity": quantity, "price": price, "time": time,
                           "window_ns": window, "enters": enters, "entered": enters_before})
            inputs += [{"entered": approved if k == 0 else 0, "enters": 0, "symbol": rng.randrange(2)}
                       for k in range(gap)]
            enters_before = approved if gap == 0 else 0
            expected.append((len(inputs) - gap, fails))
        seen = run(Duplicates(design=SMALL), inputs, ["fails"], after=1)
        assert [seen[cycle][0] for cycle, _ in expected] == [fails for _, fails in expected]
        assert any(fails for _, fails in expected)


def _kills(inputs):
    idle = {"of_reply": 0, "others": 0, "release": 0}
    seen = run(KillSwitch(), [idle | step for step in inputs], ["causes", "released", "kills__valid", "kills__payload"],
               after=3)
    return ([causes for causes, *_ in seen],
            {cycle: KILL.unpack(payload).causes for cycle, (_, _, valid, payload) in enumerate(seen) if valid})


def test_causes_latch_one_by_one():
    every = Cause.HOST | Cause.LOSS | Cause.SESSION_LOST
    causes, records = _kills([{}, {"others": every}, {"of_reply": Cause.REJECTS}, {"others": every}, {}, {}])
    first, second = Cause.HOST, Cause.HOST | Cause.REJECTS
    assert causes[1:6] == [0, first, second, second | Cause.LOSS, second | every]
    assert records == {2: first, 3: second, 4: second | Cause.LOSS, 5: second | every}


def test_a_release_waits_until_every_cause_has_had_its_record():
    causes, records = _kills([{"others": Cause.HOST | Cause.LOSS | Cause.SESSION_LOST}, {"release": 1}, {}, {}, {}])
    first, second = Cause.HOST, Cause.HOST | Cause.LOSS
    assert records == {1: first, 2: second, 3: second | Cause.SESSION_LOST, 4: 0}
    assert causes[4] == 0


NEWS = [{"others": Cause.HOST}, {"others": Cause.SESSION_LOST}, {"of_reply": Cause.UNLAWFUL_REPLY},
        {"others": Cause.LOSS}]


@pytest.mark.parametrize("news", NEWS)
@pytest.mark.parametrize("up", [{"others": Cause.HOST}, {"of_reply": Cause.REJECTS}])
def test_a_release_ends_nothing_when_something_comes_with_it(up, news):
    causes, records = _kills([up, {}, {"release": 1} | news, {}, {}, {}])
    assert all(causes[1:]) and 0 not in records.values()


@pytest.mark.parametrize("news", NEWS)
def test_a_release_that_waits_does_not_end_what_comes_after_it(news):
    held = {"others": Cause.HOST | Cause.LOSS | Cause.SESSION_LOST}
    loss_is_news = {"others": Cause.HOST | Cause.SESSION_LOST} if news == {"others": Cause.LOSS} else held
    causes, records = _kills([loss_is_news, {"release": 1}, news, {}, {}, {}])
    assert all(causes[1:]) and 0 not in records.values()


def test_a_loss_that_goes_on_holds_no_release():
    loses = {"others": Cause.LOSS}
    causes, records = _kills([loses, loses, loses | {"release": 1}, loses, {}, {}])
    assert records[1] == Cause.LOSS and records[3] == 0 and causes[3] == 0


def test_silence():
    """Nothing heard for more than 50 ns, 10 ns a cycle; seen three cycles later."""
    inputs = [{"time": 1000 + 10 * k, "limit_ns": 50, "heard": k == 2} for k in range(15)]
    seen = [stale for stale, in run(Stale(), inputs, ["stale"])]
    assert seen[5:] == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert run(Stale(), [step | {"limit_ns": 0} for step in inputs], ["stale"])[-1] == (0,)


def test_equity_is_what_was_earned_and_what_positions_are_worth():
    """Random executions and prices against sums over the whole history; the limit moves through equity."""
    rng, inputs, history = random.Random(6), [], []
    last_trade, own, cash, shares = {}, {}, 0, dict.fromkeys(range(3), 0)
    idle = {"updates__valid": 0, "fills__valid": 0}
    for _ in range(150):
        symbol, price = rng.randrange(3), rng.choice((1, 1_000_000 + rng.randint(-50, 50), (1 << 32) - 1))
        if rng.random() < 0.5:
            traded = rng.random() < 0.7
            update = UPDATE.tuple(**dict.fromkeys(UPDATE.tuple._fields, 0)
                                  | {"symbol": symbol, "last_trade": price if traded else 0})
            inputs.append(idle | {"updates__valid": 1, "updates__payload": UPDATE.pack(update)})
            if traded:
                last_trade[symbol] = price
        else:
            side, quantity = rng.randrange(2), rng.choice((1, 100, 999_999))
            fill = symbol | side << 10 | quantity << 11 | price << 43
            inputs.append(idle | {"fills__valid": 1, "fills__payload": fill})
            own[symbol] = price
            shares[symbol] += -quantity if side else quantity
            cash += quantity * price if side else -quantity * price
        equity = cash + sum(n * last_trade.get(s, own.get(s, 0)) for s, n in shares.items())
        inputs += [idle] * (Loss.LATENCY + 2)
        history.append((len(inputs), equity))
        for limit in (max(-equity, 1), max(-equity - 1, 1)):
            inputs += [idle | {"max_loss": limit}] * 3
        inputs.append(idle | {"max_loss": 0})
    seen = [exceeded for exceeded, in run(Loss(design=SMALL), inputs, ["exceeded"])]
    for at, equity in history:
        for k in range(2):
            limit = inputs[at + 3 * k]["max_loss"]
            assert seen[at + 3 * k + 2] == (equity < -limit), (at, equity, limit)
    assert {equity < 0 for _, equity in history} == {False, True}


def test_a_loss_is_seen_in_time():
    """``LATENCY`` cycles after the update, and not before."""
    idle = {"updates__valid": 0, "fills__valid": 0, "max_loss": 99}
    bought = idle | {"fills__valid": 1, "fills__payload": 100 << 11 | 1000 << 43}
    update = UPDATE.tuple(**dict.fromkeys(UPDATE.tuple._fields, 0) | {"last_trade": 999})
    fell = idle | {"updates__valid": 1, "updates__payload": UPDATE.pack(update)}
    inputs = [bought, *[idle] * 20, fell, *[idle] * 20]
    seen = [exceeded for exceeded, in run(Loss(design=SMALL), inputs, ["exceeded"])]
    assert seen.index(1) == 21 + Loss.LATENCY
