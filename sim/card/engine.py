"""A simulated card as an engine of replays: what the host reads in its rings is compared with the model."""

import time
from collections.abc import Iterable

import numpy as np

from sim.engine.boundary import Stream
from sim.engine.native import Batch, Capture, OrderFrame
from spec.config import Design
from spec.counters import COUNTERS
from spec.records import RECORDS
from spec.registers import CoreControl
from spec.rings import STAMP

from . import CardError
from .compiled import RX, SESSION_RX, CompiledCard
from .host import Host

_STEP = 1024  #: cycles between two looks at the rings
_STAMP_LATENCY = 2  #: cycles from a beat to the stamp of it


class CardEngine:
    """A card that was brought up, behind the calls of ``sim.engine.Engine``.

    Cycles are the core's since its reset, where the core is on ap_clk. Records come out of the rings alone, counters
    out of registers.

    Raises ``CardError`` from ``counters`` if a ring lost records.
    """

    wave_format = ""

    def __init__(self, design: Design, card: CompiledCard, host: Host):
        self.card, self.host = card, host
        self._exact = design.host.clocks == "one"
        self._before: int | None = None  # cycles of ap_clk before the core's first
        self._first_stamp: int | None = None  # the core's cycle of the first beat on RX
        self._late = {record.stream: Stream.none(record) for record in RECORDS}

    @property
    def cpu_seconds(self) -> float:
        return time.process_time()

    def close(self) -> None:
        """The end of the card."""
        self.card.close()

    @property
    def cycle(self) -> int:
        return self.card.cycle - (self._before or 0)

    @property
    def held_back(self) -> int:
        return self.card.held_back

    @property
    def waiting(self) -> int:
        return self.card.waiting(RX) + self.card.waiting(SESSION_RX)

    def send(self, batch: Batch) -> None:
        self.card.frames(RX, batch)
        while self.card.waiting(RX):
            self.idle(_STEP)

    def session(self, frames: Iterable[bytes], gap: int = 0) -> None:
        frames = list(frames)
        self.card.frames(SESSION_RX, Batch.of(frames, [gap] * len(frames)))

    def handback(self, on: bool = True) -> None:
        control = self.host.registers.core_control & ~CoreControl.HANDBACK
        self.host.registers.core_control = control | (CoreControl.HANDBACK if on else 0)

    def idle(self, cycles: int) -> None:
        """Let time pass, and read the rings meanwhile."""
        end = self.card.cycle + cycles
        while self.card.cycle < end:
            self.card.run(min(_STEP, end - self.card.cycle))
            self._read()

    def _read(self) -> None:
        found = self.host.read()
        stamps = found[STAMP.stream]
        if self._first_stamp is None and len(stamps):
            first = next(i for i, row in enumerate(stamps.rows) if row[0] == RX)
            self._first_stamp = int(stamps.cycles[first]) - _STAMP_LATENCY
        for name, stream in self._late.items():
            if len(found[name]):
                self._late[name] = stream + found[name]

    def capture(self) -> Capture:
        """Everything that the rings and the wires showed since the last call."""
        # What is on its way to a ring belongs to this batch.
        self.idle(_STEP)
        beats, frames = self.card.left()
        if self._before is None and len(beats):
            self._before = int(beats[0]) - self._first_stamp if self._exact else 0
        before = self._before or 0
        moved = [OrderFrame(f.octets, f.offered - before, f.accepted - before, f.last - before, f.error)
                 for f in frames]
        streams, self._late = self._late, {record.stream: Stream.none(record) for record in RECORDS}
        return Capture(streams, beats - np.uint64(before), moved)

    def counters(self) -> dict[str, dict[str, int]]:
        lost = {name: self.host.registers.ring_lost[i] for i, name in enumerate(self.host.rings)}
        if any(lost.values()):
            raise CardError(f"rings lost records: {({name: count for name, count in lost.items() if count})}")
        return {stage: {name: getattr(self.host.registers, f"{stage}_{name}") for name in names}
                for stage, names in COUNTERS.items()}
