"""What follows the hardware: the golden model, the comparison, the measurements. In a process of its own.

The model is one batch of frames behind what it has heard of: it must be told what the book did between the messages of
a batch (``book_events``) and what the rest did when (``moments``), and the last of that comes out with the next batch.
"""

import copyreg
import gc
import multiprocessing
import signal
from collections import deque
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from golden_model.core import Conditions
from golden_model.order import Header
from spec import itch
from spec.config import Design
from spec.records import DECISION, INDICATOR, INTENT, RECORDS, REQUESTS, UPDATE, VWAP, Record, Refusal

from . import book_events, moments
from .captures import PcapWriter
from .compare import TX, Comparison, Expected
from .differences import Places
from .engine import Batch, Capture, OrderFrame, Stream
from .engine.unpack import part
from .export.keeper import Keeper
from .latency import Latency
from .octets import Frame
from .order_frames import segment
from .run import Order, Run

#: Objects made and not yet dropped between two collections of garbage: hardly anything here is a cycle, and a book has
#: many objects to look through.
GARBAGE = 1_000_000
_KEPT_ORDERS = 10  #: first of them; and half as many of the last
_LENGTHS = np.zeros(256, np.int64)
for _code, _layout in itch.MESSAGES.items():
    _LENGTHS[ord(_code)] = _layout.length
_EVENTS = {stream for stream in (*book_events.STREAMS, *moments.STREAMS) if stream not in ("intents", "decisions")}
_MOMENTS = (Refusal.ORDER_QUEUE_FULL, Refusal.NO_SESSION, Refusal.STALE_DATA)


class Status(NamedTuple):
    """What a waveform may be aimed at: cycles of the first difference and of the first order."""

    difference: int | None = None
    order: int | None = None


