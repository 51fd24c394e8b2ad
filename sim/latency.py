"""Latency in cycles, per message and stage, from the edges at which things happened.

A stage's latency is the edge of its output record minus the edge of its input record. The feed's input is EOT: the edge
at which the beat with the message's last octet was accepted on RX. SOM is that of its first octet; SOF the edge at
which the first beat of the order frame is offered on TX. docs/latency.md says it at length.

The core's law: with constant K, SOF of order n is max(EOT of its message + K, last beat of frame n-1 + 1). Anything
else is jitter.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from spec.config import Design
from spec.records import UPDATE

from .differences import MESSAGE_MASK
from .engine import Capture, OrderFrame, Stream
from .order_frames import segment

#: Row of the table, where it begins, where it ends, key of its budget.
STAGES = (
    ("feed", "eot", "messages", "feed"),
    ("book", "messages", "updates", "book"),
    ("indicators", "updates", "indicators", "indicators"),
    ("vwap quotient", "updates", "vwaps", None),
    ("strategy", "updates", "intents", "strategy"),
    ("risk", "intents", "decisions", "risk"),
    ("encode", "decisions", "orders", "encode"),
)
DEPTH = "depth (after the update)"
TRANSMIT, TICK_TO_TRADE = "transmit", "tick to trade (EOT to SOF)"
FIRST_TO_FIRST, WAIT = "tick to trade (SOM to SOF)", "wait for the wire"
_STREAMS = ("messages", "updates", "indicators", "vwaps", "intents", "decisions", "orders")
_KEEP = 1 << 17  #: records of a stream that a later record may still refer to


def carries_payload(frame: OrderFrame) -> bool:
    """Not a bare TCP acknowledgment."""
    part = segment(frame.octets)
    return part is None or part.length > 0


class Histogram:
    """Whole numbers of cycles, counted: exact percentiles in memory that does not grow with the session."""

    def __init__(self, counts: dict[int, int] | None = None):
        self.counts: dict[int, int] = counts or {}

    def add(self, cycles: np.ndarray) -> None:
        for value, count in zip(*(part.tolist() for part in np.unique(cycles, return_counts=True)), strict=True):
            self.counts[value] = self.counts.get(value, 0) + count

    def add_one(self, cycles: int) -> None:
        self.counts[cycles] = self.counts.get(cycles, 0) + 1

    def __len__(self) -> int:
        return sum(self.counts.values())

    def percentile(self, percent: float) -> int:
        """The smallest value that at least ``percent`` of all do not exceed."""
        wanted, seen = round(percent * len(self) / 100, 6), 0  # rounded: 99.9 is no binary fraction
        for value in sorted(self.counts):
            seen += self.counts[value]
            if seen >= wanted:
                return value
        raise ValueError("an empty histogram has no percentiles")


@dataclass(frozen=True)
class Row:
    """Latency of one stage in cycles. ``budget_ns`` is ``None`` where there is none."""

    name: str
    count: int
    minimum: int
    median: int
    p90: int
    p99: int
    p999: int  #: 99.9 %
    maximum: int
    budget_ns: float | None
    period_ns: float

    def ns(self, cycles: int) -> float:
        return cycles * self.period_ns

    @property
    def exceeded(self) -> bool:
        return self.budget_ns is not None and self.ns(self.maximum) > self.budget_ns


@dataclass(frozen=True)
class Jitter:
    """An order frame that did not leave when the law says."""

    message: int
    expected: int  #: cycle of SOF
    got: int

    def __str__(self) -> str:
        return f"message {self.message}: order frame expected at cycle {self.expected}, began at cycle {self.got}"


class Trail:
    """Message number -> cycle of the last records of one stream; both increase."""

    def __init__(self):
        self.messages = self.cycles = np.empty(0, np.int64)

    def extend(self, messages: np.ndarray, cycles: np.ndarray) -> None:
        self.messages = np.concatenate([self.messages[-_KEEP:], messages.astype(np.int64)])
        self.cycles = np.concatenate([self.cycles[-_KEEP:], cycles.astype(np.int64)])

    def find(self, messages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(cycles, found) of those messages."""
        if not len(self.messages):
            return np.zeros(len(messages), np.int64), np.zeros(len(messages), bool)
        at = np.searchsorted(self.messages, messages).clip(max=len(self.messages) - 1)
        return self.cycles[at], self.messages[at] == messages


@dataclass(frozen=True)
class _Ordered:
    """An order on its way to the wire."""

    message: int
    cycle: int
    eot: int
    som: int


class DepthDelay:
    """Cycles from an update that changes a side's best level to the first depth of that side that shows it.

    Depths are made in slots that no message takes: their delay depends on the traffic.
    """

    def __init__(self):
        self.histogram = Histogram()
        self._best: dict[int, tuple] = {}  # symbol -> both sides as last published
        self._waiting: dict[tuple[int, int], list[tuple[int, int]]] = {}  # symbol, side -> (message, cycle)
        names = UPDATE.tuple._fields
        self._symbol = names.index("symbol")
        self._sides = [slice(names.index(f"{side}_known"), names.index(f"{side}_orders") + 1)
                       for side in ("bid", "ask")]

    def add(self, updates: Stream, depths: Stream) -> None:
        shown = list(zip(depths.cycles.tolist(), depths.rows, strict=True))[::-1]
        for cycle, row in zip(updates.cycles.tolist(), updates.rows, strict=True):
            while shown and shown[-1][0] < cycle:
                self._show(*shown.pop())
            symbol = row[self._symbol]
            best = tuple(row[side] for side in self._sides)
            for side, (old, new) in enumerate(zip(self._best.get(symbol, best), best, strict=True)):
                if old != new:
                    self._waiting.setdefault((symbol, side), []).append((row[0], cycle))
            self._best[symbol] = best
        for each in reversed(shown):
            self._show(*each)

    def _show(self, cycle: int, depth: tuple) -> None:
        """A depth holds every message before the one that it names."""
        waiting = self._waiting.get(depth[1:3], [])
        while waiting and 0 < depth[0] - waiting[0][0] & MESSAGE_MASK <= MESSAGE_MASK >> 1:
            self.histogram.add_one(cycle - waiting.pop(0)[1])


