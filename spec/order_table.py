"""Where an order reference lives in the on-chip order table: a contract, since a full table raises a flag.

d-left hashing: ``tables`` sub-tables of ``buckets`` buckets with ``ways`` entries each, plus ``spill`` associative
entries. An order goes to the sub-table whose bucket holds the fewest orders, the leftmost on a tie, into the lowest
free way; if every bucket is full to the lowest free spill entry; if that is full too it is not stored and the symbol's
``table_full`` flag rises. Entries never move.

The bucket index is the reference's low bits XORed with a fold of the remaining ones, so that index and remaining bits
(the tag) determine the reference: two references can never be confused. On real days the two lowest bits of a
reference are constant per symbol; the fold spreads them.
"""


def tag_of(reference: int, index_bits: int) -> int:
    """The part of the reference that an entry stores: all but the low ``index_bits`` bits."""
    return reference >> index_bits


def fold_rotations(table: int, index_bits: int) -> list[int]:
    """How far each ``index_bits``-wide chunk of the tag is rotated left before it is XORed in, lowest chunk first."""
    chunks = -(-(64 - index_bits) // index_bits)
    return [(table * (2 * chunk + 1)) % index_bits for chunk in range(chunks)]


def bucket_of(reference: int, table: int, index_bits: int) -> int:
    """The bucket in sub-table ``table`` of ``2**index_bits`` buckets."""
    mask = (1 << index_bits) - 1
    index, tag = reference & mask, tag_of(reference, index_bits)
    for rotation in fold_rotations(table, index_bits):
        chunk = tag & mask
        index ^= (chunk << rotation | chunk >> index_bits - rotation) & mask
        tag >>= index_bits
    return index
