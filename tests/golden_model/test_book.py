"""book: each policy by example. ``test_book_naive`` covers their combinations."""

import pytest

from golden_model.book import Book
from spec import itch
from spec.records import Trade
from tests.golden_model.build import Recorder, itch_message, nonzero, small, tiny


class Tape:
    """A book that takes messages by their fields and gives its last update."""

    def __init__(self, design):
        self.book = Book(design)
        self._recorder = Recorder()

    def __call__(self, code, locate=1, gap=0, **values):
        return self.book.message(self._recorder(itch_message(code, locate, **values), gap))

    def add(self, reference, side, price, shares=100, **values):
        return self("A", reference=reference, side=side, price=price, shares=shares, **values)

    @property
    def counters(self):
        return nonzero(self.book.counters)


@pytest.fixture
def tape():
    return Tape(tiny())


def bid(u):
    return u.bid_known, u.bid_price, u.bid_quantity, u.bid_orders


def ask(u):
    return u.ask_known, u.ask_price, u.ask_quantity, u.ask_orders


def trade(u):
    return u.trade, u.trade_price, u.trade_shares, u.match


EMPTY, UNKNOWN = (1, 0, 0, 0), (0, 0, 0, 0)


# Which messages make an update.

def test_every_type_makes_an_update_of_a_mapped_symbol_but_market_wide_ones(tape):
    for code in itch.MESSAGES:
        u = tape(code, timestamp=7)
        if code in "SVW":
            assert u is None
        else:
            assert (u.type, u.symbol, u.timestamp) == (ord(code), 0, 7)
        assert tape(code, locate=3) is None
    assert tape.counters["updates"] == len(itch.MESSAGES) - 3 == tape.counters["filtered"]


def test_an_unknown_type_goes_by_its_locate(tape):
    recorder = Recorder()
    u = tape.book.message(recorder(b"z" + (2).to_bytes(2, "big") + bytes(8)))
    assert (u.type, u.symbol) == (ord("z"), 1)
    assert tape.book.message(recorder(b"z" + bytes(49))) is None


def test_learns_locates_from_the_stock_directory():
    tape = Tape(small())
    assert tape("H", locate=5, state="T") is None
    assert tape("R", locate=5, stock="MSFT").symbol == 1
    assert tape("H", locate=5, state="T").symbol == 1
    assert tape("R", locate=6, stock="OTHER") is None
    assert tape("R", locate=5, stock="OTHER").symbol == 1, "nothing unmaps a locate"
    assert tape("R", locate=5, stock="QQQ").symbol == 2, "a later directory message overrides"
    assert tape("R", locate=7, stock="QQQ").symbol == tape("D", locate=5).symbol == 2
    assert tape.counters == {"updates": 6, "filtered": 2, "unknown_reference": 1}


def test_a_locate_beyond_the_table_is_counted():
    tape = Tape(small())
    assert tape("R", locate=64, stock="AAPL") is None
    assert tape("D", locate=64) is None
    assert tape("R", locate=65, stock="OTHER") is None
    assert tape("R", locate=63, stock="AAPL").symbol == 0
    assert tape.counters == {"locate_range": 1, "filtered": 2, "updates": 1}


# May it be traded.

def test_tradable_needs_market_and_symbol():
    tape = Tape(tiny(book={"assume_trading": False}))

    def tradable(*message, **values):
        tape(*message, **values)
        return tape("Y").tradable

    assert not tape("Y").tradable
    assert not tradable("S", event="Q", locate=0)
    assert tradable("H", state="T")
    assert not tape("Y", locate=2).tradable
    for state in "HPQ":
        assert not tradable("H", state=state)
        assert tradable("H", state="T")
    assert tradable("h", market="B", action="H")
    assert not tradable("h", market="Q", action="H")
    assert not tradable("H", state="T"), "a trading action does not end an operational halt"
    assert not tradable("h", market="X", action="T")
    assert tradable("h", market="Q", action="T")
    assert not tradable("W", level="1", locate=0)
    assert tradable("S", event="Q", locate=0)
    for event in "OSEC":
        assert tradable("S", event=event, locate=0)
    assert not tradable("S", event="M", locate=0)


