"""What may be ordered in the next cycle: the strategy prepares it, risk judges it ahead."""

from amaranth.lib import data

from spec.records import SYMBOL_BITS


class Candidates(data.Struct):
    """A purchase and a sale of the same symbol and size, one of which an intent may pick in the next cycle.

    An intent is valid only one cycle after its candidates, and all its fields but side and price are theirs; its price
    is that of its side. Without an intent they mean nothing. Units are those of ``spec.records.INTENT``.
    """

    symbol: SYMBOL_BITS
    action: 2  #: ``spec.records.Action``
    host: 1
    target: 32
    quantity: 32
    prices: data.ArrayLayout(32, 2)  #: by ``spec.records.Side``
    reference: 32
    collar_lower: 32
    collar_upper: 32
    bid: 32
    tradable: 1
    gap: 1
    short_restricted: 1
