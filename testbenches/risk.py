"""Risk against its golden twin: every decision, what replies, limits and kills do and when, every counter."""

import cocotb

from hdl.risk.loss import Loss
from spec.records import MAX_SYMBOLS, Action, Cause, Refusal, Reply, Side
from testbenches.risk_bench import LOSS_CYCLES, RiskBench

TIMEOUT = {"timeout_time": 2, "timeout_unit": "ms"}
PRICE, TOP = 1_000_000, (1 << 32) - 1
SECOND = 1_000_000_000


async def _ready(dut) -> RiskBench:
    bench = RiskBench(dut)
    await bench.begin()
    return bench


async def _decide(bench: RiskBench, steps: list[tuple[Refusal, bool, dict]]) -> None:
    """Send intents in adjacent cycles; each is refused for the one reason that it names, or for none."""
    await bench.send([bench.intent(**changes) for _, _, changes in steps])
    await bench.cycles(4)
    seen = bench.decisions.seen[-len(steps):]
    for decision, (refusal, outside, changes) in zip(seen, steps, strict=True):
        assert decision.refusals == (refusal if outside else 0), (refusal.name, changes, Refusal(decision.refusals))


@cocotb.test(**TIMEOUT)
async def each_check_of_an_order_just_inside_and_just_outside(dut):
    """What depends on nothing but the order and its symbol's limits, in adjacent cycles."""
    bench = await _ready(dut)
    await bench.set_symbol(min_quantity=10, max_quantity=500, collar_bps=500, collar_absolute=TOP,
                           max_notional=400 * PRICE, max_long=1 << 30, max_short=1 << 30)
    await bench.set_symbol(1, lot=40, collar_bps=10_000, collar_absolute=700, max_long=1 << 30, max_short=1 << 30)
    await bench.cycles(2)
    edge = PRICE * 500 // 10_000
    pairs = {  # refusal: [(inside, outside)]
        Refusal.ORDER_QUANTITY: [({"quantity": 10}, {"quantity": 9}),
                                 ({"quantity": 500, "price": PRICE * 4 // 5}, {"quantity": 501, "price": 1,
                                                                               "reference": 1})],
        Refusal.ROUND_LOT: [({"symbol": 1, "quantity": 40 * 7}, {"symbol": 1, "quantity": 40 * 7 + 20})],
        Refusal.ORDER_NOTIONAL: [({"quantity": 400}, {"quantity": 400, "price": PRICE + 1})],
        Refusal.PRICE_COLLAR: [({"price": PRICE + edge}, {"price": PRICE + edge + 1}),
                               ({"price": PRICE - edge}, {"price": PRICE - edge - 1})],
        Refusal.ABSOLUTE_COLLAR: [({"symbol": 1, "quantity": 40, "price": PRICE + 700},
                                   {"symbol": 1, "quantity": 40, "price": PRICE + 701}),
                                  ({"symbol": 1, "quantity": 40, "price": PRICE - 700},
                                   {"symbol": 1, "quantity": 40, "price": PRICE - 701})],
        Refusal.LULD_COLLAR: [({"collar_lower": PRICE, "collar_upper": TOP},
                               {"collar_lower": PRICE + 1, "collar_upper": TOP}),
                              ({"collar_lower": 0, "collar_upper": PRICE},
                               {"collar_lower": 0, "collar_upper": PRICE - 1}),
                              ({"collar_lower": TOP, "collar_upper": 0}, {"collar_lower": TOP, "collar_upper": 1})],
        Refusal.NO_REFERENCE: [({}, {"reference": 0})],
        Refusal.TRADING_STATE: [({}, {"tradable": 0})],
        Refusal.FEED_GAP: [({}, {"gap": 1})],
    }
    steps = [(refusal, bool(outside), {"quantity": 20} | changes) for refusal, rows in pairs.items() for row in rows
             for outside, changes in enumerate(row)]
    await _decide(bench, [(r, o, c) for r, o, c in steps if c.get("quantity") != 500])
    await bench.set_symbol(collar_bps=10_000)
    await bench.cycles(2)
    await _decide(bench, [(r, o, c) for r, o, c in steps if c.get("quantity") == 500])
    for lot in (1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100, 200):
        await bench.set_symbol(lot=lot, min_quantity=1, max_quantity=999_999, max_notional=(1 << 52) - 1)
        await bench.cycles(2)
        await bench.send([bench.intent(quantity=q, price=1, reference=1) for q in range(1, 220)])
    for changes in ({"lot": 3}, {"lot": 1, "restricted": 1}):
        await bench.set_symbol(**changes)
        await bench.cycles(2)
        await bench.send([bench.intent(price=price) for price in (1, 0)])
    await bench.cycles(4)
    seen = bench.check()
    assert all(seen[r] for r in (Refusal.RESTRICTED, Refusal.ORDER_PRICE, *pairs))


