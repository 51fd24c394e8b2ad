"""Recorded market data (Nasdaq ITCH 5.0) as liquidity: its orders rest in the venue's books, its executions reach
clients' orders that come before them.

What the recording cannot know is decided against the client's interest, and no share is given away twice:

- Shares that clients took from a recorded order are missing in it from then on, whatever the recording later does with
  the order. Its replacement misses them too.
- A recorded order that arrives at or through the price of a client's resting order executes against it first (the
  client's price, oldest first).
- A recorded execution (E) was an order that came in. Clients' orders at a better price, or at the same and older, would
  have met it first: they execute, up to its shares. C, P and Q trade outside the book's order and reach nobody.
- Messages about orders that were added before the recording begins are passed over.
- Trading action H other than T halts the symbol: new orders of clients are rejected and nothing executes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from golden_model.decode import decode

from .book import Book, Resting, crosses
from .engine import Engine

_STOCKS = {b"R", b"H", b"A", b"F"}


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the recording goes by. All zero: only as ``Exchange.advance`` is called.

    Parameters
    ----------
    all_first
        All of it before the first client.
    per_order
        So many messages before each new order or replacement.
    per_second
        So many messages per second of wall time.
    """

    all_first: bool = False
    per_order: int = 0
    per_second: float = 0

    @classmethod
    def parse(cls, text: str) -> "Pace":
        """From ``all``, ``N/order`` or ``N/s``. Raises ``ValueError``."""
        if text == "all":
            return cls(all_first=True)
        number, _, unit = text.partition("/")
        if number.isdecimal() and int(number) > 0 and unit in ("order", "s"):
            return cls(per_order=int(number)) if unit == "order" else cls(per_second=int(number))
        raise ValueError(f"pace must be all, N/order or N/s with N at least 1, not {text!r}")


class _Recorded(NamedTuple):
    stock: str
    resting: Resting


class Recording:
    """Parameters
    ----------
    engine
        Its books get the orders.
    messages
        ITCH messages, taken one by one.
    symbols : collection of str or None
        The stocks to follow; None: every one in it.

    Members
    -------
    applied : int
        Messages so far.
    ended : bool
    """

    def __init__(self, engine: Engine, messages: Iterable[bytes] = (), symbols=None):
        self._engine, self._messages, self._symbols = engine, iter(messages), symbols
        self._orders: dict[int, _Recorded] = {}
        self.applied, self.ended = 0, False
        self._handlers = {b"R": self._directory, b"H": self._action, b"A": self._add, b"F": self._add,
                          b"E": self._execute, b"C": self._reduce, b"X": self._reduce, b"D": self._delete,
                          b"U": self._replace}

    def advance(self, messages: int | None = None) -> int:
        """Apply so many messages, or all that are left; how many there were."""
        taken: Iterator[bytes] = islice(self._messages, messages)
        before = self.applied
        for octets in taken:
            self.apply(octets)
        self.ended = messages is None or self.applied - before < messages
        return self.applied - before

    def apply(self, octets: bytes) -> None:
        """One ITCH message."""
        self.applied += 1
        message = decode(octets)
        handler = self._handlers.get(message.type)
        if handler is None:
            return
        if message.type not in _STOCKS:
            if message.reference in self._orders:
                handler(message)
            return
        stock = message.stock.decode("latin-1").rstrip()
        if self._symbols is None or stock in self._symbols:
            handler(message, stock)

    def _book(self, stock: str) -> Book:
        return self._engine.books.setdefault(stock, Book())

    def _directory(self, _message, stock: str) -> None:
        self._book(stock)

    def _action(self, message, stock: str) -> None:
        self._book(stock).halted = message.state != b"T"

    def _add(self, message, stock: str) -> None:
        if message.reference in self._orders:
            self._remove(message.reference)
        self._rest(message.reference, stock, buy=message.side == b"B", price=message.price, shares=message.shares)

    def _rest(self, reference: int, stock: str, *, buy: bool, price: int, shares: int, taken: int = 0) -> None:
        book = self._book(stock)
        resting = Resting(buy=buy, price=price, serial=next(self._engine.serials), recorded=shares, taken=taken)
        if not book.halted:
            for other in book.side(buy=not buy).clients():
                if not resting.available or not crosses(buy=buy, limit=price, price=other.price):
                    break
                part = min(resting.available, other.available)
                resting.taken += part
                self._engine.passive(other, part)
        book.side(buy=buy).add(resting)
        self._orders[reference] = _Recorded(stock, resting)

    def _remove(self, reference: int) -> _Recorded:
        recorded = self._orders.pop(reference)
        self._book(recorded.stock).side(buy=recorded.resting.buy).remove(recorded.resting)
        return recorded

    def _shrink(self, reference: int, shares: int) -> None:
        resting = self._orders[reference].resting
        resting.recorded -= shares
        if resting.recorded <= 0:
            self._remove(reference)

    def _execute(self, message) -> None:
        stock, resting = self._orders[message.reference]
        book = self._book(stock)
        left = message.shares
        for other in [] if book.halted else book.side(buy=resting.buy).clients():
            if not left or other.priority > resting.priority:
                break
            part = min(left, other.available)
            left -= part
            self._engine.passive(other, part)
        self._shrink(message.reference, message.shares)

    def _reduce(self, message) -> None:
        self._shrink(message.reference, message.shares)

    def _delete(self, message) -> None:
        self._remove(message.reference)

    def _replace(self, message) -> None:
        stock, old = self._remove(message.reference)
        self._rest(message.new_reference, stock, buy=old.buy, price=message.price, shares=message.shares,
                   taken=old.taken)
