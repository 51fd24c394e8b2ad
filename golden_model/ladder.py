"""One side of one symbol's book: every price level, however far, and whether the on-chip ladder can know the best.

Levels are unbounded. ``spec.ladder`` says which orders the window in force would not hold.
"""

from bisect import bisect_left, insort

from spec.ladder import BID, Window, Zone, check_window, zone_of

_INSIDE = Zone.INSIDE.value


class Ladder:
    """Price levels of one side.

    Parameters
    ----------
    side
        ``spec.ladder.BID`` or ``ASK``.
    tick
        1/10 000 dollar.
    levels
        Of the on-chip ladder.
    window
        The one to begin with.

    Members
    -------
    window : Window
        The one in force.
    zones : list[int]
        Resting orders per ``spec.ladder.Zone``.
    """

    def __init__(self, *, side: int, tick: int, levels: int, window: Window):
        self._side, self._tick, self._count = side, tick, levels
        self._sign = 1 if side == BID else -1
        self._levels: dict[int, list[int]] = {}  # price -> [shares, orders]
        # The levels' prices, negated for asks, in order: the best is the last. Most changes are near the best, where a
        # list is cheap to change.
        self._ranks: list[int] = []
        self.zones = [0, 0, 0]
        self.move(window)

    def move(self, window: Window) -> None:
        """Put another window in force. Raises ``ValueError`` for one that ``spec.ladder`` does not know."""
        check_window(window, self._tick, self._count)
        self.window = window
        self._low, self._high = window
        self.zones = self._zones(window)

    def _zones(self, window: Window) -> list[int]:
        zones = [0, 0, 0]
        for price, (_, orders) in self._levels.items():
            zones[zone_of(price, side=self._side, tick=self._tick, window=window)] += orders
        return zones

    def _zone(self, price: int) -> int:
        if self._low <= price < self._high and not price % self._tick:
            return _INSIDE
        return zone_of(price, side=self._side, tick=self._tick, window=self.window)

    def add(self, price: int, shares: int) -> int:
        """Rest an order; its zone."""
        level = self._levels.get(price)
        if level is None:
            self._levels[price] = [shares, 1]
            insort(self._ranks, self._sign * price)
        else:
            level[0] += shares
            level[1] += 1
        zone = self._zone(price)
        self.zones[zone] += 1
        return zone

    def reduce(self, price: int, shares: int) -> None:
        """Take shares off an order that goes on resting."""
        self._levels[price][0] -= shares

    def remove(self, price: int, shares: int) -> None:
        """Take away an order with its last ``shares``."""
        level = self._levels[price]
        if level[1] == 1:
            del self._levels[price]
            del self._ranks[bisect_left(self._ranks, self._sign * price)]
        else:
            level[0] -= shares
            level[1] -= 1
        self.zones[self._zone(price)] -= 1

    @property
    def known(self) -> bool:
        """The window tells the best price, or that there is none."""
        inside, better, worse = self.zones
        return not better and (inside > 0 or not worse)

    def best(self) -> tuple[int, int, int]:
        """Price, shares and orders of the best level; zeros on an empty side."""
        if not self._ranks:
            return 0, 0, 0
        price = self._sign * self._ranks[-1]
        return price, *self._levels[price]

    def published(self) -> tuple[int, int, int, int]:
        """Known, price, shares and orders of the best level; zeros when it is not known."""
        inside, better, worse = self.zones
        if better or worse and not inside:
            return 0, 0, 0, 0
        if not self._ranks:
            return 1, 0, 0, 0
        price = self._sign * self._ranks[-1]
        shares, orders = self._levels[price]
        return 1, price, shares, orders

    def depth(self) -> list[tuple[int, int, int]]:
        """Every level as (price, shares, orders), best first."""
        return [(price, *self._levels[price]) for price in (self._sign * rank for rank in reversed(self._ranks))]

    def top(self, count: int, window: Window | None = None) -> tuple[bool, list[tuple[int, int, int]], bool]:
        """What a window shows: whether it knows the best price, its best ``count`` levels then, and whether fewer are
        shown because orders rest beyond it.

        Parameters
        ----------
        window
            Another one than that in force. Raises ``ValueError`` for one that ``spec.ladder`` does not know.
        """
        zones = self.zones
        if window is None:
            window = self.window
        elif window != self.window:
            check_window(window, self._tick, self._count)
            zones = self._zones(window)
        inside, better, worse = zones
        if better or worse and not inside:
            return False, [], False
        (low, high), sign, levels = window, self._sign, []
        # With no order better than the window, those inside it come first.
        for rank in self._ranks[: -count - 1 : -1]:
            price = sign * rank
            if not low <= price < high:
                break
            shares, orders = self._levels[price]
            levels.append((price, shares, orders))
        return True, levels, len(levels) < count and worse > 0
