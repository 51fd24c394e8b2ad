"""What the recentring is tested with: orders whose prices walk, jump and drain."""

from spec.ladder import BID, MAX_PRICE, lowest_low


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
