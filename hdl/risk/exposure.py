"""What open orders and executions add up to, and whether an order may be added to it."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import NOTIONAL_BITS, SESSION_LIMIT, SYMBOL_BITS, Refusal

from ..memory import ForwardedMemory
from ..records import layout
from .shapes import COUNT, SHARES, Adjusted, Approved, LimitRow
from .sums import inverted, total

CHECKS = (Refusal.POSITION_LIMIT, Refusal.SYMBOL_GROSS, Refusal.SYMBOL_NET, Refusal.SYMBOL_OPEN_ORDERS,
          Refusal.GROSS_NOTIONAL, Refusal.NET_NOTIONAL, Refusal.OPEN_ORDERS)

#: What stands against a sum, ready with the judgement: the limit less what replies changed, less the order itself.
_Bounds = data.StructLayout({
    "shares": signed(50), "held": signed(50), "gross": signed(67), "net": signed(67), "orders": COUNT,
})


class Exposure(wiring.Component):
    """Sums over approvals, which it adds to, and over replies, which it is told of: each RAM has one writer.

    Latency: symbol one cycle before the intent, ``fails`` one cycle after it; in that cycle ``approved``, and in the
    next the exposure after the decision. An intent sees what was adjusted in cycles before its own, and every approval
    before it, in adjacent cycles too. II = 1. Sums of a day fit 64 bits, signed: 9 x 10**14 dollar.

    Judging is one comparison beside one addition: what is compared with is worked out a cycle before, the order itself
    included, and a purchase and a sale grow different sums.

    Members
    -------
    symbol
        Of the intent in the next cycle.
    side, quantity, limit, session_limit
        With the intent.
    notional
        With the intent: two words that add up to quantity x price.
    fails
        By check, in the order of ``CHECKS``, without the row of ``OPEN_ORDERS``.
    oversold
        In that cycle: as a sale it would be of more than is held and not on sale yet.
    approved
        In that cycle: the order is open now. A cancel is not.
    exposure_long, exposure_short
        In the cycle after that: of the intent's symbol.
    adjust, adjust_symbol, adjustment
        A reply changes these sums.
    adjusted
        One cycle after ``adjust_symbol``: the symbol's, before a change in that cycle.
    look_symbol, look
        One cycle later: what was approved of a symbol up to the cycle of its address.
    ready
    """

    def __init__(self, *, design: Design):
        self._symbols = len(design.symbols)
        super().__init__({
            "symbol": In(SYMBOL_BITS), "side": In(1), "quantity": In(32), "limit": In(LimitRow),
            "session_limit": In(layout(SESSION_LIMIT)), "notional": In(NOTIONAL_BITS).array(2),
            "fails": Out(len(CHECKS)), "oversold": Out(1), "approved": In(1),
            "exposure_long": Out(SHARES), "exposure_short": Out(SHARES),
            "adjust": In(1), "adjust_symbol": In(SYMBOL_BITS), "adjustment": In(Adjusted), "adjusted": Out(Adjusted),
            "look_symbol": In(SYMBOL_BITS), "look": Out(Approved), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        memories = {}
        for name, shape in (("approved", Approved), ("look", Approved), ("adjusted", Adjusted),
                            ("adjusting", Adjusted)):
            memories[name] = ForwardedMemory(shape=shape, depth=self._symbols)
            m.submodules[name] = memories[name]
        session, session_adjusted = Signal(Approved), Signal(Adjusted)
        m.d.comb += self.ready.eq(Cat(memory.ready for memory in memories.values()).all())

        # With the intent: what stands against the sums.
        replies = memories["adjusted"].read_data
        of_symbol = self._bounds(m, self.limit, replies, "symbol")
        of_session = self._bounds(m, self.session_limit, session_adjusted, "session")
        side, quantity, notional = Signal(), Signal.like(self.quantity), Signal(NOTIONAL_BITS)
        symbol_1, symbol = Signal.like(self.symbol), Signal.like(self.symbol)
        shares = [Mux(self.side, self.limit.max_short, self.limit.max_long),
                  Mux(self.side, replies.short, inverted(replies.long)), inverted(self.quantity)]
        m.d.comb += memories["adjusted"].read_address.eq(self.symbol)
        m.d.sync += [
            side.eq(self.side), quantity.eq(self.quantity), symbol_1.eq(self.symbol), symbol.eq(symbol_1),
            notional.eq(total(m, *self.notional, width=NOTIONAL_BITS, name="notional")),
            of_symbol.shares.eq(total(m, *shares, ones=(C(1, 1), ~self.side), width=50, name="shares")),
            of_symbol.held.eq(replies.short - self.quantity),
        ]
        m.d.comb += memories["approved"].read_address.eq(symbol_1)

        # One cycle later: the judgement, and what the sums are if it is favourable.
        approved = memories["approved"].read_data
        m.d.comb += self.oversold.eq(approved.sell > of_symbol.held)
        # Both sides are compared, and one chosen where all failures meet.
        fails = {Refusal.POSITION_LIMIT: Mux(side, approved.sell > of_symbol.shares, approved.buy > of_symbol.shares)}
        for sums, bounds, (gross, net, orders) in (
                (approved, of_symbol, (Refusal.SYMBOL_GROSS, Refusal.SYMBOL_NET, Refusal.SYMBOL_OPEN_ORDERS)),
                (session, of_session, (Refusal.GROSS_NOTIONAL, Refusal.NET_NOTIONAL, Refusal.OPEN_ORDERS))):
            fails[gross] = sums.gross > bounds.gross
            fails[net] = Mux(side, sums.sell_notional > bounds.net, sums.buy_notional > bounds.net)
            fails[orders] = ~(sums.orders - bounds.orders)[len(bounds.orders) - 1]
        m.d.comb += self.fails.eq(Cat(fails[check] for check in CHECKS))

        grown, session_grown = (self._grown(m, sums, side, quantity, notional, name)
                                for sums, name in ((approved, "grown"), (session, "session_grown")))
        for name in ("approved", "look"):
            m.d.comb += [
                memories[name].write_enable.eq(self.approved),
                memories[name].write_address.eq(symbol),
                memories[name].write_data.eq(grown),
            ]
        with m.If(self.approved):
            m.d.sync += session.eq(session_grown)
        m.d.comb += [memories["look"].read_address.eq(self.look_symbol), self.look.eq(memories["look"].read_data)]

        # After the decision.
        replies_1, replies_2, before, after = Signal(Adjusted), Signal(Adjusted), Signal(Approved), Signal(Approved)
        opened = Signal()
        m.d.sync += [replies_1.eq(replies), replies_2.eq(replies_1), before.eq(approved), after.eq(grown),
                     opened.eq(self.approved)]
        m.d.comb += [
            self.exposure_long.eq(replies_2.long + Mux(opened, after.buy, before.buy)),
            self.exposure_short.eq(replies_2.short - Mux(opened, after.sell, before.sell)),
        ]

        # Replies.
        adjusting, changed = memories["adjusting"], Signal(Adjusted)
        address = Signal.like(self.adjust_symbol)
        m.d.sync += address.eq(self.adjust_symbol)
        m.d.comb += [
            adjusting.read_address.eq(self.adjust_symbol),
            self.adjusted.eq(adjusting.read_data),
            *(changed[name].eq(adjusting.read_data[name] + self.adjustment[name]) for name in Adjusted.members),
        ]
        for name in ("adjusted", "adjusting"):
            m.d.comb += [
                memories[name].write_enable.eq(self.adjust),
                memories[name].write_address.eq(address),
                memories[name].write_data.eq(changed),
            ]
        with m.If(self.adjust):
            m.d.sync += [session_adjusted[name].eq(session_adjusted[name] + self.adjustment[name])
                         for name in Adjusted.members]
        return m

    def _bounds(self, m, limit, replies, name: str):
        """``shares`` and ``held`` are left to the caller."""
        bounds = Signal(_Bounds, name=f"bounds_{name}")
        less = [inverted(word) for word in self.notional]
        net = Mux(self.side, replies.net_short, inverted(replies.net_long))

        def sum_of(*words, ones, name: str) -> Value:
            return total(m, *words, *less, ones=(*ones, *[C(1, 1)] * len(less)), width=67, name=f"{name}_bound")

        m.d.sync += [
            bounds.gross.eq(sum_of(limit.max_gross, inverted(replies.gross), ones=[C(1, 1)], name="gross")),
            bounds.net.eq(sum_of(limit.max_net, net, ones=[~self.side], name="net")),
            bounds.orders.eq(limit.max_open_orders + replies.orders),
        ]
        return bounds

    def _grown(self, m, sums, side, quantity, notional, name: str):
        """The sums with one order more."""
        grown = Signal(Approved, name=name)
        m.d.comb += [
            grown.buy.eq(sums.buy + Mux(side, 0, quantity)),
            grown.sell.eq(sums.sell + Mux(side, quantity, 0)),
            grown.buy_notional.eq(sums.buy_notional + Mux(side, 0, notional)),
            grown.sell_notional.eq(sums.sell_notional + Mux(side, notional, 0)),
            grown.gross.eq(sums.gross + notional),
            grown.orders.eq(sums.orders + 1),
        ]
        return grown
