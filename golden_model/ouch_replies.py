"""SoupBinTCP 3.00 and OUCH 5.0, the server's side of the session: octets in, replies out.

What the specifications leave open, and what is done:

- A packet is malformed when its length is 0, so that it has no type, or its type is none that a server sends.
- Sequenced data without an octet is no message; one of a type that risk understands, but shorter than its layout in
  ``spec.ouch``, lacks what risk needs; an execution at a price of 2**32 or more fits no record. All are malformed.
- Whatever follows a message's layout is its appendage, and is not looked at.
- A packet without fault in its first three octets is judged when it is whole.
- Login accepted, debug and heartbeat are for the host alone. Login rejected and end of session end the session.
"""

from collections.abc import Iterator

from spec import ouch, soupbintcp
from spec.records import Reply
from spec.wire import read_field

from .replies import Malformed, Packet, reply

_LENGTH = soupbintcp.HEADER["length"]
_TYPE = soupbintcp.HEADER["type"]
_SERVER_TYPES = {ord(code) for code in soupbintcp.SERVER}
_ENDS = {ord("J"), ord("Z")}
_DATA = ord("S")

#: How a message becomes a reply: kind, and which field of the message is which of the reply's.
_REPLIES: dict[str, tuple[Reply, dict[str, str]]] = {
    "A": (Reply.ACCEPTED, {"quantity": "quantity"}),
    "M": (Reply.ACCEPTED, {"quantity": "quantity"}),
    "U": (Reply.REPLACED, {"quantity": "quantity", "original": "original_user_ref_num"}),
    "E": (Reply.EXECUTED, {"quantity": "quantity", "price": "price"}),
    "C": (Reply.CANCELED, {"quantity": "quantity"}),
    "D": (Reply.CANCELED, {"quantity": "decrement_shares"}),
    "J": (Reply.REJECTED, {}),
    "I": (Reply.CANCEL_REJECTED, {}),
    "B": (Reply.BROKEN, {}),
}


class OuchReplies:
    """The server's octets, cut into packets.

    Members
    -------
    partial : bytes
        What follows the last whole packet.
    """

    def __init__(self):
        self.partial = b""

    def take(self, octets: bytes) -> Iterator[Packet]:
        """The packets that ``octets`` complete. Raises ``Malformed`` after the last good one."""
        self.partial += octets
        while len(self.partial) >= _LENGTH.end:
            end = _LENGTH.end + int.from_bytes(self.partial[: _LENGTH.end], "big")
            if end < _TYPE.end:
                raise Malformed("a packet without a type")
            if len(self.partial) < _TYPE.end:
                return
            if self.partial[_TYPE.offset] not in _SERVER_TYPES:
                raise Malformed(f"packet type {self.partial[_TYPE.offset]:#04x}")
            if len(self.partial) < end:
                return
            packet, self.partial = self.partial[:end], self.partial[end:]
            yield _read(packet)


def _read(packet: bytes) -> Packet:
    if packet[_TYPE.offset] in _ENDS:
        return Packet(packet, ends_session=True)
    if packet[_TYPE.offset] != _DATA:
        return Packet(packet)
    message = packet[_TYPE.end:]
    if not message:
        raise Malformed("a message without a type")
    code = chr(message[0])
    if code not in _REPLIES:
        return Packet(packet, unknown=True)
    kind, names = _REPLIES[code]
    layout = ouch.SERVER[code]
    if len(message) < layout.length:
        raise Malformed(f"{layout.name}: {len(message)} octets, expected {layout.length}")
    values = {name: read_field(layout[name], message) for name in ("user_ref_num", *names.values())}
    fields = {name: values[of] for name, of in names.items()}
    if fields.get("price", 0) >= 1 << 32:
        raise Malformed(f"an execution at {fields['price']}")
    return Packet(packet, reply(kind, values["user_ref_num"], **fields))
