"""core: the stages and the streams between them, one frame at a time.

    frame -> feed -> messages -> book -> updates -> indicators -> indicators, vwaps
                       events -> book -> windows, depths, loads
                                         updates -> strategy -> intents -> risk -> decisions -> order -> orders, frames
                                   host requests -> strategy       moments -> risk -> positions, kills, limits set
    session frame -> session -> replies --------------------------------------^

The model has no clock. When something that is not a frame takes effect, and what a moment looked like, is told to it:
``Core.symbols``, ``Core.events``, ``Core.parameters``, ``Core.requests``, ``Core.moments``, ``Core.conditions`` and
``Core.sent``.
"""

from collections import deque, namedtuple
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from spec.config import Design
from spec.records import (
    ADMIN,
    KILL,
    PARAMETERS,
    POSITION,
    RECORDS,
    REQUEST,
    SESSION_LIMIT,
    SESSION_LIMIT_SET,
    SESSION_STATE,
    SYMBOL_LIMIT,
    SYMBOL_LIMIT_SET,
    Cause,
)

from .book import Book
from .feed import Feed
from .indicators import Indicators
from .order import Header, Order
from .risk import Risk
from .session import Session
from .strategy import Strategy

_STREAMS = tuple(record.stream for record in RECORDS)
_MASK32 = (1 << 32) - 1
_HEARTBEAT = ADMIN.tuple(ord("R"), 0, 0)
_OWN_CAUSES = Cause.REJECTS | Cause.UNLAWFUL_REPLY  #: what the model finds by itself

#: What one frame causes: the records of every stream in order, and order frames. ``last_octets[k]`` is the offset, in
#: the frame, of the last octet of ``messages[k]``. ``windows``, ``depths`` and ``loads`` are those before the frame's
#: messages, what risk and order say is that up to its last decision, as far as ``Core`` was told.
Step = namedtuple("Step", [*_STREAMS, "frames", "last_octets"])


class Impossible(ValueError):
    """What the model was told cannot be; ``stage`` is whose record it was."""

    def __init__(self, stage: str, what: str):
        super().__init__(what)
        self.stage = stage


class Conditions(NamedTuple):
    """What a decision depends on besides its intent and all that was before it."""

    time: int = 0  #: ns since 1970
    queue_full: bool = False
    no_session: bool = False
    stale: bool = False


