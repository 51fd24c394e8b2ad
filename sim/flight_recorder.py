"""The waveform of an interesting moment, found after it has passed.

Before each batch the hardware's state is saved; the last few are kept with their batches. Once it is known which cycle
to look at, a second engine continues from the save before it, is fed the same frames again, and records the window.
Memory does not grow with the session, and nothing is traced until then.
"""

from collections import deque
from pathlib import Path

from .engine import Batch, Engine, Snapshot

BEFORE, AFTER = 200, 300  #: cycles shown around the one of interest
_KEPT = 4  #: batches; the model, which finds what is of interest, is two behind


class FlightRecorder:
    """Call ``before`` each batch, ``aim`` at a cycle at any time, ``write`` after a batch and at the end.

    Parameters
    ----------
    path : Path
        The waveform; cycle c stands at c ns. A later window replaces an earlier one.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.written: tuple[int, int] | None = None  #: cycles [first, end) in the file
        self._batches: deque[tuple[Snapshot, Batch, list[bytes]]] = deque()
        self._window: tuple[int, int] | None = None

    def before(self, core: Engine, batch: Batch, answers: list[bytes]) -> None:
        """``core`` is about to be sent ``batch``, and ``answers`` on the order session."""
        while len(self._batches) >= _KEPT and not self._window:
            self._batches.popleft()
        self._batches.append((core.save(), batch, answers))

    def aim(self, cycle: int) -> None:
        """Show ``cycle``."""
        self._window = (max(0, cycle - BEFORE), cycle + AFTER)

    def write(self, core: Engine, *, final: bool = False) -> None:
        """Write the window if ``core`` has passed its end, or will not go on."""
        if not self._window or not self._batches or (core.cycle < self._window[1] and not final):
            return
        first, end = self._window
        snapshots = [snapshot for snapshot, *_ in self._batches]
        start = max((i for i, snapshot in enumerate(snapshots) if snapshot.cycle <= first), default=0)
        again = Engine(core.library, ports=core.ports)
        again.restore(snapshots[start])
        again.wave(self.path, first, end)
        ends = [snapshot.cycle for snapshot in snapshots[start + 1 :]] + [end]
        for (_, batch, answers), until in zip(list(self._batches)[start:], ends, strict=True):
            if again.cycle < end:
                again.session(answers)
                again.send(batch)
                again.idle(max(0, until - again.cycle))
        again.wave_end()
        self.written, self._window = (max(first, snapshots[start].cycle), end), None
