"""FIX 4.4 orders: requests out of a counterparty's messages, and execution reports and cancel rejects for it.

Source: FIX 4.4 with errata 20030618, volume 4. OrderQty of a replacement counts what its order has executed; LeavesQty
is what is open; CumQty and AvgPx go on over replacements.
"""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal

from .accounts import Account, Reporter
from .events import Events
from .fix_message import require, utc
from .fix_session import FixSession
from .fix_tags import (
    CANCEL_REJECT,
    CANCEL_REQUEST,
    EXECUTION_REPORT,
    FORMAT,
    NAMES,
    NEW_ORDER,
    PROTOCOL,
    REPLACE_REQUEST,
    VALUE_INCORRECT,
    FieldError,
    Tag,
)
from .orders import IOC, MARKET_PRICE, Action, CancelReason, Order, Refusal, Request, Status, Trade

_SIDES = {"1": "B", "2": "S", "5": "T", "6": "E"}
_FIX_SIDES = {ours: theirs for theirs, ours in _SIDES.items()}
_MARKET, _LIMIT = "1", "2"
_SWEEP = "f"  #: ExecInst
_CAPACITIES = {"A": "A", "P": "P", "R": "R"}
_TOO_LATE, _UNKNOWN_ORDER, _BROKER, _DUPLICATE = 0, 1, 2, 6  #: CxlRejReason
_STATUS = {Status.FILLED: "2", Status.CANCELED: "4", Status.REPLACED: "5", Status.REJECTED: "8"}
_RESPONSE_TO = {Action.CANCEL: "1", Action.REPLACE: "2"}
_ABOUT = (Tag.CL_ORD_ID, Tag.SYMBOL, Tag.SIDE, Tag.TRANSACT_TIME)
_REQUIRED = {
    NEW_ORDER: (*_ABOUT, Tag.ORDER_QTY, Tag.ORD_TYPE),
    CANCEL_REQUEST: (*_ABOUT, Tag.ORIG_CL_ORD_ID),
    REPLACE_REQUEST: (*_ABOUT, Tag.ORIG_CL_ORD_ID, Tag.ORDER_QTY, Tag.ORD_TYPE),
}
ACTIONS = {NEW_ORDER: Action.ENTER, CANCEL_REQUEST: Action.CANCEL, REPLACE_REQUEST: Action.REPLACE}


def parse(code: str, found: dict[int, str]) -> Request:
    """The request in a D, F or G. Raises ``FieldError``."""
    require(found, *_REQUIRED[code])
    _one_of(found, Tag.SIDE, _SIDES)
    key, action = found[Tag.CL_ORD_ID], ACTIONS[code]
    common = {"target": found.get(Tag.ORIG_CL_ORD_ID, ""), "side": _SIDES[found[Tag.SIDE]],
              "symbol": found[Tag.SYMBOL], "cl_ord_id": key}
    if action is Action.CANCEL:
        return Request(action, key, **common)
    _one_of(found, Tag.ORD_TYPE, (_MARKET, _LIMIT))
    price = MARKET_PRICE if found[Tag.ORD_TYPE] == _MARKET else _scaled(found, Tag.PRICE, 4)
    return Request(
        action, key, **common, quantity=_scaled(found, Tag.ORDER_QTY, 0), price=price,
        time_in_force=found.get(Tag.TIME_IN_FORCE, "0"), display="N" if found.get(Tag.MAX_FLOOR) == "0" else "Y",
        capacity=_CAPACITIES.get(found.get(Tag.ORDER_CAPACITY), "A"),
        intermarket_sweep="Y" if _SWEEP in found.get(Tag.EXEC_INST, "").split() else "N")


def _one_of(found: dict[int, str], tag: Tag, legal: Iterable[str]) -> None:
    """Raises ``FieldError`` for another value."""
    if found[tag] not in legal:
        raise FieldError(tag, VALUE_INCORRECT, f"{tag:d}={found[tag]}: expected {', '.join(legal)}")


def _scaled(found: dict[int, str], tag: Tag, places: int) -> int:
    """The value times 10**places. Raises ``FieldError``."""
    require(found, tag)
    if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{0,9})?", found[tag]):
        raise FieldError(tag, FORMAT, f"{tag:d}={found[tag]} is no number")
    value = Decimal(found[tag]).scaleb(places)
    if value != int(value):
        raise FieldError(tag, VALUE_INCORRECT, f"{tag:d}={found[tag]} has more than {places} decimal places")
    return int(value)


def _dollars(value: int) -> str:
    return f"{value // 10_000}.{value % 10_000:04d}"


