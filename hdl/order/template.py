"""What every order frame of a session has in common, worked out once when the design is elaborated.

OUCH 5.0 enter order (section 2.1) as SoupBinTCP unsequenced data (SoupBinTCP 3.00, 2.3.2) in one TCP segment
(RFC 9293, section 3.1), IPv4 (RFC 791, section 3.1) and Ethernet II. All addresses, ports, flags and lengths are
constants of the configuration. What differs from order to order stands in ``slots``.
"""

from ipaddress import IPv4Address

from spec import ethernet, ouch, soupbintcp, wire
from spec.config import Design

CL_ORD_ID_DIGITS = 8  #: hexadecimal digits of UserRefNum behind the prefix
PRICE_OCTETS = 4  #: the low octets of the price; the high ones are zero, since a record's price has 32 bits

_ENTER_ORDER = ouch.CLIENT["O"]


def ones_complement_sum(octets: bytes) -> int:
    """The 16-bit one's complement sum of RFC 1071, not inverted. An odd last octet is padded with zero."""
    octets += bytes(len(octets) % 2)
    total = sum(int.from_bytes(octets[i : i + 2], "big") for i in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class Template:
    """The order frame with zeros in every slot.

    Attributes
    ----------
    payload : bytes
        The SoupBinTCP packet.
    frame : bytes
        The whole frame without frame check sequence.
    slots : dict[str, range]
        Where in ``payload`` the octets of ``user_ref_num``, ``side``, ``quantity``, ``symbol``, ``price`` and
        ``digits`` stand.
    varying : list[int]
        Octets of ``frame`` that differ from order to order, ascending, without the TCP checksum.
    sequence, checksum : range
        Where in ``frame`` TCP's sequence number and checksum stand.
    segment : int
        Where in ``frame`` the TCP header begins.
    constant_sum : int
        One's complement sum of the pseudo-header and the segment with zeros in every slot.
    """

    def __init__(self, design: Design):
        self._order = design.order
        self.payload, self.slots = self._build_payload()
        network = self._build_network()
        self.segment = len(network)
        segment = self._build_segment()
        self.frame = network + segment
        start = len(self.frame) - len(self.payload)
        self.sequence = self._range(ethernet.TCP["sequence"], self.segment)
        self.checksum = self._range(ethernet.TCP["checksum"], self.segment)
        octets = set(self.sequence) | {start + i for slot in self.slots.values() for i in slot}
        self.varying = sorted(octets)
        pseudo_header = (self._address("source_address") + self._address("destination_address")
                         + bytes([0, ethernet.PROTOCOL_TCP]) + len(segment).to_bytes(2, "big"))
        self.constant_sum = ones_complement_sum(pseudo_header + segment)

    @staticmethod
    def _range(field: wire.Field, start: int) -> range:
        return range(start + field.offset, start + field.end)

    def _address(self, key: str) -> bytes:
        return IPv4Address(getattr(self._order, key)).packed

    def _build_payload(self) -> tuple[bytes, dict[str, range]]:
        order = self._order
        appendage = b""
        if order.firm:
            value = bytes([ouch.OPTION_FIRM]) + order.firm.encode()
            appendage = bytes([len(value)]) + value
        message = wire.write(
            _ENTER_ORDER, time_in_force=order.time_in_force, display=order.display, capacity=order.capacity,
            intermarket_sweep="N", cross_type="N", cl_ord_id=order.cl_ord_id_prefix + "\0" * CL_ORD_ID_DIGITS,
            side="\0", symbol="\0" * 8, appendage_length=len(appendage)) + appendage
        header = wire.write(soupbintcp.HEADER, length=1 + len(message), type="U")
        start = len(header)
        slots = {name: self._range(_ENTER_ORDER[name], start)
                 for name in ("user_ref_num", "side", "quantity", "symbol")}
        slots["price"] = self._range(_ENTER_ORDER["price"], start)[-PRICE_OCTETS:]
        first = start + _ENTER_ORDER["cl_ord_id"].offset + len(order.cl_ord_id_prefix)
        slots["digits"] = range(first, first + CL_ORD_ID_DIGITS)
        return header + message, slots

    def _build_network(self) -> bytes:
        order = self._order
        link = wire.write(ethernet.ETHERNET, destination=bytes.fromhex(order.destination_mac.replace(":", "")),
                          source=bytes.fromhex(order.source_mac.replace(":", "")), ethertype=ethernet.ETHERTYPE_IPV4)
        header = {
            "version_ihl": 0x45, "total_length": ethernet.IPV4.length + ethernet.TCP.length + len(self.payload),
            "flags_fragment": ethernet.IPV4_DONT_FRAGMENT, "ttl": 64, "protocol": ethernet.PROTOCOL_TCP,
            "source": self._address("source_address"), "destination": self._address("destination_address"),
        }
        checksum = 0xFFFF ^ ones_complement_sum(wire.write(ethernet.IPV4, **header))
        return link + wire.write(ethernet.IPV4, checksum=checksum, **header)

    def _build_segment(self) -> bytes:
        order = self._order
        return wire.write(
            ethernet.TCP, source_port=order.source_port, destination_port=order.destination_port,
            acknowledgment=order.tcp_acknowledgment, offset_flags=ethernet.TCP_PSH_ACK,
            window=order.tcp_window) + self.payload
