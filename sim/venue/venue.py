"""What orders meet in a replay."""

from collections.abc import Iterable
from random import Random

from spec.config import Design
from spec.records import Action

from .connection import Connection
from .fix import Fix
from .orders import Order, Wanted
from .ouch import Ouch

_REJECTED, _UNFILLED, _PARTLY, _IN_TWO = 0.03, 0.13, 0.3, 0.6  #: shares of orders, each up to here


class Venue:
    """One session. What an order meets is drawn from the seed and its number, so that batches make no difference.

    Parameters
    ----------
    design : Design
        ``design.order``: addresses, numbers at hand-over, protocol.
    seed : int

    Members
    -------
    positions : dict[str, int]
        Shares by symbol, short negative, as executed.
    orders : int
        Messages about orders received.
    """

    def __init__(self, design: Design, *, seed: int = 1):
        self._seed = seed
        self._connection = Connection(design.order)
        self._protocol = {"ouch": Ouch, "fix": Fix}[design.order.protocol](design.order)
        self._open: dict[int, Order] = {}
        self.positions: dict[str, int] = {}
        self.orders = 0

    def take(self, frames: Iterable[bytes]) -> None:
        """Frames that left the core, in order. Raises ``ValueError`` for one that holds no TCP segment."""
        for wanted in self._protocol.parse(self._connection.take(frames)):
            self.orders += 1
            self._connection.waiting += b"".join(self._answers(wanted))

    def frames(self) -> list[bytes]:
        """What goes to the core now."""
        return self._connection.frames()

    @property
    def owes(self) -> bool:
        """There are answers that have not been sent."""
        return bool(self._connection.waiting)

    def _answers(self, wanted: Wanted) -> Iterable[bytes]:
        if wanted.action is Action.ENTER:
            yield from self._enter(wanted)
        elif (order := self._open.pop(wanted.target, None)) is None:
            cancel = wanted.action is Action.CANCEL
            yield self._protocol.cancel_rejected(wanted) if cancel else self._protocol.rejected(wanted)
        elif wanted.action is Action.CANCEL:
            yield self._cancel(order, wanted)
        else:
            new = Order(wanted.number, order.side, order.symbol, wanted.quantity, wanted.price, True, wanted.quantity)
            self._open[new.number] = new
            yield self._protocol.replaced(new, order.number)

    def _enter(self, wanted: Wanted) -> Iterable[bytes]:
        rng = Random(self._seed << 32 | wanted.number)
        meets = rng.random()
        if meets < _REJECTED:
            yield self._protocol.rejected(wanted)
            return
        order = Order.of(wanted)
        order.remaining = order.quantity
        yield self._protocol.accepted(order)
        shares = 0 if meets < _UNFILLED else rng.randint(1, order.quantity) if meets < _PARTLY else order.quantity
        first = shares // 3 if meets < _IN_TWO else 0
        for part in filter(None, (first, shares - first)):
            order.remaining -= part
            order.done += part
            held = self.positions.get(order.symbol, 0)
            self.positions[order.symbol] = held + (part if order.side in self._protocol.buys else -part)
            yield self._protocol.executed(order, part)
        if order.remaining and order.rests:
            self._open[order.number] = order
        elif order.remaining:
            yield self._cancel(order, wanted)

    def _cancel(self, order: Order, wanted: Wanted) -> bytes:
        shares, order.remaining = order.remaining, 0
        return self._protocol.cancelled(order, shares, wanted)