def test_assume_trading_vouches_for_the_start_only(tape):
    assert tape("Y").tradable and tape("Y", locate=2).tradable
    assert not tape("H", state="P").tradable
    assert tape("Y", locate=2).tradable


def test_keeps_the_last_collar(tape):
    assert (tape("Y").collar_lower, tape("Y").collar_upper) == (0, 0)
    tape("J", lower=5, upper=9, reference=7)
    tape("J", lower=6, upper=8, reference=7, locate=2)
    u = tape("Y")
    assert (u.collar_lower, u.collar_upper) == (5, 9)


# Orders.

def test_best_levels_add_up(tape):
    assert bid(tape("Y")) == ask(tape("Y")) == EMPTY
    tape.add(1, "B", 9_900)
    tape.add(2, "B", 9_900, 50)
    u = tape.add(3, "B", 9_800)
    assert (bid(u), ask(u)) == ((1, 9_900, 150, 2), EMPTY)
    u = tape("F", reference=4, side="S", price=10_000, shares=7)
    assert ask(u) == (1, 10_000, 7, 1)
    assert bid(tape("D", reference=1)) == (1, 9_900, 50, 1)
    assert bid(tape("D", reference=2)) == (1, 9_800, 100, 1)
    assert bid(tape.add(5, "B", 9_900, 1)) == (1, 9_900, 1, 1), "a level that was empty"
    assert tape.book.book(0).bids() == [(9_900, 1, 1), (9_800, 100, 1)]
    assert bid(tape("Y", locate=2)) == EMPTY


@pytest.mark.parametrize("code", "ECX")
def test_shares_come_off_at_the_stored_price(tape, code):
    tape.add(1, "S", 10_100, 100)
    assert ask(tape(code, reference=1, shares=30)) == (1, 10_100, 70, 1)
    assert ask(tape(code, reference=1, shares=70)) == EMPTY
    u = tape(code, reference=1, shares=1)
    assert u.unknown_reference and ask(u) == UNKNOWN


@pytest.mark.parametrize("code", "ECX")
def test_more_shares_than_the_order_had(tape, code):
    tape.add(1, "S", 10_100, 100)
    tape.add(2, "S", 10_200, 100)
    u = tape(code, reference=1, shares=101)
    assert u.over_execution and ask(u) == UNKNOWN
    assert tape.book.book(0).asks() == [(10_200, 100, 1)]
    assert tape.counters["over_execution"] == 1


def test_replace_keeps_side_and_may_reuse_the_reference(tape):
    tape.add(1, "S", 10_100)
    tape.add(2, "S", 10_300)
    assert ask(tape("U", reference=1, new_reference=3, price=10_200, shares=5)) == (1, 10_200, 5, 1)
    assert ask(tape("U", reference=3, new_reference=3, price=10_100, shares=6)) == (1, 10_100, 6, 1)
    u = tape("U", reference=3, new_reference=2, price=10_000, shares=6)
    assert u.duplicate_reference and tape.book.book(0).asks() == [(10_300, 100, 1)]


def test_an_order_of_another_symbol_is_unknown_and_untouched(tape):
    tape.add(1, "B", 9_900)
    for code in "ECXDU":
        u = tape(code, locate=2, reference=1, **({} if code == "D" else {"shares": 100}))
        assert u.unknown_reference and (u.symbol, bid(u)) == (1, UNKNOWN)
    u = tape.add(1, "B", 20_000, locate=2)
    assert u.duplicate_reference
    assert bid(tape("Y")) == (1, 9_900, 100, 1), "faults are per symbol"
    assert tape.book.book(1).bids() == []


def test_an_order_without_shares_occupies_its_level(tape):
    assert bid(tape.add(1, "B", 9_900, 0)) == (1, 9_900, 0, 1)
    assert bid(tape("E", reference=1, shares=0)) == EMPTY