@dataclass
class Latency:
    """Measures batch by batch.

    Members
    -------
    tick_to_trade : int | None
        K: EOT to SOF of an order that finds the wire idle; of the first such order, all others are held against it.
    orders : int
        Order frames held against the law.
    jitter : list[Jitter]
        The first orders that break it; ``broken`` counts all.
    split : int
        Order frames, and none else, whose beats did not follow one another although TX was ready.
    each : Callable | None
        Given (stage, messages, cycles at which their records left it, latencies) of all that is measured per stage.
    """

    design: Design
    tick_to_trade: int | None = None
    orders: int = 0
    jitter: list[Jitter] = field(default_factory=list)
    broken: int = 0
    split: int = 0
    each: Callable[[str, np.ndarray, np.ndarray, np.ndarray], None] | None = None

    def __post_init__(self):
        self.histograms = {name: Histogram() for name, *_ in STAGES}
        self._depths = DepthDelay()
        self.histograms |= {name: Histogram() for name in (TRANSMIT, TICK_TO_TRADE, FIRST_TO_FIRST, WAIT)}
        self.histograms[DEPTH] = self._depths.histogram
        self._trails = {name: Trail() for name in ("eot", "som", *_STREAMS)}
        self._on_the_way: deque[_Ordered] = deque()
        self._wire_free = 0  # first edge at which the wire is idle again

    def add(self, got: Capture, messages: np.ndarray, som: np.ndarray,
            eot: np.ndarray) -> list[tuple[int, int, OrderFrame]]:
        """Measure a batch whose messages, by number, had their first and last octet accepted at ``som`` and ``eot``.

        Returns (message, tick to trade in cycles, frame) of each order that a message caused and that left.
        """
        self._trails["som"].extend(messages, som)
        self._trails["eot"].extend(messages, eot)
        numbers = {}
        for stream in _STREAMS:
            records = got.streams[stream]
            numbers[stream] = records.messages
            self._trails[stream].extend(numbers[stream], records.cycles)
        for name, begin, end, _ in STAGES:
            begun, found = self._trails[begin].find(numbers[end])
            cycles = got.streams[end].cycles.astype(np.int64)
            self.histograms[name].add((cycles - begun)[found])
            if self.each:
                self.each(name, numbers[end][found], cycles[found], (cycles - begun)[found])
        self._depths.add(got.streams["updates"], got.streams["depths"])
        orders = numbers["orders"]
        (eots, known), (soms, _) = self._trails["eot"].find(orders), self._trails["som"].find(orders)
        known &= got.streams["orders"].columns["admin"] == 0
        for message, cycle, e, s, ok in zip(orders.tolist(), got.streams["orders"].cycles.tolist(), eots.tolist(),
                                            soms.tolist(), known.tolist(), strict=True):
            self._on_the_way.append(_Ordered(message, cycle, e, s) if ok else None)
        left = []
        for frame in got.tx:
            order = self._on_the_way.popleft() if self._on_the_way and carries_payload(frame) else None
            if order:
                left.append((order.message, self._leave(order, frame), frame))
            self._wire_free = frame.last + 1
        return left

    def cycles(self, stream: str, messages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(cycles, found) of the records of recent ``messages``. ``stream`` may be ``som`` or ``eot``, too."""
        return self._trails[stream].find(messages)

    def _leave(self, order: _Ordered, frame: OrderFrame) -> int:
        sof, free = frame.offered, self._wire_free
        taken = sof - order.eot
        self.orders += 1
        if self.tick_to_trade is None:  # nothing was sent before, so the wire was idle
            self.tick_to_trade = taken
        idle = free <= order.eot + self.tick_to_trade
        expected = order.eot + self.tick_to_trade if idle else free
        if sof != expected:
            self.broken += 1
            if len(self.jitter) < 20:
                self.jitter.append(Jitter(order.message, expected, sof))
        if frame.offered == frame.accepted and frame.last - frame.accepted != frame.beats - 1:
            self.split += 1
        if idle:
            self.histograms[TRANSMIT].add_one(sof - order.cycle)
            self.histograms[TICK_TO_TRADE].add_one(taken)
            self.histograms[FIRST_TO_FIRST].add_one(sof - order.som)
        else:
            self.histograms[WAIT].add_one(sof - order.eot - self.tick_to_trade)
        return taken

    @property
    def table(self) -> list[Row]:
        """One row per stage that saw anything, in the order of data flow; then tick to trade."""
        budgets = {name: budget for name, *_, budget in STAGES}
        budgets |= {TRANSMIT: "transmit", TICK_TO_TRADE: "tick_to_trade"}
        return [
            Row(name, len(cycles), *(cycles.percentile(p) for p in (0, 50, 90, 99, 99.9, 100)),
                getattr(self.design.budgets, budgets[name]) if budgets.get(name) else None,
                self.design.core.period_ns)
            for name, cycles in self.histograms.items() if len(cycles)
        ]

    @property
    def exceeded(self) -> list[Row]:
        """Rows whose maximum is above their budget."""
        return [row for row in self.table if row.exceeded]
