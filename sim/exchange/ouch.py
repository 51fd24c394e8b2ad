"""OUCH 5.0, the venue's side: requests out of a client's messages, and the messages that answer them.

Every server message is sequenced (OUCH 5.0, 1.1). What the venue does not answer, as the specification wants it:

- A new order whose UserRefNum is not above the last one used is a retransmission and ignored; so is a replacement.
- A replacement, cancel or modification of an order that is not live is ignored.
- A replacement that is ignored, or whose details are invalid, does not use its UserRefNum up; a rejected one does.

UserRefIdx (option 28) is echoed like every option, but does not open a second range of numbers.
"""

from collections.abc import Callable

from spec import ouch, wire

from .accounts import Account, Reporter
from .connection import Malformed
from .events import Events
from .orders import Action, CancelReason, Order, Refusal, Request, Trade

DAY_NS = 86_400_000_000_000
ADDED, REMOVED = "A", "R"  #: liquidity flags (OUCH 5.0, 3.6)
START_OF_DAY, END_OF_DAY = "S", "E"  #: system events (3.1)
PROTOCOL = "ouch"


def parse(payload: bytes) -> tuple[Request, dict]:
    """The request in an unsequenced packet, and its fields by name. Raises ``Malformed``."""
    code = chr(payload[0]) if payload else ""
    layout = ouch.CLIENT.get(code)
    if layout is None:
        raise Malformed(f"OUCH message type {code!r}")
    if len(payload) < layout.length:
        raise Malformed(f"{layout.name} of {len(payload)} octets, expected {layout.length}")
    said, appendage = wire.read(layout, payload), payload[layout.length :]
    if len(appendage) != said.get("appendage_length", len(appendage)) or not _are_options(appendage, code):
        raise Malformed(f"{layout.name} with an appendage of {len(appendage)} octets that is none")
    number = said["user_ref_num"]
    if code in "XM":
        action = Action.CANCEL if code == "X" else Action.MODIFY
        return Request(action, number, number, side=said.get("side", ""), quantity=said["quantity"]), said
    common = {"quantity": said["quantity"], "price": said["price"], "time_in_force": said["time_in_force"],
              "display": said["display"], "intermarket_sweep": said["intermarket_sweep"],
              "cl_ord_id": said["cl_ord_id"].rstrip(), "appendage": appendage}
    if code == "U":
        return Request(Action.REPLACE, number, said["original_user_ref_num"], **common), said
    return Request(Action.ENTER, number, side=said["side"], symbol=said["symbol"].rstrip(), capacity=said["capacity"],
                   cross_type=said["cross_type"], **common), said


def _are_options(appendage: bytes, code: str) -> bool:
    """[length:1][tag:1][value] repeated; of a cancel or modify, also with a length of 2 octets before."""
    if code in "XM" and len(appendage) >= 2 and int.from_bytes(appendage[:2], "big") == len(appendage) - 2:
        appendage = appendage[2:]
    while appendage:
        length = appendage[0]
        if length < 1 or len(appendage) < 1 + length:
            return False
        appendage = appendage[1 + length :]
    return True


class OuchReporter(Reporter):
    """Members
    -------
    messages : list[bytes]
        The sequenced messages: number n is ``messages[n - 1]`` (SoupBinTCP 3.00, 1.2).
    """

    invalid_replace_cancels = True

    def __init__(self, account: Account, events: Events, clock: Callable[[], int]):
        self.messages: list[bytes] = []
        self._account, self._events, self._clock = account, events, clock
        self._last = 0  # UserRefNum used
        self._say("S", event=START_OF_DAY)

    def fresh(self, request: Request) -> bool:
        return request.key > self._last

    def consume(self, key: int | str) -> None:
        self._last = key

    def ignored(self, request: Request, order: Order | None, why: str) -> None:
        self._events.note(self._account.name, PROTOCOL, f"{request.action.value} {request.key} ignored: {why}")

    def accepted(self, order: Order) -> None:
        self._live("A", order, order.quantity)

    def replaced(self, order: Order, original: Order) -> None:
        self._live("U", order, order.remaining, original_user_ref_num=original.key)

    def rejected(self, order: Order, refusal: Refusal) -> None:
        self._say("J", user_ref_num=order.key, reason=refusal.ouch, cl_ord_id=order.request.cl_ord_id)

    def replace_rejected(self, order: Order, original: Order, refusal: Refusal) -> None:
        self.rejected(order, refusal)

    def executed(self, order: Order, trade: Trade, *, added: bool) -> None:
        self._say("E", user_ref_num=order.key, quantity=trade.shares, price=trade.price,
                  liquidity_flag=ADDED if added else REMOVED, match=trade.match)

    def canceled(self, order: Order, shares: int, reason: CancelReason, request: Request | None) -> None:
        self._say("C", user_ref_num=order.key, quantity=shares, reason=reason.value)

    def modified(self, order: Order) -> None:
        self._say("M", user_ref_num=order.key, side=order.side, quantity=order.remaining)

    def end(self) -> None:
        self._say("S", event=END_OF_DAY)

    def _live(self, code: str, order: Order, quantity: int, **values) -> None:
        asked = order.request
        self._say(code, user_ref_num=order.key, side=order.side, quantity=quantity, symbol=order.symbol,
                  price=order.price, time_in_force=asked.time_in_force, display=asked.display,
                  order_reference=order.reference, capacity=order.capacity,
                  intermarket_sweep=asked.intermarket_sweep, cross_type=order.cross_type, state="L",
                  cl_ord_id=asked.cl_ord_id, appendage=asked.appendage, **values)

    def _say(self, code: str, *, appendage: bytes = b"", **values) -> None:
        layout = ouch.SERVER[code]
        if "appendage_length" in layout:
            values["appendage_length"] = len(appendage)
        message = wire.write(layout, timestamp=self._clock() % DAY_NS, **values) + appendage
        self.messages.append(message)
        self._events.tell(self._account.name, "out", PROTOCOL, layout.name, sequence=len(self.messages), **values)
        if self._account.connection:
            self._account.connection.message(message)
