"""risk: each limit from inside and from outside, what replies do, the kill switch, and that nothing else is refused."""

import pytest

from golden_model.risk import Risk
from spec.limits import session_limit, symbol_limit
from spec.records import CHECKS_OF_CANCEL, REPLY, Action, Cause, Refusal, Reply, Side
from tests.golden_model.build import intent, nonzero, small, update

FREE = {"max_long": 1 << 39, "max_short": 1 << 39, "collar_bps": 10_000}
PRICE, TOP = 10_000, (1 << 32) - 1


class Desk:
    """A model whose limits are wide but for what a test narrows."""

    def __init__(self, *, session=None, **limits):
        self.design = small()
        self.risk = Risk(self.design)
        self.limit, self.of_session = symbol_limit(self.design, 0), session_limit(self.design)
        self.set(**FREE | limits)
        self.set_session(**session or {})

    def set(self, symbol: int = 0, **changes):
        self.limit = self.limit._replace(**changes)
        return self.risk.symbol_limit(self.limit._replace(symbol=symbol))

    def set_session(self, **changes):
        self.of_session = self.of_session._replace(**changes)
        return self.risk.session_limit(self.of_session)

    def ask(self, *, time=0, queue_full=False, no_session=False, stale=False, **values) -> Refusal:
        self.last = self.risk.intent(intent(**values), time=time, queue_full=queue_full, no_session=no_session,
                                     stale=stale)
        return Refusal(self.last.refusals)

    def enter(self, **values) -> int:
        """The number of an order that is approved."""
        assert not self.ask(**values)
        return self.last.user_ref_num

    def hear(self, kind: Reply, number: int, *, original=0, quantity=0, all=0, price=0):
        return self.risk.reply(REPLY.tuple(kind, number, original, quantity, all, price))

    @property
    def sums(self):
        return self.risk.orders.symbols[0]


# What depends on the order and its limits alone: limits, what passes, what does not.
ALONE = [
    (Refusal.ORDER_QUANTITY, {"min_quantity": 10}, {"quantity": 10}, {"quantity": 9}),
    (Refusal.ORDER_QUANTITY, {"max_quantity": 500}, {"quantity": 500}, {"quantity": 501}),
    (Refusal.ORDER_QUANTITY, {"min_quantity": 0, "max_quantity": (1 << 20) - 1}, {"quantity": 999_999},
     {"quantity": 1_000_000}),
    (Refusal.ROUND_LOT, {"lot": 40}, {"quantity": 120}, {"quantity": 119}),
    (Refusal.ROUND_LOT, {"lot": 40}, {"quantity": 120}, {"quantity": 121}),
    (Refusal.ORDER_PRICE, {}, {"price": 1}, {"price": 0}),
    (Refusal.ORDER_NOTIONAL, {"max_notional": 999_900}, {"quantity": 100, "price": 9_999}, {}),
    (Refusal.NO_REFERENCE, {}, {"reference": PRICE}, {"reference": 0}),
    (Refusal.PRICE_COLLAR, {"collar_bps": 100}, {"price": 10_100}, {"price": 10_101}),
    (Refusal.PRICE_COLLAR, {"collar_bps": 100}, {"price": 9_900}, {"price": 9_899}),
    (Refusal.PRICE_COLLAR, {"collar_bps": 100}, {"price": 10_098, "reference": 9_999},
     {"price": 10_099, "reference": 9_999}),
    (Refusal.PRICE_COLLAR, {"collar_bps": 0}, {}, {"price": PRICE + 1}),
    (Refusal.PRICE_COLLAR, {}, {"price": 2, "reference": 1}, {"price": TOP, "reference": 1}),
    (Refusal.ABSOLUTE_COLLAR, {"collar_absolute": 7}, {"price": PRICE + 7}, {"price": PRICE + 8}),
    (Refusal.ABSOLUTE_COLLAR, {"collar_absolute": 7}, {"price": PRICE - 7}, {"price": PRICE - 8}),
    (Refusal.LULD_COLLAR, {}, {"collar_lower": PRICE, "collar_upper": PRICE},
     {"collar_lower": PRICE + 1, "collar_upper": PRICE + 1}),
    (Refusal.LULD_COLLAR, {}, {"collar_lower": PRICE, "collar_upper": PRICE},
     {"collar_lower": PRICE - 1, "collar_upper": PRICE - 1}),
    (Refusal.FEED_GAP, {}, {}, {"gap": 1}),
    (Refusal.TRADING_STATE, {}, {}, {"tradable": 0}),
    (Refusal.NO_SESSION, {}, {}, {"no_session": True}),
    (Refusal.ORDER_QUEUE_FULL, {}, {}, {"queue_full": True}),
    (Refusal.STALE_DATA, {}, {}, {"stale": True}),
]


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("refusal", "limits", "inside", "outside"), ALONE)
def test_just_inside_and_just_outside(refusal, limits, inside, outside, side):
    desk = Desk(**limits)
    assert desk.ask(side=side, **outside) == refusal
    assert nonzero(desk.risk.counters) == {"limits_set": 2, "refused": 1, refusal.name.lower(): 1}
    assert desk.ask(side=side, **inside) == 0 and desk.last.user_ref_num == 1
    assert desk.risk.counters["approved"] == 1


