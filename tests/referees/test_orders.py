"""tshark's word on the order model's frames, which the hardware's equal octet by octet."""

import random

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from golden_model.order import Header, Order
from sim.captures import PcapWriter
from spec.config import Design
from spec.fix import ADMIN_TYPES
from spec.records import ADMIN, DECISION, Action, Side
from tests.golden_model.build import small
from tests.referees.order_capture import Fault, check

_NUMBERS = (0, 1, 99, 100, 999_999, 2**32 - 1)


def decisions(design: Design, rng: random.Random, count: int):
    """Approvals with every field at its ends and anywhere between."""
    for number in range(count):
        values = dict.fromkeys(DECISION.tuple._fields, 0) | {
            "decision": number, "symbol": rng.randrange(len(design.symbols)), "action": rng.choice([*Action]),
            "side": rng.choice([*Side]), "short": rng.getrandbits(1), "user_ref_num": number + 1,
            "target": rng.randint(0, number), "quantity": rng.choice((*_NUMBERS, rng.randint(1, 999_999))),
            "price": rng.choice((*_NUMBERS, rng.getrandbits(rng.randint(1, 32)))),
            "time": rng.randrange(2**rng.choice((0, 30, 50, 60, 61))),
        }
        yield DECISION.tuple(**values)


def header(rng: random.Random) -> Header:
    return Header(rng.getrandbits(32), rng.getrandbits(16), rng.getrandbits(32), rng.getrandbits(32))


def frames(design: Design, rng: random.Random, count: int) -> list[bytes]:
    """Orders with acknowledgments, messages that keep the session, and segments sent again between them."""
    stage, made = Order(design), []
    sent: list[tuple[int, bytes]] = []
    admin = ADMIN_TYPES if design.order.protocol == "fix" else "RO"
    for decision in decisions(design, rng, count):
        order = stage.decision(decision, header=header(rng))
        made.append(stage.frame(order))
        sent.append((order.tcp_sequence, bytes(Ether(made[-1])[TCP].payload)[: order.length]))
        match rng.randrange(8):
            case 0:
                made.append(stage.acknowledgment(header(rng)))
            case 1:
                made.append(stage.again(*rng.choice(sent), header(rng)))
            case 2:
                text = b"58=%s\x01" % (b"x" * rng.randint(1, 60)) if design.order.protocol == "fix" else b""
                record = ADMIN.tuple(ord(rng.choice([*admin])), len(text), int.from_bytes(text, "little"))
                made.append(stage.frame(stage.admin(record, header=header(rng), time=decision.time)))
    return made


def refitted(frame: bytes, change) -> bytes:
    """``frame`` with another payload; lengths and checksums of TCP and IPv4 are right again."""
    packet = Ether(frame)
    payload = bytes(packet[TCP].payload)[: packet[IP].len - 20 - 4 * packet[TCP].dataofs]
    packet[TCP].remove_payload()
    packet = packet / Raw(change(payload))
    del packet[IP].len, packet[IP].chksum, packet[TCP].chksum
    return bytes(packet).ljust(60, b"\0")


@pytest.fixture
def verdict(tmp_path):
    def run(design: Design, made: list[bytes]):
        path = tmp_path / "orders.pcap"
        with PcapWriter(path) as writer:
            for k, frame in enumerate(made):
                writer.write(frame, k * 1000)
        return check(path, design)
    return run


def design_of(protocol: str, **order) -> Design:
    return small(order={"protocol": protocol, **order})


@pytest.mark.parametrize("timestamps", [False, True])
@pytest.mark.parametrize("protocol", ["ouch", "fix"])
def test_frames_of_the_model(verdict, seed, protocol, timestamps):
    """One TCP stream across 2**32 without a hole, every kind of frame in it."""
    firm = "TWIR" if timestamps else ""
    design = design_of(protocol, tcp_timestamps=timestamps, tcp_sequence=2**32 - 3000, firm=firm)
    made = frames(design, random.Random(seed), 300)
    found = verdict(design, made)
    assert found.frames == len(made) and found.missing == 0
    assert found.acknowledgments > 10 and found.repeated > 10
    expected = {"ouch": {*"OUX", "+R", "+O"}, "fix": {*"DFG", *ADMIN_TYPES}}
    assert set(found.kinds) == expected[protocol]
    assert str(found).startswith(f"{len(made)} frames good: ")


