"""A short run on the real core, as its directory."""

from pathlib import Path

from sim import replay
from sim.framing import as_file, frames
from sim.generator import session
from sim.run import Run
from spec import config

DESIGN = config.preset("small")


def run(out: Path, *, messages: int = 8000, seed: int = 1, design=DESIGN, **options) -> Run:
    return replay.run(design, frames(as_file(session(design, messages=messages, seed=seed)), design=design, seed=seed,
                                     bracket=True), out=out, **options)
