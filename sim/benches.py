"""The benches of ``testbenches/`` as a table: which passed on which simulator."""

from importlib import util

from rich.table import Table

from spec.config import ConfigError

from . import build, console
from .simulators import SIMULATORS, TestsFailed, version


def available() -> list[str]:
    """Units that have a bench, in the order that data flows."""
    return [unit for unit in (*build.STAGES, "core") if util.find_spec(f"testbenches.{unit}")]


def run(units: list[str], *, simulator: str, design: str, seed: int, waves: bool) -> int:
    """Run the benches of ``units`` (all without any) and return the exit code: 1 where one fails."""
    there = available()
    for unit in units:
        if unit not in there:
            raise ConfigError(f"no bench for {unit!r}; there are {', '.join(there)}")
    if simulator not in (*SIMULATORS, "both"):
        raise ConfigError(f"--simulator: must be {', '.join(SIMULATORS)} or both, not {simulator!r}")
    chosen = SIMULATORS if simulator == "both" else (simulator,)
    for each in chosen:
        version(each)  # missing tools are told before the first bench runs
    table = Table("bench", *chosen, title=f"design {design}, seed {seed}")
    failures = []
    wanted = units or there
    with console.progress(len(wanted) * len(chosen), "benches") as show:
        done = 0
        for unit in wanted:
            row = []
            for each in chosen:
                show(f"{unit} on {each}", done)
                try:
                    build.run_bench(unit, simulator=each, design=design, seed=seed, waves=waves)
                    row.append("[green]passed[/green]")
                except TestsFailed as failure:
                    failures.append(str(failure))
                    row.append("[red]FAILED[/red]")
                done += 1
            table.add_row(unit, *row)
    console.output.print(table)
    for failure in failures:
        console.output.print(failure, markup=False, soft_wrap=True)
    return console.DIFFERENT if failures else console.SUCCESS
