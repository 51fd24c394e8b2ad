"""book: each policy by example. ``test_book_naive`` covers their combinations."""

import pytest

from golden_model.book import Book
from spec import itch
from spec.ladder import ASK, BID
from spec.order_table import bucket_of
from spec.records import DEPTH, LOAD, UPDATE, WINDOW, Trade
from tests.golden_model.build import Recorder, itch_message, nonzero, small, tiny


class Tape:
    """A book that takes messages by their fields and gives its last update."""

    def __init__(self, design):
        self.book = Book(design)
        self._recorder = Recorder()
        self.next = 0  #: message number

    def __call__(self, code, locate=1, gap=0, **values):
        self.next += 1
        return self.book.message(self._recorder(itch_message(code, locate, **values), gap))

    def event(self, record, symbol=0, side=0, **values):
        """Of before the next message; the record. A change of windows, a load or a depth."""
        fields = dict.fromkeys(record.tuple._fields, 0) | {"message": self.next, "symbol": symbol, "side": side}
        self.book.events.append(record.tuple(**{**fields, **values}))
        return self.book.events[-1]

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


def test_keeps_the_short_sale_restriction(tape):
    assert not tape("A", reference=1, price=100).short_restricted
    for action, restricted in (("1", 1), ("2", 1), ("0", 0)):
        assert tape("Y", action=action).short_restricted == restricted
        assert tape("D", reference=2).short_restricted == restricted
        assert not tape("D", reference=2, locate=2).short_restricted


def test_keeps_the_last_collar(tape):
    assert (tape("Y").collar_lower, tape("Y").collar_upper) == (0, 0)
    tape("J", lower=5, upper=9, reference=7)
    tape("J", lower=6, upper=8, reference=7, locate=2)
    u = tape("Y")
    assert (u.collar_lower, u.collar_upper) == (5, 9)


# Orders.

def test_best_levels_add_up(tape):
    assert bid(tape("Y")) == ask(tape("Y")) == EMPTY
    tape.add(1, "B", 19_900)
    tape.add(2, "B", 19_900, 50)
    u = tape.add(3, "B", 19_800)
    assert (bid(u), ask(u)) == ((1, 19_900, 150, 2), EMPTY)
    u = tape("F", reference=4, side="S", price=20_000, shares=7)
    assert ask(u) == (1, 20_000, 7, 1)
    assert bid(tape("D", reference=1)) == (1, 19_900, 50, 1)
    assert bid(tape("D", reference=2)) == (1, 19_800, 100, 1)
    assert bid(tape.add(5, "B", 19_900, 1)) == (1, 19_900, 1, 1), "a level that was empty"
    assert tape.book.book(0).bids() == [(19_900, 1, 1), (19_800, 100, 1)]
    assert bid(tape("Y", locate=2)) == EMPTY


@pytest.mark.parametrize("code", "ECX")
def test_shares_come_off_at_the_stored_price(tape, code):
    tape.add(1, "S", 20_100, 100)
    assert ask(tape(code, reference=1, shares=30)) == (1, 20_100, 70, 1)
    assert ask(tape(code, reference=1, shares=70)) == EMPTY
    u = tape(code, reference=1, shares=1)
    assert u.unknown_reference and ask(u) == UNKNOWN


@pytest.mark.parametrize("code", "ECX")
def test_more_shares_than_the_order_had(tape, code):
    tape.add(1, "S", 20_100, 100)
    tape.add(2, "S", 20_200, 100)
    u = tape(code, reference=1, shares=101)
    assert u.over_execution and ask(u) == UNKNOWN
    assert tape.book.book(0).asks() == [(20_200, 100, 1)]
    assert tape.counters["over_execution"] == 1


def test_replace_keeps_side_and_may_reuse_the_reference(tape):
    tape.add(1, "S", 20_100)
    tape.add(2, "S", 20_300)
    assert ask(tape("U", reference=1, new_reference=3, price=20_200, shares=5)) == (1, 20_200, 5, 1)
    assert ask(tape("U", reference=3, new_reference=3, price=20_100, shares=6)) == (1, 20_100, 6, 1)
    u = tape("U", reference=3, new_reference=2, price=20_000, shares=6)
    assert u.duplicate_reference and tape.book.book(0).asks() == [(20_300, 100, 1)]


def test_an_order_of_another_symbol_is_unknown_and_untouched(tape):
    tape.add(1, "B", 19_900)
    for code in "ECXDU":
        u = tape(code, locate=2, reference=1, **({} if code == "D" else {"shares": 100}))
        assert u.unknown_reference and (u.symbol, bid(u)) == (1, UNKNOWN)
    u = tape.add(1, "B", 30_000, locate=2)
    assert u.duplicate_reference
    assert bid(tape("Y")) == (1, 19_900, 100, 1), "faults are per symbol"
    assert tape.book.book(1).bids() == []


