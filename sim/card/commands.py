"""The commands ``card`` and ``host``."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from sim import console
from sim.console import output
from sim.options import DESIGN, SEED, SHARE, SPEED, generated, load
from spec.config import ConfigError


def card(
    socket: Annotated[Path, typer.Option("--socket", metavar="PATH", help="Where hosts find it.")] = Path("build/card"),
    design: Annotated[str, DESIGN] = "small",
    messages: Annotated[int, typer.Option("--messages", "-n", help="Of market data, from each start on; 0: none.")]
    = 100_000,
    seed: Annotated[int, SEED] = 1,
    share: Annotated[float, SHARE] = 0.6,
    speed: Annotated[str, SPEED] = "10g",
) -> None:
    """Be a card: the compiled kernel at a socket, with market data on its wires and a venue that answers.

    A host program finds registers, host memory and interrupts as on a real one. The first start compiles the kernel.
    Ctrl-C ends it.

    \b
    [bold]Examples[/bold]
      tickwire card &
      tickwire host --card sim:build/card --seconds 5
      tickwire_host --card sim:build/card --table
    """
    from sim.framing import as_file, frames
    from sim.pace import Pace

    from .compiled import CompiledCard
    from .feeder import Feeder
    from .server import CardServer

    chosen = load(design)
    Pace(speed, chosen)
    session = generated(chosen, messages, seed, share) if messages else None
    with console.progress(None, "") as show:
        show("building the kernel")
        built = CompiledCard(chosen)
    socket.parent.mkdir(parents=True, exist_ok=True)
    server = CardServer(built, socket, say=lambda line: output.print(line))
    feeder = Feeder(server, chosen, lambda: frames(as_file(session), design=chosen, seed=seed, bracket=True)
                    if session else (), speed)
    stopped = _stopped()
    output.print(f"a card of design {design} at {socket}; Ctrl-C ends it", soft_wrap=True)
    try:
        while not stopped.is_set():
            server.serve_once()
            feeder.step()
    finally:
        server.close()
        built.close()
    output.print(f"{feeder.sent:,} frames went in since the last start, {feeder.orders:,} orders came out")


def host(
    card: Annotated[str, typer.Option("--card", metavar="xrt:INDEX|sim:PATH", help="A card behind XRT; a simulated "
                                      "one.")] = "sim:build/card",
    xclbin: Annotated[Path | None, typer.Option("--xclbin", metavar="FILE", help="For xrt:.")] = None,
    design: Annotated[str, DESIGN] = "small",
    names: Annotated[Path | None, typer.Option("--names", metavar="FILE", help="What the day's symbols are: CSV with "
                                               "symbol,stock,locate.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0, help="How long; until Ctrl-C without it.")]
    = None,
    table: Annotated[bool, typer.Option("--table/--no-table", help="Show a live table.")] = True,
    metrics: Annotated[int | None, typer.Option("--metrics", metavar="PORT", min=0, max=65535, help="Prometheus text "
                                                "at http://127.0.0.1:PORT/metrics; 0 takes a free port.")] = None,
) -> None:
    """Run a card: clock, limits of the design, rings, and a clean end with the kill switch first.

    The C++ program tickwire_host does the same and more, faster: docs/host.md. Exit code 1 if records were lost.

    \b
    [bold]Examples[/bold]
      tickwire host --card sim:build/card --seconds 5 --metrics 9400
      tickwire host --card xrt:0 --xclbin tickwire_kernel.hw.xclbin --design u280
    """
    from contextlib import ExitStack

    from . import names as names_of
    from .host import Host
    from .program import MetricsServer, Program, until

    stopped, chosen = _stopped(), load(design)
    day = names_of.read(names, chosen) if names else ()
    with ExitStack() as stack:
        opened = _open(card, xclbin)
        stack.callback(opened.close)
        program = Program(Host(opened), chosen, names=day, say=lambda line: output.print(line))
        try:
            program.start()
            if metrics is not None:
                server = stack.enter_context(MetricsServer(program, metrics))
                output.print(f"metrics: http://127.0.0.1:{server.port}/metrics")
            live = stack.enter_context(Live(console=output, transient=True)) if (
                table and output.is_terminal) else None
            for _ in until(seconds, stopped.is_set):
                program.poll()
                if live:
                    live.update(program.table())
        finally:
            clean = program.stop()
    raise typer.Exit(console.SUCCESS if clean else console.DIFFERENT)


def _open(name: str, xclbin: Path | None):
    kind, _, where = name.partition(":")
    if kind == "sim" and where:
        from .remote import SocketCard

        return SocketCard(Path(where))
    if kind == "xrt" and where.isdigit():
        from .xrt import XrtCard

        if xclbin is None:
            raise ConfigError("--xclbin: needed with --card xrt:INDEX")
        return XrtCard(int(where), xclbin)
    raise ConfigError(f"--card: xrt:INDEX or sim:PATH, not {name!r}")


def _stopped() -> threading.Event:
    """Set by Ctrl-C and SIGTERM from now on, which then end nothing by themselves."""
    event = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: event.set())
    return event
