"""order: approved decisions in, order frames out.

OUCH 5.0 enter order in a SoupBinTCP unsequenced data packet in TCP, IPv4 and Ethernet II. The host has opened the
session; sequence and reference numbers run on from the configuration's. Every frame carries one order, so that none
waits for another.
"""

from functools import partial
from ipaddress import IPv4Address

from spec import ethernet, ouch, soupbintcp
from spec.config import Design
from spec.records import MAX_PAYLOAD, ORDER, Side
from spec.wire import write

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
        self._ethernet = write(
            ethernet.ETHERNET, destination=bytes.fromhex(session.destination_mac.replace(":", "")),
            source=bytes.fromhex(session.source_mac.replace(":", "")), ethertype=ethernet.ETHERTYPE_IPV4)
        firm = session.firm.encode()
        # An option counts its tag and value, not its own length octet.
        self._appendage = bytes([1 + len(firm), ouch.OPTION_FIRM]) + firm if firm else b""
        #: Octets of every payload.
        self._payload_length = soupbintcp.HEADER.length + ouch.CLIENT["O"].length + len(self._appendage)
        assert self._payload_length <= MAX_PAYLOAD

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
        packet = soupbintcp.CLIENT["U"]
        length = packet.length - packet["length"].length + len(enter_order) + len(self._appendage)
        return write(packet, length=length) + enter_order + self._appendage

    def frame(self, order) -> bytes:
        """The whole Ethernet frame, without frame check sequence, that carries an ``Order``."""
        payload = order.payload.to_bytes(MAX_PAYLOAD, "little")[: self._payload_length]
        segment = self._tcp(order.tcp_sequence, payload)
        self.counters["frames"] += 1
        frame = self._ethernet + self._ipv4(len(segment)) + segment
        return frame.ljust(ethernet.MIN_FRAME, b"\0")

    def _tcp(self, sequence: int, payload: bytes) -> bytes:
        session = self._session
        header = partial(
            write, ethernet.TCP, source_port=session.source_port, destination_port=session.destination_port,
            sequence=sequence, acknowledgment=session.tcp_acknowledgment, offset_flags=ethernet.TCP_PSH_ACK,
            window=session.tcp_window)
        length = ethernet.TCP.length + len(payload)
        pseudo_header = self._source + self._destination + bytes([0, ethernet.PROTOCOL_TCP]) + length.to_bytes(2, "big")
        return header(checksum=checksum(pseudo_header + header() + payload)) + payload

    def _ipv4(self, payload_length: int) -> bytes:
        header = partial(
            write, ethernet.IPV4, version_ihl=0x45, total_length=ethernet.IPV4.length + payload_length,
            flags_fragment=ethernet.IPV4_DONT_FRAGMENT, ttl=_TTL, protocol=ethernet.PROTOCOL_TCP,
            source=self._source, destination=self._destination)
        return header(checksum=checksum(header()))
