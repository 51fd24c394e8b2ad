"""What the recentring is tested with: a naive book that takes its requests, held against all orders after every one."""

import random
from collections import Counter
from dataclasses import dataclass, field, replace

from hdl.book.operation import Ring
from spec.ladder import ASK, BID, Window, Zone, highest_low, lowest_low, window_around, word_span, zone_of
from spec.order_table import bucket_of


@dataclass
class Order:
    symbol: int
    side: int
    price: int
    shares: int
    place: tuple
    held: bool = False
    far: Zone = Zone.INSIDE  #: where it is counted as far, if it is


@dataclass
class Row:
    law: Window
    ring: int
    word: int
    lo: int
    hi: int


@dataclass
class Entering:
    active: int = 0
    symbol: int = 0
    side: int = 0
    low: int = 0
    high: int = 0


@dataclass
class NaiveBook:
    """The book as its plan says, one operation at a time: order table, levels in rings, far counts, windows."""

    design: object
    rng: random.Random
    rows: dict = field(default_factory=dict)
    levels: dict = field(default_factory=dict)  #: (symbol, side, slot): shares, orders
    far: dict = field(default_factory=dict)
    orders: dict = field(default_factory=dict)
    entering: Entering = field(default_factory=Entering)
    absorbed: int = 0
    messages: int = 0
    laws: list = field(default_factory=list)  #: WINDOW records that are due
    done: Counter = field(default_factory=Counter)
    taken: list = field(default_factory=list)  #: cycle and kind of each request

    def __post_init__(self):
        self.ring = Ring(self.design)
        for s, symbol in enumerate(self.design.symbols):
            law = window_around(symbol.reference, symbol.tick, self.ring.levels)
            word = law.low // word_span(symbol.tick, self.ring.levels) % self.ring.words
            for side in (BID, ASK):
                self.rows[s, side] = Row(law, law.low, word, 0, self.ring.words)
                self.far[s, side] = {Zone.BETTER: 0, Zone.WORSE: 0}

    # The order table.

    def places_of(self, reference):
        book, bits = self.design.book, self.design.book.buckets.bit_length() - 1
        used = {order.place for order in self.orders.values()}
        places = [(t, bucket_of(reference, t, bits), way) for t in range(book.tables) for way in range(book.ways)]
        spill = [("spill", i) for i in range(book.spill)]
        return [p for p in places if p not in used] or [p for p in spill if p not in used]

    # The ladder.

    def tick(self, symbol):
        return self.design.symbols[symbol].tick

    def zone(self, order):
        return zone_of(order.price, side=order.side, tick=self.tick(order.symbol),
                       window=self.rows[order.symbol, order.side].law)

    def is_entering(self, order):
        e = self.entering
        return bool(e.active and (e.symbol, e.side) == (order.symbol, order.side) and e.low <= order.price < e.high
                    and order.price % self.tick(order.symbol) == 0 and self.zone(order) != Zone.INSIDE)

    def far_zone(self, order):
        """Where it is counted as far: by the law, or by the window to come if it lies outside that too."""
        e = self.entering
        if e.active and (e.symbol, e.side) == (order.symbol, order.side) and not e.low <= order.price < e.high:
            return zone_of(order.price, side=order.side, tick=self.tick(order.symbol), window=Window(e.low, e.high))
        return self.zone(order)

    def slot(self, symbol, side, price):
        index = price // self.tick(symbol)
        return (index if side == BID else ~index) % self.ring.levels

    def count(self, order, sign, shares=None):
        """Change the order's level."""
        level = self.levels.setdefault((order.symbol, order.side, self.slot(order.symbol, order.side, order.price)),
                                       [0, 0])
        level[0] += sign * (order.shares if shares is None else shares)
        level[1] += sign if shares is None else 0

    def add(self, reference, symbol, side, price, shares):
        places = self.places_of(reference)
        if not places:
            return
        order = Order(symbol, side, price, shares, self.rng.choice(places))
        zone = self.zone(order)
        order.held = zone == Zone.INSIDE
        if zone != Zone.INSIDE:
            order.far = self.far_zone(order)
            self.far[symbol, side][order.far] += 1
            if self.is_entering(order):
                order.held = True
                self.absorbed += 1
                self.done["added entering"] += 1
        if order.held:
            self.count(order, 1)
        self.orders[reference] = order

    def remove(self, reference):
        order = self.orders.pop(reference)
        zone = self.zone(order)
        if order.held:
            self.count(order, -1)
        if zone != Zone.INSIDE and (not order.held or self.is_entering(order)):
            self.far[order.symbol, order.side][order.far] -= 1
            if order.held:
                self.absorbed -= 1
                self.done["removed entering"] += 1

    def reduce(self, reference, shares):
        order = self.orders[reference]
        if order.held:
            self.count(order, -1, shares)
        self.orders[reference] = replace(order, shares=order.shares - shares)

    def hold(self, request):
        order = self.orders.get(request["reference"])
        key = request["symbol"], request["side"]
        if not order or (order.symbol, order.side) != key or order.held or self.zone(order) == Zone.INSIDE:
            self.done["held in vain"] += 1
        elif self.is_entering(order):
            assert order.price == request["price"]
            self.count(order, 1)
            self.absorbed += 1
            self.orders[request["reference"]] = replace(order, held=True)
            self.done["held"] += 1
        elif order.far != self.far_zone(order):
            self.far[key][order.far] -= 1
            self.far[key][self.far_zone(order)] += 1
            self.orders[request["reference"]] = replace(order, far=self.far_zone(order))
            self.done["turned over"] += 1

    def release(self, request):
        order = self.orders.get(request["reference"])
        if order and (order.symbol, order.side) == (request["symbol"], request["side"]) and order.held \
                and self.zone(order) != Zone.INSIDE and not self.is_entering(order):
            assert order.price == request["price"]
            self.count(order, -1)
            self.far[order.symbol, order.side][self.zone(order)] += 1
            self.orders[request["reference"]] = replace(order, held=False, far=self.zone(order))
            self.done["released"] += 1
        else:
            self.done["released in vain"] += 1

    def query(self, request):
        pass

    def window(self, symbol, side, row):
        old = self.rows[symbol, side]
        if self.absorbed:
            e = self.entering
            assert e.active and (e.symbol, e.side) == (symbol, side)
            above = e.high > old.law.high
            self.far[symbol, side][Zone.BETTER if above == (side == BID) else Zone.WORSE] -= self.absorbed
            self.done["absorbed"] += self.absorbed
            self.absorbed = 0
        if row.law != old.law:
            self.laws.append((self.messages & 0xFFFFFFFF, symbol, side, *row.law))
        self.done["empty law"] += row.law.low == row.law.high
        self.rows[symbol, side] = row

    def result(self, symbol, side):
        """What ``result`` shows of the best level and the window."""
        row, tick = self.rows[symbol, side], self.tick(symbol)
        numbers = range(self.ring.levels)
        far = self.far[symbol, side]
        found = {"symbol": symbol, "side": side, "message": self.messages & 0xFFFFFFFF, "sound": 1,
                 "better": bool(far[Zone.BETTER]), "worse": bool(far[Zone.WORSE]), "window": pack_row(row)}
        for number in reversed(numbers) if side == BID else numbers:
            price = row.ring + number * tick
            slot = self.slot(symbol, side, price)
            shares, orders = self.levels.get((symbol, side, slot), (0, 0))
            if orders:
                return found | {"any": 1, "number": number, "price": price, "slot": slot, "quantity": shares,
                                "orders": orders, "inside": row.lo <= number >> self.ring.word_bits < row.hi}
        return found | {"any": 0, "number": self.rng.getrandbits(self.ring.slot_bits), "inside": 0}

    def known(self, found):
        return not found["better"] and bool(found["inside"] if found["any"] else not found["worse"])

    # What must hold after each operation.

    def check(self, symbol, side):
        row, tick = self.rows[symbol, side], self.tick(symbol)
        of_side = [o for o in self.orders.values() if (o.symbol, o.side) == (symbol, side)]
        levels, zones, closing, absorbed = {}, Counter(), Counter(), 0
        for order in of_side:
            zone = self.zone(order)
            zones[zone] += 1
            assert order.held or zone != Zone.INSIDE, "an order inside is in no level"
            if order.held:
                assert row.ring <= order.price < row.ring + self.ring.levels * tick, "a level is not on the ring"
                level = levels.setdefault((symbol, side, self.slot(symbol, side, order.price)), [0, 0])
                level[0] += order.shares
                level[1] += 1
                if zone != Zone.INSIDE:
                    if self.is_entering(order):
                        absorbed += 1
                    else:
                        closing[zone] += 1
        assert levels == {key: level for key, level in self.levels.items()
                          if key[:2] == (symbol, side) and level != [0, 0]}, "levels"
        expected = {zone: zones[zone] - closing[zone] for zone in self.far[symbol, side]}
        if row.law.low == row.law.high:
            assert sum(self.far[symbol, side].values()) == sum(expected.values()), "far, while the law is empty"
        else:
            assert self.far[symbol, side] == expected, "far"
        if self.entering.active and (self.entering.symbol, self.entering.side) == (symbol, side):
            assert self.absorbed == absorbed, "absorbed"
        found = self.result(symbol, side)
        if self.known(found):
            best = self.best(symbol, side)
            assert bool(best) == bool(found["any"]), "emptiness is published wrong"
            if best:
                assert best == (found["price"], found["quantity"], found["orders"]), "the best price is published wrong"

    def best(self, symbol, side):
        """Price, shares and orders of the best price of all orders."""
        of_side = [o for o in self.orders.values() if (o.symbol, o.side) == (symbol, side)]
        if not of_side:
            return None
        price = (max if side == BID else min)(o.price for o in of_side)
        shares = [o.shares for o in of_side if o.price == price]
        return price, sum(shares), len(shares)

    def check_at_rest(self):
        assert not self.entering.active
        for (s, side), row in self.rows.items():
            self.check(s, side)
            tick, levels = self.tick(s), self.ring.levels
            assert row.law == Window(row.ring, row.ring + levels * tick)
            found, best = self.result(s, side), self.best(s, side)
            between = any(o.price % tick and self.zone(o) == Zone.BETTER for o in self.orders.values()
                          if (o.symbol, o.side) == (s, side))
            if best is None:
                assert self.known(found)
            elif not between and 0 <= best[0] - lowest_low(tick, levels) and (
                    best[0] < highest_low(tick, levels) + levels * tick):
                assert self.known(found), "the market is lost"
                assert (levels // 4 <= found["number"] < 3 * levels // 4
                        or row.law == window_around(best[0], tick, levels)), "the best price is not in the middle"
                self.done["in the middle"] += 1


def pack_row(row):
    return {"law_low": row.law.low, "law_high": row.law.high, "ring_base": row.ring, "ring_word": row.word,
            "lo_word": row.lo, "hi_word": row.hi}
