"""The rig's parts: what a wire does to frames, namespaces that leave nothing, and what to say where there are none."""

import os
import socket
from pathlib import Path

import pytest

from sim.tap import Impairment, Unavailable, namespace
from sim.tap.host import fix_message
from sim.tap.impairment import Wire
from sim.tap.namespace import Namespace
from sim.tap.segments import End, acknowledgment_of, destination_port, is_tcp, payload_of, segment, ts_value

FRAMES = [bytes([n]) for n in range(200)]
CORE, EXCHANGE = End("02:54:57:00:00:01", "10.49.247.1", 42354), End("02:54:57:00:00:02", "206.200.121.231", 8003)


def passed(impairment: Impairment, seed: str = "1") -> tuple[list[bytes], dict]:
    wire, out = Wire(impairment, seed), []
    for now, frame in enumerate(FRAMES):
        wire.put(frame, now)
        out += wire.take(now)
    while (now := wire.next_ns()) is not None:
        out += wire.take(now)
    return out, wire.counts


def test_a_good_wire():
    assert passed(Impairment()) == (FRAMES, {"lost": 0, "duplicated": 0, "reordered": 0, "passed": 200})


@pytest.mark.parametrize("jitter", [0, 50])
def test_delay_keeps_the_order(jitter):
    wire = Wire(Impairment(delay_ns=100, jitter_ns=jitter), "1")
    for now, frame in enumerate(FRAMES):
        wire.put(frame, now)
    assert wire.next_ns() >= 100 and wire.take(99) == []
    assert wire.take(400) == FRAMES


def test_loss():
    out, counts = passed(Impairment(loss=0.1))
    assert 5 < counts["lost"] < 50 and len(out) == 200 - counts["lost"] and out == sorted(out)


def test_duplication():
    out, counts = passed(Impairment(duplication=0.1))
    assert 5 < counts["duplicated"] < 50 and len(out) == 200 + counts["duplicated"] and sorted(set(out)) == FRAMES


def test_reordering():
    out, counts = passed(Impairment(reordering=0.1))
    assert 5 < counts["reordered"] < 50 and sorted(out) == FRAMES and out != FRAMES
    # Overtaken by three others at most, of which each may be late itself.
    assert all(abs(at - frame[0]) <= 12 for at, frame in enumerate(out))


def test_a_seed_makes_it_the_same_again():
    bad = Impairment(loss=0.1, duplication=0.1, reordering=0.1, delay_ns=10, jitter_ns=30)
    assert passed(bad) == passed(bad) != passed(bad, "2")


def test_segments():
    frame = segment(CORE, EXCHANGE, b"payload", sequence=5, acknowledgment=6, window=7, timestamps=(8, 9))
    assert is_tcp(frame) and not is_tcp(frame[:53]) and not is_tcp(frame[:12] + b"\x86\xdd" + frame[14:])
    assert (destination_port(frame), acknowledgment_of(frame), ts_value(frame)) == (8003, 6, 8)
    assert payload_of(frame) == b"payload"
    short = segment(CORE, EXCHANGE, b"p", sequence=5, acknowledgment=6, window=7)
    assert len(short) == 60 and payload_of(short) == b"p" and ts_value(short) == 0


def test_fix_message():
    assert fix_message((35, "0"), (34, 1)) == b"8=FIX.4.4\x019=10\x0135=0\x0134=1\x0110=165\x01"


@pytest.fixture
def inside():
    try:
        with Namespace() as namespace:
            yield namespace
    except Unavailable as unavailable:
        pytest.skip(str(unavailable))


def test_a_namespace_leaves_nothing(inside):
    here = os.readlink("/proc/thread-self/ns/net")
    there = inside.run(os.readlink, "/proc/thread-self/ns/net")
    assert here != there == inside.run(os.readlink, "/proc/thread-self/ns/net")
    inside.ip("link", "set", "lo", "up")
    inside.set(tcp_sack=0)
    assert inside.run(Path("/proc/sys/net/ipv4/tcp_sack").read_text).strip() == "0"
    with inside.run(socket.create_server, ("127.0.0.1", 0)) as server, pytest.raises(OSError):
        socket.create_connection(server.getsockname(), timeout=1)
    assert os.readlink("/proc/thread-self/ns/net") == here


def test_what_goes_wrong_inside_is_raised_here(inside):
    with pytest.raises(ZeroDivisionError):
        inside.run(lambda: 1 / 0)
    with pytest.raises(Unavailable, match="ip link set tap9 up: .*tap9"):
        inside.ip("link", "set", "tap9", "up")
    with pytest.raises(Unavailable, match="net/ipv4/no_such_setting"):
        inside.set(no_such_setting=1)


def test_a_machine_without_namespaces_says_so(monkeypatch):
    monkeypatch.setattr(namespace.sys, "platform", "darwin")
    with pytest.raises(Unavailable, match="Linux"):
        Namespace()


def test_who_may_not_make_one_is_told_why(monkeypatch):
    class Forbidden:
        def unshare(self, flags):
            namespace.ctypes.set_errno(1)
            return -1

    monkeypatch.setattr(namespace.ctypes, "CDLL", lambda *_, **__: Forbidden())
    with pytest.raises(Unavailable, match="Operation not permitted .*CAP_SYS_ADMIN"):
        Namespace()
