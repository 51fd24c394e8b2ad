"""ladder: the best price under lazy deletion, and what is knowable."""

from hypothesis import given
from hypothesis import strategies as st

from golden_model.ladder import Ladder
from spec.ladder import ASK, BID, Zone, locate_price

WINDOW = {"base": 1000, "tick": 10, "levels": 16}
orders = st.lists(st.tuples(st.integers(950, 1200), st.integers(0, 9), st.booleans()), max_size=40)


@given(st.sampled_from([BID, ASK]), orders)
def test_best_is_the_best_of_what_rests(side, script):
    """``True`` removes a resting order, ``False`` adds one."""
    ladder, resting = Ladder(side=side, **WINDOW), []
    for price, shares, remove in script:
        if remove and resting:
            ladder.remove(*resting.pop(price % len(resting)))
        else:
            resting.append((price, shares))
            zone, _ = locate_price(price, side=side, **WINDOW)
            assert ladder.add(price, shares) is zone
        zones = [locate_price(p, side=side, **WINDOW)[0] for p, _ in resting]
        assert ladder.zones == [zones.count(zone) for zone in Zone]
        best = (max if side == BID else min)((p for p, _ in resting), default=0)
        at_best = [s for p, s in resting if p == best]
        assert ladder.best() == (best, sum(at_best), len(at_best))
        # Knowable from the window alone: its best is the best of all, or nothing rests anywhere.
        inside = [p for (p, _), zone in zip(resting, zones, strict=True) if zone is Zone.INSIDE]
        window_best = (max if side == BID else min)(inside, default=0)
        if ladder.known:
            assert window_best == best
        assert ladder.known == (Zone.BETTER not in zones and (bool(inside) or not resting))
        assert [level[0] for level in ladder.depth()] == sorted({p for p, _ in resting}, reverse=side == BID)


def test_reduce_leaves_the_order():
    ladder = Ladder(side=ASK, **WINDOW)
    ladder.add(1000, 5)
    ladder.reduce(1000, 3)
    assert ladder.best() == (1000, 2, 1)


def test_a_flickering_level_does_not_grow_the_heap():
    ladder = Ladder(side=BID, **WINDOW)
    ladder.add(1100, 1)
    for _ in range(1000):
        ladder.add(1000, 1)
        ladder.remove(1000, 1)
    assert len(ladder._heap) == 2
