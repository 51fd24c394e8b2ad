"""Market data files as streams: ITCH messages and captured frames, each with its file offset.

``open_input`` looks at the first octets, never at the name: gzip around anything, pcap and pcapng captures, and
Nasdaq's daily files (a 2-octet big-endian length before each message). Nothing is ever held whole in memory. A file
that is truncated or corrupt yields everything good first and then raises one ``InputError``.
"""

import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from spec import itch, moldudp64

GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 18
_PREFIX = moldudp64.MESSAGE_BLOCK.length  #: the daily files frame messages as MoldUDP64 does
_LENGTHS = {ord(code): layout.length for code, layout in itch.MESSAGES.items()}


class InputError(Exception):
    """An input that cannot be read, in one line: file, offset, what was expected there."""

    def __init__(self, file: str, expected: str, offset: int | None = None):
        self.file, self.expected, self.offset = file, expected, offset
        super().__init__(f"{file}: {expected}" if offset is None else f"{file}: offset {offset}: {expected}")


class Frame(NamedTuple):
    """An Ethernet frame without frame check sequence.

    ``offset`` is the file offset of the frame's first octet, so that ``offset`` + position in the frame is where an
    octet stands in the file. That also holds for messages of frames wrapped around an ITCH file, whose own first octets
    are in no file; there the first frame's offset is negative.
    """

    octets: bytes
    offset: int
    time_ns: int  #: capture stamp (since 1970), or ITCH time (since midnight) of the last message inside


class Message(NamedTuple):
    """An ITCH message and the file offset of the length that precedes it."""

    octets: bytes
    offset: int


class Source:
    """Octets read forwards through one buffer."""

    def __init__(self, name: str, stream: BinaryIO):
        self.name = name
        self._stream = stream
        self._read = getattr(stream, "read1", stream.read)
        self._buffer = b""
        self._next = 0  # in the buffer
        self._base = 0  # offset of the buffer's first octet
        self._fault = ""  # why the stream ended early

    @property
    def offset(self) -> int:
        return self._base + self._next

    def peek(self, count: int) -> bytes:
        """The next ``count`` octets, or all that are left, without taking them."""
        while len(self._buffer) - self._next < count:
            try:
                more = self._read(_CHUNK)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                more, self._fault = b"", f"expected intact gzip data ({error})"
            except OSError as error:
                more, self._fault = b"", f"cannot be read: {error.strerror or error}"
            if not more:
                break
            self._base += self._next
            self._buffer = self._buffer[self._next :] + more
            self._next = 0
        return self._buffer[self._next : self._next + count]

    def ended(self) -> bool:
        """Nothing is left. Raises ``InputError`` where that is because the stream is damaged."""
        if self._next < len(self._buffer) or self.peek(1):
            return False
        if self._fault:
            raise self.error(self._fault)
        return True

    def take(self, count: int, what: str) -> bytes:
        """Exactly ``count`` octets. Raises ``InputError`` that ``what`` was expected where fewer are left."""
        end = self._next + count
        if end > len(self._buffer):
            left = len(self.peek(count))
            if left < count:
                why = self._fault or f"the file ends after {left}"
                raise self.error(f"expected {what} of {count} octets, {why}")
            end = self._next + count
        octets = self._buffer[self._next : end]
        self._next = end
        return octets

    def skip(self, count: int, what: str) -> None:
        """Pass over ``count`` octets, however many, in bounded memory."""
        while count:
            step = min(count, _CHUNK)
            self.take(step, what)
            count -= step

    def error(self, expected: str, offset: int | None = None) -> InputError:
        return InputError(self.name, expected, self.offset if offset is None else offset)

    def close(self) -> None:
        self._stream.close()


class Input:
    """An opened input: ``kind`` is ``itch``, ``pcap`` or ``pcapng``. A context manager."""

    def __init__(self, kind: str, source: Source):
        self.kind, self.name, self._source = kind, source.name, source

    @property
    def is_capture(self) -> bool:
        return self.kind != "itch"

    def messages(self) -> Iterator[Message]:
        """The messages of an ITCH file."""
        assert not self.is_capture, f"{self.name} holds frames"
        return _messages(self._source)

    def frames(self) -> Iterator[Frame]:
        """The frames of a capture."""
        from . import captures

        assert self.is_capture, f"{self.name} holds messages; frame them with sim.framing"
        return captures.READERS[self.kind](self._source)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._source.close()


def open_input(path: str | Path) -> Input:
    """Open a file, or standard input for ``-``. Raises ``InputError`` for one that is empty or of unknown format."""
    from . import captures

    name = "standard input" if str(path) == "-" else str(path)
    try:
        stream = sys.stdin.buffer if str(path) == "-" else open(path, "rb")
        source = Source(name, stream)
        if source.peek(2) == GZIP_MAGIC:
            source = Source(name, gzip.GzipFile(fileobj=_Prepended(source)))
    except OSError as error:
        raise InputError(name, f"cannot be read: {error.strerror or error}") from None
    try:
        if source.ended():
            raise InputError(name, "empty; expected ITCH messages, pcap or pcapng")
        head = source.peek(4)
        kind = captures.KINDS.get(head)
        if kind is None and len(head) > _PREFIX and _is_message(head[:_PREFIX], head[_PREFIX]):
            kind = "itch"
        if kind is None:
            raise InputError(name, f"expected ITCH messages, pcap or pcapng, possibly gzipped; begins with "
                                   f"{head.hex(' ')}", 0)
    except InputError:
        source.close()
        raise
    return Input(kind, source)


class _Prepended:
    """A readable over a ``Source`` that has been peeked into, so that standard input can be gzip too."""

    def __init__(self, source: Source):
        self._source = source

    def read(self, size: int = -1) -> bytes:
        octets = self._source.peek(1 if size < 0 else size)
        return self._source.take(len(octets), "")

    def close(self) -> None:
        self._source.close()


def _is_message(prefix: bytes, code: int) -> bool:
    return _LENGTHS.get(code) == int.from_bytes(prefix, "big")


def _messages(source: Source) -> Iterator[Message]:
    while not source.ended():
        offset = source.offset
        length = int.from_bytes(source.take(_PREFIX, "a message length"), "big")
        if not length:  # the daily files' end of session
            if not source.ended():
                raise source.error("expected nothing after the end of session (a message length of 0)")
            return
        octets = source.take(length, "a message")
        expected = _LENGTHS.get(octets[0])
        if expected is None:
            raise source.error(f"expected an ITCH 5.0 message type, not {octets[:1]!r}"[:120], offset)
        if expected != length:
            raise source.error(f"expected {expected} octets of message {chr(octets[0])!r}, not {length}", offset)
        yield Message(octets, offset)
