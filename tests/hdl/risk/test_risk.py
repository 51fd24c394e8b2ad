"""The gate: value and latency of every check, just inside and just outside its limit."""

import random

import pytest
from amaranth.sim import Simulator

from hdl.risk import Risk
from spec.config import preset
from spec.records import DECISION, INTENT, Refusal, Side
from testbenches.candidates import candidates_of

BUY, SELL = Side.BUY, Side.SELL
KILL, FULL = "kill", "queue_full"

SMALL = preset("small")
LIMITS = SMALL.risk.model_copy(update={"max_quantity": 1000, "max_position": 2500, "collar_bps": 500})
DESIGN = SMALL.model_copy(update={"risk": LIMITS})


def intent(**changes):
    """An intent that nothing is wrong with, but for ``changes``."""
    values = {"message": 7, "timestamp": 34_200_000_000_000, "symbol": 1, "side": BUY, "quantity": 100,
              "price": 1_000_000, "reference": 1_000_000, "collar_lower": 0, "collar_upper": 0}
    return INTENT.tuple(**values | changes)


class Gate:
    """A gate that can be run again: building the simulation takes longer than running it."""

    def __init__(self, design):
        self.dut = Risk(design=design)
        self.simulator = Simulator(self.dut)
        self.simulator.add_clock(1e-6)
        self.simulator.add_testbench(self._bench)
        self._used = False

    def run(self, schedule):
        self._schedule, self.decisions, self.counters = schedule, {}, {}
        if self._used:
            self.simulator.reset()
        self._used = True
        self.simulator.run()
        return self.decisions, self.counters

    async def _bench(self, ctx):
        dut, rng = self.dut, random.Random(1)
        schedule = [events if type(events) is tuple else (events,) for events in self._schedule]
        await ctx.tick().until(dut.ready)

        def happens(cycle):
            """Events, and the intent among them."""
            events = schedule[cycle] if 0 <= cycle < len(schedule) else ()
            return events, next((e for e in events if isinstance(e, INTENT.tuple)), None)

        for cycle in range(-1, len(schedule) + Risk.LATENCY + 2):
            events, given = happens(cycle)
            _, follows = happens(cycle + 1)
            ctx.set(dut.kill, KILL in events)
            ctx.set(dut.queue_full, FULL in events)
            # The price of the other side is anything, and so is all of it where no intent follows.
            ctx.set(dut.candidates.as_value(),
                    candidates_of(follows, rng.getrandbits(32)) if follows else rng.getrandbits(200))
            ctx.set(dut.intents.valid, given is not None)
            ctx.set(dut.intents.payload.as_value(), INTENT.pack(given) if given else 0)
            if ctx.get(dut.decisions.valid):
                self.decisions[cycle] = DECISION.unpack(ctx.get(dut.decisions.payload.as_value()))
            await ctx.tick()
        self.counters.update({name: ctx.get(dut.counters[name]) for name in dut.counters.shape().members})


_gates = {}


def judge(schedule, design=DESIGN):
    """Decisions as {cycle: Decision}, and counters, when ``schedule[cycle]`` is an intent, KILL, FULL, a tuple of
    these, or None."""
    if design.risk not in _gates:
        _gates[design.risk] = Gate(design)
    return _gates[design.risk].run(schedule)


def refusals(schedule, design=DESIGN):
    return [Refusal(decision.refusals) for _, decision in sorted(judge(schedule, design)[0].items())]


def test_decision_follows_after_exactly_one_cycle_with_every_field():
    given = intent(message=0xFFFF_FFFF, timestamp=(1 << 48) - 1, symbol=3, side=SELL, quantity=999)
    seen, counters = judge([None, given, None])
    assert Risk.LATENCY == 1
    assert seen == {2: DECISION.tuple(given.message, given.timestamp, 3, SELL, 999, given.price, 0, -999)}
    assert counters == dict.fromkeys(counters, 0) | {"approved": 1}


