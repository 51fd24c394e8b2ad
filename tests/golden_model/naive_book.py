"""A book without any cleverness, to hold the golden model's against: a list of orders, searched for everything.

Written from the contract alone; shares nothing with ``golden_model`` but the decoder.
"""

from collections import Counter
from typing import NamedTuple

from golden_model.decode import decode_record
from spec.config import Design
from spec.ladder import ASK, BID, Window, Zone, window_around, zone_of
from spec.order_table import bucket_of
from spec.records import DEPTH, UPDATE, Trade


class NaiveOrder(NamedTuple):
    reference: int
    symbol: int
    side: int
    price: int
    shares: int
    place: tuple  #: (sub-table or "spill", bucket, way)


class NaiveBook:
    def __init__(self, design: Design):
        self.design = design
        self.orders: list[NaiveOrder] = []
        self.counters = Counter()
        self.history = []  # every (symbol, message type, state) that matters later, in order
        self.faults = set()  # (symbol, name)
        self.locates = {s.locate: i for i, s in enumerate(design.symbols) if s.locate}
        self.windows = {(i, side): window_around(s.reference, s.tick, design.book.levels)
                        for i, s in enumerate(design.symbols) for side in (BID, ASK)}
        self.messages = []  # every one, in order

    def window(self, symbol: int, side: int, low: int, high: int) -> None:
        self.counters["windows"] += 1
        self.windows[symbol, side] = Window(low, high)

    def load(self, symbol: int, side: int, reference: int, price: int, shares: int) -> None:
        self.counters["loads"] += 1
        self.add(reference, symbol, side, price, shares)

    def vouch(self, symbol: int) -> None:
        self.counters["vouched"] += 1
        self.faults.discard((symbol, "unknown_reference"))

    def published_depth(self, symbol: int, side: int) -> tuple:
        low, high = self.windows[symbol, side]
        fault = any(m.gap for m in self.messages) or any(about == symbol for about, _ in self.faults)
        known = self.level(symbol, side, fault)[0]
        worse = any(self.zone(symbol, side, o.price) == Zone.WORSE for o in self.orders
                    if (o.symbol, o.side) == (symbol, side))
        levels = [level for level in self.depth(symbol, side) if low <= level[0] < high][:5] if known else []
        values = [value for level in levels + 5 * [(0, 0, 0)] for value in level][:15]
        return DEPTH.tuple(len(self.messages), symbol, side, low, high, known, len(levels),
                           int(bool(known) and len(levels) < 5 and worse), *values)

    def message(self, record):
        self.messages.append(record)
        m, config = decode_record(record), self.design.book
        kind = m.type.decode()
        self.history.append((m, None))
        if kind in "SVW":
            return None
        stocks = [s.stock_octets for s in self.design.symbols]
        if kind == "R" and m.stock in stocks:
            if m.locate >= config.locates:
                self.counters["locate_range"] += 1
                return None
            self.locates[m.locate] = stocks.index(m.stock)
        if m.locate not in self.locates:
            self.counters["filtered"] += 1
            return None
        symbol = self.locates[m.locate]
        trade = self.apply(symbol, kind, m)
        self.history[-1] = m, (symbol, trade)
        self.counters["updates"] += 1
        return self.update(record, symbol, m, trade)

    def apply(self, symbol: int, kind: str, m) -> dict:
        """Change the book; the update's trade fields."""
        order = self.find(m.reference) if kind in "ECXDU" else None
        if kind in "ECXDU" and (order is None or order.symbol != symbol):
            self.fault(symbol, "unknown_reference")
            order = None
        if kind in "AF":
            self.add(m.reference, symbol, BID if m.side == b"B" else ASK, m.price, m.shares)
        elif kind in "ECX" and order:
            self.orders.remove(order)
            if m.shares > order.shares:
                self.fault(symbol, "over_execution")
            elif m.shares < order.shares:
                self.orders.append(order._replace(shares=order.shares - m.shares))
        elif kind == "U" and order:
            place = self.place(m.new_reference)  # the old order still has its own
            self.orders.remove(order)
            self.add(m.new_reference, symbol, order.side, m.price, m.shares, place)
        elif kind == "D" and order:
            self.orders.remove(order)
        match = {"match": m.match} if kind in "ECPQB" else {}
        if kind == "E":
            if order is None:
                return match | {"trade": Trade.UNPRICED, "trade_shares": m.shares}
            return match | {"trade": Trade.PRINT, "trade_price": order.price, "trade_shares": m.shares}
        if kind == "P" or kind == "C" and m.printable == b"Y" or kind == "Q" and m.shares:
            return match | {"trade": Trade.PRINT, "trade_price": m.price, "trade_shares": m.shares}
        if kind == "B":
            return match | {"trade": Trade.BREAK}
        return match

    def update(self, record, symbol: int, m, trade: dict):
        names = ("unknown_reference", "duplicate_reference", "over_execution", "table_full")
        faults = {name: int((symbol, name) in self.faults) for name in names} | {"gap": record.gap}
        values = dict.fromkeys(UPDATE.tuple._fields, 0) | faults | trade
        for name, side in (("bid", BID), ("ask", ASK)):
            level = self.level(symbol, side, any(faults.values()))
            values |= dict(zip((f"{name}_{field}" for field in ("known", "price", "quantity", "orders")), level,
                               strict=True))
        mine = [(x, t) for x, about in self.history if about and about[0] == symbol for t in [about[1]]]
        prints = [t["trade_price"] for _, t in mine if t.get("trade") == Trade.PRINT]
        collars = [x for x, _ in mine if x.type == b"J"]
        restrictions = [x.action for x, _ in mine if x.type == b"Y"]
        if collars:
            values |= {"collar_lower": collars[-1].lower, "collar_upper": collars[-1].upper}
        return UPDATE.tuple(**{**values, "message": record.message, "timestamp": m.timestamp, "symbol": symbol,
                               "type": ord(m.type), "tradable": int(self.tradable(mine)),
                               "short_restricted": int(restrictions[-1:] not in ([], [b"0"])),
                               "last_trade": prints[-1] if prints else 0})

    def tradable(self, mine) -> bool:
        start = self.design.book.assume_trading
        market = [x.type + getattr(x, "event", b"") for x, _ in self.history if x.type in b"SW"]
        market = [x for x in market if x in (b"SQ", b"SM", b"W")]
        states = [x.state for x, _ in mine if x.type == b"H"]
        halts = [x.action for x, _ in mine if x.type == b"h" and x.market == b"Q"]
        return ((market[-1] == b"SQ" if market else start) and (states[-1] == b"T" if states else start)
                and not (halts and halts[-1] == b"H"))

    def level(self, symbol: int, side: int, fault: bool) -> tuple:
        orders = [o for o in self.orders if (o.symbol, o.side) == (symbol, side)]
        zones = Counter(self.zone(o.symbol, side, o.price) for o in orders)
        if fault or zones[Zone.BETTER] or zones[Zone.WORSE] and not zones[Zone.INSIDE]:
            return 0, 0, 0, 0
        if not orders:
            return 1, 0, 0, 0
        best = (max if side == BID else min)(o.price for o in orders)
        at_best = [o.shares for o in orders if o.price == best]
        return 1, best, sum(at_best), len(at_best)

    def depth(self, symbol: int, side: int) -> list:
        orders = [o for o in self.orders if (o.symbol, o.side) == (symbol, side)]
        prices = sorted({o.price for o in orders}, reverse=side == BID)
        return [(p, sum(o.shares for o in orders if o.price == p), sum(o.price == p for o in orders)) for p in prices]

    def zone(self, symbol: int, side: int, price: int) -> Zone:
        tick = self.design.symbols[symbol].tick
        return zone_of(price, side=side, tick=tick, window=self.windows[symbol, side])

    def find(self, reference: int) -> NaiveOrder | None:
        return next((o for o in self.orders if o.reference == reference), None)

    def fault(self, symbol: int, name: str) -> None:
        self.faults.add((symbol, name))
        self.counters[name] += 1

    def add(self, reference: int, symbol: int, side: int, price: int, shares: int, *place) -> None:
        place = place[0] if place else self.place(reference)
        if self.find(reference):
            self.fault(symbol, "duplicate_reference")
        elif place is None:
            self.fault(symbol, "table_full")
        else:
            self.orders.append(NaiveOrder(reference, symbol, side, price, shares, place))
            zone = self.zone(symbol, side, price)
            if zone != Zone.INSIDE:
                self.counters["zone_better" if zone == Zone.BETTER else "zone_worse"] += 1

    def place(self, reference: int) -> tuple | None:
        book, taken = self.design.book, [o.place for o in self.orders]
        buckets = [(t, bucket_of(reference, t, book.buckets.bit_length() - 1)) for t in range(book.tables)]
        load = [sum(place[:2] == bucket for place in taken) for bucket in buckets]
        emptiest = buckets[load.index(min(load))]
        free = [(*emptiest, way) for way in range(book.ways)] + [("spill", 0, entry) for entry in range(book.spill)]
        return next((place for place in free if place not in taken), None)
