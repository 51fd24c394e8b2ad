"""Traffic for the risk stage that stays near its limits, from a seed.

A batch of some hundred cycles has a *focus*: a check or a few whose limits are put where its orders will just pass and
just not. Between its orders, in adjacent cycles or with gaps, the exchange replies, limits change, the host kills.
Sometimes nothing is under way: then the host releases, the market trades and the limit of the loss moves.
"""

import random
from typing import ClassVar

import numpy as np

from spec.config import LOTS, Design
from spec.limits import session_limit, symbol_limit
from spec.records import INTENT, REPLY, UPDATE, Action, Cause, Refusal, Reply, Side

from .engine.risk import FLAGS, OFFERS, Batch
from .risk_run import View

_WIDE = (1 << 63) - 1
_REPLY_CYCLES = 16  #: that the hardware takes for a reply, at most
_TAIL = 6
_VALUED = 30  #: cycles after which equity has everything in it that positions say
_START_NS = 6040 * (1 << 48) - 100_000  #: in 2023, and soon no 48 bits of it say what was before what
_SYMBOL_SUMS = {Refusal.POSITION_LIMIT, Refusal.SYMBOL_GROSS, Refusal.SYMBOL_NET, Refusal.SYMBOL_OPEN_ORDERS}
_SESSION_SUMS = {Refusal.GROSS_NOTIONAL, Refusal.NET_NOTIONAL, Refusal.OPEN_ORDERS}


