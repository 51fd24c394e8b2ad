"""What objects a Verilog netlist has, by the names under which Vivado's commands find them.

Reads the Verilog that Yosys writes: one declaration or instance a line. Hierarchy is kept, so a cell is an instance or
a register, ``PATH/NAME_reg[BIT]`` (a memory: ``PATH/NAME_reg``); a net is a wire or register, ``PATH/NAME``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_NAME = r"(\\\S+|[A-Za-z_$][\w$]*)"
_MODULE = re.compile(rf"^module {_NAME}\s*\(")
_DECLARATION = re.compile(rf"^  (input|output|wire|reg)(?: \[(\d+):(\d+)\])? {_NAME}(?: (?:= .*|\[\d+:\d+\]))?\s*;")
_MEMORY = re.compile(rf"^  reg \[\d+:\d+\] {_NAME} \[\d+:\d+\];")
_INSTANCE = re.compile(rf"^  {_NAME}\s+{_NAME}\s*\($")


@dataclass
class Module:
    """One module: names as they are meant, without the backslash of Verilog's escapes."""

    name: str
    ports: dict[str, tuple[str, int]] = field(default_factory=dict)  #: name -> direction, bits
    nets: dict[str, int] = field(default_factory=dict)  #: name -> bits
    registers: dict[str, int] = field(default_factory=dict)
    memories: list[str] = field(default_factory=list)
    instances: dict[str, str] = field(default_factory=dict)  #: name -> module
    lines: list[str] = field(default_factory=list)


def _plain(name: str) -> str:
    return name.removeprefix("\\").strip()


def modules(text: str) -> dict[str, Module]:
    """Every module of ``text``, by name. Raises ``ValueError`` if there is none."""
    found: dict[str, Module] = {}
    module = None
    for line in text.splitlines(keepends=True):
        if match := _MODULE.match(line):
            module = found[_plain(match[1])] = Module(_plain(match[1]))
        if module is None:
            continue
        module.lines.append(line)
        if line.startswith("endmodule"):
            module = None
        elif match := _MEMORY.match(line):
            module.memories.append(_plain(match[1]))
        elif match := _DECLARATION.match(line):
            kind, high, _, name = match.groups()
            name, bits = _plain(name), int(high or 0) + 1
            if kind in ("input", "output"):
                module.ports[name] = (kind, bits)
            elif kind == "reg":
                module.registers[name] = bits
            module.nets[name] = bits
        elif match := _INSTANCE.match(line):
            module.instances[_plain(match[2])] = _plain(match[1])
    if not found:
        raise ValueError("no module")
    return found


@dataclass
class Netlist:
    """A design below ``top``."""

    top: Module
    cells: list[str]
    nets: list[str]

    @classmethod
    def read(cls, text: str, top: str) -> "Netlist":
        """Raises ``ValueError`` if ``text`` has no module ``top``."""
        known = modules(text)
        if top not in known:
            raise ValueError(f"no module {top}; there are {', '.join(sorted(known)[:5])} ...")
        cells, nets = [], []

        def walk(module: Module, path: str) -> None:
            for name, bits in module.registers.items():
                cells.extend([f"{path}{name}_reg"] if bits == 1 else (f"{path}{name}_reg[{i}]" for i in range(bits)))
            cells.extend(f"{path}{name}_reg" for name in module.memories)
            nets.extend(f"{path}{name}" for name in module.nets)
            for name, kind in module.instances.items():
                cells.append(f"{path}{name}")
                if kind in known:
                    walk(known[kind], f"{path}{name}/")

        walk(known[top], "")
        return cls(known[top], cells, nets)


def below(text: str, prefix: str) -> tuple[str, str]:
    """``text`` without the modules whose names begin with ``prefix``, and those: a partition and what is static."""
    apart, rest = [], []
    for module in modules(text).values():
        (apart if module.name == prefix or module.name.startswith(f"{prefix}.") else rest).append("".join(module.lines))
    if not apart:
        raise ValueError(f"no module {prefix}")
    return "\n".join(rest), "\n".join(apart)


def module_of(text: str, path: str, top: str) -> str:
    """The module of the instance at ``path``. Raises ``KeyError`` with the part that is not there."""
    known, name = modules(text), top
    for part in path.split("/"):
        name = known[name].instances[part]
    return name


def bus_interfaces(ports: Iterator[str]) -> dict[str, set[str]]:
    """AXI and AXI4-Stream interfaces among ports, by prefix: the signals that each has."""
    found: dict[str, set[str]] = {}
    for port in ports:
        match = re.fullmatch(
            r"(\w+?)_((?:aw|ar|w|r|b)(?:id|addr|len|size|burst|lock|cache|prot|qos|valid|ready|data|strb|last|resp)"
            r"|t(?:data|keep|last|user|valid|ready))", port)
        if match:
            found.setdefault(match[1], set()).add(match[2])
    return found
