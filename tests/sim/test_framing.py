"""Frames: checksums and layers against scapy and tshark, shape, determinism, offsets."""

import shutil
import subprocess

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from sim.blocks import blocks
from sim.captures import PcapWriter
from sim.framing import MAX_PAYLOAD, Framer, as_file, frames
from sim.generator import session
from spec import config, itch, moldudp64, wire

DESIGN = config.preset("small")


@pytest.fixture(scope="module")
def messages() -> list[bytes]:
    return list(session(DESIGN, messages=20_000, seed=1))


def test_every_message_is_carried_once_in_order(messages):
    found = [block for frame in frames(as_file(messages), design=DESIGN, seed=1) for block in blocks(frame.octets)]
    assert [block.octets for block in found] == messages
    assert [block.sequence for block in found] == list(range(1, len(messages) + 1))


def test_offset_plus_position_is_the_file_offset(messages):
    octets = b"".join(len(m).to_bytes(2, "big") + m for m in messages)
    for frame in frames(as_file(messages), design=DESIGN, seed=1, bracket=True):
        for block in blocks(frame.octets):
            at = frame.offset + block.position
            assert octets[at : at + len(block.octets)] == block.octets


def test_shape_is_the_real_wires(messages):
    counts = [len(list(blocks(f.octets))) for f in frames(as_file(messages), design=DESIGN, seed=1)]
    assert 0.45 < counts.count(1) / len(counts) < 0.51
    assert 2.5 < sum(counts) / len(counts) < 2.9
    assert 15 < max(counts) <= 38
    assert max(len(f.octets) for f in frames(as_file(messages), design=DESIGN, seed=1)) <= 18 + 28 + MAX_PAYLOAD


def test_the_seed_decides(messages):
    first, again, other = (list(frames(as_file(messages), design=DESIGN, seed=s)) for s in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize("vlan", [None, 0, 141, 4095])
@pytest.mark.parametrize("line", [0, 1])
def test_layers_and_checksums_as_scapy_sees_them(messages, vlan, line):
    endpoint = DESIGN.feed.lines[line]
    low = endpoint.address_octets[1:]
    sizes = set()
    for frame in frames(as_file(messages[:2000]), design=DESIGN, seed=2, line=line, vlan=vlan, bracket=True):
        packet = Ether(frame.octets)
        assert packet.dst == f"01:00:5e:{low[0] & 127:02x}:{low[1]:02x}:{low[2]:02x}"
        assert (packet[Dot1Q].vlan if vlan is not None else None) == vlan
        ip, udp = packet[IP], packet[UDP]
        assert (ip.dst, ip.ttl, str(ip.flags), ip.len) == (endpoint.address, 21, "DF", len(ip))
        assert (udp.dport, udp.len) == (endpoint.port, len(udp))
        assert len(frame.octets) == len(packet)
        assert packet.getlayer(IP).payload.payload.load.startswith(b"TICKWIRE01")
        checksums = ip.chksum, udp.chksum
        del ip.chksum, udp.chksum
        rebuilt = Ether(bytes(packet))
        assert (rebuilt[IP].chksum, rebuilt[UDP].chksum) == checksums
        sizes.add(len(udp) % 2)
    assert sizes == {0, 1}


def test_a_zero_udp_checksum_is_sent_as_ones():
    """RFC 768: zero would say that there is none."""
    framer = Framer(design=DESIGN)
    seen = set()
    for value in range(1 << 16):
        octets = framer.frame(1, 1, b"\0\2" + value.to_bytes(2, "big"))
        seen.add(octets[44:46])
    assert b"\0\0" not in seen
    assert b"\xff\xff" in seen


def test_heartbeat_and_end_of_session_carry_the_next_sequence(messages):
    design = DESIGN.model_copy(update={"feed": DESIGN.feed.model_copy(update={"first_sequence": 1000})})
    some = list(frames(as_file(messages[:100]), design=design, seed=1, bracket=True))
    first, last = (wire.read(moldudp64.HEADER, f.octets[46:]) for f in (some[0], some[-1]))
    assert (first["count"], first["sequence"]) == (0, 1000)
    assert (last["count"], last["sequence"]) == (0xFFFF, 1100)
    assert not list(blocks(some[0].octets)) and not list(blocks(some[-1].octets))
    assert [b.sequence for f in some for b in blocks(f.octets)] == list(range(1000, 1100))


def test_session_comes_from_the_design_where_it_is_set(messages):
    design = DESIGN.model_copy(update={"feed": DESIGN.feed.model_copy(update={"session": "S1"})})
    frame = next(frames(as_file(messages), design=design))
    assert frame.octets[46:56] == b"S1        "


def test_time_is_the_last_messages(messages):
    for frame in frames(as_file(messages), design=DESIGN, seed=1):
        last = list(blocks(frame.octets))[-1].octets
        assert frame.time_ns == wire.read_field(itch.HEADER["timestamp"], last)


@pytest.mark.parametrize(("arguments", "fault"), [
    ({"line": 2}, "line must be below 2, not 2"), ({"vlan": 4096}, "vlan must be"),
    ({"session": "ELEVEN CHAR"}, "session must be"), ({"max_payload": 60}, "max_payload must have room"),
])
def test_what_cannot_be_framed_is_refused(messages, arguments, fault):
    with pytest.raises(ValueError, match=fault):
        list(frames(as_file(messages), design=DESIGN, **arguments))


def test_frames_that_are_no_datagrams_have_no_blocks(messages):
    good = next(frames(as_file(messages), design=DESIGN)).octets
    assert list(blocks(good))
    for cut in range(len(good)):
        list(blocks(good[:cut]))  # no exception
    assert not list(blocks(good[:16] + b"\x86\xdd" + good[18:]))


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark (Debian: tshark) is not installed")
def test_tshark_agrees(messages, tmp_path):
    path = tmp_path / "session.pcap"
    some = list(frames(as_file(messages[:3000]), design=DESIGN, seed=5, bracket=True))
    with PcapWriter(path) as writer:
        for frame in some:
            writer.write(frame.octets, frame.time_ns)
    fields = ["ip.checksum.status", "udp.checksum.status", "vlan.id", "moldudp64.session", "moldudp64.sequence",
              "moldudp64.count", "_ws.malformed"]
    said = subprocess.run(
        ["tshark", "-r", path, "-d", "udp.port==26477,moldudp64", "-o", "ip.check_checksum:TRUE", "-o",
         "udp.check_checksum:TRUE", "-T", "fields", "-E", "occurrence=f", *(x for f in fields for x in ("-e", f))],
        check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(said) == len(some)
    for line, frame in zip(said, some, strict=True):
        header = wire.read(moldudp64.HEADER, frame.octets[46:])
        ip, udp, vlan, name, sequence, count, malformed = line.split("\t")
        assert (ip, udp, vlan, malformed) == ("1", "1", "141", "")
        assert (name, int(sequence), int(count)) == ("TICKWIRE01", header["sequence"], header["count"])
