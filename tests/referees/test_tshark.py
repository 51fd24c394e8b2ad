"""tshark's word on frames of market data: those that we make, and real ones. Orders are in ``test_orders``."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest
from scapy.utils import RawPcapReader

from golden_model.feed import Feed
from sim.captures import PcapWriter
from sim.framing import Framer, as_file, frames
from sim.generator import MIN_PER_SYMBOL, session
from spec import config, itch, moldudp64

SMALL = config.preset("small")
LINE = SMALL.feed.lines[0]
REAL = "nasdaq_totalview_pcap"
_PACKET_AT = 18 + 20 + 8  #: of the MoldUDP64 packet in a tagged frame
GOOD, BAD = "1", "0"  #: of a checksum's status
#: Of every frame; what tshark does not find is "".
FIELDS = [
    "frame.protocols", "vlan.id", "ip.src", "ip.dst", "ip.len", "ip.checksum.status", "udp.dstport",
    "udp.checksum.status", "moldudp64.session", "moldudp64.sequence", "moldudp64.count", "moldudp64.msgseq",
    "moldudp64.msglen", "moldudp64.msgdata", "_ws.malformed", "_ws.expert.message",
]


def tshark(path: Path) -> list[dict[str, str]]:
    """What tshark makes of each frame; several values of a field are joined by commas."""
    if shutil.which("tshark") is None:
        raise RuntimeError("tshark is not installed: apt-get install tshark (or: make system)")
    command = [
        "tshark", "-r", path, "-T", "fields", "-E", "separator=|", "-E", "occurrence=a",
        "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
        "-d", f"udp.port=={LINE.port},moldudp64",
    ]
    for field in FIELDS:
        command += ["-e", field]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [dict(zip(FIELDS, line.split("|"), strict=True)) for line in lines]


@pytest.fixture
def dissect(tmp_path):
    """tshark's rows of frames."""
    def run(octets: list[bytes]) -> list[dict[str, str]]:
        path = tmp_path / "frames.pcap"
        with PcapWriter(path) as writer:
            for k, frame in enumerate(octets):
                writer.write(frame, k * 1_000_000)
        rows = tshark(path)
        assert len(rows) == len(octets)
        return rows
    return run


def joined(values) -> str:
    return ",".join(map(str, values))


def assert_clean(row: dict[str, str]) -> None:
    note = row["_ws.expert.message"]
    if not row["moldudp64.msglen"]:
        # A request for messages looks the same as the end of a session; tshark calls both a request.
        note = note.removeprefix("Number of Requested Messages")
    assert not row["_ws.malformed"] and not note, row


def assert_datagram(row: dict[str, str], *, sequence: int, count: int, messages: list[bytes], vlan: str) -> None:
    """A good frame on line A with exactly this MoldUDP64 packet."""
    assert_clean(row)
    tag = "vlan:ethertype:" if vlan else ""
    assert row["frame.protocols"] == f"eth:ethertype:{tag}ip:udp:moldudp64"
    assert row["vlan.id"] == vlan
    assert (row["ip.dst"], row["udp.dstport"]) == (LINE.address, str(LINE.port))
    assert (row["ip.checksum.status"], row["udp.checksum.status"]) == (GOOD, GOOD)
    assert (row["moldudp64.sequence"], row["moldudp64.count"]) == (str(sequence), str(count))
    assert row["moldudp64.msgseq"] == joined(range(sequence, sequence + len(messages)))
    assert row["moldudp64.msglen"] == joined(map(len, messages))
    assert row["moldudp64.msgdata"] == joined(message.hex() for message in messages)


@pytest.mark.parametrize("vlan", [None, 1, 141, 4095])
def test_market_data(dissect, seed, vlan):
    """One message of each type, many, none; sequences of every size; heartbeat and end of session."""
    rng = random.Random(seed)
    framer = Framer(design=SMALL, vlan=vlan, session="SEVEN")
    messages = [code.encode() + rng.randbytes(itch.MESSAGES[code].length - 1) for code in itch.MESSAGES]
    packets = [(rng.getrandbits(rng.randint(1, 63)), [message]) for message in messages]
    packets += [(k, rng.choices(messages, k=k)) for k in (2, 3, 7, 38)]
    made = [framer.datagram(sequence, several) for sequence, several in packets]
    rows = dissect([*made, framer.heartbeat(77), framer.end_of_session(1 << 63)])
    for row, (sequence, several) in zip(rows, packets, strict=False):
        assert_datagram(row, sequence=sequence, count=len(several), messages=several, vlan=str(vlan or ""))
    heartbeat, end = rows[-2:]
    assert_datagram(heartbeat, sequence=77, count=moldudp64.HEARTBEAT, messages=[], vlan=str(vlan or ""))
    assert_datagram(end, sequence=1 << 63, count=moldudp64.END_OF_SESSION, messages=[], vlan=str(vlan or ""))
    assert {row["moldudp64.session"].rstrip() for row in rows} == {"SEVEN"}