class RiskStorms:
    """An endless source of batches.

    Parameters
    ----------
    design : Design
    seed : int
    foci : tuple of Refusal
        Checks to aim at; all of them unless told otherwise.
    """

    FOCI: ClassVar = tuple(refusal for refusal in Refusal if refusal)

    def __init__(self, design: Design, seed: int, foci: tuple[Refusal, ...] = FOCI):
        self._rng, self._foci = random.Random(seed), foci
        self._symbols = range(len(design.symbols))
        self._rows, self._first = design.risk.order_rows, design.order.user_ref_num
        wide = {"min_quantity": 1, "max_quantity": (1 << 20) - 1, "lot": 1, "max_notional": (1 << 52) - 1,
                "max_long": (1 << 40) - 1, "max_short": (1 << 40) - 1, "max_gross": _WIDE, "max_net": _WIDE,
                "collar_bps": 10_000, "collar_absolute": (1 << 32) - 1, "max_open_orders": 65_535, "rate_ns": 0,
                "rate_burst_ns": 0, "duplicate_ns": 0, "restricted": 0}
        self._wide = [symbol_limit(design, symbol)._replace(**wide) for symbol in self._symbols]
        self._limits = list(self._wide)
        self._wide_session = session_limit(design)._replace(
            max_gross=_WIDE, max_net=_WIDE, max_open_orders=65_535, rate_ns=0, rate_burst_ns=0, max_loss=0,
            max_rejects=0, stale_ns=0, cancel_after_kill=1)
        self._session = self._wide_session
        self._open: dict[int, list] = {}  # UserRefNum -> the order, what is left after the replies under way
        self._ns, self._step, self._message, self._begun = _START_NS, 1, 0, False
        self._guess, self._before = 0, (0, 0, 0)  # number of the next order; number, symbol, side of the one before it

    def batch(self, view: View) -> Batch:
        """The next cycles."""
        rng, causes = self._rng, view.model.causes
        for order in view.approved:
            self._open[order.user_ref_num] = [order, order.remaining]
        view.approved.clear()
        self._guess, self._sums = view.next_number, view.model.orders.symbols
        if not self._begun:
            self._begun = True
            return self._begin()
        if causes and not view.idle and rng.random() < 0.5:
            return self.rest(view)
        if view.idle and rng.random() < (0.7 if causes else 0.15):
            return self._control(view)
        if self._open and max(self._open) - min(self._open) > self._rows // 2 and rng.random() < 0.95:
            return self._flush()
        return self._storm(view)

    def rest(self, view: View) -> Batch:
        """Time for all that is under way."""
        return self._empty((self._rows + 64) * _REPLY_CYCLES)

    # Kinds of batches.

    def _empty(self, rows: int) -> Batch:
        self._step = self._rng.choice((1, 3, 3, 10))
        steps = np.full(rows, self._step, np.uint64)
        ns = np.cumsum(steps, dtype=np.uint64) + np.uint64(self._ns)
        self._ns = int(ns[-1]) + self._rng.choice((1, 1, 1000))
        return Batch(np.zeros(rows, np.uint32), ns)

    def _begin(self) -> Batch:
        batch = self._empty(64)
        batch.flags[0] |= FLAGS["heard"]
        for row, limit in enumerate(self._wide):
            self._offer(batch, "symbol_limits", limit, row % 32)
        self._offer(batch, "session_limits", self._wide_session, 0)
        return batch

    def _flush(self) -> Batch:
        """The exchange is done with the oldest orders, whose rows come round; hardly any new ones."""
        numbers = sorted(self._open)[: max(1, int(len(self._open) * self._rng.uniform(0.5, 1)))]
        self._rng.shuffle(numbers)
        batch = self._empty(len(numbers) * _REPLY_CYCLES + 50)
        for row in sorted(self._rng.sample(range(len(batch) - _TAIL), len(numbers))):
            self._offer(batch, "replies", self._last_reply(numbers.pop()), row)
        self._fill(batch, 0.02, [], [self._rng.choice(self._symbols)])
        return batch

    def _control(self, view: View) -> Batch:
        """With nothing under way: a release, a limit of the loss, trades on the market."""
        rng, model = self._rng, view.model
        batch = self._empty(190)
        if Cause.LOSS in model.causes and rng.random() < 0.8:
            self._set_session(batch, _VALUED, max_loss=0)
        elif rng.random() < 0.3:
            self._set_session(batch, _VALUED, max_loss=max(1, rng.choice((-1, 0, 1, 50, 5_000_000)) - model.equity))
        elif rng.random() < 0.5:
            self._set_session(batch, _VALUED, max_loss=0)
        if model.causes:
            batch.flags[50] |= FLAGS["kill_release"]
        for row in sorted(rng.sample(range(70, 150), rng.randint(0, 12))):
            batch.flags[row] |= FLAGS["update"]
            symbol = rng.choice(self._symbols)
            price = max(0, self._price(symbol) + rng.randint(-30, 30)) if rng.random() < 0.9 else 0
            batch.updates.append(UPDATE.tuple(**dict.fromkeys(UPDATE.tuple._fields, 0) | {
                "symbol": symbol, "last_trade": price, "type": ord("E")}))
        self._fill(batch, rng.choice((0.3, 1)), [], [rng.choice(self._symbols)])
        return batch

    def _storm(self, view: View) -> Batch:
        rng = self._rng
        batch = self._empty(rng.choice((64, 128, 256)))
        foci = rng.sample(self._foci, min(len(self._foci), rng.choice((0, 1, 1, 1, 2, 3))))
        symbols = rng.sample(self._symbols, min(len(self._symbols), rng.choice((1, 1, 2))))
        units = {symbol: (rng.choice((1, 5, 10, 100, 999)), self._price(symbol)) for symbol in symbols}
        for symbol in symbols:
            self._set_symbol(batch, rng.randrange(3), self._narrow(view, foci, symbol, units[symbol]))
        self._set_session(batch, rng.randrange(3), **self._narrow_session(view, foci, units[symbols[0]]))
        if rng.random() < 0.3:
            symbol = rng.choice(symbols)
            self._set_symbol(batch, rng.randrange(10, len(batch)), self._narrow(view, foci, symbol, units[symbol]))
        if rng.random() < 0.02:
            foreign = self._wide[0]._replace(symbol=rng.randint(len(self._symbols), 1023))
            self._offer(batch, "symbol_limits", foreign, rng.randrange(len(batch)))
        self._wires(batch, foci)
        for row in sorted(rng.sample(range(len(batch)), rng.randint(0, len(batch) // 14))):
            if (reply := self._reply()) is not None:
                self._offer(batch, "replies", reply, row)
        # Rows that are taken refuse everything else: mostly no more orders than there is room for.
        full = Refusal.OPEN_ORDERS in foci or rng.random() < 0.1
        most = len(batch) if full else max(20, self._rows // 2)
        self._fill(batch, rng.choice((0.3, 0.7, 1, 1)), foci, symbols, units, most)
        return batch

    # Limits.

    def _narrow(self, view: View, foci, symbol: int, unit: tuple[int, int]):
        """The symbol's limits, where a few orders of ``unit`` pass."""
        rng, limit, sums = self._rng, self._wide[symbol], view.model.orders.symbols[symbol]
        quantity, price = unit

        def room(used: int, step: int, most: int) -> int:
            return min(max(0, used + rng.randint(0, 5) * step + rng.choice((-1, 0, 0, 1))), most)

        changes = {
            Refusal.ORDER_QUANTITY: lambda: {"min_quantity": quantity, "max_quantity": rng.choice((
                quantity, 2 * quantity, (1 << 20) - 1))},
            Refusal.ROUND_LOT: lambda: {"lot": rng.choice(LOTS) if rng.random() < 0.9 else rng.randrange(256)},
            Refusal.ORDER_NOTIONAL: lambda: {"max_notional": max(0, quantity * price + rng.choice((-1, 0, 0, 1)))},
            Refusal.PRICE_COLLAR: lambda: {"collar_bps": rng.choice((0, 1, 100, 500, 9_999, 10_000, 16_383))},
            Refusal.ABSOLUTE_COLLAR: lambda: {"collar_absolute": rng.choice((0, 1, 100, 5_000))},
            Refusal.RESTRICTED: lambda: {"restricted": 1},
            Refusal.POSITION_LIMIT: lambda: {
                "max_long": room(sums.exposure_long, quantity, (1 << 40) - 1),
                "max_short": room(-sums.exposure_short, quantity, (1 << 40) - 1)},
            Refusal.SYMBOL_GROSS: lambda: {"max_gross": room(sums.gross, quantity * price, _WIDE)},
            Refusal.SYMBOL_NET: lambda: {"max_net": room(
                max(sums.net(0), -sums.net(1)), quantity * price, _WIDE)},
            Refusal.SYMBOL_OPEN_ORDERS: lambda: {"max_open_orders": max(0, sums.orders + rng.randint(-1, 5))},
            Refusal.SYMBOL_RATE: lambda: self._rate(),
            Refusal.DUPLICATE_ORDER: lambda: {"duplicate_ns": rng.randint(1, 12) * rng.choice((1, self._step))},
        }
        for focus in foci:
            limit = limit._replace(**changes.get(focus, dict)())
        return limit

    def _narrow_session(self, view: View, foci, unit: tuple[int, int]) -> dict[str, int]:
        rng, sums, notional = self._rng, view.model.orders.session, unit[0] * unit[1]

        def room(used: int) -> int:
            return min(max(0, used + rng.randint(0, 5) * notional + rng.choice((-1, 0, 0, 1))), _WIDE)

        changes = {
            Refusal.GROSS_NOTIONAL: lambda: {"max_gross": room(sums.gross)},
            Refusal.NET_NOTIONAL: lambda: {"max_net": room(max(sums.net(0), -sums.net(1)))},
            Refusal.OPEN_ORDERS: lambda: {"max_open_orders": max(0, sums.orders + rng.randint(-1, 5))},
            Refusal.MESSAGE_RATE: lambda: self._rate(),
            Refusal.STALE_DATA: lambda: {"stale_ns": rng.choice((1, 50, 200))},
            Refusal.KILL_SWITCH: lambda: {"max_rejects": rng.randint(1, 4), "cancel_after_kill": rng.randrange(2)},
        }
        wide = self._wide_session._asdict()
        wide.pop("max_loss")
        for focus in foci:
            wide |= changes.get(focus, dict)()
        return wide

    def _rate(self) -> dict[str, int]:
        interval = self._rng.choice((1, 7, 40, 1000, 4 * self._step))
        return {"rate_ns": interval, "rate_burst_ns": interval * self._rng.choice((0, 0, 1, 4))}

    def _set_symbol(self, batch: Batch, row: int, limit) -> None:
        self._limits[limit.symbol] = limit
        self._offer(batch, "symbol_limits", limit, row)

    def _set_session(self, batch: Batch, row: int, **changes) -> None:
        self._session = self._session._replace(**changes)
        self._offer(batch, "session_limits", self._session, row)

    @staticmethod
    def _offer(batch: Batch, stream: str, record, row: int) -> None:
        """From ``row`` on, or from the next that offers none yet."""
        while batch.flags[row] & OFFERS[stream]:
            row += 1
        batch.flags[row] |= OFFERS[stream]
        batch.offered[stream].append(record)

    def _wires(self, batch: Batch, foci) -> None:
        """What happens beside orders."""
        rng, rows = self._rng, len(batch)
        rare = Refusal.STALE_DATA in foci
        for row in range(rng.randrange(16), rows, rng.choice((40, 90)) if rare else 16):
            batch.flags[row] |= FLAGS["heard"]
        for focus, name in ((Refusal.ORDER_QUEUE_FULL, "queue_full"), (Refusal.NO_SESSION, "no_session")):
            if focus in foci:
                share = rng.choice((0.1, 0.5))
                batch.flags[[rng.random() < share for _ in range(rows)]] |= FLAGS[name]
        if Refusal.KILL_SWITCH in foci and rng.random() < 0.5:
            first, name = rng.randrange(rows), rng.choice(("kill", "kill", "session_lost"))
            batch.flags[first : first + rng.choice((1, 1, 5))] |= FLAGS[name]

    # Orders.

    def _price(self, symbol: int) -> int:
        return 10_000 * (symbol % 7 + 1)

    def _fill(self, batch: Batch, density: float, foci, symbols, units=None,
              most: int = 1 << 30) -> None:
        """Intents in a share of the rows."""
        rng, units = self._rng, units or {}
        last: dict[tuple[int, int], dict] = {}
        for row in range(len(batch) - _TAIL):
            if rng.random() >= density or len(batch.intents) >= most:
                continue
            symbol = rng.choice(symbols) if rng.random() < 0.97 else rng.choice(self._symbols)
            unit = units.get(symbol, (rng.choice((1, 10, 100)), self._price(symbol)))
            values = self._intent(symbol, foci, unit, last)
            batch.flags[row] |= FLAGS["intent"]
            batch.intents.append(INTENT.tuple(**values))
            last[symbol, values["side"]] = values

    def _intent(self, symbol: int, foci, unit: tuple[int, int], last) -> dict[str, int]:
        rng, (quantity, price) = self._rng, unit
        self._message = self._message + rng.randint(0, 2) & 0xFFFF_FFFF
        values = {
            "message": self._message, "timestamp": 34_200_000_000_000 + self._message, "symbol": symbol,
            "action": Action.ENTER.value, "host": rng.randrange(2), "target": 0, "side": rng.randrange(2),
            "quantity": quantity, "price": price, "reference": self._price(symbol), "collar_lower": 0,
            "collar_upper": 0, "bid": price - 1, "tradable": 1, "gap": 0, "short_restricted": 0}
        if rng.random() < 0.2:
            values["quantity"] += rng.choice((-1, 1, 1, quantity)) if quantity > 1 else 1
        if rng.random() < 0.15:
            values["price"] += rng.choice((-1, 1))
        if rng.random() < 0.12 or Refusal.UNKNOWN_TARGET in foci and rng.random() < 0.5:
            self._aim(values, Refusal.UNKNOWN_TARGET in foci)
        for focus in foci:
            if rng.random() < 0.6:
                self._bend(focus, values, last)
        if rng.random() < 0.001:
            values |= {"quantity": rng.getrandbits(rng.choice((20, 32))), "price": rng.getrandbits(32) >> 8,
                       "reference": rng.getrandbits(32), "bid": rng.getrandbits(32),
                       "collar_lower": rng.getrandbits(32), "collar_upper": rng.getrandbits(32)}
        if values["action"] != Action.CANCEL:
            self._before = self._guess, values["symbol"], values["side"]
        self._guess = self._guess + 1 & 0xFFFF_FFFF
        return values

    def _aim(self, values: dict[str, int], miss: bool) -> None:
        """Replace or cancel an open order, or (``miss``) perhaps none."""
        rng = self._rng
        values["action"] = rng.choice((Action.REPLACE, Action.CANCEL)).value
        if rng.random() < 0.3:  # what was ordered just before, if it was approved
            number, symbol, side = self._before
            price = self._price(symbol)
            values |= {"target": number, "symbol": symbol, "side": side, "price": price, "reference": price,
                       "bid": price - 1}
        elif self._open and not (miss and rng.random() < 0.3):
            order = self._open[rng.choice(list(self._open))][0]
            values |= {"target": order.user_ref_num, "symbol": order.symbol, "side": order.side}
            values["reference"] = self._price(order.symbol)
            values["price"] = self._price(order.symbol)
            values["bid"] = values["price"] - 1
            if miss and rng.random() < 0.3:
                values[rng.choice(("side", "target"))] ^= 1
        elif miss:
            values["target"] = rng.choice((0, rng.getrandbits(32), self._first + rng.randrange(4 * self._rows)))
        else:
            values["action"] = Action.ENTER.value

    def _bend(self, focus: Refusal, values: dict[str, int], last) -> None:
        """Bring the intent to where ``focus`` decides."""
        rng, limit, reference = self._rng, self._limits[values["symbol"]], values["reference"]
        if focus == Refusal.ORDER_QUANTITY:
            values["quantity"] = max(0, rng.choice((
                limit.min_quantity, limit.min_quantity - 1, limit.max_quantity, limit.max_quantity + 1, 0))
                ) if limit.max_quantity < 1 << 20 else 1
            if limit.max_quantity == (1 << 20) - 1 and rng.random() < 0.05:
                values["quantity"] = rng.choice((999_999, 1_000_000, (1 << 20) - 1, 1 << 20, (1 << 32) - 1))
        elif focus == Refusal.ROUND_LOT:
            values["quantity"] = limit.lot * rng.randint(1, 9) + rng.choice((-1, 0, 0, 0, 1)) or 1
        elif focus == Refusal.ORDER_PRICE:
            values["price"] = rng.choice((0, 0, 1))
        elif focus == Refusal.NO_REFERENCE:
            values["reference"] = 0
        elif focus == Refusal.PRICE_COLLAR:
            edge = reference * limit.collar_bps // 10_000
            values["price"] = max(0, reference + rng.choice((1, -1)) * (edge + rng.choice((-1, 0, 1))))
        elif focus == Refusal.ABSOLUTE_COLLAR and limit.collar_absolute < 1 << 31:
            values["price"] = max(1, reference + rng.choice((1, -1)) * (limit.collar_absolute + rng.choice((0, 1))))
        elif focus == Refusal.LULD_COLLAR:
            values["collar_lower"] = max(0, values["price"] + rng.choice((-100, -1, 0, 1)))
            values["collar_upper"] = max(0, values["price"] + rng.choice((-1, 0, 1, 100)))
        elif focus == Refusal.SHORT_SALE:
            values |= {"side": Side.SELL.value, "short_restricted": int(rng.random() < 0.75),
                       "bid": max(0, values["price"] + rng.choice((-1, 0, 1)))}
            if rng.random() < 0.5:  # all that is held, or a little more
                held = self._sums[values["symbol"]].exposure_short
                values["quantity"] = min(max(1, held + rng.choice((-1, 0, 1, 5))), 999_999)
        elif focus == Refusal.FEED_GAP:
            values["gap"] = rng.randrange(2)
        elif focus == Refusal.TRADING_STATE:
            values["tradable"] = rng.randrange(2)
        elif focus == Refusal.DUPLICATE_ORDER and (before := last.get((values["symbol"], values["side"]))):
            values |= {"quantity": before["quantity"], "price": before["price"]}

    # What the exchange says.

    def _reply(self):
        """About an open order, lawful but for a few; None if there is nothing to say."""
        rng = self._rng
        if rng.random() < 0.004:
            return self._unlawful()
        if not self._open:
            return None
        number = rng.choice(list(self._open))
        order, left = self._open[number]
        kind = rng.choice((Reply.EXECUTED,) * 4 + (Reply.CANCELED, Reply.CANCELED, Reply.ACCEPTED, Reply.ACCEPTED,
                                                   Reply.REJECTED, Reply.REPLACED, Reply.BROKEN,
                                                   Reply.CANCEL_REJECTED))
        part = rng.choice((left, rng.randint(1, left), 1))
        if kind == Reply.EXECUTED:
            self._leave(number, left - part)
            return _about(kind, number, quantity=part, price=max(0, order.price + rng.randint(-3, 3)))
        if kind == Reply.CANCELED and part < left:
            self._leave(number, left - part)
            return _about(kind, number, quantity=part)
        if kind == Reply.ACCEPTED:
            self._leave(number, part)
            return _about(kind, number, quantity=part)
        if kind == Reply.REPLACED:
            original = rng.choice(list(self._open)) if rng.random() < 0.7 else rng.getrandbits(32)
            before = self._open.get(original)
            if before and original != number and (before[0].symbol, before[0].side) == (order.symbol, order.side):
                del self._open[original]
            self._leave(number, part)
            return _about(kind, number, original=original, quantity=part)
        if kind in (Reply.BROKEN, Reply.CANCEL_REJECTED):
            return _about(kind, number)
        return self._last_reply(number)

    def _last_reply(self, number: int):
        """The order is closed by it."""
        order, left = self._open.pop(number)
        kind = self._rng.choice((Reply.EXECUTED, Reply.CANCELED, Reply.CANCELED, Reply.REJECTED))
        if kind == Reply.EXECUTED:
            return _about(kind, number, quantity=left, price=order.price)
        if kind == Reply.CANCELED and self._rng.random() < 0.5:
            return _about(kind, number, quantity=left)
        return _about(kind, number, all=int(kind == Reply.CANCELED))

    def _unlawful(self):
        rng = self._rng
        kind = rng.choice((Reply.ACCEPTED, Reply.EXECUTED, Reply.CANCELED, Reply.REJECTED, Reply.REPLACED))
        price = 10_000 if kind == Reply.EXECUTED else 0
        if not self._open or rng.random() < 0.4:
            unknown = rng.choice((0, rng.getrandbits(32) | 1 << 31))
            return _about(kind, unknown, quantity=rng.randint(1, 99), price=price)
        number = rng.choice(list(self._open))
        left = self._open[number][1]
        if kind in (Reply.EXECUTED, Reply.CANCELED):
            del self._open[number]
        elif kind == Reply.REJECTED:
            return self._last_reply(number)
        return _about(kind, number, quantity=left + rng.choice((1, 1000, 1 << 19)), price=price)

    def _leave(self, number: int, left: int) -> None:
        if left:
            self._open[number][1] = left
        else:
            del self._open[number]


def _about(kind: Reply, number: int, *, original=0, quantity=0, all=0, price=0):
    return REPLY.tuple(kind.value, number, original, quantity, all, price)
