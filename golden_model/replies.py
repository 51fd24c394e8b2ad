"""What a parser of the exchange's octets says of each packet, whatever the protocol."""

from typing import NamedTuple

from spec.records import REPLY, Reply


class Malformed(Exception):
    """What came is no packet of the protocol: nothing after it can be understood."""


class Packet(NamedTuple):
    """A SoupBinTCP packet or FIX message, whole and well-formed."""

    octets: bytes  #: from its first octet to its last, as they came
    reply: tuple | None = None  #: ``ExchangeReply`` for risk
    unknown: bool = False  #: an application message that means nothing to risk
    out_of_sequence: bool = False  #: FIX: another MsgSeqNum than expected; for the host only
    ends_session: bool = False


def reply(kind: Reply, user_ref_num: int, *, original: int = 0, quantity: int = 0, all: bool = False, price: int = 0):
    return REPLY.tuple(int(kind), user_ref_num, original, quantity, int(all), price)
