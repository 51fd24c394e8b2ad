"""What every generated message draws on: its octets, a time, reference and match numbers."""

import struct
from random import Random

import numpy as np

from spec import itch, wire

from .clock import Clock

_FORMATS = {1: "s", 2: "H", 4: "I", 8: "Q"}
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


class Tape:
    """Numbers messages and what they are about.

    Parameters
    ----------
    rng, draw
        For one message, and for many at a time.
    """

    def __init__(self, rng: Random, draw: np.random.Generator):
        self.rng, self.draw = rng, draw
        self.clock = Clock(draw)
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

    def references(self, residues: np.ndarray) -> np.ndarray:
        """One for each of ``residues``, in order."""
        found = np.empty(len(residues), np.int64)
        for residue in range(4):
            mine = residues == residue
            steps = 4 * (1 + (self.draw.random(int(mine.sum())) * 3).astype(np.int64))
            found[mine] = self._references[residue] + np.cumsum(steps) - steps
            self._references[residue] += int(steps.sum())
        return found

    def match(self) -> int:
        self._match += 1 + int(self.rng.random() * 2)
        return self._match

    def matches(self, count: int) -> np.ndarray:
        """The next ``count`` match numbers."""
        found = self._match + np.cumsum(1 + (self.draw.random(count) * 2).astype(np.int64))
        if count:
            self._match = int(found[-1])
        return found
