"""The gate: when it decides, what a decision says, and when the rest of the world is seen.

Every check just inside and just outside its limit, beside its golden twin: testbenches/risk.py.
"""

import random

import pytest
from amaranth.sim import Simulator

from hdl.risk import Risk
from spec.config import Design, preset
from spec.limits import session_limit, symbol_limit
from spec.records import (
    DECISION,
    INTENT,
    KILL,
    POSITION,
    REPLY,
    SESSION_LIMIT,
    SESSION_LIMIT_SET,
    SYMBOL_LIMIT,
    SYMBOL_LIMIT_SET,
    Action,
    Cause,
    Refusal,
    Reply,
    Side,
)
from testbenches.candidates import candidates_of

SMALL = preset("small")
FIRST = SMALL.order.user_ref_num
PRICE = 1_000_000
NOW = 1_700_000_000_000_000_000
RECORDS = {"decisions": DECISION, "positions": POSITION, "symbol_limits_set": SYMBOL_LIMIT_SET,
           "session_limits_set": SESSION_LIMIT_SET, "kills": KILL}
OFFERS = {"replies": REPLY, "symbol_limits": SYMBOL_LIMIT, "session_limits": SESSION_LIMIT}


def intent(**changes):
    """An intent that nothing is wrong with, but for ``changes``."""
    values = {
        "message": 7, "timestamp": 34_200_000_000_000, "symbol": 1, "action": Action.ENTER, "host": 0, "target": 0,
        "side": Side.BUY, "quantity": 100, "price": PRICE, "reference": PRICE, "collar_lower": 0, "collar_upper": 0,
        "bid": 0, "tradable": 1, "gap": 0, "short_restricted": 0}
    return INTENT.tuple(**values | changes)


def reply(kind, user_ref_num, **changes):
    return REPLY.tuple(**{"kind": kind, "user_ref_num": user_ref_num, "original": 0, "quantity": 0, "all": 0,
                          "price": 0} | changes)


def play(schedule, *, design: Design = SMALL, cycles: int = 0, announced=None):
    """All records as {stream: {cycle: record}}, and counters. ``schedule[cycle]``: {name: value} of inputs, ``intent``
    among them; streams are offered until they are taken. Time is ``NOW`` and the cycle. ``announced``: candidates,
    unless they are the intent's."""
    dut, rng = Risk(design=design), random.Random(1)
    seen, counters = {name: {} for name in RECORDS}, {}
    length = max(schedule, default=0) + Risk.LATENCY + 3 + cycles
    waiting = {name: [] for name in OFFERS}

    async def bench(ctx):
        await ctx.tick().until(dut.ready)
        for cycle in range(-1, length):
            step, follows = schedule.get(cycle, {}), schedule.get(cycle + 1, {}).get("intent")
            given = step.get("intent")
            said = announced if announced and follows else follows
            ctx.set(dut.candidates.as_value(),
                    candidates_of(said, rng.getrandbits(32)) if said else rng.getrandbits(200))
            ctx.set(dut.intents.valid, given is not None)
            ctx.set(dut.intents.payload.as_value(), INTENT.pack(given) if given else rng.getrandbits(INTENT.bits))
            ctx.set(dut.time.ns, NOW + cycle)
            for wire in ("kill", "kill_release", "session_lost", "queue_full", "no_session", "heard"):
                ctx.set(getattr(dut, wire), step.get(wire, 0))
            for name, record in OFFERS.items():
                waiting[name] += [step[name]] if name in step else []
                port = getattr(dut, name)
                ctx.set(port.valid, bool(waiting[name]))
                ctx.set(port.payload.as_value(), record.pack(waiting[name][0]) if waiting[name] else 0)
                if waiting[name] and ctx.get(port.ready):
                    waiting[name].pop(0)
            for name, record in RECORDS.items():
                port = getattr(dut, name)
                if ctx.get(port.valid):
                    seen[name][cycle] = record.unpack(ctx.get(port.payload.as_value()))
            await ctx.tick()
        counters.update({name: ctx.get(dut.counters[name]) for name in dut.counters.shape().members})

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen, counters


def refusals(seen) -> list[Refusal]:
    return [Refusal(decision.refusals) for _, decision in sorted(seen["decisions"].items())]


