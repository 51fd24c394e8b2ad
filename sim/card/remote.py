"""A simulated card behind its socket (``server``), as any card."""

import mmap
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sim.engine.native import Batch

from . import CardError
from .server import MAGIC

_OKAY = 0
_TOGETHER = 64  #: frames that are sent before their answers are read


class SocketCard:
    """The client of a ``CardServer``. A context manager.

    Raises ``CardError`` if there is none at ``path``, and if it goes away.
    """

    def __init__(self, path: Path):
        self._path = Path(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            raise CardError(f"{path}: no simulated card there: {error.strerror or error}") from None
        if self._receive(4) != MAGIC:
            raise CardError(f"{path}: no simulated card there: expected {MAGIC.decode()}")
        size, length = struct.unpack("<QH", self._receive(10))
        with open(self._receive(length), "r+b") as file:
            self.memory = np.frombuffer(mmap.mmap(file.fileno(), size), np.uint8)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        self._socket.close()

    def _receive(self, count: int) -> bytes:
        octets = b""
        while len(octets) < count:
            try:
                more = self._socket.recv(count - len(octets))
            except OSError as error:
                raise CardError(f"{self._path}: {error.strerror or error}") from None
            if not more:
                raise CardError(f"{self._path}: the simulated card has gone")
            octets += more
        return octets

    def _ask(self, request: bytes, form: str) -> tuple:
        try:
            self._socket.sendall(request)
        except OSError as error:
            raise CardError(f"{self._path}: {error.strerror or error}") from None
        return struct.unpack(form, self._receive(struct.calcsize(form)))

    def read(self, address: int) -> int:
        """A register's word. Raises ``CardError`` for SLVERR."""
        response, data = self._ask(struct.pack("<cI", b"R", address), "<BI")
        if response != _OKAY:
            raise CardError(f"read of register 0x{address:04x}: SLVERR")
        return data

    def write(self, address: int, value: int) -> None:
        response, = self._ask(struct.pack("<cII", b"W", address, value), "<B")
        if response != _OKAY:
            raise CardError(f"write to register 0x{address:04x}: SLVERR")

    def allocate(self, octets: int) -> int:
        """The address of so much host memory; freed when the connection ends."""
        address, = self._ask(struct.pack("<cQ", b"A", octets), "<Q")
        if not address:
            raise CardError(f"no room for {octets} octets in host memory of {len(self.memory)}")
        return address

    def buffer(self, address: int, octets: int) -> np.ndarray:
        """Host memory that was allocated, as octets."""
        return self.memory[address : address + octets]

    def frames(self, wire: int, batch: Batch) -> None:
        """Put frames on a wire; they go in while time passes."""
        end, requests = 0, []
        for length, gap, error in zip(batch.lengths.tolist(), batch.gaps.tolist(), batch.errors.tolist(), strict=True):
            requests.append(struct.pack("<cIcBBI", b"G", gap, b"P", wire, error, length)
                            + batch.octets[end : end + length])
            end += length
        for first in range(0, len(requests), _TOGETHER):
            some = requests[first : first + _TOGETHER]
            self._ask(b"".join(some), f"<{2 * len(some)}s")

    def waiting(self, wire: int | None = None) -> int:
        """Frames that have not gone in whole, on all wires."""
        return self._ask(b"N", "<Q")[0]

    def left(self) -> Iterator[bytes]:
        """Frames that left on TX since the last call."""
        while length := self._ask(b"T", "<I")[0]:
            yield self._receive(length)

    def run(self, cycles: int) -> int:
        """Let so many cycles pass at least. Returns the cycle."""
        return self._ask(struct.pack("<cI", b"I", cycles), "<Q")[0]
