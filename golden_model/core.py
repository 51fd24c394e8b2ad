"""core: the stages and the streams between them, one frame at a time.

    frame -> feed -> messages -> book -> updates -> indicators -> indicators, vwaps
                       events -> book -> windows, depths, loads
                                         updates -> strategy -> intents -> risk -> decisions -> order -> orders, frames
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from spec.config import Design

from .book import Book
from .feed import Feed
from .indicators import Indicators
from .order import Order
from .risk import Risk
from .strategy import Strategy


class Step(NamedTuple):
    """What one frame causes: the records of every stream in order, and the order frames.

    ``last_octets[k]`` is the offset, in the frame, of the last octet of ``messages[k]``. ``windows``, ``depths`` and
    ``loads`` are those before the frame's messages, as far as ``Core.events`` named them.
    """

    messages: list
    updates: list
    indicators: list
    vwaps: list
    intents: list
    decisions: list
    orders: list
    frames: list[bytes]
    last_octets: list[int]
    windows: list
    depths: list
    loads: list


class Core:
    """The whole core.

    Members
    -------
    feed, book, indicators, strategy, risk, order
        The stages.
    counters : dict[str, dict[str, int]]
        By stage.
    queue_full : set[int]
        ``message`` numbers of the intents that find the order queue full. The model has no clock, so it cannot tell;
        who knows from the hardware's timing puts them here beforehand. Empty unless TX is held back.
    events : deque
        The hardware's ``Window``, ``Load`` and ``Depth`` records, put here beforehand: ``Book.events``. Empty, or what
        is not in it, means that nothing of the kind happened.
    """

    def __init__(self, design: Design):
        self.feed = Feed(design)
        self.book = Book(design)
        self.indicators = Indicators(design)
        self.strategy = Strategy(design)
        self.risk = Risk(design)
        self.order = Order(design)
        self.queue_full: set[int] = set()
        self.events = self.book.events
        stages = ("feed", "book", "indicators", "strategy", "risk", "order")
        self.counters = {stage: getattr(self, stage).counters for stage in stages}

    def kill(self) -> None:
        """Engage the kill switch before the next frame, until reset."""
        self.risk.kill()

    def frame(self, octets: bytes, *, error: bool = False, ready: bool = True) -> Step:
        """Everything that one frame causes; parameters as of ``Feed.frame``.

        Raises ``ValueError`` for an event due that cannot be.
        """
        messages = self.feed.frame(octets, error=error, ready=ready)
        step = Step(messages, [], [], [], [], [], [], [], self.feed.last_octets, [], [], [])
        for message in messages:
            update = self.book.message(message)
            if update is not None:
                self._update(update, step)
        return self._with_events(step)

    def settle(self) -> Step:
        """The events after the last message. Raises ``ValueError`` for one that cannot be."""
        self.book.settle()
        return self._with_events(Step([], [], [], [], [], [], [], [], [], [], [], []))

    def _with_events(self, step: Step) -> Step:
        windows, depths, loads = self.book.published()
        step.windows.extend(windows)
        step.depths.extend(depths)
        step.loads.extend(loads)
        return step

    def run(self, frames: Iterable[bytes]) -> Iterator[Step]:
        """The ``Step`` of each of many good frames, as it is asked for."""
        return map(self.frame, frames)

    def _update(self, update, step: Step) -> None:
        step.updates.append(update)
        indicator, vwap = self.indicators.update(update)
        step.indicators.append(indicator)
        step.vwaps.append(vwap)
        intent = self.strategy.update(update, indicator)
        if intent is None:
            return
        step.intents.append(intent)
        decision = self.risk.intent(intent, queue_full=intent.message in self.queue_full)
        step.decisions.append(decision)
        order = self.order.decision(decision)
        if order is not None:
            step.orders.append(order)
            step.frames.append(self.order.frame(order))
