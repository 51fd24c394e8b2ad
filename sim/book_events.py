"""What the hardware's book says it did between messages, for the model to follow.

Windows move, snapshot orders go in and depths are taken at moments that the hardware chooses. The model has no clock:
it is given the hardware's records of a batch before it sees the batch's messages, and says what they should have held.
"""

from collections import deque
from collections.abc import Iterable

from spec.config import Design
from spec.ladder import Window, check_window
from spec.records import DEPTH, LOAD, WINDOW

#: Streams whose records the model is told of.
RECORDS = (WINDOW, LOAD, DEPTH)
STREAMS = tuple(record.stream for record in RECORDS)


class Events:
    """Hardware's events on their way into a model's ``events``.

    Parameters
    ----------
    design : Design
    to : deque
        ``golden_model``'s ``events`` of the book or core.

    Members
    -------
    unlawful : list[tuple[tuple, int, str]]
        Windows that no law knows, with the cycle and the reason. The model never sees them.
    """

    def __init__(self, design: Design, to: deque):
        self._ticks, self._levels = [symbol.tick for symbol in design.symbols], design.book.levels
        self._to = to
        self._age: dict[int, int] = {}  # id -> cycle of what waits in ``to``
        self.unlawful: list[tuple[tuple, int, str]] = []

    def hear(self, parts: Iterable[tuple[str, Iterable[int], Iterable[tuple]]]) -> None:
        """Take (stream, cycles, records) of some time; each belongs to a message that the model has not seen."""
        new = []
        for stream, cycles, records in parts:
            record = RECORDS[STREAMS.index(stream)]
            for cycle, row in zip(cycles, records, strict=True):
                event = record.tuple(*row)
                if record is WINDOW and (fault := self._fault(event)):
                    self.unlawful.append((event, cycle, fault))
                else:
                    new.append((event.message, cycle, STREAMS.index(stream), event))
        waiting = [(event.message, self._age[id(event)], STREAMS.index(_stream(event)), event) for event in self._to]
        merged = sorted([*waiting, *new], key=lambda entry: entry[:3])
        self._age = {id(event): cycle for _, cycle, _, event in merged}
        self._to.clear()
        self._to.extend(event for *_, event in merged)

    def _fault(self, window) -> str:
        try:
            check_window(Window(window.low, window.high), self._ticks[window.symbol], self._levels)
        except (IndexError, ValueError) as error:
            return str(error)
        return ""


def _stream(event: tuple) -> str:
    return next(record.stream for record in RECORDS if type(event) is record.tuple)
