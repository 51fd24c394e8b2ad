"""Writes the Vitis project: templates of ``vitis_flow/project`` filled in, constraints, the host program's sources."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from hdl.kernel import DOMAINS
from sim import build
from sim.card import products
from sim.simulators import CHECKOUT
from spec.config import ConfigError, Design
from spec.records import RECORDS
from spec.registers import BY_NAME, SIZE

from . import netlist
from .platforms import Platform

KERNEL = build.module_name("kernel")
INSTANCE = f"{KERNEL}_1"
CORE, PARTITION = "inner/core", "inner/core/strategy"
TEMPLATES = CHECKOUT / "vitis_flow" / "project"
#: Stream -> mode, as kernel.xml has it.
STREAMS = {"rx": "read_only", "session_rx": "read_only", "tx": "write_only"}
_MASTERS = {"records": "m_axi_records", "commands": "m_axi_commands"}
_ARGUMENTS = ("records", "commands", "ring_log2", "command_log2")
#: Clock of a wire -> the Ethernet kernel's output that it comes from.
_WIRE_CLOCKS = {"rx_clk": "rx_clk0", "session_rx_clk": "rx_clk1", "tx_clk": "tx_clk1"}
ILA_DEPTH = 4096


@dataclass(frozen=True)
class Argument:
    """A kernel argument: a register that Vitis knows."""

    name: str
    offset: int
    bits: int
    master: str | None


def arguments() -> list[Argument]:
    return [Argument(name, BY_NAME[name].offset, 8 * BY_NAME[name].stride, _MASTERS.get(name)) for name in _ARGUMENTS]


def interfaces(clocks: str) -> dict[str, str]:
    """Interface -> clock."""
    domains = DOMAINS[clocks]
    wires = {name: domains.get(name, domains["core"]) for name in STREAMS}
    return {"s_axi_control": "ap_clk", "m_axi_records": "ap_clk", "m_axi_commands": "ap_clk"} | wires


def _variables(design: Design, platform: Platform, core: netlist.Module, ila: Sequence[str], depth: int) -> dict:
    streams = {record.stream: record for record in RECORDS}
    for name in ila:
        if name not in streams:
            raise ConfigError(f"--ila: no stage boundary {name!r}; there are {', '.join(streams)}")
    clocks = sorted(set(DOMAINS[design.host.clocks].values()))
    host = design.core.clock_mhz if design.host.clocks == "one" else design.host.clock_mhz
    frequencies = {"ap_clk": round(host * 1e6)}
    if "ap_clk_2" in clocks:
        frequencies["ap_clk_2"] = round(design.core.clock_mhz * 1e6)
    wire_clocks = {clock: source for clock, source in _WIRE_CLOCKS.items() if clock in clocks}
    return {
        "kernel": KERNEL, "instance": INSTANCE, "core": CORE, "partition": PARTITION, "platform": platform,
        "clocks": clocks, "interfaces": interfaces(design.host.clocks), "streams": STREAMS, "arguments": arguments(),
        "range": f"0x{SIZE:x}", "frequencies": frequencies, "wire_clocks": wire_clocks, "post_link": bool(wire_clocks),
        "ila": {name: streams[name].bits for name in ila}, "depth": depth,
        "nets": {name: {part: _net(core, name, part) for part in ("valid", "payload")} for name in ila},
    }


def _net(core: netlist.Module, stream: str, part: str) -> str:
    """The core's net of a stage boundary. Names that met another of their kind carry a number."""
    for pool in (core.ports, core.nets):
        for name in pool:
            if name.partition("$")[0] == f"{stream}__{part}":
                return name.replace("$", "\\$")  # as Tcl wants it
    raise ConfigError(f"--ila: the netlist has no net {stream}__{part}")


def write(out: Path, designs: Sequence[Design], *, platform: Platform, ila: Sequence[str] = (), ethernet: str = "",
          depth: int = ILA_DEPTH) -> list[Path]:
    """Write the project for the first of ``designs`` into ``out``; the paths of its files.

    Parameters
    ----------
    designs
        Further ones differ from the first in their strategy alone: what the partition may be exchanged for.
    ila
        Streams of ``spec.records.RECORDS`` that get an integrated logic analyser.
    ethernet
        Instance of the Ethernet kernel.

    Raises ``ConfigError`` for a stream that is none, and for designs that differ elsewhere.
    """
    first, out = designs[0], Path(out)
    for number, design in enumerate(designs):
        if design.model_copy(update={"strategy": first.strategy}) != first:
            raise ConfigError(f"design {number}: differs from the first one outside of its strategy")
    kernels = [build.cached_verilog("kernel", design).read_text() for design in designs]
    core = netlist.modules(kernels[0])[netlist.module_of(kernels[0], CORE, KERNEL)]
    values = _variables(first, platform, core, ila, depth) | {"ethernet": ethernet or "ethernet_1"}
    sources = {f"rtl/{KERNEL}.v": kernels[0]}
    if first.strategy.reconfigurable:
        sources |= _partitions(kernels, values)
    constraints = ["constraints/clocks.xdc", "constraints/memory.xdc", "constraints/placement.xdc"]
    constraints += ["constraints/debug.xdc"] if ila else []
    values |= {"sources": [f"rtl/{KERNEL}.v"], "constraints": constraints}

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), keep_trailing_newline=True,
                                     undefined=jinja2.StrictUndefined, autoescape=False)
    files = sources | {f"constraints/{name}.xdc": (CHECKOUT / "constraints" / f"{name}.xdc").read_text()
                       for name in ("clocks", "memory")}
    wanted = {"placement.xdc": "constraints/placement.xdc", "package_kernel.tcl": "", "kernel.xml": "", "link.cfg": "",
              "Makefile": "", "README.md": ""}
    wanted |= {"post_link.tcl": ""} if values["post_link"] else {}
    wanted |= {"debug.tcl": "", "debug.xdc": "constraints/debug.xdc"} if ila else {}
    if first.strategy.reconfigurable:
        wanted |= {f"dfx/{name}.tcl": "" for name in (
            "1_synthesise", "2_static", *(["3_variant"] if len(designs) > 1 else []))}
    for template, target in wanted.items():
        files[target or template] = environment.get_template(f"{template}.j2").render(values)
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (out / "build").mkdir(exist_ok=True)  # where the tools write
    return [out / name for name in files] + _host(out / "host", first)


def _partitions(kernels: list[str], values: dict) -> dict[str, str]:
    """The static part, and what comes into the partition, one file for each design."""
    name = netlist.module_of(kernels[0], PARTITION, KERNEL)
    parts = [netlist.below(text, name) for text in kernels]
    ports = [netlist.modules(inside)[name].ports for _, inside in parts]
    if any(other != ports[0] for other in ports):
        raise ConfigError("the strategies have not the same ports: they do not fit into one partition")
    values |= {"strategies": [f"strategy_{i}" for i in range(len(parts))], "partition_module": name}
    return {"rtl/static.v": parts[0][0]} | {f"rtl/strategy_{i}.v": inside for i, (_, inside) in enumerate(parts)}


def _host(folder: Path, design: Design) -> list[Path]:
    """The host program's sources, and what is generated for it."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sorted((CHECKOUT / "vitis_flow" / "host").iterdir()):
        if source.is_file():
            shutil.copy(source, folder / source.name)
            written.append(folder / source.name)
    return [*written, *products.write(folder, design)]
