"""indicators: policies by example, and exact rational arithmetic over all that was ever seen as the naive model."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden_model.indicators import Indicators
from spec.itch import BOOK_TYPES
from spec.records import INDICATOR, VWAP, Trade
from tests.golden_model.build import nonzero, small, update

SMA, EMA, MATCHES = 4, 7, 16


def design(source="mid"):
    return small(indicators={"source": source, "sma": SMA, "ema": EMA, "matches": MATCHES})


@pytest.fixture
def indicators():
    return Indicators(design())


def printed(price, shares, match=0, **values):
    return update(type=ord("P"), trade=Trade.PRINT, trade_price=price, trade_shares=shares, match=match, **values)


def broken(match, **values):
    return update(type=ord("B"), trade=Trade.BREAK, match=match, **values)


def quote(bid, ask, **values):
    return update(bid_price=bid, ask_price=ask, bid_orders=1, ask_orders=1, **values)


def vwap(indicators, u):
    """(vwap_known, notional, volume) and (known, quotient)."""
    i, v = indicators.update(u)
    assert (i.message, i.symbol) == (v.message, v.symbol) == (u.message, u.symbol)
    return tuple(i[2:5]), tuple(v[2:])


def averages(indicators, u):
    """(sma_known, sma, ema_known, ema)."""
    return tuple(indicators.update(u)[0][5:])


# VWAP.

def test_vwap_before_any_print(indicators):
    assert vwap(indicators, update()) == ((1, 0, 0), (0, 0))


def test_vwap_over_prints_and_breaks(indicators):
    assert vwap(indicators, printed(10, 3, match=1)) == ((1, 30, 3), (1, 10 << 16))
    assert vwap(indicators, printed(11, 4, match=2)) == ((1, 74, 7), (1, (74 << 16) // 7))
    assert vwap(indicators, update(symbol=1)) == ((1, 0, 0), (0, 0))
    assert vwap(indicators, broken(1)) == ((1, 44, 4), (1, 11 << 16))
    assert vwap(indicators, broken(2)) == ((1, 0, 0), (0, 0))
    assert nonzero(indicators.counters) == {"prints": 2, "breaks": 2}


def test_a_print_of_no_shares_is_a_print(indicators):
    assert vwap(indicators, printed(10, 0, match=1)) == ((1, 0, 0), (0, 0))
    assert vwap(indicators, broken(1)) == ((1, 0, 0), (0, 0))


@pytest.mark.parametrize("again", [
    pytest.param(broken(9), id="never printed"),
    pytest.param(broken(1, symbol=1), id="of another symbol"),
    pytest.param(broken(1 + MATCHES), id="another match in its slot")])
def test_a_break_without_its_print_ends_vwap(indicators, again):
    indicators.update(printed(10, 3, match=1))
    assert vwap(indicators, again)[0] == (0, 0, 0)
    assert vwap(indicators, printed(10, 3, match=2, symbol=again.symbol)) == ((0, 0, 0), (0, 0)), "until reset"
    assert nonzero(indicators.counters) == {"prints": 2, "break_unknown": 1}


def test_a_print_is_stored_until_another_takes_its_slot(indicators):
    indicators.update(printed(10, 3, match=1))
    indicators.update(printed(10, 3, match=1 + MATCHES))
    assert vwap(indicators, broken(1 + MATCHES))[0] == (1, 30, 3)
    assert vwap(indicators, broken(1 + MATCHES))[0] == (0, 0, 0), "broken once"
    assert vwap(indicators, broken(1))[0] == (0, 0, 0)


@pytest.mark.parametrize("u", [
    pytest.param(update(type=ord("E"), trade=Trade.UNPRICED, trade_shares=1, match=1), id="no price"),
    pytest.param(printed(1, 1 << 32, match=1), id="too many shares")])
def test_a_print_that_cannot_be_counted_ends_vwap(indicators, u):
    assert vwap(indicators, u) == ((0, 0, 0), (0, 0))
    assert vwap(indicators, update(symbol=1))[0] == (1, 0, 0)
    indicators.update(broken(1))
    assert nonzero(indicators.counters) == {"print_unpriced": 1, "break_unknown": 1}


def test_volume_stops_before_it_would_wrap(indicators):
    price, shares = 2**32 - 1, 2**32 - 1
    for n in range(2**16):
        last = indicators.update(printed(price, shares, match=n))[0]
    assert (last.vwap_known, last.volume, last.notional) == (1, 2**16 * shares, 2**16 * shares * price)
    INDICATOR.pack(last)
    room = 2**48 - 1 - last.volume
    assert vwap(indicators, printed(price, room, match=1)) == ((1, (2**48 - 1) * price, 2**48 - 1), (1, price << 16))
    assert vwap(indicators, printed(1, 1, match=2))[0] == (0, 0, 0)
    assert indicators.counters["print_unpriced"] == 1


# Averages.

def test_averages_of_the_mid(indicators):
    assert averages(indicators, update()) == (0, 0, 0, 0)
    assert averages(indicators, quote(100, 103)) == (0, 0, 1, 203 << 15)
    assert averages(indicators, quote(100, 101)) == (0, 0, 1, 405 << 14) == (0, 0, 1, (203 << 15) - (1 << 14))
    indicators.update(quote(100, 101))
    sma_known, sma, ema_known, _ = averages(indicators, quote(100, 101))
    assert (sma_known, sma, ema_known) == (1, (203 + 3 * 201 << 15) // 4, 1)
    assert averages(indicators, quote(100, 101))[:2] == (1, 201 << 15)
    assert averages(indicators, update(symbol=1)) == (0, 0, 0, 0)
    assert indicators.counters["samples"] == 5


@pytest.mark.parametrize("u", [
    quote(100, 101, type=ord("P")), quote(100, 101, bid_known=0), quote(100, 101, ask_known=0),
    quote(100, 101)._replace(bid_orders=0), quote(100, 101)._replace(ask_orders=0)],
    ids=["no book change", "bid unknown", "ask unknown", "no bid", "no ask"])
def test_no_sample_without_a_mid(indicators, u):
    assert averages(indicators, u) == (0, 0, 0, 0)
    assert indicators.counters["samples"] == 0


@pytest.mark.parametrize("code", BOOK_TYPES)
def test_every_book_type_may_bring_a_mid(indicators, code):
    assert averages(indicators, quote(100, 101, type=ord(code)))[2] == 1


def test_averages_of_trades():
    indicators = Indicators(design("trade"))
    assert averages(indicators, quote(100, 101)) == (0, 0, 0, 0)
    assert averages(indicators, printed(7, 1 << 40)) == (0, 0, 1, 7 << 16)
    indicators.update(update(trade=Trade.UNPRICED, trade_shares=4))
    assert indicators.counters["samples"] == 1


def test_ema_rounds_down(indicators):
    indicators.update(quote(1, 1))
    ema = 1 << 16
    for _ in range(100):
        ema += (0 - ema) >> 2
        assert averages(indicators, quote(0, 0))[3] == ema
    assert ema == 0, "towards minus infinity it reaches zero"


# Everything at once.

prices = st.sampled_from([0, 1, 10_000, 10_100, 123_457, 2**32 - 1])
updates = st.builds(
    update, symbol=st.integers(0, 1), type=st.sampled_from(b"AFECXDUPQBR"), bid_known=st.sampled_from([1, 1, 1, 0]),
    ask_known=st.sampled_from([1, 1, 1, 0]), bid_price=prices, ask_price=prices,
    bid_orders=st.sampled_from([1, 1, 2, 0]), ask_orders=st.sampled_from([1, 1, 2, 0]),
    trade=st.sampled_from([0, 1, 1, 1, 2, 3]), trade_price=prices,
    trade_shares=st.sampled_from([0, 1, 100, 2**32 - 1, 2**32, 2**64 - 1]),
    match=st.sampled_from([1, 2, 3, 1 + MATCHES, 2**64 - 1]))


def naive(history, source: str) -> tuple:
    """The last update's records and all counters, from the whole history."""
    last, counters = history[-1], dict.fromkeys(Indicators(design()).counters, 0)
    known, stored, sums, samples = True, {}, [], []
    for u in history:
        mine, slot, key = u.symbol == last.symbol, u.match % MATCHES, (u.match, u.symbol)
        volume = sum(shares for symbol, _, shares in sums if symbol == u.symbol)
        fits = u.trade_shares < 2**32 and volume + u.trade_shares < 2**48
        if u.trade == Trade.PRINT and fits:
            counters["prints"] += 1
            stored[slot] = key, (u.symbol, u.trade_price, u.trade_shares)
            sums.append(stored[slot][1])
        elif u.trade in (Trade.PRINT, Trade.UNPRICED):
            counters["print_unpriced"] += 1
            known = known and not mine
        elif u.trade == Trade.BREAK and stored.get(slot, (None,))[0] == key:
            counters["breaks"] += 1
            sums.remove(stored.pop(slot)[1])
        elif u.trade == Trade.BREAK:
            counters["break_unknown"] += 1
            known = known and not mine
        sample = None
        if source == "trade":
            sample = Fraction(u.trade_price) if u.trade == Trade.PRINT else None
        elif chr(u.type) in BOOK_TYPES and u.bid_known and u.ask_known and u.bid_orders and u.ask_orders:
            sample = Fraction(u.bid_price + u.ask_price, 2)
        if sample is not None:
            counters["samples"] += 1
            samples += [sample * 2**16] if mine else []
    volume = sum(s for symbol, _, s in sums if symbol == last.symbol) * known
    notional = sum(p * s for symbol, p, s in sums if symbol == last.symbol) * known
    sma = floor(Fraction(sum(samples[-SMA:]), SMA)) if len(samples) >= SMA else 0
    ema = samples[0] if samples else 0
    for sample in samples[1:]:
        ema += floor((sample - ema) * Fraction(2, EMA + 1))
    indicator = INDICATOR.tuple(last.message, last.symbol, int(known), notional, volume,
                                int(len(samples) >= SMA), sma, int(bool(samples)), int(ema))
    quotient = floor(Fraction(notional * 2**16, volume)) if volume else 0
    return indicator, VWAP.tuple(last.message, last.symbol, int(volume > 0), quotient), counters


def compare(indicators, history, source):
    for n, u in enumerate(history, 1):
        *expected, counters = naive(history[:n], source)
        assert list(indicators.update(u)) == expected, f"update {n - 1}"
        assert indicators.counters == counters
        INDICATOR.pack(expected[0]), VWAP.pack(expected[1])


@settings(max_examples=150)
@given(st.sampled_from(["mid", "trade"]), st.lists(updates, max_size=25))
def test_agrees_with_exact_arithmetic(source, history):
    compare(Indicators(design(source)), history, source)


class _RoundsUp(Indicators):
    def update(self, u):
        i, v = super().update(u)
        return i, v._replace(vwap=v.vwap + 1) if v.vwap << 16 != v.vwap >> 16 << 32 else v


def test_a_wrong_rounding_is_noticed():
    history = [printed(10, 3, match=1), printed(11, 4, match=2)]
    compare(Indicators(design()), history, "mid")
    with pytest.raises(AssertionError, match="update 1"):
        compare(_RoundsUp(design()), history, "mid")
