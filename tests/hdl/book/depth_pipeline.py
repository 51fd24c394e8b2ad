"""What the depth unit is tested with: naive sides of a book behind a stand-in of its pipeline."""

from collections import Counter, deque, namedtuple
from dataclasses import dataclass, field

from hdl.book.operation import Ring
from spec.ladder import BID, Window, Zone, common_window, window_around, zone_of
from spec.records import DEPTH_LEVELS

LATENCY = 7  #: cycles from a request to its result

Level = namedtuple("Level", "quantity orders")


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
