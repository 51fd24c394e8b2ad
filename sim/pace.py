"""How soon one frame follows another: idle cycles before each, from the speed of a wire or from recorded times."""

from collections.abc import Iterable
from math import ceil

from spec.config import ConfigError, Design

from .octets import Frame

LANES = 8  #: octets in a beat
BESIDE = 24  #: octets of the wire that go with a frame: check sequence 4, preamble 8, gap 12 (IEEE 802.3, 4.4.2)
WIRE_GAP = BESIDE // LANES  #: idle cycles of a wire as fast as the core
LONGEST = 1 << 20  #: idle cycles at most; after 3 ms nothing is under way, and a night would be 10**13
_WIRES = {"10g": 10.0, "25g": 25.0}  #: Gb/s
SPEEDS = ("wire", *_WIRES, "realtime", "max")


class Pace:
    """Idle cycles before each frame.

    ``wire``: those that stand for what goes with a frame on a wire as fast as the core, 8 octets per cycle. ``10g``,
    ``25g``: so many that frames come no faster than such a wire carries them; where the core's bus is slower than the
    wire (20.6 Gb/s at 322 MHz), the bus decides. ``realtime``: the recorded times, at least as on a 10G wire, and at
    most ``LONGEST``. ``max``: none.

    Raises ``ConfigError`` for another speed.
    """

    def __init__(self, speed: str, design: Design):
        if speed not in SPEEDS:
            raise ConfigError(f"--speed: one of {', '.join(SPEEDS)}, not {speed!r}")
        self._speed, self._mhz = speed, design.core.clock_mhz
        self._before: Frame | None = None
        self._start = 0  # cycle of that one's first beat
        self._free = 0.0  # cycle at which the wire could have begun it
        self._due = 0.0  # cycle at which its recorded time is due

    def gaps(self, frames: Iterable[Frame]) -> list[int]:
        """Of frames that follow those of the last call."""
        found = []
        for frame in frames:
            found.append(self._gap(frame))
            self._before = frame
        return found

    def _gap(self, frame: Frame) -> int:
        if self._speed == "wire":
            return WIRE_GAP
        if self._speed == "max" or self._before is None:
            return 0
        octets = len(self._before.octets)
        bus = self._start + -(-octets // LANES)
        self._free += (octets + BESIDE) * 8 / _WIRES.get(self._speed, 10.0) * self._mhz / 1000
        if self._speed == "realtime":
            self._due += (frame.time_ns - self._before.time_ns) * self._mhz / 1000
        start = max(bus, ceil(self._free), ceil(self._due))
        if start - bus > LONGEST:
            self._due -= start - bus - LONGEST
            start = bus + LONGEST
        self._start, self._free = start, max(self._free, start - 1.0)
        return start - bus
