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

import asyncio
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from golden_model.decode import decode
from sim.octets import InputError

from .book import Book, Resting, crosses
from .engine import Engine

_TICK_S = 0.01
_BATCH = 500  #: messages that clients may have to wait for
_STOCKS = {b"R", b"H", b"A", b"F"}


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the recording goes by; both zero: only where ``Recording.advance`` is called.

    Parameters
    ----------
    per_order
        So many messages before each new order or replacement.
    per_second
        So many messages per second of wall time.
    """

    per_order: int = 0
    per_second: int = 0

    @classmethod
    def parse(cls, text: str) -> "Pace":
        """From ``N/order`` or ``N/s``. Raises ``ValueError``."""
        number, _, unit = text.partition("/")
        if re.fullmatch("[1-9][0-9]{0,8}", number) and unit in ("order", "s"):
            return cls(per_order=int(number)) if unit == "order" else cls(per_second=int(number))
        raise ValueError(f"pace must be N/order or N/s with N at least 1, not {text!r}")


MANUAL = Pace()


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
    error : InputError or None
        Why it ended early.
    """

    def __init__(self, engine: Engine, messages: Iterable[bytes] = (), symbols=None):
        self._engine, self._messages, self._symbols = engine, iter(messages), symbols
        self._orders: dict[int, _Recorded] = {}
        self.applied, self.ended = 0, False
        self.error: InputError | None = None
        self._handlers = {b"R": self._directory, b"H": self._action, b"A": self._add, b"F": self._add,
                          b"E": self._execute, b"C": self._reduce, b"X": self._reduce, b"D": self._delete,
                          b"U": self._replace}

    def advance(self, messages: int | None = None) -> int:
        """Apply so many messages, or all that are left; how many there were."""
        before = self.applied
        try:
            for octets in islice(self._messages, messages):
                self.apply(octets)
        except InputError as error:  # what came before stays in the books
            self.error = error
        self.ended = messages is None or self.applied - before < messages
        return self.applied - before

    async def play(self, per_second: int) -> None:
        """Advance at that rate until the recording ends."""
        loop = asyncio.get_running_loop()
        start, first = loop.time(), self.applied
        while per_second and not self.ended:
            due = int((loop.time() - start) * per_second) - (self.applied - first)
            self.advance(min(due, _BATCH))
            await asyncio.sleep(0 if due > _BATCH else _TICK_S)

    def apply(self, octets: bytes) -> None:
        """One ITCH message."""
        self.applied += 1
        try:
            message = decode(octets)
        except (IndexError, struct.error):  # shorter than its type says: captures hold what they hold
            return
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
        self._rest(message.reference, stock, buy=message.side == b"B", price=message.price, shares=message.shares)

    def _rest(self, reference: int, stock: str, *, buy: bool, price: int, shares: int, taken: int = 0) -> None:
        if reference in self._orders:  # a recording that begins again
            self._remove(reference)
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
