"""The compiled risk stage by itself against its model: every decision, position, echo and kill, every counter.

    run = RiskRun(design, library(design), seed=1)
    result = run.play(RiskStorms(design, seed=1), intents=100_000)

The model has no clock. It is told of what happened between two decisions where the hardware's records say that it did;
what those records may say is checked: replies and limits in the order in which they were offered, kills only with a
cause and not later than they must be.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from golden_model.risk import Risk
from spec.config import Design
from spec.limits import session_limit
from spec.records import (
    DECISION,
    KILL,
    POSITION,
    SESSION_LIMIT_SET,
    SYMBOL_LIMIT_SET,
    Action,
    Cause,
    Refusal,
    Reply,
)

from .engine import Stream
from .engine.risk import FLAGS, Batch, RiskEngine
from .latency import Histogram

_KEPT = 5  #: differences that are described
_TAIL = 4  #: cycles at a batch's end without an intent, so that all its decisions are there
_SETTLED = 3  #: cycles until silence of the feed is known
LATEST = {Cause.HOST: 4, Cause.SESSION_LOST: 4, Cause.LOSS: 16}  #: cycles from a cause to the kill
#: Of the same cycle in this order; an update stands before what comes of it.
_RANKS = {POSITION.stream: 1, SYMBOL_LIMIT_SET.stream: 2, SESSION_LIMIT_SET.stream: 3, KILL.stream: 4}
_REFUSALS = DECISION.tuple._fields.index("refusals")
_REPORTED = 2  #: cycles from an event to its record


@dataclass
class Result:
    """What was compared."""

    intents: int = 0
    cycles: int = 0
    approved: int = 0
    refusals: Counter = field(default_factory=Counter)  #: Refusal -> decisions
    alone: Counter = field(default_factory=Counter)  #: Refusal -> decisions without another
    replies: Counter = field(default_factory=Counter)  #: Reply -> positions; ``None``: unlawful ones
    kills: Counter = field(default_factory=Counter)  #: Cause -> kills; ``NONE``: releases
    limits: int = 0
    leaks: int = 0  #: orders that the hardware approved and the model refused
    differences: int = 0  #: of any kind
    described: list[str] = field(default_factory=list)  #: the first differences
    latency: Histogram = field(default_factory=Histogram)  #: cycles from intent to decision
    longest: int = 0  #: run of cycles with an intent in each

    def say(self, what: str) -> None:
        """Note a difference."""
        self.differences += 1
        if len(self.described) < _KEPT:
            self.described.append(what)

    @property
    def never_alone(self) -> list[str]:
        """Checks that never were the only one to refuse."""
        return [refusal.name for refusal in Refusal if refusal and not self.alone[refusal]]

    def __str__(self) -> str:
        replies = sum(count for kind, count in self.replies.items() if kind)
        return (f"{self.intents:>9,} intents, {self.approved:>8,} approved, {replies:>8,} replies "
                f"({self.replies[None]:,} unlawful), {self.limits:>6,} limits, "
                f"{sum(n for cause, n in self.kills.items() if cause):>5,} kills, {self.leaks} leaks, "
                f"{self.differences} differences")


class View:
    """What the traffic may know of the model when it makes the next batch."""

    def __init__(self, model: Risk):
        self.model = model
        self.approved: list = []  #: OpenOrder of orders approved since the traffic took them out
        self.next_number = model.next_number  #: UserRefNum of the next order, if it is approved
        self.idle = True  #: the hardware has taken all that was offered


class RiskRun:
    """One compiled risk stage and its model.

    Parameters
    ----------
    design : Design
    library : Path
        From ``sim.engine.risk.library``.
    seed : int
        Of the noise that memories start with and that ports carry where nothing is valid.
    falsify : Callable
        Changes what the hardware said, by stream, before it is compared: for tests.
    """

    def __init__(self, design: Design, library: Path, *, seed: int = 1,
                 falsify: Callable[[dict[str, Stream]], dict[str, Stream]] = lambda streams: streams):
        self.engine, self._falsify = RiskEngine(library, seed=seed), falsify
        self.model = Risk(design)
        self.view = View(self.model)
        self.result = Result()
        self._intents: deque = deque()  # cycle, Intent, conditions; judged when the decision is there
        self._replies: deque = deque()  # offered, and no position yet
        self._limits: dict[str, deque] = {"symbol_limits": deque(), "session_limits": deque()}
        self._events: deque = deque()  # decision that sees it, cycle, stream, record
        self._due: dict[Cause, int] = {}  # cause -> cycle by which its kill must be seen
        self._sent, self._ns = 0, 0  # intents; time of the last batch's last row
        self._stale_ns, self._stale_set = session_limit(design).stale_ns, 0
        self._heard: tuple[int, int] | None = None  # cycle, ns of the last datagram
        self._symbols = len(design.symbols)

    def play(self, traffic, intents: int) -> Result:
        """Until ``intents`` were decided. ``traffic`` has ``batch(view)``, and ``rest(view)``."""
        result = self.result
        while result.intents < intents:
            self._play(traffic.batch(self.view))
        self._play(traffic.rest(self.view))
        if self._intents or self._replies or self.engine.waiting:
            result.say(f"{len(self._intents)} decisions and {len(self._replies)} positions are missing")
        for name, count in self.model.counters.items():
            if (got := self.engine.counters()["risk"][name]) != count:
                result.say(f"counters: {name}: expected {count}, got {got}")
        result.cycles = self.engine.cycle
        return result

    def _play(self, batch: Batch) -> None:
        rows = np.flatnonzero(batch.flags & FLAGS["intent"])
        assert not len(rows) or rows[-1] < len(batch) - _TAIL, "the batch's end has no intents"
        first = self.engine.play(batch)
        self._offer(batch)
        self._schedule(batch, rows, first)
        streams = self._falsify(self.engine.capture())
        if len(rows):
            breaks = np.flatnonzero(np.diff(rows) != 1)
            self.result.longest = max(self.result.longest, int(np.diff([-1, *breaks, len(rows) - 1]).max()))
        self._hear(streams)
        self._judge(streams["decisions"])
        self.view.next_number = self.model.next_number
        self.view.idle = not self.engine.waiting and not self._replies

    def _offer(self, batch: Batch) -> None:
        self._replies.extend(batch.offered["replies"])
        for name, waiting in self._limits.items():
            for limit in batch.offered[name]:
                if name == "symbol_limits" and limit.symbol >= self._symbols:
                    self.model.symbol_limit(limit)  # dropped without an echo
                else:
                    waiting.append(limit)

    def _schedule(self, batch: Batch, rows: np.ndarray, first: int) -> None:
        """Note what was shown when."""
        flags, ns = batch.flags.tolist(), batch.ns.tolist()
        full, absent, heard = FLAGS["queue_full"], FLAGS["no_session"], FLAGS["heard"]
        intents, updates, sent = iter(batch.intents), iter(batch.updates), self._sent
        new = []
        for row, flag in enumerate(flags):
            if flag & heard:
                self._heard = first + row, ns[row]
            if flag & FLAGS["update"]:
                new.append((sent + bool(flag & FLAGS["intent"]), first + row + _REPORTED, "updates", next(updates)))
            if flag & FLAGS["kill"]:
                self._due.setdefault(Cause.HOST, first + row + LATEST[Cause.HOST])
            if flag & FLAGS["session_lost"]:
                self._due.setdefault(Cause.SESSION_LOST, first + row + LATEST[Cause.SESSION_LOST])
            if flag & FLAGS["intent"]:
                judged = row + 1
                since = self._heard if not flags[judged] & heard else (first + judged, ns[judged])
                early = ns[judged - _SETTLED] if judged >= _SETTLED else self._ns
                self._intents.append((first + row, next(intents), ns[row], bool(flags[judged] & full),
                                      bool(flags[judged] & absent), since, early, ns[judged]))
                sent += 1
        self._sent, self._ns = sent, ns[-1]
        self._events.extend(new)

    def _hear(self, streams: dict[str, Stream]) -> None:
        events = list(self._events)
        for name in _RANKS:
            stream = streams[name]
            record = stream.record.tuple
            events += [(row[1], cycle, name, record(*row))
                       for cycle, row in zip(stream.cycles.tolist(), stream.rows, strict=True)]
        events.sort(key=lambda event: (event[1], _RANKS.get(event[2], 0)))
        self._events = deque(events)

    def _judge(self, decisions: Stream) -> None:
        """The model's decisions beside the hardware's, each after what the hardware says came before it."""
        result, model, latency = self.result, self.model, Counter()
        refusals, alone = result.refusals, result.alone
        events, counts, approved = self._events, Counter(), self.view.approved
        for cycle, row in zip(decisions.cycles.tolist(), decisions.rows, strict=True):
            if not self._intents:
                result.say(f"decisions: surplus: {row}, cycle {cycle}")
                continue
            at, intent, ns, full, absent, heard, early, late = self._intents.popleft()
            while events and events[0][0] <= result.intents:
                self._apply(*events.popleft())
            self._check_due(at)
            stale = bool(row[_REFUSALS] & Refusal.STALE_DATA)
            expected = self._stale(at + 1, heard, early, late)
            d = model.intent(intent, time=ns, queue_full=full, no_session=absent,
                             stale=stale if expected is None else expected)
            if d != row:
                self._explain("decisions", d, row, cycle)
                result.leaks += bool(d.refusals) and not row[_REFUSALS]
            counts[d.refusals] += 1
            latency[cycle - at] += 1
            if not d.refusals and d.action != Action.CANCEL:
                approved.append(model.orders.find(d.user_ref_num))
            result.intents += 1
        for mask, count in counts.items():
            if not mask:
                result.approved += count
                continue
            reasons = [refusal for refusal in Refusal if refusal & mask]
            for refusal in reasons:
                refusals[refusal] += count
            if len(reasons) == 1:
                alone[reasons[0]] += count
        for cycles, count in latency.items():
            result.latency.counts[cycles] = result.latency.counts.get(cycles, 0) + count
        while events and events[0][0] <= result.intents:
            self._apply(*events.popleft())
        self._check_due(self.engine.cycle - _REPORTED - 1)

    def _stale(self, judged: int, heard: tuple[int, int] | None, early: int, late: int) -> bool | None:
        """Whether the feed was silent for too long; None where the hardware may still say either."""
        limit = self._stale_ns
        if judged - self._stale_set <= _SETTLED + _REPORTED:
            return None
        if not limit:
            return False
        if heard is None or judged - heard[0] <= _SETTLED:
            return None
        if early - heard[1] > limit:
            return True
        return False if late - heard[1] <= limit else None

    def _apply(self, _: int, cycle: int, name: str, record) -> None:
        """Tell the model of an event, and compare what it makes of it."""
        model, result, before = self.model, self.result, self.model.lost
        if name == "updates":
            model.update(record)
        elif name == "positions":
            if not self._replies:
                return result.say(f"positions: surplus: {record}, cycle {cycle}")
            reply = self._replies.popleft()
            if (expected := model.reply(reply)) != record:
                self._explain(name, expected, record, cycle)
            result.replies[Reply(reply.kind)] += 1
            result.replies[None] += not expected.lawful
        elif name == "kills":
            self._kill(record, cycle)
        else:
            result.limits += 1
            waiting = self._limits[name.removesuffix("_set")]
            limit = waiting.popleft() if waiting else None
            take = model.symbol_limit if name == "symbol_limits_set" else model.session_limit
            if limit is None or (expected := take(limit)) != record:
                self._explain(name, expected if limit else None, record, cycle)
            if name == "session_limits_set" and limit:
                if limit.stale_ns != self._stale_ns:
                    self._stale_ns, self._stale_set = limit.stale_ns, cycle
        if model.lost and not before and Cause.LOSS not in model.causes:
            self._due.setdefault(Cause.LOSS, cycle - _REPORTED + LATEST[Cause.LOSS])

    def _kill(self, record, cycle: int) -> None:
        model, result = self.model, self.result
        cause = Cause(record.causes) & ~(Cause.REJECTS | Cause.UNLAWFUL_REPLY) & ~model.causes
        if not record.causes:
            model.release()
            released = cycle - _REPORTED
            self._due = {c: latest for c, latest in self._due.items() if latest - LATEST[c] >= released}
            if model.lost:
                self._due[Cause.LOSS] = released + LATEST[Cause.LOSS]
        elif cause:
            if Cause.LOSS in cause and not model.lost:
                result.say(f"kills: a loss that is none: equity {model.equity}, cycle {cycle}")
            if (driven := cause & (Cause.HOST | Cause.SESSION_LOST)) and not any(c in self._due for c in driven):
                result.say(f"kills: without a cause: {record}, cycle {cycle}")
            model.kill(cause)
        expected = model.kills.pop(0) if model.kills else None
        if expected != record:
            self._explain("kills", expected, record, cycle)
        for c in Cause:
            if c and c in cause:
                self._due.pop(c, None)
                result.kills[c] += 1
        if not cause:
            result.kills[Cause.NONE if not record.causes else Cause.REJECTS if Cause.REJECTS in Cause(record.causes)
                         else Cause.UNLAWFUL_REPLY] += 1

    def _check_due(self, cycle: int) -> None:
        """Every cause has had its kill by now, if it is not up already."""
        if not self._due:
            return
        for cause, latest in list(self._due.items()):
            if cause in self.model.causes:
                del self._due[cause]
            elif latest < cycle:
                del self._due[cause]
                self.result.say(f"kills: {cause.name} is missing, cycle {latest}")

    def _explain(self, stream: str, expected, got, cycle: int) -> None:
        if expected is None:
            return self.result.say(f"{stream}: surplus: {got}, cycle {cycle}")
        fields = [f"{name}: expected {a}, got {b}"
                  for name, a, b in zip(expected._fields, expected, got, strict=True) if a != b]
        self.result.say(f"{stream}: decision {expected.decision}: {'; '.join(fields)}, cycle {cycle}")
