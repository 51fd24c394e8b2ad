"""A session from the first system event to the last, in the phases of a trading day."""

from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from random import Random

from spec.config import Design

from . import events
from .market import Market
from .tape import Tape
from .universe import universe

MIN_PER_SYMBOL = 60  #: messages that a session needs per configured symbol, and 300 more
_SECOND = 1_000_000_000


def _at(hour: int, minute: int = 0, second: int = 0) -> int:
    return ((hour * 60 + minute) * 60 + second) * _SECOND


#: Types per 10 000 messages once the directory is out; deletes that find too few orders become adds.
#: A little more of what halts and auctions suppress; stub quotes bring most of the F.
_REGULAR = {"A": 4360, "D": 4255, "U": 870, "E": 270, "X": 106, "F": 4, "P": 56, "C": 4}
_AUCTION = _REGULAR | {"I": 1750, "E": 60, "P": 10}

#: Share of the session until which a phase lasts, its types, where its clock starts.
_PHASES = (
    (0.05, _REGULAR, _at(4)),
    (0.09, _AUCTION, _at(9, 29, 59)),
    (0.93, _REGULAR, _at(9, 30)),
    (1.01, _AUCTION, _at(15, 59, 50)),
)
_STICKY = 0.3  #: chance that a message is on the symbol of the one before
_CROSSING = 0.125  #: share of the other symbols that have an opening auction


class Day:
    """The state of one session: all markets and one tape."""

    def __init__(self, design: Design, *, messages: int, seed: int, share: float, symbols: int | None):
        self.rng = Random(f"tickwire {seed}")
        self.tape = Tape(self.rng)
        stocks = universe(design, messages=messages, share=share, symbols=symbols, rng=self.rng)
        self.markets = [Market(stock, self.tape) for stock in stocks]
        self.mine = [m for m in self.markets if m.stock.configured]
        self.others = [m for m in self.markets if not m.stock.configured]
        self.messages = messages
        self.live = 0  # resting orders of all markets
        self.open = False
        self._weights = list(accumulate(m.stock.weight for m in self.markets))
        self._market = self.markets[0]
        self._phase = -1
        self._types: list[str] = []
        self._type_weights: list[int] = []

    @property
    def needed(self) -> int:
        """Messages that end the session from here: market close, closing crosses, a delete per order, two events."""
        return self.live + len(self.mine) + 3

    def _step(self) -> bytes:
        """The next message of the order flow."""
        draw = self.rng.random
        if draw() > _STICKY:
            self._market = self.markets[bisect(self._weights, draw() * self._weights[-1])]
        market = self._market
        if market.wants_stubs:
            self.live += 1
            return market.add_stub()
        market.wander()
        kind = self._types[bisect(self._type_weights, draw() * self._type_weights[-1])]
        # Deletes become adds while the book is filling and the reverse when it is over-full.
        filled = len(market.resting) / market.stock.depth
        if kind == "D" and draw() > filled:
            kind = "A"
        elif kind == "A" and draw() < 2 * (filled - 1):
            kind = "D"
        before = market.orders
        octets = None
        if kind == "D":
            octets = market.delete()
        elif kind == "U":
            octets = market.replace()
        elif kind == "E":
            octets = market.execute()
        elif kind == "X":
            octets = market.cancel()
        elif kind == "P":
            octets = market.trade()
        elif kind == "C":
            octets = market.execute(b"Y" if draw() < 0.7 else b"N")
        elif kind == "I":
            octets = market.imbalance(b"C" if self._phase == 3 else b"O")
        if octets is None:
            octets = market.add(attributed=kind == "F")
        self.live += market.orders - before
        return octets

    def scripted(self, script: Iterator[bytes]) -> Iterator[bytes]:
        """The messages of ``script``, with the orders that it adds or removes accounted for."""
        yield from script
        self.live = sum(m.orders for m in self.markets)

    def run(self) -> Iterator[bytes]:
        tape, clock = self.tape, self.tape.clock
        yield from events.directory(self)
        start = tape.written
        scripts = events.schedule(self)
        while (spare := self.messages - tape.written - self.needed) > 1:
            progress = (tape.written - start) / (tape.written - start + spare)
            if progress >= (_PHASES[self._phase][0] if self._phase >= 0 else 0):
                self._phase += 1
                _, mix, time = _PHASES[self._phase]
                self._types, self._type_weights = list(mix), list(accumulate(mix.values()))
                clock.jump(time)
                if self._phase == 0:
                    yield events.system(self, b"S")
                elif self._phase == 2:
                    yield from self.scripted(events.opening(self, _CROSSING))
            elif scripts and progress >= scripts[0][0]:
                yield from self.scripted(scripts.pop(0)[1](self))
            else:
                yield self._step()
        if spare == 1:
            yield self.mine[0].imbalance(b"C")
        yield from self._close()

    def _close(self) -> Iterator[bytes]:
        clock = self.tape.clock
        clock.jump(_at(16))
        self.open = False
        yield events.system(self, b"M")
        for market in self.mine:
            yield market.cross(b"C")
        # Every order that is left is deleted; the first few hundred at once, the heaviest burst of the day.
        clock.squeeze(min(500, self.live))
        alive = [m for m in self.markets for _ in range(m.orders)]
        self.rng.shuffle(alive)
        for market in alive:
            yield market.delete_last()
        clock.jump(_at(20))
        yield events.system(self, b"E")
        clock.jump(_at(20, 5))
        yield events.system(self, b"C")


def session(design: Design, *, messages: int, seed: int, share: float = 0.6, symbols: int | None = None,
            ) -> Iterator[bytes]:
    """Exactly ``messages`` ITCH messages.

    Parameters
    ----------
    design
        Supplies the configured symbols, the depth of their books (half of the order table at most) and how far prices
        wander (a quarter of the ladder; one symbol leaves it for a while).
    messages
        At least ``MIN_PER_SYMBOL`` per configured symbol and 300 more.
    seed
        Fixes every octet.
    share
        Of the order flow that is on configured symbols.
    symbols
        Number of all symbols; by default up to 384 more than configured, fewer in short sessions.
    """
    least = 300 + MIN_PER_SYMBOL * len(design.symbols)
    if messages < least:
        raise ValueError(f"messages must be at least {least} for {len(design.symbols)} symbols, not {messages!r}")
    if not 0 < share < 1:
        raise ValueError(f"share must be above 0 and below 1, not {share!r}")
    return Day(design, messages=messages, seed=seed, share=share, symbols=symbols).run()
