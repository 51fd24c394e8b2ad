"""The same frames through each engine, hardware alone: no model, no comparison."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sim import build, engine
from sim.engine import Batch, Capture
from sim.framing import Frame
from sim.pace import WIRE_GAP
from spec.config import Design

_LEAST = 2.0  #: seconds that a fast engine is measured for, going over the input again
_DRAIN = 200  #: cycles after the last frame, until its records are out


@dataclass(frozen=True)
class Speed:
    """One engine. Seconds are of the input alone, without building and without the sweep after reset."""

    engine: str
    messages: int
    cycles: int
    wall: float
    cpu: float
    digest: str  #: of every record, its cycle counted from the first, and every order frame

    @property
    def cycles_per_second(self) -> float:
        """Of CPU time: what else the machine does changes it little."""
        return self.cycles / self.cpu

    @property
    def messages_per_second(self) -> float:
        return self.messages / self.cpu


def compare_engines(design: Design, frames: Sequence[Frame], *, engines: Sequence[str] = engine.ENGINES,
                    build_dir: Path = Path("build/native"),
                    progress: Callable[[str], None] = lambda what: None) -> list[Speed]:
    """The speed of each of ``engines`` on ``frames``."""
    progress("generating Verilog")
    verilog = build.cached_verilog("core", design)
    batch = Batch.of([frame.octets for frame in frames], [WIRE_GAP] * len(frames))
    found = []
    for name in engines:
        progress(f"building {name}")
        engine.start(name, verilog, build_dir).close()
        progress(f"measuring {name}")
        found.append(_measure(name, verilog, build_dir, batch))
    return found


def _measure(name: str, verilog: Path, build_dir: Path, batch: Batch) -> Speed:
    messages = cycles = 0
    wall = cpu = 0.0
    while True:
        core = engine.start(name, verilog, build_dir)
        try:
            first, began, computed = core.cycle, time.perf_counter(), core.cpu_seconds
            core.send(batch)
            core.idle(_DRAIN)
            wall, cpu = wall + time.perf_counter() - began, cpu + core.cpu_seconds - computed
            cycles += core.cycle - first
            got = core.capture()
        finally:
            core.close()
        messages += len(got.streams["messages"])
        if name != engine.NATIVE or wall >= _LEAST:
            return Speed(name, messages, cycles, wall, cpu, _digest(got, first))


def _digest(got: Capture, first: int) -> str:
    digest = hashlib.sha256()
    for stream in got.streams.values():
        digest.update((stream.cycles - first).tobytes())
        digest.update(stream.words.tobytes())
    for frame in got.tx:
        digest.update(frame.octets)
    return digest.hexdigest()[:16]
