"""The orders of all symbols that the design does not follow: thousands of books, a few thousand messages at a time.

Every message is legal for a book that follows them, and executions are at the best price in the order of arrival, as
with ``Market``. To have that without looking at one message after the other, prices of a symbol do not move here, an
order is touched at most once on a page, and a symbol's execution, of which a page has one at most, comes before all
else that the page says of the symbol.
"""

import numpy as np

from .market import MPIDS, STUB_ASK, STUB_BID
from .packed import Page
from .tape import Tape
from .universe import Stock

_KINDS = "ADUXECFPI"
_PARTIAL = 0.27  #: share of executions
_YOUNGEST = 4096  #: orders, of which half of those that leave are


class Orders:
    """Columns of equal length, the order of which means nothing."""

    COLUMNS = {"reference": np.int64, "stock": np.int32, "buy": np.bool_, "price": np.int64, "shares": np.int64}

    def __init__(self):
        self.count = 0
        self._columns = {name: np.zeros(1024, dtype) for name, dtype in self.COLUMNS.items()}

    def __getattr__(self, name: str) -> np.ndarray:
        """A column, as a view."""
        try:
            return self.__dict__["_columns"][name][: self.count]
        except KeyError:
            raise AttributeError(name) from None

    def add(self, **columns: np.ndarray) -> None:
        more = len(columns["reference"])
        for name, column in self._columns.items():
            if self.count + more > len(column):
                column = self._columns[name] = np.resize(column, 2 * (self.count + more))
            column[self.count : self.count + more] = columns[name]
        self.count += more

    def remove(self, rows: np.ndarray) -> None:
        """The last ones take their places."""
        left = self.count - len(rows)
        last = np.ones(len(rows), bool)
        last[rows[rows >= left] - left] = False
        holes, movers = rows[rows < left], left + np.flatnonzero(last)
        for column in self._columns.values():
            column[holes] = column[movers]
        self.count = left


