"""pcap and pcapng: streaming readers, and a pcap writer.

Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.

Written here because the replay needs what the libraries drop: exact nanoseconds (dpkt divides into floats), the file
offset of each frame, every section and interface, and a named error instead of silence where the file is cut. Held
against tshark and scapy in the tests.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from .octets import Frame, Source

ETHERNET = 1  #: link type
MAX_CAPTURED = 1 << 18  #: octets; libpcap's own limit, beyond which a length is taken for corruption
_PCAP = {  # magic -> byte order, ns per unit of the stamp's fraction
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
_SECTION, _INTERFACE, _PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_SECTION_OCTETS = _SECTION.to_bytes(4, "big")  # a palindrome: the same in both byte orders
_OPTION_END, _OPTION_RESOLUTION, _OPTION_OFFSET = 0, 9, 14
_MAX_BLOCK = 1 << 24
KINDS = {magic: "pcap" for magic in _PCAP} | {_SECTION_OCTETS: "pcapng"}


def _check_link(source: Source, link: int, offset: int) -> None:
    if link != ETHERNET:
        raise source.error(f"expected Ethernet frames (link type {ETHERNET}), not link type {link}", offset)


def _read_pcap(source: Source) -> Iterator[Frame]:
    header = source.take(24, "a pcap file header")
    order, unit = _PCAP[header[:4]]
    _check_link(source, struct.unpack_from(order + "I", header, 20)[0] & 0xFFFF, 20)
    record = struct.Struct(order + "IIII")
    while not source.ended():
        offset = source.offset
        seconds, fraction, captured, _ = record.unpack(source.take(record.size, "a packet header"))
        if not 1 <= captured <= MAX_CAPTURED:
            raise source.error(f"expected a captured length of 1 to {MAX_CAPTURED}, not {captured}", offset + 8)
        if fraction * unit >= 1_000_000_000:
            raise source.error(f"expected less than a second in a stamp's fraction, not {fraction}", offset + 4)
        offset = source.offset
        yield Frame(source.take(captured, "a frame"), offset, seconds * 1_000_000_000 + fraction * unit)


class _Clock:
    """Stamps of one pcapng interface in ns. Finer ones are rounded down."""

    def __init__(self, options: dict[int, bytes], order: str):
        resolution = options.get(_OPTION_RESOLUTION, b"\x06")[0]
        self._per_second = (2 if resolution & 0x80 else 10) ** (resolution & 0x7F)
        offset = options.get(_OPTION_OFFSET)
        self._offset = struct.unpack(order + "q", offset)[0] * 1_000_000_000 if offset else 0

    def ns(self, high: int, low: int) -> int:
        return (high << 32 | low) * 1_000_000_000 // self._per_second + self._offset


def _options(octets: bytes, order: str) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 4 <= len(octets):
        code, length = struct.unpack_from(order + "HH", octets, at)
        if code == _OPTION_END:
            break
        found[code] = octets[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
    return found


def _read_pcapng(source: Source) -> Iterator[Frame]:
    order, clocks, snap = "<", [], 0
    while not source.ended():
        start = source.offset
        head = source.take(8, "a block header")
        if head[:4] == _SECTION_OCTETS:
            mark = source.peek(4)
            if mark not in (b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"):
                raise source.error(f"expected a byte-order mark, not {mark.hex(' ')}")
            order, clocks = "<" if mark[0] == 0x4D else ">", []
        kind, length = struct.unpack(order + "II", head)
        if length % 4 or not 12 <= length <= _MAX_BLOCK:
            raise source.error(f"expected a block length of 12, 16, ... {_MAX_BLOCK}, not {length}", start + 4)
        body = source.take(length - 12, "a block")
        trailer = struct.unpack(order + "I", source.take(4, "a block length"))[0]
        if trailer != length:
            raise source.error(f"expected the block length {length} again, not {trailer}", source.offset - 4)
        try:
            if kind == _INTERFACE:
                link, snap = struct.unpack_from(order + "HxxI", body)
                _check_link(source, link, start + 8)
                clocks.append(_Clock(_options(body[8:], order), order))
                continue
            if kind == _ENHANCED_PACKET:
                interface, high, low, captured = struct.unpack_from(order + "IIII", body)
                first = 20
            elif kind == _PACKET:
                interface, high, low, captured = struct.unpack_from(order + "HxxIII", body)
                first = 20
            elif kind == _SIMPLE_PACKET:  # has no stamp
                interface, high, low, first = 0, 0, 0, 4
                captured = min(struct.unpack_from(order + "I", body)[0], snap or MAX_CAPTURED)
            else:
                continue
        except (struct.error, IndexError):
            raise source.error(f"expected a longer block of type {kind}, not {length} octets", start) from None
        if interface >= len(clocks):
            raise source.error(f"expected a described interface, not number {interface}", start + 8)
        if not 1 <= captured <= len(body) - first:
            raise source.error(f"expected a captured length of 1 to {len(body) - first}, not {captured}", start)
        yield Frame(body[first : first + captured], start + 8 + first, clocks[interface].ns(high, low))


READERS = {"pcap": _read_pcap, "pcapng": _read_pcapng}


class PcapWriter:
    """A capture with nanosecond stamps, little-endian. A context manager."""

    def __init__(self, path: str | Path):
        self._file = open(path, "wb")
        self._file.write(struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, MAX_CAPTURED, ETHERNET))

    def write(self, octets: bytes, time_ns: int) -> None:
        seconds, fraction = divmod(time_ns, 1_000_000_000)
        self._file.write(struct.pack("<IIII", seconds, fraction, len(octets), len(octets)) + octets)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.close()
