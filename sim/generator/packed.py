"""Many messages at a time, each behind its length as in Nasdaq's daily files, put together by numpy."""

from collections.abc import Iterator

import numpy as np

from spec import itch, moldudp64, wire

PREFIX = moldudp64.MESSAGE_BLOCK.length
_TIME = "timestamp"


def _record(code: str) -> np.dtype:
    """Length and message as they stand in a file; the timestamp in two parts."""
    fields: list[tuple] = [("prefix", f">u{PREFIX}")]
    for field in itch.MESSAGES[code].fields:
        if field.kind is wire.Kind.TIME and field.length == 6:
            fields += [(f"{field.name}_high", ">u2"), (f"{field.name}_low", ">u4")]
        else:
            fields.append((field.name, f"S{field.length}" if field.kind.is_text else f">u{field.length}"))
    record = np.dtype(fields)
    assert record.itemsize == PREFIX + itch.MESSAGES[code].length
    return record


_RECORDS = {code: _record(code) for code in itch.MESSAGES}


class Page:
    """Messages for ``count`` slots, filled in any order.

    Parameters
    ----------
    times
        ns, one per slot.
    """

    def __init__(self, times: np.ndarray):
        self._times = times
        self._lengths = np.zeros(len(times), np.int64)
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []  # slots, their octets as rows

    def put(self, code: str, slots: np.ndarray, **columns: np.ndarray) -> None:
        """Messages of one type; fields without a column are zero."""
        if not len(slots):
            return
        rows, times = np.zeros(len(slots), _RECORDS[code]), self._times[slots]
        rows["prefix"], rows["type"] = itch.MESSAGES[code].length, code.encode()
        rows["timestamp_high"], rows["timestamp_low"] = times >> 32, times & 0xFFFF_FFFF
        for name, column in columns.items():
            rows[name] = column
        self._add(slots, rows.view(np.uint8).reshape(len(slots), -1))

    def write(self, slots: np.ndarray, messages: list[bytes]) -> None:
        """Whole messages, without their lengths."""
        lengths = np.fromiter(map(len, messages), np.int64, len(messages))
        for length in np.unique(lengths).tolist():
            of = np.flatnonzero(lengths == length)
            octets = np.frombuffer(b"".join(prefixed(messages[i]) for i in of.tolist()), np.uint8)
            self._add(slots[of], octets.reshape(len(of), -1))

    def _add(self, slots: np.ndarray, rows: np.ndarray) -> None:
        self._lengths[slots] = rows.shape[1]
        self._parts.append((slots, rows))

    def octets(self) -> bytes:
        """All of it, in order of slots."""
        assert self._lengths.all(), "a slot was left empty"
        ends = np.cumsum(self._lengths)
        out = np.empty(int(ends[-1]), np.uint8)
        starts = ends - self._lengths
        for slots, rows in self._parts:
            out[starts[slots][:, None] + np.arange(rows.shape[1])] = rows
        return out.tobytes()


def prefixed(message: bytes) -> bytes:
    return len(message).to_bytes(PREFIX, "big") + message


def messages(octets: bytes) -> Iterator[bytes]:
    """What is behind the lengths."""
    at = 0
    while at < len(octets):
        end = at + PREFIX + int.from_bytes(octets[at : at + PREFIX], "big")
        yield octets[at + PREFIX : end]
        at = end
