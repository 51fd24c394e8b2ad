"""The exchange's end of the order session, put together octet by octet so that everything can be wrong."""

from golden_model.checksum import checksum
from spec import fix, ouch, soupbintcp, wire

EXCHANGE, CORE = bytes([206, 200, 121, 231]), bytes([10, 49, 247, 1])  #: addresses of the ``small`` preset
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def segment(payload: bytes = b"", *, sequence: int = 1, acknowledgment: int = 1, flags: int = PSH | ACK,
            window: int = 65535, options: bytes = b"", tag: bytes = b"", ethertype: int = 0x0800,
            version_ihl: int = 0x45, fragment: int = 0x4000, protocol: int = 6, source: bytes = EXCHANGE,
            destination: bytes = CORE, source_port: int = 8003, destination_port: int = 42354,
            ip_length: int | None = None, header_words: int | None = None, ip_checksum_error: int = 0,
            checksum_error: int = 0) -> bytes:
    """An Ethernet frame with a TCP segment to the core, right in every field that is not told otherwise."""
    words = 5 + len(options) // 4 if header_words is None else header_words
    tcp = bytearray(source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big")
                    + (sequence % 2**32).to_bytes(4, "big") + (acknowledgment % 2**32).to_bytes(4, "big")
                    + (words << 12 | flags).to_bytes(2, "big") + window.to_bytes(2, "big") + bytes(4) + options
                    + payload)
    pseudo_header = source + destination + bytes([0, protocol]) + len(tcp).to_bytes(2, "big")
    tcp[16:18] = (checksum(pseudo_header + tcp) ^ checksum_error).to_bytes(2, "big")
    ip = bytearray(20)
    ip[0], ip[8], ip[9] = version_ihl, 59, protocol
    ip[2:4] = (20 + len(tcp) if ip_length is None else ip_length).to_bytes(2, "big")
    ip[6:8], ip[12:16], ip[16:20] = fragment.to_bytes(2, "big"), source, destination
    ip[10:12] = (checksum(bytes(ip)) ^ ip_checksum_error).to_bytes(2, "big")
    link = bytes.fromhex("025457000001 025457000002")
    return (link + tag + ethertype.to_bytes(2, "big") + bytes(ip + tcp)).ljust(60, b"\0")


def timestamps(value: int, echo: int = 0) -> bytes:
    return bytes([1, 1, 8, 10]) + value.to_bytes(4, "big") + echo.to_bytes(4, "big")


def soup(code: str, payload: bytes = b"") -> bytes:
    """A SoupBinTCP packet."""
    return (1 + len(payload)).to_bytes(2, "big") + code.encode() + payload


def message(code: str, *, appendage: bytes = b"", **values) -> bytes:
    """An OUCH 5.0 server message as sequenced data."""
    layout = ouch.SERVER[code]
    if "appendage_length" in layout:
        values["appendage_length"] = len(appendage)
    return soup("S", wire.write(layout, **values) + appendage)


def logged_in() -> bytes:
    return wire.write(soupbintcp.SERVER["A"], length=31, session="SESSION", sequence="1")


def fields(*pairs: tuple[int, object]) -> bytes:
    return b"".join(b"%d=%s\x01" % (tag, value if isinstance(value, bytes) else str(value).encode())
                    for tag, value in pairs)


def fix_message(kind: str, number: int, *pairs: tuple[int, object]) -> bytes:
    """A FIX message of the counterparty."""
    body = fields((35, kind), (49, "EXCHANGE"), (56, "TICKWIRE"), (34, number), (52, "20261126-09:30:00.123"), *pairs)
    return fix_framed(body)


def fix_framed(body: bytes) -> bytes:
    head = fields((8, fix.BEGIN_STRING), (9, len(body))) + body
    return head + b"10=%03d\x01" % (sum(head) % 256)
