"""ITCH messages wrapped as on the real wire: MoldUDP64 in UDP in IPv4 in Ethernet, several messages per datagram.

Sources: MoldUDP64 1.00, RFC 768, RFC 791, RFC 1071, IEEE 802.1Q. The shape (tag, flags, TTL, messages per datagram)
follows captures of the real feed: about half of the datagrams hold one message, the mean is 2.7, the most 38.
"""

import random
from bisect import bisect
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from itertools import accumulate

from spec import ethernet, itch, moldudp64, wire
from spec.config import Design

from .inputs import Frame, InputError, Message

VLAN = 141
SESSION = "TICKWIRE01"
MAX_PAYLOAD = 1400  #: UDP payload octets
_SOURCE_MAC = bytes.fromhex("025457000003")
_UNICAST_MAC = bytes.fromhex("025457000001")
_SOURCE = IPv4Address("198.51.100.1")  # RFC 5737, documentation
_TTL = 21
_PREFIX = moldudp64.MESSAGE_BLOCK.length
_TAG_AT = ethernet.ETHERNET["ethertype"].offset
_TIME = itch.HEADER["timestamp"]

_MAX_COUNT = 38
#: Cumulative share of datagrams with 1, 2, 3, ... messages: 48 % single, then geometric; mean 2.7.
_COUNTS = list(accumulate([0.48] + [0.52 * 0.306 * 0.694**i for i in range(_MAX_COUNT - 1)]))


def _folded(*parts: bytes) -> int:
    """Ones' complement sum of 16-bit words (RFC 1071). 2**16 is 1 modulo 0xFFFF, so one division folds all carries."""
    total = sum(int.from_bytes(part + b"\0" * (len(part) % 2), "big") for part in parts)
    return total % 0xFFFF or (0xFFFF if total else 0)


class Framer:
    """Builds the frames of one MoldUDP64 session on one line.

    Parameters
    ----------
    design
        Supplies address and port of ``line`` and the largest datagram that the core accepts.
    line
        Index into ``design.feed.lines``.
    vlan
        802.1Q VLAN identifier, or ``None`` for untagged frames.
    session
        MoldUDP64 session, up to 10 characters; the design's, where that is set.
    """

    def __init__(self, *, design: Design, line: int = 0, vlan: int | None = VLAN, session: str = ""):
        if not 0 <= line < len(design.feed.lines):
            raise ValueError(f"line must be below {len(design.feed.lines)}, not {line!r}")
        if vlan is not None and not 0 <= vlan < 4096:
            raise ValueError(f"vlan must be None or 0 to 4095, not {vlan!r}")
        to = design.feed.lines[line]
        address = to.address_octets
        multicast = 224 <= address[0] < 240
        mac = b"\x01\x00\x5e" + bytes([address[1] & 0x7F]) + address[2:] if multicast else _UNICAST_MAC
        link = wire.write(ethernet.ETHERNET, destination=mac, source=_SOURCE_MAC, ethertype=ethernet.ETHERTYPE_IPV4)
        if vlan is not None:
            tag = wire.write(ethernet.VLAN, tpid=ethernet.ETHERTYPE_VLAN, tci=vlan)
            link = link[:_TAG_AT] + tag + link[_TAG_AT:]
        self._link = link
        self._ip = wire.write(ethernet.IPV4, version_ihl=0x45, flags_fragment=ethernet.IPV4_DONT_FRAGMENT, ttl=_TTL,
                              protocol=ethernet.PROTOCOL_UDP, source=_SOURCE.packed, destination=address)
        self._udp = wire.write(ethernet.UDP, source_port=to.port, destination_port=to.port)
        self._pseudo = _SOURCE.packed + address + bytes([0, ethernet.PROTOCOL_UDP])
        self._session = (session or design.feed.session or SESSION).encode("latin-1").ljust(10)
        if len(self._session) != moldudp64.HEADER["session"].length:
            raise ValueError(f"session must be at most 10 characters, not {session!r}")
        self._identification = 0
        self.blocks_at = len(link) + len(self._ip) + len(self._udp) + moldudp64.HEADER.length
        """Position in the frame of the first message block."""

    def frame(self, sequence: int, count: int, blocks: bytes = b"") -> bytes:
        """The frame with MoldUDP64 header ``sequence`` and ``count`` before ``blocks``."""
        payload = self._session + sequence.to_bytes(8, "big") + count.to_bytes(2, "big") + blocks
        length = (len(self._udp) + len(payload)).to_bytes(2, "big")
        udp = bytearray(self._udp)
        udp[4:6] = length
        checksum = ~_folded(self._pseudo, length, udp, payload) & 0xFFFF or 0xFFFF
        udp[6:8] = checksum.to_bytes(2, "big")
        ip = bytearray(self._ip)
        ip[2:4] = (len(ip) + len(udp) + len(payload)).to_bytes(2, "big")
        ip[4:6] = self._identification.to_bytes(2, "big")
        self._identification = self._identification + 1 & 0xFFFF
        ip[10:12] = (~_folded(ip) & 0xFFFF).to_bytes(2, "big")
        octets = self._link + ip + udp + payload
        return octets if len(octets) >= ethernet.MIN_FRAME else octets.ljust(ethernet.MIN_FRAME, b"\0")

    def datagram(self, sequence: int, messages: Iterable[bytes]) -> bytes:
        """The frame that carries ``messages``, the first of which has ``sequence``."""
        blocks = [len(message).to_bytes(_PREFIX, "big") + message for message in messages]
        return self.frame(sequence, len(blocks), b"".join(blocks))

    def heartbeat(self, sequence: int) -> bytes:
        """A frame without messages; ``sequence`` is the next expected one."""
        return self.frame(sequence, moldudp64.HEARTBEAT)

    def end_of_session(self, sequence: int) -> bytes:
        """The frame that ends the session; ``sequence`` is the next expected one."""
        return self.frame(sequence, moldudp64.END_OF_SESSION)


