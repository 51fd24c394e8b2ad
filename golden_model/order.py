"""order: approved decisions in, order frames out.

OUCH 5.0 enter order in a SoupBinTCP unsequenced data packet in TCP, IPv4 and Ethernet II. The host has opened the
session; sequence and reference numbers run on from the configuration's. Every frame carries one order, so that none
waits for another.
"""

from ipaddress import IPv4Address

from spec import ethernet, ouch, soupbintcp
from spec.config import Design
from spec.records import MAX_PAYLOAD, ORDER, Side
from spec.wire import Layout, write

from .checksum import checksum
from .counting import Counters

_MASK32 = (1 << 32) - 1
_TTL = 64


class Order:
    """The order stage.

    Members
    -------
    counters : dict[str, int]
        ``frames`` counts frames made; in hardware those that left, the same once TX is idle.
    """

    def __init__(self, design: Design):
        self.counters = Counters("order")
        session = self._session = design.order
        self._stocks = [symbol.stock for symbol in design.symbols]
        self._user_ref_num = session.user_ref_num
        self._tcp_sequence = session.tcp_sequence
        self._source = IPv4Address(session.source_address).packed
        self._destination = IPv4Address(session.destination_address).packed
        link = write(
            ethernet.ETHERNET, destination=bytes.fromhex(session.destination_mac.replace(":", "")),
            source=bytes.fromhex(session.source_mac.replace(":", "")), ethertype=ethernet.ETHERTYPE_IPV4)
        firm = session.firm.encode()
        # An option counts its tag and value, not its own length octet.
        self._appendage = bytes([1 + len(firm), ouch.OPTION_FIRM]) + firm if firm else b""
        # All orders are equally long, so these headers never change. SoupBinTCP counts its type but not its length.
        packet = soupbintcp.CLIENT["U"]
        self._payload_length = packet.length + ouch.CLIENT["O"].length + len(self._appendage)
        self._packet = write(packet, length=self._payload_length - packet["length"].length)
        self._headers = link + self._ipv4(ethernet.TCP.length + self._payload_length)

    def decision(self, d):
        """The ``Order`` that a ``Decision`` becomes, or None when it was refused."""
        if d.refusals:
            return None
        order = ORDER.tuple(d.message, self._user_ref_num, self._tcp_sequence,
                            int.from_bytes(self._payload(d), "little"))
        self._user_ref_num = self._user_ref_num + 1 & _MASK32
        self._tcp_sequence = self._tcp_sequence + self._payload_length & _MASK32
        self.counters["orders"] += 1
        return order

    def _payload(self, d) -> bytes:
        session = self._session
        enter_order = write(
            ouch.CLIENT["O"], user_ref_num=self._user_ref_num, side="B" if d.side == Side.BUY else "S",
            quantity=d.quantity, symbol=self._stocks[d.symbol], price=d.price, time_in_force=session.time_in_force,
            display=session.display, capacity=session.capacity, intermarket_sweep="N", cross_type="N",
            cl_ord_id=f"{session.cl_ord_id_prefix}{self._user_ref_num:08X}", appendage_length=len(self._appendage))
        return self._packet + enter_order + self._appendage

    def frame(self, order) -> bytes:
        """The whole Ethernet frame, without frame check sequence, that carries an ``Order``."""
        payload = order.payload.to_bytes(MAX_PAYLOAD, "little")[: self._payload_length]
        self.counters["frames"] += 1
        return (self._headers + self._tcp(order.tcp_sequence, payload)).ljust(ethernet.MIN_FRAME, b"\0")

    def _tcp(self, sequence: int, payload: bytes) -> bytes:
        session = self._session
        header = write(
            ethernet.TCP, source_port=session.source_port, destination_port=session.destination_port,
            sequence=sequence, acknowledgment=session.tcp_acknowledgment, offset_flags=ethernet.TCP_PSH_ACK,
            window=session.tcp_window)
        length = len(header) + len(payload)
        pseudo_header = self._source + self._destination + bytes([0, ethernet.PROTOCOL_TCP]) + length.to_bytes(2, "big")
        return _filled_in(ethernet.TCP, header, checksum(pseudo_header + header + payload)) + payload

    def _ipv4(self, payload_length: int) -> bytes:
        header = write(
            ethernet.IPV4, version_ihl=0x45, total_length=ethernet.IPV4.length + payload_length,
            flags_fragment=ethernet.IPV4_DONT_FRAGMENT, ttl=_TTL, protocol=ethernet.PROTOCOL_TCP,
            source=self._source, destination=self._destination)
        return _filled_in(ethernet.IPV4, header, checksum(header))


def _filled_in(layout: Layout, header: bytes, value: int) -> bytes:
    """``header`` with its checksum field, zero so far, set to ``value``."""
    field = layout["checksum"]
    return header[: field.offset] + value.to_bytes(field.length, "big") + header[field.end :]
