"""What a simulated card hears on its wires: a generated session, and a venue that answers its orders."""

from collections.abc import Callable, Iterable
from itertools import islice

from sim.engine.native import Batch
from sim.octets import Frame
from sim.pace import Pace
from sim.venue import Venue
from spec.config import Design
from spec.registers import BY_NAME, Status

from .compiled import RX, SESSION_RX
from .server import CardServer

_BATCH = 256  #: frames that are put on the wire together


class Feeder:
    """Feeds a card that a host has started; begins anew with each start.

    Parameters
    ----------
    frames
        Opens the market data anew.
    """

    def __init__(self, server: CardServer, design: Design, frames: Callable[[], Iterable[Frame]], speed: str):
        self._server, self._design, self._frames, self._speed = server, design, frames, speed
        self._ready = False
        self.sent = self.orders = 0

    def step(self) -> None:
        """To be called between two rounds of the server."""
        card = self._server.card
        ready = bool(card.read(BY_NAME["status"].offset) & Status.READY)
        if ready and not self._ready:
            self._rest, self._pace, self._venue = iter(self._frames()), Pace(self._speed, self._design), Venue(
                self._design)
            self.sent = self.orders = 0
        self._ready = ready
        if not ready:
            return
        left = [frame.octets for frame in self._server.observed()[1]]
        self._venue.take(left)
        self.orders = self._venue.orders
        if answers := self._venue.frames():
            card.frames(SESSION_RX, Batch.of(answers))
        if not card.waiting(RX) and (some := list(islice(self._rest, _BATCH))):
            card.frames(RX, Batch.of([frame.octets for frame in some], self._pace.gaps(some)))
            self.sent += len(some)
