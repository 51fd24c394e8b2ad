"""The venue's rules: what becomes of a request, and who trades with whom.

Where OUCH 5.0 and FIX 4.4 differ, the account's reporter knows. Rules, and where they stand:

- An order executes at the prices of what it meets, best first, at one price oldest first. The rest of an IOC or market
  order is cancelled, of others it rests. Display, capacity and sweep are accepted and echoed; they change nothing.
- A replacement has the priority of a new order, always (OUCH 5.0, 2.2). Its quantity counts what the orders before it
  have executed; what is left is entered. One whose details are invalid takes the original out of the book (OUCH) or
  leaves it (FIX).
- A cancel says to what the order's size is to be reduced, executed shares included, and keeps its priority; 0 cancels
  it (2.3). A modification does the same and may change how a sale is marked (2.4); one that is not allowed is ignored.
- No cross is ever run here: orders for one are rejected.
- A client may trade with itself: no strategy against it is chosen on the order.
"""

from collections.abc import Callable
from itertools import count

from spec import ouch

from .accounts import Account
from .book import Book, Resting
from .faults import NONE, Fate, Faults
from .orders import (
    IOC,
    MARKET_PRICE,
    MAX_PRICE,
    MAX_QUANTITY,
    SELL_SIDES,
    Action,
    CancelReason,
    Order,
    Refusal,
    Request,
    Status,
    Trade,
)

_HIGHEST = 1 << 63
_CODES = {"side": Refusal.SIDE, "time_in_force": Refusal.OTHER, "display": Refusal.DISPLAY,
          "capacity": Refusal.OTHER, "intermarket_sweep": Refusal.OTHER, "cross_type": Refusal.CROSS}
_CROSSES = "OCH"  # opening, closing, halt or IPO


