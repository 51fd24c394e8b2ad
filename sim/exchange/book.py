"""The orders resting in one symbol, by price and time: those of clients, and those of recorded market data."""

from collections.abc import Iterator

from .orders import Order


class Resting:
    """An order in the book.

    A client's is measured by its ``Order``. A recorded one has the shares that the recording leaves it, less those
    that clients have taken: none is given away twice, not even when the recording later executes, cancels or replaces
    shares that a client took before.

    Members
    -------
    serial : int
        Time priority: lower was first.
    order : Order or None
        None for a recorded one.
    recorded, taken : int
        Shares by the recording; taken by clients.
    """

    __slots__ = ("buy", "order", "price", "recorded", "serial", "taken")

    def __init__(self, *, buy: bool, price: int, serial: int, order: Order | None = None, recorded: int = 0,
                 taken: int = 0):
        self.buy, self.price, self.serial = buy, price, serial
        self.order, self.recorded, self.taken = order, recorded, taken

    @property
    def available(self) -> int:
        return self.order.remaining if self.order else max(0, self.recorded - self.taken)

    @property
    def priority(self) -> tuple[int, int]:
        """Lower comes first on its side."""
        return -self.price if self.buy else self.price, self.serial


def crosses(*, buy: bool, limit: int, price: int) -> bool:
    """An order to buy or sell at ``limit`` may trade at ``price``."""
    return price <= limit if buy else price >= limit


class Side:
    """Bids or offers, best first; at one price those that came first."""

    def __init__(self, *, buy: bool):
        self._buy = buy
        self._levels: dict[int, dict[int, Resting]] = {}  # price -> serial -> order, in order of time
        self._clients: dict[int, Resting] = {}

    def add(self, resting: Resting) -> None:
        self._levels.setdefault(resting.price, {})[resting.serial] = resting
        if resting.order:
            self._clients[resting.serial] = resting

    def remove(self, resting: Resting) -> None:
        level = self._levels[resting.price]
        del level[resting.serial]
        if not level:
            del self._levels[resting.price]
        self._clients.pop(resting.serial, None)

    def __iter__(self) -> Iterator[Resting]:
        """Everything with shares available, best first."""
        for price in sorted(self._levels, reverse=self._buy):
            yield from (resting for resting in self._levels[price].values() if resting.available)

    def clients(self) -> list[Resting]:
        """The clients' orders, best first."""
        return sorted(self._clients.values(), key=lambda resting: resting.priority)

    def best(self) -> tuple[int, int] | None:
        """Best price and the shares available there."""
        for resting in self:
            return resting.price, sum(r.available for r in self._levels[resting.price].values())
        return None


class Book:
    """One symbol.

    Members
    -------
    halted : bool
        The recording says so: nothing trades, new orders are rejected.
    """

    def __init__(self):
        self.bids, self.offers = Side(buy=True), Side(buy=False)
        self.halted = False
        self._of_clients: dict[int, Resting] = {}  # by venue reference

    def side(self, *, buy: bool) -> Side:
        return self.bids if buy else self.offers

    def rest(self, order: Order, serial: int) -> None:
        resting = Resting(buy=order.buy, price=order.price, serial=serial, order=order)
        self._of_clients[order.reference] = resting
        self.side(buy=order.buy).add(resting)

    def withdraw(self, order: Order) -> None:
        """A client's order leaves, if it was there."""
        resting = self._of_clients.pop(order.reference, None)
        if resting:
            self.side(buy=order.buy).remove(resting)

    def matches(self, *, buy: bool, limit: int, shares: int) -> list[tuple[Resting, int]]:
        """What an order of so many shares would trade with, and how much of each, best first."""
        found = []
        for resting in self.side(buy=not buy):
            if not shares or not crosses(buy=buy, limit=limit, price=resting.price):
                break
            part = min(shares, resting.available)
            found.append((resting, part))
            shares -= part
        return found
