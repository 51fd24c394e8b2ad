"""An investigation in the terminal."""

from rich import box
from rich.console import Console
from rich.table import Table

from .investigate import Found

_DOLLAR = 10_000


def print_found(found: Found, console: Console) -> None:
    """The symbol's last messages, its book, and what was left in files."""
    story = found.story
    if story.messages:
        of = f" of {story.stock}" if story.stock else ""
        table = _table(f"The last messages{of} before the difference, and the one that it is about", "time", "message")
        for told in story.messages:
            table.add_row(_clock(told.time_ns), told.text)
        console.print(table)
    if story.stock:
        table = _table(f"The model's book of {story.stock}", "bid shares", "bid", "ask", "ask shares", "", "bid shares",
                       "bid", "ask", "ask shares")
        sides = [*story.before, *story.after]
        for row in range(max(map(len, sides))):
            levels = [side[row] if row < len(side) else None for side in sides]
            cells = [_level(level, mirrored=i % 2 == 0) for i, level in enumerate(levels)]
            table.add_row(*cells[0], *cells[1], "|", *cells[2], *cells[3])
        table.caption, table.caption_justify = "before the message | after it", "left"
        console.print(table)
    if not found.messages:
        console.print(f"No part of the input that was tried ({found.trials} trials) fails by itself.", soft_wrap=True)
        return
    console.print(f"{len(found.messages)} messages still fail ({found.trials} trials): {found.input}", soft_wrap=True)
    if found.waveform:
        console.print(f"waveform: gtkwave {found.save_file}", soft_wrap=True)
    console.print(f"again: {found.command}", soft_wrap=True)


def _level(level: tuple | None, mirrored: bool) -> tuple[str, str]:
    shares, price = ("", "") if level is None else (f"{level[1]:,}", f"{level[0] / _DOLLAR:,.4f}")
    return (shares, price) if mirrored else (price, shares)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column in ("time", "message") else "right")
    return table


def _clock(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:09}"
