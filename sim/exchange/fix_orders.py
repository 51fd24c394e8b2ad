"""FIX 4.4 orders: requests out of a counterparty's messages, and execution reports and cancel rejects for it.

Source: FIX 4.4 with errata 20030618, volume 4. OrderQty of a replacement counts what its order has executed; LeavesQty
is what is open; CumQty and AvgPx go on over replacements.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from .accounts import Account, Reporter
from .events import Events
from .fix_session import NAMES, PROTOCOL, TEXT, FixSession, utc
from .orders import IOC, MARKET_PRICE, Action, CancelReason, Order, Refusal, Request, Status, Trade

# Tags (volume 6).
AVG_PX, CL_ORD_ID, CUM_QTY, EXEC_ID, EXEC_INST, EXEC_REF_ID = 6, 11, 14, 17, 18, 19
LAST_PX, LAST_QTY, ORDER_ID, ORDER_QTY, ORD_STATUS, ORD_TYPE, ORIG_CL_ORD_ID = 31, 32, 37, 38, 39, 40, 41
PRICE, SIDE, SYMBOL, TIME_IN_FORCE, TRANSACT_TIME = 44, 54, 55, 59, 60
CXL_REJ_REASON, ORD_REJ_REASON, MAX_FLOOR, EXEC_TYPE, LEAVES_QTY = 102, 103, 111, 150, 151
CXL_REJ_RESPONSE_TO, ORDER_CAPACITY = 434, 528

_SIDES = {"1": "B", "2": "S", "5": "T", "6": "E"}
_FIX_SIDES = {ours: theirs for theirs, ours in _SIDES.items()}
_MARKET, _LIMIT = "1", "2"
_SWEEP = "f"  #: ExecInst
_CAPACITIES = {"A": "A", "P": "P", "R": "R"}
_TOO_LATE, _UNKNOWN_ORDER, _BROKER, _DUPLICATE = 0, 1, 2, 6  #: CxlRejReason
_STATUS = {Status.FILLED: "2", Status.CANCELED: "4", Status.REPLACED: "5", Status.REJECTED: "8"}
_RESPONSE_TO = {Action.CANCEL: "1", Action.REPLACE: "2"}
_REQUIRED = {
    "D": (CL_ORD_ID, SYMBOL, SIDE, TRANSACT_TIME, ORDER_QTY, ORD_TYPE),
    "F": (ORIG_CL_ORD_ID, CL_ORD_ID, SYMBOL, SIDE, TRANSACT_TIME),
    "G": (ORIG_CL_ORD_ID, CL_ORD_ID, SYMBOL, SIDE, TRANSACT_TIME, ORDER_QTY, ORD_TYPE),
}
ACTIONS = {"D": Action.ENTER, "F": Action.CANCEL, "G": Action.REPLACE}
REQUIRED_MISSING, NO_VALUE, VALUE_INCORRECT, FORMAT = 1, 4, 5, 6  #: SessionRejectReason


class FieldError(Exception):
    """A field that a message must not have so: tag, SessionRejectReason, text."""

    def __init__(self, tag: int, reason: int, text: str):
        self.tag, self.reason = tag, reason
        super().__init__(text)


def require(found: dict[int, str], *tags: int) -> None:
    """Raises ``FieldError`` for the first one that is missing."""
    for tag in tags:
        if tag not in found:
            raise FieldError(tag, REQUIRED_MISSING, f"required tag {tag} is missing")


def whole(found: dict[int, str], tag: int) -> int:
    """The value of a field that counts something. Raises ``FieldError``."""
    require(found, tag)
    if not re.fullmatch("[0-9]+", found[tag]):
        raise FieldError(tag, FORMAT, f"{tag}={found[tag]} is no number")
    return int(found[tag])


def parse(code: str, found: dict[int, str]) -> Request:
    """The request in a D, F or G. Raises ``FieldError``."""
    require(found, *_REQUIRED[code])
    if found[SIDE] not in _SIDES:
        raise FieldError(SIDE, VALUE_INCORRECT, f"{SIDE}={found[SIDE]}: 1, 2, 5 or 6")
    key, action = found[CL_ORD_ID], ACTIONS[code]
    common = {"target": found.get(ORIG_CL_ORD_ID, ""), "side": _SIDES[found[SIDE]], "symbol": found[SYMBOL],
              "cl_ord_id": key}
    if action is Action.CANCEL:
        return Request(action, key, **common)
    if found[ORD_TYPE] not in (_MARKET, _LIMIT):
        raise FieldError(ORD_TYPE, VALUE_INCORRECT, f"{ORD_TYPE}={found[ORD_TYPE]}: 1 or 2")
    price = MARKET_PRICE if found[ORD_TYPE] == _MARKET else _scaled(found, PRICE, 4)
    return Request(
        action, key, **common, quantity=_scaled(found, ORDER_QTY, 0), price=price,
        time_in_force=found.get(TIME_IN_FORCE, "0"), display="N" if found.get(MAX_FLOOR) == "0" else "Y",
        capacity=_CAPACITIES.get(found.get(ORDER_CAPACITY), "A"),
        sweep="Y" if _SWEEP in found.get(EXEC_INST, "").split() else "N")


def _scaled(found: dict[int, str], tag: int, places: int) -> int:
    """The value times 10**places. Raises ``FieldError``."""
    require(found, tag)
    if not re.fullmatch(r"[0-9]+(\.[0-9]*)?", found[tag]):
        raise FieldError(tag, FORMAT, f"{tag}={found[tag]} is no number")
    value = Decimal(found[tag]).scaleb(places)
    if value != int(value):
        raise FieldError(tag, VALUE_INCORRECT, f"{tag}={found[tag]} has more than {places} decimal places")
    return int(value)


def _dollars(value: int) -> str:
    return f"{value // 10_000}.{value % 10_000:04d}"


class FixReporter(Reporter):
    """Members
    -------
    session : FixSession
    """

    def __init__(self, account: Account, session: FixSession, events: Events, clock: Callable[[], int]):
        self.session = session
        self._account, self._events, self._clock = account, events, clock
        self._used: set[str] = set()
        self._exec_ids: dict[tuple[str, int], int] = {}
        self._reports = 0

    @property
    def connection(self):
        return self.session.connection

    def fresh(self, request: Request) -> bool:
        return request.key not in self._used

    def consume(self, key: int | str) -> None:
        self._used.add(key)

    def ignored(self, request: Request, order: Order | None, why: str) -> None:
        self._events.note(self._account.name, PROTOCOL, f"{request.action.value} {request.key} rejected: {why}")
        if request.action is Action.ENTER:
            unentered = Order(self._account.name, request, request.side, request.symbol, request.quantity,
                              request.price)
            self.rejected(unentered, Refusal.DUPLICATE)
            return
        reason = _UNKNOWN_ORDER if order is None else _DUPLICATE if order.live else _TOO_LATE
        self._cancel_reject(request, order, reason, why)

    def accepted(self, order: Order) -> None:
        self._report("0", order)

    def rejected(self, order: Order, refusal: Refusal) -> None:
        self._report("8", order, (ORD_REJ_REASON, refusal.fix), (TEXT, refusal.text))

    def replaced(self, order: Order, original: Order) -> None:
        self._report("5", order, (ORIG_CL_ORD_ID, original.key))

    def replace_rejected(self, order: Order, original: Order, refusal: Refusal) -> None:
        self._cancel_reject(order.request, original, _BROKER, refusal.text)

    def executed(self, order: Order, trade: Trade, *, added: bool) -> None:
        self._exec_ids[order.key, trade.match] = self._reports + 1
        self._report("F", order, (LAST_QTY, trade.shares), (LAST_PX, _dollars(trade.price)))

    def canceled(self, order: Order, shares: int, reason: CancelReason, request: Request | None) -> None:
        if request:
            self._report("4", order, (ORIG_CL_ORD_ID, order.key), key=request.key)
        else:
            self._report("4", order, (TEXT, reason.name.lower()))

    def modified(self, order: Order) -> None:
        raise AssertionError("FIX 4.4 has no such request")

    def cancel_pending(self, order: Order, request: Request) -> None:
        self._report("6", order, (ORIG_CL_ORD_ID, order.key), key=request.key)

    def cancel_rejected(self, order: Order, request: Request) -> None:
        self._cancel_reject(request, order, _BROKER, "too late for the cross")

    def broken(self, order: Order, trade: Trade) -> None:
        self._report("H", order, (EXEC_REF_ID, self._exec_ids[order.key, trade.match]), (LAST_QTY, trade.shares),
                     (LAST_PX, _dollars(trade.price)))

    def end(self) -> None:
        """Nothing is said of orders."""

    def _status(self, order: Order, kind: str) -> str:
        if kind == "6" or not order.live:
            return kind if kind == "6" else _STATUS[order.status]
        return "1" if order.total_executed else "0"

    def _report(self, kind: str, order: Order, *pairs: tuple[int, object], key: str | None = None) -> None:
        """An execution report with that ExecType."""
        self._reports += 1
        done, notional = order.total_executed, order.notional_before + order.notional
        market = order.price == MARKET_PRICE
        self._say(
            "8", (ORDER_ID, order.reference or "NONE"), (CL_ORD_ID, key or order.key), (EXEC_ID, self._reports),
            (EXEC_TYPE, kind), (ORD_STATUS, self._status(order, kind)), (SYMBOL, order.symbol),
            (SIDE, _FIX_SIDES[order.side]), (ORDER_QTY, order.quantity), (ORD_TYPE, _MARKET if market else _LIMIT),
            *([] if market else [(PRICE, _dollars(order.price))]),
            (TIME_IN_FORCE, IOC if order.request.time_in_force == IOC else "0"), (LEAVES_QTY, order.remaining),
            (CUM_QTY, done), (AVG_PX, _dollars(round(notional / done)) if done else "0"),
            (TRANSACT_TIME, utc(self._clock())), *pairs)

    def _cancel_reject(self, request: Request, order: Order | None, reason: int, why: str) -> None:
        status = self._status(order, "") if order else "8"
        self._say("9", (ORDER_ID, (order.reference if order else 0) or "NONE"), (CL_ORD_ID, request.key),
                  (ORIG_CL_ORD_ID, request.target), (ORD_STATUS, status),
                  (CXL_REJ_RESPONSE_TO, _RESPONSE_TO[request.action]), (CXL_REJ_REASON, reason), (TEXT, why))

    def _say(self, code: str, *body: tuple[int, object]) -> None:
        number = self.session.say(code, *body)
        self._events.tell(self._account.name, "out", PROTOCOL, NAMES[code], sequence=number,
                          **{str(tag): value for tag, value in body})