@cocotb.test(**TIMEOUT)
async def each_sum_just_inside_and_just_outside(dut):
    """Limits on what orders add up to, up to the limit and one more, every order in the cycle after the one before."""
    bench = await _ready(dut)
    free = {"max_long": 1 << 39, "max_short": 1 << 39, "collar_bps": 10_000}
    for refusal, of_symbol, limits, per_order in (
            (Refusal.POSITION_LIMIT, True, {"max_long": 30, "max_short": 30}, 10),
            (Refusal.SYMBOL_GROSS, True, {"max_gross": 30 * PRICE}, 10),
            (Refusal.SYMBOL_NET, True, {"max_net": 30 * PRICE}, 10),
            (Refusal.SYMBOL_OPEN_ORDERS, True, {"max_open_orders": 3}, 10),
            (Refusal.GROSS_NOTIONAL, False, {"max_gross": 30 * PRICE}, 10),
            (Refusal.NET_NOTIONAL, False, {"max_net": 30 * PRICE}, 10),
            (Refusal.OPEN_ORDERS, False, {"max_open_orders": 3}, 10)):
        for side in Side:
            bench = await _ready(dut)
            await bench.set_symbol(**free | (limits if of_symbol else {}))
            await bench.set_session(**{} if of_symbol else limits)
            await bench.cycles(2)
            order = {"side": side, "quantity": per_order}
            other = order | {"symbol": 0 if of_symbol else 1}
            steps = [(refusal, False, order), (refusal, False, order), (refusal, False, other), (refusal, True, other),
                     (refusal, True, order)]
            if refusal in (Refusal.POSITION_LIMIT, Refusal.SYMBOL_NET, Refusal.NET_NOTIONAL):
                steps.append((refusal, False, order | {"side": Side(1 - side)}))
            await _decide(bench, steps)
            bench.check()


@cocotb.test(**TIMEOUT)
async def replies_move_what_is_open(dut):
    """Each kind, lawful; the next order in the cycle after its effect sees it."""
    bench = await _ready(dut)
    first = bench.design.order.user_ref_num
    await bench.set_symbol(max_long=100, max_short=100)
    await bench.cycles(2)
    await bench.send([bench.intent(side=side, quantity=q) for side, q in (
        (Side.BUY, 60), (Side.BUY, 40), (Side.BUY, 1), (Side.SELL, 100), (Side.SELL, 1))])
    await bench.answer(
        bench.reply(Reply.ACCEPTED, first, quantity=60), bench.reply(Reply.ACCEPTED, first + 1, quantity=30),
        bench.reply(Reply.EXECUTED, first, quantity=25, price=PRICE - 100),
        bench.reply(Reply.CANCELED, first, quantity=5), bench.reply(Reply.CANCELED, first, all=1),
        bench.reply(Reply.REJECTED, first + 2))
    await bench.send([bench.intent(side=side, quantity=q) for side in Side for q in (45, 46, 1)])
    # A replacement: both are open until the exchange says otherwise, then the new one alone.
    await bench.send([bench.intent(action=Action.REPLACE, target=first + 1, quantity=20)])
    await bench.cycles(4)
    new = bench.decisions.seen[-1].user_ref_num
    await bench.set_symbol(max_long=200)
    await bench.send([bench.intent(action=Action.REPLACE, target=first + 1, quantity=20)])
    await bench.cycles(4)
    new = bench.decisions.seen[-1].user_ref_num
    assert not bench.decisions.seen[-1].refusals
    await bench.answer(bench.reply(Reply.REPLACED, new, original=first + 1, quantity=15),
                       bench.reply(Reply.CANCEL_REJECTED, new), bench.reply(Reply.BROKEN, new))
    await bench.send([bench.intent(action=Action.CANCEL, target=target, side=Side.SELL) for target in (new, first + 1)])
    await bench.cycles(4)
    assert [d.refusals for d in bench.decisions.seen[-2:]] == [0, Refusal.UNKNOWN_TARGET]
    assert bench.decisions.seen[-2].quantity == 20 and bench.decisions.seen[-2].side == Side.BUY
    await bench.answer(bench.reply(Reply.CANCELED, new, quantity=15))
    await bench.send([bench.intent(action=Action.CANCEL, target=new)])
    await bench.cycles(4)
    bench.check()
    assert not bench.model.causes


