"""SoupBinTCP 3.00 and OUCH 5.0, from the exchange's side."""

from collections.abc import Iterator

from spec import ouch, soupbintcp, wire
from spec.config import Order as Session
from spec.records import Action

from .orders import Order, Wanted

_LENGTH = soupbintcp.HEADER["length"].length
_IOC = "3"
_REASON = 1  #: of rejects, OUCH 5.0, appendix: order is not in the quote window


class Ouch:
    """``parse`` takes octets as they come; the others return octets."""

    buys = frozenset("B")

    def __init__(self, session: Session):
        self._session = session
        self._heard = bytearray()
        self._match = 0

    def parse(self, octets: bytes) -> Iterator[Wanted]:
        """Raises ``ValueError`` for what is no client message of OUCH."""
        self._heard += octets
        while len(self._heard) >= soupbintcp.HEADER.length:
            header = wire.read(soupbintcp.HEADER, self._heard)
            end = _LENGTH + header["length"]
            if len(self._heard) < end:
                return
            message = bytes(self._heard[soupbintcp.HEADER.length : end])
            del self._heard[:end]
            if header["type"] == "U":
                yield self._wanted(message)

    @staticmethod
    def _wanted(message: bytes) -> Wanted:
        code = message[:1].decode("latin-1")
        if code not in ("O", "U", "X") or len(message) < ouch.CLIENT[code].length:
            raise ValueError(f"no OUCH message about an order: {message.hex()}")
        said = wire.read(ouch.CLIENT[code], message)
        number = said["user_ref_num"]
        if code == "X":
            return Wanted(Action.CANCEL, number, number)
        if code == "U":
            return Wanted(Action.REPLACE, number, said["original_user_ref_num"], quantity=said["quantity"],
                          price=said["price"])
        return Wanted(Action.ENTER, number, 0, said["side"], said["symbol"].strip(), said["quantity"], said["price"],
                      said["time_in_force"] != _IOC)

    @staticmethod
    def _sequenced(code: str, **values) -> bytes:
        message = wire.write(ouch.SERVER[code], **values)
        return wire.write(soupbintcp.HEADER, length=1 + len(message), type="S") + message

    def _live(self, code: str, order: Order, **values) -> bytes:
        session = self._session
        return self._sequenced(
            code, user_ref_num=order.number, side=order.side, quantity=order.quantity, symbol=order.symbol,
            price=order.price, time_in_force=session.time_in_force, display=session.display,
            order_reference=order.number, capacity=session.capacity, intermarket_sweep="N", cross_type="N", state="L",
            cl_ord_id=f"{session.cl_ord_id_prefix}{order.number:08X}", **values)

    def accepted(self, order: Order) -> bytes:
        return self._live("A", order)

    def replaced(self, order: Order, original: int) -> bytes:
        return self._live("U", order, original_user_ref_num=original)

    def executed(self, order: Order, shares: int) -> bytes:
        self._match += 1
        return self._sequenced("E", user_ref_num=order.number, quantity=shares, price=order.price, liquidity_flag="R",
                               match=self._match)

    def cancelled(self, order: Order, shares: int, wanted: Wanted) -> bytes:
        return self._sequenced("C", user_ref_num=order.number, quantity=shares, reason="I")

    def rejected(self, wanted: Wanted) -> bytes:
        return self._sequenced("J", user_ref_num=wanted.number, reason=_REASON)

    def cancel_rejected(self, wanted: Wanted) -> bytes:
        return self._sequenced("I", user_ref_num=wanted.target)
