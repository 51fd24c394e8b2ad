"""Which order has a place in the on-chip order table: the placement rule of ``spec.order_table``, simulated.

The book's values do not depend on it, except that an order without a place is not in the book.
"""

from functools import cache

from spec.config import Book
from spec.order_table import bucket_of

#: Sub-table number of a spill entry.
SPILL = -1


@cache
def _octet_buckets(tables: int, index_bits: int) -> list[list[int]]:
    """For each octet of a reference (lowest first) and value of it: its part in every bucket index, side by side.

    A bucket index is an XOR of reference bits, hence the XOR of what the reference's octets contribute: eight look-ups
    for all sub-tables at once rather than a loop over chunks for each.
    """
    return [[sum(bucket_of(value << 8 * octet, table, index_bits) << table * index_bits for table in range(tables))
             for value in range(256)] for octet in range(8)]


class OrderTable:
    """Places of orders, by reference.

    A place is (sub-table, bucket, way); (``SPILL``, 0, entry) in the spill.
    """

    def __init__(self, book: Book):
        self._index_bits = book.buckets.bit_length() - 1
        self._octet_buckets = _octet_buckets(book.tables, self._index_bits)
        self._ways = book.ways
        self._used = [[0] * book.buckets for _ in range(book.tables)]  # one bit per way
        self._spill_used = 0
        self._spill_full = (1 << book.spill) - 1
        self.places: dict[int, tuple[int, int, int]] = {}

    def buckets(self, reference: int) -> list[int]:
        """The reference's bucket in each sub-table, as ``spec.order_table.bucket_of``."""
        parts = 0
        for octet, values in zip(reference.to_bytes(8, "little"), self._octet_buckets, strict=True):
            parts ^= values[octet]
        bits = self._index_bits
        return [parts >> table * bits & (1 << bits) - 1 for table in range(len(self._used))]

    def insert(self, reference: int) -> bool:
        """Give ``reference``, which has none, a place. False when there is no room."""
        best, fewest = None, self._ways
        for table, bucket in enumerate(self.buckets(reference)):
            orders = self._used[table][bucket].bit_count()
            if orders < fewest:
                best, fewest = (table, bucket), orders
        if best:
            table, bucket = best
            way = _lowest_zero(self._used[table][bucket])
            self._used[table][bucket] |= 1 << way
            self.places[reference] = table, bucket, way
            return True
        if self._spill_used != self._spill_full:
            entry = _lowest_zero(self._spill_used)
            self._spill_used |= 1 << entry
            self.places[reference] = SPILL, 0, entry
            return True
        return False

    def remove(self, reference: int) -> None:
        table, bucket, way = self.places.pop(reference)
        if table == SPILL:
            self._spill_used &= ~(1 << way)
        else:
            self._used[table][bucket] &= ~(1 << way)

    @property
    def spilled(self) -> int:
        """Spill entries in use."""
        return self._spill_used.bit_count()


def _lowest_zero(bits: int) -> int:
    return (~bits & bits + 1).bit_length() - 1
