"""Records as 64-bit words, as the engine collects them, back into fields."""

import numpy as np

from spec.records import Field, Record

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

