"""risk: intents in, one decision each out. The only way to the wire.

Every check is evaluated and every failed one is reported, so that a refusal tells all its reasons. docs/risk.md says
what each compares and which rule asks for it. What is at risk is counted at its worst: an open order counts in full on
its own side until the exchange says how much of it cannot be executed any more.

Replies, limits and the kill switch take effect between two decisions. Whoever knows when calls in that order.
"""

from types import SimpleNamespace

from spec.config import LOTS, Design
from spec.limits import session_limit, symbol_limit
from spec.records import (
    CHECKS_OF_CANCEL,
    DECISION,
    KILL,
    POSITION,
    QUANTITY_BITS,
    SESSION_LIMIT_SET,
    SYMBOL_LIMIT_SET,
    Action,
    Cause,
    Refusal,
    Reply,
    Side,
)

from .counting import Counters
from .open_orders import OpenOrder, OpenOrders, Sums

_BASIS_POINTS = 10_000
_BUY = Side.BUY.value
_MASK32 = (1 << 32) - 1
_MAX_QUANTITY = 1_000_000  #: shares; no exchange takes as many in one order (OUCH 5.0, section 2.1)
#: Notional and lots are of this many bits of a quantity, since more is refused anyway.
_QUANTITY_MASK = (1 << QUANTITY_BITS) - 1
#: Bits of ``Refusal`` as plain integers: an enumeration's arithmetic takes longer than all that is checked.
_BIT = SimpleNamespace(**{refusal.name: refusal.value for refusal in Refusal})
_CHECKS_OF_CANCEL = CHECKS_OF_CANCEL.value
_ENTER, _CANCEL = Action.ENTER.value, Action.CANCEL.value
_REASONS = tuple((refusal.value, refusal.name.lower()) for refusal in Refusal)
_COUNTED = {kind: kind.name.lower() for kind in Reply if kind}


class Bucket:
    """A token bucket in the form of the generic cell rate algorithm (ITU-T I.371, annex A): the time at which it would
    be full again, less its depth, says whether a token is there. A full bucket of n tokens, one coming back every
    ``rate_ns``, is ``rate_burst_ns`` = rate_ns x (n - 1).
    """

    def __init__(self):
        self._full_at = 0

    def has_token(self, limit, time: int) -> bool:
        return not limit.rate_ns or self._full_at <= time + limit.rate_burst_ns

    def take(self, limit, time: int) -> None:
        self._full_at = max(self._full_at, time) + limit.rate_ns