@pytest.mark.parametrize("changes, expected", [
    ({"quantity": 1}, Refusal.NONE),
    ({"quantity": 0}, Refusal.ORDER_SIZE),
    ({"quantity": 1000}, Refusal.NONE),
    ({"quantity": 1001}, Refusal.ORDER_SIZE),
    ({"quantity": 2500}, Refusal.ORDER_SIZE),
    ({"quantity": 2501}, Refusal.ORDER_SIZE | Refusal.POSITION_LIMIT),
    ({"quantity": (1 << 32) - 1}, Refusal.ORDER_SIZE | Refusal.POSITION_LIMIT),
    ({"side": SELL, "quantity": 2500}, Refusal.ORDER_SIZE),
    ({"side": SELL, "quantity": 2501}, Refusal.ORDER_SIZE | Refusal.POSITION_LIMIT),
    ({"side": SELL, "quantity": (1 << 32) - 1}, Refusal.ORDER_SIZE | Refusal.POSITION_LIMIT),
    ({"price": 1_050_000}, Refusal.NONE),
    ({"price": 1_050_001}, Refusal.PRICE_COLLAR),
    ({"price": 950_000}, Refusal.NONE),
    ({"price": 949_999}, Refusal.PRICE_COLLAR),
    ({"price": 0}, Refusal.ORDER_SIZE | Refusal.PRICE_COLLAR),
    ({"price": 1, "reference": 1}, Refusal.NONE),
    ({"price": 2, "reference": 1}, Refusal.PRICE_COLLAR),
    ({"price": (1 << 32) - 1, "reference": (1 << 32) - 1}, Refusal.NONE),
    ({"price": (1 << 32) - 1, "reference": 1}, Refusal.PRICE_COLLAR),
    ({"price": 1, "reference": (1 << 32) - 1}, Refusal.PRICE_COLLAR),
    ({"price": 21, "reference": 20}, Refusal.NONE),
    ({"price": 20, "reference": 19}, Refusal.PRICE_COLLAR),  # 1 * 10 000 > 19 * 500
    ({"reference": 0}, Refusal.NO_REFERENCE),
    ({"reference": 0, "price": (1 << 32) - 1}, Refusal.NO_REFERENCE),
    ({"collar_lower": 1_000_000, "collar_upper": 1_000_000}, Refusal.NONE),
    ({"collar_lower": 1_000_001, "collar_upper": 1_100_000}, Refusal.LULD_COLLAR),
    ({"collar_lower": 900_000, "collar_upper": 999_999}, Refusal.LULD_COLLAR),
    ({"collar_lower": 1_000_001, "collar_upper": 0}, Refusal.NONE),
    ({"quantity": 0, "price": 0, "reference": 0, "collar_lower": 1, "collar_upper": 2},
     Refusal.ORDER_SIZE | Refusal.NO_REFERENCE | Refusal.LULD_COLLAR),
])
def test_check(changes, expected):
    seen, counters = judge([intent(**changes)])
    assert {cycle: Refusal(decision.refusals) for cycle, decision in seen.items()} == {1: expected}
    counted = {refusal.name.lower(): 1 for refusal in Refusal if refusal & expected}
    counted["refused" if expected else "approved"] = 1
    assert counters == dict.fromkeys(counters, 0) | counted


@pytest.mark.parametrize("bps", [0, 1, 333, 500, 4999, 9999, 10_000])
@pytest.mark.parametrize("reference", [1, 9999, 10_000, 123_457, (1 << 32) - 1])
def test_price_collar_is_exact_for_every_distance(bps, reference):
    design = DESIGN.model_copy(update={"risk": LIMITS.model_copy(update={"collar_bps": bps})})
    distance = reference * bps // 10_000
    prices = {p for p in (reference - distance - 1, reference - distance, reference, reference + distance,
                          reference + distance + 1, 1, (1 << 32) - 1) if 0 < p < 1 << 32}
    prices = sorted(prices)
    expected = [Refusal.PRICE_COLLAR if abs(price - reference) * 10_000 > reference * bps else Refusal.NONE
                for price in prices]
    assert refusals([intent(price=p, reference=reference, quantity=1) for p in prices], design) == expected
    assert Refusal.NONE in expected


@pytest.mark.parametrize("side, sign", [(BUY, 1), (SELL, -1)])
@pytest.mark.parametrize("gap", range(5))
def test_position_is_forwarded_at_any_distance(side, sign, gap):
    """2 500 shares fit three times 800: the fourth and the fifth are refused, 100 more fit."""
    steps = [800, 800, 800, 800, 101, 100, 1]
    schedule = []
    for quantity in steps:
        schedule += [intent(side=side, quantity=quantity), *[None] * gap]
    decisions = [decision for _, decision in sorted(judge(schedule)[0].items())]
    no, limit = Refusal.NONE, Refusal.POSITION_LIMIT
    assert [d.refusals for d in decisions] == [no, no, no, limit, limit, no, limit]
    assert [d.position for d in decisions] == [sign * p for p in (800, 1600, 2400, 2400, 2400, 2500, 2500)]


