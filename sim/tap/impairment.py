"""What happens to frames on the way: loss, duplication, reordering, delay; the same for the same seed and frames."""

import heapq
from dataclasses import dataclass
from random import Random

_LONGEST_HOLD_NS = 20_000_000  #: a reordered frame goes on at last, though none overtakes it


@dataclass(frozen=True)
class Impairment:
    """Of one direction. Probabilities per frame, independent of each other."""

    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0  #: let one to three later frames go first
    delay_ns: int = 0
    jitter_ns: int = 0  #: up to so much more delay, which alone keeps the order


NONE = Impairment()


class Wire:
    """One direction.

    Members
    -------
    counts : dict[str, int]
        Frames ``lost``, ``duplicated``, ``reordered``, and ``passed`` on (a duplicate is another).
    """

    def __init__(self, impairment: Impairment, seed: str):
        self.impairment = impairment
        self.counts = dict.fromkeys(("lost", "duplicated", "reordered", "passed"), 0)
        self._random = Random(seed)
        self._coming: list[tuple[int, int, bytes]] = []  # heap of release in ns, number, frame
        self._held: list[list] = []  # frames still to overtake it, latest release in ns, frame
        self._number = self._last = 0

    def put(self, frame: bytes, now_ns: int) -> None:
        chance, impairment = self._random.random, self.impairment
        lost, twice, late = (chance() < p for p in (impairment.loss, impairment.duplication, impairment.reordering))
        jitter, overtaking = self._random.randint(0, impairment.jitter_ns), self._random.randint(1, 3)
        if lost:
            self.counts["lost"] += 1
            return
        release = self._last = max(self._last, now_ns + impairment.delay_ns + jitter)
        if late:
            self.counts["reordered"] += 1
            self._held.append([overtaking, release + _LONGEST_HOLD_NS, frame])
        else:
            self._push(release, frame)
        if twice:
            self.counts["duplicated"] += 1
            self._push(release, frame)

    def take(self, now_ns: int) -> list[bytes]:
        """Frames that arrive by now, in this order."""
        frames = []
        while self._coming and self._coming[0][0] <= now_ns:
            frames.append(heapq.heappop(self._coming)[2])
            for held in self._held:
                held[0] -= 1
            self._let_go(frames, now_ns)
        self._let_go(frames, now_ns)
        self.counts["passed"] += len(frames)
        return frames

    def next_ns(self) -> int | None:
        """When the next frame arrives; None if none is on the way."""
        return min([*(latest for _, latest, _ in self._held), *(release for release, *_ in self._coming[:1])],
                   default=None)

    def _let_go(self, frames: list[bytes], now_ns: int) -> None:
        frames += [frame for left, latest, frame in self._held if left <= 0 or latest <= now_ns]
        self._held = [held for held in self._held if held[0] > 0 and held[1] > now_ns]

    def _push(self, release: int, frame: bytes) -> None:
        self._number += 1
        heapq.heappush(self._coming, (release, self._number, frame))
