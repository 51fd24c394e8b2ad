"""What the depth unit is tested with: messages about a few orders, faults, and windows that move."""

from spec.ladder import BID, DOLLAR, highest_low, lowest_low, word_span


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
