"""The walk for the best five levels against a naive book behind a stand-in of the pipeline."""

import random
from collections import Counter, deque, namedtuple
from dataclasses import dataclass, field

import pytest
from amaranth import *
from amaranth.sim import Simulator

from hdl.book.depth import Depth
from hdl.book.operation import Ring, result
from spec.ladder import (
    BID,
    DOLLAR,
    Window,
    Zone,
    common_window,
    highest_low,
    lowest_low,
    window_around,
    word_span,
    zone_of,
)
from spec.records import DEPTH, DEPTH_LEVELS

LATENCY = 7  #: cycles from a request to its result

Level = namedtuple("Level", "quantity orders")


def packer(layout):
    """``pack(fields)``: a dict of integers, nested where the layout is, as one integer."""
    def pack(fields, layout=layout):
        word = 0
        for name, value in fields.items():
            part = layout[name]
            if isinstance(value, dict):
                value = pack(value, part.shape)
            assert 0 <= value < 1 << part.width, (name, value)
            word |= value << part.offset
        return word
    return pack


@dataclass
class Order:
    price: int
    shares: int
    held: bool


@dataclass
class Side:
    """One symbol's side: orders, the law's window, and the ring that the hardware's ladder occupies."""

    side: int
    tick: int
    levels: int
    law: Window
    ring: int
    entering: Window = Window(0, 0)
    orders: dict[int, Order] = field(default_factory=dict)

    def zone(self, price):
        return zone_of(price, side=self.side, tick=self.tick, window=self.law)

    def enters(self, price):
        return (price % self.tick == 0 and self.entering.low <= price < self.entering.high
                and self.zone(price) != Zone.INSIDE)

    def best_first(self, prices):
        return sorted(prices, reverse=self.side == BID)

    def grouped(self, orders):
        levels = {}
        for order in orders:
            quantity, count = levels.get(order.price, (0, 0))
            levels[order.price] = Level(quantity + order.shares, count + 1)
        return levels

    def depth(self, sound):
        """What a record says after ``side``, by the law alone."""
        zones = Counter(self.zone(order.price) for order in self.orders.values())
        inside = self.grouped(o for o in self.orders.values() if self.zone(o.price) == Zone.INSIDE)
        known = sound and not zones[Zone.BETTER] and (zones[Zone.INSIDE] or not zones[Zone.WORSE])
        best = self.best_first(inside)[:DEPTH_LEVELS]
        shown = [(price, *inside[price]) for price in best] + [(0, 0, 0)] * (DEPTH_LEVELS - len(best))
        cut = int(len(best) < DEPTH_LEVELS and zones[Zone.WORSE] > 0)
        tail = [1, len(best), cut, *(x for level in shown for x in level)] if known else [0] * (3 + 3 * DEPTH_LEVELS)
        return (*self.law, *tail)


