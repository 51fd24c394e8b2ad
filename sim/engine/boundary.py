"""A Verilated module as a shared library: what engines of the core and of a stage have in common.

Loaded with ctypes: the interface is a dozen functions that take pointers and counts, called a few times per batch of
thousands of frames or messages, so that the cost of a call does not matter; ctypes needs no build step and no
dependency beyond Python, lets two builds live in one process, and releases the GIL while hardware runs, so that the
golden model runs beside it.
"""

import ctypes
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from spec.counters import COUNTERS
from spec.records import RECORDS, REQUESTS, Record

from . import unpack

pointer, u64, text = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_char_p


class EngineError(Exception):
    """The hardware did not do what the engine needs: it never became ready."""


@dataclass(frozen=True)
class Ports:
    """What a module shows at its boundaries."""

    streams: tuple[Record, ...] = RECORDS
    counters: tuple[str, ...] = tuple(COUNTERS)  #: stages
    alone: bool = False  #: a stage by itself, whose port is named ``counters``
    inputs: tuple[str, ...] = (*(record.stream for record in REQUESTS), "clock")  #: streams of the host

    def header(self) -> str:
        """``ports.h`` for boundary.h."""
        streams = " ".join(f"X({record.stream})" for record in self.streams)
        counters = " ".join("X(counters)" if self.alone else f"X({stage}_counters)" for stage in self.counters)
        inputs = " ".join(f"X({name})" for name in self.inputs)
        return f"#define STREAMS(X) {streams}\n#define COUNTERS(X) {counters}\n#define INPUTS(X) {inputs}\n"


@dataclass(frozen=True)
class Stream:
    """The records that one stream carried, in order."""

    record: Record
    cycles: np.ndarray  #: uint64, (n,): edge at which each was valid
    words: np.ndarray  #: uint64, (n, words)

    @classmethod
    def none(cls, record: Record) -> "Stream":
        return cls(record, np.empty(0, np.uint64), np.empty((0, unpack.words_of(record)), np.uint64))

    def __len__(self) -> int:
        return len(self.cycles)

    def __getitem__(self, which) -> "Stream":
        """Some of the records: a slice, or what else numpy takes."""
        return Stream(self.record, self.cycles[which], self.words[which])

    def __add__(self, more: "Stream") -> "Stream":
        return Stream(self.record, np.concatenate([self.cycles, more.cycles]), np.concatenate([self.words, more.words]))

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


def copied(at: ctypes.c_void_p, count: int, dtype=np.uint64) -> np.ndarray:
    """The engine's memory, copied before it is reused."""
    if not count:
        return np.empty(0, dtype)
    size = count * np.dtype(dtype).itemsize
    return np.frombuffer(ctypes.string_at(at, size), dtype)


class Module:
    """One instance of the module in ``library``, not yet reset.

    ``FUNCTIONS`` names what the harness offers beside boundary.h: (name, result, arguments).
    """

    FUNCTIONS: ClassVar[tuple] = ()
    _COMMON = (
        ("engine_new", pointer, u64),
        ("engine_free", None, pointer),
        ("engine_reset", ctypes.c_int, pointer, u64, u64),
        ("engine_idle", None, pointer, u64),
        ("engine_cycle", u64, pointer),
        ("engine_stream", u64, pointer, ctypes.c_int, pointer, pointer),
        ("engine_words", ctypes.c_uint, pointer, ctypes.c_int),
        ("engine_clear", None, pointer),
        ("engine_counters", u64, pointer, pointer),
    )

    def __init__(self, library: Path, ports: Ports, seed: int = 0):
        self.library, self.ports = Path(library), ports
        self._lib = ctypes.CDLL(str(self.library))
        for name, result, *arguments in (*self._COMMON, *self.FUNCTIONS):
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._engine = self._lib.engine_new(seed)
        for i, record in enumerate(ports.streams):
            words = self._lib.engine_words(self._engine, i)
            if words != unpack.words_of(record):
                raise EngineError(f"{record.stream}_payload has {words} words of 64 bits, spec.records says "
                                  f"{unpack.words_of(record)}")

    def __del__(self):
        if getattr(self, "_engine", None):
            self._lib.engine_free(self._engine)
            self._engine = None

    def reset(self, ready_within: int) -> None:
        """Reset for four cycles, whatever is under way, and wait for ``ready``."""
        if not self._lib.engine_reset(self._engine, 4, ready_within):
            raise EngineError(f"the core was not ready within {ready_within} cycles after reset")

    @property
    def cycle(self) -> int:
        """The next clock edge."""
        return self._lib.engine_cycle(self._engine)

    def idle(self, cycles: int) -> None:
        """Let ``cycles`` pass with nothing on the inputs."""
        self._lib.engine_idle(self._engine, cycles)

    def take_streams(self) -> dict[str, Stream]:
        """Every stream's records since the last call; whatever the engine has collected is forgotten."""
        cycles, words, streams = ctypes.c_void_p(), ctypes.c_void_p(), {}
        for i, record in enumerate(self.ports.streams):
            count = self._lib.engine_stream(self._engine, i, ctypes.byref(cycles), ctypes.byref(words))
            width = unpack.words_of(record)
            streams[record.stream] = Stream(record, copied(cycles, count),
                                            copied(words, count * width).reshape(count, width))
        self._lib.engine_clear(self._engine)
        return streams

    def counters(self) -> dict[str, dict[str, int]]:
        """Stage -> counter -> value now."""
        values = np.zeros(self._lib.engine_counters(self._engine, None), np.uint64)
        self._lib.engine_counters(self._engine, values.ctypes.data)
        rest = iter(values.tolist())
        return {stage: {name: next(rest) for name in COUNTERS[stage]} for stage in self.ports.counters}
