"""A file's statistics beside those of a real day."""

from rich import box
from rich.console import Console
from rich.table import Table

from .describe import PERCENTILES, Statistics

#: Nasdaq, 2019-12-30: percent of 268 744 780 messages. J, S, K and V were 34, 6, 3 and 1; B, W, h, N and O none.
REAL_SHARES = {"A": 43.59, "D": 42.55, "U": 8.05, "E": 2.13, "I": 1.50, "X": 1.04, "F": 0.55, "P": 0.45, "L": 0.08,
               "C": 0.037, "Q": 0.007, "R": 0.003, "H": 0.003, "Y": 0.003}
_REAL_WINDOWS = {1_000: (1, 2, 16, 501), 10_000: (1, 6, 25, 501), 100_000: (2, 19, 126, 506),
                 1_000_000: (6, 90, 1066, 1822)}


def print_statistics(found: Statistics, console: Console) -> None:
    """What real days are described by, side by side."""
    console.print(_table("Messages by type, percent", [
        (kind, f"{100 * found.share(kind):.3f}", f"{REAL_SHARES.get(kind, 0):.3f}", f"{count:,}")
        for kind, count in found.types.most_common()], "count"))
    console.print(_table(f"Messages per window that has any: {', '.join(f'p{p:g}' for p in PERCENTILES)}", [
        (f"{width // 1000:,} us", *(" / ".join(map(str, row)) for row in (counts, _REAL_WINDOWS[width])))
        for width, counts in found.windows.items()]))
    symbols, executions = found.by_symbol, found.full_executions + found.partial_executions
    quoting = len(found.residues)

    def percent(part: int, whole: int) -> str:
        return f"{100 * part / whole:.1f} %" if whole else "-"

    console.print(_table("The session", [
        ("messages", f"{found.messages:,}", "268,744,780"),
        ("octets per message", f"{found.mean_octets:.1f}", "28.7"),
        ("time of the first, of the last", f"{_clock(found.first_ns)}, {_clock(found.last_ns)}", "03:04, 20:05"),
        ("symbols with messages", f"{len(symbols):,}", "8,906"),
        *((f"share of the {count:,} busiest", f"{100 * found.busiest(count):.1f} %", real)
          for count, real in ((10, "5.7 %"), (100, "23 %"), (1000, "68 %"))),
        ("messages of a symbol, median and most", f"{symbols[len(symbols) // 2] if symbols else 0:,} and "
                                                  f"{symbols[0] if symbols else 0:,}", "6,004 and 2,380,000"),
        ("live orders at the peak", f"{found.peak_orders:,} at {_clock(found.peak_ns)}", "1,924,078 at 15:55:58"),
        ("peaks of the 16 busiest together", f"{found.busiest_orders:,}", "231,000"),
        ("orders left at the end", f"{found.resting_orders:,}", "0"),
        ("executions in part", percent(found.partial_executions, executions), "26.6 %"),
        ("cancels that empty an order", f"{found.emptying_cancels:,}", "0"),
        ("symbols with offers from $100 000", percent(len(found.stub_asks), quoting), "77.6 %"),
        ("symbols with bids up to $0.01", percent(len(found.stub_bids), quoting), "80.2 %"),
        ("symbols whose references agree modulo 4", percent(
            sum(len(residues) == 1 for residues in found.residues.values()), quoting), "100 %"),
        ("about no resting order, or more than it has", f"{found.illegal.total():,}", "0"),
        ("earlier than the one before", f"{found.backward:,}", "0"),
        ("of no known type or length", f"{found.unknown:,}", "0"),
    ]))


def _table(title: str, rows: list[tuple], *more: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for column in ("this file", "2019-12-30", *more):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def _clock(ns: int) -> str:
    seconds = ns // 1_000_000_000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