# What orders add up to: three of 10 shares fit, not one share more.
ADDED = [
    (Refusal.POSITION_LIMIT, {"max_long": 30, "max_short": 30}, {}),
    (Refusal.SYMBOL_GROSS, {"max_gross": 30 * PRICE}, {}),
    (Refusal.SYMBOL_NET, {"max_net": 30 * PRICE}, {}),
    (Refusal.GROSS_NOTIONAL, {}, {"max_gross": 30 * PRICE}),
    (Refusal.NET_NOTIONAL, {}, {"max_net": 30 * PRICE}),
    (Refusal.SYMBOL_OPEN_ORDERS, {"max_open_orders": 3}, {}),
    (Refusal.OPEN_ORDERS, {}, {"max_open_orders": 3}),
]
ONE_SIDED = {Refusal.POSITION_LIMIT, Refusal.SYMBOL_NET, Refusal.NET_NOTIONAL}


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("refusal", "limits", "session"), ADDED)
def test_sums_up_to_the_limit_and_one_more(refusal, limits, session, side):
    desk = Desk(session=session, **limits)
    numbers = [desk.enter(side=side, quantity=10) for _ in range(3)]
    assert desk.ask(side=side, quantity=1) == refusal
    assert desk.ask(side=1 - side, quantity=1) == (0 if refusal in ONE_SIDED else refusal)
    desk.hear(Reply.CANCELED, numbers[0], all=1)
    assert desk.ask(side=side, quantity=1) == 0


@pytest.mark.parametrize(("refusal", "limits", "session"), ADDED)
def test_sums_of_a_symbol_are_its_own_and_those_of_the_session_are_not(refusal, limits, session):
    desk = Desk(session=session, **limits)
    desk.set(symbol=1)
    for _ in range(3):
        desk.enter(quantity=10)
    assert desk.ask(symbol=1, quantity=10) == (refusal if session else 0)


@pytest.mark.parametrize("side", Side)
def test_what_is_executed_stays_in_the_sums(side):
    desk = Desk(max_long=30, max_short=30, max_gross=40 * PRICE)
    number = desk.enter(side=side, quantity=30)
    p = desk.hear(Reply.EXECUTED, number, quantity=30, price=PRICE)
    assert (p.lawful, abs(p.position), p.exposure_long, p.exposure_short, p.open_orders, p.remaining) == (
        1, 30, p.position, p.position, 0, 0)
    assert desk.ask(side=side, quantity=1) == Refusal.POSITION_LIMIT
    assert desk.ask(side=1 - side, quantity=11) == Refusal.SYMBOL_GROSS
    assert desk.ask(side=1 - side, quantity=10) == 0


def test_opposite_open_orders_do_not_offset_each_other():
    desk = Desk(max_long=30, max_short=30)
    desk.enter(quantity=30)
    desk.enter(side=Side.SELL, quantity=30)
    assert desk.ask(quantity=1) == desk.ask(side=Side.SELL, quantity=1) == Refusal.POSITION_LIMIT
    assert (desk.last.exposure_long, desk.last.exposure_short) == (30, -30)


