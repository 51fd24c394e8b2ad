"""From a design to Verilog and to a running bench."""

import importlib
from pathlib import Path

from spec.config import Design

#: Stage name -> class in ``hdl.<stage>``, in the order that data flows.
STAGES = {
    "feed": "Feed",
    "book": "Book",
    "indicators": "Indicators",
    "strategy": "Strategy",
    "risk": "Risk",
    "order": "Order",
}
CORE = "tickwire"  #: Verilog module name of the core; a stage's is ``tickwire_<stage>``


def module_name(unit: str) -> str:
    """Verilog module of ``unit``, a stage's name or ``core``."""
    return CORE if unit == "core" else f"{CORE}_{unit}"


def component(unit: str, design: Design):
    """The gateware of ``unit`` for ``design``."""
    if unit == "core":
        from hdl.top import TickToTrade

        return TickToTrade(design=design)
    return getattr(importlib.import_module(f"hdl.{unit}"), STAGES[unit])(design=design)


def verilog(unit: str, design: Design, directory: Path) -> Path:
    """Write the Verilog of ``unit`` below ``directory`` and return its path."""
    from hdl.export import write_verilog

    name = module_name(unit)
    return write_verilog(component(unit, design), Path(directory) / f"{name}.v", name=name)


def run_bench(unit: str, *, simulator: str, design: str = "small", seed: int = 1, bench: str | None = None,
              testcase: str | None = None, directory: Path = Path("build/benches"), waves: bool = False) -> None:
    """Run ``testbenches.<bench>`` (default: the unit's own) on the unit's Verilog.

    ``design`` is a preset's name or the path of a TOML file. Raises an exception that names the failed tests.
    """
    from sim import simulators
    from testbenches.harness import load_design

    directory = Path(directory) / f"{unit}-{Path(design).stem}"
    path = verilog(unit, load_design(design), directory)
    simulators.run_cocotb(
        simulator=simulator, verilog=path, toplevel=module_name(unit), test_module=f"testbenches.{bench or unit}",
        build_dir=directory / simulator, seed=seed, env={"TICKWIRE_DESIGN": str(design)}, testcase=testcase, waves=waves,
    )
