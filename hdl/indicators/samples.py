"""What the moving averages average."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.itch import BOOK_TYPES
from spec.records import SYMBOL_BITS, UPDATE, Trade

from ..records import records

SAMPLE_BITS = 33  #: half a price unit: 1/20 000 dollar

#: Every update makes one; it is a sample if ``take`` is high, else it says whose averages are asked for.
Sample = data.StructLayout({"symbol": SYMBOL_BITS, "take": 1, "value": SAMPLE_BITS})


class Sampler(wiring.Component):
    """One ``Sample`` per update: of the mid after each message that may change the book, or of each print's price.

    Latency: 1 cycle. II = 1.

    Parameters
    ----------
    source : str
        "mid" or "trade".

    Members
    -------
    updates : In(records(UPDATE))
    sample : Out(Sample)
        ``take`` is low in cycles without an update.
    """

    LATENCY = 1

    updates: In(records(UPDATE))
    sample: Out(Sample)

    def __init__(self, *, source: str):
        if source not in ("mid", "trade"):
            raise ValueError(f"source must be 'mid' or 'trade', not {source!r}")
        self._source = source
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        update = self.updates.payload
        if self._source == "mid":
            value = update.bid_price + update.ask_price
            take = (update.type.matches(*map(ord, BOOK_TYPES)) & update.bid_known & update.ask_known
                    & update.bid_orders.any() & update.ask_orders.any())
        else:
            value = update.trade_price << 1
            take = update.trade == Trade.PRINT
        m.d.sync += [
            self.sample.symbol.eq(update.symbol),
            self.sample.take.eq(self.updates.valid & take),
            self.sample.value.eq(value),
        ]
        return m
