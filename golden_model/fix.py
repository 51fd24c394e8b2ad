"""FIX 4.4 messages from the tables of ``spec.fix``."""

from datetime import UTC, datetime, timedelta

from spec import fix
from spec.config import Order as Session
from spec.records import Action

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MESSAGES = {
    Action.ENTER: fix.NEW_ORDER_SINGLE, Action.REPLACE: fix.ORDER_CANCEL_REPLACE_REQUEST,
    Action.CANCEL: fix.ORDER_CANCEL_REQUEST,
}


def timestamp(ns: int) -> str:
    """UTCTimestamp of ``ns`` since 1970, cut to milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=ns // 1_000_000)
    return f"{moment:%Y%m%d-%H:%M:%S}.{moment.microsecond // 1000:03d}"


def price(value: int) -> str:
    """1/10 000 dollar in dollars: two places where the last two of four are zero."""
    dollars, rest = divmod(value, 10_000)
    return f"{dollars}.{rest // 100:02d}" if rest % 100 == 0 else f"{dollars}.{rest:04d}"


def order(decision, *, session: Session, symbol: str, msg_seq_num: int) -> bytes:
    """An approved decision as a message."""
    side = "buy" if not decision.side else "short" if decision.short else "sell"
    values = {
        "cl_ord_id": cl_ord_id(session, decision.user_ref_num), "symbol": symbol, "side": fix.SIDES[side],
        "orig_cl_ord_id": cl_ord_id(session, decision.target), "quantity": str(decision.quantity),
        "price": price(decision.price), "time_in_force": session.time_in_force,
        "capacity": fix.CAPACITIES[session.capacity],
    }
    fields = [(tag.number, tag.value.format(**values) if tag.value.startswith("{") and tag.value[1:-1] in values
               else tag.value) for tag in _MESSAGES[Action(decision.action)]]
    return _message(fields, session, msg_seq_num, decision.time)


def admin(kind: str, text: bytes, *, session: Session, msg_seq_num: int, time: int) -> bytes:
    """A session message: ``text`` holds whole fields, each with its SOH."""
    header = [(tag.number, kind if tag.number == 35 else tag.value) for tag in fix.NEW_ORDER_SINGLE[:7]]
    return _message([*header, (10, "")], session, msg_seq_num, time, text)


def cl_ord_id(session: Session, user_ref_num: int) -> str:
    return f"{session.cl_ord_id_prefix}{user_ref_num:08X}"


def _message(fields: list[tuple[int, str]], session: Session, msg_seq_num: int, time: int, text: bytes = b"") -> bytes:
    """Header values, BodyLength and CheckSum filled in; ``text`` stands before the trailer."""
    values = {
        "{sender_comp_id}": session.fix.sender_comp_id, "{target_comp_id}": session.fix.target_comp_id,
        "{msg_seq_num}": str(msg_seq_num), "{time}": timestamp(time),
    }
    begin, _, *body, _ = [(number, values.get(value, value)) for number, value in fields]
    octets = b"".join(map(_field, body)) + text
    whole = _field(begin) + _field((9, str(len(octets)))) + octets
    return whole + _field((10, f"{sum(whole) % 256:03d}"))


def _field(field: tuple[int, str]) -> bytes:
    number, value = field
    return f"{number}={value}".encode() + fix.SOH
