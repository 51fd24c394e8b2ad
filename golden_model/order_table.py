"""Which order has a place in the on-chip order table: the placement rule of ``spec.order_table``, simulated.

The book's values do not depend on it, except that an order without a place is not in the book.
"""

from functools import cache

from spec.config import Book
from spec.order_table import bucket_of

#: Sub-table number of a spill entry.
SPILL = -1


@cache
def _chunk_buckets(tables: int, index_bits: int) -> list[list[int]]:
    """For each 16 bits of a reference (lowest first) and value of them: their part in every bucket index, side by side.

    A bucket index is an XOR of reference bits, hence the XOR of what the reference's chunks contribute: four look-ups
    at most for all sub-tables at once rather than a loop over chunks for each.
    """
    chunks = []
    for low in range(0, 64, 16):
        parts = [0]
        for bit in range(low, low + 16):
            part = sum(bucket_of(1 << bit, table, index_bits) << table * index_bits for table in range(tables))
            parts += [other ^ part for other in parts]
        chunks.append(parts)
    return chunks


class OrderTable:
    """Places of orders, by reference.

    A place is (sub-table, bucket, way); (``SPILL``, 0, entry) in the spill.
    """

    def __init__(self, book: Book):
        index_bits = book.buckets.bit_length() - 1
        self._chunk_buckets = _chunk_buckets(book.tables, index_bits)
        self._index_mask = book.buckets - 1
        self._shifts = range(0, book.tables * index_bits, index_bits)
        self._ways = book.ways
        self._used = [[0] * book.buckets for _ in range(book.tables)]  # one bit per way
        self._spill_used = 0
        self._spill_full = (1 << book.spill) - 1
        self.places: dict[int, tuple[int, int, int]] = {}

    def buckets(self, reference: int) -> list[int]:
        """The reference's bucket in each sub-table, as ``spec.order_table.bucket_of``."""
        low, second, third, high = self._chunk_buckets
        parts = (low[reference & 0xFFFF] ^ second[reference >> 16 & 0xFFFF] ^ third[reference >> 32 & 0xFFFF]
                 ^ high[reference >> 48])
        return [parts >> shift & self._index_mask for shift in self._shifts]

    def insert(self, reference: int) -> bool:
        """Give ``reference``, which has none, a place. False when there is no room."""
        best, fewest, at = SPILL, self._ways, 0
        table = 0
        for used, bucket in zip(self._used, self.buckets(reference), strict=True):
            orders = used[bucket].bit_count()
            if orders < fewest:
                best, fewest, at = table, orders, bucket
                if not orders:  # no later one has fewer
                    break
            table += 1
        if best != SPILL:
            used = self._used[best]
            way = _lowest_zero(used[at])
            used[at] |= 1 << way
            self.places[reference] = best, at, way
            return True
        if self._spill_used != self._spill_full:
            entry = _lowest_zero(self._spill_used)
            self._spill_used |= 1 << entry
            self.places[reference] = SPILL, 0, entry
            return True
        return False

    def replace(self, old: int, new: int) -> bool:
        """Give ``new`` a place, then free that of ``old``, which may be the same reference. False if there was none."""
        place = self.places.pop(old)
        placed = self.insert(new)
        self._free(place)
        return placed

    def remove(self, reference: int) -> None:
        self._free(self.places.pop(reference))

    def _free(self, place: tuple[int, int, int]) -> None:
        table, bucket, way = place
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
