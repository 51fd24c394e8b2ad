"""The core in a cocotb simulation, behind the same calls as the native engine.

A simulator is a process of its own, where ``inside`` drives the core cycle by cycle: a hundred times slower, and a
second opinion. What is called here is done there.
"""

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Iterable
from multiprocessing.connection import Client, Listener
from pathlib import Path

import numpy as np

from sim import simulators
from spec.records import RECORDS

from . import unpack
from .boundary import EngineError, Stream
from .native import Batch, Capture, OrderFrame

ADDRESS = "TICKWIRE_ENGINE"  #: environment variable with the socket on which ``inside`` finds its caller
_DAYS = 10 * 86_400.0  #: seconds until a simulation is taken to hang


class RemoteEngine:
    """One core, out of reset and ready. What is not said here is as of ``Engine``. A context manager.

    Parameters
    ----------
    simulator : str
        ``verilator`` or ``icarus``.
    verilog : Path
        With the module ``tickwire``.
    directory : Path
        Builds and logs land below it.
    ready_within : int
        Cycles.
    """

    wave_format = ""  #: it records none

    def __init__(self, simulator: str, verilog: Path, directory: Path, *, ready_within: int = 1 << 24):
        self._failure: Exception | None = None
        self._scratch = tempfile.mkdtemp(prefix="tickwire-")
        address = f"{self._scratch}/engine"
        with Listener(address) as listener:
            self._thread = threading.Thread(target=self._simulate, args=(simulator, verilog, directory, address),
                                            name=f"cocotb-{simulator}", daemon=True)
            self._thread.start()
            self._there = listener.accept()
        if not self._call("start", ready_within):
            self.close()
            raise EngineError(f"the core was not ready within {ready_within} cycles after reset")

    def _simulate(self, simulator: str, verilog: Path, directory: Path, address: str) -> None:
        try:
            run = simulators.run_cocotb(
                simulator=simulator, verilog=verilog, toplevel="tickwire", test_module="sim.engine.inside",
                build_dir=directory, seed=1, env={ADDRESS: address}, timeout=_DAYS)
            shutil.rmtree(run.log.parent, ignore_errors=True)
        except Exception as error:
            self._failure = error
            with contextlib.suppress(OSError):
                Client(address).close()  # nobody else will call

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """End the simulation."""
        with contextlib.suppress(OSError):
            self._there.send(None)  # hanging up is not enough: a forked process may hold the line
        self._there.close()
        self._thread.join()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _call(self, name: str, *arguments):
        try:
            self._there.send((name, arguments))
            return self._there.recv()
        except (EOFError, ConnectionError):
            self._thread.join()
            raise self._failure or EngineError("the simulation ended") from None

    @property
    def cycle(self) -> int:
        return self._call("state")[0]

    @property
    def held_back(self) -> int:
        return self._call("state")[1]

    @property
    def waiting(self) -> int:
        return self._call("state")[2]

    @property
    def cpu_seconds(self) -> float:
        """That the simulation has computed so far."""
        return self._call("cpu")

    def send(self, batch: Batch) -> None:
        taken = self._call("send", batch.octets, batch.lengths.tolist(), batch.gaps.tolist(), batch.errors.tolist())
        if taken != len(batch):
            raise EngineError(f"RX stopped accepting beats at cycle {self.cycle}, in frame {taken} of the batch")

    def idle(self, cycles: int) -> None:
        self._call("idle", cycles)

    def session(self, frames: Iterable[bytes], gap: int = 0) -> None:
        self._call("session", list(frames), gap)

    def put(self, stream: str, records: Iterable[int], bits: int) -> None:
        self._call("put", stream, list(records))

    def kill(self, on: bool = True) -> None:
        self._call("level", "kill", on)

    def release(self, on: bool = True) -> None:
        self._call("level", "kill_release", on)

    def handback(self, on: bool = True) -> None:
        self._call("level", "handback", on)

    def counters(self) -> dict[str, dict[str, int]]:
        return self._call("counters")

    def capture(self) -> Capture:
        seen, beats, frames = self._call("capture")
        streams = {}
        for record, (cycles, octets) in zip(RECORDS, seen, strict=True):
            words = np.frombuffer(octets, np.uint64).reshape(len(cycles), unpack.words_of(record))
            streams[record.stream] = Stream(record, np.array(cycles, np.uint64), words)
        return Capture(streams, np.array(beats, np.uint64), [OrderFrame(*frame) for frame in frames])