class Engine:
    """Parameters
    ----------
    symbols : collection of str or None
        What may be traded; None: whatever is asked for.
    faults, seed
    before_order
        Called before each new order and replacement that arrives: the market moves on.

    Members
    -------
    books : dict[str, Book]
    trades : list[Trade]
    """

    def __init__(self, *, symbols=None, faults: Faults = NONE, seed: int = 1,
                 before_order: Callable[[], None] = lambda: None):
        self._any_symbol = symbols is None
        self.books: dict[str, Book] = {symbol: Book() for symbol in symbols or ()}
        self.trades: list[Trade] = []
        self._faults, self._seed, self._before_order = faults, seed, before_order
        self._references, self._matches, self.serials = count(1), count(1), count(1)
        self._handlers = {Action.ENTER: self._enter, Action.REPLACE: self._replace, Action.CANCEL: self._cancel,
                          Action.MODIFY: self._modify}

    def handle(self, account: Account, request: Request) -> None:
        """Decide upon a client's request, and report."""
        fate = self._faults.fate(self._seed, account.name, len(account.requests) + 1)
        if request.action in (Action.ENTER, Action.REPLACE):
            self._before_order()
        self._handlers[request.action](account, request, fate)
        account.requests.append(request)

    def passive(self, resting: Resting, shares: int) -> None:
        """A resting client's order executes against the recorded market."""
        order = resting.order
        self._trade(resting.price, shares, order if order.buy else None, None if order.buy else order, taker=None)

    def _new(self, account: Account, request: Request, original: Order | None = None) -> Order:
        order = Order(account, request, request.side, request.symbol, request.quantity, request.price,
                      request.capacity, request.cross_type)
        if original:  # what a replacement cannot change
            order.side, order.symbol, order.capacity = original.side, original.symbol, original.capacity
            order.cross_type = original.cross_type
        return order

    def _enter(self, account: Account, request: Request, fate: Fate) -> None:
        order = self._new(account, request)
        if fate.drop:
            order.status = Status.DROPPED
            account.add(order)
            return
        if not account.reporter.fresh(request):
            account.reporter.ignored(request, None, "its number or identifier was used before")
            return
        account.reporter.consume(request.key)
        account.add(order)
        refusal = self._refusal(order, request) or (Refusal.OTHER if fate.reject else None)
        if refusal:
            account.reporter.rejected(order, refusal)
            return
        self._open(order, request.quantity)
        account.reporter.accepted(order)
        self._match(account, order, fate)

    def _replace(self, account: Account, request: Request, fate: Fate) -> None:
        original = account.order(request.target)
        order = self._new(account, request, original)
        if fate.drop:
            order.status = Status.DROPPED
            account.add(order)
            return
        if original is None or not original.live:
            account.reporter.ignored(request, original, "the order to replace is not live")
            return
        if not account.reporter.fresh(request):
            account.reporter.ignored(request, original, "its number or identifier was used before")
            return
        if fate.reject:
            account.reporter.consume(request.key)
            account.add(order)
            account.reporter.replace_rejected(order, original, Refusal.OTHER)
            return
        left = request.quantity - original.total_executed
        refusal = self._refusal(order, request) or (Refusal.QUANTITY if left <= 0 else None)
        if refusal:
            if account.reporter.invalid_replace_cancels:
                account.reporter.ignored(request, original, refusal.text)
                self._reduce(account, original, 0, request)
            else:
                account.reporter.consume(request.key)
                account.add(order)
                account.reporter.replace_rejected(order, original, refusal)
            return
        account.reporter.consume(request.key)
        self._book(original).withdraw(original)
        original.status, original.remaining = Status.REPLACED, 0
        order.done_before = original.total_executed
        order.notional_before = original.notional_before + original.notional
        account.add(order)
        self._open(order, left)
        account.reporter.replaced(order, original)
        self._match(account, order, fate)

    def _cancel(self, account: Account, request: Request, _fate: Fate) -> None:
        order = self._target(account, request)
        if order and not self._reduce(account, order, request.quantity, request):
            account.reporter.ignored(request, order, "it takes nothing away")

    def _modify(self, account: Account, request: Request, _fate: Fate) -> None:
        order = self._target(account, request)
        if order is None:
            return
        sides = {order.side, request.side}
        if request.quantity > order.executed + order.remaining:
            account.reporter.ignored(request, order, "it would increase the order")
        elif len(sides) > 1 and not sides <= {*SELL_SIDES}:
            account.reporter.ignored(request, order, "the side cannot change so")
        elif request.quantity <= order.executed:
            self._reduce(account, order, 0, request)
        else:
            order.side, order.remaining = request.side, request.quantity - order.executed
            account.reporter.modified(order)

    def _target(self, account: Account, request: Request) -> Order | None:
        """The live order that a request is about; one that is not there is reported."""
        order = account.order(request.target)
        if order is None or not order.live:
            account.reporter.ignored(request, order, "the order is not live")
            return None
        return order

    def _refusal(self, order: Order, request: Request) -> Refusal | None:
        layout = ouch.CLIENT["O"]
        for name, refusal in _CODES.items():
            held = order.side if name == "side" else getattr(request, name)
            if len(held) != 1 or held not in layout[name].codes:
                return refusal
        if request.cross_type in _CROSSES:
            return Refusal.CROSS
        if not 0 < request.quantity <= MAX_QUANTITY:
            return Refusal.QUANTITY
        if not 0 < request.price <= MAX_PRICE and request.price != MARKET_PRICE:
            return Refusal.PRICE
        if not order.symbol or order.symbol not in self.books and not self._any_symbol:
            return Refusal.SYMBOL
        return Refusal.HALTED if self._book(order).halted and request.action is Action.ENTER else None

    def _book(self, order: Order) -> Book:
        return self.books.setdefault(order.symbol, Book())

    def _open(self, order: Order, shares: int) -> None:
        order.status, order.remaining, order.reference = Status.LIVE, shares, next(self._references)

    def _match(self, account: Account, order: Order, fate: Fate) -> None:
        """Execute what can be, then rest or cancel the remainder."""
        book, market = self._book(order), order.price == MARKET_PRICE
        if not book.halted:
            limit = order.price if not market else _HIGHEST if order.buy else 0
            room = sum(part for _, part in book.matches(buy=order.buy, limit=limit, shares=order.remaining))
            if fate.partial and room > 1:
                room = 1 + int(fate.share * (room - 1))
            for resting, part in book.matches(buy=order.buy, limit=limit, shares=room):
                self._take(order, resting, part)
        if not order.live:
            return
        if order.request.time_in_force == IOC or market:
            shares, order.remaining, order.status = order.remaining, 0, Status.CANCELED
            account.reporter.canceled(order, shares, CancelReason.IOC, None)
        else:
            book.rest(order, next(self.serials))

    def _take(self, order: Order, resting: Resting, shares: int) -> None:
        maker = resting.order
        if maker is None:
            resting.taken += shares
        buyer, seller = (order, maker) if order.buy else (maker, order)
        self._trade(resting.price, shares, buyer, seller, taker=order)

    def _trade(self, price: int, shares: int, buyer: Order | None, seller: Order | None, *,
               taker: Order | None) -> None:
        trade = Trade(next(self._matches), (buyer or seller).symbol, price, shares, buyer, seller)
        self.trades.append(trade)
        sides = [(order, sign) for order, sign in ((buyer, 1), (seller, -1)) if order]
        for order, sign in sides:
            order.remaining -= shares
            order.executed += shares
            order.notional += shares * price
            order.trades.append(trade)
            if not order.remaining:
                order.status = Status.FILLED
                self._book(order).withdraw(order)
            order.client.move(trade.symbol, sign * shares)
        for order, _ in sides:
            order.client.reporter.executed(order, trade, added=order is not taker)

    def _reduce(self, account: Account, order: Order, size: int, request: Request) -> int:
        """Cancel down to ``size`` shares, executed ones included; the shares that were taken away."""
        left = min(order.remaining, max(0, size - order.executed))
        shares, order.remaining = order.remaining - left, left
        if not left:
            order.status = Status.CANCELED
            self._book(order).withdraw(order)
        if shares:
            account.reporter.canceled(order, shares, CancelReason.USER, request)
        return shares
