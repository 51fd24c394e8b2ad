"""Designs, messages, records and frames for the golden model's tests.

Frames are put together here octet by octet, so that every header field can be wrong; ``test_feed`` holds a good one
against scapy.
"""

from itertools import count

from golden_model.checksum import checksum
from golden_model.decode import decode_record
from spec import itch, wire
from spec.config import Design, preset
from spec.records import INTENT, MESSAGE, UPDATE

SESSION = b"SESSION001"


def small(**sections) -> Design:
    """The ``small`` preset, validated anew with sections (or their keys) replaced."""
    data = preset("small").model_dump()
    for name, value in sections.items():
        data[name] = {**data[name], **value} if isinstance(value, dict) else value
    return Design.model_validate(data)


def tiny(**sections) -> Design:
    """Two symbols at $2.00 and $3.00 with their locates 1 and 2, a table of 34 orders and a ladder of 16 levels."""
    symbols = [{"stock": "ONE", "reference": 20_000, "locate": 1}, {"stock": "TWO", "reference": 30_000, "locate": 2}]
    book = {"tables": 2, "buckets": 16, "ways": 1, "spill": 2, "levels": 16, "min_orders_per_symbol": 1,
            "assume_trading": True}
    return small(symbols=symbols, **{"book": {**book, **sections.pop("book", {})}, **sections})


def itch_message(code: str, locate: int = 1, **values) -> bytes:
    """One ITCH message, by default about the symbol with locate 1."""
    return wire.write(itch.MESSAGES[code], locate=locate, **values)


class Recorder:
    """Makes ``Message`` records as the feed would, numbered in order."""

    def __init__(self):
        self._numbers = count()

    def __call__(self, octets: bytes, gap: int = 0):
        number = next(self._numbers)
        return MESSAGE.tuple(number, number + 1, gap, int.from_bytes(octets, "little"))


def octets_of(record) -> bytes:
    """The octets of a ``Message`` record, without padding."""
    octets = record.octets.to_bytes(itch.MAX_MESSAGE, "little")
    return octets[: itch.MESSAGES[chr(octets[0])].length]


def type_of(record) -> str:
    return decode_record(record).type.decode()


def update(**values):
    """An ``Update`` whose fields are zero unless given; both sides known, tradable, of type A."""
    fields = dict.fromkeys(UPDATE.tuple._fields, 0)
    return UPDATE.tuple(**{**fields, "type": ord("A"), "bid_known": 1, "ask_known": 1, "tradable": 1, **values})


def intent(**values):
    """An ``Intent`` to buy 100 at the reference of $1.00 unless told otherwise."""
    fields = dict.fromkeys(INTENT.tuple._fields, 0)
    return INTENT.tuple(**{**fields, "quantity": 100, "price": 10_000, "reference": 10_000, "tradable": 1,
                           **values})


def block(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


def mold(messages=(), *, sequence: int = 1, count: int | None = None, session: bytes = SESSION) -> bytes:
    """A MoldUDP64 packet; ``count`` is that of ``messages`` unless told otherwise."""
    count = len(messages) if count is None else count
    return session + sequence.to_bytes(8, "big") + count.to_bytes(2, "big") + b"".join(map(block, messages))


def frame(payload: bytes, *, tag: bytes = b"", ethertype: int = 0x0800, version_ihl: int = 0x45, flags: int = 0x4000,
          protocol: int = 17, destination: bytes = bytes([233, 54, 12, 111]), port: int = 26477,
          ip_length: int | None = None, udp_length: int | None = None, checksum_error: int = 0) -> bytes:
    """An Ethernet frame around a UDP payload, right in every field that is not told otherwise."""
    ip_length = 28 + len(payload) if ip_length is None else ip_length
    udp_length = ip_length - 20 if udp_length is None else udp_length
    ip = bytearray(20)
    ip[0], ip[8], ip[9] = version_ihl, 21, protocol
    ip[2:4], ip[6:8] = ip_length.to_bytes(2, "big"), flags.to_bytes(2, "big")
    ip[12:16], ip[16:20] = bytes([206, 200, 1, 1]), destination
    ip[10:12] = (checksum(bytes(ip)) ^ checksum_error).to_bytes(2, "big")
    udp = (4000).to_bytes(2, "big") + port.to_bytes(2, "big") + udp_length.to_bytes(2, "big") + bytes(2)
    link = bytes([1, 0, 0x5E, 0x36, 12, 111]) + bytes([2, 0, 0, 0, 0, 3])
    return link + tag + ethertype.to_bytes(2, "big") + bytes(ip) + udp + payload


VLAN_141 = bytes([0x81, 0x00, 0x00, 0x8D])


def datagram(*messages: bytes, **mold_values) -> bytes:
    """A good frame with these messages."""
    return frame(mold(messages, **mold_values))


def nonzero(counters: dict) -> dict:
    return {name: value for name, value in counters.items() if value}
