"""A session from the first system event to the last, in the phases of a trading day."""

from bisect import bisect
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import accumulate
from random import Random

import numpy as np

from spec.config import Design

from . import events
from .crowd import Crowd
from .market import Market
from .packed import Page, messages, prefixed
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

#: Messages of each half hour of regular hours, by the real day's shape: much at the open, more at the close.
_HALF_HOURS = (118, 84, 70, 62, 56, 52, 48, 46, 50, 54, 60, 74, 106)


def _phases() -> Iterator[tuple[float, dict[str, int], int]]:
    """Share of the session until which a phase lasts, its types, where its clock starts."""
    yield 0.05, _REGULAR, _at(4)
    yield 0.09, _AUCTION, _at(9, 29, 59)
    for i, so_far in enumerate(accumulate(_HALF_HOURS)):
        yield 0.09 + 0.84 * so_far / sum(_HALF_HOURS), _REGULAR, _at(9, 30) + i * 1800 * _SECOND
    yield 1.01, _AUCTION, _at(15, 59, 50)


_PHASES = tuple(_phases())
_OPENS, _CLOSES = 2, len(_PHASES) - 1  #: phases
_PAGE = 16384  #: messages at a time, at most
_STEPS = 100  #: pages of a session, at least: what is scheduled comes in time
_PER_STOCK = 8  #: messages of a page for each other symbol, at most: of each, one execution
_STICKY = 0.3  #: chance that a message is on the symbol of the one before
_CROSSING = 0.125  #: share of the other symbols that have an opening auction


class Day:
    """The state of one session: the configured symbols' markets, a crowd of all others, one tape."""

    def __init__(self, design: Design, *, messages: int, seed: int, share: float, symbols: int | None):
        self.rng = Random(f"tickwire {seed}")
        draw = np.random.Generator(np.random.PCG64(int.from_bytes(sha256(f"tickwire {seed}".encode()).digest())))
        self.tape = Tape(self.rng, draw)
        stocks = universe(design, messages=messages, share=share, symbols=symbols, rng=self.rng)
        self.mine = [Market(stock, self.tape) for stock in stocks if stock.configured]
        self.others = [Market(stock, self.tape) for stock in stocks if not stock.configured]  # all but their orders
        self.crowd = Crowd([market.stock for market in self.others], self.tape)
        self.messages = messages
        self.open = False
        self._live = 0  # resting orders of the configured symbols
        self._share = sum(market.stock.weight for market in self.mine) / sum(stock.weight for stock in stocks)
        self._weights = list(accumulate(market.stock.weight for market in self.mine))
        self._market = self.mine[0]
        self._page = max(32, min(_PAGE, messages // _STEPS, _PER_STOCK * len(self.others)))
        self._phase = -1
        self._kinds: dict[str, int] = {}
        self._types: list[str] = []
        self._type_weights: list[int] = []

    @property
    def needed(self) -> int:
        """Messages that end the session from here: market close, closing crosses, a delete per order, two events."""
        return self._live + self.crowd.live + len(self.mine) + 3

    @property
    def _cross(self) -> bytes:
        return b"C" if self._phase == _CLOSES else b"O"

    def _step(self) -> bytes:
        """The next message about a configured symbol."""
        draw = self.rng.random
        if draw() > _STICKY:
            self._market = self.mine[bisect(self._weights, draw() * self._weights[-1])]
        market = self._market
        if market.wants_stubs:
            self._live += 1
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
            octets = market.imbalance(self._cross)
        if octets is None:
            octets = market.add(attributed=kind == "F")
        self._live += market.orders - before
        return octets

    def _flow(self, count: int) -> bytes:
        """So many messages of the order flow."""
        clock, crowd = self.tape.clock, self.crowd
        times = clock.times(count)
        page, mine = Page(times), self.tape.draw.random(count) < self._share
        slots, others = np.flatnonzero(mine), np.flatnonzero(~mine)
        if len(slots):
            clock.give(times[slots])
            page.write(slots, [self._step() for _ in slots])
        stubs = min(crowd.wants_stubs, len(others) // 2 * 2)
        if stubs:
            crowd.quote(page, others[:stubs])
            self.tape.written += stubs
            others = others[stubs:]
        if len(others):
            crowd.trade(page, others, self._kinds, self._cross)
        return page.octets()

    def scripted(self, script: Iterable[bytes]) -> bytes:
        """The messages of ``script``, with the orders that it adds or removes accounted for."""
        octets = b"".join(map(prefixed, script))
        self._live = sum(market.orders for market in self.mine)
        return octets

    def run(self) -> Iterator[bytes]:
        """Messages behind their lengths, some at a time."""
        tape, clock = self.tape, self.tape.clock
        yield self.scripted(events.directory(self))
        start = tape.written
        scripts = events.schedule(self)
        while (spare := self.messages - tape.written - self.needed) > 1:
            progress = (tape.written - start) / (tape.written - start + spare)
            if progress >= (_PHASES[self._phase][0] if self._phase >= 0 else 0):
                self._phase += 1
                _, self._kinds, time = _PHASES[self._phase]
                self._types, self._type_weights = list(self._kinds), list(accumulate(self._kinds.values()))
                clock.jump(time)
                if self._phase == 0:
                    yield self.scripted([events.system(self, b"S")])
                elif self._phase == _OPENS:
                    yield self.scripted(events.opening(self, _CROSSING))
            elif scripts and progress >= scripts[0][0]:
                yield self.scripted(scripts.pop(0)[1](self))
            else:
                yield self._flow(min(self._page, spare // 2))  # an order that is added is deleted in the end
        if spare == 1:
            yield self.scripted([self.mine[0].imbalance(b"C")])
        yield from self._close()

    def _close(self) -> Iterator[bytes]:
        clock = self.tape.clock
        clock.jump(_at(16))
        self.open = False
        yield self.scripted([events.system(self, b"M"), *(market.cross(b"C") for market in self.mine)])
        # Every order that is left is deleted; the first few hundred at once, the heaviest burst of the day.
        mine = [market for market in self.mine for _ in range(market.orders)]
        self.rng.shuffle(mine)
        left = len(mine) + self.crowd.live
        clock.squeeze(min(500, left))
        own = np.argsort(self.tape.draw.random(left)) < len(mine)
        for first in range(0, left, _PAGE):
            now = own[first : first + _PAGE]
            times, slots = clock.times(len(now)), np.flatnonzero(now)
            page = Page(times)
            clock.give(times[slots])
            page.write(slots, [mine.pop().delete_last() for _ in slots])
            self.crowd.clear(page, np.flatnonzero(~now))
            self.tape.written += len(now) - len(slots)
            yield page.octets()
        clock.jump(_at(20))
        yield self.scripted([events.system(self, b"E")])
        clock.jump(_at(20, 5))
        yield self.scripted([events.system(self, b"C")])


class Session:
    """An iterable of messages, the same ones every time.

    ``progress``, if set, is called with the number of messages written, now and then.
    """

    def __init__(self, make: Callable[[], Day]):
        self._make, self.progress = make, None
        make()  # what cannot be made is refused at once

    def packed(self) -> Iterator[bytes]:
        """Many at a time, behind their lengths as in a file."""
        day = self._make()
        for octets in day.run():
            yield octets
            if self.progress:
                self.progress(day.tape.written)

    def __iter__(self) -> Iterator[bytes]:
        for octets in self.packed():
            yield from messages(octets)


def session(design: Design, *, messages: int, seed: int, share: float = 0.6, symbols: int | None = None) -> Session:
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
    return Session(lambda: Day(design, messages=messages, seed=seed, share=share, symbols=symbols))