class Crowd:
    """Parameters
    ----------
    stocks
        None of them configured.
    """

    def __init__(self, stocks: list[Stock], tape: Tape):
        self._tape, self._draw = tape, tape.draw.random
        self.orders, self._stubs = Orders(), Orders()
        self._locates = np.array([stock.locate for stock in stocks])
        self._names = np.array([stock.stock for stock in stocks], "S8")
        self._ticks = np.array([stock.tick for stock in stocks], np.int64)
        self._fair = np.array([stock.reference for stock in stocks], np.int64)
        self._residues = np.array([stock.residue for stock in stocks])
        self._half_spread = self._ticks * (self._draw(len(stocks)) * 3).astype(np.int64)
        self._wants_stubs = np.flatnonzero([stock.stubs for stock in stocks])
        weights = np.cumsum([stock.weight for stock in stocks])
        self._weights = weights / weights[-1]
        self._depth = sum(stock.depth for stock in stocks)

    @property
    def live(self) -> int:
        """Resting orders, stub quotes among them."""
        return self.orders.count + self._stubs.count

    @property
    def wants_stubs(self) -> int:
        """Orders that ``quote`` has yet to add."""
        return 2 * len(self._wants_stubs)

    def quote(self, page: Page, slots: np.ndarray) -> None:
        """Stub quotes far from the market, of as many symbols as there are pairs of slots."""
        stocks, self._wants_stubs = np.split(self._wants_stubs, [len(slots) // 2])
        stocks = np.repeat(stocks, 2)
        buy = np.arange(len(stocks)) % 2 == 0
        price = np.where(buy, STUB_BID, STUB_ASK)
        self._added(page, "F", slots, self._stubs, stocks, buy, price, np.full(len(stocks), 100))

    def clear(self, page: Page, slots: np.ndarray) -> None:
        """Delete as many orders as there are slots, stub quotes last."""
        for orders in self.orders, self._stubs:
            now, slots = np.split(slots, [min(len(slots), orders.count)])
            rows = orders.count - len(now) + np.argsort(self._draw(len(now)))
            self._deleted(page, now, orders, rows)
            orders.remove(rows)

    def trade(self, page: Page, slots: np.ndarray, kinds: dict[str, int], cross: bytes) -> None:
        """The order flow of these slots, whose types have these weights. ``cross``: of imbalances."""
        orders, count = self.orders, len(slots)
        kind = self._kinds(count, kinds)
        stock = np.searchsorted(self._weights, self._draw(count))
        chosen, executed = self._executions(kind, stock)
        touched = self._touched(kind, executed)
        kind[(kind == "X") & (np.where(touched >= 0, orders.shares[touched] if orders.count else 0, 2) < 2)] = "D"
        stock = np.where(touched >= 0, orders.stock[touched] if orders.count else 0, stock)
        stock[chosen] = orders.stock[executed]
        slots = self._executions_first(slots, stock, chosen)
        by_slot = np.argsort(slots)  # numbers rise with time
        kind, stock, slots, touched = kind[by_slot], stock[by_slot], slots[by_slot], touched[by_slot]
        chosen = np.argsort(by_slot)[chosen]
        earlier = np.argsort(chosen)
        chosen, executed = chosen[earlier], executed[earlier]

        matches = np.zeros(count, np.int64)
        prints = np.isin(kind, ["E", "C", "P"])
        matches[prints] = self._tape.matches(int(prints.sum()))
        full = self._execute(page, kind, slots, stock, matches, chosen, executed)
        self._cancel(page, slots[kind == "X"], touched[kind == "X"])
        self._replace(page, slots[kind == "U"], touched[kind == "U"])
        self._print(page, kind == "P", slots, stock, matches)
        self._imbalance(page, slots[kind == "I"], stock[kind == "I"], cross)
        gone = touched[kind == "D"]
        self._deleted(page, slots[kind == "D"], orders, gone)
        orders.remove(np.concatenate((gone, full)))
        for code in "AF":
            new = stock[kind == code]
            buy = self._draw(len(new)) < 0.5
            self._added(page, code, slots[kind == code], orders, new, buy, self._prices(new, buy),
                        self._sizes(len(new)))
        self._tape.written += count
        self._tape.seen |= set(kind.tolist())

    # What happens

    def _kinds(self, count: int, kinds: dict[str, int]) -> np.ndarray:
        """Deletes become adds while the books are filling, and the reverse when they are over-full."""
        weights = np.cumsum([kinds.get(kind, 0) for kind in _KINDS])
        kind = np.array([*_KINDS])[np.searchsorted(weights / weights[-1], self._draw(count), side="right")]
        filled, draw = self.orders.count / self._depth, self._draw(count)
        adds, deletes = kind == "A", kind == "D"
        kind[deletes & (draw > filled)] = "A"
        kind[adds & (draw < 2 * (filled - 1))] = "D"
        return kind

    def _executions(self, kind: np.ndarray, stock: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which messages execute, and the row of the order that each does: the oldest at the best price of a side. Of
        symbols without orders, and with one execution already, they become adds."""
        orders = self.orders
        wanted = np.flatnonzero((kind == "E") | (kind == "C"))
        side = self._draw(len(self._locates)) < 0.5
        asked = np.zeros(len(self._locates), bool)
        asked[stock[wanted]] = True
        rows = np.flatnonzero(asked[orders.stock] & (orders.buy == side[orders.stock]))
        towards = np.where(orders.buy[rows], -orders.price[rows], orders.price[rows])
        rows = rows[np.lexsort((orders.reference[rows], towards, orders.stock[rows]))]
        stocks, first = np.unique(orders.stock[rows], return_index=True)
        best = np.full(len(self._locates), -1)
        best[stocks] = rows[first]
        _, once = np.unique(stock[wanted], return_index=True)
        chosen = wanted[once]
        chosen = chosen[best[stock[chosen]] >= 0]
        kind[np.setdiff1d(wanted, chosen)] = "A"
        return chosen, best[stock[chosen]]

    def _touched(self, kind: np.ndarray, executed: np.ndarray) -> np.ndarray:
        """The row of the order that each message deletes, replaces or cancels, each another; -1 of the other messages.
        What finds none becomes an add."""
        wanted, orders = np.flatnonzero(np.isin(kind, ["D", "U", "X"])), self.orders.count
        draw, young = self._draw(2 * len(wanted)), min(_YOUNGEST, orders)
        rows = np.where(self._draw(2 * len(wanted)) < 0.5, orders - 1 - (draw * young).astype(np.int64),
                        (draw * orders).astype(np.int64))
        _, first = np.unique(rows, return_index=True)
        rows = rows[np.sort(first)] if orders else rows[:0]
        rows = rows[~np.isin(rows, executed)][: len(wanted)]
        kind[wanted[len(rows) :]] = "A"
        touched = np.full(len(kind), -1)
        touched[wanted[: len(rows)]] = rows
        return touched

    @staticmethod
    def _executions_first(slots: np.ndarray, stock: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """``slots`` with each execution's exchanged for the earliest that its symbol has."""
        slots = slots.copy()
        order = np.lexsort((slots, stock))
        stocks, first = np.unique(stock[order], return_index=True)
        earliest = order[first][np.searchsorted(stocks, stock[chosen])]
        slots[earliest], slots[chosen] = slots[chosen], slots[earliest]
        return slots

    def _execute(self, page, kind, slots, stock, matches, chosen, executed) -> np.ndarray:
        """The rows that are executed in full."""
        held = self.orders.shares[executed]
        lot = np.where((held > 100) & (held % 100 == 0), 100, 1)
        part = lot * (1 + (self._draw(len(held)) * (held // lot - 1)).astype(np.int64))
        partly = (held > 1) & (self._draw(len(held)) < _PARTIAL)
        shares = np.where(partly, part, held)
        self.orders.shares[executed] -= shares
        for code in "EC":
            of = kind[chosen] == code
            at = chosen[of]
            more = {"printable": np.where(self._draw(len(at)) < 0.7, b"Y", b"N"),
                    "price": self._fair[stock[at]]} if code == "C" else {}
            page.put(code, slots[at], locate=self._locates[stock[at]], tracking=2,
                     reference=self.orders.reference[executed[of]], shares=shares[of], match=matches[at], **more)
        return executed[shares == held]

    def _cancel(self, page, slots, rows) -> None:
        """A part of each order."""
        orders = self.orders
        held = orders.shares[rows]
        shares = np.where(self._draw(len(rows)) < 0.5, held // 2,
                          1 + (self._draw(len(rows)) * (held - 1)).astype(np.int64))
        orders.shares[rows] -= shares
        page.put("X", slots, locate=self._locates[orders.stock[rows]], reference=orders.reference[rows], shares=shares)

    def _replace(self, page, slots, rows) -> None:
        orders = self.orders
        stock, old = orders.stock[rows], orders.reference[rows]
        orders.reference[rows] = self._tape.references(self._residues[stock])
        orders.price[rows] = self._prices(stock, orders.buy[rows])
        orders.shares[rows] = self._sizes(len(rows))
        page.put("U", slots, locate=self._locates[stock], reference=old, new_reference=orders.reference[rows],
                 shares=orders.shares[rows], price=orders.price[rows])

    def _deleted(self, page, slots, orders: Orders, rows) -> None:
        page.put("D", slots, locate=self._locates[orders.stock[rows]], reference=orders.reference[rows])

    def _added(self, page, code, slots, orders: Orders, stock, buy, price, shares) -> None:
        reference = self._tape.references(self._residues[stock])
        orders.add(reference=reference, stock=stock, buy=buy, price=price, shares=shares)
        more = {"mpid": np.array(MPIDS, "S4")[(self._draw(len(stock)) * len(MPIDS)).astype(int)]}
        page.put(code, slots, locate=self._locates[stock], reference=reference, side=np.where(buy, b"B", b"S"),
                 shares=shares, stock=self._names[stock], price=price, **(more if code == "F" else {}))

    def _print(self, page, prints, slots, stock, matches) -> None:
        """Executions against hidden orders."""
        of = stock[prints]
        page.put("P", slots[prints], locate=self._locates[of], tracking=2, side=b"B", shares=self._sizes(len(of)),
                 stock=self._names[of], price=self._fair[of], match=matches[prints])

    def _imbalance(self, page, slots, stock, cross: bytes) -> None:
        draw, price = self._draw, self._fair[stock]
        shares = (draw(len(stock)) * 20_000).astype(np.int64)
        page.put("I", slots, locate=self._locates[stock], paired=(draw(len(stock)) * 50_000).astype(np.int64),
                 imbalance=shares, direction=np.where(draw(len(stock)) < 0.5, b"B", b"S"), stock=self._names[stock],
                 far=price, near=price, reference=price, cross_type=cross, variation=b"L")

    # Prices and sizes

    def _prices(self, stock: np.ndarray, buy: np.ndarray) -> np.ndarray:
        """At the touch or near it, rarely further away; never across."""
        draw, tick = self._draw(len(stock)), self._ticks[stock]
        away = np.where(draw < 0.97, -np.log1p(-self._draw(len(stock))) / 0.28, self._draw(len(stock)) * 150)
        away = np.where(draw < 0.25, 0, away).astype(np.int64) * tick + self._half_spread[stock]
        fair = self._fair[stock]
        return np.where(buy, np.maximum(tick, fair - away), fair + tick + away)

    def _sizes(self, count: int) -> np.ndarray:
        draw, more = self._draw(count), self._draw(count)
        return np.select(
            [draw < 0.5, draw < 0.85, draw < 0.97],
            [100, 100 * (1 + (more * 10).astype(np.int64)), 1 + (more * 99).astype(np.int64)],
            100 * (10 + (more * 40).astype(np.int64)))
