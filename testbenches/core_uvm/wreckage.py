"""Frames and message blocks with one thing wrong each, named by the feed counter that must notice."""

from collections.abc import Callable

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from spec import moldudp64


def _changed(layer, checksums: bool = True, **fields) -> Callable[[bytes], bytes]:
    """Set ``fields`` of ``layer``; the IPv4 header checksum is made good again unless it is what is to be wrong."""
    def wreck(octets: bytes) -> bytes:
        frame = Ether(octets)
        for name, value in fields.items():
            frame[layer].setfieldval(name, value)
        if checksums:
            del frame[IP].chksum
        return bytes(frame)
    return wreck


def _ethertype(octets: bytes) -> bytes:
    frame = Ether(octets)
    (frame[Dot1Q] if Dot1Q in frame else frame[Ether]).type = 0x86DD
    return bytes(frame)


def _other_session(octets: bytes) -> bytes:
    at = len(octets) - len(bytes(Ether(octets)[UDP].payload))
    return octets[:at] + b"ANOTHER   " + octets[at + 10 :]


FRAMES: dict[str, Callable[[bytes], bytes]] = {
    "frame_ethertype": _ethertype,
    "frame_ip_header": _changed(IP, checksums=False, chksum=0x1234),
    "frame_ip_header version": _changed(IP, version=6),
    "frame_ip_fragment": _changed(IP, flags="MF"),
    "frame_ip_protocol": _changed(IP, proto=6),
    "frame_ip_length": _changed(IP, len=47),
    "frame_address": _changed(IP, dst="233.54.12.112"),
    "frame_address port": _changed(UDP, dport=26478),
    "frame_udp_length": _changed(UDP, len=60),
    "frame_session": _other_session,
    "frame_runt": lambda octets: octets[:40],
    "frame_truncated": lambda octets: octets[:70],
}


def block(message: bytes) -> bytes:
    """The MoldUDP64 message block that holds ``message``."""
    return len(message).to_bytes(moldudp64.MESSAGE_BLOCK.length, "big") + message


def blocks(message: bytes) -> dict[str, bytes]:
    """Last blocks of a datagram."""
    return {
        "block_short": block(message[: moldudp64.MIN_MESSAGE - 1]),
        "block_overrun": block(message)[:-3],
        "message_length": block(message + b"\0"),
        "unknown type": block(b"z" + message[1:]),
    }