class Follower:
    """What came of a run, batch by batch, into ``result``.

    Parameters
    ----------
    model
        As ``golden_model.core.Core``.
    result
        Its ``paths`` has ``orders``, where order frames are written to, and what is kept beside them.
    per_message
        Whether every message's latency is kept.
    """

    def __init__(self, design: Design, model, result: Run, *, per_message: bool = False):
        self.model, self.result = model, result
        self.places = Places()
        self.comparison = Comparison(self.places, acknowledgment=self._acknowledgment)
        self.latency = Latency(design)
        self.keeper = Keeper(design, result.paths["orders"].parent, self.latency, per_message=per_message)
        self.events = book_events.Events(design, model.events)
        self._period_ns = design.core.period_ns
        self._heard: deque[tuple[list[Frame], list[bytes], Batch, Capture]] = deque()  # what the model has not seen
        self._approved: deque = deque()  # decisions whose frames have not left
        self._last: deque[Order] = deque(maxlen=_KEPT_ORDERS // 2)

    @cached_property
    def pcap(self) -> PcapWriter:
        """Opened by the process that writes: what two have buffered would be written twice."""
        return PcapWriter(self.result.paths["orders"])

    def batch(self, frames: list[Frame], answers: list[bytes], batch: Batch, got: Capture,
              refused: Sequence[str] = ()) -> Status:
        """Hear of a batch, and let the model see the one before it.

        Parameters
        ----------
        answers
            Frames on the order session's connection, before the batch.
        refused
            Why the venue does not understand what left during it; that is compared with the model's too.
        """
        self._hear(got)
        for what in refused:
            self.comparison.impossible("order", TX, what)
        self._heard.append((frames, answers, batch, got))
        self._follow(behind=1)
        return self._status()

    def finish(self, tail: Sequence[tuple[list[bytes], Capture]], counters: dict[str, dict[str, int]],
               held_back: int, refused: Sequence[str] = ()) -> Status:
        """Settle the account.

        Parameters
        ----------
        tail
            What came after the last batch: answers before it, and what then came out.
        counters, held_back
            The hardware's, at the end.
        refused
            As of ``batch``, during ``tail``.
        """
        for what in refused:
            self.comparison.impossible("order", TX, what)
        for _, got in tail:
            self._hear(got)
        self._follow(behind=0)
        for answers, _ in tail:
            for answer in answers:
                self.model.session_frame(answer)
        nothing, expected = np.empty(0, np.int64), Expected.of([self.model.settle()])
        for _, got in tail:
            self._meet(got, expected, nothing, nothing, nothing, nothing)
            expected = Expected()
        for window, cycle, fault in self.events.unlawful:
            self.comparison.unlawful(window, cycle, fault)
        result, comparison = self.result, self.comparison
        result.counters = counters
        result.expected_counters = {stage: dict(counters) for stage, counters in self.model.counters.items()}
        comparison.finish(result.counters, result.expected_counters, held_back=held_back)
        self.pcap.__exit__()
        self.keeper.close()
        result.queue = self.keeper.orders.queue
        result.peaks = {name: peak.highest for name, peak in self.keeper.throughput.peaks.items()}
        result.last_orders = list(self._last)
        result.refusals = result.counters["risk"]["refused"]
        result.compared = comparison.compared
        result.differences, result.differences_by_stream = comparison.total, dict(comparison.by_stream)
        result.kept_differences, result.first_difference = comparison.kept, comparison.first
        result.latency, result.tick_to_trade = self.latency.table, self.latency.tick_to_trade
        result.jitter, result.broken_latency = self.latency.jitter, self.latency.broken
        result.split_frames = self.latency.split
        return self._status()

    def _status(self) -> Status:
        first, orders = self.comparison.first, self.result.first_orders
        return Status(first.cycle if first else None, orders[0].cycle if orders else None)

    def _hear(self, got: Capture) -> None:
        """Tell the model what happened."""
        seen = {name: (stream.cycles.tolist(), stream.rows) for name, stream in got.streams.items() if name in _EVENTS}
        self.events.hear((name, *seen[name]) for name in book_events.STREAMS)
        intents, decisions = got.streams["intents"], got.streams["decisions"]
        intents = intents[part(INTENT, intents.words, "host") != 0]
        moments.tell(self.model, seen | {"intents": (intents.cycles.tolist(), intents.rows), "decisions": ([], [])})
        refusals = part(DECISION, decisions.words, "refusals")
        flags = ((refusals & np.uint64(refusal) != 0).tolist() for refusal in _MOMENTS)
        self.model.conditions.update(zip(
            part(DECISION, decisions.words, "decision").tolist(),
            map(Conditions, part(DECISION, decisions.words, "time").tolist(), *flags), strict=True))

    def _follow(self, behind: int) -> None:
        """Let the model see all batches but the last ``behind``, and compare."""
        while len(self._heard) > behind:
            frames, answers, batch, got = self._heard.popleft()
            for answer in answers:
                self.model.session_frame(answer)
            expected, counts, last_octets = Expected(), [], []
            for frame in frames:
                step = self._step(frame)
                expected.add(step)
                counts.append(len(step.last_octets))
                last_octets += step.last_octets
            self._meet(got, expected, *self._place(frames, batch, got, expected, counts, last_octets))
            self.result.frames += len(frames)

    def _step(self, frame: Frame):
        try:
            return self.model.frame(frame.octets)
        except ValueError as error:  # an event of the hardware's that cannot be; from here on both differ
            self.comparison.impossible(getattr(error, "stage", "book"), "events", str(error))
            return self.model.frame(b"")

    def _place(self, frames: list[Frame], batch: Batch, got: Capture, expected: Expected, counts: list[int],
               last_octets: list[int]):
        """Note where each message of the batch stood.

        Returns their numbers, and the cycles of their frame's first octet, of their own first and of their last.
        """
        messages = expected.streams["messages"]
        of, last = np.repeat(np.arange(len(frames)), counts), np.array(last_octets, np.int64)
        lengths = _LENGTHS[np.fromiter((message.octets & 0xFF for message in messages), np.int64, len(messages))]
        first = last - lengths + 1
        beats = -(-batch.lengths.astype(np.int64) // 8)
        first_beats, accepted = np.cumsum(beats) - beats, got.beats.astype(np.int64)
        som, eot = accepted[first_beats[of] + first // 8], accepted[first_beats[of] + last // 8]
        offsets = np.array([frame.offset for frame in frames], np.int64)[of]
        times = np.array([frame.time_ns for frame in frames], np.int64)[of]
        self.places.extend_columns(of + self.result.frames, first, offsets + first, eot, times)
        numbers = np.fromiter((message.message for message in messages), np.int64, len(messages))
        return numbers, accepted[first_beats[of]], som, eot

    def _meet(self, got: Capture, expected: Expected, messages: np.ndarray, arrived: np.ndarray, som: np.ndarray,
              eot: np.ndarray) -> None:
        self.comparison.add(got, expected)
        self.keeper.batch(got, messages, arrived)
        self._note_orders(self.latency.add(got, messages, som, eot), got)
        self._note_symbols(got)
        types = part(got.streams["messages"].record, got.streams["messages"].words, "octets", bits=8).astype(np.int64)
        for code, count in enumerate(np.bincount(types).tolist()):
            if count:
                self.result.messages[chr(code)] += count

    def _acknowledgment(self, frame: bytes) -> bytes:
        """The model's frame with the numbers of the hardware's, which say when it left."""
        carried = segment(frame)
        return self.model.order.acknowledgment(
            Header(carried.acknowledgment, carried.window, carried.ts_value, carried.ts_echo), carried.sequence)

    def _note_orders(self, measured: list[tuple[int, int, OrderFrame]], got: Capture) -> None:
        decisions = got.streams["decisions"]
        approved = decisions[part(DECISION, decisions.words, "refusals") == 0]
        self._approved.extend(DECISION.tuple(*row) for row in approved.rows)
        left = []
        for message, cycles, frame in measured:
            place = self.places.get(message)
            stamp = (place.time_ns if place else 0) + round(cycles * self._period_ns)
            self.pcap.write(frame.octets, max(0, stamp))
            order = Order(message, frame.offered, cycles, stamp, frame.octets, self._approved.popleft(), place)
            left.append((order, frame.last))
            if len(self.result.first_orders) < _KEPT_ORDERS:
                self.result.first_orders.append(order)
            else:
                self._last.append(order)
        self.keeper.left(left)
        self.result.orders += len(measured)

    def _note_symbols(self, got: Capture) -> None:
        updates = got.streams["updates"]
        self._note_last("update", UPDATE, updates)
        both = (part(UPDATE, updates.words, "bid_orders") != 0) & (part(UPDATE, updates.words, "ask_orders") != 0)
        self._note_last("quote", UPDATE, updates[both])
        self._note_last("indicator", INDICATOR, got.streams["indicators"])
        self._note_last("vwap", VWAP, got.streams["vwaps"])
        for symbol, count in enumerate(np.bincount(part(UPDATE, updates.words, "symbol").astype(np.int64)).tolist()):
            if symbol < len(self.result.symbols):
                self.result.symbols[symbol].updates += count

    def _note_last(self, what: str, record: Record, stream: Stream) -> None:
        symbols, last = np.unique(part(record, stream.words, "symbol")[::-1], return_index=True)
        rows = stream[len(stream) - 1 - last].rows
        for symbol, row in zip(symbols.tolist(), rows, strict=True):
            if symbol < len(self.result.symbols):
                setattr(self.result.symbols[symbol], what, record.tuple(*row))


class Remote:
    """A ``Follower`` in a process of its own, which keeps up or holds its caller back. A context manager.

    Parameters
    ----------
    ahead : int
        Batches that may be under way there: memory does not grow with the input.

    Everything raises what the follower raised there.
    """

    def __init__(self, follower: Follower, *, ahead: int):
        self._result, self._ahead, self._under_way = follower.result, ahead, 0
        self.status = Status()
        context = multiprocessing.get_context("fork")  # the model, whatever it is, is there without being pickled
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, self._here, follower), daemon=True)
        self._process.start()
        there.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._here.close()
        self._process.join()

    def batch(self, *arguments) -> None:
        """As of ``Follower``, but ``status`` is that of ``ahead`` batches before."""
        self._here.send(("batch", arguments))
        self._under_way += 1
        while self._under_way > self._ahead:
            self._wait()

    def finish(self, *arguments) -> None:
        """As of ``Follower``; waits for all of it."""
        while self._under_way:
            self._wait()
        self._here.send(("finish", arguments))
        self._wait()
        for name, value in self._receive().items():
            setattr(self._result, name, value)

    def _wait(self) -> None:
        self.status = self._receive()
        self._under_way -= 1

    def _receive(self):
        try:
            said = self._here.recv()
        except EOFError:
            raise ChildProcessError("the process of the golden model ended early") from None
        if isinstance(said, BaseException):
            raise said
        return said


def _serve(connection, other_end, follower: Follower) -> None:
    """Do what comes over the connection, until its other end is closed."""
    other_end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the other process's to handle
    gc.set_threshold(GARBAGE)
    try:
        while True:
            what, arguments = connection.recv()
            connection.send(getattr(follower, what)(*arguments))
            if what == "finish":
                connection.send({name: getattr(follower.result, name) for name in _FILLED})
    except (EOFError, BrokenPipeError):
        pass
    except Exception as error:
        error.__cause__ = None
        connection.send(error)


#: Of ``Run``, what a follower fills in.
_FILLED = ("frames", "messages", "symbols", "compared", "counters", "expected_counters", "orders", "first_orders",
           "last_orders", "refusals", "differences", "differences_by_stream", "kept_differences", "first_difference",
           "latency", "tick_to_trade", "jitter", "broken_latency", "split_frames", "queue", "peaks")


_RECORDS = (*RECORDS, *REQUESTS)


def _remake(number: int, values: tuple | None = None):
    """What ``_register`` has made of a record's tuple, or of the record itself."""
    record = _RECORDS[number]
    return record if values is None else record.tuple(*values)


def _register() -> None:
    """Records' tuples are classes without a name in a module, which pickle cannot find."""
    copyreg.pickle(Record, lambda record: (_remake, (_RECORDS.index(record),)))
    for number, record in enumerate(_RECORDS):
        copyreg.pickle(record.tuple, lambda values, number=number: (_remake, (number, tuple(values))))


_register()
