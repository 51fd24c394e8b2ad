"""No memory that is reset as a whole, none in flip-flops, no transparent read port.

The contents of a RAM primitive cannot be reset, so a memory that ends in one is not. What remains are registers that
pose as a memory: an ``Array`` of signals, or a memory that Yosys could only build from flip-flops.
"""

import re
from collections import defaultdict

from .netlist import Netlist
from .primitives import FLIP_FLOPS

SMALL = 512  #: bits; a memory below may be flip-flops
ROWS = 32  #: so many registers that are numbered alike are a memory
_NUMBERED = re.compile(r"(.*?)(?:\$\d+)?(?:_|\[)?(\d+)\]?")


def faults(netlist: Netlist) -> list[str]:
    """A line per rule that a memory breaks. A table without a write port is logic, whatever it becomes."""
    found = []
    for name, memory in netlist.memories.items():
        rows, width = (_number(memory, parameter) for parameter in ("SIZE", "WIDTH"))
        reads, writes = (_number(memory, parameter) for parameter in ("RD_PORTS", "WR_PORTS"))
        if not writes:
            continue
        what = f"{name} ({rows} rows of {width} bit)"
        transparent = _mask(memory, "RD_TRANSPARENCY_MASK")
        for port in range(reads):
            if any(transparent[port * writes : (port + 1) * writes]):
                found.append(f"{what}: read port {port} is transparent")
            if not _mask(memory, "RD_CLK_ENABLE")[port]:
                found.append(f"{what}: read port {port} has no clock")
            if memory["connections"]["RD_ARST"][port] not in ("0", "x"):
                found.append(f"{what}: read port {port} has an asynchronous reset")
        if rows * width >= SMALL and name in netlist.left:
            found.append(f"{what}: ends in flip-flops")
    return sorted(found) + _posing(netlist)


def _posing(netlist: Netlist) -> list[str]:
    """Registers numbered like the rows of a memory, each with a clock enable of its own; a pipeline's have none."""
    words, enables = defaultdict(set), defaultdict(set)
    for cell in netlist.cells.values():
        if cell["type"] in FLIP_FLOPS:
            word, bit = netlist.words.get(cell["connections"]["Q"][0], ("", 0))
            if numbered := _NUMBERED.fullmatch(word):
                words[numbered[1]].add((numbered[2], bit))
                enables[numbered[1]].add((numbered[2], cell["connections"]["CE"][0]))
    found = []
    for stem, bits in sorted(words.items()):
        rows = len({row for row, _ in bits})
        own = len({enable for _, enable in enables[stem] if isinstance(enable, int)})
        if stem not in netlist.memories and min(rows, own) >= ROWS and len(bits) >= SMALL:
            found.append(f"{stem}: {rows} registers, {len(bits):,} bit in all, are a memory in flip-flops")
    return found


def _number(memory: dict, parameter: str) -> int:
    return int(memory["parameters"][parameter], 2)


def _mask(memory: dict, parameter: str) -> list[bool]:
    """Bit 0 first."""
    return [bit == "1" for bit in reversed(memory["parameters"][parameter])]
