"""From a difference to what a person needs to mend it: the story, the fewest messages that still fail, a waveform."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import tomli_w

from golden_model.core import Core
from sim.differences import Difference
from sim.octets import Message
from sim.outputs import write_itch
from spec import itch, moldudp64
from spec.config import Design

from . import save_file
from .minimise import minimise
from .story import Story, tell
from .trials import Trials

_AFTER = 50  #: messages kept behind the one that differs: some faults show only with what follows
_LAST = 20_000  #: messages before it, when its symbol's alone do not fail
_PREFIX = moldudp64.MESSAGE_BLOCK.length
_LOCATE, _STOCK = itch.HEADER["locate"], itch.MESSAGES["R"]["stock"]
_STANDING = frozenset(b"SRHYVWh")  #: without which the rest may mean something else


@dataclass
class Found:
    """What an investigation left.

    ``messages`` is empty where no part of the input that was tried fails by itself; then there are no files.
    """

    difference: Difference  #: in the whole input
    story: Story
    messages: list[bytes]
    trials: int
    minimised: Difference | None = None  #: in ``input``
    input: Path | None = None
    waveform: Path | None = None
    save_file: Path | None = None
    command: str = ""  #: that replays it

    @property
    def paths(self) -> dict[str, Path]:
        """What there is of files, for ``Run.paths``."""
        files = {"minimised": self.input, "minimised_waveform": self.waveform, "minimised_signals": self.save_file}
        return {name: path for name, path in files.items() if path}


def investigate(design: Design, difference: Difference, source: Callable[[], Iterable[Message]], *, library: Path,
                traced: Callable[[], Path], out: Path, seed: int = 1, model: Callable = Core,
                progress: Callable[[str], None] = lambda what: None) -> Found:
    """Look into ``difference``, the first of a replay of ``source``.

    Snapshots of the whole run are not needed: once the input is a few dozen messages long, the run that is traced
    starts at its beginning.

    Parameters
    ----------
    source
        Opens the input's messages again.
    library, traced
        The compiled hardware; the same with waveforms, asked for when it is needed.
    out
        Where ``minimised.itch``, ``minimised.toml``, ``minimised.fst`` and ``minimised.gtkw`` go.
    model
        Of ``design``.
    """
    def make():
        return model(design)

    progress("reading the input again")
    number, candidates = _candidates(design, difference, source)
    progress("telling the story")
    history = candidates[0]
    found = Found(difference, tell(design, history, number, model=make) if history else Story(), [], 0)
    trials = Trials(design, library, model=make, like=difference, seed=seed)
    for candidate in candidates:
        progress(f"trying {len(candidate):,} messages")
        if candidate and trials.fails(candidate):
            def fails(messages: list[bytes]) -> bool:
                progress(f"minimising: {len(messages):,} messages, trial {trials.count}")
                return trials.fails(messages)

            found.messages = minimise(candidate, fails)
            break
    found.trials = trials.count
    if found.messages:
        _leave(found, design, trials, library, traced, Path(out), seed, make, progress)
    return found


def _leave(found: Found, design: Design, trials: Trials, library: Path, traced: Callable[[], Path], out: Path,
           seed: int, make: Callable, progress: Callable[[str], None]) -> None:
    found.input, config = out / "minimised.itch", out / "minimised.toml"
    write_itch(found.input, found.messages)
    config.write_text(tomli_w.dumps(design.model_dump(mode="json", exclude_none=True)))
    # Few messages may not name a symbol of the design's, which must be the design that failed all the same.
    found.command = f"tickwire replay {found.input} --design {config} --symbols design --seed {seed}"
    progress("building the simulation with waveforms")
    with_waves = Trials(design, traced(), model=make, like=found.difference, seed=seed)
    progress("recording the waveform")
    again = with_waves.run(found.messages, out / "minimised", waves=True)
    found.minimised = again.first_difference
    if "waveform" in again.paths and found.minimised is not None:
        found.waveform = again.paths["waveform"].rename(out / f"minimised{again.paths['waveform'].suffix}")
        found.save_file = save_file.write(out / "minimised.gtkw", found.waveform, stage=found.difference.stage,
                                          cycle=found.minimised.cycle or 0)


def _candidates(design: Design, difference: Difference,
                source: Callable[[], Iterable[Message]]) -> tuple[int, list[list[bytes]]]:
    """What may fail by itself: messages of the symbol and of none; of all of the design's symbols, the last of them; of
    everything, the last. And the number of the message that differs, in the first of these."""
    stop = _position(difference, source)
    locates = {symbol.locate for symbol in design.symbols if symbol.locate}
    stocks = {symbol.stock_octets for symbol in design.symbols}
    locate = 0
    for at, octets in enumerate(_until(source, stop)):
        if octets[:1] == b"R" and octets[_STOCK.offset : _STOCK.end] in stocks:
            locates.add(_locate(octets))
        if at == stop:
            locate = _locate(octets)
    history, following, everything = [], _Last(), _Last()
    number = 0
    for at, octets in enumerate(_until(source, stop)):
        of = _locate(octets)
        if of in (locate, 0):
            number = len(history) if at == stop else number
            history.append(octets)
        if of in locates or not of:
            following.add(octets)
        everything.add(octets)
    return number, [history, following.messages, everything.messages]


class _Last:
    """The last of many messages, and what stands from before them."""

    def __init__(self):
        self._standing: list[bytes] = []
        self._last: deque[bytes] = deque()

    def add(self, octets: bytes) -> None:
        self._last.append(octets)
        if len(self._last) > _LAST and (oldest := self._last.popleft())[0] in _STANDING:
            self._standing.append(oldest)

    @property
    def messages(self) -> list[bytes]:
        return [*self._standing, *self._last]


def _position(difference: Difference, source: Callable[[], Iterable[Message]]) -> int:
    """Of the message in the input, from 0; of the last one where the difference concerns none."""
    at, place = -1, difference.place
    for at, message in enumerate(source()):
        if place is not None and at >= (difference.message or 0) and message.offset + _PREFIX == place.offset:
            return at
    return at if difference.message is None else min(at, difference.message)


def _until(source: Callable[[], Iterable[Message]], stop: int) -> Iterator[bytes]:
    return (message.octets for message in islice(source(), stop + 1 + _AFTER))


def _locate(octets: bytes) -> int:
    return int.from_bytes(octets[_LOCATE.offset : _LOCATE.end], "big")