class FixReporter(Reporter):
    """Members
    -------
    session : FixSession
    """

    def __init__(self, account: Account, comp_id: str, events: Events, clock: Callable[[], int]):
        self.session = FixSession(account, comp_id, clock)
        self._account, self._events, self._clock = account, events, clock
        self._used: set[str] = set()
        self._reports = 0

    def fresh(self, request: Request) -> bool:
        return request.key not in self._used

    def consume(self, key: int | str) -> None:
        self._used.add(key)

    def ignored(self, request: Request, order: Order | None, why: str) -> None:
        self._events.note(self._account.name, PROTOCOL, f"{request.action.value} {request.key} rejected: {why}")
        if request.action is Action.ENTER:
            unentered = Order(self._account, request, request.side, request.symbol, request.quantity, request.price)
            self.rejected(unentered, Refusal.DUPLICATE)
            return
        reason = _UNKNOWN_ORDER if order is None else _DUPLICATE if order.live else _TOO_LATE
        self._cancel_reject(request, order, reason, why)

    def accepted(self, order: Order) -> None:
        self._report("0", order)

    def rejected(self, order: Order, refusal: Refusal) -> None:
        self._report("8", order, (Tag.ORD_REJ_REASON, refusal.fix), (Tag.TEXT, refusal.text))

    def replaced(self, order: Order, original: Order) -> None:
        self._report("5", order, (Tag.ORIG_CL_ORD_ID, original.key))

    def replace_rejected(self, order: Order, original: Order, refusal: Refusal) -> None:
        self._cancel_reject(order.request, original, _BROKER, refusal.text)

    def executed(self, order: Order, trade: Trade, *, added: bool) -> None:
        self._report("F", order, (Tag.LAST_QTY, trade.shares), (Tag.LAST_PX, _dollars(trade.price)))

    def canceled(self, order: Order, shares: int, reason: CancelReason, request: Request | None) -> None:
        if request:
            self._report("4", order, (Tag.ORIG_CL_ORD_ID, order.key), key=request.key)
        else:
            self._report("4", order, (Tag.TEXT, reason.name.lower()))

    def modified(self, order: Order) -> None:
        raise AssertionError("FIX 4.4 has no such request")

    def end(self) -> None:
        """Nothing is said of orders."""

    @staticmethod
    def _status(order: Order) -> str:
        """OrdStatus."""
        return _STATUS[order.status] if not order.live else "1" if order.total_executed else "0"

    def _report(self, kind: str, order: Order, *pairs: tuple[Tag, object], key: str | None = None) -> None:
        """An execution report with that ExecType."""
        self._reports += 1
        done, notional = order.total_executed, order.notional_before + order.notional
        market = order.price == MARKET_PRICE
        self._say(
            EXECUTION_REPORT, (Tag.ORDER_ID, order.reference or "NONE"), (Tag.CL_ORD_ID, key or order.key),
            (Tag.EXEC_ID, self._reports), (Tag.EXEC_TYPE, kind), (Tag.ORD_STATUS, self._status(order)),
            (Tag.SYMBOL, order.symbol), (Tag.SIDE, _FIX_SIDES[order.side]), (Tag.ORDER_QTY, order.quantity),
            (Tag.ORD_TYPE, _MARKET if market else _LIMIT), *([] if market else [(Tag.PRICE, _dollars(order.price))]),
            (Tag.TIME_IN_FORCE, IOC if order.request.time_in_force == IOC else "0"),
            (Tag.LEAVES_QTY, order.remaining), (Tag.CUM_QTY, done),
            (Tag.AVG_PX, _dollars(round(notional / done)) if done else "0"),
            (Tag.TRANSACT_TIME, utc(self._clock())), *pairs)

    def _cancel_reject(self, request: Request, order: Order | None, reason: int, why: str) -> None:
        self._say(
            CANCEL_REJECT, (Tag.ORDER_ID, (order.reference if order else 0) or "NONE"), (Tag.CL_ORD_ID, request.key),
            (Tag.ORIG_CL_ORD_ID, request.target), (Tag.ORD_STATUS, self._status(order) if order else "8"),
            (Tag.CXL_REJ_RESPONSE_TO, _RESPONSE_TO[request.action]), (Tag.CXL_REJ_REASON, reason), (Tag.TEXT, why))

    def _say(self, code: str, *body: tuple[Tag, object]) -> None:
        number = self.session.say(code, *body)
        self._events.tell(self._account.name, "out", PROTOCOL, NAMES[code], sequence=number,
                          **{f"{tag:d}": value for tag, value in body})
