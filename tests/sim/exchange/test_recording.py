"""Recorded market data as liquidity: what clients get of it, and that no share is given away twice."""

from collections import Counter
from collections.abc import Iterator

import pytest

from golden_model.decode import decode
from sim.exchange import OUCH, Background, Exchange, Pace
from sim.generator import session
from spec import config
from tests.sim.exchange.itch import STOCK, add, message
from tests.sim.exchange.ouch_client import OuchClient

PRICE = 1_000_000


class Market:
    """A venue, a client, and recorded messages at the test's will."""

    def __init__(self, venue, client):
        self.venue, self.client, self.number = venue, client, 0

    def record(self, *messages: bytes) -> None:
        for octets in messages:
            self.venue.call(self.venue.exchange.recording.apply, octets)

    def order(self, side: str, quantity: int, price: int = PRICE, **more) -> list[int]:
        """Enter an order; what it executed at once."""
        self.number += 1
        self.client.enter(self.number, side, quantity, price, **more)
        self.client.messages("A")
        return self.executed()

    def executed(self) -> list[int]:
        """What the client has been told of since."""
        venue, client = self.venue, self.client
        waiting = venue.call(lambda: len(venue.exchange.account(OUCH, "alice").reporter.messages)) + 1 - client.sequence
        return [m["quantity"] for m in [client.message() for _ in range(waiting)] if m["type"] == "E"]


@pytest.fixture
def market():
    with Background(Exchange()) as venue, OuchClient(venue.exchange.ouch_port, sequence=0) as client:
        yield Market(venue, client)


def test_clients_take_recorded_orders_by_price_and_time(market):
    market.record(add(1, "S", 100, PRICE), add(2, "S", 50, PRICE), add(3, "S", 70, PRICE - 100))
    assert market.order("B", 200) == [70, 100, 30]
    assert market.order("B", 200) == [20]


def test_clients_and_the_recorded_share_one_queue(market):
    market.record(add(1, "S", 100, PRICE))
    market.order("S", 10)
    market.record(add(2, "S", 100, PRICE))
    with OuchClient(market.venue.exchange.ouch_port, "bob", sequence=0) as bob:
        bob.enter(1, "B", 150, PRICE)
        assert [m["quantity"] for m in bob.messages("AEEE")[1:]] == [100, 10, 40]
    assert market.executed() == [10]


@pytest.mark.parametrize(("then", "left"), [
    (message("X", reference=1, shares=30), 10), (message("C", reference=1, shares=30, price=PRICE), 10),
    (message("E", reference=1, shares=30), 10), (message("E", reference=1, shares=50), 0),
    (message("D", reference=1), 0), (message("U", reference=1, new_reference=2, shares=90, price=PRICE), 30),
    (message("X", reference=1, shares=100), 0), (message("X", reference=9, shares=30), 40)])
def test_shares_that_were_taken_are_gone_whatever_the_recording_does(market, then, left):
    market.record(add(1, "S", 100, PRICE))
    assert market.order("B", 60, time_in_force="3") == [60]
    market.record(then)
    assert sum(market.order("B", 1000, time_in_force="3")) == left


def test_what_is_recorded_meets_clients_orders_that_it_crosses(market):
    market.order("B", 100)
    market.order("B", 50, PRICE + 100)
    market.record(add(1, "S", 120, PRICE))
    assert market.executed() == [50, 70]
    market.record(add(2, "S", 10, PRICE + 100), add(3, "S", 100, PRICE))
    assert market.executed() == [30]
    assert market.order("B", 1000) == [70]


@pytest.mark.parametrize(("price", "before", "executed"), [
    (PRICE, True, [40]), (PRICE, False, []), (PRICE + 100, False, [40]), (PRICE - 100, True, [])])
def test_a_recorded_execution_meets_clients_that_come_first(market, price, before, executed):
    if not before:
        market.record(add(1, "B", 100, PRICE))
    market.order("B", 60, price)
    if before:
        market.record(add(1, "B", 100, PRICE))
    market.record(message("E", reference=1, shares=40))
    assert market.executed() == executed


def test_nothing_trades_in_a_halt(market):
    market.record(add(1, "S", 100, PRICE), message("H", state="H"))
    market.client.enter(100, "B", 100, PRICE)
    assert market.client.messages("J")[0]["reason"] == 0x07
    market.record(message("H", state="T"))
    market.number = 100
    assert market.order("B", 100) == [100]


def test_unknown_types_and_broken_messages_are_passed_over(market):
    market.record(add(1, "S", 100, PRICE), add(1, "S", 30, PRICE))  # the same again
    assert market.order("B", 1000, time_in_force="3") == [30]
    market.record(b"", b"A", b"?" + bytes(30), add(1, "S", 100, PRICE)[:-1], message("D", reference=5))
    assert market.order("B", 10) == []


