"""A synthesis as tables on a console of 100 columns, and as JSON."""

import json
from dataclasses import asdict
from pathlib import Path as File

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .depth import Path
from .flow import HOT_PATH, Synthesis, Unit
from .resources import SLR, U280, Resources

WIDTH = 100
DEEPEST = 10  #: paths of the core that are shown
_NAMES = {"lut": "LUT", "lut_memory": "as RAM", "lut_shift": "as SRL", "ff": "FF", "carry8": "CARRY8", "muxf": "MUXF",
          "bram36": "BRAM36", "uram": "URAM", "dsp": "DSP48E2"}


def _table(title: str, *columns: str, left: int = 1) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
                  padding=(0, 1), header_style="dim")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < left else "right", no_wrap=True)
    return table


def _amounts(of: Resources) -> list[str]:
    return [f"{getattr(of, name):,g}" if getattr(of, name) < 1e5 else f"{getattr(of, name):,}" for name in _NAMES]


def _shares(of: Resources, card: Resources) -> list[str]:
    share = of.share(card)
    return [f"{share[name]:.2%}" if name in share else "" for name in _NAMES]


def _resources(synthesis: Synthesis) -> Table:
    table = _table(f"Resources of {synthesis.design}, mapped by Yosys to UltraScale+", "stage", *_NAMES.values())
    for unit in synthesis.units:
        if unit.name == "core":
            table.add_section()
        table.add_row(unit.name, *_amounts(unit.resources))
        if unit.name == "core":
            table.add_row("of a U280", *_shares(unit.resources, U280), style="dim")
            table.add_row("of one SLR", *_shares(unit.resources, SLR), style="dim")
    return table


def _levels(synthesis: Synthesis, levels: int) -> Table:
    table = _table("Levels of logic between registers: the deepest path of each stage, mapped by itself", "stage",
                   "levels", "made of", "from", "to", left=1)
    for column in table.columns[2:]:
        column.justify, column.overflow, column.no_wrap = "left", "fold", False
    for unit in synthesis.units:
        if unit.name != "core" and unit.paths:
            path = unit.paths[0]
            over = unit.name in HOT_PATH and path.levels > levels
            beside = "" if unit.name in HOT_PATH else "\nbeside the hot path"
            table.add_row(unit.name, Text(f"{path.levels}", style="bold red" if over else ""),
                          path.made_of + beside, *_ends(path))
    return table


def _ends(path: Path) -> tuple[Text, Text]:
    return tuple(Text.assemble(name, "\n", (line or "no line known", "dim"))
                 for name, line in ((path.start, path.start_line),
                                    (f"{path.end} {path.pin}".strip(), path.end_line)))


def _deepest(title: str, paths: list[tuple[str, Path]]) -> Table:
    table = _table(title, "stage", "levels", "made of", "from", "to")
    for column in table.columns[2:]:
        column.justify, column.overflow, column.no_wrap = "left", "fold", False
    for stage, path in paths:
        table.add_row(stage, f"{path.levels}", path.made_of, *_ends(path))
    return table


def _stage(path: Path) -> str:
    """In the core: where the path ends."""
    return path.end.partition(".")[0] if "." in path.end else ""


def print_synthesis(synthesis: Synthesis, levels: int, console: Console) -> None:
    """Print the whole report."""
    core = next((unit for unit in synthesis.units if unit.name == "core"), None)
    exceeded = synthesis.exceeded(levels)
    parts = [_resources(synthesis), _levels(synthesis, levels)]
    if core:
        parts.append(_deepest(f"The {DEEPEST} deepest paths of the core, by the register that they end in",
                              [(_stage(path), path) for path in core.paths[:DEEPEST]]))
    if exceeded:
        parts.append(_deepest(f"Deeper than {levels} levels on the hot path", exceeded))
    parts.append(Text("A LUT is a level, and so is a carry chain of any length; see sim/synth/depth.py. Nothing is "
                      "placed or routed:\nthis is no statement about timing.", style="dim"))
    for unit in synthesis.units:
        parts += [Text(f"{unit.name}: {fault}", style="bold red") for fault in unit.faults]
    parts.append(_verdict(exceeded, levels))
    for part in parts:
        console.print(part, width=min(console.width, WIDTH))


def _verdict(exceeded: list[tuple[str, Path]], levels: int) -> Text:
    if not exceeded:
        return Text(f"PASSED: at most {levels} levels of logic on the hot path.", style="bold green")
    stage, worst = max(exceeded, key=lambda found: found[1].levels)
    return Text(f"FAILED: {worst.levels} levels of logic in {stage}, not {levels}: from {worst.start} to {worst.end} "
                f"({worst.end_line}); {len(exceeded)} registers in all.", style="bold red")


def write_json(synthesis: Synthesis, levels: int, path: File) -> File:
    """The figures, and every path that is deeper than ``levels`` or among the deepest of its stage."""
    def unit_json(unit: Unit) -> dict:
        shown = max(DEEPEST, len(unit.deeper(levels)))
        return {"resources": asdict(unit.resources), "share_of_u280": unit.resources.share(U280),
                "share_of_slr": unit.resources.share(SLR), "levels": unit.levels, "hot_path": unit.name in HOT_PATH,
                "paths": [asdict(found) for found in unit.paths[:shown]], "memory_faults": unit.faults}

    content = {"design": synthesis.design, "allowed_levels": levels, "passed": not synthesis.exceeded(levels),
               "units": {unit.name: unit_json(unit) for unit in synthesis.units}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path