def test_an_order_without_shares_occupies_its_level(tape):
    assert bid(tape.add(1, "B", 19_900, 0)) == (1, 19_900, 0, 1)
    assert bid(tape("E", reference=1, shares=0)) == EMPTY


def test_faults_stay_and_gap_is_passed_on(tape):
    tape("D", reference=5)
    assert tape.add(1, "B", 19_900).unknown_reference
    u = tape("Y", locate=2, gap=1)
    assert (u.gap, bid(u), ask(u)) == (1, UNKNOWN, UNKNOWN)
    assert bid(tape("Y", locate=2)) == EMPTY


def test_a_full_table_flags_the_symbol_that_found_no_room():
    tape = Tape(tiny(book={"spill": 1}))
    taken = 0
    while not (u := tape.add(taken + 1, "B", 19_900)).table_full:
        taken += 1
    assert tape.counters["table_full"] == 1 and bid(u) == UNKNOWN
    assert tape.book.book(0).bids() == [(19_900, 100 * taken, taken)], "not in the book"
    assert bid(tape("Y", locate=2)) == EMPTY
    assert tape("D", reference=taken + 1).unknown_reference


# What the ladder can know. ONE's window is 19 200 to 20 700 in steps of 100.

@pytest.mark.parametrize(("side", "read", "worse", "better"), [
    ("B", bid, 19_100, 20_800), ("S", ask, 20_800, 19_100)])
def test_known_depends_on_orders_off_the_ladder(tape, side, read, worse, better):
    assert read(tape.add(1, side, worse)) == UNKNOWN, "an empty window and a worse order"
    assert read(tape.add(2, side, 20_000)) == (1, 20_000, 100, 1)
    assert read(tape.add(3, side, better)) == UNKNOWN
    assert read(tape("D", reference=3)) == (1, 20_000, 100, 1)
    assert read(tape.add(4, side, 20_050)) == UNKNOWN, "between two ticks"
    assert read(tape("D", reference=4)) == (1, 20_000, 100, 1)
    assert read(tape("D", reference=2)) == UNKNOWN
    assert read(tape("D", reference=1)) == EMPTY
    assert (tape.counters["zone_worse"], tape.counters["zone_better"]) == (1, 2)


def test_a_replace_counts_its_zone_as_an_add(tape):
    tape.add(1, "B", 1)
    tape("U", reference=1, new_reference=2, price=2, shares=1)
    assert tape.counters["zone_worse"] == 2


def test_a_replace_frees_its_place_for_the_next_message():
    tape = Tape(tiny(book={"spill": 1}))
    same = [r for r in range(1, 1 << 14) if not any(bucket_of(r, table, 4) for table in range(2))][:4]
    for reference in same[:3]:
        assert not tape.add(reference, "B", 19_900).table_full
    u = tape("U", reference=same[0], new_reference=same[3], price=19_800, shares=1)
    assert u.table_full and tape.book.book(0).bids() == [(19_900, 200, 2)]
    assert tape.counters["table_full"] == 1
    tape.add(same[3], "B", 19_800)
    assert tape.counters["table_full"] == 1 and tape.book.book(0).bids() == [(19_900, 200, 2), (19_800, 100, 1)]


# Windows that move.

def test_orders_change_zones_with_the_window(tape):
    tape.add(1, "B", 20_900)
    assert bid(tape("Y")) == UNKNOWN
    tape.book.window(0, BID, 20_000, 21_600)
    assert bid(tape("Y")) == (1, 20_900, 100, 1)
    assert ask(tape.add(2, "S", 19_900)) == (1, 19_900, 100, 1), "the other side's window stays where it was"
    tape.book.window(0, BID, 20_000, 20_000)
    assert bid(tape("Y")) == UNKNOWN, "nothing is inside an empty window"
    tape.book.window(0, BID, 21_200, 22_800)
    assert bid(tape("Y")) == UNKNOWN, "the only order is worse"
    assert bid(tape.add(3, "B", 21_200)) == (1, 21_200, 100, 1)
    assert tape.counters == {"updates": 7, "zone_better": 1, "windows": 3}
    tape.add(4, "B", 21_100)
    assert tape.counters["zone_worse"] == 1, "by the window in force"


@pytest.mark.parametrize(("low", "high", "fault"), [
    (20_100, 21_600, "multiples of 400"), (20_000, 21_700, "multiples of 400"),
    (9_600, 11_200, "must begin from 10000"), (20_000, 19_600, "must span 0 to 16 levels"),
    (20_000, 22_000, "must span 0 to 16 levels")])
