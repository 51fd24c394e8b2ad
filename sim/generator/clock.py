"""ITCH time of generated messages."""

import numpy as np

_BURSTS = 2048  #: drawn at a time
_LONGEST = 1000  #: messages in a burst
_FAST, _SHORT = 0.06, 0.3  #: share of bursts, of gaps in the others
_FAST_NS, _SHORT_NS, _LONG_NS, _APART_NS = 600, 700, 14_000, 330_000  #: mean gaps


class Clock:
    """Advances in bursts: a heavy-tailed number of messages microseconds apart, then a pause.

    On the real day the windows of 1, 10, 100 and 1000 us that hold any message hold 1, 1, 2 and 6 in the median and 2,
    6, 19 and 90 in the 99th percentile; the mean gap is 87 us.
    """

    def __init__(self, draw: np.random.Generator):
        self.now = 0
        self._draw = draw
        sizes = np.cumsum(1 / np.arange(1, _LONGEST) ** 2.05)
        self._sizes = sizes / sizes[-1]
        self._gaps, self._next = np.zeros(0, np.int64), 0
        self._squeezed = 0
        self._given: list[int] = []  # times set aside, the next one last

    def times(self, count: int) -> np.ndarray:
        """Those of the next ``count`` messages, ``int64``."""
        while len(self._gaps) - self._next < count:
            self._gaps, self._next = np.concatenate((self._gaps[self._next :], self._bursts())), 0
        gaps = self._gaps[self._next : self._next + count].copy()
        self._next += count
        if close := min(self._squeezed, count):
            gaps[:close] = self._draw.random(close) * 3
            self._squeezed -= close
        times = self.now + np.cumsum(gaps)
        if count:
            self.now = int(times[-1])
        return times

    def give(self, times: np.ndarray) -> None:
        """Let ``tick`` return these first."""
        self._given = times[::-1].tolist()

    def tick(self) -> int:
        """The next message's time."""
        return self._given.pop() if self._given else int(self.times(1)[0])

    def jump(self, to: int) -> None:
        """Let the next message come at ``to`` or, where that has passed, soon."""
        self.now = max(self.now, to)

    def squeeze(self, count: int) -> None:
        """Let the next ``count`` messages come at a nanosecond's distance."""
        self._squeezed = count

    def _bursts(self) -> np.ndarray:
        """Gaps: before each burst a long one, then its own."""
        draw = self._draw.random
        inside = np.searchsorted(self._sizes, draw(_BURSTS))  # behind the first
        starts = np.cumsum(inside + 1) - inside - 1
        total = int((inside + 1).sum())
        fast = np.repeat(draw(_BURSTS) < _FAST, inside + 1)
        slow = np.where(draw(total) < _SHORT, _SHORT_NS, _LONG_NS)
        mean = np.where(fast, _FAST_NS, slow).astype(float)
        mean[starts] = _APART_NS
        gaps = (-np.log1p(-draw(total)) * mean).astype(np.int64)
        return np.maximum(gaps, 1)