@cocotb.test(**TIMEOUT)
async def a_reply_is_seen_by_the_very_next_order(dut):
    """A stream of orders at the limit, one per cycle, while replies make room: refused until then, approved from then
    on. The model is told before which decision; that it is the right moment shows in that decision."""
    bench = await _ready(dut)
    first = bench.design.order.user_ref_num
    await bench.set_symbol(max_long=50)
    await bench.cycles(2)
    orders = cocotb.start_soon(bench.send([bench.intent(quantity=10) for _ in range(400)]))
    await bench.cycles(20)
    for k in range(5):
        await bench.offer("replies", [bench.reply(Reply.CANCELED, first + k, all=1)])
        await bench.cycles(bench.rng.randint(0, 40))
    await orders
    await bench.cycles(40)
    seen = bench.check()
    assert bench.model.counters["approved"] == 10 and seen[Refusal.POSITION_LIMIT] == 390
    numbers = [d.decision for d in bench.decisions.seen if not d.refusals]
    assert numbers[5:] == [p.decision for p in bench.events["positions"].seen]


@cocotb.test(**TIMEOUT)
async def rates_are_token_buckets(dut):
    """A burst, then one per interval, to the nanosecond; of a symbol and of all."""
    for limits, of_symbol, refusal in (({"rate_ns": 10, "rate_burst_ns": 20}, True, Refusal.SYMBOL_RATE),
                                       ({"rate_ns": 10, "rate_burst_ns": 20}, False, Refusal.MESSAGE_RATE)):
        bench = await _ready(dut)
        bench.step_ns = 1
        await bench.set_symbol(max_long=1 << 39, max_short=1 << 39)
        await (bench.set_symbol(**limits) if of_symbol else bench.set_session(**limits))
        await bench.cycles(100)
        await bench.send([bench.intent(message=k) for k in range(60)])
        await bench.cycles(4)
        seen = bench.check()
        assert seen == {refusal: 60 - 3 - 5}, seen


@cocotb.test(**TIMEOUT)
async def duplicates_are_refused_for_a_while(dut):
    bench = await _ready(dut)
    bench.step_ns = 1
    await bench.set_symbol(duplicate_ns=10, max_long=1 << 39, max_short=1 << 39)
    await bench.cycles(2)
    same = [bench.intent(message=k) for k in range(25)]
    await bench.send(same)
    await bench.send([bench.intent(**{name: value}) for name, value in (
        ("side", Side.SELL), ("side", Side.SELL), ("quantity", 2), ("price", PRICE + 1), ("quantity", 1))])
    await bench.cycles(4)
    seen = bench.check()
    refused = [bool(d.refusals) for d in bench.decisions.seen]
    assert [k for k in range(25) if not refused[k]] == [0, 10, 20]
    assert refused[25:] == [False, True, False, False, False] and seen[Refusal.DUPLICATE_ORDER] == 23


@cocotb.test(**TIMEOUT)
async def short_sales_are_marked_and_restricted(dut):
    bench = await _ready(dut)
    await bench.set_symbol(max_short=1 << 30, max_long=1 << 30)
    await bench.cycles(2)
    first = bench.design.order.user_ref_num
    await bench.send([bench.intent(quantity=50)])
    await bench.answer(bench.reply(Reply.EXECUTED, first, quantity=50, price=PRICE))
    sale = {"side": Side.SELL, "short_restricted": 1, "bid": PRICE}
    await _decide(bench, [
        (Refusal.SHORT_SALE, False, sale | {"quantity": 50}),  # not short yet
        (Refusal.SHORT_SALE, True, sale), (Refusal.SHORT_SALE, False, sale | {"price": PRICE + 1}),
        (Refusal.SHORT_SALE, False, sale | {"bid": 0}), (Refusal.SHORT_SALE, False, sale | {"short_restricted": 0})])
    assert [d.short for d in bench.decisions.seen] == [0, 0, 1, 1, 1, 1]
    bench.check()


