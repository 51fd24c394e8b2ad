"""Order frames taken apart by the tables: Ethernet, IPv4, TCP, SoupBinTCP, OUCH 5.0."""

from typing import NamedTuple

from spec import ethernet, ouch, soupbintcp, wire

_ENTER = ouch.CLIENT["O"]
_LAYERS = []  #: (octet of the frame at which it begins, layout)
_at = 0
for _layout in (ethernet.ETHERNET, ethernet.IPV4, ethernet.TCP, soupbintcp.HEADER, _ENTER):
    _LAYERS.append((_at, _layout))
    _at += _layout.length
PAYLOAD_AT, _ENTER_AT = _LAYERS[-2][0], _LAYERS[-1][0]  #: octet of the frame where the TCP payload begins


class DecodedOrder(NamedTuple):
    """An enter-order message as it left on TX. ``price`` in 1/10 000 dollar."""

    user_ref_num: int
    side: str
    quantity: int
    symbol: str
    price: int
    cl_ord_id: str
    tcp_sequence: int


def decode(frame: bytes) -> DecodedOrder | None:
    """The order in a frame, or ``None`` if the frame holds no OUCH enter order where one belongs."""
    if len(frame) < _ENTER_AT + _ENTER.length or frame[_ENTER_AT : _ENTER_AT + 1] != b"O":
        return None
    order = wire.read(_ENTER, frame[_ENTER_AT:])
    tcp = wire.read(ethernet.TCP, frame[_LAYERS[2][0] :])
    return DecodedOrder(order["user_ref_num"], order["side"], order["quantity"], order["symbol"].strip(),
                        order["price"], order["cl_ord_id"].strip(), tcp["sequence"])


def name_octet(at: int) -> str:
    """What octet ``at`` of an order frame belongs to: ``octet 38 (TCP sequence)``."""
    for start, layout in reversed(_LAYERS):
        for field in layout.fields:
            if start + field.offset <= at < start + field.end:
                return f"octet {at} ({layout.name} {field.name})"
    return f"octet {at} (appendage)"
