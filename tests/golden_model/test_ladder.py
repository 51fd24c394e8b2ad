"""ladder: the best levels of what rests, and what is knowable through a window that moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden_model.ladder import Ladder
from spec.ladder import ASK, BID, Window, Zone, zone_of

LADDER = {"tick": 100, "levels": 16}
WINDOW = Window(20_000, 21_600)
price = st.integers(190, 230).map(lambda cents: 100 * cents) | st.integers(9_900, 22_000)
windows = st.builds(lambda low, words: Window(400 * low, 400 * (low + words)), st.integers(45, 60), st.integers(0, 4))
#: An order to add, one of those that rest to remove, or a window to put in force.
script = st.lists(st.tuples(price, st.integers(0, 9)) | st.integers(0, 9) | windows, max_size=40)


@given(st.sampled_from([BID, ASK]), script)
def test_best_is_the_best_of_what_rests(side, script):
    ladder, resting, window = Ladder(side=side, window=WINDOW, **LADDER), [], WINDOW
    better = max if side == BID else min

    def zones(window):
        return [zone_of(p, side=side, tick=100, window=window) for p, _ in resting]

    for step in script:
        if isinstance(step, Window):
            window = step
            ladder.move(window)
        elif isinstance(step, tuple):
            resting.append(step)
            assert ladder.add(*step) == zones(window)[-1]
        elif resting:
            ladder.remove(*resting.pop(step % len(resting)))
        assert ladder.window == window
        assert ladder.zones == [zones(window).count(zone) for zone in Zone]
        best = better((p for p, _ in resting), default=0)
        at_best = [s for p, s in resting if p == best]
        assert ladder.best() == (best, sum(at_best), len(at_best))
        prices = sorted({p for p, _ in resting}, reverse=side == BID)
        assert ladder.depth() == [(p, sum(s for q, s in resting if q == p), sum(q == p for q, _ in resting))
                                  for p in prices]
        # Knowable from the window alone: its best is the best of all, or nothing rests anywhere.
        for view in (window, WINDOW, Window(20_800, 20_800)):
            inside = [p for (p, _), zone in zip(resting, zones(view), strict=True) if zone is Zone.INSIDE]
            known, levels, cut = ladder.top(3, view)
            assert known == (Zone.BETTER not in zones(view) and (bool(inside) or not resting))
            if known:
                assert levels == ladder.depth()[: len(levels)]
                assert len(levels) == min(3, len(set(inside)))
                assert cut == (len(levels) < 3 and Zone.WORSE in zones(view))
                assert better(inside, default=0) == best
            else:
                assert (levels, cut) == ([], False)
        assert ladder.known == ladder.top(3)[0] and ladder.top(3) == ladder.top(3, window)


def test_refuses_a_window_that_the_law_does_not_know():
    ladder = Ladder(side=BID, window=WINDOW, **LADDER)
    ladder.add(20_000, 1)
    for window in (Window(20_100, 21_600), Window(9_600, 10_000), Window(20_000, 22_000), Window(20_000, 19_600)):
        with pytest.raises(ValueError):
            ladder.move(window)
        with pytest.raises(ValueError):
            ladder.top(5, window)
        with pytest.raises(ValueError):
            Ladder(side=BID, window=window, **LADDER)
    assert ladder.window == WINDOW and ladder.zones == [1, 0, 0]


def test_reduce_leaves_the_order():
    ladder = Ladder(side=ASK, window=WINDOW, **LADDER)
    ladder.add(20_000, 5)
    ladder.reduce(20_000, 3)
    assert ladder.best() == (20_000, 2, 1)