@cocotb.test(**TIMEOUT)
async def the_kill_switch_latches(dut):
    """Each cause, in the middle of a stream without gaps; cancels pass if the limits say so; release ends it."""
    bench = await _ready(dut)
    first = bench.design.order.user_ref_num
    await bench.set_symbol(max_long=1 << 39)
    await bench.send([bench.intent()])
    for wire, cause in (("kill", Cause.HOST), ("session_lost", Cause.SESSION_LOST)):
        sending = cocotb.start_soon(bench.send([bench.intent() for _ in range(60)]))
        await bench.cycles(bench.rng.randint(20, 30))
        await bench.pulse(wire)
        await sending
        refused = [bool(d.refusals) for d in bench.decisions.seen[-50:]]
        assert refused == sorted(refused) and set(refused) == {False, True}
        assert bench.events["kills"].seen[-1].causes == cause
        await bench.send([bench.intent(action=Action.CANCEL, target=first)])
        await bench.set_session(cancel_after_kill=0)
        await bench.cycles(2)
        await bench.send([bench.intent(action=Action.CANCEL, target=first)])
        await bench.cycles(4)
        assert [d.refusals for d in bench.decisions.seen[-2:]] == [0, Refusal.KILL_SWITCH]
        await bench.set_session(cancel_after_kill=1)
        dut.kill.value = 1  # cannot be released while it is held
        await bench.pulse("kill_release")
        dut.kill.value = 0
        await bench.cycles(3)
        await bench.send([bench.intent()])
        await bench.pulse("kill_release")
        await bench.cycles(3)
        await bench.send([bench.intent()])
        await bench.cycles(4)
        assert [d.refusals for d in bench.decisions.seen[-2:]] == [Refusal.KILL_SWITCH, 0]
    bench.check()


@cocotb.test(**TIMEOUT)
async def replies_engage_the_kill_switch(dut):
    """Rejects in a row, and replies that cannot be."""
    bench = await _ready(dut)
    first = bench.design.order.user_ref_num
    await bench.set_symbol(max_long=1 << 39)
    await bench.set_session(max_rejects=3)
    await bench.send([bench.intent(quantity=10) for _ in range(12)])
    await bench.answer(*(bench.reply(Reply.REJECTED, first + k) for k in (0, 1)),
                       bench.reply(Reply.ACCEPTED, first + 2, quantity=10),
                       *(bench.reply(Reply.REJECTED, first + k) for k in (3, 4)))
    assert not bench.events["kills"].seen
    await bench.answer(bench.reply(Reply.REJECTED, first + 5))
    assert bench.events["kills"].seen[-1].causes == Cause.REJECTS
    for bad in (bench.reply(Reply.EXECUTED, first + 500, quantity=1, price=1),
                bench.reply(Reply.REJECTED, first + 5), bench.reply(Reply.CANCELED, first + 2, quantity=11),
                bench.reply(Reply.ACCEPTED, first + 6, quantity=11),
                bench.reply(Reply.EXECUTED, first + 7, quantity=15, price=PRICE)):
        await bench.pulse("kill_release")
        await bench.answer(bad)
        assert bench.events["kills"].seen[-1].causes == Cause.UNLAWFUL_REPLY, bad
        assert not bench.events["positions"].seen[-1].lawful
    assert bench.events["positions"].seen[-1].position == 15
    bench.check()


