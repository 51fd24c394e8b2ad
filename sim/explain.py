"""What each stage does in its cycles: what the gateware declares beside what a run measured."""

import gc
import importlib
import inspect
import re
import warnings

from amaranth.hdl import UnusedElaboratable
from rich import box
from rich.console import Console
from rich.table import Table

from spec.config import Design

from . import build
from .latency import DEPTH, FIRST_TO_FIRST, STAGES, TICK_TO_TRADE, TRANSMIT, WAIT
from .run import Run

#: Row -> what happens there.
DOES = {
    "feed": "Ethernet, VLAN, IPv4, UDP and MoldUDP64 to checked ITCH messages in sequence",
    "book": "order table, price levels, best bid and offer, trading state",
    DEPTH: "five best levels of a side, in slots that no message takes; beside the hot path",
    "indicators": "VWAP's sums, simple and exponential moving average; beside the hot path",
    "vwap quotient": "VWAP itself, a pipelined division; beside the hot path",
    "strategy": "signal, and nothing on what is flagged, halted or cooling down",
    "risk": "every pre-trade check, and the position",
    "encode": "OUCH in SoupBinTCP",
    TRANSMIT: "TCP, IPv4 and Ethernet around it; first beat on TX",
    TICK_TO_TRADE: "last octet of the message in, first octet of the order out",
    FIRST_TO_FIRST: "first octet of the message in, first octet of the order out",
    WAIT: "orders that found TX busy with the one before",
}
_RULE = re.compile(r"=+( +=+)+ *")


def declared(design: Design) -> dict[str, int]:
    """Cycles that the gateware promises, by row."""
    from hdl.order import Transmit, encoder

    cycles = {stage: _gateware(stage).LATENCY for stage in ("feed", "book", "indicators", "risk")}
    with warnings.catch_warnings():  # made to be asked, not to be built
        warnings.simplefilter("ignore", UnusedElaboratable)
        cycles["strategy"] = build.component("strategy", design).LATENCY  # depends on the signal
        gc.collect()
    cycles |= {"vwap quotient": _gateware("indicators").VWAP_LATENCY, "encode": encoder(design).LATENCY,
               TRANSMIT: Transmit.LATENCY}
    hot = ("feed", "book", "strategy", "risk", "encode", TRANSMIT)
    return cycles | {TICK_TO_TRADE: sum(cycles[stage] for stage in hot)}


def _gateware(stage: str) -> type:
    return getattr(importlib.import_module(f"hdl.{stage}"), build.STAGES[stage])


def cycle_by_cycle(stage: str) -> list[str]:
    """The table in the gateware's documentation that says what happens in which cycle; empty where there is none."""
    lines = (inspect.getdoc(_gateware(stage)) or "").splitlines()
    rules = [i for i, line in enumerate(lines) if _RULE.fullmatch(line.strip())]
    if len(rules) < 3 or lines[rules[0] + 1].split()[0] not in ("cycle", "stage"):
        return []
    return [line.strip().replace("``", "") for line in lines[rules[1] + 1 : rules[2]]]


def print_latency(run: Run, console: Console) -> None:
    """Declared and measured latencies of the stages against their budgets, then the stages cycle by cycle."""
    promised = declared(run.design)
    core = run.design.core
    table = Table(title=f"Latency at {core.clock_mhz} MHz (target), {core.period_ns:.3f} ns per cycle",
                  title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("stage", no_wrap=True)
    table.add_column("does")
    for column in "declared", "measured", "ns", "budget ns", "left ns":
        table.add_column(column, justify="right", no_wrap=True)
    for row in run.latency:
        cycles = str(row.minimum) if row.minimum == row.maximum else f"{row.minimum} to {row.maximum}"
        promise = promised.get(row.name)
        if promise is not None and not promise == row.minimum == row.maximum:
            cycles = f"[red]{cycles}[/red]"
        budget, left = "", ""
        if row.budget_ns is not None:
            rest = row.budget_ns - row.ns(row.maximum)
            budget, left = f"{row.budget_ns:g}", f"{rest:.1f}" if rest >= 0 else f"[red]{rest:.1f}[/red]"
        table.add_row(row.name, DOES.get(row.name, ""), "" if promise is None else str(promise), cycles,
                      f"{row.ns(row.maximum):.1f}", budget, left)
    console.print(table)
    for stage in build.STAGES:
        if lines := cycle_by_cycle(stage):
            console.print(f"[bold]{stage}[/bold], cycle by cycle")
            for line in lines:
                console.print(f"  {line}", markup=False)
            console.print()
    orders = next((row.count for row in run.latency if row.name == TICK_TO_TRADE), 0)
    console.print(f"Measured over {run.messages.total():,} messages and {orders:,} orders that found the wire free; "
                  f"{run.broken_latency} orders left at another cycle than they must.", soft_wrap=True)
    assert {name for name, *_ in STAGES} <= DOES.keys()
