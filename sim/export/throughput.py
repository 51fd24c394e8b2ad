"""Messages over the session, and how dense they came: averages hide bursts, so peaks are kept beside them."""

import numpy as np

from sim.engine import Stream
from sim.engine.unpack import part
from spec import itch
from spec.records import DECISION, MESSAGE

from .columns import COLUMNS, Columns, merged

#: Windows in which the densest moment of a column is counted, in ns; aligned to their own length.
WINDOWS = {"peak_us": 1_000, "peak_ms": 1_000_000}
_COUNTS = ("messages", "updates", "orders", "refusals")
_TIMESTAMP = next(field.offset for field in itch.HEADER.fields if field.name == "timestamp")  #: octet


def timestamps(messages: Stream) -> np.ndarray:
    """ITCH time of each message record, in ns since midnight."""
    before = sum(field.bits for field in MESSAGE.fields if field.name != "octets")
    word, shift = divmod(before + 8 * _TIMESTAMP, 64)
    column = messages.words[:, word] >> np.uint64(shift)
    if shift + 48 > 64:
        column = column | messages.words[:, word + 1] << np.uint64(64 - shift)
    return (column << np.uint64(16)).byteswap().astype(np.int64)  # 48 bits, big-endian on the wire


class Peak:
    """The most messages in any window of ``length`` ns, by column: of the windows that it has messages of."""

    def __init__(self, length: int):
        self.length = length
        self.most = np.zeros(COLUMNS, np.int64)
        self.highest = 0
        self._open = (-1, 0)  # window that may go on in the next batch, and its messages so far

    def add(self, times: np.ndarray, columns: np.ndarray) -> None:
        windows = times // self.length
        begins = np.flatnonzero(np.diff(windows, prepend=windows[0] - 1))
        here = np.diff(begins, append=len(windows))
        counts = here.copy()
        if windows[0] == self._open[0]:
            counts[0] += self._open[1]
        self._open = int(windows[-1]), int(counts[-1])
        np.maximum.at(self.most, columns, np.repeat(counts, here))
        self.highest = max(self.highest, int(counts.max()))


class Throughput:
    """Collects batch by batch, in bounded memory."""

    def __init__(self, columns: Columns):
        self.columns = columns
        self.counts = {name: np.zeros(COLUMNS, np.int64) for name in _COUNTS}
        self.peaks = {name: Peak(length) for name, length in WINDOWS.items()}

    def add(self, streams: dict[str, Stream], times: np.ndarray) -> None:
        """``times`` of the batch's messages, which ``columns`` knows already."""
        decisions = streams["decisions"]
        refused = part(DECISION, decisions.words, "refusals") != 0
        messages = streams["messages"].messages
        for name, some in (("messages", messages), ("updates", streams["updates"].messages),
                           ("orders", decisions.messages[~refused]), ("refusals", decisions.messages[refused])):
            if len(some):
                self.counts[name] += np.bincount(self.columns.of(some), minlength=COLUMNS)
        if len(times):
            for peak in self.peaks.values():
                peak.add(times, self.columns.of(messages))

    def halve(self) -> None:
        """The width of columns has doubled."""
        self.counts = {name: merged(values, np.add) for name, values in self.counts.items()}
        for peak in self.peaks.values():
            peak.most = merged(peak.most, np.maximum)

    @property
    def table(self) -> dict[str, np.ndarray]:
        """One row per column: time of its first message and of the first after it, counts, and most messages in one of
        ``WINDOWS``.
        """
        used, times = self.columns.used, self.columns.times[: self.columns.used]
        return {"first_message": self.columns.width * np.arange(used), "time_ns": times,
                "end_ns": np.append(times[1:], self.columns.last)[:used]} | {
            name: values[:used] for name, values in (*self.counts.items(),
                                                     *((name, peak.most) for name, peak in self.peaks.items()))}