@cocotb.test(**TIMEOUT)
async def a_loss_engages_the_kill_switch(dut):
    """To the last 1/10 000 dollar x share, long and short, on the market's prices and on our own."""
    for side, sign in ((Side.BUY, -1), (Side.SELL, 1)):
        bench = await _ready(dut)
        first = bench.design.order.user_ref_num
        await bench.set_symbol(max_long=1 << 39, max_short=1 << 39)
        await bench.set_session(max_loss=1000)
        await bench.send([bench.intent(side=side, quantity=100) for _ in range(2)])
        await bench.answer(bench.reply(Reply.EXECUTED, first, quantity=50, price=PRICE),
                           bench.reply(Reply.EXECUTED, first, quantity=10, price=PRICE + 3 * sign))
        assert bench.counters("risk")["kills"] == 0
        for price in (PRICE, PRICE + 16 * sign, PRICE + 17 * sign):
            await bench.trade(0, price)
            await bench.cycles(LOSS_CYCLES)
        # 60 shares: 16 ticks lose 960 less what the second execution gained or lost.
        killed = [kill.causes for kill in bench.events["kills"].seen]
        bench.check()
        assert bool(killed) == (bench.model.equity < -1000), bench.model.equity
        await bench.trade(0, PRICE + 30 * sign)
        await bench.cycles(LOSS_CYCLES)
        bench.check()
        assert bench.events["kills"].seen[-1].causes == Cause.LOSS and Loss.LATENCY < LOSS_CYCLES


@cocotb.test(**TIMEOUT)
async def silence_of_the_feed_is_noticed(dut):
    bench = await _ready(dut)
    bench.step_ns = 10
    await bench.set_session(stale_ns=1000)
    await bench.pulse("heard")
    for wait, stale in ((50, False), (60, True)):
        await bench.cycles(wait)
        await bench.send([bench.intent()])
        await bench.cycles(4)
        assert bool(bench.decisions.seen[-1].refusals & Refusal.STALE_DATA) == stale
    await bench.pulse("heard")
    await bench.cycles(4)
    await bench.send([bench.intent()])
    await bench.cycles(4)
    assert not bench.decisions.seen[-1].refusals & Refusal.STALE_DATA
    bench.check()


@cocotb.test(**TIMEOUT)
async def numbers_whose_row_is_taken_are_passed_over(dut):
    """They come round to rows that are still open: one refusal each."""
    bench = await _ready(dut)
    rows, first = bench.design.risk.order_rows, bench.design.order.user_ref_num
    await bench.set_symbol(max_long=1 << 39)
    await bench.cycles(2)
    await bench.send([bench.intent() for _ in range(rows + 3)])
    await bench.answer(bench.reply(Reply.CANCELED, first + 3, all=1))
    await bench.send([bench.intent()])
    await bench.answer(bench.reply(Reply.CANCELED, first + 5, all=1))
    await bench.send([bench.intent() for _ in range(4)])
    await bench.cycles(4)
    assert bench.check() == {Refusal.OPEN_ORDERS: 3 + 0 + 3}


@cocotb.test(**TIMEOUT)
async def anything(dut):
    """Everything at once near every limit, with and without gaps: orders, replacements, cancels, replies, limits."""
    bench = await _ready(dut)
    rng, symbols = bench.rng, range(min(len(bench.design.symbols), MAX_SYMBOLS))

    async def conditions():
        while True:
            await bench.cycles(1)
            dut.queue_full.value, dut.no_session.value = rng.random() < 0.05, rng.random() < 0.05

    async def replies():
        while True:
            await bench.offer("replies", [_random_reply(bench)])
            await bench.cycles(rng.choice((0, 5, 30)))

    async def limits():
        while True:
            await _random_limits(bench, rng.choice(symbols))
            await bench.cycles(rng.randint(1, 60))

    async def trades():
        while True:
            await bench.trade(rng.choice(symbols), PRICE + rng.randint(-100, 100))
            await bench.cycles(rng.choice((0, 1, 20)))

    async def switch():
        while True:
            if rng.random() < 0.1:
                await bench.pulse(rng.choice(("kill", "session_lost")))
            await bench.cycles(rng.randint(1, 30))
            await bench.pulse("kill_release")

    beside = [cocotb.start_soon(each()) for each in (conditions, replies, limits, trades, switch)]
    for part in range(4 if cocotb.SIM_NAME.startswith("Icarus") else 24):
        longest = (0, 0, 1, 4)[part % 4]
        chosen = rng.sample(symbols, min(len(symbols), 1 + part % 3))
        await bench.send([_random_intent(bench, chosen) for _ in range(200)],
                         gap=lambda longest=longest: rng.randint(0, longest))
    for each in beside:
        each.cancel()
    for stream in ("replies", "symbol_limits", "session_limits", "updates"):
        getattr(dut, f"{stream}_valid").value = 0
    for wire in ("queue_full", "no_session", "kill", "session_lost"):
        getattr(dut, wire).value = 0
    await bench.cycles(3 * LOSS_CYCLES)
    seen = bench.check()
    assert len(seen) >= 20, f"refused for {set(seen)} only"
    assert bench.model.counters["approved"] > 50, bench.model.counters


