"""The figures of ``tickwire bench`` as tables."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from .engines import Speed
from .profile import PARTS, Profile, Replay


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def print_engines(found: Sequence[Speed], console: Console) -> None:
    """Each engine beside the slowest; whether they said the same."""
    console.print("[bold]Hardware alone, the same input, per second of CPU time[/bold]")
    table = _table("engine", "cycles/s", "messages/s",
                   "wall s", "CPU s", *(f"x {speed.engine}" for speed in found[1:]))
    for speed in found:
        table.add_row(speed.engine, f"{speed.cycles_per_second:,.0f}", f"{speed.messages_per_second:,.0f}",
                      f"{speed.wall:.2f}", f"{speed.cpu:.2f}",
                      *(f"{speed.cycles_per_second / other.cycles_per_second:,.1f}" for other in found[1:]))
    console.print(table)
    same = len({speed.digest for speed in found}) == 1
    console.print(f"records, their cycles and order frames: {'identical' if same else 'NOT IDENTICAL'}\n")


def print_replays(found: Sequence[Replay], console: Console) -> None:
    """Whole replays, comparison included."""
    console.print("[bold]Whole replays, everything compared, native engine, per second of wall time[/bold]")
    table = _table("input", "messages", "messages/s", "cycles/s", "wall s", "CPU s", "MiB", "differences")
    for replay in found:
        run = replay.run
        table.add_row(replay.what, f"{run.messages.total():,}", f"{replay.messages_per_second:,.0f}",
                      f"{run.cycles / run.seconds:,.0f}", f"{run.seconds:.2f}", f"{replay.cpu:.2f}",
                      f"{replay.memory:,}", f"{run.differences:,}")
    console.print(table)
    console.print()


def print_profile(what: str, found: Profile, console: Console) -> None:
    """CPU time by part."""
    console.print(f"[bold]CPU time, {what}[/bold]")
    table = _table("part", "us/message", "share")
    for part in PARTS:
        table.add_row(part, f"{found.microseconds(part):.2f}", f"{found.seconds[part] / found.total:.1%}")
    console.print(table)
    for where, seconds in (("hardware's process", found.hardware_process), ("model's process", found.follower_process)):
        console.print(f"{where}: {1e6 * seconds / found.messages:.1f} us/message, at most "
                      f"{found.messages / seconds:,.0f} messages/s")
    console.print()
