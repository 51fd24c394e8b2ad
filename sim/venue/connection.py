"""The exchange's end of an established TCP connection over a wire that loses nothing (RFC 9293)."""

from collections.abc import Iterable
from ipaddress import IPv4Address

from golden_model.checksum import checksum
from sim.order_frames import segment
from spec import ethernet, wire
from spec.config import Order

_MASK32 = (1 << 32) - 1
_SEGMENT = 1400  #: octets of payload at most
_WORD = 4  #: octets
_FIRST_STAMP = 1


class Connection:
    """Octets out of the core's frames, and octets into frames for it.

    Parameters
    ----------
    order : spec.config.Order
        Addresses, and numbers at hand-over.

    Members
    -------
    waiting : bytearray
        Octets to be sent: append to it.
    """

    def __init__(self, order: Order):
        self._order = order
        self.waiting = bytearray()
        self._next = self._acknowledged = order.tcp_acknowledgment  # octet to send; by the core
        self._expected = self._told = order.tcp_sequence  # octet; as the core has been told
        self._window = 0
        self._stamp, self._echo = _FIRST_STAMP, 0
        self._link = wire.write(
            ethernet.ETHERNET, ethertype=ethernet.ETHERTYPE_IPV4, destination=_mac(order.source_mac),
            source=_mac(order.destination_mac))
        self._source, self._destination = (
            IPv4Address(address).packed for address in (order.destination_address, order.source_address))

    def take(self, frames: Iterable[bytes]) -> bytes:
        """The octets that frames of the core bring, in order; those received before are dropped.

        Raises ``ValueError`` for a frame that holds no TCP segment.
        """
        octets = bytearray()
        for frame in frames:
            part = segment(frame)
            if part is None:
                raise ValueError(f"no TCP segment: {frame.hex()}")
            self._acknowledged, self._window, self._echo = part.acknowledgment, part.window, part.ts_value
            if part.length and part.sequence == self._expected:
                octets += frame[part.payload_at : part.payload_at + part.length]
                self._expected = self._expected + part.length & _MASK32
        return bytes(octets)

    def frames(self) -> list[bytes]:
        """What goes to the core now: as much as its window takes; an acknowledgment at least, if one is owed."""
        room = self._window - (self._next - self._acknowledged & _MASK32)
        made = []
        while self.waiting and room > 0:
            part = bytes(self.waiting[: min(_SEGMENT, room)])
            del self.waiting[: len(part)]
            made.append(self._frame(part))
            self._next = self._next + len(part) & _MASK32
            room -= len(part)
        if not made and self._told != self._expected:
            made.append(self._frame(b""))
        self._told = self._expected
        return made

    def _frame(self, payload: bytes) -> bytes:
        order, options = self._order, b""
        if order.tcp_timestamps:
            options = ethernet.TCP_TIMESTAMPS + wire_word(self._stamp) + wire_word(self._echo)
            self._stamp = self._stamp + 1 & _MASK32
        words = (ethernet.TCP.length + len(options)) // _WORD
        tcp = wire.write(
            ethernet.TCP, source_port=order.destination_port, destination_port=order.source_port, sequence=self._next,
            acknowledgment=self._expected, offset_flags=words << 12 | ethernet.TCP_PSH_ACK & 0xFFF,
            window=order.tcp_window) + options
        length = len(tcp) + len(payload)
        pseudo_header = self._source + self._destination + bytes([0, ethernet.PROTOCOL_TCP]) + length.to_bytes(2, "big")
        tcp = _filled_in(ethernet.TCP, tcp, checksum(pseudo_header + tcp + payload))
        ip = wire.write(
            ethernet.IPV4, version_ihl=0x45, total_length=ethernet.IPV4.length + length, ttl=64,
            flags_fragment=ethernet.IPV4_DONT_FRAGMENT, protocol=ethernet.PROTOCOL_TCP, source=self._source,
            destination=self._destination)
        frame = self._link + _filled_in(ethernet.IPV4, ip, checksum(ip)) + tcp + payload
        return frame.ljust(ethernet.MIN_FRAME, b"\0")


def wire_word(value: int) -> bytes:
    return value.to_bytes(_WORD, "big")


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _filled_in(layout: wire.Layout, header: bytes, value: int) -> bytes:
    """``header`` with its checksum field, zero so far, set to ``value``."""
    field = layout["checksum"]
    return header[: field.offset] + value.to_bytes(field.length, "big") + header[field.end :]
