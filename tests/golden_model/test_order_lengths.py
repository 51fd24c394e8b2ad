"""The numbers in docs/order-entry.md are those that its command prints."""

import re

from sim.simulators import CHECKOUT
from tests.golden_model import order_lengths

PAGE = CHECKOUT / "docs" / "order-entry.md"


def test_the_page_has_the_printed_table():
    assert "\n".join(order_lengths.table()) in PAGE.read_text()


def test_rates_by_hand():
    """110 octets and 24 around them are 1072 bits, and 14 beats."""
    row = next(order_lengths.rows())
    assert (row.frame, row.on_the_wire) == (110, 134)
    assert round(row.per_second(10)) == 9_328_358 and round(row.per_second(25)) == 23_320_896
    assert [round(float(rate), 2) for rate in re.findall(r"\d+\.\d+", order_lengths.table()[2])] == [23.02, 9.33, 23.32]
