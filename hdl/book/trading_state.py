"""What is known of a symbol besides its orders: trading state, collars, last trade, faults; and the trade itself."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.itch import HEADER, MESSAGES
from spec.records import MESSAGE, UPDATE, Trade

from ..memory import ForwardedMemory
from ..records import layout
from ..wire import field
from .operation import PRICE_BITS, Types, symbol_index
from .pipeline import carry

_Faults = data.StructLayout({
    "unknown_reference": 1, "duplicate_reference": 1, "over_execution": 1, "table_full": 1,
})
_State = data.StructLayout({
    "trading": 1, "halted": 1, "short_restricted": 1, "faults": _Faults,
    "last_trade": 32, "collar_lower": 32, "collar_upper": 32,
})

#: What a message says, apart from orders.
_News = data.StructLayout({
    "message": 32, "gap": 1, "timestamp": 48, "type": 8,
    "executes": 1, "prints": 1, "breaks": 1, "price": 32, "shares": 64, "match": 64,
    "acts": 1, "trades": 1, "restricts": 1, "restricted": 1, "operates": 1, "halts": 1,
    "collars": 1, "lower": 32, "upper": 32, "opens": 1, "closes": 1,
})


class TradingState(wiring.Component):
    """Keeps every symbol's state and begins the update: all of its fields but the two sides.

    Latency: the message of stage 0 makes its update at stage 6. II: 1. Sweep: ``symbols`` cycles.

    Parameters
    ----------
    design : Design

    Members
    -------
    message, types : In
        Stage 0; no type set in a slot without a message.
    mapped, symbol : In
        Stage 2: the message's symbol is configured; the slot's symbol.
    found, price : In
        Stage 3: the message's order was found; its price.
    faults, vouch : In
        Stage 4: raised by the slot's operation; the host vouches for the symbol's orders.
    update : Out(layout(UPDATE))
        Stage 6: ``bid_*`` and ``ask_*`` are zero.
    sound : Out(1)
        Stage 6: no message was lost and no fault of the symbol is up, whether the slot has a message or not.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._design = design
        super().__init__({
            "message": In(layout(MESSAGE)), "types": In(Types),
            "mapped": In(1), "symbol": In(symbol_index(design)),
            "found": In(1), "price": In(PRICE_BITS), "faults": In(_Faults), "vouch": In(1),
            "update": Out(layout(UPDATE)), "sound": Out(1), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        trading = int(self._design.book.assume_trading)
        m.submodules.states = states = ForwardedMemory(
            shape=_State, depth=len(self._design.symbols), latency=2,
            initial=_State.const({"trading": trading}).as_value().value)
        m.d.comb += self.ready.eq(states.ready)

        news_1 = Signal(_News)
        self._read(m, news_1)
        news = carry(m, news_1, since=1, until=4, name="news")
        mapped = carry(m, self.mapped, since=2, until=4, name="mapped")
        symbol = carry(m, self.symbol, since=2, until=4, name="symbol")

        # Stage 3: an execution prints at its order's price.
        prints, unpriced, price = Signal(), Signal(), Signal(PRICE_BITS)
        m.d.sync += [
            prints.eq(news[3].prints | news[3].executes & self.found),
            unpriced.eq(news[3].executes & ~self.found),
            price.eq(Mux(news[3].executes, self.price, news[3].price)),
        ]
        m.d.comb += states.read_address.eq(symbol[2])

        # Stage 4: the state changes.
        now, old, new = news[4], states.read_data, states.write_data
        market_open, open_now = Signal(init=trading), Signal()
        m.d.comb += open_now.eq((market_open | now.opens) & ~now.closes)
        m.d.sync += market_open.eq(open_now)
        m.d.comb += [
            new.trading.eq(Mux(now.acts, now.trades, old.trading)),
            new.halted.eq(Mux(now.operates, now.halts, old.halted)),
            new.short_restricted.eq(Mux(now.restricts, now.restricted, old.short_restricted)),
            Value.cast(new.faults).eq(Value.cast(old.faults) | Value.cast(self.faults)),
            new.last_trade.eq(Mux(prints, price, old.last_trade)),
            new.collar_lower.eq(Mux(now.collars, now.lower, old.collar_lower)),
            new.collar_upper.eq(Mux(now.collars, now.upper, old.collar_upper)),
            states.write_enable.eq(mapped[4] | self.vouch | Value.cast(self.faults).any()),
            states.write_address.eq(symbol[4]),
        ]
        with m.If(self.vouch):
            m.d.comb += new.faults.unknown_reference.eq(0)
        update_5, sound = Signal(layout(UPDATE)), Signal()
        m.d.sync += [
            *(update_5[name].eq(now[name]) for name in ("message", "timestamp", "type", "gap", "match")),
            update_5.symbol.eq(symbol[4]),
            *(update_5[name].eq(new.faults[name]) for name in _Faults.members),
            update_5.tradable.eq(open_now & new.trading & ~new.halted),
            update_5.short_restricted.eq(new.short_restricted),
            update_5.trade.eq(Mux(prints, Trade.PRINT.value, Mux(
                unpriced, Trade.UNPRICED.value, Mux(now.breaks, Trade.BREAK.value, Trade.NONE.value)))),
            update_5.trade_price.eq(Mux(prints, price, 0)),
            update_5.trade_shares.eq(Mux(prints | unpriced, now.shares, 0)),
            *(update_5[name].eq(new[name]) for name in ("last_trade", "collar_lower", "collar_upper")),
            sound.eq(~(now.gap | Value.cast(new.faults).any())),
        ]
        m.d.sync += [self.update.eq(update_5), self.sound.eq(sound)]
        return m

    def _read(self, m, news):
        """Stage 0: the message's fields, registered in ``news``."""
        types, octets = self.types, self.message.octets

        def of(code, name):
            return field(octets, MESSAGES[code], name)

        any_type = Value.cast(types).any()
        matches = types.E | types.C | types.P | types.Q | types.B
        m.d.sync += [
            news.message.eq(self.message.message),
            news.gap.eq(Mux(any_type, self.message.gap, news.gap)),
            news.timestamp.eq(field(octets, HEADER, "timestamp")),
            news.type.eq(field(octets, HEADER, "type")),
            news.executes.eq(types.E),
            news.prints.eq(types.C & (of("C", "printable") == ord("Y")) | types.P
                           | types.Q & (of("Q", "shares") != 0)),
            news.breaks.eq(types.B),
            news.price.eq(Mux(types.Q, of("Q", "price"), Mux(types.P, of("P", "price"), of("C", "price")))),
            news.shares.eq(Mux(types.Q, of("Q", "shares"), Mux(types.P, of("P", "shares"), of("E", "shares")))),
            news.match.eq(Mux(types.Q, of("Q", "match"), Mux(types.P, of("P", "match"), Mux(
                types.B, of("B", "match"), of("E", "match")))) & matches.replicate(64)),
            news.acts.eq(types.H),
            news.trades.eq(of("H", "state") == ord("T")),
            news.restricts.eq(types.Y),
            news.restricted.eq(of("Y", "action") != ord("0")),
            news.operates.eq(types.h & (of("h", "market") == ord("Q"))),
            news.halts.eq(of("h", "action") == ord("H")),
            news.collars.eq(types.J),
            news.lower.eq(of("J", "lower")),
            news.upper.eq(of("J", "upper")),
            news.opens.eq(types.S & (of("S", "event") == ord("Q"))),
            news.closes.eq(types.W | types.S & (of("S", "event") == ord("M"))),
        ]
