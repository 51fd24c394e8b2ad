"""The Verilated risk stage by itself, driven cycle by cycle in batches."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sim import build
from spec.config import Design
from spec.records import (
    DECISION,
    INTENT,
    KILL,
    POSITION,
    REPLY,
    SESSION_LIMIT,
    SESSION_LIMIT_SET,
    SYMBOL_BITS,
    SYMBOL_LIMIT,
    SYMBOL_LIMIT_SET,
    UPDATE,
)

from . import compile_harness
from .boundary import Module, Ports, Stream, pointer, u64
from .pack import deposit, offsets, record_words
from .unpack import WORD, words_of

#: What goes in with backpressure.
INPUTS = (REPLY, SYMBOL_LIMIT, SESSION_LIMIT)
#: ``intents`` is an input: seen here for the edges at which it was valid.
PORTS = Ports(streams=(INTENT, DECISION, POSITION, SYMBOL_LIMIT_SET, SESSION_LIMIT_SET, KILL), counters=("risk",),
              alone=True, inputs=("replies", "symbol_limits", "session_limits"))
#: Bits of a row's flags, as in risk_harness.cpp; bits of ``OFFERS`` by input.
_BITS = ("intent", "update", "kill", "kill_release", "session_lost", "queue_full", "no_session", "heard")
FLAGS = {name: 1 << i for i, name in enumerate(_BITS)}
OFFERS = {record.stream: 1 << len(_BITS) + i for i, record in enumerate(INPUTS)}
#: Member -> bits of ``hdl.candidates.Candidates``, from the least significant; ``prices`` by side.
CANDIDATES = {"symbol": SYMBOL_BITS, "action": 2, "host": 1, "target": 32, "quantity": 32, "buy": 32, "sell": 32,
              "reference": 32, "collar_lower": 32, "collar_upper": 32, "bid": 32, "tradable": 1, "gap": 1,
              "short_restricted": 1}


def library(design: Design, directory: Path = Path("build/native")) -> Path:
    """The risk stage of ``design``, compiled for ``RiskEngine``; cached below ``directory``."""
    return compile_harness(build.cached_verilog("risk", design), directory, toplevel=build.module_name("risk"),
                           harness="risk_harness.cpp", ports=PORTS)


def candidates_words(intents: Sequence, other_prices: np.ndarray) -> np.ndarray:
    """What is shown a cycle before each intent; the side that it does not pick has another price."""
    words, at = np.zeros((len(intents), -(-sum(CANDIDATES.values()) // WORD)), np.uint64), offsets(CANDIDATES)
    columns = {name: np.array(column, np.uint64)
               for name, column in zip(INTENT.tuple._fields, zip(*intents, strict=True), strict=True)}
    sells = columns["side"].astype(bool)
    columns["buy"] = np.where(sells, other_prices, columns["price"])
    columns["sell"] = np.where(sells, columns["price"], other_prices)
    for name, bits in CANDIDATES.items():
        deposit(words, at[name], columns[name], bits)
    return words


@dataclass
class Batch:
    """Some cycles.

    Parameters
    ----------
    flags
        uint32, per cycle: ``FLAGS`` and ``OFFERS``.
    ns
        uint64, per cycle: time.
    intents, updates
        Records, one for each row with that flag.
    offered
        Stream -> records, at most one for each row that offers one; they wait until the hardware takes them.
    """

    flags: np.ndarray
    ns: np.ndarray
    intents: list = field(default_factory=list)
    updates: list = field(default_factory=list)
    offered: dict[str, list] = field(default_factory=lambda: {record.stream: [] for record in INPUTS})

    def __len__(self) -> int:
        return len(self.flags)


class RiskEngine(Module):
    """One risk stage, out of reset and ready. Its memories start with noise.

    Parameters
    ----------
    library : Path
        From ``library``.
    seed : int
        Of the noise in memories and on ports where nothing is valid.
    """

    FUNCTIONS = (
        ("engine_later", None, pointer, ctypes.c_int, pointer, u64, u64),
        ("engine_waiting", u64, pointer),
        ("engine_play", None, pointer, pointer, pointer, u64, pointer, pointer, pointer),
    )

    def __init__(self, library: Path, *, seed: int = 0, ready_within: int = 1 << 20):
        super().__init__(library, PORTS, seed)
        self._rng = np.random.default_rng(seed)
        self.reset(ready_within)

    def play(self, batch: Batch) -> int:
        """Let the batch's cycles pass, after one that shows nothing. Returns the edge of its first row."""
        for i, record in enumerate(INPUTS):
            rows = batch.offered[record.stream]
            words = record_words(record, rows)
            self._lib.engine_later(self._engine, i, words.ctypes.data, words_of(record), len(rows))
        flags, ns = np.ascontiguousarray(batch.flags, np.uint32), np.ascontiguousarray(batch.ns, np.uint64)
        count = len(batch.intents)
        assert count == np.count_nonzero(flags & FLAGS["intent"]) and len(ns) == len(flags)
        assert len(batch.updates) == np.count_nonzero(flags & FLAGS["update"])
        intents, updates = record_words(INTENT, batch.intents), record_words(UPDATE, batch.updates)
        candidates = (candidates_words(batch.intents, self._rng.integers(0, 1 << 32, count, np.uint64)) if count
                      else np.zeros((0, 1), np.uint64))
        first = self.cycle + 1
        self._lib.engine_play(self._engine, flags.ctypes.data, ns.ctypes.data, len(flags), intents.ctypes.data,
                              candidates.ctypes.data, updates.ctypes.data)
        return first

    @property
    def waiting(self) -> int:
        """Offered records that the hardware has not taken yet."""
        return self._lib.engine_waiting(self._engine)

    def capture(self) -> dict[str, Stream]:
        """Every record since the last call."""
        return self.take_streams()