@pytest.mark.parametrize("design", [None, {}, SMALL.risk])
def test_what_is_no_design(design):
    with pytest.raises(TypeError, match="design must be a spec.config.Design, not"):
        Risk(design=design)


def test_decision_follows_after_exactly_two_cycles_with_every_field():
    given = intent(message=(1 << 32) - 1, timestamp=(1 << 48) - 1, symbol=3, side=Side.SELL, quantity=999, host=1)
    seen, counters = play({1: {"intent": given}})
    assert Risk.LATENCY == 2
    assert seen["decisions"] == {3: DECISION.tuple(
        message=given.message, decision=0, timestamp=given.timestamp, symbol=3, action=Action.ENTER, host=1, target=0,
        side=Side.SELL, quantity=999, price=PRICE, short=1, user_ref_num=FIRST, time=NOW + 1, refusals=0,
        exposure_long=0, exposure_short=-999)}
    assert counters == dict.fromkeys(counters, 0) | {"approved": 1}


def test_one_decision_per_cycle():
    schedule = {k: {"intent": intent(message=k, symbol=k % 3, quantity=1 + k)} for k in range(40)}
    seen, _ = play(schedule)
    assert [(cycle, d.message, d.decision, d.user_ref_num) for cycle, d in sorted(seen["decisions"].items())] == [
        (k + 2, k, k, FIRST + k) for k in range(40)]
    sums = [0, 0, 0]
    for k, decision in enumerate(seen["decisions"].values()):
        sums[k % 3] += 1 + k
        assert decision.exposure_long == sums[k % 3]


def test_every_failed_check_is_reported_and_counted():
    given = intent(quantity=0, price=0, reference=0, collar_lower=1, collar_upper=2, gap=1, tradable=0)
    seen, counters = play({0: {"intent": given}, 1: {"queue_full": 1, "no_session": 1}})
    expected = (Refusal.ORDER_QUANTITY | Refusal.ORDER_PRICE | Refusal.NO_REFERENCE | Refusal.LULD_COLLAR
                | Refusal.FEED_GAP | Refusal.TRADING_STATE | Refusal.ORDER_QUEUE_FULL | Refusal.NO_SESSION)
    assert refusals(seen) == [expected]
    assert counters == dict.fromkeys(counters, 0) | {"refused": 1} | {r.name.lower(): 1 for r in expected}


def test_a_cancel_carries_what_its_target_was():
    cancel = {"action": Action.CANCEL, "quantity": 0, "price": 0}
    steps = [intent(side=Side.SELL, quantity=70), intent(target=FIRST, **cancel), intent(target=FIRST + 1, **cancel),
             intent(target=FIRST, symbol=2, **cancel)]
    seen, _ = play({k: {"intent": step} for k, step in enumerate(steps)})
    assert refusals(seen) == [0, 0, Refusal.UNKNOWN_TARGET, Refusal.UNKNOWN_TARGET]
    fields = [(d.side, d.quantity, d.price, d.user_ref_num) for d in seen["decisions"].values()]
    assert fields[1:3] == [(Side.SELL, 70, PRICE, FIRST + 1), (Side.BUY, 0, 0, FIRST + 2)]


@pytest.mark.parametrize("wire", ["queue_full", "no_session"])
def test_conditions_count_as_they_stand_at_the_judgement(wire):
    """One cycle after the intent."""
    schedule = {k: {"intent": intent()} for k in range(4)}
    schedule[2][wire] = 1
    seen, _ = play(schedule)
    assert [bool(r) for r in refusals(seen)] == [False, True, False, False]


@pytest.mark.parametrize("wire, cause", [("kill", Cause.HOST), ("session_lost", Cause.SESSION_LOST)])
def test_the_kill_switch_counts_from_the_next_intent_on(wire, cause):
    schedule = {k: {"intent": intent(message=k)} for k in range(12)}
    schedule[3][wire] = schedule[8]["kill_release"] = 1
    seen, _ = play(schedule)
    assert [bool(r) for r in refusals(seen)] == [False] * 4 + [True] * 5 + [False] * 3
    assert seen["kills"] == {5: KILL.tuple(message=3, decision=4, causes=cause),
                             10: KILL.tuple(message=8, decision=9, causes=0)}