class Pipeline:
    """A book of naive sides that takes an operation per cycle and shows its result ``LATENCY`` cycles later.

    Operations are dicts of the result's fields that they add to what was found, or of a query's.
    """

    def __init__(self, design, rng):
        self.design, self.rng, self.ring = design, rng, Ring(design)
        self.message = (1 << 32) - 200  # a number that wraps
        self.sound = [True] * len(design.symbols)
        self.sides = {}
        for s, symbol in enumerate(design.symbols):
            for side in range(2):
                law = window_around(symbol.reference, symbol.tick, design.book.levels)
                self.sides[s, side] = Side(side, symbol.tick, design.book.levels, law, law.low)
        self.history = {pair: [(self.message, True, self.depth(pair))] for pair in self.sides}
        self.cycle, self.emptied = 0, []  # cycles in which a level went
        self.reference = 0
        self.plans = deque()  # operations of moving windows

    def depth(self, pair):
        return self.sides[pair].depth(self.sound[pair[0]])

    def may_say(self, pair, message):
        """What a record may say before ``message``: windows move between two messages."""
        said = []
        for at, by_message, depth in reversed(self.history[pair]):
            if at <= message:
                said.append(depth)
                if at < message or by_message:
                    break
        return said

    def whole(self, message):
        """The number that ``message`` is of, modulo 2**32."""
        return self.message - (self.message - message) % (1 << 32)

    def found(self, pair, *, masked=False, words=0, places=0):
        """The fields that every result has; of the best level among the masks' words and places."""
        side = self.sides[pair]
        tick, ring = side.tick, self.ring
        word_of = side.ring // tick >> ring.word_bits
        floor = (word_of if side.side == BID else -(word_of + ring.words)) % ring.words
        levels = side.grouped(o for o in side.orders.values() if o.held)

        def slot(price):
            index = price // tick
            return (index if side.side == BID else ~index) % ring.levels

        def in_ring(price):
            """Larger is better: words from the floor on, then places."""
            word, place = divmod(slot(price), ring.places)
            return (word - floor) % ring.words, place

        for price in levels:
            assert side.ring <= price < side.ring + ring.levels * tick
        candidates = [p for p in levels if not masked
                      or words >> slot(p) // ring.places & 1 and places >> slot(p) % ring.places & 1]
        far = {side.zone(o.price) for o in side.orders.values() if not o.held or side.enters(o.price)}
        fields = {"valid": 1, "symbol": pair[0], "side": pair[1], "message": self.message % (1 << 32),
                  "sound": int(self.sound[pair[0]]), "better": int(Zone.BETTER in far), "worse": int(Zone.WORSE in far),
                  "floor": floor, "window": {"law_low": side.law.low, "law_high": side.law.high}}
        if candidates:
            price = max(candidates, key=in_ring)
            assert price == side.best_first(candidates)[0]
            fields |= {"any": 1, "inside": int(side.zone(price) == Zone.INSIDE), "slot": slot(price), "price": price,
                       "number": (price - side.ring) // tick, "quantity": levels[price].quantity,
                       "orders": levels[price].orders}
        else:  # what is not found is anything
            fields |= {"inside": self.rng.randrange(2), "slot": self.rng.randrange(ring.levels),
                       "price": self.rng.getrandbits(32), "quantity": self.rng.getrandbits(52)}
        return fields

    def add(self, pair, price, shares):
        side = self.sides[pair]
        self.reference += 1
        held = side.zone(price) == Zone.INSIDE or side.enters(price)
        side.orders[self.reference] = Order(price, shares, held)
        return {"adds": 1, "add_price": price, "add_shares": shares} if held else {}

    def take(self, pair, reference, shares=None):
        side = self.sides[pair]
        order = side.orders[reference]
        whole = shares is None
        if whole and sum(o.price == order.price for o in side.orders.values()) == 1:
            self.emptied.append(self.cycle)
        shares = order.shares if whole else shares
        order.shares -= shares
        if whole:
            del side.orders[reference]
        if not order.held:
            return {}
        return {"takes": 1, "take_price": order.price, "take_shares": shares, "take_orders": int(whole)}

    def told(self, pair, changes, *, message):
        """The result of an operation that made ``changes``."""
        self.message += message
        for side in range(2):
            depth = self.depth((pair[0], side))
            if depth != self.history[pair[0], side][-1][2]:
                self.history[pair[0], side].append((self.message, bool(message), depth))
        return self.found(pair) | changes

    def move(self, pair, target):
        """Plan a move of the window to ``target``, as the recentring does it: each step is taken by a free slot."""
        side = self.sides[pair]
        old, common = side.law, common_window(side.law, Window(target, target + side.levels * side.tick))
        new = Window(target, target + side.levels * side.tick)

        def law(window):
            def step():
                side.law = window
                if window == new:
                    side.entering = Window(0, 0)
                    assert all(o.held == (side.zone(o.price) == Zone.INSIDE) for o in side.orders.values())
                return {"windowed": 1}
            return step

        def release():
            """One order that the law has left; again until there is none."""
            for order in side.orders.values():
                if order.held and side.zone(order.price) != Zone.INSIDE:
                    order.held = False
                    self.plans.appendleft((pair, release))
                    return {"takes": 1, "take_price": order.price, "take_shares": order.shares, "take_orders": 1}
            return None

        def turn():
            side.ring, side.entering = target, new
            return {"windowed": 1}

        def hold():
            for order in side.orders.values():
                if not order.held and side.enters(order.price):
                    order.held = True
                    self.plans.appendleft((pair, hold))
                    return {"adds": 1, "add_price": order.price, "add_shares": order.shares}
            return None

        if old != new:
            self.plans += [(pair, step) for step in (law(common), release, turn, hold, law(new))]

    def background(self):
        """The next step of a moving window, if there is one."""
        while self.plans:
            pair, step = self.plans.popleft()
            if (changes := step()) is not None:
                return self.told(pair, changes, message=0)
        return None


class Traffic:
    """Messages about a few orders a side, and windows that move. ``wish(pipeline)``: a result, or None."""

    def __init__(self, rng, *, density, limit=12, drain=0.0, moves=0.0, faults=0.0, far=0.05, pairs=None):
        self.rng, self.density, self.limit, self.drain, self.moves = rng, density, limit, drain, moves
        self.faults, self.far, self.pairs = faults, far, pairs
        self.draining, self.most = None, limit

    def price(self, side):
        rng = self.rng
        if rng.random() < self.far:
            if rng.random() < 0.2:
                return rng.choice((DOLLAR - 50, side.law.low + 1, rng.getrandbits(32), side.law.high, side.law.low,
                                   max(0, side.law.low - side.tick)))
            return (1 << 32) - 96 if side.side else DOLLAR - 50
        span = side.levels * side.tick
        middle = side.law.low + span // 2
        if rng.random() < 0.5:  # crowded about the middle, so that levels have several orders
            return middle + rng.randrange(-4, 4) * side.tick
        return max(0, side.ring + rng.randrange(-2, side.levels + 2) * side.tick)

    def wish(self, pipeline):
        rng = self.rng
        if self.moves and rng.random() < self.moves and not pipeline.plans:
            pair = rng.choice(list(pipeline.sides))
            side = pipeline.sides[pair]
            span = word_span(side.tick, side.levels)
            target = side.law.low + span * rng.choice((-7, -3, -1, 1, 2, 5))
            lowest, highest = lowest_low(side.tick, side.levels), highest_low(side.tick, side.levels)
            pipeline.move(pair, min(max(target, lowest), highest))
        if rng.random() >= self.density:
            return None
        pair = rng.choice(self.pairs or list(pipeline.sides))
        if rng.random() < 0.01:
            self.draining = rng.choice(list(pipeline.sides))
        if self.draining and rng.random() < self.drain:
            pair = self.draining
        side = pipeline.sides[pair]
        if rng.random() < self.faults:
            pipeline.sound[pair[0]] ^= True  # as a fault does, and the host's word
            return pipeline.told(pair, {}, message=1)
        shares = rng.choice((0, 1, 100, rng.getrandbits(32)))
        if rng.random() < 0.01:
            self.limit = rng.randint(1, self.most)
        full = len(side.orders) >= self.limit
        if pair == self.draining and self.drain and side.orders:  # the best first
            orders = sorted(side.orders, key=lambda r: side.orders[r].price, reverse=side.side == BID)
            changes = pipeline.take(pair, orders[0])
            if len(orders) < 3:
                self.draining = None
        elif side.orders and (full or rng.random() < 0.6):
            reference = rng.choice(list(side.orders))
            order = side.orders[reference]
            action = rng.choice(("take", "take", "reduce", "replace", "same"))
            if action == "take":
                changes = pipeline.take(pair, reference)
            elif action == "reduce":
                changes = pipeline.take(pair, reference, rng.randint(0, order.shares))
            else:
                price = order.price if action == "same" else self.price(side)
                changes = pipeline.take(pair, reference) | pipeline.add(pair, price, shares)
        else:
            changes = pipeline.add(pair, self.price(side), shares)
        return pipeline.told(pair, changes, message=1)


@dataclass
class Seen:
    records: list = field(default_factory=list)  # (cycle, record)
    changes: list = field(default_factory=list)  # (cycle, message, (symbol, side)) of results that mark a side
    windowed: int = 0
    queries: int = 0


def simulate(dut, pipeline, wishes, *, cycles, share=0.5, pace=0.5, quiet=0):
    """Run ``cycles`` of traffic and ``quiet`` ones without; every record is held against the naive book.

    ``share``: part of the free slots that the unit gets while others want them too, or a function of the cycle.
    ``pace``: part of those slots in which a moving window takes its next step.
    """
    pack, rng, seen = packer(result(pipeline.design)), pipeline.rng, Seen()
    coming = deque([None] * LATENCY)
    out = deque()

    async def process(ctx):
        await ctx.tick().until(dut.ready)
        requests = dut.requests
        for cycle in range(cycles + quiet):
            pipeline.cycle = cycle
            got = coming.popleft()
            ctx.set(Value.cast(dut.results), pack(got) if got else rng.getrandbits(64) << 1)
            if got and not got.get("query"):
                seen.changes.append((cycle, pipeline.whole(got["message"]), (got["symbol"], got["side"])))
                seen.windowed += got.get("windowed", 0)
            operation = wishes(cycle, pipeline) if cycle < cycles else None
            if not operation and rng.random() < pace:
                operation = pipeline.background()
            free = not operation and (share(cycle) if callable(share) else rng.random() < share or cycle >= cycles)
            ctx.set(requests.ready, free)
            masks = ctx.get(dut.word_mask), ctx.get(dut.place_mask)
            if out:
                assert masks == out[0][1]
            if free and ctx.get(requests.valid):
                request = requests.payload
                assert ctx.get(request.query) and ctx.get(request.masked) and not out
                pair = ctx.get(request.symbol), ctx.get(request.side)
                operation = pipeline.found(pair, masked=True, words=masks[0], places=masks[1])
                operation |= {"query": 1, "masked": 1}
                seen.queries += 1
                out.append((cycle + LATENCY, masks))
            if out and out[0][0] == cycle:
                out.popleft()
            coming.append(operation)
            if ctx.get(dut.depths.valid):
                record = DEPTH.unpack(ctx.get(Value.cast(dut.depths.payload)))
                seen.records.append((cycle, record))
                may_say = pipeline.may_say((record.symbol, record.side), pipeline.whole(record.message))
                assert tuple(record[3:]) in may_say, (cycle, record, may_say)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()
    return seen


def delays(pipeline, seen):
    """Of each result that marked a side: cycles until a record that has it, and the levels emptied meanwhile."""
    found = []
    for cycle, message, pair in seen.changes:
        at = next(at for at, r in seen.records
                  if at > cycle and (r.symbol, r.side) == pair and pipeline.whole(r.message) >= message)
        found.append((at - cycle, sum(cycle - LATENCY - 3 <= when <= at for when in pipeline.emptied)))
    return found


def settled(pipeline, seen):
    """The last record of each side that anything happened to says what the side is."""
    for pair in {pair for _, _, pair in seen.changes}:
        last = [r for _, r in seen.records if (r.symbol, r.side) == pair][-1]
        assert tuple(last[3:]) == pipeline.depth(pair), last


MIXES = {
    "sparse": {"density": 0.02, "limit": 8},
    "half": {"density": 0.4, "limit": 20, "far": 0.01},
    "dense": {"density": 0.9, "limit": 30, "far": 0.002},
    "every cycle": {"density": 1.0, "limit": 14, "far": 0.02},
    "drained": {"density": 0.5, "limit": 40, "drain": 0.95, "far": 0.001},
    "moving": {"density": 0.1, "limit": 24, "moves": 0.02, "far": 0.01},
    "moving and drained": {"density": 0.3, "limit": 40, "drain": 0.8, "moves": 0.01, "far": 0.01},
    "moving slowly": {"density": 0.2, "limit": 24, "moves": 0.05, "far": 0.0},
    "faulty": {"density": 0.1, "limit": 12, "faults": 0.1},
}


@pytest.mark.parametrize("symbols, levels", [(1, 16), (3, 64)])
@pytest.mark.parametrize("mix", MIXES)
def test_records_are_the_depth_at_their_message(tiny, seed, mix, symbols, levels):
    rng = random.Random(f"{seed} {mix} {symbols}")
    design = tiny(symbols=symbols, levels=levels)
    pipeline, traffic = Pipeline(design, rng), Traffic(rng, **MIXES[mix])

    def wishes(cycle, pipeline):  # even where every cycle may have a message, there are rests
        return None if mix == "every cycle" and cycle // 150 % 2 else traffic.wish(pipeline)

    slow = {"share": 0.1, "pace": 0.01} if mix == "moving slowly" else {}
    seen = simulate(Depth(design=design), pipeline, wishes, cycles=3000, quiet=3000 if slow else 1500, **slow)
    settled(pipeline, seen)
    records = [record for _, record in seen.records]
    assert len(records) >= 15
    assert sum(record.known for record in records) >= 10
    assert len({record.levels for record in records}) >= 2
    if "moving" in mix:
        assert seen.windowed > (3 if slow else 30)


class EveryOther:
    """Whoever else wants slots gets every second free one."""

    def __init__(self):
        self.ours = False

    def __call__(self, cycle):
        self.ours = not self.ours
        return self.ours


@pytest.mark.parametrize("drain", [0.0, 0.9])
def test_the_delay_is_bounded(tiny, seed, drain):
    """A wire full of messages of the shortest kind, one in 2.6 cycles."""
    rng, design = random.Random(seed), tiny(symbols=3, levels=64)
    pipeline, traffic = Pipeline(design, rng), Traffic(rng, density=1.0, limit=40, drain=drain, far=0.0)

    def wishes(cycle, pipeline):
        return traffic.wish(pipeline) if int((cycle + 1) / 2.6) > int(cycle / 2.6) else None

    dut = Depth(design=design)
    seen = simulate(dut, pipeline, wishes, cycles=8000, quiet=1500, share=EveryOther())
    settled(pipeline, seen)
    walk = 9 * (LATENCY + dut.OWN + 3) + dut.AROUND
    bound = (2 * 3 + 1) * walk + 2 * 3 + 3
    found = delays(pipeline, seen)
    assert len(found) > 2000
    assert all(cycles <= bound + 28 * emptied for cycles, emptied in found)
    assert max(cycles for cycles, _ in found) > bound // 3


@pytest.mark.parametrize("side", [0, 1])
def test_a_walk_takes_nine_queries_at_most(tiny, side):
    """Five levels in as many words, of a side that nothing else happens to; every slot is free."""
    design = tiny(symbols=1, levels=64)
    pipeline = Pipeline(design, random.Random(1))
    tick, law = pipeline.sides[0, side].tick, pipeline.sides[0, side].law
    prices = [law.low + (8 * word + 3) * tick for word in range(6)]

    def wishes(cycle, pipeline):
        if cycle < len(prices):
            return pipeline.told((0, side), pipeline.add((0, side), prices[cycle], 10 + cycle), message=1)
        if cycle == 600:
            return pipeline.told((0, side), pipeline.add((0, side), prices[0], 1), message=1)
        return None

    dut = Depth(design=design)
    seen = simulate(dut, pipeline, wishes, cycles=601, quiet=500, share=lambda cycle: True)
    settled(pipeline, seen)
    (before, _), (at, record) = seen.records[-2:]
    assert before < 600 + LATENCY and record.side == side and record.levels == 5
    assert [record.price_0, record.price_4] == [prices[5], prices[1]] if side == BID else [prices[0], prices[4]]
    walk = 9 * (LATENCY + dut.OWN) + dut.AROUND
    # The mark is seen three cycles after the result, or one later when the other side has its turn. Nothing delays its
    # clearing, the record goes out in the last cycle but one, and cycles are counted from the first, not from one.
    assert walk <= at - 600 - LATENCY <= walk + 1


def test_a_fault_and_its_end_are_published_for_both_sides(tiny):
    design = tiny(symbols=2)
    pipeline = Pipeline(design, random.Random(1))

    def wishes(cycle, pipeline):
        if cycle not in (5, 300):
            return None
        pipeline.sound[1] = cycle == 300
        return pipeline.told((1, 0), {}, message=1)

    seen = simulate(Depth(design=design), pipeline, wishes, cycles=301, quiet=200)
    assert sorted((r.known, r.symbol, r.side) for _, r in seen.records) == [(0, 1, 0), (0, 1, 1), (1, 1, 0), (1, 1, 1)]


def test_a_window_that_moves_voids_what_was_found(tiny):
    """It leaves the best of four levels found; a fifth comes before the walk has begun again."""
    design = tiny(symbols=1, levels=64)
    pipeline = Pipeline(design, random.Random(1))
    side = pipeline.sides[0, BID]
    top, span = side.law.high, word_span(side.tick, side.levels)
    prices = [top - (1 + 8 * word) * side.tick for word in range(6)]
    sent = []

    def wishes(cycle, pipeline):
        if cycle == 0:
            pipeline.move((0, BID), side.law.low - span)
            sent.extend(pipeline.plans)
            pipeline.plans.clear()
        if 2 <= cycle < 8:
            return pipeline.told((0, BID), pipeline.add((0, BID), prices[cycle - 2], 1), message=1)
        if cycle == 300:
            return pipeline.told((0, BID), pipeline.add((0, BID), prices[0], 2), message=1)
        if cycle == 450:
            pipeline.plans.append(sent[0])
            return pipeline.background()
        if cycle == 452:
            return pipeline.told((0, BID), pipeline.add((0, BID), prices[1] - side.tick, 3), message=1)
        return None

    queries = []

    def share(cycle):  # four levels are found by seven queries
        if cycle > 310 and cycle < 500:
            queries.extend([cycle] * (cycle % 20 == 0))
            return cycle % 20 == 0 and len(queries) <= 7
        return True

    seen = simulate(Depth(design=design), pipeline, wishes, cycles=500, quiet=300, share=share)
    settled(pipeline, seen)
    assert {r.known for at, r in seen.records if at > 450 and r.side == BID} == {0}


@pytest.mark.parametrize("inside", [0, 3])
@pytest.mark.parametrize("side", [0, 1])
def test_levels_that_the_law_has_left_are_not_shown(tiny, side, inside):
    """Between the window's step and the orders' release they are orders beyond it."""
    design = tiny(symbols=1, levels=64)
    pipeline = Pipeline(design, random.Random(1))
    ladder = pipeline.sides[0, side]
    span = word_span(ladder.tick, 64)
    worst, better = (ladder.law.low, ladder.tick) if side == BID else (ladder.law.high - ladder.tick, -ladder.tick)
    prices = [worst, worst + better, *(worst + (20 + level) * better for level in range(inside))]

    def wishes(cycle, pipeline):
        if cycle < len(prices):
            return pipeline.told((0, side), pipeline.add((0, side), prices[cycle], 7), message=1)
        if cycle == 300:
            pipeline.move((0, side), ladder.law.low + (span if side == BID else -span))
            first = pipeline.background()
            pipeline.plans.clear()
            return first
        return None

    seen = simulate(Depth(design=design), pipeline, wishes, cycles=301, quiet=300)
    settled(pipeline, seen)
    last = [record for _, record in seen.records if record.side == side][-1]
    assert (last.known, last.levels, last.cut) == ((1, 3, 1) if inside else (0, 0, 0))


def test_the_comparison_finds_a_level_that_is_not_added(tiny, seed, monkeypatch):
    from hdl.book import depth

    monkeypatch.setattr(depth, "lowest_one_hot", lambda bits: Cat(C(0, 1), bits[1:] & -bits[1:]))
    with pytest.raises(AssertionError, match="Depth"):
        test_records_are_the_depth_at_their_message(tiny, seed, "half", 1, 16)
