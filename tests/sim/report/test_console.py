"""The console's table of latencies holds whatever a day brings, in 100 columns."""

import io
from dataclasses import replace

from rich.console import Console

from sim import report
from sim.latency import DEPTH, FIRST_TO_FIRST, TICK_TO_TRADE, Row
from sim.run import Run
from spec import config
from spec.counters import COUNTERS

ROWS = [Row("book", 269_000_000, 7, 7, 7, 7, 7, 7, 60, 3.1),
        Row(TICK_TO_TRADE, 20_000_000, 15, 15, 15, 15, 15, 15, 200, 3.1),
        Row(FIRST_TO_FIRST, 20_000_000, 17, 19, 20, 20, 20, 20, None, 3.1),
        Row(DEPTH, 200_000_000, 14, 1087, 1955, 2194, 2268, 2316, None, 3.1)]


def _text(rows):
    zeros = {stage: dict.fromkeys(names, 0) for stage, names in COUNTERS.items()}
    run = Run(config.preset("small"), latency=rows, tick_to_trade=15, counters=zeros, queue={0: 97, 1: 2, 3: 1},
              compared={"messages": 1, "tx": 1})
    console = Console(width=180, record=True, file=io.StringIO())
    report.print_run(run, console)
    return console.export_text()


def test_percentiles_budgets_and_the_queue():
    lines = [line.rstrip() for line in _text(ROWS).splitlines()]
    assert max(map(len, lines)) <= 100 and not any("…" in line for line in lines)
    table = {line.strip().split("  ")[0]: line.split() for line in lines}
    assert table[DEPTH][-7:] == ["200,000,000", "1,087", "1,955", "2,194", "2,268", "2,316", "7179.6"]
    assert table["book"] == ["book", "269,000,000", "7", "7", "7", "7", "7", "21.7", "60", "holds"]
    assert "Orders still before the wire when another was approved: p50 0, p99 1, max 3." in lines


def test_a_stage_over_its_budget_is_named():
    text = _text([replace(ROWS[0], budget_ns=21.0), *ROWS[1:]])
    assert "FAILED: over budget: book" in text
    assert [line.split()[-1] for line in text.splitlines() if line.strip().startswith("book ")] == ["over"]