def test_an_unlawful_window_is_refused(tape, low, high, fault):
    tape.add(1, "B", 19_900)
    with pytest.raises(ValueError, match=fault):
        tape.book.window(0, BID, low, high)
    with pytest.raises(ValueError, match=fault):
        tape.book.depth(0, BID, low, high)
    assert bid(tape("Y")) == (1, 19_900, 100, 1) and "windows" not in tape.counters
    record = tape.event(WINDOW, low=low, high=high)
    with pytest.raises(ValueError, match=rf"Window\(message=2, .*low={record.low}, .*{fault}"):
        tape("Y")


# Depth.

def levels_of(depth):
    values = list(depth)[DEPTH.tuple._fields.index("price_0"):]
    return [tuple(values[i : i + 3]) for i in range(0, 15, 3)]


def test_depth_is_the_best_five(tape):
    assert tape.book.depth(0, BID) == (0, 0, BID, 19_200, 20_800, 1, 0, 0, *[0] * 15)
    for reference in range(1, 8):
        tape.add(reference, "S", 20_000 + 100 * reference, reference)
    tape.add(8, "S", 20_200, 50)
    depth = tape.book.depth(0, ASK)
    assert depth[:8] == (8, 0, ASK, 19_200, 20_800, 1, 5, 0)
    assert levels_of(depth) == [(20_100, 1, 1), (20_200, 52, 2), (20_300, 3, 1), (20_400, 4, 1), (20_500, 5, 1)]
    assert tape.book.depth(1, ASK)[:8] == (8, 1, ASK, 29_200, 30_800, 1, 0, 0)
    assert "depths" not in tape.counters, "asked for, not published"


@pytest.mark.parametrize(("side", "code", "near", "far"), [(BID, "B", 20_000, 19_100), (ASK, "S", 20_000, 20_800)])
def test_depth_is_cut_where_the_window_ends(tape, side, code, near, far):
    tape.add(1, code, near)
    depth = tape.book.depth(0, side)
    assert (depth.known, depth.levels, depth.cut) == (1, 1, 0)
    tape.add(2, code, far)
    depth = tape.book.depth(0, side)
    assert (depth.known, depth.levels, depth.cut) == (1, 1, 1)
    away = 100 if side == ASK else -100
    for n in range(1, 5):
        tape.add(2 + n, code, near + n * away)
    depth = tape.book.depth(0, side)
    assert (depth.known, depth.levels, depth.cut) == (1, 5, 0)


def test_depth_is_nothing_when_the_side_is_not_known(tape):
    tape.add(1, "S", 20_800)
    nothing = (1, 0, ASK, 19_200, 20_800, *[0] * 18)
    assert tape.book.depth(0, ASK) == nothing, "an empty window and a worse order"
    assert tape.book.depth(0, ASK, 20_000, 21_600)[:9] == (1, 0, ASK, 20_000, 21_600, 1, 1, 0, 20_800)
    assert tape.book.depth(0, ASK) == nothing, "asking changes nothing"
    tape("D", reference=9)
    assert not tape.book.depth(0, BID).known, "a fault"
    assert tape.book.depth(1, BID).known
    tape("Y", locate=3, gap=1)
    assert not tape.book.depth(1, BID).known, "a gap, which stays"
    tape("Y", locate=2)
    assert not tape.book.depth(1, BID).known


# A start in the middle of the day.

def test_a_loaded_order_is_as_one_added(tape):
    tape.book.load(0, BID, 1, 19_900, 100)
    tape.book.load(0, ASK, 2, 20_800, 100)
    tape.book.load(0, ASK, 3, 20_050, 100)
    u = tape("Y")
    assert (bid(u), ask(u)) == ((1, 19_900, 100, 1), UNKNOWN)
    assert bid(tape("E", reference=1, shares=40)) == (1, 19_900, 60, 1)
    assert tape.counters == {"updates": 2, "loads": 3, "zone_worse": 1, "zone_better": 1}


def test_vouching_takes_back_unknown_references_of_a_symbol_only(tape):
    for locate in (1, 2):
        assert tape("D", locate=locate, reference=7).unknown_reference
    tape.book.load(0, BID, 1, 19_900, 100)
    assert bid(tape("Y")) == UNKNOWN, "not all are in yet"
    tape.book.vouch(0)
    assert bid(tape("Y")) == (1, 19_900, 100, 1)
    assert bid(tape("Y", locate=2)) == UNKNOWN
    assert tape("D", reference=7).unknown_reference, "as at any other time"
    assert tape.counters == {"updates": 6, "unknown_reference": 3, "loads": 1, "vouched": 1}