def test_an_order_takes_a_row_until_it_is_closed():
    desk = Desk()
    numbers = [desk.enter() for _ in range(desk.design.risk.order_rows)]
    desk.hear(Reply.CANCELED, numbers[2], all=1)
    assert desk.ask() == desk.ask() == Refusal.OPEN_ORDERS, "another row is free, but not those of the next numbers"
    assert desk.enter() == numbers[2] + desk.design.risk.order_rows, "the numbers before it were passed over"
    assert desk.ask() == Refusal.OPEN_ORDERS


def test_restricted_symbols():
    risk = Risk(small(risk={"restricted": ["MSFT"]}))
    assert [Refusal(risk.intent(intent(symbol=s)).refusals) for s in (0, 1)] == [0, Refusal.RESTRICTED]
    risk.symbol_limit(symbol_limit(small(), 1))
    assert not risk.intent(intent(symbol=1)).refusals


@pytest.mark.parametrize(("of_symbol", "refusal"), [(True, Refusal.SYMBOL_RATE), (False, Refusal.MESSAGE_RATE)])
def test_rates(of_symbol, refusal):
    rate = {"rate_ns": 10, "rate_burst_ns": 20}
    desk = Desk(**rate) if of_symbol else Desk(session=rate)
    number = desk.enter(time=1000)
    assert [desk.ask(time=1000) for _ in range(3)] == [0, 0, refusal]
    assert [desk.ask(time=t) for t in (1009, 1010, 1010, 1019, 1020)] == [refusal, 0, refusal, refusal, 0]
    assert desk.ask(time=1029, action=Action.CANCEL, target=number) == refusal
    assert desk.ask(time=1030, action=Action.CANCEL, target=number) == 0, "a cancel takes a token"
    assert desk.ask(time=1030) == refusal
    assert [desk.ask(time=9999) for _ in range(4)] == [0, 0, 0, refusal], "no more than the bucket holds"


def test_a_refusal_takes_no_token():
    desk = Desk(rate_ns=10)
    assert desk.ask(time=5, price=0) == Refusal.ORDER_PRICE
    assert desk.ask(time=5) == 0
    assert desk.ask(time=5, price=0) == Refusal.ORDER_PRICE | Refusal.SYMBOL_RATE


def test_duplicates():
    desk = Desk(duplicate_ns=10)
    number = desk.enter(time=100)
    assert desk.ask(time=109) == Refusal.DUPLICATE_ORDER
    for other in ({"side": 1}, {"symbol": 1}, {"action": Action.REPLACE, "target": number}):
        assert desk.ask(time=109, **other) == 0
    assert desk.ask(time=110) == 0 and desk.ask(time=119) == Refusal.DUPLICATE_ORDER
    assert desk.ask(time=119, quantity=99) == 0
    assert desk.ask(time=119) == 0, "only the newest order is remembered"
    assert desk.ask(time=119, price=PRICE + 1) == 0
    assert desk.ask(time=119, side=1) == 0, "the sale before it was ten ns ago"


def test_short_sales_are_marked_and_refused_at_or_below_the_bid():
    desk = Desk()
    desk.hear(Reply.EXECUTED, desk.enter(quantity=50), quantity=50, price=PRICE)
    sale = {"side": Side.SELL, "short_restricted": 1, "bid": PRICE}
    steps = [(0, 0, {"quantity": 50}), (Refusal.SHORT_SALE, 1, {"quantity": 1}),
             (0, 1, {"quantity": 1, "price": PRICE + 1}), (0, 1, {"quantity": 1, "bid": 0}),
             (0, 1, {"quantity": 1, "short_restricted": 0}), (Refusal.SHORT_SALE, 1, {"price": PRICE - 1}),
             (0, 0, {"side": Side.BUY})]
    assert [(desk.ask(**sale | step), desk.last.short) for _, _, step in steps] == [step[:2] for step in steps]


# Replaces and cancels.

def test_a_replacement_counts_in_full_beside_its_original():
    desk = Desk(max_long=30)
    number = desk.enter(quantity=10)
    replace = {"action": Action.REPLACE, "target": number}
    assert desk.ask(**replace, quantity=21) == Refusal.POSITION_LIMIT
    assert desk.ask(**replace, quantity=20) == 0
    new = desk.last.user_ref_num
    assert desk.sums.open_shares == [30, 0] and desk.sums.orders == 2
    p = desk.hear(Reply.REPLACED, new, original=number, quantity=15)
    assert (p.exposure_long, p.open_orders, p.remaining) == (15, 1, 15)
    assert desk.ask(**replace, quantity=1) == Refusal.UNKNOWN_TARGET


