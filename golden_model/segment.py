"""An Ethernet frame of the order session, judged and cut: Ethernet II, at most one 802.1Q tag, IPv4, TCP.

Sources: RFC 791 section 3.1, RFC 9293 section 3.1 (header), RFC 7323 section 3.2 (timestamps option).

The first check that fails names the counter of ``spec.counters.SESSION``; they stand in that order there. Octets behind
the IPv4 datagram are padding. Neither MAC address is looked at.
"""

from typing import NamedTuple

from spec.ethernet import ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_VLAN, IPV4, IPV4_FRAGMENT_MASK, PROTOCOL_TCP, TCP, VLAN

from .checksum import ones_complement_sum
from .packed import struct_of

_IPV4, _TCP = struct_of(IPV4), struct_of(TCP)
_PORTS = IPV4.length + TCP["destination_port"].end  #: octets of the datagram up to the ports' end
_LEAST = IPV4.length + TCP.length
_END_OF_OPTIONS, _NO_OPERATION, _TIMESTAMPS, _TIMESTAMPS_LENGTH = 0, 1, 8, 10


class Refused(Exception):
    """A frame that is dropped; ``args[0]`` is the name of its counter."""


class Connection(NamedTuple):
    """From peer to us."""

    source: bytes
    destination: bytes
    source_port: int
    destination_port: int


class Segment(NamedTuple):
    sequence: int
    acknowledgment: int
    window: int  #: the field, unscaled
    fin: bool
    syn: bool
    rst: bool
    ack: bool
    timestamps: tuple[int, int] | None  #: value and echo reply
    payload: bytes


def parse(frame: bytes, connection: Connection, max_ip_length: int, *, error: bool) -> Segment:
    """The segment in ``frame``. Raises ``Refused``.

    ``error``: the MAC flagged the frame at its last beat.
    """
    tagged = frame[12:14] == ETHERTYPE_VLAN.to_bytes(2, "big")
    link = ETHERNET.length + (VLAN.length if tagged else 0)
    datagram = bytes(frame[link:])
    if len(datagram) < _PORTS or frame[link - 2 : link] != ETHERTYPE_IPV4.to_bytes(2, "big"):
        raise Refused("frame_foreign")
    version_ihl, _, length, _, fragment, _, protocol, _, source, destination = _IPV4.unpack_from(datagram)
    ports = tuple(int.from_bytes(datagram[at : at + 2], "big") for at in (IPV4.length, IPV4.length + 2))
    if protocol != PROTOCOL_TCP or (source, destination, *ports) != connection:
        raise Refused("frame_foreign")
    if (version_ihl != 0x45 or fragment & IPV4_FRAGMENT_MASK
            or ones_complement_sum(datagram[: IPV4.length]) != 0xFFFF):
        raise Refused("frame_ip_header")
    if not _LEAST <= length <= min(len(datagram), max_ip_length):
        raise Refused("frame_length")
    octets = datagram[IPV4.length : length]
    _, _, sequence, acknowledgment, flags, window, _, _ = _TCP.unpack_from(octets)
    header = 4 * (flags >> 12)
    if not TCP.length <= header <= len(octets):
        raise Refused("frame_length")
    if error:
        raise Refused("frame_error")
    pseudo_header = source + destination + bytes([0, PROTOCOL_TCP]) + len(octets).to_bytes(2, "big")
    if ones_complement_sum(pseudo_header + octets) != 0xFFFF:
        raise Refused("frame_checksum")
    return Segment(sequence, acknowledgment, window, fin=bool(flags & 1), syn=bool(flags & 2),
                   rst=bool(flags & 4), ack=bool(flags & 16), timestamps=_timestamps(octets[TCP.length : header]),
                   payload=octets[header:])


def _timestamps(options: bytes) -> tuple[int, int] | None:
    at = 0
    while at < len(options) and options[at] != _END_OF_OPTIONS:
        if options[at] == _NO_OPERATION:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2 or at + length > len(options):  # no option can be told from the next any more
            return None
        if options[at] == _TIMESTAMPS and length == _TIMESTAMPS_LENGTH:
            value = options[at + 2 : at + length]
            return int.from_bytes(value[:4], "big"), int.from_bytes(value[4:], "big")
        at += length
    return None
