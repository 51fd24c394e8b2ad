"""Readers: every format and byte order, damage at every offset, and real captures against tshark and scapy."""

import gzip
import io
import shutil
import struct
import subprocess
from itertools import islice

import pytest
import scapy.utils

from sim.captures import PcapWriter
from sim.inputs import InputError, Source, open_input
from sim.sources import input_frames, input_messages
from spec import config, itch, wire

MESSAGES = [
    wire.write(itch.MESSAGES[kind], locate=n, timestamp=1000 + n) for n, kind in enumerate(itch.MESSAGES, 1)
]
FRAMES = [bytes([n]) * (60 + n) for n in range(1, 6)]
STAMPS = [1_692_711_000_000_059_094 + 1_000_000_007 * n for n in range(5)]


def as_itch(messages) -> bytes:
    return b"".join(len(m).to_bytes(2, "big") + m for m in messages)


def as_pcap(order: str = "<", nano: bool = True, link: int = 1) -> bytes:
    magic, unit = (0xA1B23C4D, 1) if nano else (0xA1B2C3D4, 1000)
    octets = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link)
    for frame, stamp in zip(FRAMES, STAMPS, strict=True):
        seconds, ns = divmod(stamp, 1_000_000_000)
        octets += struct.pack(order + "IIII", seconds, ns // unit, len(frame), len(frame)) + frame
    return octets


def block(order: str, kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def as_pcapng(order: str = "<") -> bytes:
    """A section with three interfaces: microseconds by default, nanoseconds, and units of 2**-30 s with an offset."""
    octets = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    octets += block(order, 1, struct.pack(order + "HHI", 1, 0, 0))
    octets += block(order, 1, struct.pack(order + "HHI", 1, 0, 0) + struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0))
    options = struct.pack(order + "HHB3x", 9, 1, 0x80 | 30) + struct.pack(order + "HHqHH", 14, 8, 1_000_000_000, 0, 0)
    octets += block(order, 1, struct.pack(order + "HHI", 1, 0, 0) + options)
    octets += block(order, 5, b"statistics nobody asked for!")

    def enhanced(interface, ticks, frame):
        return block(order, 6, struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame),
                                           len(frame)) + frame)

    octets += enhanced(0, STAMPS[0] // 1000, FRAMES[0])
    octets += enhanced(1, STAMPS[1], FRAMES[1])
    octets += enhanced(2, 5 << 29, FRAMES[2])
    octets += block(order, 3, struct.pack(order + "I", len(FRAMES[3])) + FRAMES[3])
    ticks = STAMPS[4] // 1000
    return octets + block(order, 2, struct.pack(order + "HHIIII", 0, 0, ticks >> 32, ticks & 0xFFFFFFFF,
                                                len(FRAMES[4]), len(FRAMES[4])) + FRAMES[4])


@pytest.fixture
def write(tmp_path):
    def to_file(octets: bytes, name: str = "input"):
        path = tmp_path / name
        path.write_bytes(octets)
        return path
    return to_file


def read(path) -> tuple[list, InputError | None]:
    """Everything that a file yields, and the error that it ends in."""
    items = []
    try:
        with open_input(path) as data:
            for item in data.frames() if data.is_capture else data.messages():
                items.append(item)
    except InputError as error:
        return items, error
    return items, None


def test_itch_messages_and_their_offsets(write):
    octets = as_itch(MESSAGES)
    messages, error = read(write(octets))
    assert error is None
    assert [m.octets for m in messages] == MESSAGES
    for message in messages:
        assert octets[message.offset :].startswith(len(message.octets).to_bytes(2, "big") + message.octets)


@pytest.mark.parametrize("terminated", [False, True])
def test_format_is_found_by_content_not_by_name(write, terminated):
    octets = as_itch(MESSAGES) + b"\0\0" * terminated
    for content in octets, gzip.compress(octets), gzip.compress(octets[:50]) + gzip.compress(octets[50:]):
        messages, error = read(write(content, "misleading.pcap"))
        assert error is None
        assert [m.octets for m in messages] == MESSAGES
    frames, error = read(write(gzip.compress(as_pcap()), "misleading.itch"))
    assert error is None
    assert [f.octets for f in frames] == FRAMES


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nano", [True, False])
def test_pcap(write, order, nano):
    octets = as_pcap(order, nano)
    frames, error = read(write(octets))
    assert error is None
    assert [f.octets for f in frames] == FRAMES
    assert [f.time_ns for f in frames] == [s if nano else s // 1000 * 1000 for s in STAMPS]
    assert all(octets[f.offset :].startswith(f.octets) for f in frames)


@pytest.mark.parametrize("order", "<>")
def test_pcapng(write, order):
    octets = as_pcapng(order) + as_pcapng("<")  # a second section, perhaps of other byte order
    frames, error = read(write(octets))
    assert error is None
    assert [f.octets for f in frames] == 2 * FRAMES
    micro = [s // 1000 * 1000 for s in STAMPS]
    assert [f.time_ns for f in frames] == 2 * [micro[0], STAMPS[1], 1_000_000_002_500_000_000, 0, micro[4]]
    assert all(octets[f.offset :].startswith(f.octets) for f in frames)


@pytest.mark.parametrize("octets", [
    pytest.param(as_itch(MESSAGES[:4]), id="itch"), pytest.param(as_pcap(), id="pcap"),
    pytest.param(as_pcapng(), id="pcapng"), pytest.param(gzip.compress(as_itch(MESSAGES)), id="itch.gz"),
])
def test_a_cut_at_any_offset_gives_what_is_whole_and_one_error_line(write, octets):
    whole, error = read(write(octets))
    assert error is None
    silent = 0
    for cut in range(len(octets)):
        path = write(octets[:cut], "cut")
        items, error = read(path)
        assert items == whole[: len(items)]
        if error is None:  # cut between two items
            silent += 1
            assert not octets.startswith(b"\x1f\x8b")
        else:
            assert str(error).startswith(f"{path}: ")
            assert "\n" not in str(error)
            assert "expected" in str(error)
    assert silent < 20


def test_an_error_names_offset_and_what_was_expected(write):
    path = write(as_itch(MESSAGES[:2])[:-7])
    items, error = read(path)
    assert [m.octets for m in items] == MESSAGES[:1]
    assert error.offset == 2 + len(MESSAGES[0]) + 2
    assert str(error) == (f"{path}: offset {error.offset}: expected a message of {len(MESSAGES[1])} octets, "
                          f"the file ends after {len(MESSAGES[1]) - 7}")


@pytest.mark.parametrize(("octets", "expected"), [
    (b"", "empty"),
    (gzip.compress(b""), "empty"),
    (b"plain text, nothing else", "expected ITCH messages, pcap or pcapng"),
    (as_itch([b"A" + bytes(34)]), "expected ITCH messages"),
    (as_itch([MESSAGES[0], b"?" + bytes(11)]), "expected an ITCH 5.0 message type, not b'?'"),
    (as_itch([MESSAGES[0], b"A" + bytes(34)]), "expected 36 octets of message 'A', not 35"),
    (as_itch([MESSAGES[0]]) + b"\0\0more", "expected nothing after the end of session"),
    (as_pcap(link=113), "expected Ethernet frames (link type 1), not link type 113"),
    (as_pcap()[:32] + b"\xff\xff\xff\xff" + as_pcap()[36:], "expected a captured length of 1 to"),
    (as_pcap()[:28] + b"\xff\xff\xff\xff" + as_pcap()[32:], "expected less than a second in a stamp's fraction"),
    (as_pcapng()[:4] + b"\x01\x02\x03\x04" + as_pcapng()[8:], "expected a block length of 12"),
    (as_pcapng()[:24] + b"\x01\x02\x03\x04" + as_pcapng()[28:], "expected the block length"),
    (as_pcapng()[:8] + b"\0\0\0\0" + as_pcapng()[12:], "expected a byte-order mark"),
    (block("<", 0x0A0D0D0A, as_pcapng()[8:24]) + block("<", 6, bytes(60)), "expected a described interface"),
    (block("<", 0x0A0D0D0A, as_pcapng()[8:24]) + block("<", 6, bytes(8)), "expected a longer block"),
], ids=lambda value: value if isinstance(value, str) else "octets")
def test_corruption_is_named(write, octets, expected):
    _, error = read(write(octets))
    assert expected in str(error)
    assert "\n" not in str(error)


def test_damaged_gzip_gives_what_could_be_read(write):
    many = as_itch(MESSAGES * 2000)
    packed = bytearray(gzip.compress(many))
    items, error = read(write(packed[: len(packed) // 2]))
    assert len(items) > 1000
    assert "expected a message" in str(error) or "gzip" in str(error)
    packed[-6] ^= 1  # its checksum
    items, error = read(write(packed))
    assert [m.octets for m in items] == MESSAGES * 2000
    assert "expected intact gzip data" in str(error)


def test_a_missing_file_and_a_directory(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: cannot be read: No such file"):
        open_input(tmp_path / "nowhere")
    with pytest.raises(InputError, match="cannot be read"):
        open_input(tmp_path)


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(as_itch(MESSAGES)))))
    messages, error = read("-")
    assert error is None
    assert [m.octets for m in messages] == MESSAGES


def test_memory_does_not_grow_with_the_file():
    class Endless(io.RawIOBase):
        given = 0

        def read1(self, count):
            self.given += count
            return (as_itch(MESSAGES) * (count // 100))[:count]

    stream = Endless()
    source = Source("endless", stream)
    for _ in range(2000):
        source.take(1000, "octets")
        assert len(source._buffer) <= 1 << 19
    assert stream.given > 1 << 20
    assert source.offset == 2_000_000


def test_several_files_are_one_stream_of_one_kind(write):
    design = config.preset("small")
    one, two = write(as_itch(MESSAGES[:9]), "one"), write(as_itch(MESSAGES[9:]), "two")
    assert [m.octets for m in input_messages([one, two])] == MESSAGES
    framed = list(input_frames([one, two], design=design))
    joined = list(input_frames([write(as_itch(MESSAGES))], design=design))
    assert b"".join(f.octets for f in framed).count(b"TICKWIRE01") == len(framed) >= len(joined)
    capture = write(as_pcap(), "capture")
    assert len(list(input_frames([capture, capture], design=design))) == 10
    for mixed in [one, capture], [capture, one]:
        with pytest.raises(InputError, match="same kind"):
            list(input_frames(mixed, design=design))


def test_limit_counts_messages(write, shared_data):
    design = config.preset("small")
    path = shared_data / "nasdaq_totalview_pcap" / "Multiple.Packets.pcap"  # 1 message, then 38
    assert [len(list(input_frames([path], design=design, limit=n))) for n in (1, 2, 39)] == [1, 2, 2]
    itch_file = write(as_itch(MESSAGES))
    frames = list(input_frames([itch_file], design=design, limit=7))
    assert int.from_bytes(frames[-1].octets[56:64], "big") == 8  # the end of session's sequence


def test_what_is_good_is_framed_before_the_error(write):
    frames = []
    with pytest.raises(InputError):
        for frame in input_frames([write(as_itch(MESSAGES)[:-1])], design=config.preset("small")):
            frames.append(frame)
    carried = sum(int.from_bytes(f.octets[64:66], "big") for f in frames)
    assert carried == len(MESSAGES) - 1


def captures(folder):
    return sorted(folder.glob("nasdaq_*/*.pcap")) + sorted(folder.glob("c*_pcap/*.pcap"))


def test_real_captures_as_scapy_reads_them(shared_data):
    paths = captures(shared_data)
    assert len(paths) > 20
    for path in paths:
        frames, error = read(path)
        with scapy.utils.RawPcapReader(str(path)) as reader:
            theirs = [(octets, meta.sec * 1_000_000_000 + meta.usec * (1 if reader.nano else 1000))
                      for octets, meta in reader]
        assert error is None
        assert [(f.octets, f.time_ns) for f in frames] == theirs


def test_what_we_write_scapy_reads(tmp_path):
    path = tmp_path / "out.pcap"
    with PcapWriter(path) as writer:
        for frame, stamp in zip(FRAMES, STAMPS, strict=True):
            writer.write(frame, stamp)
    with scapy.utils.RawPcapReader(str(path)) as reader:
        assert reader.nano
        assert [(o, m.sec * 1_000_000_000 + m.usec) for o, m in reader] == list(zip(FRAMES, STAMPS, strict=True))
    frames, error = read(path)
    assert error is None
    assert [(f.octets, f.time_ns) for f in frames] == list(zip(FRAMES, STAMPS, strict=True))


@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap (Debian: wireshark-common) is not installed")
def test_pcapng_written_by_wireshark(tmp_path, shared_data):
    for path in islice(captures(shared_data), 4):
        converted = tmp_path / "converted.pcapng"
        subprocess.run(["editcap", "-F", "pcapng", path, converted], check=True)
        with open_input(converted) as data:
            assert data.kind == "pcapng"
        assert [(f.octets, f.time_ns) for f in read(converted)[0]] == [(f.octets, f.time_ns) for f in read(path)[0]]


def test_real_itch_files_are_read_to_the_last_octet(shared_data):
    paths = sorted((shared_data / "nasdaq_itch50").glob("*.itch"))
    assert paths
    for path in paths:
        messages, error = read(path)
        assert error is None
        assert as_itch(m.octets for m in messages) == path.read_bytes()
