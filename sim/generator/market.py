"""One symbol's orders, so that every generated message is legal: a price that wanders, quotes around it, executions at
the best price in the order of arrival."""

from bisect import bisect_left, insort

from .tape import Tape
from .universe import Stock

STUB_BID, STUB_ASK = 100, 1_999_999_900  #: $0.01 and $199,999.99
MPIDS = (b"TWIR", b"ABCD", b"QXYZ", b"MMKR")
_SIDES = {True: b"B", False: b"S"}


class Order:
    __slots__ = ("buy", "price", "reference", "shares", "slot")

    def __init__(self, reference, buy, price, shares):
        self.reference, self.buy, self.price, self.shares = reference, buy, price, shares
        self.slot = -1  # index in Market.resting


class Side:
    """Price levels of one side, each with its orders by age."""

    def __init__(self, buy: bool):
        self._best = -1 if buy else 0
        self.prices: list[int] = []  # ascending
        self.levels: dict[int, dict[int, Order]] = {}

    @property
    def best(self) -> int | None:
        return self.prices[self._best] if self.prices else None

    def first(self) -> Order:
        """The order that is executed next."""
        return next(iter(self.levels[self.prices[self._best]].values()))

    def add(self, order: Order) -> None:
        level = self.levels.get(order.price)
        if level is None:
            level = self.levels[order.price] = {}
            insort(self.prices, order.price)
        level[order.reference] = order

    def remove(self, order: Order) -> None:
        level = self.levels[order.price]
        del level[order.reference]
        if not level:
            del self.levels[order.price]
            del self.prices[bisect_left(self.prices, order.price)]


