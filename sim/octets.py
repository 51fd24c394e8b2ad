"""What readers are made of: a buffered source of octets, what comes out of a file, and the error when it does not."""

import gzip
import zlib
from typing import BinaryIO, NamedTuple

_CHUNK = 1 << 18


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
