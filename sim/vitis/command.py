"""The command ``vitis``."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from sim import console
from sim.console import output
from sim.options import DESIGN, load
from spec.config import ConfigError, Design

from ..build import cached_verilog
from .project import Ethernet, write

_CLOCKS = ("one", "rx", "all")


def vitis(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the project goes.")],
    design: Annotated[str, DESIGN] = "u280",
    platform: Annotated[str, typer.Option("--platform", help="u280, u50, u55c or u250, or the platform's full name.")]
    = "u280",
    clocks: Annotated[str, typer.Option("--clocks", help="one, rx or all, instead of the design's host.clocks.")] = "",
    ila: Annotated[str, typer.Option("--ila", metavar="A,B,...", help="Stage boundaries with a logic analyser: "
                                     "messages, updates, intents, decisions, orders ...")] = "",
    ila_depth: Annotated[int, typer.Option("--ila-depth", help="Records that each analyser holds.")] = 4096,
    dfx: Annotated[bool, typer.Option("--dfx", help="The strategy is a partition that can be exchanged.")] = False,
    strategy: Annotated[list[str] | None, typer.Option("--strategy", metavar="NAME=FILE", help="With --dfx: a design "
                        "with another strategy to exchange it for. May be repeated.")] = None,
    ethernet: Annotated[list[str] | None, typer.Option("--ethernet", metavar="NAME=VALUE", help="What your Ethernet "
                        "kernel calls what this one is joined to: " + ", ".join(
                            f"{field.name}={field.default}" for field in fields(Ethernet)) + ".")] = None,
) -> None:
    """Write a Vitis project: kernel, packaging, link configuration, constraints, host program.

    `make check` in it says what this machine lacks, `make all` builds the xclbin. Nothing of it has been through
    Vivado: docs/vitis.md says what was verified.

    \b
    [bold]Examples[/bold]
      tickwire vitis -o build/u280
      tickwire vitis -o build/u50 --platform u50 --design my.toml --clocks all --ila intents,orders
      tickwire vitis -o build/dfx --dfx --strategy calm=calm.toml
      tickwire vitis -o build/u280 --ethernet unit=cmac_0 --ethernet rx=axis_rx
    """
    chosen = _design(design, clocks, dfx)
    joined = Ethernet(**_pairs("--ethernet", ethernet, {field.name for field in fields(Ethernet)}))
    others = _pairs("--strategy", strategy)
    with console.progress(None, "") as show:
        show("writing the kernel's Verilog")
        verilog = cached_verilog("kernel", chosen)
        strategies = {name: cached_verilog("kernel", _design(file, clocks, dfx)) for name, file in others.items()}
        files = write(out, verilog, chosen, platform=platform, clocks=chosen.host.clocks, dfx=dfx,
                      ila=[name for name in ila.split(",") if name], ila_depth=ila_depth, ethernet=joined,
                      strategies=strategies)
    output.print(f"{out}: {len(files)} files; README.md says what to type, `make -C {out} check` what is missing",
                 soft_wrap=True)


def _pairs(option: str, given: list[str] | None, known: set[str] | None = None) -> dict[str, str]:
    """NAME=VALUE, as often as it was said."""
    found = {}
    for each in given or []:
        name, _, value = each.partition("=")
        if not name or not value or (known and name not in known):
            raise ConfigError(f"{option} {each!r}: NAME=VALUE" + (f" with a name of {', '.join(sorted(known))}"
                                                                  if known else ""))
        found[name] = value
    return found


def _design(name: str, clocks: str, dfx: bool) -> Design:
    """The design, with what the options say of clocks and partition."""
    if clocks and clocks not in _CLOCKS:
        raise ConfigError(f"--clocks {clocks!r}: one of {', '.join(_CLOCKS)}")
    design = load(name)
    changes = {"host": design.host.model_copy(update={"clocks": clocks})} if clocks else {}
    if dfx:
        changes["strategy"] = design.strategy.model_copy(update={"reconfigurable": True})
    return design.model_copy(update=changes)
