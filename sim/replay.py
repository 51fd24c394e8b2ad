"""Frames through hardware and golden model, compared and measured.

Hardware runs in a thread of its own, where Python's lock is released. Meanwhile the next frames are read, and what came
of the batch before goes to the process that follows (``follower``). A venue answers the orders of a batch during the
next (``venue``). Memory does not grow with the session.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from golden_model.core import Core
from spec.config import Budgets, Design

from . import build
from .engine import NATIVE, Batch, Capture, Engine, RemoteEngine, start
from .export import keeper
from .flight_recorder import FlightRecorder
from .follower import Follower, Remote
from .inputs import Frame, InputError
from .pace import Pace
from .report import write_json
from .run import Progress, Run, SymbolState
from .venue import Venue

BATCH = 1024  #: frames; the orders of a batch fit the core's send buffer, since a venue acknowledges them only after
_QUIET = 1024  #: cycles without any output after which nothing is in flight any more
_AHEAD = 4  #: batches that hardware may be ahead of the model


def run(design: Design, frames: Iterable[Frame], *, out: Path, waves: bool = False,
        progress: Callable[[Progress], None] | None = None, pace: Pace | None = None,
        build_dir: Path = Path("build/native"), library: Path | None = None, core=None, model=None, venue=None,
        engine: str = NATIVE, per_message: bool = False,
        budgets: Budgets | None = None) -> Run:
    """Replay ``frames`` through the core of ``design`` and its golden model.

    Parameters
    ----------
    out
        Directory for ``orders.pcap``, ``run.json``, the tables of
        ``export.keeper`` and ``wave.fst`` (``wave.vcd`` where FST's headers
        are missing).
    waves
        Record the waveform around the first difference, or without one around the first order.
    progress
        Called with a ``Progress`` before each phase and after each batch.
    pace
        How soon one frame follows another; that of a wire as fast as the core without it.
    build_dir
        Where compiled simulations are cached.
    library, model, venue
        In place of the core and model of ``design``, and of the venue that answers.
    core
        In place of an engine: behaves like one, and is closed.
    engine
        One of ``engine.ENGINES``. Others than the native one have no waveforms here.
    per_message
        Keep the latency of every message in every stage, too: ``messages.parquet``.
    budgets
        In place of the design's. The hardware does not depend on them.

    An ``InputError`` from ``frames`` ends the replay, not the run: see ``Run.input_error``.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    say, pace = progress or (lambda _: None), pace or Pace("wire", design)
    measured = design.model_copy(update={"budgets": budgets}) if budgets else design
    result = Run(measured)
    if core is not None:
        pass
    elif library is None:
        say(Progress("generating Verilog"))
        result.paths["verilog"] = verilog = build.cached_verilog("core", design)
        say(Progress("building the simulation"))
        core = start(engine, verilog, build_dir, waves=waves)
    else:
        core = Engine(library)
    replay = _Replay(measured, core, model or Core(design), venue or Venue(design), result, out, waves,
                     per_message)
    began = time.monotonic()
    with replay:
        for batch in _batches(frames, result):
            replay.add(batch, pace.gaps(batch))
            say(Progress("replaying", replay.messages, batch[-1].offset + len(batch[-1].octets)))
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

    def __init__(self, design: Design, core: Engine | RemoteEngine, model, venue, result: Run, out: Path,
                 waves: bool, per_message: bool):
        self.core, self.venue, self.result = core, venue, result
        result.paths["orders"] = out / "orders.pcap"
        if per_message:
            result.paths["per_message"] = out / keeper.PER_MESSAGE
        result.symbols = [SymbolState(symbol.stock) for symbol in design.symbols]
        self.recorder = FlightRecorder(out / f"wave.{core.wave_format}") if waves else None
        self._aimed_at: str = ""
        self.messages = 0  #: that hardware has delivered
        # Waveforms are of cycles that the recorder still has.
        self.follower = Remote(Follower(design, model, result, per_message=per_message),
                               ahead=1 if waves else _AHEAD)
        self.hardware = ThreadPoolExecutor(1, "hardware")
        self._running = None  # what hardware is at: the batch and the future of its capture

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.hardware.shutdown()
        self.follower.__exit__(*exception)
        self.core.close()

    def add(self, frames: list[Frame], gaps: list[int]) -> None:
        """Begin a batch of frames, each after so many idle cycles, when that before it is through."""
        batch = Batch.of([frame.octets for frame in frames], gaps)
        done = self._wait()
        if self.recorder:
            self._aim()
            self.recorder.write(self.core)
        answers = self.venue.frames()
        self._running = frames, answers, batch, self.hardware.submit(self._send, batch, answers)
        if done:
            self.follower.batch(*done)

    def _send(self, batch: Batch, answers: list[bytes]) -> Capture:
        if self.recorder:
            self.recorder.before(self.core, batch, answers)
        self.core.session(answers)
        self.core.send(batch)
        return self.core.capture()

    def _wait(self) -> tuple | None:
        """Let the batch that is running come to its end: what the follower wants to know of it."""
        if not self._running:
            return None
        *sent, future = self._running
        got, self._running = future.result(), None
        return *sent, got, self._heard(got)

    def _heard(self, got: Capture) -> list[str]:
        """Let the venue hear; what it says of a frame that no exchange understands."""
        self.messages += len(got.streams["messages"])
        try:
            self.venue.take(frame.octets for frame in got.tx)
        except ValueError as error:
            return [str(error)]
        return []

    def _aim(self) -> None:
        """At the first difference; until there is one, at the first order."""
        found = self.follower.status
        if found.difference is not None and self._aimed_at != "difference":
            self.recorder.aim(found.difference)
            self._aimed_at = "difference"
        elif not self._aimed_at and found.order is not None:
            self.recorder.aim(found.order)
            self._aimed_at = "order"

    def finish(self) -> None:
        """Let everything in flight arrive, then settle the account."""
        if done := self._wait():
            self.follower.batch(*done)
        tail: list[tuple[list[bytes], Capture]] = []
        refused: list[str] = []
        while not tail or tail[-1][1].tx or self.core.waiting or any(map(len, tail[-1][1].streams.values())):
            answers = self.venue.frames()
            self.core.session(answers)
            self.core.idle(_QUIET)
            tail.append((answers, self.core.capture()))
            refused += self._heard(tail[-1][1])
        result = self.result
        result.cycles = self.core.cycle
        self.follower.finish(tail, self.core.counters(), self.core.held_back, refused)
        if self.recorder:
            self._aim()
            self.recorder.write(self.core, final=True)
            result.wave_cycles = self.recorder.written
            if result.wave_cycles:
                result.paths["waveform"] = self.recorder.path
