"""One message in every cycle: the compiled book at its full rate, against its model, with the latency of each update.

At rest a message comes every forty cycles or so and the book does its own work between them; at full load there is not
one free cycle. The latency must be the same bar in both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from spec.config import Design

from .book_run import BookRun, Result, Segment
from .storms import Storms


@dataclass(frozen=True)
class Rate:
    """What both loads showed."""

    declared: int  #: cycles that the gateware promises
    rest: Result
    full: Result

    @property
    def passed(self) -> bool:
        """No difference, no free cycle at full load, and one latency, the declared one."""
        results = self.rest, self.full
        return (not any(result.differences for result in results) and self.full.longest == self.full.messages
                and all(set(result.latency.counts) == {self.declared} for result in results))


def measure(design: Design, library: Path, *, messages: int = 1_000_000, at_rest: int = 50_000, seed: int = 1,
            progress: Callable[[str], None] = lambda what: None) -> Rate:
    """Messages by the shares of a real day: first ``at_rest`` of them with pauses, then ``messages`` without."""
    from hdl.book import Book

    storms = Storms(design, seed)

    def segment(count: int) -> Segment:
        storms.forget()
        made = [*storms.directory()]
        made += storms.mixture(count - len(made), step=0)  # without a free cycle no window can follow a market
        return Segment(b"".join(made))

    progress("at rest")
    quiet = segment(at_rest)
    gaps = np.random.default_rng(seed).integers(20, 60, len(quiet), np.uint32)
    rest = BookRun(design, library, seed=seed, threats=0).run([Segment(quiet.octets, gaps=gaps)])
    progress("at full load")
    full = BookRun(design, library, seed=seed).run([segment(messages)])
    return Rate(Book.LATENCY, rest, full)


def print_rate(found: Rate, console: Console) -> None:
    """Both loads, and the latencies as a histogram."""
    for what, result in (("at rest", found.rest), ("at full load", found.full)):
        console.print(f"{what}: {result.messages:,} messages, the longest run of cycles with one in each "
                      f"{result.longest:,}; {result.updates:,} updates, "
                      f"{result.known / max(result.updates, 1):.1%} known; "
                      f"{result.depths:,} depths; {result.differences:,} differences", soft_wrap=True)
        for cycles, count in sorted(result.latency.counts.items()):
            bar = "#" * max(1, round(50 * count / len(result.latency)))
            console.print(f"  {cycles:>3} cycles {bar} {count:,}", markup=False)
        for described in result.described:
            console.print(f"  {described}", markup=False, soft_wrap=True)
    console.print(f"declared: {found.declared} cycles; {'holds' if found.passed else 'DOES NOT HOLD'}")