@pytest.mark.parametrize("action", [Action.REPLACE, Action.CANCEL])
def test_targets(action):
    desk = Desk()
    number, done = desk.enter(), desk.enter()
    desk.hear(Reply.REJECTED, done)
    rows = desk.design.risk.order_rows
    for target in (0, number + 1, number + rows, done):
        assert desk.ask(action=action, target=target) == Refusal.UNKNOWN_TARGET
    assert desk.ask(action=action, target=number, symbol=1) == Refusal.UNKNOWN_TARGET
    assert desk.ask(action=action, target=number, side=1) == (
        Refusal.UNKNOWN_TARGET if action == Action.REPLACE else 0)
    assert desk.ask(action=action, target=number) == 0


def test_a_cancel_says_what_it_ends_and_changes_nothing():
    desk = Desk()
    number = desk.enter(side=Side.SELL, quantity=30, price=PRICE + 5)
    desk.hear(Reply.EXECUTED, number, quantity=10, price=PRICE + 5)
    assert desk.ask(action=Action.CANCEL, target=number, quantity=7, price=8) == 0
    d = desk.last
    assert (d.side, d.quantity, d.price, d.user_ref_num) == (1, 30, PRICE + 5, number + 1)
    assert (d.exposure_long, d.exposure_short, d.short) == (-10, -30, 0) and desk.sums.orders == 1
    assert desk.ask(action=Action.CANCEL, target=99, quantity=7, price=8) == Refusal.UNKNOWN_TARGET
    assert desk.last[7:10] == (0, 7, 8)


def test_a_cancel_is_refused_for_nothing_else():
    desk = Desk(max_long=0, max_short=0, max_gross=0, max_net=0, max_notional=0, max_open_orders=0, restricted=1,
                session={"max_gross": 0, "max_net": 0, "max_open_orders": 0})
    everything = desk.ask(gap=1, tradable=0, price=0, reference=0, queue_full=True, no_session=True, stale=True,
                          action=Action.REPLACE)
    assert CHECKS_OF_CANCEL & everything and everything & ~CHECKS_OF_CANCEL
    assert desk.ask(gap=1, tradable=0, price=0, reference=0, queue_full=True, no_session=True, stale=True,
                    action=Action.CANCEL) == (
        Refusal.ORDER_QUEUE_FULL | Refusal.NO_SESSION | Refusal.UNKNOWN_TARGET)


def test_a_quantity_of_more_than_20_bits_is_multiplied_by_its_low_ones():
    desk = Desk(max_notional=PRICE, lot=2)
    assert desk.ask(quantity=(1 << 20) + 1) == Refusal.ORDER_QUANTITY | Refusal.ROUND_LOT
    assert desk.ask(quantity=(1 << 20) + 2) == Refusal.ORDER_QUANTITY | Refusal.ORDER_NOTIONAL


# Replies.

def test_partial_fills_at_another_price():
    desk = Desk()
    number = desk.enter(quantity=100)
    for shares, price in ((30, PRICE - 5), (20, PRICE)):
        p = desk.hear(Reply.EXECUTED, number, quantity=shares, price=price)
    assert (p.symbol, p.position, p.exposure_long, p.exposure_short, p.open_orders, p.remaining) == (
        0, 50, 100, 50, 1, 50)
    assert desk.sums.gross == 30 * (PRICE - 5) + 70 * PRICE == desk.sums.net(0)
    p = desk.hear(Reply.EXECUTED, number, quantity=50, price=PRICE)
    assert (p.lawful, p.open_orders, p.remaining) == (1, 0, 0) and not desk.risk.causes


