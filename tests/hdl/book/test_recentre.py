"""Windows that follow the market: a naive book takes the requests, and is held against all orders after every one."""

import random
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from amaranth.hdl import Value
from amaranth.sim import Simulator

from hdl.book import recentre
from hdl.book.operation import Ring, background, result, scanned_layout
from hdl.book.recentre import Recentre
from spec.ladder import (
    ASK,
    BID,
    MAX_PRICE,
    Window,
    Zone,
    check_window,
    highest_low,
    lowest_low,
    window_around,
    word_span,
    zone_of,
)
from spec.order_table import bucket_of, tag_of
from spec.records import WINDOW

APPLIED = 3  #: cycles from a slot (stage -1) to stage 2, where the naive book does all at once
SCANNED = 2  #: to stage 1
RESULT = 7  #: to stage 6
WRITTEN = 5  #: cycles from stage 2 until a scan shows what the operation wrote


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


def pack(layout, values):
    """``values`` as one integer; what is not named is zero."""
    word = 0
    for key, f in layout:
        value = values.get(key, 0) if isinstance(values, dict) else values[key] if key < len(values) else 0
        if isinstance(value, dict | list):
            value = pack(f.shape, value)
        word |= int(value) << f.offset
    return word


def unpack(layout, word):
    values = {}
    for key, f in layout:
        value = word >> f.offset & (1 << f.width) - 1
        values[key] = unpack(f.shape, value) if hasattr(f.shape, "members") else value
    return values