class Market:
    """Orders of one stock.

    Each method named for an action returns the message that does it, or ``None`` where the book has nothing for it.
    """

    def __init__(self, stock: Stock, tape: Tape):
        self.stock, self._tape = stock, tape
        self._random = tape.rng.random
        self.bids, self.asks = Side(True), Side(False)
        self.resting: list[Order] = []
        self.stubs: list[Order] = []
        self.wants_stubs = [True, False] if stock.stubs else []
        self.trading = True
        self.anchor = self.fair = stock.reference  # the price reverts to the anchor
        self._half_spread = stock.tick * int(self._random() * 3)

    @property
    def orders(self) -> int:
        """Orders that rest on the book, stubs among them."""
        return len(self.resting) + len(self.stubs)

    def about(self, kind: str, *values) -> bytes:
        """A message whose first field is the stock."""
        return self._tape.message(kind, self.stock.locate, self.stock.stock, *values)

    def _near(self, buy: bool) -> int | None:
        """Best price of a side unless that is a stub quote's."""
        best = (self.bids if buy else self.asks).best
        return None if best == (STUB_BID if buy else STUB_ASK) and self.stubs else best

    # Prices and sizes

    def wander(self) -> None:
        """Move the price by a tick in one of eight calls."""
        draw = self._random()
        if draw < 0.12:
            tick = self.stock.tick
            pull = (self.fair - self.anchor) / (self.stock.reach * tick)
            up = draw < 0.06 * (1 - max(-0.95, min(0.95, pull)))
            self.fair = max(2 * tick, self.fair + (tick if up else -tick))

    def _price(self, buy: bool) -> int:
        """Where a new order goes: at the touch or near it, rarely further away; it never crosses."""
        draw, tick = self._random(), self.stock.tick
        away = 0 if draw < 0.25 else int(self._tape.rng.expovariate(0.28)) if draw < 0.97 else int(self._random() * 150)
        margin = 0 if draw < 0.08 else self._half_spread
        if buy:
            price, ask = self.fair - margin, self.asks.best
            if ask is not None and price >= ask:
                price = ask - tick
            return max(tick, price - away * tick)
        price, bid = self.fair + tick + margin, self.bids.best
        if bid is not None and price <= bid:
            price = bid + tick
        return price + away * tick

    def _size(self) -> int:
        draw = self._random()
        if draw < 0.5:
            return 100
        if draw < 0.85:
            return 100 * (1 + int((draw - 0.5) / 0.35 * 10))
        return 1 + int((draw - 0.85) / 0.15 * 99) if draw < 0.97 else 100 * (10 + int(self._random() * 40))

    def _pick(self) -> Order:
        """An order to cancel or replace: one that the price has moved past, the newest, or any."""
        draw = self._random()
        if draw < 0.5:
            bid, ask = self._near(True), self._near(False)
            if ask is not None and ask < self.fair:
                return self.asks.first()
            if bid is not None and bid > self.fair:
                return self.bids.first()
        return self.resting[-1 if draw < 0.7 else int(self._random() * len(self.resting))]

    # Book keeping

    def _insert(self, order: Order) -> None:
        order.slot = len(self.resting)
        self.resting.append(order)
        (self.bids if order.buy else self.asks).add(order)

    def _remove(self, order: Order) -> None:
        last = self.resting.pop()
        if last is not order:
            self.resting[order.slot] = last
            last.slot = order.slot
        (self.bids if order.buy else self.asks).remove(order)

    # Actions

    def _added(self, order: Order, mpid: bytes | None) -> bytes:
        values = order.reference, _SIDES[order.buy], order.shares, self.stock.stock, order.price
        if mpid is None:
            return self._tape.message("A", self.stock.locate, *values)
        return self._tape.message("F", self.stock.locate, *values, mpid)

    def add(self, attributed: bool = False) -> bytes:
        # The emptier side gets the order more often, so that a side run dry comes back.
        bids, asks = len(self.bids.prices), len(self.asks.prices)
        buy = self._random() * (bids + asks + 2) < asks + 1
        order = Order(self._tape.reference(self.stock.residue), buy, self._price(buy), self._size())
        self._insert(order)
        return self._added(order, MPIDS[int(self._random() * 4)] if attributed else None)

    def add_stub(self) -> bytes:
        """The market maker's quote at $0.01 or $199,999.99."""
        buy = self.wants_stubs.pop()
        price = STUB_BID if buy else STUB_ASK
        order = Order(self._tape.reference(self.stock.residue), buy, price, 100)
        self.stubs.append(order)
        (self.bids if buy else self.asks).add(order)
        return self._added(order, MPIDS[0])

    def delete(self, order: Order | None = None) -> bytes | None:
        if order is None:
            if not self.resting:
                return None
            order = self._pick()
        self._remove(order)
        return self._tape.message("D", self.stock.locate, order.reference)

    def delete_last(self) -> bytes:
        """Delete any order, for the end of the day."""
        if self.resting:
            return self.delete(self.resting[-1])
        order = self.stubs.pop()
        (self.bids if order.buy else self.asks).remove(order)
        return self._tape.message("D", self.stock.locate, order.reference)

    def replace(self) -> bytes | None:
        if not self.resting:
            return None
        old = self._pick()
        self._remove(old)
        new = Order(self._tape.reference(self.stock.residue), old.buy, self._price(old.buy), self._size())
        self._insert(new)
        return self._tape.message("U", self.stock.locate, old.reference, new.reference, new.shares, new.price)

    def cancel(self) -> bytes | None:
        """A partial cancel; it never empties the order."""
        if not self.resting:
            return None
        order = self._pick()
        if order.shares < 2:
            return None
        shares = order.shares // 2 if self._random() < 0.5 else 1 + int(self._random() * (order.shares - 1))
        order.shares -= shares
        return self._tape.message("X", self.stock.locate, order.reference, shares)

    def _printed(self) -> int:
        match = self._tape.match()
        if self.stock.configured:
            self._tape.last_print = self.stock.locate, match
        return match

    def execute(self, printable: bytes = b"") -> bytes | None:
        """Execute the first order at a side's best price, 73 % in full; a C at the fair price with ``printable``."""
        bid, ask = self._near(True), self._near(False)
        if not self.trading or bid is None or ask is None:
            return None
        buy = bid > self.fair or (ask >= self.fair and self._random() < 0.5)
        order = (self.bids if buy else self.asks).first()
        shares = order.shares
        if shares > 1 and self._random() < 0.27:
            lot = 100 if shares > 100 and not shares % 100 else 1
            shares = lot * (1 + int(self._random() * (shares // lot - 1)))
        if shares == order.shares:
            self._remove(order)
        else:
            order.shares -= shares
        if printable == b"N":
            return self._tape.message("C", self.stock.locate, order.reference, shares, self._tape.match(), printable,
                                      self.fair, tracking=1)
        if printable:
            return self._tape.message("C", self.stock.locate, order.reference, shares, self._printed(), printable,
                                      self.fair, tracking=2)
        return self._tape.message("E", self.stock.locate, order.reference, shares, self._printed(), tracking=2)

    def trade(self) -> bytes | None:
        """An execution against a hidden order, between the best prices."""
        if not self.trading:
            return None
        bid, ask = self._near(True), self._near(False)
        price = self.fair if bid is None or ask is None else bid + int(self._random() * (ask - bid + 1))
        return self._tape.message("P", self.stock.locate, 0, b"B", self._size(), self.stock.stock, price,
                                  self._printed(), tracking=2)

    def cross(self, kind: bytes) -> bytes:
        """An auction's bulk print: O opening, C closing, H after a halt, I of an IPO."""
        return self._tape.message("Q", self.stock.locate, self._size() * 20, self.stock.stock, self.fair,
                                  self._printed(), kind, tracking=2)

    def imbalance(self, kind: bytes) -> bytes:
        paired = int(self._random() * 50_000)
        direction = b"BSNO"[int(self._random() * 4) :][:1]
        imbalance = int(self._random() * 20_000) if direction in b"BS" else 0
        price = self.fair if direction != b"O" else 0
        return self._tape.message("I", self.stock.locate, paired, imbalance, direction, self.stock.stock, price, price,
                                  price, kind, b"L" if price else b" ")

    def pull(self, buy: bool):
        """Messages that delete every order of a side but the stub quotes."""
        for order in [o for o in self.resting if o.buy == buy]:
            yield self.delete(order)