def test_from_one_limit_to_the_other():
    steps = [(BUY, 1000), (BUY, 1000), (BUY, 500), *[(SELL, 1000)] * 5, (SELL, 1), (BUY, 1)]
    decisions = [d for _, d in sorted(judge([intent(side=side, quantity=q) for side, q in steps])[0].items())]
    assert [d.position for d in decisions] == [1000, 2000, 2500, 1500, 500, -500, -1500, -2500, -2500, -2499]
    assert [bool(d.refusals) for d in decisions] == [False] * 8 + [True, False]


def test_symbols_have_positions_of_their_own():
    steps = [(symbol, round) for round in range(3) for symbol in range(len(DESIGN.symbols))]
    schedule = [intent(symbol=symbol, quantity=10 ** round) for symbol, round in steps]
    positions = [d.position for _, d in sorted(judge(schedule)[0].items())]
    assert positions == [[1, 11, 111][round] for _, round in steps]


def test_limit_of_zero_lets_nothing_through():
    design = DESIGN.model_copy(update={"risk": LIMITS.model_copy(update={"max_position": 0})})
    assert refusals([intent(side=side, quantity=1) for side in (BUY, SELL)], design) == [Refusal.POSITION_LIMIT] * 2


def test_largest_limit():
    design = DESIGN.model_copy(update={"risk": LIMITS.model_copy(update={"max_position": (1 << 40) - 1})})
    assert refusals([intent(side=side, quantity=1000) for side in (SELL, BUY, BUY)], design) == [Refusal.NONE] * 3


def test_kill_switch_counts_from_the_next_decision_and_stays():
    """Intent in cycle n is decided in cycle n: a pulse in cycle 2 stops the intents of 2 and later."""
    schedule = [intent(), intent(), (intent(), KILL), intent(), None, intent()]
    expected = [*[Refusal.NONE] * 2, *[Refusal.KILL_SWITCH] * 3]
    assert refusals(schedule) == expected


def test_queue_full_counts_as_it_stands_when_the_decision_is_taken():
    schedule = [FULL, intent(), (intent(), FULL), intent(), (intent(), FULL), FULL]
    assert refusals(schedule) == [Refusal.NONE, Refusal.ORDER_QUEUE_FULL, Refusal.NONE, Refusal.ORDER_QUEUE_FULL]


def test_what_was_judged_is_what_is_decided_whatever_the_intent_says():
    """An intent that its candidates did not announce sends none of its own values."""
    dut, announced = Risk(design=DESIGN), intent(side=SELL, quantity=10)

    async def bench(ctx):
        await ctx.tick().until(dut.ready)
        ctx.set(dut.candidates.as_value(), candidates_of(announced, 0))
        await ctx.tick()
        ctx.set(dut.intents.valid, 1)
        ctx.set(dut.intents.payload.as_value(), INTENT.pack(announced._replace(
            symbol=2, quantity=1_000_000, price=1, reference=0)))
        await ctx.tick()
        seen = DECISION.unpack(ctx.get(dut.decisions.payload.as_value()))
        assert seen == DECISION.tuple(announced.message, announced.timestamp, 1, SELL, 10, 1_000_000, 0, -10)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_idle_gate_decides_nothing_and_keeps_positions():
    """What lies on the payload without valid is no intent, whatever it says."""
    dut = Risk(design=DESIGN)

    async def bench(ctx):
        await ctx.tick().until(dut.ready)
        ctx.set(dut.candidates.as_value(), candidates_of(intent(quantity=100), 0))
        for valid in (0, 0, 1, 0, 0, 0):
            ctx.set(dut.intents.valid, valid)
            ctx.set(dut.intents.payload.as_value(), INTENT.pack(intent(quantity=100)))
            await ctx.tick()
        ctx.set(dut.intents.valid, 1)
        await ctx.tick()
        ctx.set(dut.intents.valid, 0)
        assert ctx.get(dut.decisions.valid) == 1
        assert ctx.get(dut.decisions.payload.position) == 200
        await ctx.tick()
        assert ctx.get(dut.decisions.valid) == 0
        assert ctx.get(dut.counters.approved) == 2

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