class Market:
    """Messages: orders that come, shrink, move and go around prices that walk, jump and drain."""

    def __init__(self, rng, book, *, limit, far):
        self.rng, self.book, self.limit, self.far = rng, book, limit, far
        self.centres = {key: row.law.low + self.span(key) // 2 for key, row in book.rows.items()}
        self.mood = "walk"
        self.drift = 0

    def span(self, key):
        return self.book.ring.levels * self.book.tick(key[0])

    def price(self, key):
        rng, tick = self.rng, self.book.tick(key[0])
        span, e = self.span(key), self.book.entering
        kind = rng.random()
        if e.active and (e.symbol, e.side) == key and kind < 0.3:
            price = rng.choice((e.low, e.high - tick, e.low - tick, e.high, rng.randrange(e.low, e.high, tick)))
        elif kind < 0.3 + self.far:
            price = rng.choice((tick, 100, 10_000, 1_999_999_900, MAX_PRICE // tick * tick, rng.getrandbits(32),
                                lowest_low(tick, self.book.ring.levels),
                                self.centres[key] + rng.choice((-3, 3)) * span))
        elif kind < 0.32 + self.far:
            price = self.centres[key] + rng.randrange(-span, span)  # seldom on the grid
        else:
            price = self.centres[key] + int(rng.triangular(-span, span, 0)) // tick * tick
        return min(max(price, 0), MAX_PRICE)

    def move(self):
        rng = self.rng
        if rng.random() < 0.004:
            self.mood = rng.choice(("walk", "walk", "jump", "drain", "fill"))
            self.drift = rng.choice((-1, 0, 1))
            if self.mood == "jump":
                key = rng.choice(list(self.centres))
                tick = self.book.tick(key[0])
                self.centres[key] = rng.choice((
                    self.centres[key] + rng.choice((-1, 1)) * rng.randrange(4 * self.span(key)) // tick * tick,
                    rng.randrange(0, 1 << 32, tick), 10_000, MAX_PRICE // tick * tick))
        for key in self.centres:
            if rng.random() < 0.02:
                tick = self.book.tick(key[0])
                self.centres[key] = min(max(self.centres[key] + (self.drift + rng.choice((-1, 0, 1))) * tick, 0),
                                        MAX_PRICE // tick * tick)

    def message(self, threatened):
        """The next message, as a function of the book; ``threatened``: an order that a request is about to name."""
        self.move()
        rng, book = self.rng, self.book
        key = rng.choice(list(book.rows))
        if threatened in book.orders and rng.random() < 0.3:
            return self.act_on(threatened)
        resting = len(book.orders)
        goes = resting / self.limit if self.mood != "drain" else 0.9
        if self.mood == "fill":
            goes /= 2
        if resting and rng.random() < goes:
            of_side = [r for r, o in book.orders.items() if (o.symbol, o.side) == key] or list(book.orders)
            if rng.random() < 0.4:  # the best one
                return self.act_on(max(of_side, key=lambda r: book.orders[r].price * (1 if key[1] == BID else -1)))
            return self.act_on(rng.choice(of_side))
        reference = rng.choice((rng.getrandbits(64), rng.getrandbits(12)))
        if reference in book.orders:
            return self.act_on(reference)
        price = self.price(key)
        shares = rng.choice((0, 1, 100, (1 << 32) - 1))
        return key, lambda: book.add(reference, *key, price, shares)

    def act_on(self, reference):
        rng, book = self.rng, self.book
        order = book.orders[reference]
        key = order.symbol, order.side
        kind = rng.random()
        if kind < 0.15:
            shares = rng.randint(0, order.shares)
            return key, lambda: book.reduce(reference, shares)
        if kind < 0.4:
            new, price = rng.getrandbits(64), self.price(key)

            def replace_order():
                book.remove(reference)
                if new not in book.orders:
                    book.add(new, *key, price, 100)

            return key, replace_order
        return key, lambda: book.remove(reference)


def run(design, rng, *, cycles, free=1.0, busy=0.3, far=0.05, book=NaiveBook, limit=30, script=None, quiet=30_000):
    """Messages for ``cycles`` cycles, then none until nothing is asked for; the naive book then.

    ``free``: share of the slots that carry no message; ``busy``: share of the others that one of these symbols fills.
    ``script``: the messages, as a function of the book and the cycle.
    """
    dut = Recentre(design=design)
    book = book(design, rng)
    market = Market(rng, book, limit=limit, far=far)
    request_layout, scanned_shape, result_layout = background(design), scanned_layout(design), result(design)
    index_bits = design.book.buckets.bit_length() - 1
    slots = deque([None] * (RESULT + 1), maxlen=RESULT + 1)  # [n]: the slot n cycles ago
    shown, writes = {}, deque()  # what a scan shows; what it is yet to show
    records, due = [], []

    def scan(row):
        spec = design.book
        places = [(t, row, way) for t in range(spec.tables) for way in range(spec.ways)]
        places += [("spill", i) for i in range(spec.spill)]
        return pack(scanned_shape, [
            {"used": 1, "reference": reference if place[0] == "spill" else tag_of(reference, index_bits),
             "order": {"symbol": o.symbol, "side": o.side, "price": o.price, "shares": o.shares, "held": o.held,
                       "slot": book.slot(o.symbol, o.side, o.price)}}
            if (found := shown.get(place)) and (reference := found[0], o := found[1]) else
            {"reference": rng.getrandbits(40), "order": {"price": rng.getrandbits(32), "held": rng.getrandbits(1)}}
            for place in places])

    def apply(kind, act, key, cycle):
        """One operation, all at once."""
        before = dict(book.orders)
        act()
        book.messages += kind == "message"
        for reference in {*before, *book.orders}:
            old, new = before.get(reference), book.orders.get(reference)
            if old is not new:
                if old and not (new and new.place == old.place):
                    writes.append((cycle + WRITTEN, old.place, reference, None))
                if new:
                    writes.append((cycle + WRITTEN, new.place, reference, new))
        book.check(*key)

    async def process(ctx):
        await ctx.tick().until(dut.ready)
        still, held_request, cycle = 0, None, 0
        while cycle < cycles or still < 4 * len(book.rows) + 80:
            assert cycle < cycles + quiet, "it never comes to rest"
            # What the component shows.
            book.entering = Entering(*(ctx.get(getattr(dut.entering, name))
                                       for name in ("active", "symbol", "side", "low", "high")))
            if ctx.get(dut.windows.valid):
                records.append((cycle, WINDOW.unpack(ctx.get(Value.cast(dut.windows.payload)))))
            valid = ctx.get(dut.requests.valid)
            request = ctx.get(Value.cast(dut.requests.payload)) if valid else None
            assert held_request in (None, request), "a request changes while it waits"
            fields = unpack(request_layout, request) if valid else {}

            # This slot: a message, a request or nothing.
            threatened = fields.get("reference") if fields.get("hold") or fields.get("release") else None
            ready, slot = rng.random() < free, None
            if cycle >= cycles:
                ready = True
            elif script:
                slot = script(book, cycle)
                ready &= slot is None
            elif not ready and rng.random() < busy:
                slot = "message", market, threatened
            if ready and valid:
                kind, = (name for name in ("scan", "hold", "release", "window", "query") if fields[name])
                slot = kind, fields, request
                book.done[kind] += 1
                book.taken.append((cycle, kind))
            held_request = request if valid and not ready else None
            still = 0 if valid or not ready else still + 1
            slots.appendleft(slot)
            ctx.set(dut.requests.ready, ready)

            # Stage 1.
            while writes and writes[0][0] <= cycle:
                _, place, reference, order = writes.popleft()
                if order:
                    shown[place] = reference, order
                elif place in shown and shown[place][0] == reference:
                    del shown[place]
            slot = slots[SCANNED]
            is_scan = bool(slot) and slot[0] == "scan"
            ctx.set(dut.scanned_valid, is_scan)
            if is_scan:
                ctx.set(Value.cast(dut.scanned), scan(slot[1]["row"]))

            # Stage 2: everything happens.
            slot = slots[APPLIED]
            if slot and slot[0] != "scan":
                kind, what, detail = slot
                if kind == "message":
                    key, act = what.message(detail) if what is market else (what, detail)
                else:
                    key = what["symbol"], what["side"]
                    if kind == "window":
                        w = what["windows"]
                        row = Row(Window(w["law_low"], w["law_high"]), w["ring_base"], w["ring_word"], w["lo_word"],
                                  w["hi_word"])
                        check_row(design, key[0], row)
                        laws = len(book.laws)
                        act = partial(book.window, *key, row)
                    else:
                        act = partial(getattr(book, kind), what)
                apply(kind, act, key, cycle)
                if kind == "window" and len(book.laws) > laws:
                    due.append((cycle - APPLIED + RESULT + 1, book.laws[-1]))
                found = book.result(*key) | {"valid": 1, "query": kind == "query", "windowed": kind == "window"}
                slots[APPLIED] = "result", pack(result_layout, found), None

            # Stage 6.
            slot = slots[RESULT]
            if slot and slot[0] == "result":
                ctx.set(Value.cast(dut.results), slot[1])
            else:
                ctx.set(dut.results.valid, 0)
            await ctx.tick()
            cycle += 1

    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()
    assert records == due, "window records"
    for record in book.laws:
        check_window(Window(*record[3:]), book.tick(record[1]), book.ring.levels)
    book.check_at_rest()
    return book


def check_row(design, symbol, row):
    """The windows row says the same thing in prices and in words."""
    ring, tick = Ring(design), design.symbols[symbol].tick
    span = word_span(tick, ring.levels)
    assert row.ring % span == 0 and row.word == row.ring // span % ring.words
    assert lowest_low(tick, ring.levels) <= row.ring <= highest_low(tick, ring.levels)
    check_window(row.law, tick, ring.levels)
    if row.law.low == row.law.high:
        assert row.lo == row.hi
    else:
        assert (row.ring + row.lo * span, row.ring + row.hi * span) == row.law and row.hi <= ring.words


def some_design(tiny, *, references=(2915200, 4200), **book):
    sizes = {"levels": 16, "tables": 2, "buckets": 16, "ways": 2, "spill": 3} | book
    design = tiny(symbols=len(references), **sizes)
    return design.model_copy(update={"symbols": [
        symbol.model_copy(update={"reference": reference})
        for symbol, reference in zip(design.symbols, references, strict=True)]})


@pytest.mark.parametrize("free, busy, book", [
    (0.85, 1.0, {}),
    (0.65, 0.4, {}),
    (1 / 3, 0.3, {"levels": 32, "ways": 3}),
    (1 / 3, 1.0, {"tables": 4, "ways": 1, "spill": 1}),
    (0.8, 0.5, {"levels": 64, "references": (11_000, 700, 4_294_900_000 // 100 * 100)}),
])
def test_a_market_that_walks_jumps_and_drains(tiny, seed, free, busy, book):
    rng = random.Random(f"{seed} {free} {busy} {book}")
    book = run(some_design(tiny, **book), rng, cycles=5000, free=free, busy=busy)
    events = "held", "released", "absorbed", "empty law"
    assert min(book.done[event] for event in events) > 0, book.done


def add_at(cycle, key, price, *, reference=1, shares=100):
    """A script that does nothing but add an order."""
    def script(book, now):
        return ("message", key, lambda: book.add(reference, *key, price, shares)) if now == cycle else None

    return script


def cycles_of_a_move(book):
    """From the first request to the last window operation."""
    return max(cycle for cycle, kind in book.taken if kind == "window") - book.taken[0][0] + 1


@pytest.mark.parametrize("side", [BID, ASK])
@pytest.mark.parametrize("price", [100, 10_000, 600_000, 2_000_000, 1_999_999_900, MAX_PRICE // 100 * 100])
def test_a_far_order_alone_is_found(tiny, side, price):
    design = some_design(tiny, buckets=64)
    book = run(design, random.Random(1), cycles=20, free=0.5, script=add_at(5, (0, side), price))
    law = window_around(price, 100, 16)
    assert book.rows[0, side].law == law
    assert [record[1:3] for record in book.laws] == [(0, side)] * 2 and book.laws[-1][3:] == law
    assert 3 * 64 < cycles_of_a_move(book) < 3 * (64 + 2 * recentre.SETTLED) + 110


@pytest.mark.parametrize("price", [100, 600_000])
def test_a_move_takes_a_cycle_per_row_and_scan(tiny, price):
    """The same move in tables of other sizes: three scans, each a cycle longer per row."""
    durations = [cycles_of_a_move(run(some_design(tiny, buckets=buckets), random.Random(1), cycles=20, free=0.5,
                                      script=add_at(5, (0, BID), price))) for buckets in (64, 128)]
    assert 3 * 64 <= durations[1] - durations[0] <= 3 * 64 + 3


def test_neighbours_in_the_ring_move_without_a_search(tiny):
    """A best price in the upper quarter: two scans, no search; in the middle half: nothing."""
    design = some_design(tiny, buckets=64, references=(2915200,))
    middle = window_around(2915200, 100, 16).low + 800
    assert run(design, random.Random(1), cycles=20, free=0.5, script=add_at(5, (0, BID), middle)).taken == []
    book = run(design, random.Random(1), cycles=20, free=0.5, script=add_at(5, (0, BID), middle + 400))
    assert 2 * 64 <= book.done["scan"] <= 2 * 64 + 3 and book.done["window"] == 3
    assert [record[3:] for record in book.laws] == [(middle - 400, middle + 800), (middle - 400, middle + 1200)]


@pytest.mark.parametrize("free", [0.3, 0.6, 1.0])
def test_rows_full_of_one_sides_orders(tiny, free):
    """Many orders of a row to act on, few slots for it: rows that are shown meanwhile are shown again."""
    count, middle = 180, window_around(2915200, 100, 16).low + 800
    design = some_design(tiny, references=(2915200,), tables=4, ways=3)

    def script(book, now):
        if now <= count:
            price = middle + now % 8 * 100 if now < count else middle + 6_000
            return "message", (0, BID), lambda: book.add(now, 0, BID, price, 100)
        return None

    book = run(design, random.Random(1), cycles=1500, free=free, script=script)
    assert len(book.orders) == count + 1 and book.done["released"] == count and book.done["held"] == 1


def test_what_calls_during_a_move_is_heard(tiny):
    """Another side, and the same one again: no message comes afterwards."""
    prices = {5: (BID, 2_000_000), 90: (ASK, 5_000_000), 95: (BID, 2_500_000)}

    def script(book, now):
        if now in prices:
            return "message", (0, prices[now][0]), lambda: book.add(now, 0, *prices[now], 100)
        return None

    book = run(some_design(tiny), random.Random(1), cycles=100, script=script)
    assert book.laws[-1][3:] != book.laws[1][3:] and book.done["in the middle"] == 2
    assert book.taken[0][0] < 20 and [cycle for cycle, kind in book.taken if kind == "window"][2] > 110


def test_a_price_between_two_ticks_draws_no_window(tiny):
    assert run(some_design(tiny), random.Random(1), cycles=20, script=add_at(5, (0, BID), 2_000_050)).laws == []
    assert run(some_design(tiny), random.Random(1), cycles=20, script=add_at(5, (0, ASK), 2_000_099)).laws == []


@pytest.mark.parametrize("side", [BID, ASK])
def test_orders_between_two_windows_are_counted_anew(tiny, side):
    """They were better than the old window and are worse than the new one; one goes while the window moves."""
    middle, away = window_around(2915200, 100, 16).low + 800, 100 if side == BID else -100
    prices = {1: middle, 2: middle + 40 * away, 3: middle + 50 * away, 4: middle + 90 * away}

    def script(book, now):
        if now in prices:
            return "message", (0, side), lambda: book.add(now, 0, side, prices[now], 100)
        if book.entering.active and 2 in book.orders and now % 4 == 0:
            return "message", (0, side), lambda: book.remove(2) if 2 in book.orders else None
        if now == 390:
            return "message", (0, side), lambda: book.remove(3)
        return None

    book = run(some_design(tiny), random.Random(1), cycles=400, script=script)
    assert book.done["turned over"] >= 1 and book.done["released"] == 1 and sorted(book.orders) == [1, 4]
    assert book.rows[0, side].law == window_around(prices[4], 100, 16)


def test_a_side_that_stays_unknown_does_not_keep_others_waiting(tiny):
    """A bid between two ticks rests at the top, and its side is never quiet: others move all the same, it does not."""
    design = some_design(tiny)
    middle = window_around(2915200, 100, 16).low + 800
    market = {}

    def script(book, now):
        if now == 0:
            return "message", (0, BID), lambda: book.add(1, 0, BID, middle + 51, 100)
        if now % 800 == 0:  # another side moves
            key = (now // 800 % 3 + 1) // 2, (now // 800 % 3 + 1) % 2
            tick = book.tick(key[0])
            price = market[key] = market.get(key, book.rows[key].law.low) + 40 * tick

            def jump():
                for reference in [r for r, o in book.orders.items() if (o.symbol, o.side) == key]:
                    book.remove(reference)
                book.add(100 + now, *key, price, 100)

            return "message", key, jump
        if now % 800 == 799:
            for key, price in market.items():
                found = book.result(*key)
                assert book.known(found) and found["price"] == price, "another side waits too long"
        if now % 5:
            return None
        low = middle - 400  # the lowest that is no reason to move
        return "message", (0, BID), lambda: book.remove(2) if 2 in book.orders else book.add(2, 0, BID, low, 100)

    book = run(design, random.Random(1), cycles=4000, script=script)
    assert len(book.laws) == 2 * 4 and not [law for law in book.laws if law[1:3] == (0, BID)]


class ForgetsTheAbsorbed(NaiveBook):
    def window(self, symbol, side, row):
        self.absorbed = 0
        super().window(symbol, side, row)


class HoldsNothing(NaiveBook):
    def hold(self, request):
        pass


class ReleasesNothing(NaiveBook):
    def release(self, request):
        pass


class CountsByTheLawAlone(NaiveBook):
    def far_zone(self, order):
        return self.zone(order)

    def remove(self, reference):
        order = self.orders[reference]
        order.far = self.zone(order)
        super().remove(reference)


class TakesEveryOrderAsEntering(NaiveBook):
    def is_entering(self, order):
        e = self.entering
        return bool(e.active and (e.symbol, e.side) == (order.symbol, order.side)
                    and self.zone(order) != Zone.INSIDE)


@pytest.mark.parametrize("fault, complaint", [
    (ForgetsTheAbsorbed, "far|published wrong"),
    (HoldsNothing, "an order inside is in no level"),
    (ReleasesNothing, "a level is not on the ring|levels"),
    (CountsByTheLawAlone, "far"),
    (TakesEveryOrderAsEntering, "a level is not on the ring"),
])
def test_a_faulty_book_is_found(tiny, seed, fault, complaint):
    with pytest.raises(AssertionError, match=complaint):
        run(some_design(tiny), random.Random(seed), cycles=30_000, free=0.8, busy=0.5, book=fault)


def test_a_scan_too_early_is_found(tiny, seed, monkeypatch):
    """What is still on its way into the order table when the scan begins would be passed over."""
    monkeypatch.setattr(f"{__name__}.WRITTEN", 60)
    with pytest.raises(AssertionError, match="an order inside is in no level|a level is not on the ring"):
        run(some_design(tiny), random.Random(seed), cycles=20_000, free=0.5, busy=1.0)
