"""A run as tables on a console of 100 columns."""

from pathlib import Path

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sim.compare import TX
from sim.differences import Difference
from sim.latency import Histogram
from sim.run import Order, Run, SymbolState
from spec import itch
from spec.counters import COUNTERS
from spec.fixed_point import FRACTION_BITS
from spec.records import Side

WIDTH = 100
_SYMBOLS = 20  #: shown
_DIFFERENCES = 10  #: shown
_NONE = "–"
_DAY_NS = 86_400_000_000_000
#: Counters of what goes well; all others count what was dropped, refused or flagged.
NORMAL = {
    "feed": {"frames", "datagrams", "messages", "heartbeats", "end_of_session"},
    "book": {"updates", "filtered", "loads", "symbols_set", "vouched", "windows", "depths"},
    "indicators": {"samples", "prints", "breaks"},
    "strategy": {"intents", "suppressed_cooldown", "requests", "parameters_set"},
    "risk": {"approved", "accepted", "replaced", "executed", "canceled", "limits_set"},
    "order": {"orders", "admin", "frames", "acknowledgments"},
    "session": {"frames", "segments", "octets", "packets", "messages_inbox", "replies", "heartbeats", "handovers",
                "handbacks"},
}


def dollars(price: int) -> str:
    """A price in 1/10 000 dollar."""
    return f"{price / 10_000:,.2f}" if price % 100 == 0 else f"{price / 10_000:,.4f}"


def _average(known: int, value: int) -> str:
    """A Q32.16 average of prices."""
    return f"{value / (10_000 << FRACTION_BITS):,.4f}" if known else _NONE


def clock(ns: int) -> str:
    seconds, rest = divmod(ns % _DAY_NS, 1_000_000_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:09}"


