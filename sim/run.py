"""What came of a replay."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from spec.config import Design

from .differences import Difference, Place
from .latency import Jitter, Row


class Progress(NamedTuple):
    """How far a run is. ``phase`` is ``generating Verilog``, ``building the simulation`` or ``replaying``."""

    phase: str
    messages: int = 0
    offset: int = 0  #: in the input


@dataclass(frozen=True)
class Order:
    """One order frame as it left."""

    message: int
    cycle: int  #: SOF
    tick_to_trade: int  #: cycles, EOT to SOF
    time_ns: int  #: of the frame that triggered it, plus tick to trade
    octets: bytes  #: of the frame
    decision: tuple  #: spec.records.DECISION that it carries out
    place: Place | None = None  #: of the message


@dataclass
class SymbolState:
    """What hardware last said about a symbol; ``None`` until it said anything."""

    stock: str
    updates: int = 0
    update: tuple | None = None  #: spec.records.UPDATE
    quote: tuple | None = None  #: the last UPDATE with orders on both sides; a day ends with empty books
    indicator: tuple | None = None  #: INDICATOR
    vwap: tuple | None = None  #: VWAP


@dataclass
class Run:
    """What came of a replay. ``passed`` is the verdict: no difference, no jitter, no budget exceeded, input intact."""

    design: Design
    frames: int = 0
    cycles: int = 0
    seconds: float = 0.0
    messages: Counter = field(default_factory=Counter)  #: by ITCH type
    symbols: list[SymbolState] = field(default_factory=list)
    compared: dict[str, int] = field(default_factory=dict)  #: by stream
    counters: dict[str, dict[str, int]] = field(default_factory=dict)  #: hardware's
    expected_counters: dict[str, dict[str, int]] = field(default_factory=dict)
    orders: int = 0  #: order frames
    first_orders: list[Order] = field(default_factory=list)
    last_orders: list[Order] = field(default_factory=list)  #: after ``first_orders``
    refusals: int = 0
    differences: int = 0
    differences_by_stream: dict[str, int] = field(default_factory=dict)
    kept_differences: list[Difference] = field(default_factory=list)
    first_difference: Difference | None = None
    latency: list[Row] = field(default_factory=list)
    tick_to_trade: int | None = None  #: cycles
    jitter: list[Jitter] = field(default_factory=list)
    broken_latency: int = 0  #: orders that did not leave when they must
    split_frames: int = 0
    queue: dict[int, int] = field(default_factory=dict)  #: orders still before the wire at an approval -> how often
    peaks: dict[str, int] = field(default_factory=dict)  #: most messages in a window of export.throughput.WINDOWS
    input_error: str = ""  #: the input was damaged from here on; what was good was replayed
    paths: dict[str, Path] = field(default_factory=dict)
    wave_cycles: tuple[int, int] | None = None

    @property
    def updates(self) -> int:
        return sum(symbol.updates for symbol in self.symbols)

    @property
    def exceeded(self) -> list[Row]:
        """Stages whose slowest record exceeded their budget."""
        return [row for row in self.latency if row.exceeded]

    @property
    def passed(self) -> bool:
        return not (self.differences or self.broken_latency or self.split_frames or self.exceeded or self.input_error)
