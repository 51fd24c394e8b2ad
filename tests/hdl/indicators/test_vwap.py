"""VWAP's sums: every rule by hand, and the exact latency."""

import pytest

from hdl.indicators.matches import Matches
from hdl.indicators.vwap import Vwap
from spec.records import UPDATE, Trade
from tests.golden_model.build import update
from tests.hdl.cycles import run

SUMS = ["known", "notional", "volume"]
EVENTS = ["counted", "uncounted", "broken", "break_unknown"]
DEPTH = 4


def print_(match, price, shares, symbol=0):
    return update(symbol=symbol, trade=Trade.PRINT, match=match, trade_price=price, trade_shares=shares)


def break_(match, symbol=0):
    return update(symbol=symbol, trade=Trade.BREAK, match=match)


def nothing(symbol=0):
    return update(symbol=symbol)


def sums(updates, *, spread=0, volume_bits=48, symbols=2):
    """(known, notional, volume) of each update, ``spread`` idle cycles between any two; and the events, counted."""
    dut = Vwap(symbols=symbols, matches=DEPTH, volume_bits=volume_bits)
    idle = {"updates__valid": 0, "updates__payload": UPDATE.pack(print_(1, 5, 5))}  # nothing, for it is not valid
    inputs = []
    for each in updates:
        inputs += [{"updates__valid": 1, "updates__payload": UPDATE.pack(each)}, *[idle] * spread]
    seen = run(dut, [*inputs, idle], [*SUMS, *EVENTS], after=Vwap.LATENCY)
    events = {name: sum(row[3 + k] for row in seen) for k, name in enumerate(EVENTS)}
    return [row[:3] for row in seen[Vwap.LATENCY :: spread + 1]][: len(updates)], events


def test_sums_follow_after_exactly_six_cycles():
    dut = Vwap(symbols=2, matches=DEPTH)
    idle, sent = {"updates__valid": 0}, {"updates__valid": 1, "updates__payload": UPDATE.pack(print_(1, 300, 7))}
    seen = run(dut, [idle, sent, idle], SUMS, after=9)
    assert Vwap.LATENCY == 6
    assert seen.index((1, 2100, 7)) == 1 + 6


@pytest.mark.parametrize("spread", range(6))
def test_prints_add_and_breaks_take_back(spread):
    """At each distance of the forwarding, and from the RAM."""
    seen, events = sums([print_(1, 300, 7), print_(2, 10, 1), break_(1), nothing(), print_(1, 4, 2), break_(2),
                         break_(1), nothing()], spread=spread)
    assert seen == [(1, 2100, 7), (1, 2110, 8), (1, 10, 1), (1, 10, 1), (1, 18, 3), (1, 8, 2), (1, 0, 0), (1, 0, 0)]
    assert events == {"counted": 3, "uncounted": 0, "broken": 3, "break_unknown": 0}


@pytest.mark.parametrize("spread", range(6))
@pytest.mark.parametrize(("before", "broken"), [
    ([], 1), ([print_(1, 3, 3)], 2), ([print_(1, 3, 3)], 1 + DEPTH), ([print_(1, 3, 3), print_(1 + DEPTH, 3, 3)], 1),
    ([print_(1, 3, 3, symbol=1)], 1), ([print_(1, 3, 3), print_(1, 3, 3, symbol=1)], 1),
    ([print_(1, 3, 3), break_(1)], 1), ([print_(1, 3, 2**32)], 1)])
def test_a_break_of_what_is_not_stored_loses_the_vwap_of_its_symbol(before, broken, spread):
    seen, events = sums([print_(3, 5, 5), print_(3 + DEPTH, 6, 6, symbol=1), *before, break_(broken), print_(2, 1, 1),
                         nothing(symbol=1)], spread=spread)
    assert seen[-3:-1] == [(0, 0, 0), (0, 0, 0)]
    assert seen[-1][0] == 1 and seen[-1][2] >= 6
    assert events["break_unknown"] == 1


def test_uncountable_prints_lose_the_vwap():
    for lost in (print_(1, 3, 2**32), print_(1, 3, 2**63), update(trade=Trade.UNPRICED, trade_shares=5)):
        seen, events = sums([print_(1, 3, 2**32 - 1), lost, nothing(), nothing(symbol=1)])
        assert seen == [(1, 3 * (2**32 - 1), 2**32 - 1), (0, 0, 0), (0, 0, 0), (1, 0, 0)]
        assert events == {"counted": 1, "uncounted": 1, "broken": 0, "break_unknown": 0}


@pytest.mark.parametrize("spread", range(4))
def test_overflowing_volume_is_neither_added_nor_stored(spread):
    most = 2**32 - 1  # 33 bits hold this twice and one share more, but not two
    full = [print_(0, 2**32 - 1, most), print_(1, 2**32 - 1, most), print_(2, 7, 1)]
    seen, events = sums([*full, print_(3, 1, 1), break_(3), break_(2), print_(2, 1, 1), print_(3, 1, 1)],
                        spread=spread, volume_bits=33)
    assert seen[:4] == [(1, (2**32 - 1) * most, most), (1, 2 * (2**32 - 1) * most, 2 * most),
                        (1, 2 * (2**32 - 1) * most + 7, 2 * most + 1), (0, 0, 0)]
    # After the break of match 2 there is room for one share again, and only for one.
    assert events == {"counted": 4, "uncounted": 2, "broken": 1, "break_unknown": 1}


def test_one_symbol():
    assert sums([print_(1, 2, 3), break_(1)], symbols=1)[0] == [(1, 6, 3), (1, 0, 0)]


@pytest.mark.parametrize(("arguments", "message"), [
    ({"symbols": 0}, "symbols must be 1 to 1024, not 0"), ({"symbols": 1025}, "symbols must be 1 to 1024, not 1025"),
    ({"volume_bits": 31}, "volume_bits must be 32 to 48, not 31")])
def test_parameters_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        Vwap(**{"symbols": 2, "matches": 4, **arguments})


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_depth_is_checked(depth):
    with pytest.raises(ValueError, match=f"depth must be a power of two and at least 2, not {depth}"):
        Matches(depth=depth)
