"""Which price level a price falls on: a contract, since prices off the ladder may make the best price unknowable.

Each symbol has a window of ``levels`` consecutive ticks per side, from ``base`` up. A price on the grid and inside the
window has a level. A price below the window is worse for a bid and better for an ask; above it the reverse. A price
inside the window but between two ticks counts as better, since only then is nothing wrong ever published.

The best price of a side is known unless an order counted as better rests on it, or the window is empty and an order
counted as worse rests on it.
"""

from enum import IntEnum

BID, ASK = 0, 1


class Zone(IntEnum):
    """Where a price lies, seen from one side of the book."""

    INSIDE = 0
    BETTER = 1
    WORSE = 2


def window_base(reference: int, tick: int, levels: int) -> int:
    """Lowest price of the window (1/10 000 dollar): ``reference`` is in its middle, or the window begins at zero."""
    return max(0, reference // tick - levels // 2) * tick


def locate_price(price: int, *, side: int, base: int, tick: int, levels: int) -> tuple[Zone, int]:
    """Zone and level of ``price``; the level is 0 outside the window."""
    if price < base:
        return (Zone.WORSE if side == BID else Zone.BETTER), 0
    if price >= base + levels * tick:
        return (Zone.BETTER if side == BID else Zone.WORSE), 0
    if (price - base) % tick:
        return Zone.BETTER, 0
    return Zone.INSIDE, (price - base) // tick
