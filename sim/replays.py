"""The commands that send market data through the hardware: ``demo`` and ``replay``."""

import sys
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from spec import config
from spec.config import ConfigError, Design

from . import console
from .console import output
from .inputs import InputError
from .octets import Message
from .options import BUDGET, DESIGN, ENGINE, LOOK_INTO, OUT, PER_MESSAGE, SEED, SHARE, SPEED, WAVES, generated, load

_KEEP = "design"  #: of --symbols: those of the design, whatever is in the file


def _budgets(design: Design, said: list[str] | None) -> config.Budgets:
    """The design's budgets with those of the command line."""
    stages, budgets = config.Budgets.model_fields, design.budgets.model_dump()
    for each in said or []:
        stage, _, ns = each.partition("=")
        try:
            budgets[stage] = float(ns)
        except ValueError:
            budgets[stage] = 0.0
        if stage not in stages or not 0 < budgets[stage] < float("inf"):
            raise ConfigError(f"--budget: must be STAGE=NS with a stage of {', '.join(stages)} and ns above 0, "
                              f"not {each!r}")
    return config.Budgets(**budgets)


def _replay(design: Design, frames, *, out: Path, waves: bool, total: int | None, engine: str,
            budget: list[str] | None, per_message: bool, speed: str, seed: int,
            again: Callable[[], Iterable[Message]] | None) -> None:
    """Replay, print, look into a difference, and exit with the verdict. ``again`` opens the input's messages anew."""
    from . import replay as replays
    from . import report
    from .engine import ENGINES, NATIVE
    from .pace import Pace

    budgets, pace = _budgets(design, budget), Pace(speed, design)
    if engine not in ENGINES:
        raise ConfigError(f"--engine: one of {', '.join(ENGINES)}, not {engine!r}")
    with console.progress(total) as show:
        run = replays.run(design, frames, out=out, waves=waves and engine == NATIVE, engine=engine, pace=pace,
                         budgets=budgets, per_message=per_message, progress=lambda p: show(p.phase, p.messages))
    report.print_run(run, output)
    if run.first_difference is not None and again is not None:
        _investigate(design, run, again, out=out, seed=seed)
    raise typer.Exit(verdict(run))


def _investigate(design: Design, run, again: Callable[[], Iterable[Message]], *, out: Path, seed: int) -> None:
    from .bug import investigate, print_found
    from .engine import EngineError, build
    from .report import write_json
    from .simulators import MissingSimulator, ToolFailed

    def library(waves: bool) -> Path:
        return build(run.paths["verilog"], Path("build/native"), waves=waves)

    try:
        with console.progress(None, "") as show:
            found = investigate(design, run.first_difference, again, library=library(False),
                                traced=lambda: library(True), out=out, seed=seed, progress=show)
    except (ConfigError, EngineError, InputError, MissingSimulator, ToolFailed, OSError) as error:
        console.fail(f"the difference could not be looked into: {error}")  # which makes it no less of one
        return
    print_found(found, output)
    run.paths |= found.paths
    write_json(run, run.paths["run"])


def verdict(run) -> int:
    """The exit code of a run. A difference outweighs damage to the input, that a latency."""
    if run.differences:
        return console.DIFFERENT
    if run.input_error:
        return console.fail(run.input_error)
    if run.exceeded:
        for row in run.exceeded:
            print(f"tickwire: {row.name}: up to {row.ns(row.maximum):.1f} ns, {row.maximum} cycles; its budget is "
                  f"{row.budget_ns:g} ns", file=sys.stderr)
    return console.SUCCESS if run.passed else console.TOO_SLOW


def demo(
    design: Annotated[str, DESIGN] = "demo",
    messages: Annotated[int, typer.Option("--messages", "-n", help="Length of the session.")] = 100_000,
    seed: Annotated[int, SEED] = 1,
    out: Annotated[Path, OUT] = Path("build/demo"),
    waves: Annotated[bool, WAVES] = True,
    share: Annotated[float, SHARE] = 0.6,
    engine: Annotated[str, ENGINE] = "native",
    speed: Annotated[str, SPEED] = "wire",
    budget: Annotated[list[str] | None, BUDGET] = None,
    per_message: Annotated[bool, PER_MESSAGE] = False,
    look_into: Annotated[bool, LOOK_INTO] = True,
) -> None:
    """Send a generated market session through the hardware and compare it with the model.

    The session has all symbols of a small market, bursts, halts, auctions and every message type. The first
    run compiles the simulation, which takes a minute or two.

    \b
    [bold]Examples[/bold]
      tickwire demo
      tickwire demo --messages 1000000 --seed 7
      tickwire demo --design u280 --no-waves
      tickwire demo --budget book=20 --budget tick_to_trade=50
    """
    from .framing import as_file, frames

    chosen = load(design)
    session = generated(chosen, messages, seed, share)
    _replay(chosen, frames(as_file(session), design=chosen, seed=seed, bracket=True), out=out, waves=waves,
            total=messages, engine=engine, budget=budget, per_message=per_message, speed=speed, seed=seed,
            again=(lambda: as_file(session)) if look_into else None)


