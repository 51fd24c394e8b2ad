"""A session in a bounded number of columns, whatever its length.

Columns are of equally many messages, not of equal time: a day has seconds with more messages than other hours have, and
in time most of a chart would be empty. Each column knows its time.
"""

import numpy as np

from spec.records import MESSAGE

COLUMNS = 1024  #: at most; after the first doubling at least half as many are in use
_MODULO = 1 << next(field.bits for field in MESSAGE.fields if field.name == "message")


class Columns:
    """Columns of ``width`` messages each. When they no longer suffice, the width doubles.

    Members
    -------
    width : int
        Messages in a column, the last excepted.
    count : int
        Messages so far.
    """

    def __init__(self):
        self.width, self.count = 1, 0
        self.times = np.zeros(COLUMNS, np.int64)
        self.last = 0  #: time of the last message, ns since midnight

    def extend(self, times: np.ndarray) -> int:
        """Take the times of the messages that follow, in ns since midnight.

        Returns how often the width doubled: as often, pairs of columns are to be merged.
        """
        if not len(times):
            return 0
        before, self.count = self.count, self.count + len(times)
        doublings = 0
        while self.count > COLUMNS * self.width:
            self.width *= 2
            doublings += 1
            self.times = merged(self.times, lambda first, second: first)
        first = np.arange(-(-before // self.width), self.used)  # columns that begin here
        self.times[first] = times[first * self.width - before]
        self.last = int(times[-1])
        return doublings

    @property
    def used(self) -> int:
        """Columns with a message."""
        return -(-self.count // self.width)

    def of(self, messages: np.ndarray) -> np.ndarray:
        """The columns of recent messages, whose numbers are modulo 2**32; one to come counts as the last so far."""
        newest = self.count - 1
        number = newest + (messages.astype(np.int64) - newest + _MODULO // 2) % _MODULO - _MODULO // 2
        return number.clip(0, max(newest, 0)) // self.width


def merged(values: np.ndarray, combine) -> np.ndarray:
    """Neighbouring columns, along the first axis, combined in pairs; the freed half is zero."""
    result = np.zeros_like(values)
    result[: len(values) // 2] = combine(values[0::2], values[1::2])
    return result
