"""What every generated message draws on: its octets, a time, reference and match numbers."""

import struct
from bisect import bisect
from itertools import accumulate
from random import Random

from spec import itch, wire

_FORMATS = {1: "s", 2: "H", 4: "I", 8: "Q"}
_GAPS = 1 << 12
_TIME_OCTETS = itch.HEADER["timestamp"].length


def _packer(layout: wire.Layout) -> struct.Struct:
    """The octets of ``layout`` from its fields in order: text and timestamp as octets, the rest as integers."""
    parts = []
    for field in layout.fields:
        if field.kind.is_text or field.kind is wire.Kind.TIME:
            parts.append(f"{field.length}s")
        else:
            parts.append(_FORMATS[field.length])
    packed = struct.Struct(">" + "".join(parts))
    assert packed.size == layout.length, f"{layout.name} is not contiguous"
    return packed


_PACK = {code: (code.encode(), _packer(layout).pack) for code, layout in itch.MESSAGES.items()}


class Clock:
    """ITCH time that advances in bursts: a heavy-tailed number of messages microseconds apart, then a pause.

    On the real day the windows of 1, 10, 100 and 1000 us that hold any message hold 1, 1, 2 and 6 in the median and 2,
    6, 19 and 90 in the 99th percentile; the mean gap is 87 us.
    """

    def __init__(self, rng: Random):
        self.now = 0
        self._random = rng.random
        self._left = 0  # of the burst
        self._squeezed = 0  # messages that follow each other within a nanosecond or two
        gap = rng.expovariate
        self._slow = [max(1, int(gap(1 / 700) if rng.random() < 0.3 else gap(1 / 14_000))) for _ in range(_GAPS)]
        self._fast = [max(1, int(gap(1 / 600))) for _ in range(_GAPS)]
        self._gaps = self._slow
        self._apart = [int(gap(1 / 330_000)) for _ in range(_GAPS)]
        self._sizes = list(accumulate(1 / n**2.05 for n in range(1, 1000)))

    def tick(self) -> int:
        """The next message's time."""
        if self._squeezed:
            self._squeezed -= 1
            self.now += int(self._random() * 3)
        elif self._left:
            self._left -= 1
            self.now += self._gaps[int(self._random() * _GAPS)]
        else:
            self._left = bisect(self._sizes, self._random() * self._sizes[-1])
            self._gaps = self._fast if self._random() < 0.06 else self._slow
            self.now += self._apart[int(self._random() * _GAPS)]
        return self.now

    def jump(self, to: int) -> None:
        """Let the next message come at ``to`` or, where that has passed, at once."""
        self.now, self._left = max(self.now, to), 1

    def squeeze(self, count: int) -> None:
        """Let the next ``count`` messages come at a nanosecond's distance."""
        self._squeezed = count


class Tape:
    """Writes messages in the order of their times."""

    def __init__(self, rng: Random):
        self.rng = rng
        self.clock = Clock(rng)
        self.written = 0
        self.seen: set[str] = set()  #: types written
        # References of one symbol agree modulo 4; each residue counts up by itself, from a start of its own.
        self._references = [residue + 4 * rng.randrange(1 << 16, 1 << 22) for residue in range(4)]
        self._match = rng.randrange(10_000, 20_000)
        self.last_print: tuple[int, int] | None = None  #: locate and match number of a configured symbol's last print

    def message(self, code: str, locate: int, *values, tracking: int = 0) -> bytes:
        """A message with ``values`` for the fields after the header."""
        self.written += 1
        self.seen.add(code)
        kind, pack = _PACK[code]
        return pack(kind, locate, tracking, self.clock.tick().to_bytes(_TIME_OCTETS, "big"), *values)

    def reference(self, residue: int) -> int:
        reference = self._references[residue]
        self._references[residue] = reference + 4 * (1 + int(self.rng.random() * 3))
        return reference

    def match(self) -> int:
        self._match += 1 + int(self.rng.random() * 2)
        return self._match
