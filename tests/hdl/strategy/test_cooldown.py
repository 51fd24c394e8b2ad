"""The cooldown's clock, edge by edge, at each distance of its forwarding."""

import pytest

from hdl.strategy.cooldown import Cooldown
from tests.hdl.cycles import run

WRAP = 1 << 48


def cooling(records, *, spread, nanoseconds=100, symbols=3):
    """Whether each (symbol, timestamp, fires) finds its symbol cooling, one cycle after it was asked for.

    A record fires regardless of what it finds.
    """
    idle = {"symbol": 0, "timestamp": 0, "fired": 0, "nanoseconds": 0}
    inputs = [dict(idle) for _ in range(len(records) * (spread + 1) + 2)]
    for k, (symbol, timestamp, fires) in enumerate(records):
        inputs[k * (spread + 1)] |= {"symbol": symbol, "timestamp": timestamp, "nanoseconds": nanoseconds}
        inputs[k * (spread + 1) + 1]["fired"] = fires
    seen = run(Cooldown(symbols=symbols), inputs, ["cooling"])
    return [seen[k * (spread + 1) + 1][0] for k in range(len(records))]


@pytest.mark.parametrize("spread", range(5))
def test_edges(spread):
    records = [(0, 50, 0), (0, 50, 1), (0, 50, 0), (0, 149, 0), (0, 150, 0), (1, 60, 0), (0, 49, 0), (0, 151, 1),
               (0, 250, 0), (0, 251, 0), (1, 251, 1), (0, 252, 0), (1, 350, 0)]
    # At 49 the clock has stepped back: the difference modulo 2**48 is large.
    assert cooling(records, spread=spread) == [0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("spread", range(4))
def test_time_wraps(spread):
    records = [(2, WRAP - 10, 1), (2, WRAP - 1, 0), (2, 0, 0), (2, 89, 0), (2, 90, 0)]
    assert cooling(records, spread=spread) == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("spread", range(4))
def test_the_latest_intent_counts(spread):
    """Two and three intents in flight: the nearest one is asked."""
    records = [(0, 0, 1), (0, 80, 1), (0, 150, 0), (0, 160, 1), (1, 0, 1), (0, 259, 0), (0, 260, 0)]
    assert cooling(records, spread=spread) == [0, 1, 1, 1, 0, 1, 0]


def test_zero_never_cools():
    assert cooling([(0, 5, 1), (0, 5, 1), (0, 5, 0)], spread=0, nanoseconds=0) == [0, 0, 0]


def test_one_symbol():
    assert cooling([(0, 5, 1), (0, 5, 0)], spread=0, symbols=1) == [0, 1]


def test_the_length_is_that_of_the_record_that_asks():
    """Whose is that of the record after it does not matter, nor whose was that of the record that fired."""
    inputs = [{"symbol": 0, "timestamp": 5, "nanoseconds": 0, "fired": 0},
              {"symbol": 0, "timestamp": 104, "nanoseconds": 100, "fired": 1},
              {"symbol": 0, "timestamp": 104, "nanoseconds": 99, "fired": 0},
              {"symbol": 0, "timestamp": 104, "nanoseconds": 100}, {"nanoseconds": 0}]
    assert run(Cooldown(symbols=1), inputs, ["cooling"])[1:] == [(0,), (1,), (0,), (1,)]


@pytest.mark.parametrize("symbols", [0, 1025])
def test_symbols_are_checked(symbols):
    with pytest.raises(ValueError, match=f"symbols must be 1 to 1024, not {symbols}"):
        Cooldown(symbols=symbols)
