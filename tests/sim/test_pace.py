"""Gaps between frames: what a wire takes, and what was recorded."""

import pytest

from sim.octets import Frame
from sim.pace import BESIDE, LANES, LONGEST, Pace
from spec import config
from spec.config import ConfigError

DESIGN = config.preset("small")
MHZ = DESIGN.core.clock_mhz


def _frames(lengths, step_ns=0):
    return [Frame(bytes(length), 0, 10**18 + i * step_ns) for i, length in enumerate(lengths)]


def _starts(speed, frames, calls=1):
    """Cycle of each frame's first beat."""
    pace, each = Pace(speed, DESIGN), -(-len(frames) // calls)
    gaps = [gap for i in range(0, len(frames), each) for gap in pace.gaps(frames[i : i + each])]
    starts, at = [], 0
    for frame, gap in zip(frames, gaps, strict=True):
        starts.append(at + gap)
        at += gap + -(-len(frame.octets) // LANES)
    return starts


LENGTHS = [60, 61, 150, 1400, 64, 65] * 50


def test_max_and_wire():
    frames = _frames(LENGTHS)
    assert Pace("max", DESIGN).gaps(frames) == [0] * len(frames)
    assert Pace("wire", DESIGN).gaps(frames) == [3] * len(frames)


@pytest.mark.parametrize("gbps", [10, 25])
def test_a_wire_takes_its_time(gbps):
    """No frame comes earlier than the wire carries it, nor a cycle later than the wire and the core's bus allow."""
    frames = _frames(LENGTHS)
    starts = _starts(f"{gbps}g", frames)
    free = bus = 0.0
    for frame, start in zip(frames, starts, strict=True):
        earliest = max(free, bus)
        assert earliest <= start + 1e-6 and start < max(free, bus) + 2
        free = max(free, start - 1) + (len(frame.octets) + BESIDE) * 8 / gbps * MHZ / 1000
        bus = start + -(-len(frame.octets) // LANES)
    average = sum(map(len, (frame.octets for frame in frames[:-1]))) * 8 / (starts[-1] / MHZ * 1000)  # Gb/s
    assert average < gbps and (gbps == 25 or average > 0.8 * gbps)


def test_realtime_follows_the_stamps_and_catches_up_after_a_burst():
    frames = _frames([1400] * 3 + [64] * 400, step_ns=300)  # 1400 octets take 1139 ns of a 10G wire, 64 take 70 ns
    starts = _starts("realtime", frames)
    wanted = [i * 300 * MHZ / 1000 for i in range(len(frames))]
    assert starts[2] - wanted[2] > 500
    assert all(0 <= start - due < 1.01 for start, due in list(zip(starts, wanted, strict=True))[30:])


def test_a_long_silence_is_cut_once():
    frames = _frames([64] * 6, step_ns=10**9)
    starts = _starts("realtime", frames)
    assert [b - a for a, b in zip(starts, starts[1:], strict=False)] == [LONGEST + 8] * 5


@pytest.mark.parametrize("speed", ["10g", "realtime"])
def test_batches_make_no_difference(speed):
    frames = _frames(LENGTHS, step_ns=400)
    assert _starts(speed, frames) == _starts(speed, frames, calls=7)


def test_another_speed_is_refused():
    with pytest.raises(ConfigError, match="--speed: one of wire, 10g, 25g, realtime, max, not '40g'"):
        Pace("40g", DESIGN)
