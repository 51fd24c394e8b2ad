"""Frames of the order session taken apart by the tables: Ethernet, IPv4, TCP, and SoupBinTCP with OUCH 5.0 or FIX."""

from typing import NamedTuple

from spec import ethernet, fix, ouch, soupbintcp, wire

_IPV4_AT = ethernet.ETHERNET.length
_TCP_AT = _IPV4_AT + ethernet.IPV4.length
_OPTIONS_AT = _TCP_AT + ethernet.TCP.length
_WORD = 4  #: octets


class Segment(NamedTuple):
    """What a frame carries of the connection."""

    sequence: int
    acknowledgment: int
    window: int
    ts_value: int  #: 0 without the timestamps option, as ``ts_echo``
    ts_echo: int
    payload_at: int  #: octet of the frame
    length: int  #: octets of payload


def segment(frame: bytes) -> Segment | None:
    """The TCP segment in a frame of ours; ``None`` if that is not whole."""
    if len(frame) < _OPTIONS_AT:
        return None
    tcp = wire.read(ethernet.TCP, frame[_TCP_AT:])
    end = _IPV4_AT + wire.read(ethernet.IPV4, frame[_IPV4_AT:])["total_length"]
    payload_at = _TCP_AT + _WORD * (tcp["offset_flags"] >> 12)
    if not _OPTIONS_AT <= payload_at <= end <= len(frame):
        return None
    options = frame[_OPTIONS_AT:payload_at]
    stamps = options[4:] if options.startswith(ethernet.TCP_TIMESTAMPS) else bytes(8)
    return Segment(tcp["sequence"], tcp["acknowledgment"], tcp["window"], int.from_bytes(stamps[:4], "big"),
                   int.from_bytes(stamps[4:8], "big"), payload_at, end - payload_at)


def name_octet(frame: bytes, at: int) -> str:
    """What octet ``at`` of a frame belongs to: ``octet 38 (TCP sequence)``."""
    layers = [(0, ethernet.ETHERNET), (_IPV4_AT, ethernet.IPV4), (_TCP_AT, ethernet.TCP)]
    if whole := segment(frame):
        if _OPTIONS_AT <= at < whole.payload_at:
            return f"octet {at} (TCP options)"
        if at >= whole.payload_at + whole.length:
            return f"octet {at} (padding)"
        if frame.startswith(f"8={fix.BEGIN_STRING}".encode(), whole.payload_at):
            return f"octet {at} (FIX tag {_tag(frame[whole.payload_at :], at - whole.payload_at)})"
        message_at = whole.payload_at + soupbintcp.HEADER.length
        layers.append((whole.payload_at, soupbintcp.HEADER))
        if message := ouch.CLIENT.get(chr(frame[message_at])) if message_at < len(frame) else None:
            layers.append((message_at, message))
    for start, layout in reversed(layers):
        for field in layout.fields:
            if start + field.offset <= at < start + field.end:
                return f"octet {at} ({layout.name} {field.name})"
    return f"octet {at} (appendage)"


def _tag(message: bytes, at: int) -> str:
    start = message.rfind(fix.SOH, 0, at) + 1
    return message[start : message.find(b"=", start)].decode(errors="replace")
