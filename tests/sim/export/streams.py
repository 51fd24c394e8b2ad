"""Streams made up from records."""

import numpy as np

from sim.engine import Stream
from sim.engine.unpack import words_of
from spec.records import RECORDS, Record


def stream(record: Record, rows: list[dict], cycles: list[int] | None = None) -> Stream:
    """Of ``rows``, each with the fields that are not zero."""
    count, size = len(rows), 8 * words_of(record)
    packed = [record.pack([row.get(field.name, 0) for field in record.fields]) for row in rows]
    words = np.frombuffer(b"".join(word.to_bytes(size, "little") for word in packed), np.uint64)
    at = np.array(range(count) if cycles is None else cycles, np.uint64)
    return Stream(record, at, words.reshape(count, size // 8))


def streams(**rows: list[dict]) -> dict[str, Stream]:
    """All streams of the core, empty but for ``rows`` by stream name."""
    return {record.stream: stream(record, rows.get(record.stream, [])) for record in RECORDS}


def message(number: int, time_ns: int) -> dict:
    """A ``messages`` record with an ITCH timestamp."""
    octets = b"D" + bytes(4) + time_ns.to_bytes(6, "big") + bytes(8)
    return {"message": number % (1 << 32), "octets": int.from_bytes(octets, "little")}
