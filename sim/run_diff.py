"""Two recorded runs side by side: what differs, and where first."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from spec.records import RECORDS

from .inputs import open_input
from .order_frames import name_octet
from .report.saved import SavedRun

_ROWS = 1 << 16
#: Of orders.parquet, in the order in which an order comes to be: column -> stage.
_STAGES = {
    "message": "input", "frame": "input", "offset": "input", "time_ns": "input", "arrival": "input", "som": "input",
    "eot": "input", "feed": "feed", "book": "book", "strategy": "strategy", "symbol": "strategy", "action": "strategy",
    "side": "strategy", "quantity": "strategy", "price": "strategy", "host": "strategy", "risk": "risk",
    "user_ref_num": "risk", "encode": "order", "queue": "order", "sof": "order", "end": "order",
    "tick_to_trade": "order"}
_STAGE_OF = {record.stream: record.stage for record in RECORDS}
_SHOWN = 20  #: of each kind


@dataclass(frozen=True)
class Change:
    """``where``: the design, counters, a symbol, a book, or an order with its message; ``None``: it is not there."""

    stage: str
    where: str
    name: str
    a: object
    b: object


def compare(a: SavedRun, b: SavedRun) -> Iterator[Change]:
    """All that differs: design, messages by type, counters, records by stream, the symbols' last states and their books
    over time, orders field by field, order frames octet by octet, latencies.

    Raises ``InputError`` for a directory that holds no run.
    """
    for key, mine, theirs in _leaves(a.summary["design"], b.summary["design"]):
        yield Change("design", "design", key, mine, theirs)
    for stage in a.summary["counters"] | b.summary["counters"]:
        counters = [run.summary["counters"].get(stage, {}) for run in (a, b)]
        for name, mine, theirs in _leaves(*counters):
            yield Change(stage, "counters", name, mine, theirs)
    for key, mine, theirs in _leaves(a.summary["messages"], b.summary["messages"]):
        yield Change("feed", "messages", key, mine, theirs)
    for stream, mine, theirs in _leaves(a.summary["compared"], b.summary["compared"]):
        yield Change(_STAGE_OF.get(stream, "order"), "records", stream, mine, theirs)
    yield from _symbols(a, b)
    yield from _books(a, b)
    yield from _orders(a, b)
    yield from _frames(a, b)
    rows = [{row["stage"]: row for row in run.summary["latency"]} for run in (a, b)]
    for stage in rows[0] | rows[1]:
        for name, mine, theirs in _leaves(*(row.get(stage, {}) for row in rows)):
            yield Change(stage, "latency", name, mine, theirs)


def _leaves(a, b, key: str = "") -> Iterator[tuple[str, object, object]]:
    """What differs in two nested dictionaries and lists."""
    if isinstance(a, dict) and isinstance(b, dict):
        for name in a | b:
            yield from _leaves(a.get(name), b.get(name), f"{key}.{name}" if key else str(name))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (mine, theirs) in enumerate(zip(a, b, strict=True)):
            yield from _leaves(mine, theirs, f"{key}[{i}]")
    elif a != b:
        yield key, a, b


def _symbols(a: SavedRun, b: SavedRun) -> Iterator[Change]:
    """What hardware last said about each symbol."""
    states = [{state["stock"]: state for state in run.summary["symbols"]} for run in (a, b)]
    for stock in states[0] | states[1]:
        for name, mine, theirs in _leaves(*(state.get(stock, {}) for state in states)):
            stage = "indicators" if name.startswith(("indicator", "vwap")) else "book"
            yield Change(stage, f"symbol {stock}", name, mine, theirs)


def _books(a: SavedRun, b: SavedRun) -> Iterator[Change]:
    """Quotes, trades and indicators over time: a table of bounded size."""
    books = [{(row["symbol"], row["first_message"]): row for row in run.table("books").to_pylist()} for run in (a, b)]
    for symbol, first in sorted(books[0].keys() | books[1].keys(), key=lambda key: key[::-1]):
        mine, theirs = (rows.get((symbol, first)) for rows in books)
        where = f"book {symbol}, from message {first}"
        if mine is None or theirs is None:
            yield Change("book", where, "updates", "there" if mine else None, "there" if theirs else None)
            continue
        for name, x, y in _leaves(mine, theirs):
            yield Change("indicators" if name in ("sma", "ema", "vwap") else "book", where, name, x, y)


def _rows(run: SavedRun) -> Iterator[dict]:
    with run.opened("orders") as file:
        for batch in file.iter_batches(_ROWS):
            yield from batch.to_pylist()


def _orders(a: SavedRun, b: SavedRun) -> Iterator[Change]:
    for number, (mine, theirs) in enumerate(zip_longest(_rows(a), _rows(b))):
        message = (mine or theirs)["message"]
        where = f"order {number}" + ("" if message is None else f", message {message}")
        if mine is None or theirs is None:
            yield Change("order", where, "order", "there" if mine else None, "there" if theirs else None)
            continue
        for name, stage in _STAGES.items():
            if mine[name] != theirs[name]:
                yield Change(stage, where, name, mine[name], theirs[name])


def _frames(a: SavedRun, b: SavedRun) -> Iterator[Change]:
    with open_input(a.directory / "orders.pcap") as mine, open_input(b.directory / "orders.pcap") as theirs:
        for number, (x, y) in enumerate(zip_longest(mine.frames(), theirs.frames())):
            if x is None or y is None:
                yield Change("order", f"frame {number}", "frame", "there" if x else None, "there" if y else None)
            elif x.octets != y.octets:
                at = next((i for i, (p, q) in enumerate(zip(x.octets, y.octets, strict=False)) if p != q), None)
                name = "length" if at is None else name_octet(x.octets, at)
                values = (len(x.octets), len(y.octets)) if at is None else (f"0x{x.octets[at]:02x}",
                                                                              f"0x{y.octets[at]:02x}")
                yield Change("order", f"frame {number}", name, *values)


def print_changes(a: Path, b: Path, changes: Iterator[Change], console: Console) -> int:
    """How many there are; the first of each kind in a table."""
    count, shown = 0, {}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("stage", "where", "field", str(a), str(b)):
        table.add_column(column, overflow="fold")
    for change in changes:
        count += 1
        kind = change.where.split(" ")[0]
        shown[kind] = shown.get(kind, 0) + 1
        if shown[kind] <= _SHOWN:
            table.add_row(change.stage, change.where, change.name, str(change.a), str(change.b))
    if count:
        console.print(table)
    console.print(f"{count:,} differences between the runs in {a} and {b}"
                  + "".join(f", {number:,} of {kind}" for kind, number in shown.items()), soft_wrap=True)
    return count
