"""Whether messages still make the hardware differ from its model."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from sim import replay
from sim.differences import Difference
from sim.framing import frames
from sim.octets import Message
from sim.run import Run
from spec import moldudp64
from spec.config import Design

_PREFIX = moldudp64.MESSAGE_BLOCK.length


class Trials:
    """Short replays of chosen messages.

    Parameters
    ----------
    library : Path
        The compiled hardware.
    model : Callable
        Makes the golden model, afresh for each trial.
    like : Difference
        What counts as the same failure: a first difference in its stage and stream.
    """

    def __init__(self, design: Design, library: Path, *, model: Callable, like: Difference, seed: int):
        self._design, self._library, self._model, self._like, self._seed = design, library, model, like, seed
        self.count = 0

    def fails(self, messages: Sequence[bytes]) -> bool:
        """The first difference is the same."""
        self.count += 1
        with tempfile.TemporaryDirectory(prefix="tickwire-") as scratch:
            first = self.run(messages, Path(scratch)).first_difference
        return first is not None and (first.stage, first.stream) == (self._like.stage, self._like.stream)

    def run(self, messages: Sequence[bytes], out: Path, **options) -> Run:
        """The replay of ``messages`` as a file of their own."""
        wire = frames(as_file(messages), design=self._design, seed=self._seed, bracket=True)
        return replay.run(self._design, wire, out=out, library=self._library, model=self._model(), **options)


def as_file(messages: Sequence[bytes]) -> list[Message]:
    """With the offsets that they have in an ITCH file."""
    found, at = [], 0
    for octets in messages:
        found.append(Message(octets, at))
        at += _PREFIX + len(octets)
    return found
