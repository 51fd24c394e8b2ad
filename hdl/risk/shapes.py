"""What the parts of risk hand to each other."""

from amaranth import signed, unsigned
from amaranth.lib import data

from spec.records import NOTIONAL_BITS, QUANTITY_BITS, SYMBOL_BITS, SYMBOL_LIMITS

SHARES = signed(48)
NOTIONAL = signed(NOTIONAL_BITS)  #: 1/10 000 dollar x shares
COUNT = unsigned(18)  #: open orders as a difference of two counts modulo 2**18
BASIS_POINTS = 10_000  #: of one

#: A symbol's limits as they are kept. ``up``, ``down``: 1 +- the price collar, in basis points.
LimitRow = data.StructLayout({f.name: f.bits for f in SYMBOL_LIMITS if f.name not in ("symbol", "collar_bps")}
                             | {"up": 15, "down": 14})

#: What approvals add up to: each only ever grows.
Approved = data.StructLayout({
    "buy": 48, "sell": 48, "buy_notional": 64, "sell_notional": 64, "gross": 64, "orders": COUNT,
})

#: What replies change of it. Exposure long is ``Approved.buy + long``, exposure short ``short - Approved.sell``; net
#: notional likewise. ``orders``: closed.
Adjusted = data.StructLayout({
    "position": SHARES, "long": SHARES, "short": SHARES, "gross": NOTIONAL, "net_long": NOTIONAL,
    "net_short": NOTIONAL, "orders": COUNT,
})

#: An approved order as it was.
OrderRow = data.StructLayout({
    "user_ref_num": 32, "symbol": SYMBOL_BITS, "side": 1, "quantity": QUANTITY_BITS, "price": 32,
})
