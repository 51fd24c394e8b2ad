"""The Verilated core as a shared library, fed with frames in batches."""

import ctypes
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .boundary import EngineError, Module, Ports, Stream, copied, pointer, text, u64

TX_COLUMNS = ("offered", "accepted", "last", "octets", "error")  #: as in harness.cpp


@dataclass(frozen=True)
class Batch:
    """Frames, end to end.

    ``gaps`` are idle cycles before each frame; ``errors`` the MAC's verdict on it.
    """

    octets: bytes
    lengths: np.ndarray
    gaps: np.ndarray
    errors: np.ndarray

    @classmethod
    def of(cls, frames: Sequence[bytes], gaps: Iterable[int] | None = None,
           errors: Iterable[bool] | None = None) -> "Batch":
        lengths = np.fromiter(map(len, frames), np.uint32, len(frames))
        if len(frames) and not lengths.all():
            raise ValueError(f"frame {int(np.argmin(lengths))} has no octets")
        gaps = np.zeros(len(frames), np.uint32) if gaps is None else np.fromiter(gaps, np.uint32, len(frames))
        errors = np.zeros(len(frames), np.uint8) if errors is None else np.fromiter(errors, np.uint8, len(frames))
        return cls(b"".join(frames), lengths, gaps, errors)

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True)
class OrderFrame:
    """One frame on TX. Cycles: first beat offered, first beat accepted, last beat accepted."""

    octets: bytes
    offered: int
    accepted: int
    last: int
    error: bool = False

    @property
    def beats(self) -> int:
        return -(-len(self.octets) // 8)


def order_frames(count: int, table: ctypes.c_void_p, octets: ctypes.c_void_p) -> list[OrderFrame]:
    """Frames that left on TX, as a harness keeps them: rows of ``TX_COLUMNS``, and all octets one after the other."""
    if not count:
        return []
    rows = copied(table, count * len(TX_COLUMNS)).reshape(count, len(TX_COLUMNS))
    kept, end, frames = ctypes.string_at(octets, int(rows[:, TX_COLUMNS.index("octets")].sum())), 0, []
    for offered, accepted, last, length, error in rows.tolist():
        frames.append(OrderFrame(kept[end : end + length], offered, accepted, last, bool(error)))
        end += length
    return frames


@dataclass(frozen=True)
class Capture:
    """What happened since the last capture."""

    streams: dict[str, Stream]
    beats: np.ndarray  #: uint64: edge at which each RX beat was accepted, frame after frame
    tx: list[OrderFrame] = field(default_factory=list)


ALL_PORTS = Ports()


class Snapshot:
    """The state of the hardware between two batches. Belongs to one build of the core."""

    def __init__(self, lib: ctypes.CDLL, handle: int, cycle: int):
        self._lib, self.handle, self.cycle = lib, handle, cycle

    def __del__(self):
        self._lib.snapshot_free(self.handle)


class Engine(Module):
    """One core, out of reset and ready.

    Parameters
    ----------
    library : Path
        From ``sim.engine.build``.
    ports : Ports
        Those it was built with.
    rx, tx : str
        Repeating patterns of up to 64 characters, one per cycle from the first: ``1`` where a beat may be offered on RX
        (TX is ready), ``0`` where not.
    ready_within : int
        Cycles after reset in which the core must have swept its memories.

    Cycles count clock edges from the first edge of reset, as in ``testbenches``.
    """

    FUNCTIONS = (
        ("engine_patterns", None, pointer, u64, u64, u64, u64),
        ("engine_kill", None, pointer, ctypes.c_int),
        ("engine_release", None, pointer, ctypes.c_int),
        ("engine_handback", None, pointer, ctypes.c_int),
        ("engine_put", None, pointer, ctypes.c_int, pointer, u64, u64),
        ("engine_session", None, pointer, text, u64, u64, ctypes.c_int),
        ("engine_waiting", u64, pointer),
        ("engine_frames", u64, pointer, text, pointer, pointer, pointer, u64),
        ("engine_held_back", u64, pointer),
        ("engine_beats", u64, pointer, pointer),
        ("engine_tx", u64, pointer, pointer, pointer),
        ("engine_wave_format", text),
        ("engine_wave", ctypes.c_int, pointer, text, u64, u64),
        ("engine_wave_close", ctypes.c_int, pointer),
        ("engine_save", pointer, pointer),
        ("engine_restore", None, pointer, pointer),
        ("snapshot_free", None, pointer),
    )

    def __init__(self, library: Path, *, ports: Ports = ALL_PORTS, rx: str = "1", tx: str = "1",
                 ready_within: int = 1 << 24):
        for name, pattern in (("rx", rx), ("tx", tx)):
            if not 1 <= len(pattern) <= 64 or set(pattern) - set("01") or "1" not in pattern:
                raise ValueError(f"{name} must be 1 to 64 characters 0 and 1, a 1 among them, not {pattern!r}")
        super().__init__(library, ports)
        bits = [part for pattern in (rx, tx) for part in (int(pattern[::-1], 2), len(pattern))]
        self._lib.engine_patterns(self._engine, *bits)
        self.reset(ready_within)

    @property
    def cpu_seconds(self) -> float:
        """That this process has computed so far."""
        return time.process_time()

    def close(self) -> None:
        """Nothing more is wanted of it."""

    @property
    def held_back(self) -> int:
        """Cycles in which a beat was offered on RX and the core was not ready."""
        return self._lib.engine_held_back(self._engine)

    def send(self, batch: Batch) -> None:
        """Put the frames on RX. Returns when the last beat was accepted."""
        for column, dtype in ((batch.lengths, np.uint32), (batch.gaps, np.uint32), (batch.errors, np.uint8)):
            assert column.dtype == dtype and column.flags.c_contiguous and len(column) == len(batch)
        assert int(batch.lengths.sum()) == len(batch.octets)
        taken = self._lib.engine_frames(self._engine, batch.octets, batch.lengths.ctypes.data, batch.gaps.ctypes.data,
                                        batch.errors.ctypes.data, len(batch))
        if taken != len(batch):
            raise EngineError(f"RX stopped accepting beats at cycle {self.cycle}, in frame {taken} of the batch")

    def kill(self, on: bool = True) -> None:
        """Drive the kill switch from the next edge on."""
        self._lib.engine_kill(self._engine, on)

    def release(self, on: bool = True) -> None:
        """Drive the kill switch's release from the next edge on."""
        self._lib.engine_release(self._engine, on)

    def handback(self, on: bool = True) -> None:
        """Ask for the order session from the next edge on, or no longer."""
        self._lib.engine_handback(self._engine, on)

    def put(self, stream: str, records: Iterable[int], bits: int) -> None:
        """Offer packed records of ``bits`` on a host's stream; they go in one after another while time passes."""
        words = -(-bits // 64)
        octets = b"".join(record.to_bytes(8 * words, "little") for record in records)
        column = np.frombuffer(octets, np.uint64)
        self._lib.engine_put(self._engine, self.ports.inputs.index(stream), column.ctypes.data, words,
                             len(column) // words)

    def session(self, frames: Iterable[bytes], gap: int = 0) -> None:
        """Offer frames on the order session's RX, each ``gap`` idle cycles after the one before; while time passes."""
        for frame in frames:
            self._lib.engine_session(self._engine, frame, len(frame), gap, 0)

    @property
    def waiting(self) -> int:
        """Frames and records of ``put`` and ``session`` that the core has not taken yet."""
        return self._lib.engine_waiting(self._engine)

    def capture(self) -> Capture:
        """Everything observed since the last call, and forget it here. An unfinished order frame comes next time."""
        at, also = ctypes.c_void_p(), ctypes.c_void_p()
        beats = copied(at, self._lib.engine_beats(self._engine, ctypes.byref(at)))
        frames = order_frames(self._lib.engine_tx(self._engine, ctypes.byref(at), ctypes.byref(also)), at, also)
        return Capture(self.take_streams(), beats, frames)  # which takes them out of the harness

    def save(self) -> Snapshot:
        """The hardware's state, to ``restore``. Only a build with ``waves`` can."""
        if not (handle := self._lib.engine_save(self._engine)):
            raise EngineError("this build has no snapshots: build it with waves=True")
        return Snapshot(self._lib, handle, self.cycle)

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from ``snapshot``."""
        self._lib.engine_restore(self._engine, snapshot.handle)

    @property
    def wave_format(self) -> str:
        """``fst`` or ``vcd``; empty in a build without waveforms."""
        return self._lib.engine_wave_format().decode()

    def wave(self, path: Path, first: int, end: int) -> None:
        """Write the cycles [first, end) to a waveform as they pass; cycle c stands at c ns. Then call ``wave_end``."""
        if not self._lib.engine_wave(self._engine, str(path).encode(), first, end):
            raise EngineError(f"{path}: no waveform: a build with waves=True and a writable path are needed")

    def wave_end(self) -> None:
        self._lib.engine_wave_close(self._engine)
