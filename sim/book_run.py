"""The compiled book by itself against its model, a segment of traffic at a time.

    book = BookRun(design, library(design))
    for result in book.play(segments): ...

A segment begins with a reset, in whatever state the one before it left the hardware. All its messages go in, then the
book rests until nothing comes any more; the model follows, told of the hardware's events, while the hardware runs the
next segment.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from golden_model.book import Book
from spec.config import Design
from spec.ladder import ASK, BID
from spec.records import DEPTH, LOAD, MESSAGE, UPDATE, WINDOW

from . import book_events
from .compare import Pairs
from .engine import Stream
from .engine.book import BookEngine
from .engine.pack import OCTETS
from .latency import Histogram

_CHUNK = 1 << 14  #: messages that are compared at a time
_QUIET = 2048  #: cycles without a record after which nothing is under way; a scan of the order table lasts longer
_KEPT = 5  #: differences that are described


def last_depth_faults(design: Design, model: Book, depths: Iterable[tuple]) -> list[str]:
    """Sides whose last depth is not how ``model`` has them in the end; one never spoken of is as it began."""
    last, fresh, faults = {tuple(row[1:3]): tuple(row[1:]) for row in depths}, Book(design), []
    for symbol in range(len(design.symbols)):
        for side in (BID, ASK):
            expected = tuple(model.depth(symbol, side))[1:]
            got = last.get((symbol, side), tuple(fresh.depth(symbol, side))[1:])
            if got != expected:
                faults.append(f"the last depth of symbol {symbol} side {side}: expected {expected}, got {got}")
    return faults


@dataclass(frozen=True)
class Segment:
    """What happens between two resets.

    Parameters
    ----------
    octets
        Messages of ``OCTETS`` octets each, end to end, zero past their ends.
    gaps
        Cycles without a message before each; ``None``: one message per cycle.
    gap_from
        Message from which on the feed's gap flag is up; ``None``: never.
    snapshot
        ``Snapshot`` records that the host offers from the first message on.
    snapshot_at
        Message before which it begins to.
    """

    octets: bytes
    gaps: np.ndarray | None = None
    gap_from: int | None = None
    snapshot: Sequence[tuple] = ()
    snapshot_at: int = 0

    @classmethod
    def of(cls, messages: Iterable[bytes], **options) -> "Segment":
        return cls(b"".join(message.ljust(OCTETS, b"\0") for message in messages), **options)

    def __len__(self) -> int:
        return len(self.octets) // OCTETS


@dataclass
class Result:
    """What came of a segment, or of several added up."""

    messages: int = 0
    updates: int = 0
    known: int = 0  #: updates in which both sides are
    windows: int = 0
    depths: int = 0  #: compared
    loads: int = 0
    cycles: int = 0
    differences: int = 0
    described: list[str] = field(default_factory=list)  #: the first differences
    counters: dict[str, int] = field(default_factory=dict)  #: of the hardware
    latency: Histogram = field(default_factory=Histogram)  #: cycles from message to update
    longest: int = 0  #: run of cycles with a message in each

    def __iadd__(self, other: "Result") -> "Result":
        for name in ("messages", "updates", "known", "windows", "depths", "loads", "cycles", "differences"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.described = (self.described + other.described)[:_KEPT]
        self.counters = {name: self.counters.get(name, 0) + count for name, count in other.counters.items()}
        for cycles, count in other.latency.counts.items():
            self.latency.counts[cycles] = self.latency.counts.get(cycles, 0) + count
        self.longest = max(self.longest, other.longest)
        return self

    def say(self, what: str) -> None:
        """Note a difference."""
        self.differences += 1
        if len(self.described) < _KEPT:
            self.described.append(what)


class BookRun:
    """One compiled book and the models of its segments.

    Parameters
    ----------
    design : Design
    library : Path
        From ``sim.engine.book.library``.
    seed : int
        Of the noise that memories start with and that ports carry where nothing is valid.
    threats : float
        As of ``BookEngine``.
    falsify : Callable
        Changes what the hardware said, by stream, before it is compared: for tests.
    """

    def __init__(self, design: Design, library: Path, *, seed: int = 1, threats: float = 0.1,
                 falsify: Callable[[dict[str, Stream]], dict[str, Stream]] = lambda streams: streams):
        self.design, self.engine, self._falsify = design, BookEngine(library, seed=seed, threats=threats), falsify
        rows = design.book.buckets + 16 * design.book.ways
        self._quiet = max(_QUIET, 16 * rows)
        self._used = False

    def play(self, segments: Iterable[Segment]) -> Iterator[Result]:
        """The result of each segment."""
        with ThreadPoolExecutor(1, "hardware") as hardware:
            before = None
            for segment in segments:
                future = hardware.submit(self._send, segment)
                if before:
                    yield self._compare(*before)
                before = segment, *future.result()
            if before:
                yield self._compare(*before)

    def run(self, segments: Iterable[Segment]) -> Result:
        """Of all segments together."""
        total = Result()
        for result in self.play(segments):
            total += result
        return total

    def _send(self, segment: Segment) -> tuple[dict[str, Stream], dict[str, int], int]:
        engine = self.engine
        if self._used:
            engine.restart()
        self._used = True
        engine.capture()  # what was under way when the reset came
        began = engine.cycle
        octets = np.frombuffer(segment.octets, np.uint8).reshape(-1, OCTETS)
        flags = np.zeros(len(octets), np.uint64)
        if segment.gap_from is not None:
            flags[segment.gap_from :] = 1
        for part in (slice(0, segment.snapshot_at), slice(segment.snapshot_at, None)):
            if part.start == segment.snapshot_at and segment.snapshot:
                engine.load(segment.snapshot)
            engine.send(octets[part], None if segment.gaps is None else segment.gaps[part], flags[part])
        captures = [engine.capture()]
        while engine.waiting or len(captures) < 2 or any(len(stream) for stream in captures[-1].values()):
            engine.idle(self._quiet)
            captures.append(engine.capture())
        streams = {name: Stream(captures[0][name].record, *(np.concatenate([getattr(c[name], part) for c in captures])
                                                            for part in ("cycles", "words"))) for name in captures[0]}
        return self._falsify(streams), engine.counters()["book"], engine.cycle - began

    def _compare(self, segment: Segment, got: dict[str, Stream], counters: dict[str, int], cycles: int) -> Result:
        result = Result(messages=len(segment), cycles=cycles, counters=counters)
        model = Book(self.design)
        events = book_events.Events(self.design, model.events)
        events.hear((name, got[name].cycles.tolist(), got[name].rows) for name in book_events.STREAMS)
        for window, cycle, fault in events.unlawful:
            result.say(f"windows: {window} at cycle {cycle}: {fault}")
        pairs = {record.stream: Pairs(record) for record in (UPDATE, WINDOW, DEPTH, LOAD)}
        at = 0
        for first in range(0, len(segment), _CHUNK):
            last = min(first + _CHUNK, len(segment))
            expected = self._updates(model, segment, first, last, result)
            updates = got["updates"]
            until = int(np.searchsorted(updates.messages, last))
            self._pair(pairs["updates"], Stream(UPDATE, updates.cycles[at:until], updates.words[at:until]), expected,
                       result)
            at = until
        while True:
            try:
                model.settle()
                break
            except ValueError as error:
                result.say(f"events: {error}")
        for record, expected in zip((WINDOW, DEPTH, LOAD), model.published(), strict=True):
            self._pair(pairs[record.stream], got[record.stream], expected, result, final=True)
        self._pair(pairs["updates"], Stream(UPDATE, updates.cycles[at:], updates.words[at:]), [], result, final=True)
        offered, taken = [tuple(entry) for entry in segment.snapshot], [row[1:] for row in got["loads"].rows]
        if taken != offered:
            result.say(f"loads: {len(offered)} offered, {len(taken)} taken, not the same")
        for fault in last_depth_faults(self.design, model, got["depths"].rows):
            result.say(f"depths: {fault}")
        for name, count in model.counters.items():
            if counters[name] != count:
                result.say(f"counters: {name}: expected {count}, got {counters[name]}")
        self._measure(got, result)
        result.windows, result.depths, result.loads = (pairs[name].compared for name in ("windows", "depths", "loads"))
        return result

    @staticmethod
    def _updates(model: Book, segment: Segment, first: int, last: int, result: Result) -> list:
        """The model's updates of messages [first, last)."""
        octets, make, read, updates = segment.octets, MESSAGE.tuple._make, int.from_bytes, []
        gap_from = len(segment) if segment.gap_from is None else segment.gap_from
        for number in range(first, last):
            at = number * OCTETS
            record = make((number, number + 1, int(number >= gap_from), read(octets[at : at + OCTETS], "little")))
            while True:
                try:
                    update = model.message(record)
                    break
                except ValueError as error:  # an event that cannot be; the model has dropped it
                    result.say(f"events: {error}")
            if update is not None:
                updates.append(update)
        return updates

    @staticmethod
    def _pair(pairs: Pairs, got: Stream, expected: list, result: Result, *, final: bool = False) -> None:
        if pairs.add(got, expected) and not final:
            return
        for kind, mine, theirs, cycle in pairs.differences(final):
            if kind == "value":
                fields = [f"{name}: expected {a}, got {b}"
                          for name, a, b in zip(pairs.record.tuple._fields, mine, theirs, strict=True) if a != b]
                what = f"message {mine[0]}: {'; '.join(fields)}"
            else:
                what = f"{kind}: {pairs.record.tuple(*(theirs if mine is None else mine))}"
            result.say(f"{pairs.record.stream}: {what}, cycle {cycle}")

    @staticmethod
    def _measure(got: dict[str, Stream], result: Result) -> None:
        messages, updates = got["messages"], got["updates"]
        sent = messages.cycles.astype(np.int64)
        numbers = updates.messages.clip(max=max(len(sent) - 1, 0))
        if len(updates):
            result.latency.add(updates.cycles.astype(np.int64) - sent[numbers])
            known = updates.columns["bid_known"] & updates.columns["ask_known"]
            result.updates, result.known = len(updates), int(known.sum())
        breaks = np.flatnonzero(np.diff(sent) != 1)
        edges = np.concatenate([[-1], breaks, [len(sent) - 1]])
        result.longest = int(np.diff(edges).max()) if len(sent) else 0
        if len(messages) != result.messages:
            result.say(f"messages: {result.messages} sent, {len(messages)} seen")