def test_vouching_heals_nothing_else(tape):
    tape.add(1, "B", 19_900)
    tape.book.load(0, BID, 1, 19_900, 100)
    tape.book.vouch(0)
    u = tape("Y")
    assert u.duplicate_reference and not u.table_full
    tape.add(2, "B", 30_000, locate=2)
    tape("X", locate=2, reference=2, shares=101)
    tape.book.vouch(1)
    assert tape("Y", locate=2).over_execution
    full = Tape(tiny(book={"spill": 1}))
    for reference in range(1, 100):
        full.book.load(0, BID, reference, 19_900, 1)
    full.book.vouch(0)
    assert full("Y").table_full and full.counters["table_full"] > 60 and full.counters["loads"] == 99
    late = Tape(tiny())
    late("Y", gap=1)
    late.book.vouch(0)
    u = late("Y", gap=1)
    assert bid(u) == UNKNOWN and not late.book.depth(0, BID).known


# What hardware says it did.

def test_events_happen_before_the_message_that_they_name(tape):
    window = tape.event(WINDOW, side=BID, low=20_000, high=21_600)
    load = tape.event(LOAD, side=BID, reference=1, price=21_000, shares=5)
    later = tape.event(WINDOW, side=ASK, message=2, low=20_400, high=20_400)
    assert bid(tape("Y")) == (1, 21_000, 5, 1)
    assert tape.book.published() == ([window], [], [load])
    u = tape.add(2, "S", 20_500)
    assert (ask(u), tape.book.published()) == ((1, 20_500, 100, 1), ([], [], []))
    vouch = tape.event(LOAD, vouch=1)
    depth = tape.event(DEPTH, side=ASK)
    tape.book.settle()
    assert tape.book.published() == ([later], [(2, 0, ASK, 20_400, 20_400, *[0] * 18)], [vouch])
    assert depth.high == 0 and not tape.book.events
    assert tape.counters == {"updates": 2, "windows": 2, "loads": 1, "vouched": 1, "depths": 1}


def test_message_numbers_wrap():
    tape = Tape(tiny())
    m = Recorder()(itch_message("Y"))
    tape.event(WINDOW, message=2**32 - 1, low=20_000, high=21_600)
    tape.event(WINDOW, message=0, low=19_200, high=20_800)
    tape.book.message(m._replace(message=2**32 - 1))
    assert tape.counters["windows"] == 1
    tape.book.message(m._replace(message=0))
    assert tape.counters["windows"] == 2


def test_a_depth_may_be_of_a_moment_just_before_an_event(tape):
    tape.add(1, "B", 19_900)
    before = tape.book.depth(0, BID)
    tape.event(LOAD, side=BID, reference=2, price=19_900, shares=7)
    tape.book.settle()
    between = tape.book.depth(0, BID)
    tape.event(WINDOW, side=BID, low=20_000, high=20_000)
    for moment in (before, between):
        tape.book.events.append(moment)
    tape.event(DEPTH, side=BID)
    wrong = between._replace(quantity_0=108)
    tape.book.events.append(wrong)
    tape.book.settle()
    own = tape.book.depth(0, BID)
    assert len({before, between, own, wrong}) == 4
    assert tape.book.published()[1] == [before, between, own, own]
    tape("Y")
    tape.book.events.append(between._replace(message=2))
    tape.book.settle()
    assert tape.book.published()[1] == [own._replace(message=2)], "what was true before the last message is past"


@pytest.mark.parametrize(("record", "values", "fault"), [
    (WINDOW, {"message": 0, "low": 20_000, "high": 21_600}, "message 0 is past, the next is 1"),
    (DEPTH, {"message": 2**32 - 1}, "message 4294967295 is past"),
    (WINDOW, {"symbol": 2, "low": 20_000, "high": 21_600}, "no side 0 of a symbol 2"),
    (LOAD, {"symbol": 2}, "no side 0 of a symbol 2"), (LOAD, {"symbol": 2, "vouch": 1}, "no side 0 of a symbol 2"),
    (DEPTH, {"symbol": 1023}, "no side 0 of a symbol 1023"), (DEPTH, {"side": 2}, "no side 2 of a symbol 0"),
    (UPDATE, {}, "no Window, Depth or Load")])
def test_an_event_that_cannot_be_is_refused(tape, record, values, fault):
    tape("Y")
    if record is UPDATE:
        tape.book.events.append(tape("Y")._replace(message=2))
    else:
        tape.event(record, **values)
    with pytest.raises(ValueError, match=fault):
        tape("Y")


# Trades.

def test_trades(tape):
    tape.add(1, "S", 20_100, 100)
    assert trade(tape("E", reference=1, shares=10, match=5)) == (Trade.PRINT, 20_100, 10, 5)
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
    tape.add(1, "S", 20_100, 100)
    assert trade(tape("E", reference=1, shares=150, match=5)) == (Trade.PRINT, 20_100, 150, 5)
