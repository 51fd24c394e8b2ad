"""From a design to the figures of each stage and of the core, two at a time and only what changed."""

import contextlib
import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from sim import build
from sim.simulators import CHECKOUT
from spec.config import ConfigError, Design

from . import depth, memories, resources, yosys
from .netlist import Netlist

HOT_PATH = ("feed", "book", "strategy", "risk", "order")  #: stages between the message and the order
_BESIDE = ("indicators", "vwaps")  # registers and ports of what is beside it
LEVELS = 6  #: of logic that may lie between two registers of the hot path
_DIRECTORY = CHECKOUT / "build" / "synth"


@dataclass(frozen=True)
class Unit:
    """What was found in a stage, mapped by itself, or in the core."""

    name: str
    resources: resources.Resources
    paths: list[depth.Path]  #: the deepest into each register, deepest first
    faults: list[str]  #: of memories

    @property
    def levels(self) -> int:
        """Of the deepest path."""
        return self.paths[0].levels if self.paths else 0

    def deeper(self, levels: int) -> list[depth.Path]:
        """Paths of more than ``levels``."""
        return [path for path in self.paths if path.levels > levels]


@dataclass(frozen=True)
class Synthesis:
    """Of a design: stages in the order that data flows, then the core."""

    design: str
    units: list[Unit]

    def exceeded(self, levels: int) -> list[tuple[str, depth.Path]]:
        """Stage and path, for every register of the hot path that more than ``levels`` of logic lead to.

        From the core come those alone that a stage by itself does not have: they run across a boundary.
        """
        found = [(unit.name, path) for unit in self.units if unit.name in HOT_PATH for path in unit.deeper(levels)]
        known = {f"{stage}.{path.end}" for stage, path in found}
        return found + [("core", path) for unit in self.units if unit.name == "core" for path in unit.deeper(levels)
                        if path.end not in known and not path.end.startswith(_BESIDE)]


def netlist(verilog: Path, top: str, *, memories_only: bool = False, beside: str = yosys.BESIDE[0]) -> Netlist:
    """Map ``verilog``, or take the result of the last time that these octets were mapped."""
    key = f"{yosys.version(beside)}{top}{memories_only}".encode() + Path(verilog).read_bytes()
    path = _DIRECTORY / f"{top}-{hashlib.sha256(key).hexdigest()[:16]}.json.gz"
    if not path.exists():
        yosys.prepare(_DIRECTORY)
        content = yosys.read(verilog, top, memories_only=memories_only, beside=beside)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:  # whoever looks meanwhile sees all or nothing
            whole = Path(scratch) / path.name
            whole.write_bytes(gzip.compress(json.dumps(content).encode(), compresslevel=3, mtime=0))
            os.replace(whole, path)
    return Netlist.of(json.loads(gzip.decompress(path.read_bytes())))


def _synthesise(unit: str, design: Design) -> Unit:
    """The first mapping that is not too deep, else the least deep one: each shows what can be done."""
    verilog, found = build.cached_verilog(unit, design, source_lines=True), []
    for beside in yosys.BESIDE:
        mapped = netlist(verilog, build.module_name(unit), beside=beside)
        found.append(Unit(unit, resources.count(mapped), depth.deepest(mapped), memories.faults(mapped)))
        if not Synthesis(unit, found[-1:]).exceeded(LEVELS):
            return found[-1]
    return min(found, key=lambda one: one.levels)


def synthesise(design: Design, name: str, *, units: list[str] | None = None, jobs: int = 2,
               progress: Callable[[str, int], None] = lambda what, done: None) -> Synthesis:
    """Map ``units`` (default: all stages and the core; ``kernel`` only by name) of ``design``, ``jobs`` at a time."""
    every = (*build.STAGES, "core", "kernel")
    if unknown := [unit for unit in units or () if unit not in every]:
        raise ConfigError(f"no stage is called {unknown[0]!r}; choose from {', '.join(every)}")
    order = [unit for unit in every if (unit in units if units else unit != "kernel")]
    progress("preparing Yosys", 0)
    yosys.prepare(_DIRECTORY)
    done: dict[str, Unit] = {}
    # spawn: a fork would copy the progress bar's thread and locks.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        # The largest first: the core, then the book.
        waiting = {pool.submit(_synthesise, unit, design): unit
                   for unit in sorted(order, key=lambda unit: (unit != "kernel", unit != "core", unit != "book"))}
        try:
            while waiting:
                progress("mapping " + ", ".join(list(waiting.values())[:jobs]), len(done))
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    done[waiting.pop(future)] = future.result()
        finally:
            with contextlib.suppress(Exception):
                pool.shutdown(wait=False, cancel_futures=True)
    return Synthesis(name, [done[unit] for unit in order])