@pytest.mark.parametrize(("kind", "values", "left"), [
    (Reply.ACCEPTED, {"quantity": 100}, 100), (Reply.ACCEPTED, {"quantity": 60}, 60),
    (Reply.ACCEPTED, {"quantity": 0}, 0),
    (Reply.CANCELED, {"quantity": 40}, 60), (Reply.CANCELED, {"quantity": 100}, 0), (Reply.CANCELED, {"all": 1}, 0),
    (Reply.REJECTED, {}, 0), (Reply.CANCEL_REJECTED, {}, 100), (Reply.BROKEN, {"quantity": 5, "price": 7}, 100),
    (Reply.EXECUTED, {"quantity": 99, "price": 1}, 1), (Reply.REPLACED, {"quantity": 7}, 7),
])
def test_every_kind(kind, values, left):
    desk = Desk()
    number = desk.enter(quantity=100)
    p = desk.hear(kind, number, **values)
    assert (p.lawful, p.remaining, p.open_orders) == (1, left, int(left > 0))
    assert p.exposure_long == left + desk.sums.position and desk.sums.open_notional == [left * PRICE, 0]
    assert not desk.risk.causes and desk.risk.counters[kind.name.lower()] == 1


@pytest.mark.parametrize(("kind", "values", "position"), [
    (Reply.ACCEPTED, {"quantity": 101}, 0), (Reply.REPLACED, {"quantity": 101}, 0),
    (Reply.CANCELED, {"quantity": 101}, 0), (Reply.EXECUTED, {"quantity": 101, "price": 9}, 101),
])
def test_more_shares_than_were_left(kind, values, position):
    desk = Desk()
    number = desk.enter(quantity=100)
    p = desk.hear(kind, number, **values)
    live = kind in (Reply.ACCEPTED, Reply.REPLACED)
    assert (p.lawful, p.position, p.remaining) == (0, position, 100 if live else 0)
    assert desk.risk.causes == Cause.UNLAWFUL_REPLY and desk.risk.counters["unlawful_reply"] == 1
    assert desk.risk.kills[-1] == (desk.last.message, 1, Cause.UNLAWFUL_REPLY)
    assert desk.ask() == Refusal.KILL_SWITCH


@pytest.mark.parametrize("kind", [kind for kind in Reply if kind])
def test_about_no_open_order(kind):
    desk = Desk()
    desk.enter(quantity=100)
    p = desk.hear(kind, 1 + desk.design.risk.order_rows, quantity=1, price=1)
    lawful = kind in (Reply.CANCEL_REJECTED, Reply.BROKEN)
    assert p[-7:] == (lawful, 0, 0, 0, 0, 0, 0)
    assert desk.risk.causes == (0 if lawful else Cause.UNLAWFUL_REPLY)
    assert desk.sums.exposure_long == 100 and desk.sums.position == 0


def test_a_replacement_of_itself_or_of_what_is_gone_takes_nothing_away():
    desk = Desk()
    number, new = desk.enter(quantity=100), desk.enter(quantity=50)
    desk.hear(Reply.REPLACED, new, original=new, quantity=50)
    assert desk.sums.open_shares == [150, 0] and desk.sums.orders == 2
    desk.hear(Reply.EXECUTED, number, quantity=100, price=PRICE)
    p = desk.hear(Reply.REPLACED, new, original=number, quantity=50)
    assert (p.lawful, p.open_orders, p.exposure_long) == (1, 1, 150)


# The kill switch.

@pytest.mark.parametrize("cancels", [0, 1])
@pytest.mark.parametrize("cause", [Cause.HOST, Cause.SESSION_LOST, Cause.LOSS])
def test_the_kill_switch_latches(cause, cancels):
    desk = Desk(session={"cancel_after_kill": cancels})
    number = desk.enter()
    desk.risk.kill(cause)
    desk.risk.kill(cause)
    for _ in range(2):
        assert desk.ask() == Refusal.KILL_SWITCH
    assert desk.ask(action=Action.REPLACE, target=number) == Refusal.KILL_SWITCH
    assert desk.ask(action=Action.CANCEL, target=number) == (0 if cancels else Refusal.KILL_SWITCH)
    desk.risk.release()
    assert desk.ask() == 0 and desk.sums.exposure_long == 200
    assert [(k.decision, k.causes) for k in desk.risk.kills] == [(1, cause), (5, 0)]
    assert desk.risk.counters["kills"] == 1


def test_causes_add_up():
    desk = Desk()
    for cause in (Cause.HOST, Cause.SESSION_LOST, Cause.HOST):
        desk.risk.kill(cause)
    assert [k.causes for k in desk.risk.kills] == [1, 17]
    assert [tuple(k)[:2] for k in desk.risk.kills] == [(TOP, 0)] * 2, "before the first decision"


