"""The exchange's end of the order session for the session bench: frames by scapy, packets by hand."""

import random
from dataclasses import dataclass, field

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from spec import fix, ouch
from spec.config import Design

MASK = (1 << 32) - 1
VLAN = 141


def ahead(of: int, that: int) -> int:
    """By how much sequence number ``that`` is ahead of ``of``."""
    distance = (that - of) & MASK
    return distance - (1 << 32) if distance >> 31 else distance


@dataclass
class Peer:
    """Makes segments; keeps what the core sent, each octet once and in order."""

    design: Design
    rng: random.Random
    sequence: int = field(init=False)  #: of the next new octet of ours
    acknowledged: int = field(init=False)  #: octets of ours that the core has acknowledged end here
    expected: int = field(init=False)  #: of the core
    received: bytes = field(init=False, default=b"")
    window: int = field(init=False, default=60_000)
    port: int = field(init=False)  #: the core's
    clock: int = field(init=False, default=1000)  #: our timestamps
    pieces: dict[int, bytes] = field(init=False, default_factory=dict)  #: received beyond a hole

    def __post_init__(self):
        order = self.design.order
        self.restart(order.tcp_acknowledgment, order.tcp_sequence, order.source_port)

    def restart(self, sequence: int, expected: int, port: int):
        self.sequence = self.acknowledged = sequence
        self.expected, self.port = expected, port
        self.pieces.clear()

    def segment(self, payload: bytes = b"", *, sequence: int | None = None, acknowledgment: int | None = None,
                flags: str = "A", window: int | None = None, vlan: bool | None = None, padding: bytes = b"",
                stamp: int | None = None, ip: dict | None = None, tcp: dict | None = None) -> bytes:
        """A frame with a segment, by default the next; ``sequence`` does not move."""
        order = self.design.order
        options = [("NOP", None), ("NOP", None), ("Timestamp", (self.clock if stamp is None else stamp, 0))]
        header = {
            "sport": order.destination_port, "dport": self.port, "flags": flags,
            "seq": self.sequence if sequence is None else sequence & MASK,
            "ack": self.expected if acknowledgment is None else acknowledgment & MASK,
            "window": (self.window if window is None else window) >> order.tcp_window_scale,
            "options": options if order.tcp_timestamps and stamp != -1 else [], **(tcp or {}),
        }
        ether = Ether(dst=order.source_mac, src=order.destination_mac)
        if self.rng.random() < 0.5 if vlan is None else vlan:
            ether = ether / Dot1Q(vlan=VLAN)
        packet = ether / IP(**{"src": order.destination_address, "dst": order.source_address, "flags": "DF",
                               **(ip or {})}) / TCP(**header)
        octets = bytes(packet / Raw(payload) if payload else packet)
        return octets + (padding or bytes(max(0, 60 - len(octets))))

    def send(self, payload: bytes, **options) -> bytes:
        """A frame with the next octets."""
        frame = self.segment(payload, **options)
        self.sequence = self.sequence + len(payload) & MASK
        return frame

    def take(self, frame: "Frame") -> bool:
        """A frame of the core; returns whether it wants an acknowledgment."""
        if ahead(self.acknowledged, frame.acknowledgment) > 0:
            self.acknowledged = frame.acknowledgment
        if not frame.payload:
            return ahead(self.expected, frame.sequence) < 0
        self.pieces[frame.sequence] = frame.payload
        moved = True
        while moved:
            moved = False
            for sequence, payload in list(self.pieces.items()):
                old = -ahead(self.expected, sequence)
                if old >= 0:
                    del self.pieces[sequence]
                    new = payload[old:]
                    self.received += new
                    self.expected = self.expected + len(new) & MASK
                    moved = True
        return True


@dataclass(frozen=True)
class Frame:
    """What the order stage would put on the wire."""

    cycle: int
    sequence: int
    acknowledgment: int
    window: int
    ts_value: int
    ts_echo: int
    port: int
    payload: bytes = b""
    again: bool = False
    sum: int = 0


def soup(kind: str, payload: bytes = b"") -> bytes:
    return (1 + len(payload)).to_bytes(2, "big") + kind.encode() + payload


def message(rng: random.Random, code: str, appendage: bytes = b"") -> bytes:
    """An OUCH server message with random contents; its price is lawful."""
    layout = ouch.SERVER[code]
    octets = bytearray(code.encode() + rng.randbytes(layout.length - 1))
    if "price" in layout:
        octets[layout["price"].offset : layout["price"].offset + 4] = bytes(4)
    return bytes(octets) + appendage


def packets(rng: random.Random, count: int) -> list[bytes]:
    """Random lawful packets."""
    made = []
    for _ in range(count):
        kind = rng.choice("SSSSSSSSSSH+A")
        if kind == "S":
            code = rng.choice([*ouch.SERVER, "?"])
            body = rng.randbytes(rng.randint(1, 40)) if code == "?" else message(rng, code)
            if code == "?":
                body = b"z" + body
            made.append(soup("S", body + rng.randbytes(rng.choice([0, 0, 0, 1, 6]))))
        else:
            made.append(soup(kind, b"" if kind == "H" else rng.randbytes(30)))
    return made


def fix_message(kind: str, sequence: int, *fields: tuple[int, str], begin: str = fix.BEGIN_STRING,
                length: int | None = None, checksum: int | None = None) -> bytes:
    """A FIX message of the exchange."""
    soh = fix.SOH
    body = b"".join(f"{tag}={value}".encode("latin-1") + soh for tag, value in (
        (35, kind), (49, "EXCHANGE"), (56, "TICKWIRE"), (34, str(sequence)), (52, "20260101-14:30:00.000"), *fields))
    head = f"8={begin}".encode() + soh + f"9={len(body) if length is None else length}".encode() + soh + body
    total = sum(head) % 256 if checksum is None else checksum
    return head + f"10={total:03}".encode() + soh
