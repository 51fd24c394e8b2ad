"""Two recorded runs side by side: what differs, and where first."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

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
_SHOWN = 20  #: of each kind


@dataclass(frozen=True)
class Change:
    """``where``: a key of the design, a counter, or an order with its message; ``None``: it is not there."""

    stage: str
    where: str
    name: str
    a: object
    b: object


def compare(a: SavedRun, b: SavedRun) -> Iterator[Change]:
    """All that differs: design, counters, orders field by field, order frames octet by octet, latencies.

    Raises ``InputError`` for a directory that holds no run.
    """
    for key, mine, theirs in _leaves(a.summary["design"], b.summary["design"]):
        yield Change("design", "design", key, mine, theirs)
    for stage in a.summary["counters"] | b.summary["counters"]:
        counters = [run.summary["counters"].get(stage, {}) for run in (a, b)]
        for name, mine, theirs in _leaves(*counters):
            yield Change(stage, "counters", name, mine, theirs)
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