def test_rejects_in_a_row():
    desk = Desk(session={"max_rejects": 3})
    numbers = [desk.enter() for _ in range(12)]
    for n in numbers[:2]:
        desk.hear(Reply.REJECTED, n)
    desk.hear(Reply.ACCEPTED, numbers[2], quantity=100)
    for n in numbers[3:5]:
        desk.hear(Reply.REJECTED, n)
    desk.hear(Reply.EXECUTED, numbers[2], quantity=1, price=PRICE)
    desk.hear(Reply.CANCEL_REJECTED, numbers[2])
    assert not desk.risk.causes
    desk.hear(Reply.REJECTED, numbers[5])
    assert desk.risk.causes == Cause.REJECTS
    desk.risk.release()
    for n in numbers[6:8]:
        desk.hear(Reply.REJECTED, n)
    assert not desk.risk.causes, "release begins the count anew"
    desk.hear(Reply.REJECTED, numbers[8])
    assert desk.risk.causes == Cause.REJECTS


# Limits while it runs.

def test_limits_change_between_two_decisions():
    desk = Desk()
    desk.enter(quantity=100)
    echo = desk.set(max_long=100)
    assert echo == (desk.last.message, 1, *desk.limit) and desk.ask(quantity=1) == Refusal.POSITION_LIMIT
    desk.set(max_long=50)
    assert desk.ask(quantity=1) == Refusal.POSITION_LIMIT and desk.sums.exposure_long == 100
    assert desk.ask(side=Side.SELL) == 0, "what is already used is left alone"
    desk.set(max_long=101)
    assert desk.ask(quantity=1) == 0
    assert desk.set_session(max_open_orders=3) == (0, desk.last.decision + 1, *desk.of_session)
    assert desk.ask() == Refusal.OPEN_ORDERS | Refusal.POSITION_LIMIT
    assert desk.set(symbol=4) is None
    assert desk.risk.counters["limits_foreign"] == 1 and desk.risk.counters["limits_set"] == 6


def test_an_unknown_lot_refuses_everything():
    desk = Desk(lot=3)
    assert [desk.ask(quantity=q) for q in (3, 6, 1)] == [Refusal.ROUND_LOT] * 3


# Profit and loss.

@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, -1), (Side.SELL, 1)])
def test_a_loss_to_the_last_share_and_tick(side, sign):
    desk = Desk(session={"max_loss": 1000})
    number = desk.enter(side=side, quantity=60)
    desk.hear(Reply.EXECUTED, number, quantity=50, price=PRICE)
    desk.hear(Reply.EXECUTED, number, quantity=10, price=PRICE + 2 * sign)
    assert desk.risk.equity == -100 and not desk.risk.lost, "valued at the newest of our own executions"
    desk.risk.update(update(last_trade=PRICE + 17 * sign))
    assert desk.risk.equity == -1000 and not desk.risk.lost
    desk.risk.update(update(symbol=1, last_trade=1))
    desk.risk.update(update(last_trade=0))
    assert desk.risk.equity == -1000
    desk.risk.update(update(last_trade=PRICE + 18 * sign))
    assert desk.risk.equity == -1060 and desk.risk.lost
    desk.risk.update(update(last_trade=PRICE))
    assert desk.risk.lost, "it is remembered until the host releases"
    desk.risk.release()
    assert not desk.risk.lost


def test_no_limit_of_the_loss_and_a_new_one():
    desk = Desk()
    desk.hear(Reply.EXECUTED, desk.enter(), quantity=100, price=PRICE)
    desk.risk.update(update(last_trade=1))
    assert not desk.risk.lost
    desk.set_session(max_loss=100 * (PRICE - 1))
    assert not desk.risk.lost
    desk.set_session(max_loss=100 * (PRICE - 1) - 1)
    assert desk.risk.lost


def test_numbers_count_round():
    desk = Desk()
    risk = Risk(small(order={"user_ref_num": TOP}))
    desk.risk = risk
    assert [desk.enter() for _ in range(3)] == [TOP, 0, 1]
    assert [desk.hear(Reply.CANCELED, n, all=1).lawful for n in (TOP, 0, 1)] == [1, 1, 1]
