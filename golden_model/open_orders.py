"""risk: the orders that may still be executed, and what they and the executions add up to."""

from dataclasses import dataclass, field

from spec.records import Side

_BUY = Side.BUY.value


@dataclass
class OpenOrder:
    """An approved order. ``remaining``: shares that may still be executed; it is open while there are any."""

    user_ref_num: int
    symbol: int
    side: int
    quantity: int
    price: int
    remaining: int


@dataclass
class Sums:
    """Shares and notional (1/10 000 dollar x shares) of a symbol or of the whole session, by side.

    ``open_*``: what open orders may still execute, notional at their limit prices. ``done_*``: what was executed,
    notional at execution prices.
    """

    open_shares: list[int] = field(default_factory=lambda: [0, 0])
    open_notional: list[int] = field(default_factory=lambda: [0, 0])
    done_shares: list[int] = field(default_factory=lambda: [0, 0])
    done_notional: list[int] = field(default_factory=lambda: [0, 0])
    orders: int = 0

    @property
    def position(self) -> int:
        """Shares, short negative."""
        return self.done_shares[0] - self.done_shares[1]

    @property
    def exposure_long(self) -> int:
        """Position if all open purchases and no sale were executed."""
        return self.position + self.open_shares[0]

    @property
    def exposure_short(self) -> int:
        """Position if all open sales and no purchase were executed."""
        return self.position - self.open_shares[1]

    @property
    def gross(self) -> int:
        return sum(self.done_notional) + sum(self.open_notional)

    def net(self, side: int) -> int:
        """Net notional if all open orders of that side were executed, and none of the other."""
        done = self.done_notional[0] - self.done_notional[1]
        return done + self.open_notional[0] if side == _BUY else done - self.open_notional[1]


class OpenOrders:
    """Rows by UserRefNum modulo their number, and the sums over them.

    Members
    -------
    symbols : list[Sums]
    session : Sums
    """

    def __init__(self, rows: int, symbols: int):
        self._rows: list[OpenOrder | None] = [None] * rows
        self.symbols = [Sums() for _ in range(symbols)]
        self.session = Sums()

    def is_taken(self, user_ref_num: int) -> bool:
        """The row that the number would have belongs to an open order."""
        return self._rows[user_ref_num % len(self._rows)] is not None

    def find(self, user_ref_num: int) -> OpenOrder | None:
        """The open order of that number."""
        order = self._rows[user_ref_num % len(self._rows)]
        return order if order is not None and order.user_ref_num == user_ref_num else None

    def add(self, order: OpenOrder) -> None:
        self._rows[order.user_ref_num % len(self._rows)] = order
        for sums in self._sums(order):
            sums.orders += 1
        self._open(order, order.remaining)

    def reduce(self, order: OpenOrder, shares: int) -> None:
        """``shares`` of it, at most what remains, may not be executed any more."""
        order.remaining -= shares
        self._open(order, -shares)
        if not order.remaining:
            self._rows[order.user_ref_num % len(self._rows)] = None
            for sums in self._sums(order):
                sums.orders -= 1

    def execute(self, order: OpenOrder, shares: int, price: int) -> None:
        """It happened: position and notional move, whatever the order had left."""
        for sums in self._sums(order):
            sums.done_shares[order.side] += shares
            sums.done_notional[order.side] += shares * price

    def _open(self, order: OpenOrder, shares: int) -> None:
        for sums in self._sums(order):
            sums.open_shares[order.side] += shares
            sums.open_notional[order.side] += shares * order.price

    def _sums(self, order: OpenOrder) -> tuple[Sums, Sums]:
        return self.symbols[order.symbol], self.session