def test_generated_session(dissect, seed):
    """The frames that the demo sends: every one is good, and together they carry the session in sequence."""
    messages = list(session(SMALL, messages=300 + MIN_PER_SYMBOL * len(SMALL.symbols), seed=seed, symbols=8))
    rows = dissect([f.octets for f in frames(as_file(messages), design=SMALL, seed=seed, bracket=True)])
    carried, sequences = [], []
    for row in rows:
        assert_clean(row)
        assert (row["ip.checksum.status"], row["udp.checksum.status"]) == (GOOD, GOOD)
        carried += filter(None, row["moldudp64.msgdata"].split(","))
        sequences += map(int, filter(None, row["moldudp64.msgseq"].split(",")))
    assert carried == [message.hex() for message in messages]
    assert sequences == [*range(SMALL.feed.first_sequence, SMALL.feed.first_sequence + len(messages))]
    assert [row["moldudp64.count"] for row in (rows[0], rows[-1])] == ["0", "65535"]


def octets_of(record) -> bytes:
    octets = record.octets.to_bytes(itch.MAX_MESSAGE, "little")
    return octets[: itch.MESSAGES[chr(octets[0])].length]


def test_real_frames(shared_data):
    """The feed's view of real datagrams: sequence, count, every message, and that the header checksum is good."""
    paths = sorted((shared_data / REAL).glob("*.pcap"))
    if not paths:
        pytest.skip(f"no captures at {shared_data / REAL}")
    seen = 0
    for path in paths:
        captured = [octets for octets, _ in RawPcapReader(str(path))]
        for frame, row in zip(captured, tshark(path), strict=True):
            sequence = int(row["moldudp64.sequence"])
            feed = Feed(SMALL.model_copy(update={"feed": SMALL.feed.model_copy(update={"first_sequence": sequence})}))
            messages = feed.frame(frame)
            view = {
                "ip.checksum.status": GOOD,
                "vlan.id": str(int.from_bytes(frame[14:16], "big") & 0xFFF),
                "moldudp64.count": str(len(messages)),
                "moldudp64.msgseq": joined(record.sequence for record in messages),
                "moldudp64.msglen": joined(len(octets_of(record)) for record in messages),
                "moldudp64.msgdata": joined(octets_of(record).hex() for record in messages),
            }
            assert {name: row[name] for name in view} == view, f"{path.name}: {dict(feed.counters)}"
            seen += len(messages)
            # Our framer, asked for these messages, makes the same packet.
            ours = Framer(design=SMALL, vlan=141, session=row["moldudp64.session"]).datagram(
                sequence, [octets_of(record) for record in messages])
            assert ours[_PACKET_AT:] == frame[_PACKET_AT : len(ours)]
    assert seen >= 46


@pytest.mark.parametrize("at, field", [(26, "ip.checksum.status"), (70, "udp.checksum.status")])
def test_a_bad_checksum_of_market_data_is_seen(dissect, at, field):
    good = Framer(design=SMALL, vlan=None).datagram(1, [b"S" + bytes(11)])
    bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    before, after = dissect([good, bad])
    assert before[field] == GOOD and after[field] == BAD
    with pytest.raises(AssertionError):
        assert_datagram(after, sequence=1, count=1, messages=[b"S" + bytes(11)], vlan="")


@pytest.mark.parametrize("count, blocks", [(1, b"\0\x0cS"), (2, b"\0\x0c" + b"S" + bytes(11))])
def test_a_bad_packet_is_seen(dissect, count, blocks):
    [row] = dissect([Framer(design=SMALL, vlan=None).frame(1, count, blocks)])
    with pytest.raises(AssertionError):
        assert_clean(row)


def test_without_tshark_it_is_an_error(monkeypatch, dissect):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="tshark is not installed: apt-get install tshark"):
        dissect([bytes(60)])
