"""What the commands share at the terminal: progress, and errors in one line."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_PIPE_WIDTH = 100  #: columns where there is no terminal

output = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
_terminal = Console(stderr=True)  # for progress

SUCCESS, DIFFERENT, FAILED, TOO_SLOW = 0, 1, 2, 3  #: exit codes


def fail(what: str) -> int:
    """Say what is wrong on standard error, a line per fault, and return the exit code for it."""
    for line in what.splitlines():
        print(f"tickwire: {line}", file=sys.stderr)
    return FAILED


@contextmanager
def progress(total: int | None = None, unit: str = "messages") -> Iterator[Callable[[str, int], None]]:
    """A bar on a terminal, silent elsewhere. Gives a function to call with (what is being done, how much is done).

    A phase that has not counted anything yet is shown as a moving bar.
    """
    count = TextColumn(f"{{task.completed:,.0f}} {unit}") if unit else TextColumn("")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), count, TimeElapsedColumn())
    with Progress(*columns, console=_terminal, transient=True, disable=not _terminal.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show(what: str, done: int = 0) -> None:
            bar.update(task, description=what, completed=done, total=total if done else None)

        yield show


def counted(items: Iterable, show: Callable[[str, int], None], what: str, every: int = 1024) -> Iterator:
    """``items``, with progress shown every so many."""
    number = 0
    for number, item in enumerate(items, 1):
        yield item
        if not number % every:
            show(what, number)
    show(what, number)
