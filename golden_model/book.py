"""book: messages in, one update per message about a configured symbol out.

The book itself is unbounded: orders by reference, price levels in dictionaries. What the hardware's bounded structures
cannot hold is simulated by the rules of ``spec.order_table`` and ``spec.ladder`` only to know which flag it raises.

Policies, and why:

- A symbol's locate comes from the configuration or from its stock directory message. A later one overrides; a locate
  once mapped stays mapped, since nothing in ITCH takes one back. Once the host has named a symbol, only locates that it
  named count: those of the configuration and the stocks by which a directory message is known are void.
- S, V and W concern the whole market: they make no update and are not counted as filtered. S with event Q opens the
  market and M closes it; W (circuit breaker) closes it until the next Q. A symbol trades after an H with state T, as
  ITCH sends at the start of day; only operational halts of Nasdaq itself (h with market Q) concern its book.
- The order table is keyed by reference alone. An order found under another symbol than the message's is not that
  message's order: unknown reference. A replace whose old order is unknown adds nothing, since side and stock would be
  unknown. A replace removes the old order before it looks for the new one, so it may reuse the reference; the old
  place is free for the next message.
- An execution beyond the order's shares removes the order and raises its fault. Its print counts with the shares of the
  message: the exchange printed them.
- A fault belongs to the message's symbol, is up in the update of the message that raised it, and stays until reset,
  the unknown reference until the host vouches. The gap flag is the feed's, passed on: it is sticky there. A depth is of
  no message, so it goes by the gap flags of all messages before it.
- An order of zero shares occupies its level until it is removed, as any other.
- A start in the middle of the day: messages name orders that were added before. Each is counted, and flags its symbol,
  as at any other time. The host loads the symbol's resting orders from a snapshot, each as an add would without an
  update, and then vouches that all are in, which takes the unknown-reference fault back. It may do so only for orders
  that rest at that moment: one that messages have named in vain before it was loaded is stale. A duplicate reference, a
  full table and an execution beyond the order's shares are not healed by more orders, nor is a gap: what was lost may
  concern any symbol, orders that the snapshot holds among them.
- The hardware chooses when a ladder's window moves and where to within the law, when a snapshot's order finds a free
  slot, and which moment a depth shows. The model has no clock, so it is told: ``events`` holds the hardware's records
  of all three. A window that breaks the law raises ``ValueError``, since it did not come off the wire. Everything else
  follows from the book and the window in force.
"""

import re
from collections import deque

from spec import itch
from spec.config import Design
from spec.ladder import ASK, BID, Window, Zone, window_around
from spec.records import DEPTH, DEPTH_LEVELS, LOAD, UPDATE, WINDOW, Trade

from .counting import Counters
from .decode import decode
from .ladder import Ladder
from .order_table import OrderTable

_make = tuple.__new__  #: of a record, without the check that a namedtuple's own call makes of what is complete
_PRINT, _UNPRICED, _NONE, _BREAK = (
    trade.value for trade in (Trade.PRINT, Trade.UNPRICED, Trade.NONE, Trade.BREAK))
_NO_TRADE = (_NONE, 0, 0, 0)
_STOCK = re.compile(rb"[\x21-\x7e]{1,8} *", re.DOTALL)
_LOCATE = itch.HEADER["locate"].offset
_READ_ANYWAY = b"SVWR"  #: concern the whole market, or say which locate a symbol has
_ZONE_COUNTERS = {Zone.BETTER.value: "zone_better", Zone.WORSE.value: "zone_worse"}
_MASK32 = (1 << 32) - 1
#: Hardware publishes a depth some cycles after the moment that it shows; a load may take one cycle.
_FORMER_DEPTHS = 64
_UNKNOWN_SIDES = (0,) * 8
_NOTHING_KNOWN = (0,) * (3 + 3 * DEPTH_LEVELS)


class _Order:
    __slots__ = ("price", "shares", "side", "symbol")

    def __init__(self, symbol: "SymbolBook", side: int, price: int, shares: int):
        self.symbol, self.side, self.price, self.shares = symbol, side, price, shares