def test_faults_stay_and_gap_is_passed_on(tape):
    tape("D", reference=5)
    assert tape.add(1, "B", 9_900).unknown_reference
    u = tape("Y", locate=2, gap=1)
    assert (u.gap, bid(u), ask(u)) == (1, UNKNOWN, UNKNOWN)
    assert bid(tape("Y", locate=2)) == EMPTY


def test_a_full_table_flags_the_symbol_that_found_no_room():
    tape = Tape(tiny(book={"spill": 1}))
    taken = 0
    while not (u := tape.add(taken + 1, "B", 9_900)).table_full:
        taken += 1
    assert tape.counters["table_full"] == 1 and bid(u) == UNKNOWN
    assert tape.book.book(0).bids() == [(9_900, 100 * taken, taken)], "not in the book"
    assert bid(tape("Y", locate=2)) == EMPTY
    assert tape("D", reference=taken + 1).unknown_reference


# What the ladder can know. ONE's window is 9 200 to 10 700 in steps of 100.

@pytest.mark.parametrize(("side", "read", "worse", "better"), [
    ("B", bid, 9_100, 10_800), ("S", ask, 10_800, 9_100)])
def test_known_depends_on_orders_off_the_ladder(tape, side, read, worse, better):
    assert read(tape.add(1, side, worse)) == UNKNOWN, "an empty window and a worse order"
    assert read(tape.add(2, side, 10_000)) == (1, 10_000, 100, 1)
    assert read(tape.add(3, side, better)) == UNKNOWN
    assert read(tape("D", reference=3)) == (1, 10_000, 100, 1)
    assert read(tape.add(4, side, 10_050)) == UNKNOWN, "between two ticks"
    assert read(tape("D", reference=4)) == (1, 10_000, 100, 1)
    assert read(tape("D", reference=2)) == UNKNOWN
    assert read(tape("D", reference=1)) == EMPTY
    assert (tape.counters["zone_worse"], tape.counters["zone_better"]) == (1, 2)


def test_a_replace_counts_its_zone_as_an_add(tape):
    tape.add(1, "B", 1)
    tape("U", reference=1, new_reference=2, price=2, shares=1)
    assert tape.counters["zone_worse"] == 2


# Trades.

def test_trades(tape):
    tape.add(1, "S", 10_100, 100)
    assert trade(tape("E", reference=1, shares=10, match=5)) == (Trade.PRINT, 10_100, 10, 5)
    assert trade(tape("C", reference=1, shares=10, match=6, printable="Y", price=7)) == (Trade.PRINT, 7, 10, 6)
    u = tape("C", reference=1, shares=10, match=7, printable="N", price=8)
    assert trade(u) == (Trade.NONE, 0, 0, 7) and u.last_trade == 7
    assert trade(tape("P", shares=3, price=9, match=8)) == (Trade.PRINT, 9, 3, 8)
    assert trade(tape("P", shares=0, price=9, match=8)) == (Trade.PRINT, 9, 0, 8)
    u = tape("Q", shares=2**64 - 1, price=10, match=9)
    assert trade(u) == (Trade.PRINT, 10, 2**64 - 1, 9) and u.last_trade == 10
    u = tape("Q", shares=0, price=11, match=9)
    assert trade(u) == (Trade.NONE, 0, 0, 9) and u.last_trade == 10
    assert trade(tape("B", match=9)) == (Trade.BREAK, 0, 0, 9)
    assert trade(tape("X", reference=1, shares=1)) == (Trade.NONE, 0, 0, 0)
    assert tape("Y", locate=2).last_trade == 0


def test_executions_of_unknown_orders(tape):
    assert trade(tape("C", reference=9, shares=1, match=2, printable="Y", price=3)) == (Trade.PRINT, 3, 1, 2)
    u = tape("E", reference=9, shares=4, match=3)
    assert trade(u) == (Trade.UNPRICED, 0, 4, 3) and u.last_trade == 3


def test_an_excessive_execution_prints_what_the_exchange_printed(tape):
    tape.add(1, "S", 10_100, 100)
    assert trade(tape("E", reference=1, shares=150, match=5)) == (Trade.PRINT, 10_100, 150, 5)
