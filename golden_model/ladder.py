"""One side of one symbol's book: every price level, however far, and whether the on-chip ladder can know the best.

Levels are unbounded. ``spec.ladder`` says which orders its window would not hold.
"""

from heapq import heappop, heappush

from spec.ladder import BID, Zone, locate_price


class Ladder:
    """Price levels of one side.

    Parameters
    ----------
    side
        ``spec.ladder.BID`` or ``ASK``.
    base, tick, levels
        The window of ``spec.ladder``.

    Members
    -------
    zones : list[int]
        Resting orders per ``spec.ladder.Zone``.
    """

    def __init__(self, *, side: int, base: int, tick: int, levels: int):
        self._window = {"side": side, "base": base, "tick": tick, "levels": levels}
        self._sign = -1 if side == BID else 1
        # Price -> [shares, orders]. A level that empties stays until it surfaces at the heap's top, so that each level
        # is in the heap exactly once and the best price costs no search.
        self._levels: dict[int, list[int]] = {}
        self._heap: list[int] = []
        self.zones = [0, 0, 0]

    def add(self, price: int, shares: int) -> Zone:
        """Rest an order; its zone."""
        level = self._levels.get(price)
        if level is None:
            level = self._levels[price] = [0, 0]
            heappush(self._heap, self._sign * price)
        level[0] += shares
        level[1] += 1
        zone, _ = locate_price(price, **self._window)
        self.zones[zone] += 1
        return zone

    def reduce(self, price: int, shares: int) -> None:
        """Take shares off an order that goes on resting."""
        self._levels[price][0] -= shares

    def remove(self, price: int, shares: int) -> None:
        """Take away an order with its last ``shares``."""
        level = self._levels[price]
        level[0] -= shares
        level[1] -= 1
        self.zones[locate_price(price, **self._window)[0]] -= 1

    @property
    def known(self) -> bool:
        """The window tells the best price, or that there is none."""
        inside, better, worse = self.zones
        return not better and (inside > 0 or not worse)

    def best(self) -> tuple[int, int, int]:
        """Price, shares and orders of the best level; zeros on an empty side."""
        heap, levels = self._heap, self._levels
        while heap:
            price = self._sign * heap[0]
            shares, orders = levels[price]
            if orders:
                return price, shares, orders
            heappop(heap)
            del levels[price]
        return 0, 0, 0

    def depth(self) -> list[tuple[int, int, int]]:
        """Every level as (price, shares, orders), best first."""
        levels = ((price, *level) for price, level in self._levels.items() if level[1])
        return sorted(levels, key=lambda level: self._sign * level[0])
