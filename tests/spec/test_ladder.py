"""The ladder's window and zones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.ladder import ASK, BID, Zone, locate_price, window_base

WINDOW = {"base": 1000, "tick": 10, "levels": 16}


@pytest.mark.parametrize(("price", "bid", "ask", "level"), [
    (0, Zone.WORSE, Zone.BETTER, 0), (999, Zone.WORSE, Zone.BETTER, 0),
    (1000, Zone.INSIDE, Zone.INSIDE, 0), (1150, Zone.INSIDE, Zone.INSIDE, 15), (1010, Zone.INSIDE, Zone.INSIDE, 1),
    (1005, Zone.BETTER, Zone.BETTER, 0), (1155, Zone.BETTER, Zone.BETTER, 0), (1159, Zone.BETTER, Zone.BETTER, 0),
    (1160, Zone.BETTER, Zone.WORSE, 0), (2**32 - 1, Zone.BETTER, Zone.WORSE, 0)])
def test_zones(price, bid, ask, level):
    assert locate_price(price, side=BID, **WINDOW) == (bid, level)
    assert locate_price(price, side=ASK, **WINDOW) == (ask, level)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 100]), st.sampled_from([16, 64, 1024, 4096]))
def test_the_reference_is_in_the_middle_or_the_window_at_zero(price, tick, levels):
    reference = price // tick * tick
    base = window_base(reference, tick, levels)
    zone, level = locate_price(reference, side=BID, base=base, tick=tick, levels=levels)
    assert zone is Zone.INSIDE and base % tick == 0
    assert level == levels // 2 or (base == 0 and level < levels // 2)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.sampled_from([BID, ASK]))
def test_no_price_outside_is_on_the_wrong_side(price, other, side):
    """A worse price is never better than an inside one: what is known then is exact."""
    (zone, _), (other_zone, _) = (locate_price(p, side=side, **WINDOW) for p in (price, other))
    if zone is Zone.WORSE and other_zone is Zone.INSIDE:
        assert price < other if side == BID else price > other