def _table(title: str, *columns: str, left: int = 1) -> Table:
    """A table whose first ``left`` columns are text and the others numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
                  padding=(0, 1), header_style="dim")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < left else "right", no_wrap=True)
    return table


def _messages(run: Run) -> Table:
    """Two halves side by side, most frequent first."""
    table = _table("Messages by type", *("", "message", "count", "share") * 2)
    for at in (1, 4, 5):
        table.columns[at].justify = "left"
    total = run.messages.total()
    cells = [(code, _name(code), f"{count:,}", f"{count / total:.2%}") for code, count in run.messages.most_common()]
    half = -(-len(cells) // 2)
    cells += [("",) * 4] * half
    for i in range(half):
        table.add_row(*cells[i], *cells[half + i])
    return table


def _name(code: str) -> str:
    name = itch.MESSAGES[code].name if code in itch.MESSAGES else "?"
    return name if len(name) <= 24 else name[:23] + "…"


def _quote(state: SymbolState) -> tuple[str, str]:
    """Bid and offer: unknown ones are said to be so, else the last that stood together."""
    if not (state.update.bid_known and state.update.ask_known):
        return tuple(dollars(getattr(state.update, f"{side}_price")) if getattr(state.update, f"{side}_known")
                     else "unknown" for side in ("bid", "ask"))
    return (dollars(state.quote.bid_price), dollars(state.quote.ask_price)) if state.quote else (_NONE, _NONE)


def _symbols(run: Run) -> Table:
    table = _table("Symbols, in dollars", "symbol", "updates", "last bid", "last ask", "last trade", "VWAP",
                   f"SMA({run.design.indicators.sma})", f"EMA({run.design.indicators.ema})")
    busiest = sorted(run.symbols, key=lambda state: -state.updates)
    for state in busiest[:_SYMBOLS]:
        if not state.update or not state.indicator or not state.vwap:
            table.add_row(state.stock, f"{state.updates:,}", *[_NONE] * 6)
            continue
        trade = dollars(state.update.last_trade) if state.update.last_trade else _NONE
        table.add_row(state.stock, f"{state.updates:,}", *_quote(state), trade,
                      _average(state.vwap.known, state.vwap.vwap),
                      _average(state.indicator.sma_known, state.indicator.sma),
                      _average(state.indicator.ema_known, state.indicator.ema))
    if len(busiest) > _SYMBOLS:
        rest = busiest[_SYMBOLS:]
        table.add_row(f"{len(rest)} more", f"{sum(state.updates for state in rest):,}", *[""] * 6, style="dim")
    return table


def side(decision) -> str:
    return "buy" if decision.side == Side.BUY else "short" if decision.short else "sell"


def _orders(run: Run) -> Table:
    table = _table(f"Orders sent: {run.orders:,}, with tick to trade (EOT to SOF)", "time", "side", "symbol",
                   "quantity", "price $", "UserRefNum", "message", "cycles", left=3)

    def add(order: Order) -> None:
        said = order.decision
        table.add_row(clock(order.time_ns), side(said), run.symbols[said.symbol].stock, f"{said.quantity:,}",
                      dollars(said.price), f"{said.user_ref_num}", f"{order.message:,}",
                      f"{order.tick_to_trade}")

    for order in run.first_orders:
        add(order)
    left_out = run.orders - len(run.first_orders) - len(run.last_orders)
    if left_out > 0:
        table.add_row(f"{left_out:,} more", *[""] * 7, style="dim")
    for order in run.last_orders:
        add(order)
    return table


def _latency(run: Run) -> Group:
    table = _table(f"Latency in cycles of {run.design.core.clock_mhz} MHz (the target clock; counted in simulation); "
                   "budgets in ns", "stage", "records", "p50", "p90", "p99", "p99.9", "max", "max ns", "budget", "")
    table.padding = (0, 1, 0, 0)
    for row in run.latency:
        verdict = "" if row.budget_ns is None else "[red]over[/]" if row.exceeded else "[green]holds[/]"
        budget = "" if row.budget_ns is None else f"{row.budget_ns:g}"
        cycles = row.median, row.p90, row.p99, row.p999, row.maximum
        table.add_row(row.name, f"{row.count:,}", *(f"{c:,}" for c in cycles),
                      f"{row.ns(row.maximum):.1f}", budget, verdict)
    if run.tick_to_trade is None:
        return Group(table)
    law = Text(f"Every order left {run.tick_to_trade} cycles after its message, or at the next cycle of a busy wire.")
    if run.broken_latency:
        law = Text(f"{run.broken_latency:,} orders did not leave when they must: {run.jitter[0]}", style="bold red")
    if not run.queue:
        return Group(table, law)
    queue = Histogram(run.queue)
    waiting = Text(f"Orders still before the wire when another was approved: p50 {queue.percentile(50)}, "
                   f"p99 {queue.percentile(99)}, max {queue.percentile(100)}.")
    return Group(table, law, waiting)


def _counters(run: Run) -> Table:
    table = _table("Counters that are not zero", "stage", "counter", "count", "of", left=2)
    table.columns[3].justify = "left"
    table.columns[3].no_wrap = False
    for stage, names in COUNTERS.items():
        shown = stage
        for name, what in names.items():
            if count := run.counters[stage][name]:
                table.add_row(shown, name, f"{count:,}", what, style=None if name in NORMAL[stage] else "yellow")
                shown = ""
    return table


def _first(difference: Difference) -> Panel:
    table = Table.grid(padding=(0, 2))
    place = difference.place
    rows = [("stage", difference.stage), ("stream", difference.stream), ("kind", difference.kind),
            ("message", _NONE if difference.message is None else f"{difference.message}"),
            ("on the wire", f"frame {place.frame}, octet {place.octet}; offset {place.offset} in the input"
             if place else _NONE),
            ("field", difference.field), ("expected", f"{difference.expected}"), ("got", f"{difference.got}"),
            ("cycle", _NONE if difference.cycle is None else f"{difference.cycle}")]
    for name, value in rows:
        table.add_row(Text(name, style="dim"), Text(value))
    return Panel(table, title="First difference", border_style="red", expand=False)


def _differences(run: Run) -> Group:
    if not run.differences:
        records = sum(count for stream, count in run.compared.items() if stream != TX)
        counters = sum(len(names) for names in COUNTERS.values())
        return Group(Text.assemble(("0 differences", "bold green"), f" between hardware and golden model: "
                     f"{records:,} records at {len(run.compared) - 1} stage boundaries,\n"
                     f"{run.compared[TX]:,} order frames, {counters} counters."))
    table = _table(f"{run.differences:,} differences", "stream", "message", "field", "expected", "got", "cycle", left=1)
    for column, width in zip(table.columns[2:5], (34, 16, 16), strict=True):
        column.justify, column.overflow, column.max_width = "left", "ellipsis", width
    for d in run.kept_differences[:_DIFFERENCES]:
        table.add_row(d.stream, "" if d.message is None else f"{d.message}", Text(d.field), Text(f"{d.expected}"),
                      Text(f"{d.got}"), "" if d.cycle is None else f"{d.cycle}")
    by_stream = ", ".join(f"{stream} {count:,}" for stream, count in run.differences_by_stream.items())
    return Group(_first(run.first_difference), table, Text(f"By stream: {by_stream}", style="dim"))


def _summary(run: Run) -> Text:
    messages = run.messages.total()
    text = Text.assemble(
        (f"{messages:,}", "bold"), " messages in ", (f"{run.frames:,}", "bold"), " frames, ",
        (f"{run.updates:,}", "bold"), f" book updates of {len(run.symbols)} symbols, ",
        (f"{run.orders:,}", "bold"), " orders sent, ", (f"{run.refusals:,}", "bold"), " refused.\n",
        f"{run.cycles:,} clock cycles in {run.seconds:.1f} s: {messages / max(run.seconds, 1e-9):,.0f} messages/s "
        f"through hardware, model and comparison.",
    )
    return text


def _verdict(run: Run) -> Text:
    if run.passed:
        return Text("PASSED: hardware and model agree, every budget holds.", style="bold green")
    why = []
    if run.differences:
        why.append(f"{run.differences:,} differences, the first in {run.first_difference.stage}")
    if run.exceeded:
        why.append("over budget: " + ", ".join(row.name for row in run.exceeded))
    if run.broken_latency:
        why.append(f"{run.broken_latency:,} orders with jitter")
    if run.split_frames:
        why.append(f"{run.split_frames:,} order frames with idle beats")
    if run.input_error:
        why.append(run.input_error)
    return Text("FAILED: " + "; ".join(why), style="bold red")


def here(path: Path) -> Path:
    """As it is reached from the current folder, if it lies below."""
    return path.relative_to(Path.cwd()) if path.is_absolute() and path.is_relative_to(Path.cwd()) else path


def print_run(run: Run, console: Console | None = None) -> None:
    """Print the whole report."""
    console = console or Console()
    paths = Table.grid(padding=(0, 2))
    for name, path in run.paths.items():
        where = f"{here(path)}"
        if name == "waveform":
            where += f"  (cycles {run.wave_cycles[0]:,} to {run.wave_cycles[1]:,}; cycle c is at c ns)"
        paths.add_row(Text(name.replace("_", " "), style="dim"), Text(where))
    if "run" in run.paths:
        paths.add_row(Text("page", style="dim"), Text(f"tickwire report {here(run.paths['run']).parent}"))
    parts = [_summary(run), Text()]
    if run.messages:
        parts += [_messages(run), _symbols(run)]
    if run.orders:
        parts.append(_orders(run))
    parts += [_latency(run), Text(), _counters(run), _differences(run), Text(), paths]
    parts += [Text(), _verdict(run)]
    for part in parts:
        console.print(part, width=min(console.width, WIDTH), soft_wrap=isinstance(part, Table) and part is paths)
