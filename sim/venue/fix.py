"""FIX 4.4, from the exchange's side; simplefix reads and writes the messages."""

from collections.abc import Iterator
from decimal import Decimal

import simplefix

from spec import fix
from spec.config import Order as Session
from spec.records import Action

from .orders import Order, Wanted

_IOC = b"3"
_NUMBER_DIGITS = 8  #: of UserRefNum in ClOrdID
_ACTIONS = {b"D": Action.ENTER, b"G": Action.REPLACE, b"F": Action.CANCEL}


class Fix:
    """``parse`` takes octets as they come; the others return octets."""

    buys = frozenset("1")

    def __init__(self, session: Session):
        self._session = session
        self._parser = simplefix.FixParser()
        self._sequence = session.fix.expected_seq_num
        self._reports = 0

    def parse(self, octets: bytes) -> Iterator[Wanted]:
        """Raises ``ValueError`` for a message about an order that does not say what one must."""
        self._parser.append_buffer(octets)
        while message := self._parser.get_message():
            if (action := _ACTIONS.get(message.get(35))) is not None:
                try:
                    yield self._wanted(action, message)
                except (AttributeError, TypeError, ValueError, ArithmeticError):
                    raise ValueError(f"no FIX message about an order: {message}") from None

    @staticmethod
    def _wanted(action: Action, message) -> Wanted:
        return Wanted(
            action, _number(message.get(11)), _number(message.get(41) or b"0"), message.get(54).decode(),
            message.get(55).decode(), int(message.get(38)), int(Decimal((message.get(44) or b"0").decode()) * 10_000),
            message.get(59) != _IOC)

    def _message(self, code: str, number: int, *pairs: tuple[int, object]) -> bytes:
        session, message = self._session, simplefix.FixMessage()
        for tag, value in ((8, fix.BEGIN_STRING), (35, code), (49, session.fix.target_comp_id),
                           (56, session.fix.sender_comp_id), (34, self._sequence)):
            message.append_pair(tag, value, header=True)
        message.append_utc_timestamp(52, 0.0, header=True)
        message.append_pair(11, self._cl_ord_id(number))
        for tag, value in pairs:
            message.append_pair(tag, value)
        self._sequence += 1
        return message.encode()

    def _cl_ord_id(self, number: int) -> str:
        return f"{self._session.cl_ord_id_prefix}{number:08X}"

    def _report(self, kind: str, order: Order, *pairs: tuple[int, object], number: int | None = None) -> bytes:
        self._reports += 1
        return self._message(
            "8", order.number if number is None else number, (37, order.number), (17, self._reports), (150, kind),
            (39, "2" if kind == "F" else kind), (55, order.symbol), (54, order.side), (38, order.quantity),
            (151, order.remaining), (14, order.done), (6, 0), *pairs)

    def accepted(self, order: Order) -> bytes:
        return self._report("0", order)

    def replaced(self, order: Order, original: int) -> bytes:
        return self._report("5", order, (41, self._cl_ord_id(original)))

    def executed(self, order: Order, shares: int) -> bytes:
        return self._report("F", order, (32, shares), (31, f"{Decimal(order.price).scaleb(-4):f}"))

    def cancelled(self, order: Order, shares: int, wanted: Wanted) -> bytes:
        if wanted.action is Action.CANCEL:
            return self._report("4", order, (41, self._cl_ord_id(order.number)), number=wanted.number)
        return self._report("4", order)

    def rejected(self, wanted: Wanted) -> bytes:
        return self._report("8", Order.of(wanted))

    def cancel_rejected(self, wanted: Wanted) -> bytes:
        return self._message("9", wanted.number, (37, wanted.target), (41, self._cl_ord_id(wanted.target)), (39, 8),
                             (434, 1))


def _number(cl_ord_id: bytes) -> int:
    return int(cl_ord_id[-_NUMBER_DIGITS:], 16)
