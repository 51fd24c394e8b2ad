"""What a difference between hardware and model is, and where on the wire its message stood."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

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
        self._keep, self._first, self._count = keep, 0, 0  # number of the first message of all columns, messages
        self._columns: deque[tuple[Sequence[int], ...]] = deque()  # one sequence per field of ``Place``, of one batch

    def extend(self, places: Iterable[Place]) -> None:
        """Those of the messages that follow."""
        if rows := [astuple(place) for place in places]:
            self.extend_columns(*zip(*rows, strict=True))

    def extend_columns(self, *columns: Sequence[int]) -> None:
        """The same as one sequence per field of ``Place``."""
        self._columns.append(columns)
        self._count += len(columns[0])
        while self._count - (oldest := len(self._columns[0][0])) >= self._keep:
            self._columns.popleft()
            self._first, self._count = self._first + oldest & MESSAGE_MASK, self._count - oldest

    def get(self, message: int | None) -> Place | None:
        if message is None:
            return None
        at = message - self._first & MESSAGE_MASK
        if not max(0, self._count - self._keep) <= at < self._count:
            return None
        for columns in self._columns:
            if at < len(columns[0]):
                return Place(*(int(column[at]) for column in columns))
            at -= len(columns[0])
        return None


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
