"""risk: against a naive history, whatever the exchange does; rates against a bucket of fractions; the worst case."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from golden_model.risk import Bucket, Risk
from spec.limits import session_limit, symbol_limit
from spec.records import REPLY, Action, Refusal, Reply, Side
from tests.golden_model.build import intent, small, update
from tests.golden_model.naive_risk import NaiveRisk, TokenBucket

PRICE, ROWS = 10_000, 16
SUMS = (Refusal.POSITION_LIMIT | Refusal.SYMBOL_GROSS | Refusal.SYMBOL_NET | Refusal.GROSS_NOTIONAL
        | Refusal.NET_NOTIONAL | Refusal.SYMBOL_OPEN_ORDERS | Refusal.OPEN_ORDERS)
SYMBOLS = 2


def _designs():
    design = small(risk={"order_rows": ROWS})
    limits = [symbol_limit(design, s)._replace(collar_bps=10_000) for s in range(SYMBOLS)]
    return design, limits, session_limit(design)


@st.composite
def limits(draw):
    """A model, and the naive one with the same limits, narrow enough to be met."""
    design, of_symbols, session = _designs()
    shares, notional = st.integers(0, 60), st.integers(0, 60 * PRICE)
    wide = st.just((1 << 63) - 1)
    narrow = [limit._replace(
        max_long=draw(shares), max_short=draw(shares), max_gross=draw(notional | wide),
        max_net=draw(notional | wide), max_open_orders=draw(st.integers(0, 6) | st.just(65535)))
        for limit in of_symbols]
    session = session._replace(max_gross=draw(notional | wide),
                               max_net=draw(notional | wide), max_open_orders=draw(st.integers(0, 8) | st.just(65535)))
    risk = Risk(design)
    for limit in narrow:
        risk.symbol_limit(limit)
    risk.session_limit(session)
    return risk, NaiveRisk(narrow, session, rows=ROWS)


def lawful_reply(draw, naive: NaiveRisk):
    """What an exchange could say now, or None."""
    open_ = [order for order in naive.orders if order.left]
    if not open_:
        return None
    order = draw(st.sampled_from(open_))
    kind = draw(st.sampled_from([Reply.ACCEPTED, Reply.EXECUTED, Reply.EXECUTED, Reply.CANCELED, Reply.REJECTED,
                                 Reply.REPLACED]))
    quantity, original, whole, price = draw(st.integers(1, order.left)), 0, 0, 0
    if kind == Reply.EXECUTED:
        price = order.price + draw(st.integers(-3, 3))
    elif kind == Reply.CANCELED and draw(st.booleans()):
        quantity, whole = 0, 1
    elif kind == Reply.REPLACED:
        others = [o for o in open_ if o is not order and (o.symbol, o.side) == (order.symbol, order.side)]
        if not others:
            return None
        original = draw(st.sampled_from(others)).number
    elif kind == Reply.REJECTED:
        quantity = 0
    return REPLY.tuple(kind, order.number, original, quantity, whole, price)


orders = st.builds(intent, symbol=st.integers(0, SYMBOLS - 1), side=st.sampled_from(Side),
                   quantity=st.integers(1, 30), price=st.integers(PRICE - 3, PRICE + 3),
                   action=st.sampled_from([Action.ENTER] * 5 + [Action.REPLACE, Action.CANCEL]),
                   target=st.integers(1, 12))


@given(limits(), st.data())
def test_refuses_exactly_what_a_history_read_from_the_beginning_refuses(models, data):
    risk, naive = models
    marks = [0] * SYMBOLS
    for _ in range(data.draw(st.integers(1, 25))):
        if data.draw(st.booleans()) and (r := lawful_reply(data.draw, naive)):
            order = next(o for o in naive.orders if o.number == r.user_ref_num)
            naive.reply(r)
            p = risk.reply(r)
            least, greatest = naive.outcomes(p.symbol)
            assert (p.lawful, p.exposure_short, p.exposure_long, p.remaining) == (1, least, greatest, order.left)
            if r.kind == Reply.EXECUTED:
                marks[p.symbol] = r.price
        else:
            i = data.draw(orders)
            expected = naive.sums(i)
            d = risk.intent(i)
            assert Refusal(d.refusals) & SUMS == expected
            if d.refusals:
                naive.refuse()
            else:
                naive.approve(i)
            assert (d.exposure_short, d.exposure_long) == naive.outcomes(i.symbol)
        assert risk.equity == naive.equity(marks)


@given(limits(), st.data())
def test_no_position_beyond_the_limit_whatever_is_executed(models, data):
    """Limits are not lowered. What the exchange says is lawful, or about orders that it does not know."""
    risk, naive = models
    for _ in range(data.draw(st.integers(1, 40))):
        if data.draw(st.booleans()) and (r := lawful_reply(data.draw, naive)):
            naive.reply(r)
            risk.reply(r)
        elif data.draw(st.integers(0, 9)) == 0:
            risk.reply(REPLY.tuple(data.draw(st.sampled_from([k for k in Reply if k])), 999, 0, 5, 0, PRICE))
            risk.release()
        else:
            i = data.draw(orders)
            if risk.intent(i).refusals:
                naive.refuse()
            else:
                naive.approve(i)
        for sums, limit in zip(risk.orders.symbols, naive.limits, strict=False):
            assert -limit.max_short <= sums.exposure_short <= sums.position <= sums.exposure_long <= limit.max_long


@given(st.integers(1, 20), st.integers(1, 6), st.lists(st.integers(0, 40), max_size=60))
def test_the_rate_is_a_token_bucket(interval, size, waits):
    bucket, naive, time = Bucket(), TokenBucket(size, interval), 0
    limit = symbol_limit(small(), 0)._replace(rate_ns=interval, rate_burst_ns=interval * (size - 1))
    for wait in waits:
        time += wait
        admitted = bucket.has_token(limit, time)
        assert admitted == naive.admits(time)
        if admitted:
            bucket.take(limit, time)
            naive.take()


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 2)), max_size=60), st.integers(0, 25))
def test_no_two_equal_orders_within_the_window(steps, window):
    """Of one symbol and side, with no other order approved between them."""
    risk = Risk(small())
    risk.symbol_limit(symbol_limit(small(), 0)._replace(duplicate_ns=window, max_long=1 << 39))
    time, approved = 100, []
    for wait, kind in steps:
        time += wait
        if not risk.intent(intent(quantity=kind + 1), time=time).refusals:
            approved.append((kind, time))
    assert all(a != b or t - s >= window for (a, s), (b, t) in pairwise(approved))
    assert window or len(steps) == len(approved)


@given(st.lists(st.tuples(st.integers(0, SYMBOLS - 1), st.sampled_from(Side), st.integers(1, 50),
                          st.integers(PRICE - 50, PRICE + 50)), max_size=20),
       st.lists(st.tuples(st.integers(0, SYMBOLS - 1), st.integers(1, 2 * PRICE)), max_size=8))
def test_equity_is_what_every_fill_gained(fills, trades):
    risk, marks, traded = Risk(small()), [0] * SYMBOLS, [False] * SYMBOLS
    for symbol in range(SYMBOLS):
        risk.symbol_limit(symbol_limit(small(), symbol)._replace(max_long=1 << 39, max_short=1 << 39))
    events = [("fill", fill) for fill in fills]
    for position, trade in enumerate(trades):
        events.insert(3 * position, ("trade", trade))
    gains = []
    for kind, (symbol, *rest) in events:
        if kind == "trade":
            marks[symbol], traded[symbol] = rest[0], True
            risk.update(update(symbol=symbol, last_trade=rest[0]))
            continue
        side, shares, price = rest
        d = risk.intent(intent(symbol=symbol, side=side, quantity=shares))
        assert not d.refusals
        risk.reply(REPLY.tuple(Reply.EXECUTED, d.user_ref_num, 0, shares, 0, price))
        gains.append((symbol, shares if side == Side.BUY else -shares, price))
        if not traded[symbol]:
            marks[symbol] = price
    assert risk.equity == sum(shares * (marks[symbol] - price) for symbol, shares, price in gains)


collars = st.tuples(st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 32) - 1), st.integers(0, 10_000))


@given(collars | st.tuples(st.integers(9_000, 11_000), st.just(PRICE), st.integers(0, 1000)))
def test_the_collar_is_a_fraction_of_the_reference(case):
    price, reference, bps = case
    risk = Risk(small())
    risk.symbol_limit(symbol_limit(small(), 0)._replace(collar_bps=bps))
    refusals = Refusal(risk.intent(intent(price=price, reference=reference)).refusals)
    outside = reference and abs(Fraction(price, reference) - 1) > Fraction(bps, 10_000)
    assert (Refusal.PRICE_COLLAR in refusals) == bool(outside)
    assert (Refusal.NO_REFERENCE in refusals) == (not reference)
