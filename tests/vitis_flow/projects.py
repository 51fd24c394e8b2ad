"""Projects of real kernels, and ``tclsh`` with stand-ins for Vivado's commands."""

import functools
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.build import cached_verilog
from sim.vitis import kernel_xml, netlist, project
from spec.config import Design, preset

HERE = Path(__file__).parent
CLOCKS = ("one", "rx", "all")
#: Where v++ puts a kernel.
PREFIX = "level0_i/ulp/tickwire_kernel_1/inst/"


def design(clocks: str, **sections: dict) -> Design:
    """The small design in a mode of clocks, with a partition, and with what ``sections`` say."""
    table = preset("small").model_dump()
    table["host"]["clocks"] = clocks
    table["strategy"]["reconfigurable"] = True
    for name, values in sections.items():
        table[name] |= values
    return Design.model_validate(table)


@functools.cache
def verilog(clocks: str, rows: int | None = None, numerator: int | None = None) -> Path:
    sections = {"book": {"buckets": rows}} if rows else {}
    sections |= {"strategy": {"numerator": numerator}} if numerator else {}
    return cached_verilog("kernel", design(clocks, **sections))


@dataclass(frozen=True)
class Project:
    """A project, and what Vivado would know of it."""

    path: Path
    clocks: str
    ports: dict[str, tuple[str, int]]

    def vivado(self, script: str | Path, *arguments: str, whole: bool = False, extra: str = "",
               environment: dict[str, str] | None = None) -> "Run":
        """Run a script of the project, in the kernel alone or in the ``whole`` design of the card."""
        scratch = self.path.parent / "tcl"
        scratch.mkdir(exist_ok=True)
        data, log = scratch / "data.tcl", scratch / "log"
        data.write_text(self._data(PREFIX if whole else "") + extra)
        if shutil.which("tclsh") is None:
            pytest.fail("tclsh is not installed: apt-get install tcl")
        script = self.path / script  # an absolute path stays
        said = subprocess.run(["tclsh", HERE / "vivado.tcl", data, log, script, *arguments], text=True,
                              capture_output=True, env={"PATH": "/usr/bin:/bin", **(environment or {})})
        return Run(said.returncode, said.stderr.strip(), said.stdout, log.read_text().splitlines())

    def hierarchy(self) -> netlist.Netlist:
        sources = sorted((self.path / "rtl").glob("*.v"))
        return netlist.parse("\n".join(path.read_text() for path in sources), kernel_xml.KERNEL)

    def _data(self, prefix: str) -> str:
        found = self.hierarchy()
        parents = [prefix[:i] for i, letter in enumerate(prefix) if letter == "/"]
        clocks = [name for name, (direction, _) in found.ports.items() if direction == "input" and "clk" in name]
        streams = list(kernel_xml.STREAMS)
        xml = [kernel_xml.CONTROL, *kernel_xml.POINTERS.values(), *streams]
        ethernet = project.Ethernet()
        theirs = [getattr(ethernet, name) for name in streams]
        wires = [getattr(ethernet, f"{name}_clk") for name in streams]
        ports = " ".join(f"{name} {{{direction} {width}}}" for name, (direction, width) in found.ports.items())
        lines = [
            f"set netlist(cells) {{{' '.join([*parents, *(prefix + cell for cell in found.cells())])}}}",
            f"set netlist(pins) {{{' '.join(prefix + pin for pin in found.pins())}}}",
            f"set netlist(nets) {{{' '.join(prefix + net for net in found.nets())}}}",
            f"set netlist(ports) {{{ports}}}", f"set netlist(prefix) {{{prefix}}}",
            f"set netlist(clocks) {{{' '.join(clocks)}}}", f"set xml_ports {{{' '.join(xml)}}}",
            f"set block_pins({project.UNIT}) {{{' '.join(clocks)}}}",
            f"set block_pins({ethernet.unit}) {{{' '.join(wires)}}}",
            f"set block_interfaces({project.UNIT}) {{{' '.join(xml)}}}",
            f"set block_interfaces({ethernet.unit}) {{{' '.join(theirs)}}}",
            f"set state(design) {int(bool(prefix))}",
        ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Run:
    code: int
    error: str
    output: str
    calls: list[str]

    def order(self, *names: str) -> None:
        """Assert that these commands were called, in this order."""
        at = 0
        for name in names:
            found = [i for i, call in enumerate(self.calls) if i >= at and call.startswith(name)]
            assert found, f"{name!r} is not called after {names[: names.index(name)]}"
            at = found[0] + 1


def edited(path: Path, old: str, new: str) -> None:
    """Break a file: ``old`` must be in it."""
    text = path.read_text()
    assert old in text, f"{path.name} has no {old!r}"
    path.write_text(text.replace(old, new))


def icarus(sources: Sequence[Path], out: Path) -> subprocess.CompletedProcess:
    return subprocess.run(["iverilog", "-g2005", "-s", kernel_xml.KERNEL, "-o", out, *sources], text=True,
                          capture_output=True)
