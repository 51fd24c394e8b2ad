"""The Verilated core as a shared library, fed with frames in batches.

Loaded with ctypes: the interface is a dozen functions that take pointers and counts, called a few times per batch of
thousands of frames, so that the cost of a call does not matter; ctypes needs no build step and no dependency beyond
Python, lets two builds of the core live in one process, and releases the GIL while hardware runs, so that the golden
model runs beside it.
"""

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from spec.counters import COUNTERS
from spec.records import RECORDS, Record

from . import unpack

HARNESS = Path(__file__).with_name("harness.cpp")
TX_COLUMNS = ("offered", "accepted", "last", "octets", "error")  #: as in harness.cpp


@dataclass(frozen=True)
class Ports:
    """What the core shows at its boundaries."""

    streams: tuple[Record, ...] = RECORDS
    counters: tuple[str, ...] = tuple(COUNTERS)  #: stages

    def header(self) -> str:
        """``ports.h`` for harness.cpp."""
        streams = " ".join(f"X({record.stream})" for record in self.streams)
        return (f"#define STREAMS(X) {streams}\n"
                f"#define COUNTERS(X) {' '.join(f'X({stage})' for stage in self.counters)}\n")


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


@dataclass(frozen=True)
class Stream:
    """The records that one stream carried, in order."""

    record: Record
    cycles: np.ndarray  #: uint64, (n,): edge at which each was valid
    words: np.ndarray  #: uint64, (n, words)

    def __len__(self) -> int:
        return len(self.cycles)

    @cached_property
    def columns(self) -> dict[str, np.ndarray | list[int]]:
        """Field name -> values, as of ``unpack.columns``."""
        return unpack.columns(self.record, self.words)

    @cached_property
    def rows(self) -> list[tuple[int, ...]]:
        """Every record as a plain tuple, equal to ``record.tuple``."""
        return list(zip(*(c if isinstance(c, list) else c.tolist() for c in self.columns.values()), strict=True))

    @property
    def messages(self) -> np.ndarray:
        """The message number of each record: every record's lowest field."""
        return (self.words[:, 0] & np.uint64(0xFFFF_FFFF)).astype(np.int64)


@dataclass(frozen=True)
class Capture:
    """What happened since the last capture."""

    streams: dict[str, Stream]
    beats: np.ndarray  #: uint64: edge at which each RX beat was accepted, frame after frame
    tx: list[OrderFrame] = field(default_factory=list)


ALL_PORTS = Ports()


class EngineError(Exception):
    """The hardware did not do what the engine needs: it never became ready."""


def _load(library: Path) -> ctypes.CDLL:
    lib = ctypes.CDLL(str(library))
    pointer, u64, text = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_char_p
    for name, result, *arguments in (
        ("engine_new", pointer),
        ("engine_free", None, pointer),
        ("engine_reset", ctypes.c_int, pointer, u64, u64),
        ("engine_patterns", None, pointer, u64, u64, u64, u64),
        ("engine_kill", None, pointer, ctypes.c_int),
        ("engine_frames", u64, pointer, text, pointer, pointer, pointer, u64),
        ("engine_idle", None, pointer, u64),
        ("engine_cycle", u64, pointer),
        ("engine_held_back", u64, pointer),
        ("engine_stream", u64, pointer, ctypes.c_int, pointer, pointer),
        ("engine_words", ctypes.c_uint, pointer, ctypes.c_int),
        ("engine_beats", u64, pointer, pointer),
        ("engine_tx", u64, pointer, pointer, pointer),
        ("engine_clear", None, pointer),
        ("engine_counters", u64, pointer, pointer),
        ("engine_wave_format", text),
        ("engine_wave", ctypes.c_int, pointer, text, u64, u64),
        ("engine_wave_close", ctypes.c_int, pointer),
        ("engine_save", pointer, pointer),
        ("engine_restore", None, pointer, pointer),
        ("snapshot_free", None, pointer),
    ):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def _copy(at: ctypes.c_void_p, count: int, dtype=np.uint64) -> np.ndarray:
    """The engine's memory, copied before it is reused."""
    if not count:
        return np.empty(0, dtype)
    size = count * np.dtype(dtype).itemsize
    return np.frombuffer(ctypes.string_at(at, size), dtype)