class SymbolBook:
    """All that is known about one symbol."""

    def __init__(self, index: int, design: Design):
        symbol = design.symbols[index]
        levels = design.book.levels
        window = window_around(symbol.reference, symbol.tick, levels)
        self.index = index
        self.sides = [Ladder(side=side, tick=symbol.tick, levels=levels, window=window) for side in (BID, ASK)]
        self.trading = design.book.assume_trading
        self.halted = False
        self.short_restricted = 0
        self.unknown_reference = self.duplicate_reference = self.over_execution = self.table_full = 0
        self.last_trade = self.collar_lower = self.collar_upper = 0

    @property
    def fault(self) -> int:
        return self.unknown_reference | self.duplicate_reference | self.over_execution | self.table_full

    def bids(self) -> list[tuple[int, int, int]]:
        """Every bid level as (price, shares, orders), best first, far beyond the ladder too."""
        return self.sides[BID].depth()

    def asks(self) -> list[tuple[int, int, int]]:
        """Every ask level as (price, shares, orders), best first, far beyond the ladder too."""
        return self.sides[ASK].depth()


class Book:
    """The book stage.

    Members
    -------
    counters : dict[str, int]
    events : deque
        What the hardware says it did between messages: ``Window``, ``Load`` and ``Depth`` records by the message that
        they name, and of one message in the order in which they were published. Each is taken before that message,
        which must not have been seen. A ``Depth`` asks for the model's own at that time, or at an earlier one between
        the same two messages if the hardware's is exactly that.
    """

    def __init__(self, design: Design):
        self.counters = Counters("book")
        self.events: deque = deque()
        self._windows: list = []
        self._depths: list = []
        self._loads: list = []
        self._next = 0  # number of the next message
        self._gap = 0
        self._former: dict[tuple[int, int], deque] = {}  # symbol, side -> depths that were true since the last message
        self._symbols = [SymbolBook(i, design) for i in range(len(design.symbols))]
        self._stocks = {s.stock_octets: self._symbols[i] for i, s in enumerate(design.symbols)}
        self._locates = {s.locate: self._symbols[i] for i, s in enumerate(design.symbols) if s.locate}
        self._locate_count = design.book.locates
        self._named: set[int] = set()  # symbols that the host named
        self._market_open = design.book.assume_trading
        self._orders: dict[int, _Order] = {}
        self._table = OrderTable(design.book)
        self._handlers = {
            b"H": self._trading_action, b"h": self._operational_halt, b"J": self._collar,
            b"Y": self._short_sale_restriction,
            b"A": self._add, b"F": self._add, b"U": self._replace, b"D": self._delete, b"X": self._cancel,
            b"E": self._execute, b"C": self._execute_with_price,
            b"P": self._trade, b"Q": self._cross_trade, b"B": self._broken_trade,
        }

    def book(self, symbol: int) -> SymbolBook:
        """The book of the configured symbol with that index: ``bids()`` and ``asks()``."""
        return self._symbols[symbol]

    def message(self, m):
        """The update that a ``Message`` makes, or None.

        Raises ``ValueError`` for an event due that cannot be.
        """
        if self.events:
            self._take_events(m.message)
        self._next = m.message + 1 & _MASK32
        if self._former:
            self._former.clear()
        if m.gap:
            self._gap = 1
        octets = m.octets.to_bytes(itch.MAX_MESSAGE, "little")
        symbol = self._locates.get(octets[_LOCATE] << 8 | octets[_LOCATE + 1])
        if symbol is None and octets[0] not in _READ_ANYWAY:
            self.counters["filtered"] += 1
            return None
        message = decode(octets)
        kind = message.type
        if kind in b"SVW":
            self._market_wide(kind, message)
            return None
        if kind == b"R" and message.stock in self._stocks:
            symbol = self._stocks[message.stock]
            if message.locate >= self._locate_count:
                self.counters["locate_range"] += 1
                return None
            self._locates[message.locate] = symbol
        if symbol is None:
            self.counters["filtered"] += 1
            return None
        handler = self._handlers.get(kind)
        trade, price, shares, match = handler(symbol, message) or _NO_TRADE if handler else _NO_TRADE
        if trade == _PRINT:
            symbol.last_trade = price
        self.counters["updates"] += 1
        if m.gap or symbol.fault:
            best = _UNKNOWN_SIDES
        else:
            bids, asks = symbol.sides
            best = *bids.published(), *asks.published()
        return _make(UPDATE.tuple, (
            m.message, message.timestamp, symbol.index, kind[0],
            m.gap, symbol.unknown_reference, symbol.duplicate_reference, symbol.over_execution, symbol.table_full,
            int(self._market_open and symbol.trading and not symbol.halted), symbol.short_restricted,
            *best,
            trade, price, shares, match,
            symbol.last_trade, symbol.collar_lower, symbol.collar_upper))

    def name(self, symbol: int, stock: bytes, locate: int) -> bool:
        """What the host says a symbol stands for. False if it may not: no such symbol, locate or stock, or twice."""
        lawful = symbol < len(self._symbols) and 0 < locate < self._locate_count and symbol not in self._named
        if not (lawful and _STOCK.fullmatch(stock)):
            return False
        if not self._named:
            self._stocks, self._locates = {}, {}
        self._named.add(symbol)
        self._locates[locate] = self._symbols[symbol]
        return True

    @property
    def is_silent(self) -> bool:
        """Nothing is ``published`` since the last call."""
        return not (self._windows or self._depths or self._loads)

    def settle(self) -> None:
        """Take the events after the last message. Raises ``ValueError`` for one that cannot be."""
        self._take_events(self._next)

    def published(self) -> tuple[list, list, list]:
        """The ``Window``, ``Depth`` and ``Load`` records that events have made since the last call."""
        result = self._windows, self._depths, self._loads
        self._windows, self._depths, self._loads = [], [], []
        return result

    def window(self, symbol: int, side: int, low: int, high: int) -> None:
        """Change the window of a side's ladder. Raises ``ValueError`` for one that ``spec.ladder`` does not know."""
        self._ladder(symbol, side).move(Window(low, high))
        self.counters["windows"] += 1

    def load(self, symbol: int, side: int, reference: int, price: int, shares: int) -> None:
        """Rest an order of the host's snapshot; one of no configured symbol is only counted."""
        if self._is_foreign(symbol):
            return
        self.counters["loads"] += 1
        self._insert(reference, _Order(self._symbols[symbol], side, price, shares))

    def vouch(self, symbol: int) -> None:
        """The host vouches that all resting orders of the symbol are in; of no configured one it is only counted."""
        if self._is_foreign(symbol):
            return
        self.counters["vouched"] += 1
        self._symbols[symbol].unknown_reference = 0

    def _is_foreign(self, symbol: int) -> bool:
        """Counts it."""
        foreign = not 0 <= symbol < len(self._symbols)
        self.counters["load_foreign"] += foreign
        return foreign

    def depth(self, symbol: int, side: int, low: int | None = None, high: int | None = None):
        """The ``Depth`` of a side after the messages so far.

        Parameters
        ----------
        low, high
            Another window than that in force. Raises ``ValueError`` for one that ``spec.ladder`` does not know.
        """
        ladder = self._ladder(symbol, side)
        window = ladder.window if low is None else Window(low, high)
        known, levels, cut = ladder.top(DEPTH_LEVELS, window)
        if self._gap or self._symbols[symbol].fault or not known:
            return DEPTH.tuple(self._next, symbol, side, *window, *_NOTHING_KNOWN)
        values = [value for level in levels for value in level]
        values += [0] * (3 * DEPTH_LEVELS - len(values))
        return DEPTH.tuple(self._next, symbol, side, *window, 1, len(levels), int(cut), *values)

    def _ladder(self, symbol: int, side: int) -> Ladder:
        if not 0 <= symbol < len(self._symbols) or side not in (BID, ASK):
            raise ValueError(f"no side {side!r} of a symbol {symbol!r}")
        return self._symbols[symbol].sides[side]

    def _take_events(self, number: int) -> None:
        """Take the events that come before message ``number`` and after the one before it."""
        events = self.events
        self._next = number
        while events:
            event = events[0]
            age = number - event.message & _MASK32
            if age >> 31:  # a later message's
                return
            events.popleft()
            try:
                if age:
                    raise ValueError(f"message {event.message} is past, the next is {number}")
                self._event(event)
            except ValueError as error:
                raise ValueError(f"{event!r}: {error}") from None

    def _event(self, event) -> None:
        kind = type(event)
        if kind is WINDOW.tuple:
            self._remember(event.symbol, event.side)
            self.window(event.symbol, event.side, event.low, event.high)
            self._windows.append(event)
        elif kind is DEPTH.tuple:
            depth = self.depth(event.symbol, event.side)
            former = self._former.get((event.symbol, event.side), ())
            self._depths.append(event if event in former else depth)
            self.counters["depths"] += 1
        elif kind is LOAD.tuple:
            self._remember(event.symbol, BID)
            self._remember(event.symbol, ASK)
            if event.vouch:
                self.vouch(event.symbol)
            else:
                self.load(event.symbol, event.side, event.reference, event.price, event.shares)
            self._loads.append(event)
        else:
            raise ValueError("no Window, Depth or Load")

    def _remember(self, symbol: int, side: int) -> None:
        """The side's depth is about to change without a message."""
        former = self._former.get((symbol, side))
        if former is None:
            former = self._former[symbol, side] = deque(maxlen=_FORMER_DEPTHS)
        former.append(self.depth(symbol, side))

    def _market_wide(self, kind: bytes, message) -> None:
        if kind == b"S" and message.event == b"Q":
            self._market_open = True
        elif kind == b"W" or kind == b"S" and message.event == b"M":
            self._market_open = False

    # Handlers return (trade, price, shares, match) or None, and take care of the symbol's state.

    def _trading_action(self, symbol: SymbolBook, message) -> None:
        symbol.trading = message.state == b"T"

    def _operational_halt(self, symbol: SymbolBook, message) -> None:
        if message.market == b"Q":
            symbol.halted = message.action == b"H"

    def _short_sale_restriction(self, symbol: SymbolBook, message) -> None:
        symbol.short_restricted = int(message.action != b"0")

    def _collar(self, symbol: SymbolBook, message) -> None:
        symbol.collar_lower, symbol.collar_upper = message.lower, message.upper

    def _add(self, symbol: SymbolBook, message) -> None:
        side = BID if message.side == b"B" else ASK
        self._insert(message.reference, _Order(symbol, side, message.price, message.shares))

    def _replace(self, symbol: SymbolBook, message) -> None:
        old = self._find(symbol, message.reference)
        if old is None:
            return
        symbol.sides[old.side].remove(old.price, old.shares)
        del self._orders[message.reference]
        new = _Order(symbol, old.side, message.price, message.shares)
        if message.new_reference in self._orders:
            self._table.remove(message.reference)
            self._insert(message.new_reference, new)
        elif self._table.replace(message.reference, message.new_reference):
            self._rest(message.new_reference, new)
        else:
            self._count_full(symbol)

    def _delete(self, symbol: SymbolBook, message) -> None:
        order = self._find(symbol, message.reference)
        if order:
            self._remove(message.reference, order)

    def _cancel(self, symbol: SymbolBook, message) -> None:
        self._take(symbol, message)

    def _execute(self, symbol: SymbolBook, message) -> tuple:
        order = self._take(symbol, message)
        if order:
            return _PRINT, order.price, message.shares, message.match
        return _UNPRICED, 0, message.shares, message.match

    def _execute_with_price(self, symbol: SymbolBook, message) -> tuple:
        self._take(symbol, message)
        if message.printable == b"Y":
            return _PRINT, message.price, message.shares, message.match
        return _NONE, 0, 0, message.match

    def _trade(self, symbol: SymbolBook, message) -> tuple:
        return _PRINT, message.price, message.shares, message.match

    def _cross_trade(self, symbol: SymbolBook, message) -> tuple:
        if message.shares:
            return _PRINT, message.price, message.shares, message.match
        return _NONE, 0, 0, message.match

    def _broken_trade(self, symbol: SymbolBook, message) -> tuple:
        return _BREAK, 0, 0, message.match

    # What handlers are made of.

    def _find(self, symbol: SymbolBook, reference: int) -> _Order | None:
        """The symbol's order, or None and its fault."""
        order = self._orders.get(reference)
        if order is None or order.symbol is not symbol:
            symbol.unknown_reference = 1
            self.counters["unknown_reference"] += 1
            return None
        return order

    def _insert(self, reference: int, order: _Order) -> None:
        if reference in self._orders:
            order.symbol.duplicate_reference = 1
            self.counters["duplicate_reference"] += 1
        elif self._table.insert(reference):
            self._rest(reference, order)
        else:
            self._count_full(order.symbol)

    def _count_full(self, symbol: SymbolBook) -> None:
        symbol.table_full = 1
        self.counters["table_full"] += 1

    def _rest(self, reference: int, order: _Order) -> None:
        """An order that has its place."""
        self._orders[reference] = order
        zone = order.symbol.sides[order.side].add(order.price, order.shares)
        if zone:
            self.counters[_ZONE_COUNTERS[zone]] += 1

    def _remove(self, reference: int, order: _Order) -> None:
        del self._orders[reference]
        self._table.remove(reference)
        order.symbol.sides[order.side].remove(order.price, order.shares)

    def _take(self, symbol: SymbolBook, message) -> _Order | None:
        """Take the message's shares off the order that it names; the order, or None when there is none."""
        order = self._find(symbol, message.reference)
        if order is None:
            return None
        if message.shares > order.shares:
            symbol.over_execution = 1
            self.counters["over_execution"] += 1
        if message.shares >= order.shares:
            self._remove(message.reference, order)
        else:
            order.shares -= message.shares
            symbol.sides[order.side].reduce(order.price, message.shares)
        return order
