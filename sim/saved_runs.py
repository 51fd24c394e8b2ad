"""Commands on a run that is done, from what it left in its directory."""

from pathlib import Path
from typing import Annotated

import typer

from spec.config import ConfigError

from .console import DIFFERENT, SUCCESS, output


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Directory that a run wrote into (its --out).")],
    prometheus: Annotated[Path | None, typer.Option("--prometheus", metavar="FILE", help="All counters, the verdict "
                          "and latency quantiles in Prometheus' text format.")] = None,
    traces: Annotated[Path | None, typer.Option("--traces", metavar="FILE", help="One OpenTelemetry trace per order, "
                      "as OTLP JSON; Jaeger loads it.")] = None,
    orders: Annotated[int, typer.Option("--orders", min=1, help="Traces at most, spread evenly over the run.")] = 1000,
    stretch: Annotated[int, typer.Option("--stretch", min=1, help="Nanoseconds shown in a trace for each that passed. "
                       "Jaeger shows whole microseconds: with 1000 a nanosecond looks like one.")] = 1,
    arrow: Annotated[Path | None, typer.Option("--arrow", metavar="DIR", help="The run's Parquet tables as Arrow IPC "
                     "files.")] = None,
) -> None:
    """Write what a run measured for other tools.

    The run's own directory has its tables as Parquet and its summary as JSON already; docs/report.md lists them.

    \b
    [bold]Examples[/bold]
      tickwire export build/demo --prometheus counters.prom
      tickwire export build/demo --traces orders.json --orders 100 --stretch 1000
    """
    from .export import arrow as arrow_files
    from .export import prometheus as prometheus_text
    from .export import traces as otlp
    from .report.saved import SavedRun

    saved = SavedRun(run)
    if not (prometheus or traces or arrow):
        raise ConfigError("export: at least one of --prometheus, --traces, --arrow")
    if prometheus:
        prometheus_text.write(saved.summary, prometheus)
        output.print(f"{prometheus}", soft_wrap=True)
    if traces:
        with saved.opened("orders") as table:
            count = otlp.write(table, traces, name=run.resolve().name, period_ns=saved.period_ns, stretch=stretch,
                               limit=orders)
            output.print(f"{traces}: {count:,} of {table.metadata.num_rows:,} orders", soft_wrap=True)
    if arrow:
        for path in arrow_files.write(saved, arrow):
            output.print(f"{path}", soft_wrap=True)


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Directory that a run wrote into (its --out).")],
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to; report.html in the run's "
                                             "directory without it.")] = None,
) -> None:
    """Write a run as one HTML page, which needs no network.

    Verdict, latency of each stage against its budget, distributions, throughput and bursts, the order book of each
    symbol with trades, averages and our orders, refusals, counters, and differences with links to waveforms.

    \b
    [bold]Example[/bold]
      tickwire demo && tickwire report build/demo
    """
    from .report.page import write
    from .report.saved import SavedRun

    path = out or run / "report.html"
    write(SavedRun(run), path)
    output.print(f"{path}: {path.stat().st_size:,} octets", soft_wrap=True)


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="Directory that a run wrote into.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
) -> None:
    """Compare two recorded runs: design, counters, books, every field of every order, every order frame, latencies.

    Exit code: 0 they are the same, 1 they differ.

    \b
    [bold]Example[/bold]
      tickwire demo -o build/a && tickwire demo -o build/b --seed 2 && tickwire diff build/a build/b
    """
    from .report.saved import SavedRun
    from .run_diff import compare, print_changes

    count = print_changes(a, b, compare(SavedRun(a), SavedRun(b)), output)
    raise typer.Exit(DIFFERENT if count else SUCCESS)
