"""The Verilated book by itself, fed with messages in batches: one per cycle, or with gaps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim import build
from spec.config import Design
from spec.records import DEPTH, LOAD, MESSAGE, SNAPSHOT, UPDATE, WINDOW

from . import compile_harness
from .boundary import Module, Ports, Stream, pointer, u64
from .pack import OCTETS, ahead_words, message_words, record_words

#: ``messages`` is an input: seen here for the edges at which it was valid.
PORTS = Ports(streams=(MESSAGE, UPDATE, WINDOW, DEPTH, LOAD), counters=("book",), alone=True)


def library(design: Design, directory: Path = Path("build/native")) -> Path:
    """The book of ``design``, compiled for ``BookEngine``; cached below ``directory``."""
    return compile_book(build.cached_verilog("book", design), directory)


def compile_book(verilog: Path, directory: Path = Path("build/native")) -> Path:
    """The book in ``verilog`` (module ``tickwire_book``), compiled for ``BookEngine``."""
    return compile_harness(verilog, directory, toplevel=build.module_name("book"), harness="book_harness.cpp",
                           ports=PORTS)


def octets_of(messages: Sequence[bytes]) -> np.ndarray:
    """Messages as rows of octets, zero past their ends."""
    joined = b"".join(message.ljust(OCTETS, b"\0") for message in messages)
    return np.frombuffer(joined, np.uint8).reshape(-1, OCTETS)


class BookEngine(Module):
    """One book, out of reset and ready. Its memories start with noise.

    Parameters
    ----------
    library : Path
        From ``library``.
    seed : int
        Of the noise in memories, on ``ahead`` and on ``messages`` where nothing is valid.
    threats : float
        Share of cycles without a message in which ``ahead`` is valid the cycle before all the same.
    """

    FUNCTIONS = (
        ("engine_threats", None, pointer, u64),
        ("engine_messages", None, pointer, pointer, pointer, pointer, u64),
        ("engine_snapshot", None, pointer, pointer, u64),
        ("engine_waiting", u64, pointer),
    )

    def __init__(self, library: Path, *, seed: int = 0, threats: float = 0.0, ready_within: int = 1 << 24):
        super().__init__(library, PORTS, seed)
        self._rng = np.random.default_rng(seed)
        self._lib.engine_threats(self._engine, round(256 * threats))
        self._ready_within = ready_within
        self.restart()

    def restart(self) -> None:
        """Reset in the middle of whatever is under way; message numbers begin at 0 again."""
        self.sent = 0
        self.reset(self._ready_within)

    def send(self, octets: np.ndarray, gaps: np.ndarray | None = None, gap_flag: np.ndarray | int = 0) -> None:
        """Show messages, (n, OCTETS) of ``uint8``, with ``gaps[i]`` idle cycles before message i, or one per cycle."""
        count = len(octets)
        words, ahead = message_words(octets, self.sent, gap_flag), ahead_words(octets, self._rng)
        gaps = np.zeros(count, np.uint32) if gaps is None else np.ascontiguousarray(gaps, np.uint32)
        assert len(gaps) == count and words.flags.c_contiguous and ahead.flags.c_contiguous
        self._lib.engine_messages(self._engine, words.ctypes.data, ahead.ctypes.data, gaps.ctypes.data, count)
        self.sent += count

    def load(self, entries: Sequence) -> None:
        """Offer SNAPSHOT records after those that still wait; they go in while time passes."""
        words = record_words(SNAPSHOT, entries)
        self._lib.engine_snapshot(self._engine, words.ctypes.data, len(words))

    @property
    def waiting(self) -> int:
        """Offered SNAPSHOT records that the book has not taken yet."""
        return self._lib.engine_waiting(self._engine)

    def capture(self) -> dict[str, Stream]:
        """Every record since the last call."""
        return self.take_streams()
