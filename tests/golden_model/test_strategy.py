"""strategy: book imbalance, and what no strategy may skip."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden_model.strategy import SIGNALS, Strategy, imbalance
from spec.config import Strategy as Parameters
from spec.itch import BOOK_TYPES, MESSAGES
from spec.limits import parameters
from spec.records import INTENT, PARAMETERS_SET, REQUEST, Action, Side
from tests.golden_model.build import nonzero, small, update

PARAMETERS = {"numerator": 3, "denominator": 2, "quantity": 70, "max_spread": 200, "cooldown_ns": 1000}


def design(**sections):
    return small(strategy=PARAMETERS, **sections)


def quote(bid_quantity=300, ask_quantity=200, **values):
    fields = {"bid_price": 10_000, "ask_price": 10_100, "bid_orders": 1, "ask_orders": 1, "last_trade": 9_000}
    return update(bid_quantity=bid_quantity, ask_quantity=ask_quantity, **{**fields, **values})


@pytest.fixture
def strategy():
    return Strategy(design())


@pytest.mark.parametrize(("bid", "ask", "expected"), [
    (300, 200, (Side.BUY, 10_100)), (299, 200, None), (200, 300, (Side.SELL, 10_000)), (200, 299, None),
    (0, 0, (Side.BUY, 10_100)), (0, 1, (Side.SELL, 10_000)),
    (2**52 - 1, 1, (Side.BUY, 10_100)), (1, 2**52 - 1, (Side.SELL, 10_000))])
def test_imbalance(bid, ask, expected):
    assert imbalance(quote(bid, ask), None, Parameters(**PARAMETERS)) == expected


@pytest.mark.parametrize("values", [
    {"bid_orders": 0}, {"ask_orders": 0}, {"ask_price": 10_000}, {"ask_price": 9_900}, {"ask_price": 10_201}])
def test_imbalance_needs_two_sides_a_little_apart(values):
    assert imbalance(quote(**values), None, Parameters(**PARAMETERS)) is None
    assert imbalance(quote(ask_price=10_200), None, Parameters(**PARAMETERS))


def test_buying_goes_before_selling():
    parameters = Parameters(numerator=1, denominator=1)
    assert imbalance(quote(5, 5), None, parameters) == (Side.BUY, 10_100)


def test_intent_carries_what_risk_needs(strategy):
    i = strategy.update(quote(message=5, timestamp=9, symbol=2, collar_lower=1, collar_upper=2, short_restricted=1))
    assert i == INTENT.tuple(
        message=5, timestamp=9, symbol=2, action=Action.ENTER, host=0, target=0, side=Side.BUY, quantity=70,
        price=10_100, reference=9_000, collar_lower=1, collar_upper=2, bid=10_000, tradable=1, gap=0,
        short_restricted=1)
    mid = Strategy(design(risk={"reference": "mid"}))
    assert mid.update(quote(ask_price=10_101)).reference == 10_050
    band = Strategy(design(risk={"reference": "luld"}))
    assert band.update(quote(collar_lower=9_000, collar_upper=9_501)).reference == 9_250


REQUEST_2 = REQUEST.tuple(symbol=2, action=Action.REPLACE, target=7, side=Side.SELL, quantity=30, price=9_900)


def test_a_request_knows_what_the_last_update_of_its_symbol_said(strategy):
    nothing = strategy.request(REQUEST_2)
    assert nothing == INTENT.tuple(2**32 - 1, 0, *REQUEST_2[:2], 1, *REQUEST_2[2:], *[0] * 7)
    strategy.update(quote(message=5, timestamp=9, symbol=2, collar_lower=1, collar_upper=2, tradable=0))
    strategy.update(quote(message=6, timestamp=10, symbol=1, gap=1, bid_known=0, last_trade=5, short_restricted=1))
    i = strategy.request(REQUEST_2)
    assert i == INTENT.tuple(6, 10, 2, Action.REPLACE, 1, 7, Side.SELL, 30, 9_900, 9_000, 1, 2, 10_000, 0, 1, 0)
    assert strategy.request(REQUEST_2._replace(symbol=1)).short_restricted == 1
    assert nonzero(strategy.counters) == {"requests": 3, "suppressed_halt": 1, "suppressed_unknown": 1}


def test_a_request_is_held_back_by_nothing_here(strategy):
    assert strategy.update(quote(symbol=2))
    assert strategy.request(REQUEST_2) and strategy.request(REQUEST_2), "no cooldown"


def test_a_request_of_a_foreign_symbol_is_dropped(strategy):
    assert strategy.request(REQUEST_2._replace(symbol=len(design().symbols))) is None
    assert nonzero(strategy.counters) == {"requests_foreign": 1}


def test_only_book_changes_are_evaluated():
    for code in MESSAGES:
        intent = Strategy(design()).update(quote(type=ord(code)))
        assert (intent is not None) == (code in BOOK_TYPES)


@pytest.mark.parametrize("side", ["bid_known", "ask_known"])
def test_nothing_is_wanted_on_an_unknown_book(strategy, side):
    assert strategy.update(quote(**{side: 0})) is None
    assert strategy.update(quote(**{side: 0, "type": ord("P")})) is None
    assert nonzero(strategy.counters) == {"suppressed_unknown": 1}


def test_nothing_is_wanted_while_not_tradable(strategy):
    assert strategy.update(quote(tradable=0)) is None
    assert strategy.update(quote(1, 1, tradable=0)) is None
    assert strategy.update(quote()) is not None, "a suppressed signal starts no cooldown"
    assert strategy.update(quote(tradable=0)) is None
    assert nonzero(strategy.counters) == {"suppressed_halt": 2, "intents": 1}


def test_cooldown_per_symbol(strategy):
    wanted = [(t, s) for t, s in [(0, 0), (999, 0), (999, 1), (1000, 0), (1500, 0), (1999, 0), (2000, 0)]
              if strategy.update(quote(timestamp=t, symbol=s))]
    assert wanted == [(0, 0), (999, 1), (1000, 0), (2000, 0)]
    assert nonzero(strategy.counters) == {"intents": 4, "suppressed_cooldown": 3}


def test_a_clock_that_steps_back_ends_the_cooldown(strategy):
    assert strategy.update(quote(timestamp=5000))
    assert strategy.update(quote(timestamp=4999))
    assert strategy.update(quote(timestamp=2**48 - 1))
    assert strategy.update(quote(timestamp=998)) is None, "999 ns later, modulo 2**48"


def test_without_cooldown_every_signal_counts():
    strategy = Strategy(small(strategy={"cooldown_ns": 0}))
    assert strategy.update(quote(900, 1)) and strategy.update(quote(900, 1))


@given(st.lists(st.builds(
    quote, st.integers(0, 9), st.integers(0, 9), timestamp=st.integers(0, 3000), symbol=st.integers(0, 1),
    tradable=st.integers(0, 1), bid_known=st.integers(0, 1), bid_orders=st.integers(0, 1),
    ask_price=st.integers(9_999, 10_300)), max_size=30))
def test_never_trades_on_what_it_must_not(updates):
    strategy, last = Strategy(design()), {}
    for u in updates:
        i = strategy.update(u)
        if i is None:
            continue
        assert u.bid_known and u.ask_known and u.tradable and u.bid_orders and u.ask_orders
        assert i.price == (u.ask_price if i.side == Side.BUY else u.bid_price)
        assert 0 < u.ask_price - u.bid_price <= PARAMETERS["max_spread"]
        assert (u.timestamp - last.get(u.symbol, u.timestamp - 2**47)) % 2**48 >= PARAMETERS["cooldown_ns"]
        last[u.symbol] = u.timestamp
    assert sum(strategy.counters.values()) <= len(updates)


def test_a_new_strategy_is_a_function_with_a_name(monkeypatch):
    seen = []

    def sell_at_seven(update, indicator, parameters):
        seen.append((update, indicator, parameters))
        return Side.SELL.value, 7

    monkeypatch.setitem(SIGNALS, "imbalance", sell_at_seven)
    strategy, u = Strategy(design()), quote()
    assert strategy.update(u, "indicator").price == 7
    assert seen == [(u, "indicator", parameters(design()))]


def test_parameters_hold_from_one_update_to_the_next(strategy):
    """Ratio, spread, quantity and cooldown, all of them at once."""
    given = parameters(design())
    first = strategy.parameters(given)
    assert first == PARAMETERS_SET.tuple(2**32 - 1, *given), "before the first update"
    assert strategy.update(quote(message=4, timestamp=0)).quantity == given.quantity
    narrow = given._replace(numerator=9, denominator=1, quantity=30, max_spread=99, cooldown_ns=10)
    assert strategy.parameters(narrow) == PARAMETERS_SET.tuple(4, *narrow)
    wanted = [strategy.update(quote(*quantities, timestamp=t, ask_price=ask)) for t, quantities, ask in (
        (10, (90, 10), 10_100), (10, (89, 10), 10_099), (9, (90, 10), 10_099), (10, (90, 10), 10_099))]
    assert [bool(intent) for intent in wanted] == [False, False, False, True]
    assert wanted[3].quantity == 30 and nonzero(strategy.counters) == {
        "intents": 2, "parameters_set": 2, "suppressed_cooldown": 1}
