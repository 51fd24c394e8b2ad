"""Where the time of a replay goes."""

import gc
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from golden_model.core import Core
from sim import replay
from sim.engine import Batch, Engine
from sim.follower import GARBAGE, Follower
from sim.inputs import Frame
from sim.pace import WIRE_GAP
from sim.run import Run, SymbolState
from sim.venue import Venue
from spec.config import Design

_QUIET = 1024  #: cycles
#: What a replay does, in the order of the data. The model's process does the last five.
PARTS = ("read and frame", "hardware", "collect records", "venue", "tell the model", "model", "compare", "latency",
         "keep the books")
_FOLLOWER = PARTS[4:]


@dataclass(frozen=True)
class Profile:
    """CPU seconds by part, all of it done by one process, one part after the other."""

    messages: int
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def microseconds(self, part: str) -> float:
        """Per message."""
        return 1e6 * self.seconds[part] / self.messages

    @property
    def hardware_process(self) -> float:
        """Seconds of the parts that are done in the process that hardware runs in."""
        return self.total - self.follower_process

    @property
    def follower_process(self) -> float:
        return sum(self.seconds[part] for part in _FOLLOWER)


@dataclass(frozen=True)
class Replay:
    """A whole replay as it is: two processes side by side, everything compared."""

    what: str
    run: Run
    cpu: float  #: seconds, both processes
    memory: int  #: MiB, the largest of either so far

    @property
    def messages_per_second(self) -> float:
        """Of wall time."""
        return self.run.messages.total() / self.run.seconds


class _Clock:
    """CPU time by part; a part within another is taken out of it."""

    def __init__(self):
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = 0.0

    def _switch(self) -> None:
        now = time.process_time()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now

    def timed(self, part: str, function: Callable) -> Callable:
        def run(*arguments, **options):
            self._switch()
            self._running.append(part)
            try:
                return function(*arguments, **options)
            finally:
                self._switch()
                self._running.pop()
        return run


def profile(design: Design, frames: Iterable[Frame], library: Path) -> Profile:
    """One replay, in this process alone."""
    before = gc.get_threshold()
    gc.set_threshold(GARBAGE)
    try:
        return _profile(design, frames, library)
    finally:
        gc.set_threshold(*before)


def _profile(design: Design, frames: Iterable[Frame], library: Path) -> Profile:
    clock, core, venue, run = _Clock(), Engine(library), Venue(design), Run(design)
    with tempfile.TemporaryDirectory() as scratch:
        run.paths["orders"] = Path(scratch) / "orders.pcap"
        run.symbols = [SymbolState(symbol.stock) for symbol in design.symbols]
        follower = Follower(design, Core(design), run)
        follower._hear = clock.timed("tell the model", follower._hear)
        follower._step = clock.timed("model", follower._step)
        follower.comparison.add = clock.timed("compare", follower.comparison.add)
        follower.latency.add = clock.timed("latency", follower.latency.add)
        follow = clock.timed("keep the books", follower.batch)
        send, capture = clock.timed("hardware", core.send), clock.timed("collect records", core.capture)
        answer, take = clock.timed("venue", venue.frames), clock.timed("venue", venue.take)
        read = clock.timed("read and frame", lambda rest: _batch(rest))
        rest: Iterator[Frame] = iter(frames)
        while made := read(rest):
            answers = answer()
            core.session(answers)
            send(made[1])
            got = capture()
            take([frame.octets for frame in got.tx])
            follow(made[0], answers, made[1], got)
        tail = []
        while not tail or tail[-1][1].tx or core.waiting or any(map(len, tail[-1][1].streams.values())):
            answers = venue.frames()
            core.session(answers)
            core.idle(_QUIET)
            tail.append((answers, core.capture()))
            venue.take([frame.octets for frame in tail[-1][1].tx])
        clock.timed("keep the books", follower.finish)(tail, core.counters(), core.held_back)
    return Profile(run.messages.total(), {part: clock.seconds[part] for part in PARTS})


def _batch(rest: Iterator[Frame]) -> tuple[list[Frame], Batch] | None:
    frames = list(islice(rest, replay.BATCH))
    if not frames:
        return None
    return frames, Batch.of([frame.octets for frame in frames], [WIRE_GAP] * len(frames))


def measure_replay(what: str, design: Design, frames: Iterable[Frame], library: Path) -> Replay:
    """A replay of ``frames`` as of ``sim.replay``, called ``what``."""
    before = _computed()
    with tempfile.TemporaryDirectory() as scratch:
        run = replay.run(design, frames, out=Path(scratch), library=library)
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Replay(what, run, _computed() - before, largest >> 10)


def _computed() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    return sum(usage.ru_utime + usage.ru_stime
               for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