class Core:
    """The whole core.

    Parameters
    ----------
    believe
        As of ``Session``: session frames may be shown before the orders that they acknowledge.

    Members
    -------
    feed, book, indicators, strategy, risk, order, session
        The stages.
    counters : dict[str, dict[str, int]]
        By stage.
    symbols : deque
        The hardware's ``SymbolSet`` records. Whether one came too late is taken from there.
    events : deque
        The hardware's ``Window``, ``Load`` and ``Depth`` records, put here beforehand: ``Book.events``.
    parameters : deque
        The hardware's ``ParametersSet`` records, each taken after the update whose number it has.
    requests : deque
        The hardware's ``Intent`` records that the host asked for, each taken after the update whose number it has.
    moments : deque
        The hardware's ``Position``, ``Kill``, ``SymbolLimitSet`` and ``SessionLimitSet`` records, each taken before the
        decision that it names. They say when; what they hold is the model's.
    conditions : dict[int, Conditions]
        By decision number; what is not there is ordinary.
    sent : deque
        The hardware's ``Order`` records, or any that have their ``admin``, time and header fields: in which order
        messages leave, a session message's time, and what their TCP headers say of the connection. Where it is empty,
        headers are the configuration's.
    admin : deque
        ``Admin`` records that the host gave; of SoupBinTCP's heartbeat, which the core makes itself, none.

    What is empty, or not in it, means that nothing of the kind happened.
    """

    def __init__(self, design: Design, *, believe: bool = False):
        self.feed = Feed(design)
        self.book = Book(design)
        self.indicators = Indicators(design)
        self.strategy = Strategy(design)
        self.risk = Risk(design)
        self.order = Order(design)
        self.session = Session(design, believe=believe)
        self.events = self.book.events
        self.symbols: deque = deque()
        self.parameters: deque = deque()
        self.requests: deque = deque()
        self.moments: deque = deque()
        self.conditions: dict[int, Conditions] = {}
        self.sent: deque = deque()
        self.admin: deque = deque()
        self._replies: deque = deque()
        self._decision = 0  # number of the next
        self._last_update = _MASK32
        self._header = Header.of(design)
        self.counters = {stage: getattr(self, stage).counters
                         for stage in ("feed", "book", "indicators", "strategy", "risk", "order", "session")}

    def kill(self) -> None:
        """Engage the kill switch before the next frame."""
        self.risk.kill()

    def session_frame(self, octets: bytes, *, error: bool = False) -> None:
        """A frame on the order session's connection; its replies wait for their ``Position``."""
        self._replies.extend(self.session.frame(octets, error=error))

    def frame(self, octets: bytes, *, error: bool = False, ready: bool = True) -> Step:
        """Everything that one frame causes; parameters as of ``Feed.frame``.

        Raises ``ValueError`` for something told that cannot be; ``Impossible`` says of whom.
        """
        step = _nothing()
        if self.symbols:
            self._name_symbols(step)
        step.messages.extend(self.feed.frame(octets, error=error, ready=ready))
        step.last_octets.extend(self.feed.last_octets)
        book = self.book.message
        for message in step.messages:
            update = book(message)
            if update is not None:
                if self.parameters:
                    self._take_parameters(step)
                if self.requests:
                    self._requests(step)
                self._update(update, step)
        return step if self.book.is_silent else self._with_book_events(step)

    def settle(self) -> Step:
        """What was told and came after the last message. Raises ``ValueError`` for something that cannot be."""
        step = _nothing()
        self._name_symbols(step)
        self.book.settle()
        self._take_parameters(step, all_of_them=True)
        self._requests(step, all_of_them=True)
        self._moments(step)
        self._admin(step)
        return self._with_book_events(step)

    def run(self, frames: Iterable[bytes]) -> Iterator[Step]:
        """The ``Step`` of each of many good frames, as it is asked for."""
        return map(self.frame, frames)

    def _with_book_events(self, step: Step) -> Step:
        for to, records in zip((step.windows, step.depths, step.loads), self.book.published(), strict=True):
            to.extend(records)
        return step

    def _update(self, update, step: Step) -> None:
        step.updates.append(update)
        self._last_update = update.message
        indicator, vwap = self.indicators.update(update)
        step.indicators.append(indicator)
        step.vwaps.append(vwap)
        self.risk.update(update)
        intent = self.strategy.update(update, indicator)
        if intent is not None:
            self._intent(intent, step)

    def _name_symbols(self, step: Step) -> None:
        """What the host named; too late once there was a message or a request."""
        while self.symbols:
            told = self.symbols.popleft()
            begun = self.feed.counters["messages"] or self._decision
            if not told.refused and (told.message or begun):
                raise Impossible("book", f"{told!r}: too late to name a symbol")
            echo = told
            if not told.refused:
                stock = told.stock.to_bytes(8, "little")
                echo = told._replace(refused=int(not self.book.name(told.symbol, stock, told.locate)))
            if not echo.refused:
                self.order.name(told.symbol, stock.decode().rstrip())
            self.book.counters["symbols_refused" if echo.refused else "symbols_set"] += 1
            step.symbols_set.append(echo)

    def _due(self, queue: deque, all_of_them: bool) -> Iterator:
        """What was told of the time since the last update; all of it if no other follows."""
        while queue and (all_of_them or queue[0].message == self._last_update):
            yield queue.popleft()

    def _take_parameters(self, step: Step, all_of_them: bool = False) -> None:
        """What the host gave."""
        for told in self._due(self.parameters, all_of_them):
            echo = self.strategy.parameters(PARAMETERS.tuple(*told[1:]))
            if echo.message != told.message:
                raise Impossible("strategy", f"{told!r}: cannot be after message {self._last_update}")
            step.parameters_set.append(echo)

    def _requests(self, step: Step, all_of_them: bool = False) -> None:
        """What the host asked for."""
        for told in self._due(self.requests, all_of_them):
            intent = self.strategy.request(REQUEST.tuple(*(getattr(told, name) for name in REQUEST.tuple._fields)))
            if intent is None or intent.message != told.message:
                raise Impossible("strategy", f"{told!r}: cannot be after message {self._last_update}")
            self._intent(intent, step)

    def _intent(self, intent, step: Step) -> None:
        self._moments(step)
        conditions = self.conditions.pop(self._decision, Conditions())
        self._decision = self._decision + 1 & _MASK32
        decision = self.risk.intent(intent, time=conditions.time, queue_full=conditions.queue_full,
                                    no_session=conditions.no_session, stale=conditions.stale)
        step.intents.append(intent)
        step.decisions.append(decision)
        if decision.refusals:
            return
        self._admin(step)
        self._send(step, self.order.decision(decision, header=self._next_header()))

    def _send(self, step: Step, order) -> None:
        self.session.sent(order)
        step.orders.append(order)
        step.frames.append(self.order.frame(order))

    def _next_header(self) -> Header:
        if self.sent:
            told = self.sent.popleft()
            self._header = Header(*(getattr(told, name) for name in Header._fields))
        return self._header

    def _admin(self, step: Step) -> None:
        """Messages that keep the session, up to the next order."""
        while self.sent and self.sent[0].admin:
            admin, time = self.admin.popleft() if self.admin else _HEARTBEAT, self.sent[0].sending_time
            self._send(step, self.order.admin(admin, header=self._next_header(), time=time))

    def _moments(self, step: Step) -> None:
        """What took effect before the next decision."""
        while self.moments and (self._decision - self.moments[0].decision & _MASK32) >> 31 == 0:
            told = self.moments.popleft()
            if told.decision != self._decision:
                raise Impossible("risk", f"{told!r}: decision {told.decision} is past, the next is {self._decision}")
            self._moment(told, step)

    def _moment(self, told, step: Step) -> None:
        kind = type(told)
        if kind is POSITION.tuple:
            if not self._replies:
                raise Impossible("risk", f"{told!r}: the exchange sent no such reply")
            step.positions.append(self.risk.reply(self._replies.popleft()))
        elif kind is SYMBOL_LIMIT_SET.tuple:
            step.symbol_limits_set.append(self.risk.symbol_limit(SYMBOL_LIMIT.tuple(*told[2:])))
        elif kind is SESSION_LIMIT_SET.tuple:
            step.session_limits_set.append(self.risk.session_limit(SESSION_LIMIT.tuple(*told[2:])))
        elif kind is KILL.tuple:
            self._kill(told)
        elif kind is SESSION_STATE.tuple:
            step.sessions.append(self.session.state(told))
        else:
            raise Impossible("risk", f"{told!r}: nothing that risk is told of")
        step.kills.extend(self.risk.kills)
        self.risk.kills.clear()

    def _kill(self, told) -> None:
        """Causes that the model finds itself are there already; the others are taken at the hardware's word."""
        if not told.causes:
            self.risk.release()
        elif others := told.causes & ~_OWN_CAUSES & ~self.risk.causes:
            if others & Cause.LOSS and not self.risk.may_kill_for_loss:
                raise Impossible("risk", f"{told!r}: no loss above the limit, profit is {self.risk.equity}")
            self.risk.kill(Cause(others))


def _nothing() -> Step:
    return Step._make([[] for _ in Step._fields])