def flip(at: int):
    return lambda frame: frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]


def payload(old: bytes, new: bytes):
    def change(frame: bytes) -> bytes:
        assert old in frame
        return refitted(frame, lambda octets: octets.replace(old, new, 1))
    return change


#: protocol, how a frame is damaged, what is said of it.
DAMAGES = {
    "ip checksum": ("ouch", flip(24), "IPv4 header checksum"),
    "tcp checksum": ("ouch", flip(50), "TCP checksum"),
    "payload": ("ouch", flip(70), "TCP checksum"),
    "address": ("ouch", lambda frame: frame[:5] + b"\x03" + frame[6:], "expected"),
    "padding": ("ouch", lambda frame: frame + b"\0", "expected"),
    "packet length": ("ouch", payload(b"\x00\x36U", b"\x00\x35U"), "tshark complains|packet"),
    "packet length beyond": ("ouch", payload(b"\x00\x36U", b"\x00\x37U"), "."),
    "packet type": ("ouch", payload(b"\x00\x36U", b"\x00\x36S"), "no packet of a client"),
    "message type": ("ouch", payload(b"UO\0", b"UQ\0"), "no OUCH message"),
    "side": ("ouch", payload(b"\x01B\0", b"\x01Q\0"), r"enter order\.side"),
    "appendage": ("ouch", payload(b"\x00\x06\x05\x02", b"\x00\x05\x05\x02"), "the end of enter order"),
    "option": ("ouch", payload(b"\x00\x06\x05\x02", b"\x00\x06\x06\x02"), "the options of enter order"),
    "fix checksum": ("fix", lambda f: refitted(f, lambda m: m[:-4] + b"%03d\x01" % ((int(m[-4:-1]) + 1) % 256)), "."),
    "fix body length": ("fix", payload(b"\x019=147", b"\x019=146"), "."),
    "fix body length beyond": ("fix", payload(b"\x019=147", b"\x019=148"), "."),
    "fix body length with a zero": ("fix", payload(b"\x019=147", b"\x019=0147"), "."),
    "fix begin string": ("fix", payload(b"8=FIX", b"8=FX"), "."),
    "fix separator": ("fix", lambda f: refitted(f, lambda m: m.replace(b"\x01", b"^")), "."),
    "two fix messages": ("fix", lambda f: refitted(f, lambda m: m + m), "not one|."),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_frame_is_refused(verdict, name):
    protocol, damage, complaint = DAMAGES[name]
    design = design_of(protocol)
    values = dict.fromkeys(DECISION.tuple._fields, 0) | {"user_ref_num": 1, "quantity": 100, "price": 10_000,
                                                         "time": 10**18}
    stage = Order(design)
    first, second = (stage.frame(stage.decision(DECISION.tuple(**values), header=Header(5, 6))) for _ in range(2))
    assert verdict(design, [first, second]).frames == 2
    assert damage(second) != second
    with pytest.raises(Fault, match=f"frame 2: .*({complaint})"):
        verdict(design, [first, damage(second)])


def test_a_hole_is_counted_and_an_overlap_refused(verdict):
    design = design_of("ouch")
    stage = Order(design)
    made = [stage.frame(stage.admin(ADMIN.tuple(ord("R"), 0, 0), header=Header(0, 0))) for _ in range(5)]
    assert verdict(design, [made[0], made[1], made[4]]).missing == 6
    assert verdict(design, made + made[1:2]).repeated == 1
    assert verdict(design, [made[0], made[1], stage.acknowledgment(Header(0, 0), 2)]).missing == 0
    with pytest.raises(Fault, match="reaches into"):
        verdict(design, [made[0], made[1], stage.again(5, b"\0\1R", Header(0, 0))])


def test_a_capture_that_is_cut_is_an_error(tmp_path):
    path = tmp_path / "orders.pcap"
    with PcapWriter(path) as writer:
        writer.write(frames(design_of("ouch"), random.Random(1), 1)[0], 0)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Fault, match="tshark: .*cut short"):
        check(path, design_of("ouch"))


def test_without_tshark_it_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="tshark is not installed: apt-get install tshark"):
        check(tmp_path / "orders.pcap", design_of("ouch"))
