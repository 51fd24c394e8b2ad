"""A simulated card at a Unix socket: whoever writes a host program has a card to write it against.

The kernel runs freely meanwhile. One client at a time is the host; others, who feed the wires, may be there beside it.
All numbers are little-endian. On connect the server says ``TWC1``, the size of host memory in 8 octets, and in 2 octets
and text the path of the file that it is: an address on the card is an offset in it.

======= =============================== ======================================================================
request what follows                    answer
======= =============================== ======================================================================
R       u32 address                     u8 response (0 OKAY, 2 SLVERR), u32 data
W       u32 address, u32 data           u8 response
A       u64 octets                      u64 address of so much memory, zeros; 0 = no room; freed with the client
P       u8 wire, u8 bad, u32 length,    u8 0: the frame waits for its turn on the wire
        octets
G       u32 cycles                      u8 0: idle cycles before the next frame of this client
N       (nothing)                       u64 frames that wait
T       (nothing)                       u32 length, octets: the next frame that left on TX; length 0 = none yet
I       u32 cycles                      u64 cycle: so many have passed at least
======= =============================== ======================================================================
"""

import selectors
import socket
import struct
from collections import deque
from pathlib import Path

import numpy as np

from sim.engine.native import Batch, OrderFrame

from . import CardError
from .compiled import RX, SESSION_RX, CompiledCard

MAGIC = b"TWC1"
IDLE, BUSY = 2048, 64  #: cycles between two looks at the clients
_SLVERR = 2
_LONGEST = 1 << 14  #: octets of a frame
_SIZES = {b"R": 4, b"W": 8, b"A": 8, b"P": 6, b"G": 4, b"N": 0, b"T": 0, b"I": 4}  #: of what follows a request's letter


class _Client:
    """One connection, and what has come of a request."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.octets = bytearray()
        self.memory: list[tuple[int, int]] = []
        self.gap = 0  # idle cycles before its next frame

    def take(self) -> tuple[bytes, bytes] | None:
        """The next whole request: its letter and what follows. Raises ``ValueError`` for what is none."""
        if not self.octets:
            return None
        letter = bytes(self.octets[:1])
        if letter not in _SIZES:
            raise ValueError(f"request {letter!r}: expected one of {b''.join(_SIZES).decode()}")
        end = 1 + _SIZES[letter]
        if len(self.octets) < end:
            return None
        if letter == b"P":
            wire, _, length = struct.unpack("<BBI", self.octets[1:end])
            if wire not in (RX, SESSION_RX) or not 0 < length <= _LONGEST:
                raise ValueError(f"a frame of {length} octets for wire {wire}: expected 1 to {_LONGEST}, for 0 or 1")
            end += length
            if len(self.octets) < end:
                return None
        body = bytes(self.octets[1:end])
        del self.octets[:end]
        return letter, body


class CardServer:
    """Serves ``card`` at ``path`` until ``stop``. Use ``run`` in a thread, or ``serve_once`` in a loop of your own.

    Parameters
    ----------
    say
        Called with a line for people: who came, who went, what was no request.
    """

    def __init__(self, card: CompiledCard, path: Path, *, say=lambda line: None):
        self.card, self.path, self._say = card, Path(path), say
        self._stopped = False
        self._left: deque[OrderFrame] = deque()
        self._beats: deque[np.ndarray] = deque(maxlen=1 << 16)
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.path.unlink(missing_ok=True)
        try:
            self._listener.bind(str(self.path))
        except OSError as error:
            raise CardError(f"{self.path}: no socket there: {error.strerror or error}") from None
        self._listener.listen()
        self._selector.register(self._listener, selectors.EVENT_READ)

    def stop(self) -> None:
        """From any thread: ``run`` returns soon."""
        self._stopped = True

    def run(self) -> None:
        try:
            while not self._stopped:
                self.serve_once()
        finally:
            self.close()

    def observed(self) -> tuple[np.ndarray, list[OrderFrame]]:
        """As ``CompiledCard.left``, of what no client has asked for. From any thread."""
        beats = [self._beats.popleft() for _ in range(len(self._beats))]
        frames = [self._left.popleft() for _ in range(len(self._left))]
        return np.concatenate([np.empty(0, np.uint64), *beats]), frames

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            key.fileobj.close()
        self._selector.close()
        self.path.unlink(missing_ok=True)

    def serve_once(self) -> None:
        """Answer whoever has asked, and let some time pass on the card; more if nobody has."""
        asked = self._selector.select(0)
        self.card.run(BUSY if asked else IDLE)
        beats, frames = self.card.left()
        self._left += frames
        if len(beats):
            self._beats.append(beats)
        for key, _ in asked:
            if key.fileobj is self._listener:
                self._accept()
            else:
                self._hear(key.data)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        path = str(self.card.path).encode()
        connection.sendall(MAGIC + struct.pack("<QH", len(self.card.memory), len(path)) + path)
        self._selector.register(connection, selectors.EVENT_READ, _Client(connection))
        self._say("a client has come")

    def _hear(self, client: _Client) -> None:
        """Requests come in bursts: all of one are answered before time passes by itself."""
        try:
            said = client.connection.recv(1 << 16)
            if not said:
                return self._forget(client, "a client has gone")
            client.octets += said
            while request := client.take():
                client.connection.sendall(self._answer(client, *request))
        except ValueError as error:
            self._forget(client, f"a client was cut off: {error}")
        except OSError:
            self._forget(client, "a client has gone in the middle of a request")

    def _forget(self, client: _Client, why: str) -> None:
        self._say(why)
        self._selector.unregister(client.connection)
        client.connection.close()
        for address, octets in client.memory:
            self.card.free(address, octets)

    def _answer(self, client: _Client, letter: bytes, body: bytes) -> bytes:
        card = self.card
        if letter in b"RW":
            address, *data = struct.unpack(f"<{len(body) // 4}I", body)
            try:
                if letter == b"R":
                    return struct.pack("<BI", 0, card.read(address))
                card.write(address, *data)
            except CardError:
                return struct.pack("<BI", _SLVERR, 0) if letter == b"R" else struct.pack("<B", _SLVERR)
            return b"\0"
        if letter == b"A":
            octets, = struct.unpack("<Q", body)
            try:
                address = card.allocate(octets)
            except CardError:
                return struct.pack("<Q", 0)
            client.memory.append((address, octets))
            return struct.pack("<Q", address)
        if letter == b"P":
            wire, bad, _ = struct.unpack("<BBI", body[:6])
            card.frames(wire, Batch.of([body[6:]], [client.gap], [bool(bad)]))
            client.gap = 0
            return b"\0"
        if letter == b"G":
            client.gap, = struct.unpack("<I", body)
            return b"\0"
        if letter == b"N":
            return struct.pack("<Q", card.waiting(RX) + card.waiting(SESSION_RX))
        if letter == b"T":
            frame = self._left.popleft().octets if self._left else b""
            return struct.pack("<I", len(frame)) + frame
        card.run(struct.unpack("<I", body)[0])
        return struct.pack("<Q", card.cycle)
