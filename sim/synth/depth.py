"""Levels of logic between registers.

A path begins at a register or an input port and ends at a register or an output port. Along it,

- each LUT is one level; an inverter that is left over is one as well, since it takes a LUT;
- a carry chain is one level, however long, and the LUT before it another: carry runs over its own wires;
- MUXF7, MUXF8 and MUXF9 add nothing on their data inputs, which are wired to the LUTs in the same block, and one level
  on their select input, which is reached over the fabric like a LUT;
- distributed RAM and shift registers are read without a clock: one level from the address, and one from their contents;
- block RAM and UltraRAM begin and end paths, and so does a DSP48E2 that has registers in use;
- a DSP48E2 without registers is four levels: multiplying takes it 1.84 ns (DS923, "two register multiply without
  MREG", 544 MHz at speed grade -2), that is four sixths of a cycle of 3.1 ns, in which six levels are to fit.

Yosys makes the worst path of what it maps as short as it can, and lets all others grow up to that if it saves LUTs: the
deepest path of a stage mapped by itself is exact, that of a stage within the core an upper bound.

Clock-to-output, setup and wires are not in it: of two paths of the same depth, the one with the greater fan-out or the
RAM at its end is the slower.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from . import primitives
from .netlist import Bit, Netlist

DSP_LEVELS = 4  #: of a DSP48E2 that uses none of its registers


@dataclass(frozen=True)
class Path:
    """The deepest path that ends in a register."""

    levels: int
    start: str  #: register, memory or port
    start_line: str  #: of Python
    end: str
    end_line: str
    pin: str  #: of the primitive that it ends at
    cells: tuple[str, ...]  #: types of primitives, from start to end
    through: tuple[str, ...]  #: names from Python that it passes

    @property
    def made_of(self) -> str:
        """Such as ``4 LUT, 1 carry``."""
        kinds = {"LUT": 0, "carry": 0, "MUXF": 0, "RAM": 0, "DSP": 0}
        previous = ""
        for cell in self.cells:
            if cell in primitives.CARRIES:
                kinds["carry"] += previous not in primitives.CARRIES
            else:
                kinds["LUT" if cell in primitives.LUTS else "MUXF" if cell in primitives.MUXES
                      else "DSP" if cell == primitives.DSP else "RAM"] += 1
            previous = cell
        return " ".join(f"{count} {kind}" for kind, count in kinds.items() if count)


class CombinationalLoop(Exception):
    """The netlist feeds back into itself without a register."""


def deepest(netlist: Netlist) -> list[Path]:
    """The deepest path into each register, memory and output port, deepest first."""
    levels = _levels(netlist)
    ends: dict[tuple[str, str], tuple[int, Bit, str]] = {}
    for word, line, pin, bit in _ends(netlist):
        level = levels[bit][0]
        if (word, line) not in ends or level > ends[word, line][0]:
            ends[word, line] = level, bit, pin
    paths = [_path(netlist, levels, *end, *found) for end, found in ends.items()]
    return sorted(paths, key=lambda path: (-path.levels, path.end))


def _ends(netlist: Netlist) -> Iterator[tuple[str, str, str, Bit]]:
    """Whatever takes a value at a clock edge, and output ports: name, line, pin, bit."""
    for name, port in netlist.ports.items():
        if port["direction"] == "output":
            for bit in port["bits"]:
                if isinstance(bit, Bit):
                    yield name, netlist.sources.get(name, ""), "", bit
    for name, cell in netlist.cells.items():
        clocked = primitives.is_register(cell)
        if clocked or cell["type"] in primitives.DISTRIBUTED or cell["type"] in primitives.SHIFTS:
            word, line = netlist.register(name)
            for pin, bits in cell["connections"].items():
                if cell["directions"][pin] == "input" and not primitives.is_clock(pin):
                    for bit in bits:
                        if isinstance(bit, Bit):
                            yield word, line, pin, bit


def _levels(netlist: Netlist) -> dict[Bit, tuple[int, Bit | None]]:
    """Level of each bit, and the bit before it on the deepest path."""
    levels: dict[Bit, tuple[int, Bit | None]] = {}
    arcs: dict[Bit, list[tuple[Bit, int]]] = {}
    for root in [*netlist.drivers, *(b for p in netlist.ports.values() for b in p["bits"] if isinstance(b, Bit))]:
        stack = [root]
        while stack:
            bit = stack[-1]
            if bit in levels:
                stack.pop()
            elif bit not in arcs:
                arcs[bit] = list(_arcs(netlist, bit))
                waiting = [before for before, _ in arcs[bit] if before not in levels]
                if any(before in arcs for before in waiting):
                    raise CombinationalLoop(netlist.words.get(bit, (f"bit {bit}", 0))[0])
                stack += waiting
            else:
                levels[bit] = max(((levels[before][0] + cost, before) for before, cost in arcs[bit]),
                                  key=lambda found: found[0], default=(_origin(netlist, bit), None))
                stack.pop()
    return levels


def _origin(netlist: Netlist, bit: Bit) -> int:
    """Level at which a path begins."""
    cell = netlist.cells[netlist.drivers[bit][0]]["type"] if bit in netlist.drivers else ""
    return int(cell in primitives.DISTRIBUTED or cell in primitives.SHIFTS)


def _arcs(netlist: Netlist, bit: Bit) -> Iterator[tuple[Bit, int]]:
    """Bits from which ``bit`` follows without a clock, and the levels between."""
    if bit not in netlist.drivers:
        return
    name, output, index = netlist.drivers[bit]
    cell = netlist.cells[name]
    kind, pins = cell["type"], cell["connections"]
    inputs = [pin for pin, way in cell["directions"].items() if way == "input" and not primitives.is_clock(pin)]
    if kind in primitives.LUTS:
        costs = dict.fromkeys(inputs, 1)
    elif kind in primitives.MUXES:
        costs = {"I0": 0, "I1": 0, "S": 1}
    elif kind in primitives.CARRIES:
        for pin in inputs:
            bits = pins[pin]
            if pin in ("S", "DI"):
                bits = bits[: index + (pin == "S" or output == "CO")]
            for before in bits:
                if isinstance(before, Bit):
                    yield before, int(not (pin == "CI" and _is_carry(netlist, before)))
        return
    elif kind in primitives.DISTRIBUTED or kind in primitives.SHIFTS:
        costs = dict.fromkeys(primitives.asynchronous(cell, output), 1)
    elif kind == primitives.DSP and primitives.is_wire(cell):
        costs = dict.fromkeys(inputs, DSP_LEVELS)
    elif primitives.is_register(cell):
        return
    else:
        raise ValueError(f"cell must be a known UltraScale+ primitive, not {kind!r}")
    for pin, cost in costs.items():
        for before in pins.get(pin, ()):
            if isinstance(before, Bit):
                yield before, cost


def _is_carry(netlist: Netlist, bit: Bit) -> bool:
    name, pin, _ = netlist.drivers.get(bit, ("", "", 0))
    return pin == "CO" and netlist.cells[name]["type"] in primitives.CARRIES


def _path(netlist: Netlist, levels, end: str, end_line: str, level: int, bit: Bit, pin: str) -> Path:
    cells, through = [], []
    at: Bit | None = bit
    while at is not None:
        start = at
        at = levels[at][1]
        if start in netlist.drivers and (at is not None or _origin(netlist, start)):
            cells.append(netlist.cells[netlist.drivers[start][0]]["type"])
        if at is not None and start in netlist.words:
            through.append(netlist.words[start][0])
    if start in netlist.drivers:
        name, line = netlist.register(netlist.drivers[start][0])
    else:
        name = netlist.words.get(start, ("a constant", 0))[0]
        line = netlist.sources.get(name, "")
    return Path(level, name, line, end, end_line, pin, tuple(reversed(cells)),
                tuple(dict.fromkeys(name for name in reversed(through) if name != end)))