def test_only_the_symbols_asked_for_are_followed():
    with Background(Exchange(symbols=["MSFT"])) as venue:
        venue.call(venue.exchange.recording.apply, add(1, "S", 100, PRICE))
        assert venue.call(lambda: [*venue.exchange.engine.books]) == ["MSFT"]


def test_pace_per_order_lets_the_market_move_before_each():
    messages = [add(n, "S", n, PRICE) for n in range(1, 7)]
    venue = Background(Exchange(messages=messages, pace=Pace(per_order=2)))
    with venue, OuchClient(venue.exchange.ouch_port, sequence=0) as client:
        for number, quantities in enumerate(([1, 2], [3, 4], [5, 6], []), 1):
            client.enter(number, "B", 100, PRICE, time_in_force="3")
            found = client.messages("A" + "E" * len(quantities) + "C")
            assert [m["quantity"] for m in found[1:-1]] == quantities
        assert venue.exchange.recording.ended


def test_pace_per_second_needs_no_orders():
    messages = [add(n, "S", n, PRICE) for n in range(1, 1201)]
    with Background(Exchange(messages=messages, pace=Pace(per_second=100_000))) as venue:
        with OuchClient(venue.exchange.ouch_port, sequence=0) as client:
            while not venue.call(lambda: venue.exchange.recording.ended):
                client.send("R")
        assert venue.call(lambda: venue.exchange.engine.books[STOCK].offers.best()) == (PRICE, 1200 * 1201 // 2)


def resting(messages) -> Iterator[dict[int, list]]:
    """After each message: reference -> stock, side, price, shares."""
    orders = {}
    for found in map(decode, messages):
        match found.type:
            case b"A" | b"F":
                stock, side = found.stock.decode().strip(), found.side.decode()
                orders[found.reference] = [stock, side, found.price, found.shares]
            case b"E" | b"C" | b"X":
                orders[found.reference][3] -= found.shares
            case b"U":
                stock, side, *_ = orders.pop(found.reference)
                orders[found.new_reference] = [stock, side, found.price, found.shares]
            case b"D":
                del orders[found.reference]
        yield orders


def levels(orders: dict[int, list]) -> Counter:
    """Shares by stock, side and price."""
    shares = Counter()
    for stock, side, price, left in orders.values():
        shares[stock, side, price] += left
    return +shares


def offered(messages) -> Counter:
    """Shares that were ever offered, by stock."""
    shares, before = Counter(), set()
    for orders in resting(messages):
        for reference in orders.keys() - before:
            stock, side, _, quantity = orders[reference]
            shares[stock] += quantity if side == "S" else 0
        before = {*orders}
    return shares


def taken_beyond(recorded: Counter, taken: Counter) -> list[str]:
    """Stocks of which clients bought more than was ever offered."""
    return [stock for stock, shares in taken.items() if shares > recorded[stock]]


def test_a_generated_session_feeds_the_books_and_clients_trade_against_it():
    design = config.preset("small")
    stocks = [symbol.stock for symbol in design.symbols]
    messages = [*session(design, messages=4000, seed=3)]
    venue = Background(Exchange(messages=messages, pace=Pace(per_order=5)))
    with venue, OuchClient(venue.exchange.ouch_port, sequence=0) as client:
        for number in range(1, 801):
            client.enter(number, "B", 50, 2_000_000_000, symbol=stocks[number % len(stocks)])
        answers = Counter()
        while answers["A"] + answers["J"] < 800:
            answers[client.message()["type"]] += 1
        positions = venue.call(lambda: Counter(venue.exchange.account(OUCH, "alice").positions))
        trades = venue.call(lambda: [*venue.exchange.engine.trades])
    assert answers["E"] > 200 and answers["C"] and answers["J"], answers  # there are halts
    assert sum(positions.values()) == sum(trade.shares for trade in trades)
    assert taken_beyond(offered(messages), positions) == []
    assert venue.exchange.recording.applied == len(messages)


def test_shares_beyond_what_was_offered_would_be_noticed():
    recorded = offered([add(1, "S", 100, PRICE), message("U", reference=1, new_reference=2, shares=20, price=PRICE)])
    assert taken_beyond(recorded, Counter({STOCK: 120})) == []
    assert taken_beyond(recorded, Counter({STOCK: 121})) == [STOCK]


def test_without_clients_the_books_are_the_recordings():
    messages = [*session(config.preset("small"), messages=3000, seed=5)]
    venue = Exchange(messages=messages)
    for number, orders in enumerate(resting(messages), 1):
        venue.recording.advance(1)
        if number in (1500, 2500, 3000):
            held = Counter()
            for stock, book in venue.engine.books.items():
                for side, entries in (("B", book.bids), ("S", book.offers)):
                    for entry in entries:
                        held[stock, side, entry.price] += entry.available
            assert held == levels(orders)
            assert bool(held) == (number < 3000)  # the day ends with empty books
