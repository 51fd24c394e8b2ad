"""Market data files as streams: ITCH messages and captured frames, each with its file offset.

``open_input`` looks at the first octets, never at the name: gzip around anything, pcap and pcapng captures, and
Nasdaq's daily files (a 2-octet big-endian length before each message). Nothing is ever held whole in memory. A file
that is truncated or corrupt yields everything good first and then raises one ``InputError``.
"""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

from spec import itch, moldudp64

from . import captures
from .octets import Frame, InputError, Message, Source

GZIP_MAGIC = b"\x1f\x8b"
_PREFIX = moldudp64.MESSAGE_BLOCK.length  #: the daily files frame messages as MoldUDP64 does
_LENGTHS = {ord(code): layout.length for code, layout in itch.MESSAGES.items()}


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
        assert self.is_capture, f"{self.name} holds messages; frame them with sim.framing"
        return captures.READERS[self.kind](self._source)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._source.close()


def open_input(path: str | Path) -> Input:
    """Open a file, or standard input for ``-``. Raises ``InputError`` for one that is empty or of unknown format."""
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
