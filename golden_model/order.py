"""order: approved decisions in, frames of the order session out.

OUCH 5.0 in SoupBinTCP unsequenced data packets, or FIX 4.4, in TCP, IPv4 and Ethernet II. The host has opened the
session; sequence numbers run on from the configuration's or a hand-over's. Every frame carries one message, so that
none waits for another. What the TCP header says of the connection is given with each.
"""

from ipaddress import IPv4Address
from typing import NamedTuple

from spec import ethernet, ouch, soupbintcp
from spec.config import Design
from spec.records import ORDER, Action
from spec.wire import Layout, write

from . import fix
from .checksum import checksum
from .counting import Counters
from .packed import struct_of

_MASK32 = (1 << 32) - 1
_TCP = struct_of(ethernet.TCP)
_TTL = 64
_WORD = 4  #: octets of a word of TCP's data offset
_ALL = 0  #: new intended size of an order that is cancelled (OUCH 5.0, section 2.3)


class Header(NamedTuple):
    """What the TCP header of a frame says of the connection. The port is told by ``begin``."""

    acknowledgment: int
    window: int
    ts_value: int = 0
    ts_echo: int = 0

    @classmethod
    def of(cls, design: Design) -> "Header":
        """As the session begins, with nothing received yet."""
        return cls(design.order.tcp_acknowledgment, min(design.session.receive_buffer, 0xFFFF))