def as_file(messages: Iterable[bytes]) -> Iterator[Message]:
    """``messages`` with the offsets that they would have in an ITCH file of their own."""
    offset = 0
    for octets in messages:
        yield Message(octets, offset)
        offset += _PREFIX + len(octets)


def frames(messages: Iterable[Message], *, design: Design, seed: int = 0, line: int = 0, vlan: int | None = VLAN,
           session: str = "", max_payload: int = MAX_PAYLOAD, bracket: bool = False) -> Iterator[Frame]:
    """Frames that carry ``messages`` in order, from ``design.feed.first_sequence``; the same ones for the same seed.

    A datagram holds messages that adjoin in their file. With ``bracket`` a heartbeat comes before the first and the end
    of session after the last. Where ``messages`` ends in an ``InputError``, what came before it is framed first.
    """
    framer = Framer(design=design, line=line, vlan=vlan, session=session)
    room = min(max_payload, design.feed.max_ip_length - ethernet.IPV4.length - ethernet.UDP.length)
    room -= moldudp64.HEADER.length
    if room < _PREFIX + itch.MAX_MESSAGE:
        raise ValueError(f"max_payload must have room for a message of {itch.MAX_MESSAGE} octets, not {max_payload!r}")
    draw = random.Random(seed).random
    sequence, at = design.feed.first_sequence, framer.blocks_at
    time = first = size = 0
    batch: list[bytes] = []
    wanted = 0

    def close() -> Frame:
        nonlocal sequence
        octets = framer.datagram(sequence, batch)
        sequence += len(batch)
        return Frame(octets, first - at, int.from_bytes(batch[-1][_TIME.offset : _TIME.end], "big"))

    fault = None
    try:
        for octets, offset in messages:
            if batch and (len(batch) == wanted or size + _PREFIX + len(octets) > room or offset != first + size):
                yield (done := close())
                time = done.time_ns
                batch = []
            if not batch:
                if bracket and sequence == design.feed.first_sequence:
                    time = int.from_bytes(octets[_TIME.offset : _TIME.end], "big")
                    yield Frame(framer.heartbeat(sequence), offset - at, time)
                first, size, wanted = offset, 0, 1 + bisect(_COUNTS, draw() * _COUNTS[-1])
            batch.append(octets)
            size += _PREFIX + len(octets)
    except InputError as error:
        fault = error
    if batch:
        yield (done := close())
        time = done.time_ns
    if fault is not None:
        raise fault
    if bracket:
        yield Frame(framer.end_of_session(sequence), first + size - at, time)