def test_limits_count_from_the_next_intent_on_as_a_whole():
    other = symbol_limit(SMALL, 1)._replace(max_quantity=50, lot=8)
    schedule = {k: {"intent": intent(message=k, quantity=52)} for k in range(8)}
    schedule[3]["symbol_limits"] = other
    schedule[5]["session_limits"] = session_limit(SMALL)._replace(max_open_orders=0)
    schedule[6]["symbol_limits"] = other._replace(symbol=len(SMALL.symbols))
    seen, counters = play(schedule)
    both = Refusal.ORDER_QUANTITY | Refusal.ROUND_LOT
    assert refusals(seen) == [0] * 4 + [both] * 2 + [both | Refusal.OPEN_ORDERS] * 2
    assert seen["symbol_limits_set"] == {5: SYMBOL_LIMIT_SET.tuple(3, 4, *other)}
    assert [*seen["session_limits_set"]] == [7] and counters["limits_set"] == 2 and counters["limits_foreign"] == 1


def test_a_reply_every_fifteen_cycles_and_all_of_it_at_once():
    """The decision that a position names is the first that sees it: in rows, shares and counts alike."""
    orders = 60
    design = SMALL.model_copy(update={"risk": SMALL.risk.model_copy(update={
        "symbol": SMALL.risk.symbol.model_copy(update={"max_long": 300, "max_open_orders": 3})})})
    schedule = {k: {"intent": intent(message=k)} for k in range(orders)}
    for k, each in enumerate((reply(Reply.EXECUTED, FIRST, quantity=40, price=PRICE),
                              reply(Reply.CANCELED, FIRST, quantity=60), reply(Reply.CANCELED, FIRST + 1, all=1))):
        schedule[10 + k]["replies"] = each
    seen, counters = play(schedule, design=design)
    positions = seen["positions"]
    first, *others = positions
    assert others == [first + 15, first + 30]
    assert [p.message + 2 for p in positions.values()] == [*positions]
    assert [(p.position, p.exposure_long, p.open_orders, p.remaining) for p in positions.values()] == [
        (40, 300, 3, 60), (40, 240, 2, 0), (40, 140, 1, 0)]
    fails = refusals(seen)
    changes = [k for k in range(1, orders) if fails[k] != fails[k - 1]]
    of = [p.decision for p in positions.values()]
    assert changes == [3, of[1], of[2], of[2] + 1]
    assert [fails[k] for k in changes] == [Refusal.POSITION_LIMIT | Refusal.SYMBOL_OPEN_ORDERS, Refusal.POSITION_LIMIT,
                                           0, Refusal.POSITION_LIMIT]
    assert (counters["executed"], counters["canceled"]) == (1, 2)


def test_symbols_start_with_limits_of_their_own():
    stocks = [symbol.stock for symbol in SMALL.symbols]
    for restricted in ([], stocks[:1], stocks[1:3], stocks):
        design = SMALL.model_copy(update={"risk": SMALL.risk.model_copy(update={"restricted": restricted})})
        seen, _ = play({k: {"intent": intent(symbol=k)} for k in range(len(stocks))}, design=design)
        assert refusals(seen) == [Refusal.RESTRICTED if stock in restricted else 0 for stock in stocks]


def test_what_was_judged_is_what_is_decided_whatever_the_intent_says():
    """An intent that its candidates did not announce orders none of its own values."""
    announced = intent(side=Side.SELL, quantity=10)
    said = announced._replace(symbol=2, quantity=1_000_000, price=1)
    seen, _ = play({1: {"intent": said}}, announced=announced)
    decision, = seen["decisions"].values()
    assert (decision.refusals, decision.symbol, decision.quantity, decision.price) == (0, 1, 10, PRICE)


def test_an_idle_gate_decides_nothing_and_keeps_what_is_open():
    """What lies on the payload without valid is no intent, whatever it says."""
    seen, counters = play({0: {"intent": intent()}, 30: {"intent": intent()}})
    assert [*seen["decisions"]] == [2, 32] and seen["decisions"][32].exposure_long == 200
    assert counters["approved"] == 2 and not seen["positions"] and not seen["kills"]