class Risk:
    """The risk stage.

    Members
    -------
    counters : dict[str, int]
    orders : OpenOrders
        Open orders, positions and notional.
    causes : Cause
        Why the kill switch is engaged.
    kills : list
        ``Kill`` records since they were last taken out.
    equity : int
        Profit, negative a loss, in 1/10 000 dollar x shares: sold less bought, and positions at their marks.
    lost : bool
        Equity has been below the limit since the kill switch was last released.
    """

    def __init__(self, design: Design):
        symbols = range(len(design.symbols))
        self.counters = Counters("risk")
        self.orders = OpenOrders(design.risk.order_rows, len(symbols))
        self.causes = Cause.NONE
        self.kills: list = []
        self._limits = [symbol_limit(design, symbol) for symbol in symbols]
        self._limit = session_limit(design)
        self._buckets, self._bucket = [Bucket() for _ in symbols], Bucket()
        self._entered: dict[tuple[int, int], tuple[int, int, int]] = {}  # symbol, side -> quantity, price, time
        self._marks = [0] * len(symbols)
        self._traded = [False] * len(symbols)
        self._rejects = 0
        self.equity = self._lowest = 0  # the lowest since the last decision
        self.lost = self._was_lost = False
        self._user_ref_num = design.order.user_ref_num
        self._seen = _MASK32, 0  # message of the last decision, number of the next

    @property
    def next_number(self) -> int:
        """UserRefNum of the next approved decision."""
        return self._user_ref_num

    # The kill switch.

    def kill(self, cause: Cause = Cause.HOST) -> None:
        """Refuse everything from the next intent on, but cancels if the limits say so, until ``release``."""
        if new := cause & ~self.causes:
            self.causes |= new
            self.counters["kills"] += bin(new).count("1")
            self.kills.append(KILL.tuple(*self._seen, int(self.causes)))

    def release(self) -> None:
        """The host's word that orders may go out again."""
        self._rejects = 0
        self.lost, self._was_lost = self._exceeds_loss(), self.lost
        if self.causes:
            self.causes = Cause.NONE
            self.kills.append(KILL.tuple(*self._seen, 0))

    # Limits.

    def symbol_limit(self, limit):
        """Take a ``SymbolLimit``; its echo, or None if no such symbol is configured."""
        if limit.symbol >= len(self._limits):
            self.counters["limits_foreign"] += 1
            return None
        self.counters["limits_set"] += 1
        self._limits[limit.symbol] = limit
        return SYMBOL_LIMIT_SET.tuple(*self._seen, *limit)

    def session_limit(self, limit):
        """Take a ``SessionLimit``; its echo."""
        self.counters["limits_set"] += 1
        self._limit = limit
        self.lost |= self._exceeds_loss()
        return SESSION_LIMIT_SET.tuple(*self._seen, *limit)

    # Decisions.

    def intent(self, i, *, time: int = 0, queue_full: bool = False, no_session: bool = False, stale: bool = False):
        """The ``Decision`` on an ``Intent``.

        Parameters
        ----------
        time
            ns since 1970 when it is judged.
        queue_full, no_session, stale
            Too many orders wait, nobody to send them to, nothing heard from the feed: at this moment.
        """
        self._was_lost, self._lowest = False, self.equity
        refusals = self._checks_of_the_moment(queue_full, no_session, stale) | self._rates(i.symbol, time)
        target = self.orders.find(i.target) if i.action != _ENTER else None
        if i.action != _ENTER and not self._fits(target, i):
            refusals |= _BIT.UNKNOWN_TARGET
        sums, short = self.orders.symbols[i.symbol], False
        if i.action == _CANCEL:
            refusals &= _CHECKS_OF_CANCEL
            if self._limit.cancel_after_kill:
                refusals &= ~_BIT.KILL_SWITCH
        else:
            short = i.side != _BUY and sums.exposure_short - i.quantity < 0
            refusals |= self._checks_of_the_order(i) | self._exposure(i, sums) | self._repeats(i, time)
            if short and i.short_restricted and i.bid and i.price <= i.bid:
                refusals |= _BIT.SHORT_SALE
        side, quantity, price = i.side, i.quantity, i.price
        number = self._user_ref_num
        if not refusals:
            if i.action == _CANCEL:
                side, quantity, price = target.side, target.quantity, target.price
            self._approve(i, time)
        elif self.orders.is_taken(number):  # passed over, or one order at rest would bar all that follow
            self._user_ref_num = number + 1 & _MASK32
        self._count(refusals)
        decision = DECISION.tuple(
            i.message, self._seen[1], i.timestamp, i.symbol, i.action, i.host, i.target, side, quantity, price,
            int(short), number, time, refusals, sums.exposure_long, sums.exposure_short)
        self._seen = i.message, self._seen[1] + 1 & _MASK32
        return decision

    def _checks_of_the_moment(self, queue_full: bool, no_session: bool, stale: bool) -> int:
        refusals = _BIT.KILL_SWITCH if self.causes else 0
        for fails, refusal in ((queue_full, _BIT.ORDER_QUEUE_FULL), (no_session, _BIT.NO_SESSION),
                               (stale, _BIT.STALE_DATA)):
            if fails:
                refusals |= refusal
        return refusals

    def _rates(self, symbol: int, time: int) -> int:
        refusals = 0
        if not self._buckets[symbol].has_token(self._limits[symbol], time):
            refusals |= _BIT.SYMBOL_RATE
        if not self._bucket.has_token(self._limit, time):
            refusals |= _BIT.MESSAGE_RATE
        return refusals

    @staticmethod
    def _fits(target: OpenOrder | None, i) -> bool:
        """The order to end is open, of this symbol and, if it is replaced, of this side."""
        return (target is not None and target.symbol == i.symbol
                and (i.action == _CANCEL or target.side == i.side))

    def _checks_of_the_order(self, i) -> int:
        limit, price, reference = self._limits[i.symbol], i.price, i.reference
        distance = abs(price - reference)
        failed = {
            _BIT.FEED_GAP: i.gap,
            _BIT.TRADING_STATE: not i.tradable,
            _BIT.RESTRICTED: limit.restricted,
            _BIT.ORDER_QUANTITY: (not limit.min_quantity <= i.quantity <= limit.max_quantity
                                     or i.quantity >= _MAX_QUANTITY),
            _BIT.ROUND_LOT: limit.lot not in LOTS or (i.quantity & _QUANTITY_MASK) % limit.lot,
            _BIT.ORDER_PRICE: not price,
            _BIT.ORDER_NOTIONAL: _notional(i) > limit.max_notional,
            _BIT.NO_REFERENCE: not reference,
            _BIT.PRICE_COLLAR: reference and distance * _BASIS_POINTS > reference * limit.collar_bps,
            _BIT.ABSOLUTE_COLLAR: reference and distance > limit.collar_absolute,
            _BIT.LULD_COLLAR: i.collar_upper and not i.collar_lower <= price <= i.collar_upper,
        }
        return _all(failed)

    def _exposure(self, i, sums: Sums) -> int:
        limit, whole, session = self._limits[i.symbol], self._limit, self.orders.session
        notional, buys = _notional(i), i.side == _BUY
        worst = sums.exposure_long + i.quantity if buys else i.quantity - sums.exposure_short
        sign = 1 if buys else -1
        return _all({
            _BIT.POSITION_LIMIT: worst > (limit.max_long if buys else limit.max_short),
            _BIT.SYMBOL_GROSS: sums.gross + notional > limit.max_gross,
            _BIT.SYMBOL_NET: sign * sums.net(i.side) + notional > limit.max_net,
            _BIT.GROSS_NOTIONAL: session.gross + notional > whole.max_gross,
            _BIT.NET_NOTIONAL: sign * session.net(i.side) + notional > whole.max_net,
            _BIT.SYMBOL_OPEN_ORDERS: sums.orders >= limit.max_open_orders,
            _BIT.OPEN_ORDERS: (session.orders >= whole.max_open_orders
                                  or self.orders.is_taken(self._user_ref_num)),
        })

    def _repeats(self, i, time: int) -> int:
        window = self._limits[i.symbol].duplicate_ns
        last = self._entered.get((i.symbol, i.side))
        if i.action != _ENTER or not window or last is None or last[:2] != (i.quantity, i.price):
            return 0
        return _BIT.DUPLICATE_ORDER if time - last[2] < window else 0

    def _approve(self, i, time: int) -> None:
        self._buckets[i.symbol].take(self._limits[i.symbol], time)
        self._bucket.take(self._limit, time)
        if i.action != _CANCEL:
            self.orders.add(OpenOrder(self._user_ref_num, i.symbol, i.side, i.quantity, i.price, i.quantity))
        if i.action == _ENTER:
            self._entered[i.symbol, i.side] = i.quantity, i.price, time
        self._user_ref_num = self._user_ref_num + 1 & _MASK32

    def _count(self, refusals: int) -> None:
        if not refusals:
            self.counters["approved"] += 1
            return
        self.counters["refused"] += 1
        for bit, name in _REASONS:
            if refusals & bit:
                self.counters[name] += 1

    # What the exchange says.

    def reply(self, r):
        """The ``Position`` after an ``ExchangeReply``."""
        self.counters[_COUNTED[r.kind]] += 1
        order = self.orders.find(r.user_ref_num)
        lawful = True
        if r.kind in (Reply.CANCEL_REJECTED, Reply.BROKEN):
            pass  # what it is about is as it was; a broken execution is the host's to judge
        elif order is None:
            lawful = False
        else:
            lawful = self._apply(Reply(r.kind), order, r)
        if not lawful:
            self.counters["unlawful_reply"] += 1
            self.kill(Cause.UNLAWFUL_REPLY)
        if order is None:
            return POSITION.tuple(*self._seen, *r, int(lawful), 0, 0, 0, 0, 0, 0)
        sums = self.orders.symbols[order.symbol]
        return POSITION.tuple(*self._seen, *r, int(lawful), order.symbol, sums.position, sums.exposure_long,
                              sums.exposure_short, sums.orders, order.remaining)

    def _apply(self, kind: Reply, order: OpenOrder, r) -> bool:
        """Whether the reply is about no more shares than the order has left."""
        orders, remaining = self.orders, order.remaining
        if kind == Reply.EXECUTED:
            orders.execute(order, r.quantity, r.price)
            held = orders.symbols[order.symbol].position
            if r.quantity and not self._traded[order.symbol]:
                self._mark(order.symbol, r.price, held - _signed(order.side, r.quantity))
            self._earn(_signed(order.side, r.quantity) * (self._marks[order.symbol] - r.price))
            orders.reduce(order, min(r.quantity, remaining))
        elif kind == Reply.CANCELED:
            orders.reduce(order, remaining if r.all else min(r.quantity, remaining))
            return bool(r.all) or r.quantity <= remaining
        elif kind == Reply.REJECTED:
            orders.reduce(order, remaining)
            self._reject()
            return True
        else:  # live, with so many shares
            self._rejects = 0
            original = orders.find(r.original) if kind == Reply.REPLACED else None
            if original not in (None, order) and (original.symbol, original.side) == (order.symbol, order.side):
                orders.reduce(original, original.remaining)
            orders.reduce(order, max(0, remaining - r.quantity))
        return r.quantity <= remaining

    def _reject(self) -> None:
        self._rejects += 1
        if self._limit.max_rejects and self._rejects >= self._limit.max_rejects:
            self.kill(Cause.REJECTS)

    # Profit and loss.

    def update(self, u) -> None:
        """An ``Update`` may bring a new price to value a position at."""
        if u.last_trade:
            self._traded[u.symbol] = True
            if u.last_trade != self._marks[u.symbol]:
                self._mark(u.symbol, u.last_trade, self.orders.symbols[u.symbol].position)

    @property
    def may_kill_for_loss(self) -> bool:
        """``lost``, or was when the kill switch was released, or was by the limit of now; since the last decision. Who
        watches the equity may be some updates, and some limits, behind or ahead."""
        limit = self._limit.max_loss
        return self.lost or self._was_lost or bool(limit) and self._lowest < -limit

    def _mark(self, symbol: int, price: int, held: int) -> None:
        """``held`` shares are valued at another price."""
        self._earn(held * (price - self._marks[symbol]))
        self._marks[symbol] = price

    def _earn(self, amount: int) -> None:
        self.equity += amount
        self._lowest = min(self._lowest, self.equity)
        self.lost |= self._exceeds_loss()

    def _exceeds_loss(self) -> bool:
        return bool(self._limit.max_loss) and self.equity < -self._limit.max_loss


def _signed(side: int, shares: int) -> int:
    return shares if side == _BUY else -shares


def _notional(i) -> int:
    return (i.quantity & _QUANTITY_MASK) * i.price


def _all(failed: dict[int, object]) -> int:
    refusals = 0
    for refusal, fails in failed.items():
        if fails:
            refusals |= refusal
    return refusals
