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
from .remote import RemoteEngine

__all__ = ["ENGINES", "Batch", "Capture", "Engine", "EngineError", "OrderFrame", "Ports", "RemoteEngine", "Snapshot",
           "Stream", "build", "compile_harness", "start"]

TOP = "tickwire"
NATIVE = "native"
#: What the core can run in: this process, or cocotb in a simulator.
ENGINES = (NATIVE, *(f"cocotb-{simulator}" for simulator in simulators.SIMULATORS))


def start(engine: str, verilog: Path, directory: Path, *, waves: bool = False) -> Engine | RemoteEngine:
    """The core in ``verilog`` (module ``tickwire``) in one of ``ENGINES``, built below ``directory``.

    ``waves`` as of ``build``. Raises ``ValueError`` for another engine, and for waveforms of one that has none.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if engine == NATIVE:
        return Engine(build(verilog, directory, waves=waves))
    if waves:
        raise ValueError(f"waves must be False with {engine}, whose waveforms are those of `tickwire test --waves`")
    return RemoteEngine(engine.removeprefix("cocotb-"), verilog, Path(directory))


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
