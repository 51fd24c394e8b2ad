"""A card behind its server with a host program at it, as an engine of replays."""

import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np

from sim.card.compiled import CompiledCard
from sim.card.engine import CardEngine
from sim.card.registers import Registers
from sim.card.remote import SocketCard
from sim.card.rings import Ring
from sim.card.server import CardServer
from spec.config import Design
from spec.registers import Status
from spec.rings import RINGS, SLOT_OCTETS

_LIMIT = 60  #: s after which something hangs


class Served:
    """A simulated card, its server in a thread, and a client beside the host that feeds the wires."""

    def __init__(self, design: Design, directory: Path):
        self.path = directory / "card"
        self.card = CompiledCard(design)
        self.server = CardServer(self.card, self.path)
        self._thread = threading.Thread(target=self.server.run, daemon=True)
        self._thread.start()
        self.client = SocketCard(self.path)
        self.registers = Registers(self.client)
        self.frames, self.run, self.waiting = self.client.frames, self.client.run, self.client.waiting
        self.left = self.server.observed

    @property
    def cycle(self) -> int:
        return self.card.cycle

    @property
    def held_back(self) -> int:
        return self.card.held_back

    def until(self, bits: Status, wanted: Status) -> None:
        end = time.monotonic() + _LIMIT
        while self.registers.status & bits != wanted:
            assert time.monotonic() < end, f"status {Status(self.registers.status)!r} did not become {wanted!r}"

    def close(self) -> None:
        self.client.close()
        self.server.stop()
        self._thread.join()
        self.card.close()


class HostProgram:
    """``tickwire_host`` at a served card. What it dumps is read as if by a host in this process."""

    def __init__(self, program: Path, served: Served, directory: Path, *options: str):
        self.dump, self._served = directory / "dump", served
        self.registers = served.registers
        command = [program, "--card", f"sim:{served.path}", "--dump", self.dump, "--no-hold", *options]
        self._process = subprocess.Popen([str(part) for part in command], text=True, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT)
        served.until(Status.READY, Status.READY)
        self._files = {record.stream: self.dump / f"{record.stream}.bin" for record in RINGS}
        self.rings = {record.stream: _Dumped(i) for i, record in enumerate(RINGS)}

    def read(self):
        """What has come since. All that the card has sent must have reached the host's file."""
        found = {}
        for i, (name, ring) in enumerate(self.rings.items()):
            produced, end = self.registers.ring_producer[i], time.monotonic() + _LIMIT
            while not self._files[name].exists() or self._files[name].stat().st_size < produced * SLOT_OCTETS:
                assert self._process.poll() is None, f"the host has ended: {self._process.stdout.read()}"
                assert time.monotonic() < end, f"{name}: the host has dumped less than {produced} slots"
                time.sleep(0.001)
            found[name] = ring.read(self._files[name])
        return found

    def end(self) -> tuple[int, str]:
        """Ctrl-C. Returns exit code and output."""
        self._process.send_signal(signal.SIGINT)
        said, _ = self._process.communicate(timeout=_LIMIT)
        return self._process.returncode, said


class _Dumped:
    """A ring's slots, one lap after the other in a file."""

    def __init__(self, index: int):
        self._index, self._at = index, 0

    def read(self, path: Path):
        octets = np.fromfile(path, np.uint8, offset=self._at)
        octets = octets[: len(octets) // SLOT_OCTETS * SLOT_OCTETS].reshape(-1, SLOT_OCTETS)
        self._at += octets.size
        # Phases as a ring of its own has them: all on its first lap.
        octets[:, -1] = 1
        ring = Ring(np.concatenate([octets, np.zeros((1, SLOT_OCTETS), np.uint8)]).reshape(-1), self._index)
        return ring.read()


class ServedEngine(CardEngine):
    """Closes nothing: the host program is still to end."""

    def close(self) -> None:
        pass
