"""Records as 64-bit words, as the engine collects them, back into fields."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from spec.record import Field, Record

WORD = 64


def words_of(record: Record) -> int:
    return -(-record.bits // WORD)


def _narrow(words: np.ndarray, offset: int, field: Field) -> np.ndarray:
    """A field of at most 64 bits, in one word or across two."""
    first, shift = divmod(offset, WORD)
    column = words[:, first] >> np.uint64(shift)
    if shift + field.bits > WORD:
        column = column | words[:, first + 1] << np.uint64(WORD - shift)
    if field.bits < WORD:
        column = column & np.uint64((1 << field.bits) - 1)
    if field.signed:
        spare = np.int64(WORD - field.bits)
        return column.astype(np.int64) << spare >> spare
    return column


def _wide(words: np.ndarray, offset: int, field: Field) -> list[int]:
    """A field of more than 64 bits: Python integers, from octets where the field stands on an octet boundary."""
    first, shift = divmod(offset, WORD)
    last = -(-(offset + field.bits) // WORD)
    octets, size, mask = words[:, first:last].tobytes(), 8 * (last - first), (1 << field.bits) - 1
    return [int.from_bytes(octets[i : i + size], "little") >> shift & mask for i in range(0, len(octets), size)]


def columns(record: Record, words: np.ndarray) -> dict[str, np.ndarray | list[int]]:
    """Field name -> its values: ``uint64`` (``int64`` if signed) up to 64 bits, a list of ``int`` beyond.

    ``words`` is (records, words_of(record)) of ``uint64``, least significant word first.
    """
    result, offset = {}, 0
    for field in record.fields:
        result[field.name] = (_narrow if field.bits <= WORD else _wide)(words, offset, field)
        offset += field.bits
    return result



def part(record: Record, words: np.ndarray, name: str, *, bits: int | None = None) -> np.ndarray:
    """One field of at most 64 bits, or its lowest ``bits``, of every record."""
    offset = 0
    for field in record.fields:
        if field.name == name:
            return _narrow(words, offset, field if bits is None else Field(name, bits, field.unit))
        offset += field.bits
    raise KeyError(f"{record.name} has no field {name!r}")


def equal(record: Record, words: np.ndarray, rows: Sequence[tuple]) -> bool:
    """Whether ``words`` are exactly ``rows``, tuples of integers, as many of them; a value that no field holds is not.

    An order of magnitude cheaper than rows of the words: one comparison per column.
    """
    if not rows:
        return True
    found = columns(record, words)
    try:
        if all(field.bits <= WORD and not field.signed for field in record.fields):
            flat = np.fromiter(chain.from_iterable(rows), np.uint64, len(rows) * len(found))
            return all(map(np.array_equal, flat.reshape(len(rows), len(found)).T, found.values()))
        for column, mine in zip(found.values(), zip(*rows, strict=True), strict=True):
            if isinstance(column, list):
                if column != list(mine):
                    return False
            elif not np.array_equal(np.fromiter(mine, column.dtype, len(rows)), column):
                return False
    except OverflowError:
        return False
    return True