def replay(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="ITCH files (.itch, .itch.gz) or captures "
                                               "(.pcap, .pcapng); - is standard input.")],
    design: Annotated[str, DESIGN] = "demo",
    symbols: Annotated[str, typer.Option("--symbols", "-s", metavar="auto|A,B,...", help="Symbols to follow in place "
                       "of the design's: by name, or [bold]auto[/bold] for the busiest in the file. Without it, "
                       "auto is used if the file has none of the design's; [bold]design[/bold] keeps those "
                       "nevertheless.")] = "",
    line_b: Annotated[list[str] | None, typer.Option("--line-b", metavar="FILE", help="The same feed as it came on "
                      "line B; FILE... is line A then. May be given several times.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Stop after so many messages; of each line."
                                              )] = None,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="Begin at this time of the messages: HH:MM, "
                     "HH:MM:SS or HH:MM:SS.fraction. Symbols and trading states from before it are kept.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="End before this time.")] = "",
    seed: Annotated[int, SEED] = 1,
    out: Annotated[Path, OUT] = Path("build/replay"),
    waves: Annotated[bool, WAVES] = False,
    engine: Annotated[str, ENGINE] = "native",
    speed: Annotated[str, SPEED] = "wire",
    budget: Annotated[list[str] | None, BUDGET] = None,
    per_message: Annotated[bool, PER_MESSAGE] = False,
    look_into: Annotated[bool, LOOK_INTO] = True,
) -> None:
    """Send recorded market data through the hardware and compare it with the model.

    ITCH messages are wrapped into MoldUDP64 frames as on the real wire (the seed decides how many go into each);
    captured frames go in as they are. The format is found by looking at the content. Several files are one session.

    A file cut out of the middle of a day has no stock directory: its symbols are then known by their locate codes, the
    market is taken to be open, and orders that were added before the cut are flagged as unknown.

    \b
    [bold]Examples[/bold]
      tickwire replay day.itch.gz --symbols AAPL,MSFT --limit 5000000
      tickwire replay a.pcap --line-b b.pcap --speed realtime
      tickwire replay day.itch.gz --from 09:30 --to 09:35 --speed 10g
      tickwire generate -o day.itch --messages 50000 && tickwire replay day.itch
    """
    from .sources import both_lines, input_frames, input_messages
    from .window import Window

    window = Window.of(start, end)
    chosen, total = _fitted(load(design), files, symbols, limit, window)
    if line_b and len(chosen.feed.lines) < 2:
        raise ConfigError("--line-b: the design has one line (feed.lines)")
    options = {"design": chosen, "seed": seed, "limit": limit, "window": window}
    frames = both_lines(files, line_b, **options) if line_b else input_frames(files, **options)
    _replay(chosen, frames, out=out, waves=waves, total=total, engine=engine, budget=budget, per_message=per_message,
            speed=speed, seed=seed, again=(lambda: islice(input_messages(files, window), limit))
            if look_into and "-" not in files else None)


def _fitted(design: Design, files: list[str], symbols: str, limit: int | None, window) -> tuple[Design, int | None]:
    """The design for ``files``, and how many messages are in them if that is known."""
    from . import autodesign

    if "-" in files:  # cannot be read twice
        if symbols not in ("", _KEEP):
            raise ConfigError("--symbols: standard input cannot be looked at beforehand: name a file, or have the "
                              "symbols in --design FILE")
        return design, limit
    with console.progress(limit) as show:
        found = autodesign.scan(files, limit=limit, window=window,
                                progress=lambda done: show("looking for symbols", done))
    if not found.seen and not found.messages:
        raise InputError(files[0], "expected MoldUDP64 datagrams with ITCH messages, found none")
    if symbols == _KEEP:
        return autodesign.from_the_start(design, found), found.messages if found.whole else limit
    if symbols and symbols != "auto":
        design = autodesign.fit(design, found, stocks=[name.strip().upper() for name in symbols.split(",")])
    elif symbols == "auto" or not autodesign.occurs(design, found):
        if not symbols:
            output.print("None of the design's symbols is in this input; taking the busiest there (--symbols auto).")
        design = autodesign.fit(design, found)
    else:
        return autodesign.from_the_start(design, found), found.messages if found.whole else limit
    names = ", ".join(symbol.stock for symbol in design.symbols)
    scanned = "" if found.whole else f", from the first {found.messages:,} messages"
    output.print(f"Symbols{scanned}: {names}")
    return design, found.messages if found.whole else limit
