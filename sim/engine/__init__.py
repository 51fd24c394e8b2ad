"""The native replay engine: the Verilated core in this process, some hundred thousand cycles a second.

    library = build(verilog, directory)
    engine = Engine(library)
    engine.send(Batch.of(frames))
    engine.idle(200)
    capture = engine.capture()
"""

import hashlib
from pathlib import Path

from sim import simulators

from .native import ALL_PORTS, HARNESS, Batch, Capture, Engine, EngineError, OrderFrame, Ports, Snapshot, Stream

__all__ = ["Batch", "Capture", "Engine", "EngineError", "OrderFrame", "Ports", "Snapshot", "Stream", "build"]

TOP = "tickwire"


def build(verilog: Path, directory: Path, *, ports: Ports = ALL_PORTS, waves: bool = False) -> Path:
    """The core in ``verilog`` (module ``tickwire``) as a shared library for ``Engine``, cached below ``directory``.

    ``waves`` builds in waveforms and snapshots, at some cost in speed.
    """
    header = Path(directory) / "ports" / hashlib.sha256(ports.header().encode()).hexdigest()[:12] / "ports.h"
    if not header.exists():
        header.parent.mkdir(parents=True, exist_ok=True)
        header.write_text(ports.header())
    return simulators.verilate(verilog=verilog, toplevel=TOP, harness=HARNESS, headers=[header],
                               build_dir=Path(directory), trace=waves, savable=waves)
