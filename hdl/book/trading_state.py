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
from .operation import Types, symbol_index
from .pipeline import carry
from .price_grid import POSITION_BITS, price_of, unpack

_Faults = data.StructLayout({
    "unknown_reference": 1, "duplicate_reference": 1, "over_execution": 1, "table_full": 1,
})
_State = data.StructLayout({
    "trading": 1, "halted": 1, "faults": _Faults, "last_trade": 32, "collar_lower": 32, "collar_upper": 32,
})

#: What a message says, apart from orders.
_News = data.StructLayout({
    "message": 32, "gap": 1, "timestamp": 48, "type": 8,
    "executes": 1, "prints": 1, "breaks": 1, "price": 32, "shares": 64, "match": 64,
    "acts": 1, "trades": 1, "operates": 1, "halts": 1, "collars": 1, "lower": 32, "upper": 32,
    "opens": 1, "closes": 1,
})


class TradingState(wiring.Component):
    """Keeps every symbol's state and begins the update: all of its fields but the two sides.

    Latency: the message of stage 1 makes its update at stage 6. II: 1. Sweep: ``symbols`` cycles.

    Parameters
    ----------
    design : Design

    Members
    -------
    message, types : In
        Stage 1; no type set in a slot that ends no message.
    mapped, symbol : In
        Stage 2: of the slot's operation.
    found, position : In
        Stage 4: the message's order was found; its price.
    faults : In
        Stage 4: raised by the slot's operation.
    update : Out(layout(UPDATE))
        Stage 6: ``bid_*`` and ``ask_*`` are zero.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._design = design
        super().__init__({
            "message": In(layout(MESSAGE)), "types": In(Types),
            "mapped": In(1), "symbol": In(symbol_index(design)),
            "found": In(1), "position": In(POSITION_BITS), "faults": In(_Faults),
            "update": Out(layout(UPDATE)), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        trading = int(self._design.book.assume_trading)
        m.submodules.states = states = ForwardedMemory(
            shape=_State, depth=len(self._design.symbols), initial=_State.const({"trading": trading}).as_value().value)
        m.d.comb += self.ready.eq(states.ready)

        news_2 = Signal(_News)
        self._read(m, news_2)
        news = carry(m, news_2, since=2, until=5, name="news")
        mapped = carry(m, self.mapped, since=2, until=5, name="mapped")
        symbol = carry(m, self.symbol, since=2, until=5, name="symbol")

        # Stage 4: an execution prints at its order's price. The tick is the symbol's: the order is its own.
        fine = Signal()
        m.d.sync += fine.eq(Array(C(s.tick == 1, 1) for s in self._design.symbols)[symbol[3]])
        prints, unpriced, price = Signal(), Signal(), Signal(32)
        faults = Signal(_Faults)
        m.d.sync += [
            prints.eq(news[4].prints | news[4].executes & self.found),
            unpriced.eq(news[4].executes & ~self.found),
            price.eq(Mux(news[4].executes, price_of(unpack(m, self.position, fine, "grid"), fine), news[4].price)),
            faults.eq(self.faults),
        ]
        m.d.comb += states.read_address.eq(symbol[4])

        # Stage 5: the state changes; a slot that ends no message, or one about no symbol, has at most faults to add.
        now, old, new = news[5], states.read_data, states.write_data
        market_open, open_now = Signal(init=trading), Signal()
        m.d.comb += open_now.eq((market_open | now.opens) & ~now.closes)
        m.d.sync += market_open.eq(open_now)
        m.d.comb += [
            new.trading.eq(Mux(now.acts, now.trades, old.trading)),
            new.halted.eq(Mux(now.operates, now.halts, old.halted)),
            Value.cast(new.faults).eq(Value.cast(old.faults) | Value.cast(faults)),
            new.last_trade.eq(Mux(prints, price, old.last_trade)),
            new.collar_lower.eq(Mux(now.collars, now.lower, old.collar_lower)),
            new.collar_upper.eq(Mux(now.collars, now.upper, old.collar_upper)),
            states.write_enable.eq(mapped[5]),
            states.write_address.eq(symbol[5]),
        ]
        update = self.update
        m.d.sync += [
            *(update[name].eq(now[name]) for name in ("message", "timestamp", "type", "gap", "match")),
            update.symbol.eq(symbol[5]),
            *(update[name].eq(new.faults[name]) for name in _Faults.members),
            update.tradable.eq(open_now & new.trading & ~new.halted),
            update.trade.eq(Mux(prints, Trade.PRINT.value, Mux(unpriced, Trade.UNPRICED.value,
                                                               Mux(now.breaks, Trade.BREAK.value, Trade.NONE.value)))),
            update.trade_price.eq(Mux(prints, price, 0)),
            update.trade_shares.eq(Mux(prints | unpriced, now.shares, 0)),
            *(update[name].eq(new[name]) for name in ("last_trade", "collar_lower", "collar_upper")),
        ]
        return m

    def _read(self, m, news):
        """Stage 1: the message's fields, registered in ``news``."""
        types, octets = self.types, self.message.octets

        def of(code, name):
            return field(octets, MESSAGES[code], name)

        matches = types.E | types.C | types.P | types.Q | types.B
        m.d.sync += [
            news.message.eq(self.message.message),
            news.gap.eq(self.message.gap),
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
            news.operates.eq(types.h & (of("h", "market") == ord("Q"))),
            news.halts.eq(of("h", "action") == ord("H")),
            news.collars.eq(types.J),
            news.lower.eq(of("J", "lower")),
            news.upper.eq(of("J", "upper")),
            news.opens.eq(types.S & (of("S", "event") == ord("Q"))),
            news.closes.eq(types.W | types.S & (of("S", "event") == ord("M"))),
        ]
