"""Where an order reference lives in the on-chip order table: a contract, since a full table raises a flag.

d-left hashing: ``tables`` sub-tables of ``buckets`` buckets with ``ways`` entries each, plus ``spill`` associative
entries. An order goes to the sub-table whose bucket holds the fewest orders, the leftmost on a tie, into the lowest
free way; if every bucket is full to the lowest free spill entry; if that is full too it is not stored and the symbol's
``table_full`` flag rises. Entries never move. A replace places its new order before it gives its old order's entry
back, so that whether there is room depends on nothing that happens in the same moment. ``ways`` is any number;
``tables`` and ``buckets`` are powers of two.

The bucket index is the reference's low bits XORed with a fold of the remaining ones, so that index and remaining bits
(the tag) determine the reference: two references can never be confused. On real days the two lowest bits of a
reference are constant per symbol; the fold spreads them.
"""


def tag_of(reference: int, index_bits: int) -> int:
    """The part of the reference that an entry stores: all but the low ``index_bits`` bits."""
    return reference >> index_bits


def fold_rotations(table: int, index_bits: int) -> list[tuple[int, ...]]:
    """The rotations to the left under which each ``index_bits``-wide chunk of the tag is XORed in, lowest chunk first.

    Every chunk goes in as it is; in all but the first sub-table rotated as well, so that references which share a
    bucket in one sub-table do not in the next. A chunk that went in rotated alone would leave the lowest index bits to
    the reference's lowest bits.
    """
    chunks = -(-(64 - index_bits) // index_bits)
    return [tuple(sorted({0, table * (2 * chunk + 1) % index_bits})) for chunk in range(chunks)]


def bucket_of(reference: int, table: int, index_bits: int) -> int:
    """The bucket in sub-table ``table`` of ``2**index_bits`` buckets."""
    mask = (1 << index_bits) - 1
    index, tag = reference & mask, tag_of(reference, index_bits)
    for rotations in fold_rotations(table, index_bits):
        chunk = tag & mask
        for rotation in rotations:
            index ^= (chunk << rotation | chunk >> index_bits - rotation) & mask
        tag >>= index_bits
    return index
