"""Frames through hardware and golden model, compared and measured.

Hardware runs in a thread of its own beside the model, which follows two batches of frames behind: it must be told what
the book did between the messages of a batch (``book_events``) and what the rest did when (``moments``), and the last of
that comes out with the next batch. A venue answers the orders of a batch during the next (``venue``). Memory does not
grow with the session.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

from golden_model.core import Core
from golden_model.order import Header
from spec import itch
from spec.config import Design
from spec.records import DECISION, INDICATOR, UPDATE, VWAP, Record

from . import book_events, build, engine, moments
from .captures import PcapWriter
from .compare import TX, Comparison, Expected
from .differences import Place, Places
from .engine import Batch, Capture, Engine, OrderFrame
from .flight_recorder import FlightRecorder
from .inputs import Frame, InputError
from .latency import Latency
from .order_frames import segment
from .report import write_json
from .run import Order, Progress, Run, SymbolState
from .venue import Venue

BATCH = 1024  #: frames; the orders of a batch fit the core's send buffer, since a venue acknowledges them only after
#: Idle cycles between frames. A wire needs at least this: frame check sequence, gap and preamble are 24 octets.
WIRE_GAP = 3
_QUIET = 1024  #: cycles without any output after which nothing is in flight any more
_LENGTHS = {ord(code): layout.length for code, layout in itch.MESSAGES.items()}


def run(design: Design, frames: Iterable[Frame], *, out: Path, waves: bool = False,
        progress: Callable[[Progress], None] | None = None, gap: int = WIRE_GAP,
        build_dir: Path = Path("build/native"), library: Path | None = None, model=None, venue=None) -> Run:
    """Replay ``frames`` through the core of ``design`` and its golden model.

    Parameters
    ----------
    out
        Directory for ``orders.pcap``, ``run.json`` and ``wave.fst`` (``wave.vcd``
        where FST's headers are missing).
    waves
        Record the waveform around the first difference, or without one around the first order.
    progress
        Called with a ``Progress`` before each phase and after each batch.
    gap
        Idle cycles on RX before each frame.
    build_dir
        Where compiled simulations are cached.
    library, model, venue
        In place of the core and model of ``design``, and of the venue that answers.

    An ``InputError`` from ``frames`` ends the replay, not the run: see ``Run.input_error``.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    say = progress or (lambda _: None)
    result = Run(design)
    if library is None:
        say(Progress("generating Verilog"))
        result.paths["verilog"] = verilog = build.cached_verilog("core", design)
        say(Progress("building the simulation"))
        library = engine.build(verilog, build_dir, waves=waves)
    replay = _Replay(design, Engine(library), model or Core(design), venue or Venue(design), result, out, waves)
    began = time.monotonic()
    with replay:
        for batch in _batches(frames, result):
            replay.add(batch, gap)
            say(Progress("replaying", result.messages.total(), batch[-1].offset + len(batch[-1].octets)))
        replay.finish()
    result.seconds = time.monotonic() - began
    result.paths["run"] = write_json(result, out / "run.json")
    return result


def _batches(frames: Iterable[Frame], result: Run) -> Iterator[list[Frame]]:
    """Lists of frames; those before a damaged place in the input, and a note of it."""
    whole = iter(frames)

    def good() -> Iterator[Frame]:
        try:
            yield from whole
        except InputError as error:
            result.input_error = str(error)

    rest = good()
    while batch := list(islice(rest, BATCH)):
        yield batch


class _Replay:
    """One run in progress. A context manager."""

    def __init__(self, design: Design, core: Engine, model, venue, result: Run, out: Path, waves: bool):
        self.core, self.model, self.venue, self.result = core, model, venue, result
        self.places = Places()
        self.comparison = Comparison(self.places, acknowledgment=self._acknowledgment)
        self.latency = Latency(design)
        self.period_ns = design.core.period_ns
        self.hardware = ThreadPoolExecutor(1, "hardware")
        self.recorder = FlightRecorder(out / f"wave.{core.wave_format}") if waves else None
        self._aimed_at: str = ""
        result.paths["orders"] = out / "orders.pcap"
        self.pcap = PcapWriter(result.paths["orders"])
        self._last: deque[Order] = deque(maxlen=5)
        self._sent: deque[tuple[list[Frame], list[bytes], Batch, Capture]] = deque()  # what the model has not seen
        self._approved: deque = deque()  # decisions whose frames have not left
        self.events = book_events.Events(design, model.events)
        result.symbols = [SymbolState(symbol.stock) for symbol in design.symbols]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.hardware.shutdown()
        self.pcap.__exit__(*exception)

    def add(self, frames: list[Frame], gap: int) -> None:
        batch = Batch.of([frame.octets for frame in frames], [gap] * len(frames))
        answers = self.venue.frames()
        future = self.hardware.submit(self._send, batch, answers)
        self._follow(behind=1)
        got = future.result()
        self._hear(got)
        self._sent.append((frames, answers, batch, got))
        if self.recorder:
            self._aim()
            self.recorder.write(self.core)

    def _hear(self, got: Capture) -> None:
        """Tell the model what happened, and the venue what left."""
        seen = {name: (stream.cycles.tolist(), stream.rows) for name, stream in got.streams.items()}
        self.events.hear((name, *seen[name]) for name in book_events.STREAMS)
        moments.tell(self.model, seen)
        try:
            self.venue.take(frame.octets for frame in got.tx)
        except ValueError as error:  # a frame that no exchange understands; it is compared with the model's too
            self.comparison.impossible("order", TX, str(error))

    def _follow(self, behind: int) -> None:
        """Let the model see all batches but the last ``behind``, and compare."""
        while len(self._sent) > behind:
            frames, answers, batch, got = self._sent.popleft()
            for answer in answers:
                self.model.session_frame(answer)
            steps = [self._step(frame) for frame in frames]
            messages, som, eot = self._place(frames, steps, batch, got)
            self._meet(got, Expected.of(steps), messages, som, eot)
            self.result.frames += len(frames)

    def _step(self, frame: Frame):
        try:
            return self.model.frame(frame.octets)
        except ValueError as error:  # an event of the hardware's that cannot be; from here on both differ
            self.comparison.impossible(getattr(error, "stage", "book"), "events", str(error))
            return self.model.frame(b"")

    def _send(self, batch: Batch, answers: list[bytes]) -> Capture:
        if self.recorder:
            self.recorder.before(self.core, batch, answers)
        self.core.session(answers)
        self.core.send(batch)
        return self.core.capture()

    def _place(self, frames: list[Frame], steps: list, batch: Batch, got: Capture):
        """Note where each message of the batch stood. Returns their numbers and the cycles of first and last octet."""
        first_beats = np.cumsum(-(-batch.lengths.astype(np.int64) // 8)) - -(-batch.lengths.astype(np.int64) // 8)
        rows = [(message.message, i, last - _LENGTHS[message.octets & 0xFF] + 1, last)
                for i, step in enumerate(steps)
                for message, last in zip(step.messages, step.last_octets, strict=True)]
        numbers, of, first, last = np.array(rows, np.int64).reshape(-1, 4).T
        beats = got.beats.astype(np.int64)
        som, eot = beats[first_beats[of] + first // 8], beats[first_beats[of] + last // 8]
        before = self.result.frames
        self.places.extend(
            Place(before + frame, octet, frames[frame].offset + octet, cycle, frames[frame].time_ns)
            for (_, frame, octet, _), cycle in zip(rows, eot.tolist(), strict=True))
        return numbers, som, eot

    def _meet(self, got: Capture, expected: Expected, messages: np.ndarray, som: np.ndarray, eot: np.ndarray) -> None:
        self.comparison.add(got, expected)
        self._note_orders(self.latency.add(got, messages, som, eot), got)
        self._note_symbols(got)
        self.result.messages.update(chr(row[3] & 0xFF) for row in got.streams["messages"].rows)

    def _acknowledgment(self, frame: bytes) -> bytes:
        """The model's frame with the numbers of the hardware's, which say when it left."""
        part = segment(frame)
        return self.model.order.acknowledgment(
            Header(part.acknowledgment, part.window, part.ts_value, part.ts_echo), part.sequence)

    def _note_orders(self, measured: list[tuple[int, int, OrderFrame]], got: Capture) -> None:
        decisions = (DECISION.tuple(*row) for row in got.streams["decisions"].rows)
        self._approved.extend(decision for decision in decisions if not decision.refusals)
        for message, cycles, frame in measured:
            place = self.places.get(message)
            stamp = (place.time_ns if place else 0) + round(cycles * self.period_ns)
            self.pcap.write(frame.octets, max(0, stamp))
            order = Order(message, frame.offered, cycles, stamp, frame.octets, self._approved.popleft())
            if len(self.result.first_orders) < 10:
                self.result.first_orders.append(order)
            else:
                self._last.append(order)
        self.result.orders += len(measured)

    def _note_symbols(self, got: Capture) -> None:
        updates = got.streams["updates"].rows
        self._note_last("update", UPDATE, updates)
        bid, ask = (UPDATE.tuple._fields.index(f"{side}_orders") for side in ("bid", "ask"))
        self._note_last("quote", UPDATE, [row for row in updates if row[bid] and row[ask]])
        self._note_last("indicator", INDICATOR, got.streams["indicators"].rows)
        self._note_last("vwap", VWAP, got.streams["vwaps"].rows)
        for symbol, count in enumerate(np.bincount(got.streams["updates"].columns["symbol"].astype(np.int64)).tolist()):
            if symbol < len(self.result.symbols):
                self.result.symbols[symbol].updates += count

    def _note_last(self, what: str, record: Record, rows: list[tuple]) -> None:
        at = record.tuple._fields.index("symbol")
        for symbol, row in {row[at]: row for row in rows}.items():
            if symbol < len(self.result.symbols):
                setattr(self.result.symbols[symbol], what, record.tuple(*row))

    def _aim(self) -> None:
        """At the first difference; until there is one, at the first order."""
        first = self.comparison.first
        if first and first.cycle is not None and self._aimed_at != "difference":
            self.recorder.aim(first.cycle)
            self._aimed_at = "difference"
        elif not self._aimed_at and self.result.first_orders:
            self.recorder.aim(self.result.first_orders[0].cycle)
            self._aimed_at = "order"

    def finish(self) -> None:
        """Let everything in flight arrive, then settle the account."""
        tail, answered = [], []
        while not tail or tail[-1].tx or self.core.waiting or any(map(len, tail[-1].streams.values())):
            answers = self.venue.frames()
            self.core.session(answers)
            self.core.idle(_QUIET)
            tail.append(self.core.capture())
            self._hear(tail[-1])
            answered += answers
        self._follow(behind=0)
        for answer in answered:
            self.model.session_frame(answer)
        nothing, expected = np.empty(0, np.int64), Expected.of([self.model.settle()])
        for got in tail:
            self._meet(got, expected, nothing, nothing, nothing)
            expected = Expected()
        for window, cycle, fault in self.events.unlawful:
            self.comparison.unlawful(window, cycle, fault)
        result, comparison = self.result, self.comparison
        result.cycles, result.counters = self.core.cycle, self.core.counters()
        result.expected_counters = {stage: dict(counters) for stage, counters in self.model.counters.items()}
        comparison.finish(result.counters, result.expected_counters, held_back=self.core.held_back)
        if self.recorder:
            self._aim()
            self.recorder.write(self.core, final=True)
            result.wave_cycles = self.recorder.written
            if result.wave_cycles:
                result.paths["waveform"] = self.recorder.path
        result.last_orders = list(self._last)
        result.refusals = result.counters["risk"]["refused"]
        result.compared = comparison.compared
        result.differences, result.differences_by_stream = comparison.total, dict(comparison.by_stream)
        result.kept_differences, result.first_difference = comparison.kept, comparison.first
        result.latency, result.tick_to_trade = self.latency.table, self.latency.tick_to_trade
        result.jitter, result.broken_latency = self.latency.jitter, self.latency.broken
        result.split_frames = self.latency.split
