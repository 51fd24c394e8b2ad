"""What ``tickwire bench`` measures."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from sim import build, engine
from sim.framing import as_file, frames
from sim.generator import MIN_PER_SYMBOL, session
from sim.inputs import Frame
from spec import config
from spec.config import Design

from .engines import compare_engines
from .print import print_engines, print_profile, print_replays
from .profile import measure_replay, profile

_SHARES = {"6 of 10 messages about our symbols": 0.6, "1 of 20 messages about our symbols": 0.05}


def run(design: Design, *, messages: int, few: int, seed: int, say: Callable[[str], None], console: Console,
        build_dir: Path = Path("build/native")) -> int:
    """Measure everything and print it; how many differences there were, two engines that differ among them.

    Parameters
    ----------
    messages
        Of each whole replay on ``design``.
    few
        Of the input that all engines are given, on the preset ``small``; more if a session needs more.
    """
    small = config.preset("small")
    few = max(few, 300 + MIN_PER_SYMBOL * len(small.symbols))
    found = compare_engines(small, _session(small, few, seed, 0.6), build_dir=build_dir, progress=say)
    print_engines(found, console)
    say("building the simulation")
    library = engine.build(build.cached_verilog("core", design), build_dir)
    inputs = {what: _session(design, messages, seed, share) for what, share in _SHARES.items()}
    replays = []
    for what, input in inputs.items():
        say(f"replaying: {what}")
        replays.append(measure_replay(what, design, input, library))
    print_replays(replays, console)
    for what, input in inputs.items():
        say(f"taking apart: {what}")
        print_profile(what, profile(design, input, library), console)
    return sum(replay.run.differences for replay in replays) + len({speed.digest for speed in found}) - 1


def _session(design: Design, messages: int, seed: int, share: float) -> list[Frame]:
    day = session(design, messages=messages, seed=seed, share=share)
    return list(frames(as_file(day), design=design, seed=seed, bracket=True))
