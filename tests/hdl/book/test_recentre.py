"""Windows that follow the market: a naive book takes the requests, and is held against all orders after every one."""

import random
from collections import deque
from functools import partial

import pytest
from amaranth.hdl import Value
from amaranth.sim import Simulator

from hdl.book import recentre
from hdl.book.operation import Ring, background, result
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
)
from spec.order_table import tag_of
from spec.records import WINDOW
from tests.hdl.book.recentre_book import Entering, NaiveBook, Row
from tests.hdl.book.recentre_market import Market

APPLIED = 3  #: cycles from a slot (stage -1) to stage 2, where the naive book does all at once
SCANNED = 2  #: to stage 1
RESULT = 7  #: to stage 6
WRITTEN = 5  #: cycles from stage 2 until a scan shows what the operation wrote


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


def run(design, rng, *, cycles, free=1.0, busy=0.3, far=0.05, book=NaiveBook, limit=30, script=None, quiet=30_000):
    """Messages for ``cycles`` cycles, then none until nothing is asked for; the naive book then.

    ``free``: share of the slots that carry no message; ``busy``: share of the others that one of these symbols fills.
    ``script``: the messages, as a function of the book and the cycle.
    """
    dut = Recentre(design=design)
    book = book(design, rng)
    market = Market(rng, book, limit=limit, far=far)
    request_layout, entry_shape, result_layout = background(design), dut.scanned[0].shape(), result(design)
    index_bits = design.book.buckets.bit_length() - 1
    slots = deque([None] * (RESULT + 1), maxlen=RESULT + 1)  # [n]: the slot n cycles ago
    shown, writes = {}, deque()  # what a scan shows; what it is yet to show
    records, due = [], []

    def scan(row):
        spec = design.book
        places = [(t, row, way) for t in range(spec.tables) for way in range(spec.ways)]
        places += [("spill", i) for i in range(spec.spill)]
        return [pack(entry_shape, entry(place, *shown.get(place, (0, None)))) for place in places]

    def entry(place, reference, o):
        if o is None:
            order = {"price": rng.getrandbits(32), "held": rng.getrandbits(1)}
            return {"reference": rng.getrandbits(40), "order": order}
        return {"used": 1, "reference": reference if place[0] == "spill" else tag_of(reference, index_bits),
                "order": {"symbol": o.symbol, "side": o.side, "price": o.price, "shares": o.shares, "held": o.held,
                          "slot": book.slot(o.symbol, o.side, o.price)}}

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
                for entry, word in zip(dut.scanned, scan(slot[1]["row"]), strict=True):
                    ctx.set(Value.cast(entry), word)

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
