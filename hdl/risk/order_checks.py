"""What an order is refused for by itself, whatever else is open."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.records import INTENT, Refusal

from ..records import layout
from .lot import RoundLot
from .products import Products
from .shapes import LimitRow
from .sums import is_less

_MAX_QUANTITY = 1_000_000  #: shares; OUCH 5.0, section 2.1
CHECKS = (Refusal.FEED_GAP, Refusal.TRADING_STATE, Refusal.RESTRICTED, Refusal.ORDER_QUANTITY, Refusal.ROUND_LOT,
          Refusal.ORDER_PRICE, Refusal.ORDER_NOTIONAL, Refusal.NO_REFERENCE, Refusal.PRICE_COLLAR,
          Refusal.ABSOLUTE_COLLAR, Refusal.LULD_COLLAR)


class OrderChecks(wiring.Component):
    """Compares an intent with its symbol's limits.

    Latency: ``quantity`` and ``prices`` one cycle before ``intent``, ``limit`` and ``notional``, ``fails`` one cycle
    after. II = 1. Behind the registers in ``fails`` stand at most two levels and one carry chain.

    Members
    -------
    quantity, prices
        Of the intent in the next cycle; by side.
    intent, limit
        To be judged.
    fails
        By check, in the order of ``CHECKS``.
    notional
        With the intent: two words that add up to quantity x price.
    """

    quantity: In(32)
    prices: In(32).array(2)
    intent: In(layout(INTENT))
    limit: In(LimitRow)
    fails: Out(len(CHECKS))
    notional: Out(64).array(2)

    def elaborate(self, platform):
        m = Module()
        intent, limit = self.intent, self.limit
        m.submodules.lot = lot = RoundLot()
        m.submodules.products = products = Products()
        m.d.comb += [
            lot.quantity.eq(self.quantity),
            lot.lot.eq(limit.lot),
            products.quantity.eq(self.quantity),
            *(mine.eq(price) for mine, price in zip(products.prices, self.prices, strict=True)),
            *(getattr(products, name).eq(intent[name]) for name in ("side", "reference")),
            *(getattr(products, name).eq(limit[name]) for name in ("up", "down")),
            *(word.eq(half) for word, half in zip(self.notional, products.notional, strict=True)),
        ]
        price, reference = intent.price, intent.reference
        at_once = {
            Refusal.FEED_GAP: intent.gap,
            Refusal.TRADING_STATE: ~intent.tradable,
            Refusal.RESTRICTED: limit.restricted,
            Refusal.ORDER_QUANTITY: (intent.quantity < limit.min_quantity) | (intent.quantity > limit.max_quantity)
            | (intent.quantity >= _MAX_QUANTITY),
            Refusal.ORDER_PRICE: price == 0,
            Refusal.ORDER_NOTIONAL: is_less(m, [limit.max_notional], products.notional, name="notional"),
            Refusal.NO_REFERENCE: reference == 0,
            Refusal.ABSOLUTE_COLLAR: (reference != 0) & ((price > reference + limit.collar_absolute)
                                                         | (reference > price + limit.collar_absolute)),
            Refusal.LULD_COLLAR: (intent.collar_upper != 0)
            & ((price < intent.collar_lower) | (price > intent.collar_upper)),
        }
        failed = {}
        for check, fails in at_once.items():
            failed[check] = Signal(name=check.name.lower())
            m.d.sync += failed[check].eq(fails)

        failed[Refusal.ROUND_LOT] = lot.fails
        failed[Refusal.PRICE_COLLAR] = (is_less(m, products.above, [products.scaled], name="above")
                                        | is_less(m, [products.scaled], products.below, name="below"))
        m.d.comb += self.fails.eq(Cat(failed[check] for check in CHECKS))
        return m