class Order:
    """The order stage.

    Members
    -------
    counters : dict[str, int]
        ``frames`` and what follows it count frames made; in hardware those that left, the same once TX is idle.
    """

    def __init__(self, design: Design):
        self.counters = Counters("order")
        session = self._session = design.order
        self._stocks = [symbol.stock for symbol in design.symbols]
        self._port = session.source_port
        self._headers: dict[int, bytes] = {}  # IPv4's, by octets of TCP
        self._payloads: dict[int, bytes] = {}  # by TCP sequence number, until their frames are made
        self._source = IPv4Address(session.source_address).packed
        self._destination = IPv4Address(session.destination_address).packed
        self._link = write(
            ethernet.ETHERNET, destination=bytes.fromhex(session.destination_mac.replace(":", "")),
            source=bytes.fromhex(session.source_mac.replace(":", "")), ethertype=ethernet.ETHERTYPE_IPV4)
        firm = session.firm.encode()
        # An option counts its tag and value, not its own length octet.
        self._appendage = bytes([1 + len(firm), ouch.OPTION_FIRM]) + firm if firm else b""
        self.begin(session.tcp_sequence, session.fix.msg_seq_num)

    def name(self, symbol: int, stock: str) -> None:
        """The host says what a symbol stands for."""
        self._stocks[symbol] = stock

    def begin(self, tcp_sequence: int, msg_seq_num: int, source_port: int | None = None) -> None:
        """Go on with these numbers: the host has handed over a session."""
        self.tcp_sequence, self.msg_seq_num = tcp_sequence, msg_seq_num
        self._port = self._port if source_port is None else source_port

    def decision(self, d, *, header: Header):
        """The ``Order`` that a ``Decision`` becomes, or None when it was refused."""
        if d.refusals:
            return None
        if self._session.protocol == "fix":
            payload = fix.order(d, session=self._session, symbol=self._stocks[d.symbol], msg_seq_num=self.msg_seq_num)
        else:
            payload = _packet("U", self._ouch(d))
        self.counters["orders"] += 1
        return self._record(payload, header, (d.message, d.decision, 0, d.user_ref_num), d.time)

    def admin(self, admin, *, header: Header, time: int = 0):
        """The ``Order`` that an ``Admin`` becomes; ``time`` in ns since 1970."""
        kind = chr(admin.type)
        if self._session.protocol == "fix":
            text = admin.text.to_bytes(64, "little")[: admin.length]
            payload = fix.admin(kind, text, session=self._session, msg_seq_num=self.msg_seq_num, time=time)
        else:
            payload = _packet(kind)
        self.counters["admin"] += 1
        return self._record(payload, header, (0, 0, 1, 0), time)

    def frame(self, order) -> bytes:
        """The whole Ethernet frame, without frame check sequence, that carries an ``Order`` just made."""
        self.counters["frames"] += 1
        return self._frame(order.tcp_sequence, self._payloads.pop(order.tcp_sequence),
                           Header(*(getattr(order, name) for name in Header._fields)))

    def acknowledgment(self, header: Header, sequence: int | None = None) -> bytes:
        """The frame of a bare acknowledgment. ``sequence``: default, that of the next octet of payload."""
        self.counters["frames"] += 1
        self.counters["acknowledgments"] += 1
        return self._frame(self.tcp_sequence if sequence is None else sequence, b"", header)

    def again(self, sequence: int, payload: bytes, header: Header) -> bytes:
        """The frame that carries a segment once more."""
        self.counters["frames"] += 1
        self.counters["retransmissions"] += 1
        return self._frame(sequence, payload, header)

    def _record(self, payload: bytes, header: Header, which: tuple[int, ...], time: int):
        is_fix = self._session.protocol == "fix"
        order = ORDER.tuple(*which, *((self.msg_seq_num, time) if is_fix else (0, 0)), self.tcp_sequence, len(payload),
                            *header)
        self._payloads[self.tcp_sequence] = payload
        self.tcp_sequence = self.tcp_sequence + len(payload) & _MASK32
        self.msg_seq_num += is_fix
        return order

    def _ouch(self, d) -> bytes:
        session, appendage = self._session, self._appendage
        if d.action == Action.CANCEL:
            return write(ouch.CLIENT["X"], user_ref_num=d.target, quantity=_ALL)
        common = {
            "user_ref_num": d.user_ref_num, "quantity": d.quantity, "price": d.price,
            "time_in_force": session.time_in_force, "display": session.display, "intermarket_sweep": "N",
            "cl_ord_id": fix.cl_ord_id(session, d.user_ref_num),
        }
        if d.action == Action.REPLACE:  # keeps its order's firm: section 2.2 has no option to name one
            return write(ouch.CLIENT["U"], original_user_ref_num=d.target, **common)
        return write(ouch.CLIENT["O"], side="B" if not d.side else "T" if d.short else "S",
                     symbol=self._stocks[d.symbol], capacity=session.capacity, cross_type="N",
                     appendage_length=len(appendage), **common) + appendage

    def _frame(self, sequence: int, payload: bytes, header: Header) -> bytes:
        tcp = self._tcp(sequence, payload, header)
        return (self._link + self._ipv4(len(tcp)) + tcp).ljust(ethernet.MIN_FRAME, b"\0")

    def _tcp(self, sequence: int, payload: bytes, header: Header) -> bytes:
        session, options = self._session, b""
        if session.tcp_timestamps:
            options = (ethernet.TCP_TIMESTAMPS + header.ts_value.to_bytes(_WORD, "big")
                       + header.ts_echo.to_bytes(_WORD, "big"))
        words = (ethernet.TCP.length + len(options)) // _WORD
        # Push what has to be handed on; a bare acknowledgment has nothing.
        flags = ethernet.TCP_ACK | (ethernet.TCP_PSH if payload else 0)
        octets = _TCP.pack(self._port, session.destination_port, sequence, header.acknowledgment, words << 12 | flags,
                           header.window, 0, 0) + options
        length = len(octets) + len(payload)
        pseudo_header = self._source + self._destination + bytes([0, ethernet.PROTOCOL_TCP]) + length.to_bytes(2, "big")
        return _filled_in(ethernet.TCP, octets, checksum(pseudo_header + octets + payload)) + payload

    def _ipv4(self, payload_length: int) -> bytes:
        if header := self._headers.get(payload_length):
            return header
        header = write(
            ethernet.IPV4, version_ihl=0x45, total_length=ethernet.IPV4.length + payload_length,
            flags_fragment=ethernet.IPV4_DONT_FRAGMENT, ttl=_TTL, protocol=ethernet.PROTOCOL_TCP,
            source=self._source, destination=self._destination)
        header = self._headers[payload_length] = _filled_in(ethernet.IPV4, header, checksum(header))
        return header


def _packet(kind: str, message: bytes = b"") -> bytes:
    """A SoupBinTCP packet, which counts its type but not its length (SoupBinTCP 3.00, section 2)."""
    layout = soupbintcp.CLIENT[kind]
    return write(layout, length=layout.length - layout["length"].length + len(message)) + message


def _filled_in(layout: Layout, header: bytes, value: int) -> bytes:
    """``header`` with its checksum field, zero so far, set to ``value``."""
    field = layout["checksum"]
    return header[: field.offset] + value.to_bytes(field.length, "big") + header[field.end :]
