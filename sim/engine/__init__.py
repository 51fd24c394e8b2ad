"""The native replay engine: the Verilated core in this process, some hundred thousand cycles a second.

    library = build(verilog, directory)
    engine = Engine(library)
    engine.send(Batch.of(frames))
    engine.idle(200)
    capture = engine.capture()
"""

from pathlib import Path

from .native import HARNESS, Batch, Capture, Engine, EngineError, OrderFrame, Ports, Snapshot, Stream

__all__ = ["Batch", "Capture", "Engine", "EngineError", "OrderFrame", "Ports", "Snapshot", "Stream", "build"]

TOP = "tickwire"


def build(verilog: Path, directory: Path, *, ports: Ports = Ports(), waves: bool = False) -> Path:
    """The core in ``verilog`` (module ``tickwire``) as a shared library for ``Engine``, built below ``directory``.

    ``waves`` builds in waveforms and snapshots, at some cost in speed.
    """
    from sim import simulators

    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    header = directory / "ports.h"
    if not header.exists() or header.read_text() != ports.header():
        header.write_text(ports.header())
    return simulators.verilate(verilog, top=TOP, harness=HARNESS, include=[header], directory=directory, waves=waves)
