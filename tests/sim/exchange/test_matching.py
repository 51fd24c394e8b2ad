"""Who trades with whom, at which price, in which order."""

from contextlib import ExitStack

import pytest

from sim.exchange import OUCH, Background, Exchange
from tests.sim.exchange.ouch_client import OuchClient

CENT = 100


@pytest.fixture
def venue():
    with Background(Exchange()) as background:
        yield background


@pytest.fixture
def clients(venue):
    """Three of them: makers a and b, and a taker."""
    with ExitStack() as stack:
        yield [stack.enter_context(OuchClient(venue.exchange.ouch_port, name, sequence=0)) for name in ("a", "b", "t")]


def fills(client, types: str) -> list[tuple[int, int]]:
    """Quantity and price of the executions in the next messages."""
    return [(m["quantity"], m["price"]) for m in client.messages(types) if m["type"] == "E"]


def rest(client, number, side, quantity, price):
    client.enter(number, side, quantity, price)
    client.messages("A")


@pytest.mark.parametrize(("side", "other", "better"), [("S", "B", -CENT), ("B", "S", CENT)])
def test_better_prices_first_then_older_orders(clients, side, other, better):
    a, b, taker = clients
    rest(a, 1, side, 100, 1_000_000)
    rest(b, 1, side, 100, 1_000_000)
    rest(b, 2, side, 50, 1_000_000 + better)
    taker.enter(1, other, 180, 1_000_000)
    assert fills(taker, "AEEE") == [(50, 1_000_000 + better), (100, 1_000_000), (30, 1_000_000)]
    assert fills(a, "E") == [(100, 1_000_000)]
    assert [(m["user_ref_num"], m["quantity"]) for m in b.messages("EE")] == [(2, 50), (1, 30)]


def test_what_does_not_cross_rests(clients):
    a, _, taker = clients
    rest(a, 1, "S", 100, 1_000_000)
    rest(taker, 1, "B", 100, 999_900)
    a.enter(2, "S", 40, 990_000)  # executes at the price of what rests
    assert fills(a, "AE") == [(40, 999_900)]


def test_the_rest_of_an_order_rests_and_is_met_later(clients):
    a, b, taker = clients
    rest(a, 1, "S", 30, 1_000_000)
    taker.enter(1, "B", 100, 1_000_000)
    assert fills(taker, "AE") == [(30, 1_000_000)]
    b.enter(1, "S", 100, 1_000_000)
    assert fills(b, "AE") == [(70, 1_000_000)]
    assert fills(taker, "E") == [(70, 1_000_000)]


@pytest.mark.parametrize("order", [{"time_in_force": "3", "price": 1_000_000}, {"price": 2_000_000_000}])
def test_the_rest_of_an_ioc_or_market_order_is_canceled(venue, clients, order):
    a, _, taker = clients
    rest(a, 1, "S", 30, 1_000_000)
    taker.enter(1, "B", 100, **order)
    _, executed, canceled = taker.messages("AEC")
    assert (executed["quantity"], canceled["quantity"], canceled["reason"]) == (30, 70, "I")
    assert venue.call(lambda: venue.exchange.engine.books["AAPL"].bids.best()) is None


def test_a_cancel_reduces_and_keeps_priority(clients):
    a, b, taker = clients
    rest(a, 1, "S", 100, 1_000_000)
    rest(b, 1, "S", 100, 1_000_000)
    a.cancel(1, 60)
    assert a.messages("C")[0]["quantity"] == 40
    taker.enter(1, "B", 50, 1_000_000)
    assert fills(a, "E") == [(50, 1_000_000)]
    a.cancel(1, 55)  # 50 executed, 5 stay
    assert a.messages("C")[0]["quantity"] == 5
    a.cancel(1, 55)  # takes nothing away: ignored, as the next of an order never entered
    a.cancel(9, 0)
    a.cancel(1)
    assert a.messages("C")[0]["quantity"] == 5
    a.cancel(1)  # not live any more
    taker.messages("AE")
    taker.enter(2, "B", 10, 1_000_000)
    assert fills(b, "E") == [(10, 1_000_000)]


def test_a_replacement_loses_priority(clients):
    a, b, taker = clients
    rest(a, 1, "S", 100, 1_000_000)
    rest(b, 1, "S", 100, 1_000_000)
    a.replace(1, 2, 100, 1_000_000)
    [replaced] = a.messages("U")
    assert (replaced["original_user_ref_num"], replaced["user_ref_num"], replaced["side"]) == (1, 2, "S")
    taker.enter(1, "B", 100, 1_000_000)
    assert fills(b, "E") == [(100, 1_000_000)]
    a.cancel(1)  # the one that was replaced: ignored
    a.cancel(2)
    assert a.messages("C")[0]["quantity"] == 100


def test_a_replacement_may_execute_and_counts_what_was_executed(clients):
    a, b, taker = clients
    rest(a, 1, "S", 100, 1_000_000)
    taker.enter(1, "B", 40, 1_000_000)
    a.messages("E")
    rest(b, 1, "B", 500, 990_000)
    a.replace(1, 2, 90, 990_000)
    replaced, executed = a.messages("UE")
    assert (replaced["quantity"], executed["quantity"], executed["price"]) == (50, 50, 990_000)
    a.replace(1, 3, 90, 990_000)  # of what is not live: ignored, and the number stays free
    rest(a, 3, "S", 10, 1_000_000)


def test_an_invalid_replacement_takes_the_order_out(clients):
    a, _, taker = clients
    rest(a, 1, "S", 100, 1_000_000)
    taker.enter(1, "B", 40, 1_000_000)
    a.messages("E")
    a.replace(1, 2, 40, 1_000_000)
    [canceled] = a.messages("C")
    assert (canceled["user_ref_num"], canceled["quantity"]) == (1, 60)


def test_one_client_may_trade_with_itself(venue, clients):
    a = clients[0]
    rest(a, 1, "S", 100, 1_000_000)
    a.enter(2, "B", 100, 1_000_000)
    a.messages("AEE")
    assert venue.call(lambda: venue.exchange.account(OUCH, "a").positions) == {"AAPL": 0}


def test_symbols_do_not_meet(clients):
    a, b, _ = clients
    rest(a, 1, "S", 100, 1_000_000)
    b.enter(1, "B", 100, 1_000_000, symbol="MSFT")
    b.messages("A")
    b.enter(2, "B", 10, 1_000_000)
    assert fills(b, "AE") == [(10, 1_000_000)]
