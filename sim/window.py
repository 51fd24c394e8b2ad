"""A part of a day: from one time to another."""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spec import itch
from spec.config import ConfigError

from .blocks import blocks
from .octets import Frame, Message

_TIME = itch.HEADER["timestamp"]
_SECOND_NS = 10**9
_FORM = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?")
#: Kept from before the start: which symbols there are, and whether they may be traded. Everything else is about orders.
_STANDING = frozenset(b"SRHYLVWKJh")


@dataclass(frozen=True)
class Window:
    """``start`` <= time < ``end``, in ns since midnight, by the messages' own stamps (ITCH 5.0, section 1.1).

    Of what comes before it, messages that tell symbols and trading states are kept; a captured frame is kept or dropped
    as a whole, by its last message. Orders from before the start are unknown, and flagged as such. Reading ends with
    the first message that is not before the end.
    """

    start: int = 0
    end: int | None = None

    @classmethod
    def of(cls, start: str, end: str) -> "Window":
        """From ``HH:MM``, ``HH:MM:SS`` or ``HH:MM:SS.fraction``; empty: no bound. Raises ``ConfigError``."""
        window = cls(_ns("--from", start) if start else 0, _ns("--to", end) if end else None)
        if window.end is not None and window.end <= window.start:
            raise ConfigError(f"--to: must be later than --from {start or '00:00'}, not {end}")
        return window

    def messages(self, messages: Iterable[Message]) -> Iterator[Message]:
        """Those in the window, and what stands from before it."""
        if self == WHOLE:
            yield from messages
            return
        for message in messages:
            time = _stamp(message.octets)
            if self.end is not None and time >= self.end:
                return
            if time >= self.start or message.octets[0] in _STANDING:
                yield message

    def frames(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Those whose last message is in the window; those without messages as soon as one was."""
        if self == WHOLE:
            yield from frames
            return
        begun = False
        for frame in frames:
            if last := deque(blocks(frame.octets), maxlen=1):
                time = _stamp(last[0].octets)
                if self.end is not None and time >= self.end:
                    return
                begun = begun or time >= self.start
            if begun:
                yield frame


WHOLE = Window()


def _stamp(octets: bytes) -> int:
    return int.from_bytes(octets[_TIME.offset : _TIME.end], "big")


def _ns(option: str, text: str) -> int:
    form = _FORM.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in form.groups()[:3]) if form else (99, 0, 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ConfigError(f"{option}: expected a time of day such as 09:30, 09:30:00 or 09:30:00.000001, not {text!r}")
    return ((hours * 60 + minutes) * 60 + seconds) * _SECOND_NS + int((form[4] or "").ljust(9, "0"))