class Snapshot:
    """The state of the hardware between two batches. Belongs to one build of the core."""

    def __init__(self, lib: ctypes.CDLL, handle: int, cycle: int):
        self._lib, self.handle, self.cycle = lib, handle, cycle

    def __del__(self):
        self._lib.snapshot_free(self.handle)


class Engine:
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

    def __init__(self, library: Path, *, ports: Ports = ALL_PORTS, rx: str = "1", tx: str = "1",
                 ready_within: int = 1 << 24):
        for name, pattern in (("rx", rx), ("tx", tx)):
            if not 1 <= len(pattern) <= 64 or set(pattern) - set("01") or "1" not in pattern:
                raise ValueError(f"{name} must be 1 to 64 characters 0 and 1, a 1 among them, not {pattern!r}")
        self.library, self.ports = Path(library), ports
        self._lib = _load(self.library)
        self._engine = self._lib.engine_new()
        self._check_widths()
        bits = [part for pattern in (rx, tx) for part in (int(pattern[::-1], 2), len(pattern))]
        self._lib.engine_patterns(self._engine, *bits)
        if not self._lib.engine_reset(self._engine, 4, ready_within):
            raise EngineError(f"the core was not ready within {ready_within} cycles after reset")

    def _check_widths(self) -> None:
        for i, record in enumerate(self.ports.streams):
            words = self._lib.engine_words(self._engine, i)
            if words != unpack.words_of(record):
                raise EngineError(f"{record.stream}_payload has {words} words of 64 bits, spec.records says "
                                  f"{unpack.words_of(record)}")

    def __del__(self):
        if getattr(self, "_engine", None):
            self._lib.engine_free(self._engine)
            self._engine = None

    @property
    def cycle(self) -> int:
        """The next clock edge."""
        return self._lib.engine_cycle(self._engine)

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

    def idle(self, cycles: int) -> None:
        """Let ``cycles`` pass with nothing on RX."""
        self._lib.engine_idle(self._engine, cycles)

    def kill(self, on: bool = True) -> None:
        """Drive the kill switch from the next edge on."""
        self._lib.engine_kill(self._engine, on)

    def capture(self) -> Capture:
        """Everything observed since the last call, and forget it here. An unfinished order frame comes next time."""
        at, also = ctypes.c_void_p(), ctypes.c_void_p()
        streams = {}
        for i, record in enumerate(self.ports.streams):
            count = self._lib.engine_stream(self._engine, i, ctypes.byref(at), ctypes.byref(also))
            width = unpack.words_of(record)
            streams[record.stream] = Stream(record, _copy(at, count), _copy(also, count * width).reshape(count, width))
        beats = _copy(at, self._lib.engine_beats(self._engine, ctypes.byref(at)))
        frames = []
        if count := self._lib.engine_tx(self._engine, ctypes.byref(at), ctypes.byref(also)):
            table = _copy(at, count * len(TX_COLUMNS)).reshape(count, len(TX_COLUMNS))
            octets, end = ctypes.string_at(also, int(table[:, TX_COLUMNS.index("octets")].sum())), 0
            for offered, accepted, last, length, error in table.tolist():
                frames.append(OrderFrame(octets[end : end + length], offered, accepted, last, bool(error)))
                end += length
        self._lib.engine_clear(self._engine)
        return Capture(streams, beats, frames)

    def counters(self) -> dict[str, dict[str, int]]:
        """Stage -> counter -> value now."""
        values = np.zeros(self._lib.engine_counters(self._engine, None), np.uint64)
        self._lib.engine_counters(self._engine, values.ctypes.data)
        rest = iter(values.tolist())
        return {stage: {name: next(rest) for name in COUNTERS[stage]} for stage in self.ports.counters}

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
