"""Frames for the feed bench, built by scapy from messages of the bench's own making."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import checksum

from spec import itch
from spec.config import Design

SESSION = b"SESSION001"
UNKNOWN = b"Z"  #: no ITCH 5.0 type
VLAN = 141
MIN_BLOCK, MIN_PAYLOAD = 13, 8


def message(rng: random.Random, code: str) -> bytes:
    """An ITCH message of type ``code`` with random contents."""
    return code.encode() + rng.randbytes(itch.MESSAGES[code].length - 1)


def random_messages(rng: random.Random, count: int) -> list[bytes]:
    return [message(rng, rng.choice([*itch.MESSAGES])) for _ in range(count)]


def blocks(messages: Sequence[bytes]) -> bytes:
    return b"".join(len(m).to_bytes(2, "big") + m for m in messages)


def ahead_of(message: bytes) -> dict[str, int]:
    """What ``Feed.ahead`` must say one cycle before ``message``: the members that it has octets for."""
    members = {"valid": 1, "add": int(message[:1] in b"AF"), "locate": int.from_bytes(message[1:3], "big")}
    for name, start in {"reference": 11, "new_reference": 19}.items():
        if len(message) >= start + 8:
            members[name] = int.from_bytes(message[start : start + 8], "big")
    return members


def mend_checksum(octets: bytes, ip: int) -> bytearray:
    """The frame with the checksum of the IPv4 header at ``ip`` put right."""
    octets = bytearray(octets)
    octets[ip + 10 : ip + 12] = bytes(2)
    octets[ip + 10 : ip + 12] = checksum(bytes(octets[ip : ip + 20])).to_bytes(2, "big")
    return octets


@dataclass
class Datagram:
    """A MoldUDP64 datagram in its frame. ``None`` means: what it should be."""

    design: Design
    sequence: int
    messages: Sequence[bytes] = ()
    vlan: bool = False
    count: int | None = None
    session: bytes = SESSION
    line: int = 0
    trailing: bytes = b""  #: UDP payload after the last message
    padding: bytes = b""  #: octets after the IPv4 datagram
    ethernet: dict = field(default_factory=dict)  #: scapy fields that differ
    ip: dict = field(default_factory=dict)
    udp: dict = field(default_factory=dict)

    def octets(self) -> bytes:
        to = self.design.feed.lines[self.line]
        count = len(self.messages) if self.count is None else self.count
        payload = (self.session.ljust(10) + self.sequence.to_bytes(8, "big") + count.to_bytes(2, "big")
                   + blocks(self.messages) + self.trailing)
        ether = Ether(dst="01:00:5e:36:0c:6f", src="02:54:57:00:00:03", **self.ethernet)
        ip = IP(**{"src": "198.51.100.1", "dst": to.address, "ttl": 21, "flags": "DF", **self.ip})
        udp = UDP(**{"sport": 26400, "dport": to.port, **self.udp})
        tag = Dot1Q(vlan=VLAN) if self.vlan else None
        return bytes((ether / tag if tag else ether) / ip / udp / Raw(payload)) + self.padding

    @property
    def blocks_at(self) -> int:
        """Offset in the frame of the first message block."""
        return 66 if self.vlan else 62
