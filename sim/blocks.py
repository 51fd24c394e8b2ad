"""The messages inside frames, and where each stands."""

from collections.abc import Iterator
from typing import NamedTuple

from spec import ethernet, moldudp64

_PREFIX = moldudp64.MESSAGE_BLOCK.length


class Block(NamedTuple):
    """Where a message stands: its sequence number, position of its first octet in the frame, and octets."""

    sequence: int
    position: int
    octets: bytes


def blocks(frame: bytes) -> Iterator[Block]:
    """The messages in a frame that is what ``Framer`` builds or the real wire carries; none in any other."""
    def uint(layout, name, base):
        field = layout[name]
        return int.from_bytes(frame[base + field.offset : base + field.end], "big")

    at = ethernet.ETHERNET.length
    kind = uint(ethernet.ETHERNET, "ethertype", 0)
    if kind == ethernet.ETHERTYPE_VLAN:
        kind = uint(ethernet.ETHERNET, "ethertype", ethernet.VLAN.length)
        at += ethernet.VLAN.length
    if kind != ethernet.ETHERTYPE_IPV4 or uint(ethernet.IPV4, "protocol", at) != ethernet.PROTOCOL_UDP:
        return
    end = min(len(frame), at + uint(ethernet.IPV4, "total_length", at))
    at += 4 * (uint(ethernet.IPV4, "version_ihl", at) & 15) + ethernet.UDP.length
    sequence, count = uint(moldudp64.HEADER, "sequence", at), uint(moldudp64.HEADER, "count", at)
    at += moldudp64.HEADER.length
    if count == moldudp64.END_OF_SESSION:
        return
    for number in range(sequence, sequence + count):
        length = uint(moldudp64.MESSAGE_BLOCK, "length", at)
        at += _PREFIX
        if at + length > end:
            return
        yield Block(number, at, frame[at : at + length])
        at += length
