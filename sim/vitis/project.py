"""A complete Vitis project in a directory: what Vivado, v++ and g++ need around the kernel's Verilog."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import jinja2

from spec.config import ConfigError, Design
from spec.records import RECORDS
from spec.registers import BY_NAME, SIZE, Access
from spec.rings import BURST_SLOTS, SLOT_OCTETS

from ..card import products
from ..simulators import CHECKOUT
from . import crossings, kernel_xml, netlist, partition, platforms
from .kernel_xml import DATA_BITS, KERNEL, POINTERS, SCALARS, STREAMS

UNIT = f"{KERNEL}_1"  #: the kernel's instance in the link
TEMPLATES = CHECKOUT / "vitis_flow" / "project"
CONSTRAINTS = CHECKOUT / "constraints"
HOST = CHECKOUT / "vitis_flow" / "host"
REPORTS = "tickwire_reports"  #: directory of report.tcl
MIN_DEPTH, MAX_DEPTH = 1024, 131072  #: of an ILA
_ULTRA_ROWS = 4096  #: of an UltraRAM
#: Bursts that the kernel has under way.
_OUTSTANDING = {"writes": 16, "reads": 1}
_STAGES = ("feed", "book", "indicators", "strategy", "risk", "order", "session")
_ACCESS = {Access.READ_ONLY: "read-only", Access.WRITE_ONLY: "write-only"}


@dataclass(frozen=True)
class Ethernet:
    """The kernel with the MACs, and its names for what Tickwire's is joined to."""

    kernel: str = "ethernet"
    unit: str = "ethernet_1"  #: its instance
    rx: str = "m_axis_rx0"  #: streams: market data in
    session_rx: str = "m_axis_rx1"  #: order session in
    tx: str = "s_axis_tx1"  #: order session out
    rx_clk: str = "rx_clk0"  #: their clocks, where the mode of clocks has them
    session_rx_clk: str = "rx_clk1"
    tx_clk: str = "tx_clk1"

    def __post_init__(self):
        for field in fields(self):
            if not getattr(self, field.name).isidentifier():
                raise ConfigError(f"ethernet {field.name} = {getattr(self, field.name)!r}: a Verilog identifier")


def write(out: Path, verilog: Path, design: Design, *, platform: str, ila: Sequence[str] = (), dfx: bool = False,
          clocks: str, ila_depth: int = 4096, ethernet: Ethernet | None = None,
          strategies: Mapping[str, Path] | None = None) -> list[Path]:
    """Write the project into ``out`` and return its files.

    Parameters
    ----------
    verilog
        Of the kernel, for ``design``.
    platform
        A name in ``platforms``.
    ila
        Streams of ``spec.records.RECORDS`` that a logic analyser looks at, ``ila_depth`` records deep.
    dfx
        The strategy is a partition that can be exchanged; ``strategies`` names the Verilog of other kernels, whose
        designs differ in ``strategy`` alone.
    clocks
        ``design.host.clocks``, of which the Verilog is.

    Raises ``ConfigError``: one line per fault, naming file or option and what is expected.
    """
    ethernet, out, verilog, strategies = ethernet or Ethernet(), Path(out), Path(verilog), strategies or {}
    card = platforms.find(platform)
    text = netlist.text(verilog)
    ports = netlist.parse(text, KERNEL, str(verilog)).ports
    _check(design, ports, verilog, clocks, ila, ila_depth, dfx, strategies)
    description = kernel_xml.text()
    kernel_xml.check(description, ports)

    sources, variants = {f"rtl/{KERNEL}.v": text}, {}
    if dfx:
        split = partition.split(text, str(verilog))
        variants[design.strategy.name] = split.strategy
        for name, path in strategies.items():
            variants[name] = partition.split(netlist.text(Path(path)), str(path)).strategy
            partition.fits(split.strategy, variants[name], str(path))
        sources = {f"rtl/{KERNEL}.v": split.static, f"rtl/{partition.MODULE}.v": split.strategy}

    values = _values(design, card, clocks, tuple(dict.fromkeys(ila)), ila_depth, dfx, ethernet, tuple(sources),
                     tuple(variants))
    texts = sources | {"kernel.xml": description}
    texts |= {f"dfx/strategies/{name}.v": variant for name, variant in variants.items()}
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader([TEMPLATES, CONSTRAINTS]), trim_blocks=True,
                                     keep_trailing_newline=True, undefined=jinja2.StrictUndefined, autoescape=False)
    for name in _templates(values):
        texts[name] = environment.get_template(f"{name.removeprefix('constraints/')}.j2").render(values)
    texts |= {f"host/{source.name}": source.read_text() for source in sorted(HOST.iterdir()) if source.is_file()}
    for name, content in texts.items():
        _put(out / name, content)
    _drop_stale(out, set(texts))
    return [*(out / name for name in texts), *products.write(out / "host" / "generated", design)]


