"""Which level of a side's ladder a price falls on, and when the best price is known: the law that both sides keep.

A ladder has ``levels`` neighbouring ticks per symbol and side. A *word* is ``1 << word_bits(levels)`` of them, the unit
in which it moves. It counts the prices of its ``Window``, from ``low`` up to but not including ``high``; both are
multiples of a word's span, and a window at rest spans all ``levels``. Every side begins with the symbol's reference in
the middle of its window. Windows change between messages only: the hardware says when, and what to, in ``Window``
records; while one moves, the window in force is what the old and the new one have in common, possibly nothing.

The tick is a cent from one dollar up and 1/10 000 dollar below (Regulation NMS, rule 612). A ladder of cents therefore
begins no lower than one dollar.

A price inside the window has a level. Below the window it is worse for a bid and better for an ask; above it the
reverse. A price between two ticks counts as better, since only then is nothing wrong ever published; but a bid between
two ticks below one dollar counts as worse, since a ladder of cents lies above it wherever it moves.

The best price of a side is known unless an order counted as better rests on it, or none rests inside and one counted as
worse does.
"""

from enum import IntEnum
from typing import NamedTuple

BID, ASK = 0, 1

DOLLAR = 10_000
CENT = 100
MAX_PRICE = (1 << 32) - 1


class Zone(IntEnum):
    """Where a price lies, seen from one side of the book."""

    INSIDE = 0
    BETTER = 1
    WORSE = 2


class Window(NamedTuple):
    """Prices ``low <= price < high`` (1/10 000 dollar)."""

    low: int
    high: int


def word_bits(levels: int) -> int:
    """Binary logarithm of the ticks in a word: half of the level number's bits, rounded up."""
    return levels.bit_length() // 2


def word_span(tick: int, levels: int) -> int:
    """Prices from one word to the next (1/10 000 dollar)."""
    return tick << word_bits(levels)


def lowest_low(tick: int, levels: int) -> int:
    """The lowest price that a window may begin at."""
    span = word_span(tick, levels)
    return -(-DOLLAR // span) * span if tick == CENT else 0


def highest_low(tick: int, levels: int) -> int:
    """The highest price that a window may begin at: ``high`` of the window fits 32 bits too."""
    span = word_span(tick, levels)
    return (MAX_PRICE - levels * tick) // span * span


def window_base(price: int, tick: int, levels: int) -> int:
    """``low`` of the window that has ``price`` in its middle or less than a word above it, limits permitting."""
    span = word_span(tick, levels)
    low = (price // tick - levels // 2) * tick // span * span
    return min(max(low, lowest_low(tick, levels)), highest_low(tick, levels))


def window_around(price: int, tick: int, levels: int) -> Window:
    """The window that a side begins with when ``price`` is its reference, or moves to when it is its best price."""
    low = window_base(price, tick, levels)
    return Window(low, low + levels * tick)


def common_window(old: Window, new: Window) -> Window:
    """The window in force while ``old`` moves to ``new``: empty, at the higher ``low``, when they share no price."""
    low = max(old.low, new.low)
    return Window(low, max(low, min(old.high, new.high)))


def check_window(window: Window, tick: int, levels: int) -> None:
    """Raises ``ValueError`` when the law knows no such window."""
    low, high = window
    span, lowest, highest = word_span(tick, levels), lowest_low(tick, levels), highest_low(tick, levels)
    if low % span or high % span:
        raise ValueError(f"window bounds must be multiples of {span}, not {low} and {high}")
    if not lowest <= low <= highest:
        raise ValueError(f"a window must begin from {lowest} to {highest}, not at {low}")
    if not low <= high <= low + levels * tick:
        raise ValueError(f"a window must span 0 to {levels} levels of {tick}, not {low} to {high}")


def zone_of(price: int, *, side: int, tick: int, window: Window) -> Zone:
    """Zone of ``price`` on ``side``."""
    if price % tick:
        return Zone.WORSE if side == BID and price < DOLLAR else Zone.BETTER
    low, high = window
    if low <= price < high:
        return Zone.INSIDE
    return Zone.WORSE if (price < low) == (side == BID) else Zone.BETTER
