"""What a difference between hardware and model is, and where on the wire its message stood."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

MESSAGE_MASK = (1 << 32) - 1  #: message numbers count modulo 2**32


@dataclass(frozen=True)
class Place:
    """Where a message stood on the wire."""

    frame: int  #: number of the frame, from 0
    octet: int  #: offset, in the frame, of the message's first octet
    offset: int  #: file offset of that octet
    cycle: int  #: edge at which the beat with the message's last octet was accepted
    time_ns: int  #: of the frame


class Places:
    """The places of the last ``keep`` messages, by message number (of the model)."""

    def __init__(self, keep: int = 1 << 17):
        self._first, self._places = 0, deque(maxlen=keep)

    def extend(self, places: Iterable[Place]) -> None:
        for place in places:
            self._first += len(self._places) == self._places.maxlen
            self._places.append(place)

    def get(self, message: int | None) -> Place | None:
        if message is None or not 0 <= (at := message - self._first & MESSAGE_MASK) < len(self._places):
            return None
        return self._places[at]


@dataclass(frozen=True)
class Difference:
    """One value that differs, or one record or frame that only one side has.

    ``kind`` is ``value``, ``missing`` (hardware did not say it), ``surplus`` (the model did not), ``counter``,
    ``held back``, ``impossible`` (the book says that it did what cannot be done) or ``nothing compared``.
    """

    kind: str
    stage: str
    stream: str
    field: str
    expected: object
    got: object
    message: int | None = None
    place: Place | None = None
    cycle: int | None = None  #: edge of hardware's record or frame; of the message's last octet where there is none

    def __str__(self) -> str:
        where = "" if self.message is None else f", message {self.message}"
        if self.place:
            where += f" (frame {self.place.frame} octet {self.place.octet}, offset {self.place.offset} in the input)"
        when = "" if self.cycle is None else f", cycle {self.cycle}"
        what = {
            "missing": f"{self.stream}: missing: expected {self.expected}",
            "surplus": f"{self.stream}: surplus: got {self.got}",
        }.get(self.kind, f"{self.stream}.{self.field}: expected {self.expected}, got {self.got}")
        return f"{self.stage}{where}: {what}{when}"
