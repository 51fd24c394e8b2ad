"""TCP segments as Ethernet frames, and what the rig reads of those that pass."""

from ipaddress import IPv4Address
from typing import NamedTuple

from golden_model.checksum import checksum
from spec import config, ethernet, wire

_IPV4_AT = ethernet.ETHERNET.length
_PROTOCOL_AT = _IPV4_AT + ethernet.IPV4["protocol"].offset
_TCP_AT = _IPV4_AT + ethernet.IPV4.length
_OPTIONS_AT = _TCP_AT + ethernet.TCP.length
_FLAGS = 0x3F
_TTL = 64


class End(NamedTuple):
    mac: str
    address: str
    port: int


def ends(order: config.Order, source_port: int) -> tuple[End, End]:
    """The core's and the exchange's."""
    return (End(order.source_mac, order.source_address, source_port),
            End(order.destination_mac, order.destination_address, order.destination_port))


def segment(source: End, destination: End, payload: bytes = b"", *, sequence: int, acknowledgment: int, window: int,
            timestamps: tuple[int, int] | None = None) -> bytes:
    """A frame with PSH and ACK; ``window`` is the field, ``timestamps`` value and echo reply."""
    options = b""
    if timestamps:
        options = ethernet.TCP_TIMESTAMPS + b"".join(value.to_bytes(4, "big") for value in timestamps)
    words = (ethernet.TCP.length + len(options)) // 4
    tcp = wire.write(
        ethernet.TCP, source_port=source.port, destination_port=destination.port, sequence=sequence,
        acknowledgment=acknowledgment, offset_flags=words << 12 | ethernet.TCP_PSH_ACK & _FLAGS, window=window)
    tcp += options + payload
    addresses = b"".join(IPv4Address(end.address).packed for end in (source, destination))
    ip = wire.write(
        ethernet.IPV4, version_ihl=0x45, total_length=ethernet.IPV4.length + len(tcp), ttl=_TTL,
        flags_fragment=ethernet.IPV4_DONT_FRAGMENT, protocol=ethernet.PROTOCOL_TCP, source=addresses[:4],
        destination=addresses[4:])
    link = wire.write(ethernet.ETHERNET, destination=_mac(destination), source=_mac(source),
                      ethertype=ethernet.ETHERTYPE_IPV4)
    pseudo_header = addresses + bytes([0, ethernet.PROTOCOL_TCP]) + len(tcp).to_bytes(2, "big")
    frame = link + _filled_in(ethernet.IPV4, ip, ip) + _filled_in(ethernet.TCP, tcp, pseudo_header + tcp)
    return frame.ljust(ethernet.MIN_FRAME, b"\0")


def is_tcp(frame: bytes) -> bool:
    return (len(frame) >= _OPTIONS_AT and frame[_PROTOCOL_AT] == ethernet.PROTOCOL_TCP
            and wire.read_field(ethernet.ETHERNET["ethertype"], frame) == ethernet.ETHERTYPE_IPV4)


def destination_port(frame: bytes) -> int:
    return wire.read_field(ethernet.TCP["destination_port"], frame[_TCP_AT:])


def acknowledgment_of(frame: bytes) -> int:
    return wire.read_field(ethernet.TCP["acknowledgment"], frame[_TCP_AT:])


def sequence_of(frame: bytes) -> int:
    return wire.read_field(ethernet.TCP["sequence"], frame[_TCP_AT:])


def ts_value(frame: bytes) -> int:
    """As Linux writes the option on an established connection; 0 without it."""
    options = frame[_OPTIONS_AT:]
    return int.from_bytes(options[4:8], "big") if options.startswith(ethernet.TCP_TIMESTAMPS) else 0


def _mac(end: End) -> bytes:
    return bytes.fromhex(end.mac.replace(":", ""))


def _filled_in(layout: wire.Layout, octets: bytes, summed: bytes) -> bytes:
    """``octets`` with their checksum field, zero so far, set to that of ``summed``."""
    field = layout["checksum"]
    return octets[: field.offset] + checksum(summed).to_bytes(field.length, "big") + octets[field.end :]


def payload_of(frame: bytes) -> bytes:
    end = _IPV4_AT + wire.read_field(ethernet.IPV4["total_length"], frame[_IPV4_AT:])
    words = wire.read_field(ethernet.TCP["offset_flags"], frame[_TCP_AT:]) >> 12
    return frame[_TCP_AT + 4 * words : end]