def _check(design: Design, ports: Mapping[str, tuple[str, int]], verilog: Path, clocks: str, ila: Sequence[str],
           depth: int, dfx: bool, strategies: Mapping[str, Path]) -> None:
    if clocks not in crossings.DOMAINS:
        raise ConfigError(f"clocks = {clocks!r}: one of {', '.join(crossings.DOMAINS)}")
    faults = []
    if clocks != design.host.clocks:
        faults.append(f"clocks = {clocks!r}: the design has host.clocks = {design.host.clocks!r}")
    known = {clock for domains in crossings.DOMAINS.values() for clock in domains.values()}
    expected, has = set(crossings.DOMAINS[clocks].values()), known & ports.keys()
    if expected != has:
        faults.append(f"{verilog}: its clocks are {', '.join(sorted(has)) or 'none'}: a kernel with "
                      f"{', '.join(sorted(expected))} is clocks = {clocks!r}")
    streams = [record.stream for record in RECORDS]
    faults += [f"ila = {name!r}: one of {', '.join(streams)}" for name in ila if name not in streams]
    if not MIN_DEPTH <= depth <= MAX_DEPTH or depth & depth - 1:
        faults.append(f"ila_depth = {depth!r}: a power of two from {MIN_DEPTH} to {MAX_DEPTH}")
    if dfx and not design.strategy.reconfigurable:
        faults.append("dfx: a design with strategy.reconfigurable = true")
    if strategies and not dfx:
        faults.append("strategies: only with dfx")
    faults += [f"strategies: {name!r}: an identifier other than {design.strategy.name}, the kernel's own"
               for name in strategies if not name.isidentifier() or name == design.strategy.name]
    if faults:
        raise ConfigError("\n".join(faults))


def _values(design, platform, clocks, ila, depth, dfx, ethernet, sources, strategies) -> dict:
    """What the templates are given."""
    domains, rows = crossings.DOMAINS[clocks], design.book.buckets
    # File, and where Vivado uses it. The clocks are there in implementation alone.
    both = "synthesis implementation"
    constraints = [("synchronisers", both), ("clocks", "implementation"),
                   *([("memory", both)] if rows >= _ULTRA_ROWS else []),
                   *([("partition", both)] if dfx else []), *([("debug", both)] if ila else [])]
    wire_clocks = {stream: domains.get(stream, domains["core"]) for stream in STREAMS}
    buses: dict[str, list[str]] = {clock: [] for clock in dict.fromkeys(domains.values())}
    buses[domains["host"]] += [kernel_xml.CONTROL, *POINTERS.values()]
    for stream, clock in wire_clocks.items():
        buses[clock].append(stream)
    cells = [f"inner/core/{stage}" for stage in _STAGES if not (dfx and stage == "strategy")]
    cells += ["inner/core/decoupler"] if design.strategy.reconfigurable else []
    cells += [f"inner/{stream}_crossing" for stream in STREAMS if stream in domains]
    ends = [(f"/{ethernet.unit}/{getattr(ethernet, name)}", f"/{UNIT}/{name}") for name in STREAMS]
    ends = [end if mode == "read_only" else end[::-1] for end, mode in zip(ends, STREAMS.values(), strict=True)]
    host_mhz = design.core.clock_mhz if clocks == "one" else design.host.clock_mhz
    return {
        "kernel": KERNEL, "unit": UNIT, "vendor": kernel_xml.VENDOR, "library": kernel_xml.LIBRARY,
        "version": kernel_xml.VERSION, "platform": platform, "clocks": clocks, "ethernet": ethernet, "ila": ila,
        "depth": depth, "dfx": dfx, "strategies": strategies, "module": partition.MODULE, "reports": REPORTS,
        "sources": sources, "constraints": [(f"constraints/{name}.xdc", stages) for name, stages in constraints],
        "buses": buses, "cells": cells, "slr": platform.wire_slr, "masters": list(POINTERS.values()),
        "outstanding": _OUTSTANDING, "range": SIZE, "burst_beats": BURST_SLOTS * SLOT_OCTETS * 8 // DATA_BITS,
        "registers": _registers(), "ends": ends,
        "streams": [(name, getattr(ethernet, name), mode == "read_only") for name, mode in STREAMS.items()],
        "wires": [] if clocks == "one" else [(wire_clocks[name], getattr(ethernet, f"{name}_clk"))
                                             for name in STREAMS],
        "host_hz": round(host_mhz * 1e6), "core_hz": round(design.core.clock_mhz * 1e6),
        "rows": rows, "blocks": -(-rows // _ULTRA_ROWS), "height": min(2, -(-rows // _ULTRA_ROWS)),
        "digest": hashlib.sha256(design.model_dump_json().encode()).hexdigest()[:16],
        **crossings.of(design),
    }


def _registers() -> list[dict]:
    """What the packaged register map has: control, and the arguments."""
    names = ("ap_ctrl", "gie", "ier", "isr", *POINTERS, *SCALARS)
    return [{"name": name, "offset": f"0x{BY_NAME[name].offset:03X}", "bits": 8 * BY_NAME[name].stride,
             "access": _ACCESS.get(BY_NAME[name].access, "read-write"), "master": POINTERS.get(name, "-")}
            for name in names]


def _templates(values: dict) -> list[str]:
    names = ["Makefile", "README.md", "kernel.tcl", "link.cfg", "package_kernel.tcl", "place.tcl", "post_link.tcl",
             "report.tcl", "constraints/placement.xdc", *(name for name, _ in values["constraints"])]
    names += ["debug.tcl"] if values["ila"] else []
    if values["dfx"]:
        names += [f"dfx/{name}" for name in ("Makefile", "environment.tcl", "synthesise.tcl", "static.tcl",
                                             "module.tcl", "bitstreams.tcl")]
    return names


def _put(path: Path, text: str) -> None:
    """Write what is new: what did not change is not built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def _drop_stale(out: Path, written: set[str]) -> None:
    """Remove what another set of options left, where make or Vivado would take it for a part of this one."""
    for pattern in ("rtl/*.v", "constraints/*.xdc", "debug.tcl", "dfx/strategies/*.v"):
        for path in out.glob(pattern):
            if path.relative_to(out).as_posix() not in written:
                path.unlink()
    if not any(name.startswith("dfx/") for name in written):
        shutil.rmtree(out / "dfx", ignore_errors=True)
