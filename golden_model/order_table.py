"""Which order has a place in the on-chip order table: the placement rule of ``spec.order_table``, simulated.

The book's values do not depend on it, except that an order without a place is not in the book.
"""

from spec.config import Book
from spec.order_table import bucket_of

#: Sub-table number of a spill entry.
SPILL = -1


class OrderTable:
    """Places of orders, by reference.

    A place is (sub-table, bucket, way); (``SPILL``, 0, entry) in the spill.
    """

    def __init__(self, book: Book):
        self._tables = range(book.tables)
        self._index_bits = book.buckets.bit_length() - 1
        self._full = (1 << book.ways) - 1
        self._used = [[0] * book.buckets for _ in self._tables]  # one bit per way
        self._spill_used = 0
        self._spill_full = (1 << book.spill) - 1
        self.places: dict[int, tuple[int, int, int]] = {}

    def insert(self, reference: int) -> bool:
        """Give ``reference``, which has none, a place. False when there is no room."""
        best, fewest = None, self._full.bit_length()
        for table in self._tables:
            bucket = bucket_of(reference, table, self._index_bits)
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
