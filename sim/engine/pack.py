"""Fields into records of 64-bit words, many at a time: what the engine of the book is fed with."""

import numpy as np

from spec import itch
from spec.records import MESSAGE, Record

from .unpack import WORD, words_of

OCTETS = itch.MAX_MESSAGE
_PADDED = -(-OCTETS // 8) * 8
#: Member -> bits of ``hdl.ahead.Ahead``, from the least significant.
AHEAD = {"valid": 1, "add": 1, "locate": 16, "reference": 64, "new_reference": 64}
_ADDS = np.isin(np.arange(256), [ord("A"), ord("F")])
_HAS = {name: np.array([chr(code) in itch.MESSAGES and name in itch.MESSAGES[chr(code)] for code in range(256)])
        for name in ("reference", "new_reference")}


def offsets(widths: dict[str, int]) -> dict[str, int]:
    """Lowest bit of each member."""
    ends = np.cumsum([0, *widths.values()]).tolist()
    return dict(zip(widths, ends, strict=False))


def deposit(words: np.ndarray, offset: int, values: np.ndarray | int, bits: int = WORD) -> None:
    """OR ``values``, each of ``bits``, into a column of zeros that begins at bit ``offset``."""
    values = np.asarray(values, np.uint64)
    first, shift = divmod(offset, WORD)
    words[:, first] |= values << np.uint64(shift)
    if shift + bits > WORD:
        words[:, first + 1] |= values >> np.uint64(WORD - shift)


def record_words(record: Record, rows) -> np.ndarray:
    """Tuples of ``record``, whose fields are at most 64 bits wide, as words."""
    rows = list(rows)
    words, offset = np.zeros((len(rows), words_of(record)), np.uint64), 0
    for field, column in zip(record.fields, zip(*rows, strict=True), strict=True) if rows else ():
        deposit(words, offset, np.array(column, np.uint64), field.bits)
        offset += field.bits
    return words


def message_words(octets: np.ndarray, first: int, gap: np.ndarray | int = 0) -> np.ndarray:
    """Messages, (n, OCTETS) of ``uint8`` and zero past their ends, as records numbered from ``first``."""
    count = len(octets)
    words, at = np.zeros((count, words_of(MESSAGE)), np.uint64), offsets({f.name: f.bits for f in MESSAGE.fields})
    numbers = np.arange(first, first + count, dtype=np.uint64)
    deposit(words, at["message"], numbers & np.uint64(0xFFFF_FFFF), 32)
    deposit(words, at["sequence"], numbers + np.uint64(1))
    deposit(words, at["gap"], gap, 1)
    padded = np.zeros((count, _PADDED), np.uint8)
    padded[:, :OCTETS] = octets
    for i, column in enumerate(padded.view("<u8").T):
        deposit(words, at["octets"] + WORD * i, column, min(WORD, 8 * OCTETS - WORD * i))
    return words


def ahead_words(octets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the feed shows a cycle before each message; noise where a message has no such octets."""
    count, at = len(octets), offsets(AHEAD)
    words = np.zeros((count, -(-sum(AHEAD.values()) // WORD)), np.uint64)
    kinds = octets[:, 0]

    def big_endian(first: int, length: int) -> np.ndarray:
        return np.ascontiguousarray(octets[:, first : first + length]).view(f">u{length}")[:, 0].astype(np.uint64)

    deposit(words, at["valid"], 1, 1)
    deposit(words, at["add"], _ADDS[kinds], 1)
    deposit(words, at["locate"], big_endian(1, 2), 16)
    for name, first in (("reference", 11), ("new_reference", 19)):
        noise = rng.integers(0, 1 << 64, count, np.uint64)
        deposit(words, at[name], np.where(_HAS[name][kinds], big_endian(first, 8), noise))
    return words
