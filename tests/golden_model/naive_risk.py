"""Risk as a list of everything that ever happened, judged anew from the beginning at every order.

Slow, and in terms of its own: no sums are kept, a bucket's tokens are fractions, an order is open if its history says
so. ``test_risk_naive`` holds the golden model against it.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from spec.records import Action, Refusal, Reply, Side


class TokenBucket:
    """Holds up to ``size`` tokens; one comes every ``interval`` ns, continuously; a message takes a whole one."""

    def __init__(self, size: int, interval: int):
        self.size, self.interval = size, interval
        self.tokens, self.at = Fraction(size), 0

    def admits(self, time: int) -> bool:
        self.tokens = min(Fraction(self.size), self.tokens + Fraction(time - self.at, self.interval))
        self.at = time
        return self.tokens >= 1

    def take(self) -> None:
        self.tokens -= 1


@dataclass
class Order:
    """One approved order and what the exchange said about it."""

    number: int
    symbol: int
    side: int
    quantity: int
    price: int
    left: int = 0
    fills: list[tuple[int, int]] = field(default_factory=list)  # shares, price

    def __post_init__(self):
        self.left = self.quantity

    @property
    def sign(self) -> int:
        return 1 if self.side == Side.BUY else -1


class NaiveRisk:
    """Orders of a lawful exchange, and the checks of what they add up to."""

    def __init__(self, limits: list, session, first: int = 1, rows: int = 64):
        self.limits, self.session, self.orders, self.rows = limits, session, [], rows
        self.next = first

    def of(self, symbol: int | None) -> list[Order]:
        return [order for order in self.orders if symbol is None or order.symbol == symbol]

    def outcomes(self, symbol: int) -> tuple[int, int]:
        """The least and the greatest position that executions of what is open could lead to."""
        held = sum(order.sign * shares for order in self.of(symbol) for shares, _ in order.fills)
        buys = sum(order.left for order in self.of(symbol) if order.side == Side.BUY)
        sells = sum(order.left for order in self.of(symbol) if order.side == Side.SELL)
        return held - sells, held + buys

    def gross(self, symbol: int | None) -> int:
        return sum(s * p for order in self.of(symbol) for s, p in [*order.fills, (order.left, order.price)])

    def net(self, symbol: int | None, side: int) -> int:
        """Dollars bought less dollars sold, and all that is open on a side."""
        done = sum(order.sign * s * p for order in self.of(symbol) for s, p in order.fills)
        return done + sum(order.sign * order.left * order.price for order in self.of(symbol) if order.side == side)

    def sums(self, i) -> Refusal:
        """What of an order's checks depends on other orders."""
        if i.action == Action.CANCEL:
            return Refusal.NONE
        limit, refusals = self.limits[i.symbol], Refusal.NONE
        sign, notional = 1 if i.side == Side.BUY else -1, i.quantity * i.price
        least, greatest = self.outcomes(i.symbol)
        if greatest + i.quantity > limit.max_long if sign > 0 else least - i.quantity < -limit.max_short:
            refusals |= Refusal.POSITION_LIMIT
        for symbol, of, too_gross, too_net in (
                (i.symbol, limit, Refusal.SYMBOL_GROSS, Refusal.SYMBOL_NET),
                (None, self.session, Refusal.GROSS_NOTIONAL, Refusal.NET_NOTIONAL)):
            if self.gross(symbol) + notional > of.max_gross:
                refusals |= too_gross
            if sign * self.net(symbol, i.side) + notional > of.max_net:
                refusals |= too_net
        if sum(order.left > 0 for order in self.of(i.symbol)) >= limit.max_open_orders:
            refusals |= Refusal.SYMBOL_OPEN_ORDERS
        open_ = [order for order in self.orders if order.left]
        if len(open_) >= self.session.max_open_orders or self.is_taken():
            refusals |= Refusal.OPEN_ORDERS
        return refusals

    def is_taken(self) -> bool:
        """The next number's row."""
        return any(order.left and (order.number - self.next) % self.rows == 0 for order in self.orders)

    def refuse(self) -> None:
        self.next += self.is_taken()

    def approve(self, i) -> None:
        if i.action != Action.CANCEL:
            self.orders.append(Order(self.next, i.symbol, i.side, i.quantity, i.price))
        self.next += 1

    def reply(self, r) -> None:
        by_number = {order.number: order for order in self.orders}
        order = by_number[r.user_ref_num]
        if r.kind == Reply.EXECUTED:
            order.fills.append((r.quantity, r.price))
            order.left -= r.quantity
        elif r.kind == Reply.CANCELED:
            order.left = 0 if r.all else order.left - r.quantity
        elif r.kind == Reply.REJECTED:
            order.left = 0
        elif r.kind in (Reply.ACCEPTED, Reply.REPLACED):
            order.left = r.quantity
            if r.kind == Reply.REPLACED:
                by_number[r.original].left = 0

    def equity(self, marks: list[int]) -> int:
        """What all fills would bring if every share were sold, or bought back, at its symbol's mark."""
        return sum(order.sign * shares * (marks[order.symbol] - price)
                   for order in self.orders for shares, price in order.fills)