def _open_number(bench: RiskBench) -> int:
    """Of an order that was approved lately, more often than not still open."""
    approved = [d.user_ref_num for d in bench.decisions.seen[-150:] if not d.refusals]
    return bench.rng.choice(approved) if approved and bench.rng.random() < 0.97 else bench.rng.getrandbits(32)


def _random_reply(bench: RiskBench):
    rng = bench.rng
    kind = rng.choice((Reply.ACCEPTED, Reply.EXECUTED, Reply.EXECUTED, Reply.CANCELED, Reply.REJECTED, Reply.REPLACED,
                       Reply.CANCEL_REJECTED, Reply.BROKEN))
    quantity = 0 if kind in (Reply.REJECTED, Reply.CANCEL_REJECTED, Reply.BROKEN) else rng.choice((1, 1, 5, 10, 40))
    takes_all = int(kind == Reply.CANCELED and rng.random() < 0.5)
    return bench.reply(kind, _open_number(bench), quantity=quantity, all=takes_all,
                       original=_open_number(bench) if kind == Reply.REPLACED else 0,
                       price=PRICE + rng.randint(-50, 50) if kind == Reply.EXECUTED else 0)


async def _random_limits(bench: RiskBench, symbol: int) -> None:
    """Each limit is loose more often than not, so that orders pass and run into those that look back."""
    rng = bench.rng

    def some(loose: int, *tight: int) -> int:
        return rng.choice(tight) if rng.random() < 0.15 else loose

    if rng.random() < 0.3:
        await bench.set_session(
            max_gross=some(1 << 60, 900 * PRICE), max_net=some(1 << 60, 200 * PRICE), max_open_orders=some(65535, 5),
            rate_ns=some(0, 2000), rate_burst_ns=some(2000, 0), max_loss=some(0, 5000), max_rejects=some(0, 1, 5),
            cancel_after_kill=rng.getrandbits(1))
        return
    await bench.set_symbol(
        symbol, min_quantity=some(1, 5), max_quantity=some(100, 10), lot=some(1, 5, 8, 7),
        max_notional=some(1 << 51, 20 * PRICE), max_long=some(1 << 20, 50), max_short=some(1 << 20, 0, 50),
        max_gross=some(1 << 60, 300 * PRICE), max_net=some(1 << 60, 100 * PRICE), collar_bps=some(10_000, 5, 16_383),
        collar_absolute=some(TOP, 300), max_open_orders=some(65535, 3), rate_ns=some(0, 2000),
        rate_burst_ns=some(2000, 0), duplicate_ns=some(0, 2000), restricted=some(0, 1))


def _random_intent(bench: RiskBench, symbols):
    rng = bench.rng
    action = rng.choice((Action.ENTER,) * 6 + (Action.REPLACE, Action.CANCEL))
    reference = rng.choice((PRICE,) * 12 + (0, 1, rng.getrandbits(32)))
    price = rng.choice((PRICE,) * 14 + (0, PRICE + 1, PRICE - 501, PRICE + 299, rng.getrandbits(32)))
    lower, upper = rng.choice(((0, 0),) * 20 + ((price, price), (price + 1 & TOP, TOP), (0, max(price, 1) - 1)))
    return bench.intent(
        timestamp=rng.getrandbits(48), symbol=rng.choice(symbols), action=action,
        target=_open_number(bench) if action != Action.ENTER else 0, side=rng.choice(list(Side)), price=price,
        reference=reference, collar_lower=lower, collar_upper=upper,
        quantity=rng.choice((1, 5, 8, 10, 10, 10, 10, 10, 40, 100, 0, rng.getrandbits(32))), host=rng.getrandbits(1),
        tradable=int(rng.random() < 0.95), gap=int(rng.random() < 0.03), bid=rng.choice((0, PRICE)),
        short_restricted=rng.getrandbits(1))
