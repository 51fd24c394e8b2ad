"""The ``tickwire`` command."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from spec.config import ConfigError

from . import console, replays, saved_runs
from .card import CardError
from .card import commands as cards
from .console import output
from .exchange.command import exchange
from .inputs import InputError
from .options import DESIGN, OUT, SEED, SHARE, generated, load
from .vitis.command import vitis

app = typer.Typer(
    name="tickwire", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode="rich", context_settings={"help_option_names": ["-h", "--help"]},
    help="""Tick-to-trade hardware from Python, proved against a golden model.

Market data goes in as Ethernet frames; risk-checked orders come out. The commands generate the hardware as Verilog, \
run it in a simulator beside a model in pure Python, compare every record at every stage, and measure every stage.

New here? [bold]tickwire demo[/bold] shows all of it in one run.

Exit code: 0 all is well, 1 hardware and model differ or a test failed, 2 an error, 3 a budget is exceeded.""")


def command(function: Callable) -> Callable:
    """Make ``function`` a command. Its docstring is the help; a paragraph after \\b keeps its lines."""
    paragraphs = inspect.getdoc(function).split("\n\n")
    text = "\n\n".join(p if p.startswith("\b") else p.replace("\n", " ") for p in paragraphs)
    return app.command(help=text)(function)


command(replays.demo)
command(replays.replay)
command(saved_runs.report)
command(saved_runs.export)
command(saved_runs.diff)


@command
def generate(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="What to write: .itch, .itch.gz or .pcap.")],
    messages: Annotated[int, typer.Option("--messages", "-n", help="Exactly so many.")] = 100_000,
    seed: Annotated[int, SEED] = 1,
    design: Annotated[str, DESIGN] = "demo",
    share: Annotated[float, SHARE] = 0.6,
    symbols: Annotated[int | None, typer.Option("--symbols", min=2, help="All symbols, the design's among them; a few "
                                                "hundred without it.")] = None,
) -> None:
    """Write a generated market session to a file.

    It is shaped like a real day on Nasdaq: mix of message types, skew over symbols, bursts, quotes far from the market.
    The same options give the same octets. A .pcap has the frames that [bold]demo[/bold] sends.

    \b
    [bold]Examples[/bold]
      tickwire generate -o day.itch.gz --messages 1000000
      tickwire generate -o day.itch --messages 20000000 --symbols 8000 --share 0.05
      tickwire generate -o frames.pcap --seed 7 --design small --messages 5000
    """
    from .outputs import WRITERS, writer

    chosen = load(design)
    session = generated(chosen, messages, seed, share, symbols)
    write = writer(out)
    if write is None:
        raise ConfigError(f"--out: {str(out)!r} must end in {', '.join(WRITERS)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    with console.progress(messages) as show:
        session.progress = lambda written: show("generating", written)
        write(out, session, design=chosen, seed=seed)
    output.print(f"{out}: {messages:,} messages, {out.stat().st_size:,} octets", soft_wrap=True)


@command
def describe(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="ITCH files (.itch, .itch.gz) or captures "
                                               "(.pcap, .pcapng); - is standard input.")],
) -> None:
    """Say what is in recorded market data, beside a real day: types, bursts, skew, live orders, executions.

    \b
    [bold]Examples[/bold]
      tickwire describe day.itch.gz
    """
    from .generator import describe as statistics_of
    from .generator.print import print_statistics
    from .sources import input_messages

    damage = []

    def whole():
        try:
            yield from (message.octets for message in input_messages(files))
        except InputError as error:
            damage.append(str(error))

    with console.progress(None) as show:
        found = statistics_of(console.counted(whole(), show, "reading", every=65536))
    if found.messages:
        print_statistics(found, output)
    if damage:
        raise typer.Exit(console.fail(damage[0]))


@command
def verilog(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Directory for the .v files.")],
    design: Annotated[str, DESIGN] = "demo",
) -> None:
    """Write the Verilog of the core, and of each stage by itself.

    The same design gives the same octets, whenever and wherever. Clock and synchronous reset are clk and rst; RX and TX
    are AXI4-Stream.

    \b
    [bold]Example[/bold]
      tickwire verilog -o build/verilog --design u280
    """
    from . import build

    chosen = load(design)
    written = []
    units = [*build.STAGES, "core"]
    with console.progress(len(units), "modules") as show:
        for number, unit in enumerate(units):
            show(f"writing {build.module_name(unit)}", number)
            written.append((unit, build.verilog(unit, chosen, out)))
    for unit, path in written:
        output.print(f"{path}  {unit:<10} {path.stat().st_size:>12,} octets", soft_wrap=True)


@command
def latency(
    design: Annotated[str, DESIGN] = "demo",
    messages: Annotated[int, typer.Option("--messages", "-n", help="Length of the session that is measured.")] = 20_000,
    seed: Annotated[int, SEED] = 1,
    out: Annotated[Path, OUT] = Path("build/latency"),
) -> None:
    """Explain and measure the latency of each stage against its budget.

    What each stage does in its cycles, what the design promises, and what a short generated session measured.

    \b
    [bold]Examples[/bold]
      tickwire latency
      tickwire latency --design my.toml && echo within budget
    """
    from . import explain, replay
    from .framing import as_file, frames

    chosen = load(design)
    session = generated(chosen, messages, seed)
    with console.progress(messages) as show:
        run = replay.run(chosen, frames(as_file(session), design=chosen, seed=seed, bracket=True), out=out,
                         progress=lambda p: show(p.phase, p.messages))
    explain.print_latency(run, output)
    raise typer.Exit(replays.verdict(run))


@command
def fill(
    design: Annotated[str, typer.Option("--design", "-d", metavar="NAME|FILE", help="Preset or path of a TOML file; "
                                        "without it, eight symbols and a table of 196 624 entries.")] = "",
    seed: Annotated[int, SEED] = 1,
    hardware: Annotated[bool, typer.Option("--hardware/--no-hardware", help="Send the same orders through the compiled "
                                           "book and see that it raises the flag with the same message.")] = True,
) -> None:
    """Fill the order table with references like a real day's until it spills, and until it is full.

    Says how many orders rest at either moment, what share of the table's entries that is, and how many UltraRAMs the
    entries take.

    \b
    [bold]Examples[/bold]
      tickwire fill
      tickwire fill --design u280 --no-hardware
    """
    from . import fill as filling
    from .engine.book import library

    chosen = load(design) if design else filling.built_in()
    with console.progress(None, "orders") as show:
        found = filling.fill(chosen, seed=seed, progress=lambda live: show("filling", live))
        if hardware:
            show("building the simulation", 0)
            built = library(chosen)
            found = filling.confirm(found, built, seed=seed, progress=lambda sent: show("compiled book", sent))
    filling.print_fill(found, output)
    raise typer.Exit(console.DIFFERENT if hardware and not found.confirmed else console.SUCCESS)


@command
def rate(
    stages: Annotated[list[str] | None, typer.Argument(metavar="[STAGE]...",
                                                       help="book, order; both without it.")] = None,
    design: Annotated[str, DESIGN] = "small",
    messages: Annotated[int, typer.Option("--messages", "-n", min=1000, help="In as many cycles, without a pause.")]
    = 1_000_000,
    seed: Annotated[int, SEED] = 1,
) -> None:
    """Give the compiled book a message in every cycle, and the order stage more orders than leave.

    The book is compared with its model; the latency of every update must be the same number of cycles at rest and at
    full load. Then come the orders per second that leave, with OUCH and with FIX, and what a wire has room for.

    \b
    [bold]Examples[/bold]
      tickwire rate
      tickwire rate book --design demo --messages 200000
    """
    from . import order_rate
    from . import rate as rating
    from .engine.book import library

    if unknown := [stage for stage in stages or () if stage not in ("book", "order")]:
        raise ConfigError(f"no rate of {unknown[0]!r}; choose from book, order")
    chosen, code = load(design), console.SUCCESS
    if not stages or "book" in stages:
        with console.progress(None, "") as show:
            show("building the simulation")
            found = rating.measure(chosen, library(chosen), messages=messages, seed=seed, progress=show)
        rating.print_rate(found, output)
        different = found.rest.differences or found.full.differences
        code = console.DIFFERENT if different else console.SUCCESS if found.passed else console.TOO_SLOW
    if not stages or "order" in stages:
        with console.progress(None, "") as show:
            rates = order_rate.measure(chosen, seed=seed, progress=show)
        order_rate.print_order_rates(rates, output)
    raise typer.Exit(code)


@command
def bench(
    design: Annotated[str, DESIGN] = "demo",
    messages: Annotated[int, typer.Option("--messages", "-n", min=1000, help="Of each whole replay.")] = 100_000,
    few: Annotated[int, typer.Option("--few", min=100, help="That all engines are given, on the preset small: Icarus "
                                     "does some thirty a second.")] = 500,
    seed: Annotated[int, SEED] = 1,
) -> None:
    """Measure how fast hardware and replays are, in each engine, and where the time goes.

    The same short input through all three engines, hardware alone; then whole replays with everything compared, once
    with six of ten messages about the design's symbols and once with one of twenty; then the parts of each.

    \b
    [bold]Examples[/bold]
      tickwire bench
      tickwire bench --messages 1000000
    """
    from . import bench as benchmark

    with console.progress(None, "") as show:
        differences = benchmark.run(load(design), messages=messages, few=few, seed=seed, say=show, console=output)
    raise typer.Exit(console.DIFFERENT if differences else console.SUCCESS)


@command
def test(
    units: Annotated[list[str] | None, typer.Argument(metavar="[STAGE]...", help="feed, book, indicators, strategy, "
                                                      "risk, order, session, core; all without it.")] = None,
    simulator: Annotated[str, typer.Option("--simulator", help="verilator, icarus or both.")] = "both",
    design: Annotated[str, DESIGN] = "small",
    seed: Annotated[int, SEED] = 1,
    waves: Annotated[bool, typer.Option("--waves", help="Record waveforms.")] = False,
) -> None:
    """Run the benches: hardware of a stage against its golden model, in a simulator.

    For everything else that is tested, run pytest (make test).

    \b
    [bold]Examples[/bold]
      tickwire test
      tickwire test book risk --simulator verilator --seed 5
    """
    from . import benches

    raise typer.Exit(benches.run(units or [], simulator=simulator, design=design, seed=seed, waves=waves))


@command
def synth(
    units: Annotated[list[str] | None, typer.Argument(metavar="[STAGE]...", help="feed, book, indicators, strategy, "
                                                      "risk, order, session, core; all without it; kernel by name.")]
    = None,
    design: Annotated[str, DESIGN] = "small",
    levels: Annotated[int, typer.Option("--levels", min=1, metavar="N", help="Levels of logic allowed between two "
                                        "registers of the hot path.")] = 6,
    as_json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures to a file.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Stages mapped at a time.")] = 2,
) -> None:
    """Map the gateware to UltraScale+ with Yosys: resources, and levels of logic between registers.

    Each stage by itself and the core as a whole, as shares of an Alveo U280. What has not changed is not mapped again.
    Estimates: nothing is placed or routed.

    \b
    [bold]Examples[/bold]
      tickwire synth
      tickwire synth book --design u280 --levels 5 --json build/book.json
    """
    from .synth import report as synth_report
    from .synth import synthesise

    chosen = load(design)
    with console.progress(len(units or []) or None, "mapped") as show:
        found = synthesise(chosen, Path(design).stem, units=units, jobs=jobs, progress=show)
    synth_report.print_synthesis(found, levels, output)
    if as_json:
        output.print(f"{synth_report.write_json(found, levels, as_json)}", soft_wrap=True)
    if any(unit.faults for unit in found.units):
        raise typer.Exit(console.DIFFERENT)
    raise typer.Exit(console.TOO_SLOW if found.exceeded(levels) else console.SUCCESS)


command(exchange)
command(vitis)
command(cards.card)
command(cards.host)


def run(arguments: list[str]) -> int:
    """The exit code of ``tickwire ARGUMENTS``. Users' errors become one line."""
    from .engine import EngineError
    from .simulators import MissingSimulator, ToolFailed

    try:
        app(arguments, prog_name="tickwire")
    except SystemExit as done:
        return done.code or console.SUCCESS
    except (ConfigError, InputError, MissingSimulator, ToolFailed, EngineError, CardError, OSError) as error:
        return console.fail(str(error))
    return console.SUCCESS


def main() -> None:
    """Entry point."""
    sys.exit(run(sys.argv[1:]))
