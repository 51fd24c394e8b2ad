"""What the venue keeps of a client, connected or not."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from .orders import CancelReason, Order, Refusal, Request, Status, Trade

if TYPE_CHECKING:
    from .connection import Connection


class Reporter(ABC):
    """Tells a client what happened, in its protocol; keeps what it said for a client that reconnects.

    Members
    -------
    invalid_replace_cancels : bool
        A replace whose details are invalid takes the original out of the book (OUCH 5.0, 2.2) or leaves it (FIX).
    """

    invalid_replace_cancels = False

    @abstractmethod
    def fresh(self, request: Request) -> bool:
        """The key of a new order has not been used."""

    @abstractmethod
    def consume(self, key: int | str) -> None:
        """The key is used from now on."""

    @abstractmethod
    def ignored(self, request: Request, order: Order | None, why: str) -> None:
        """Nothing became of a request. ``order`` is its target if there ever was one, live or not."""

    @abstractmethod
    def accepted(self, order: Order) -> None: ...

    @abstractmethod
    def rejected(self, order: Order, refusal: Refusal) -> None: ...

    @abstractmethod
    def replaced(self, order: Order, original: Order) -> None: ...

    @abstractmethod
    def replace_rejected(self, order: Order, original: Order, refusal: Refusal) -> None:
        """``original`` stays as it is."""

    @abstractmethod
    def executed(self, order: Order, trade: Trade, *, added: bool) -> None:
        """``added``: the order rested."""

    @abstractmethod
    def canceled(self, order: Order, shares: int, reason: CancelReason, request: Request | None) -> None:
        """``request``: the client's, where it asked for this."""

    @abstractmethod
    def modified(self, order: Order) -> None: ...

    @abstractmethod
    def end(self) -> None:
        """The venue closes."""


class Account:
    """A client.

    Members
    -------
    name, protocol : str
        ``protocol`` is ouch or fix.
    requests : list[Request]
        Decided upon, in order of arrival; whoever sees one here has been told, or will be upon login.
    orders : list[Order]
        New orders and replacements in order of arrival, whatever became of them.
    positions : dict[str, int]
        Shares by symbol, short negative.
    reporter : Reporter
    connection : Connection or None
        Where the client is logged in.
    """

    def __init__(self, name: str, protocol: str):
        self.name, self.protocol = name, protocol
        self.requests: list[Request] = []
        self.orders: list[Order] = []
        self.positions: dict[str, int] = {}
        self.reporter: Reporter | None = None
        self.connection: Connection | None = None
        self._by_key: dict[int | str, Order] = {}

    @property
    def open_orders(self) -> list[Order]:
        """In order of arrival."""
        return [order for order in self.orders if order.live]

    def order(self, key: int | str) -> Order | None:
        """The order with that UserRefNum or ClOrdID that the venue accepted or rejected."""
        return self._by_key.get(key)

    def add(self, order: Order) -> None:
        self.orders.append(order)
        if order.status is not Status.DROPPED:
            self._by_key.setdefault(order.key, order)

    def move(self, symbol: str, shares: int) -> None:
        """Change the position."""
        self.positions[symbol] = self.positions.get(symbol, 0) + shares
