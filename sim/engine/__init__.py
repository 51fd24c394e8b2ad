"""The native replay engine: the Verilated core in this process, some three hundred thousand cycles a second.

    library = build(verilog, directory)
    engine = Engine(library)
    engine.send(Batch.of(frames))
    engine.idle(200)
    capture = engine.capture()
"""

import hashlib
from pathlib import Path

from sim import simulators

from .boundary import EngineError, Ports, Stream
from .clocked import clocked
from .native import ALL_PORTS, Batch, Capture, Engine, OrderFrame, Snapshot

__all__ = ["Batch", "Capture", "Engine", "EngineError", "OrderFrame", "Ports", "Snapshot", "Stream", "build",
           "compile_harness"]

TOP = "tickwire"


def build(verilog: Path, directory: Path, *, ports: Ports = ALL_PORTS, waves: bool = False) -> Path:
    """The core in ``verilog`` (module ``tickwire``) as a shared library for ``Engine``, cached below ``directory``.

    ``waves`` builds in waveforms and snapshots, at some cost in speed.
    """
    return compile_harness(clocked(verilog, directory, toplevel=TOP), directory, toplevel=TOP, harness="harness.cpp",
                           ports=ports, waves=waves)


def compile_harness(verilog: Path, directory: Path, *, toplevel: str, harness: str, ports: Ports,
                    waves: bool = False) -> Path:
    """``verilog`` and ``harness``, a file of this folder, as a shared library, cached below ``directory``."""
    header = Path(directory) / "ports" / hashlib.sha256(ports.header().encode()).hexdigest()[:12] / "ports.h"
    if not header.exists():
        header.parent.mkdir(parents=True, exist_ok=True)
        header.write_text(ports.header())
    here = Path(__file__).parent
    headers = [header, here / "boundary.h", here / "inputs.h", here / "noise.h"]
    return simulators.verilate(verilog=verilog, toplevel=toplevel, harness=here / harness, headers=headers,
                               build_dir=Path(directory), trace=waves, savable=waves)
