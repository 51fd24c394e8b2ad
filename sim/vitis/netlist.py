"""The hierarchy of a Verilog file that Yosys wrote: what Vivado's ``get_cells`` and the like will find there.

Names are those that Vivado gives: ``a/b`` for instance b in instance a, ``NAME_reg`` for a register or a memory called
NAME. Of a bus only bit 0 is listed. Reads line by line, which Yosys' layout allows; no other Verilog is meant.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spec.config import ConfigError

_NAME = r"(?:\\(\S+) |([A-Za-z_][\w$]*))"
_MODULE = re.compile(rf"^module {_NAME} *\((.*)$")
_DECLARED = re.compile(rf"^  (input|output|inout|wire|reg) (?:signed )?(?:\[(\d+):(\d+)\] )?{_NAME} *(\[\d+:\d+\])?")
_INSTANCE = re.compile(rf"^  {_NAME} +{_NAME} +\($")
_STORED = re.compile(rf"^ +(?:if \([^;]*\) |else )?{_NAME}(?:\[[^=]*\])? *<= (.*);$")
_CLOCKED = re.compile(r"^  always @\(posedge [^,)]+(, posedge [^)]+)?\)")


def _name(match: re.Match, group: int) -> str:
    return match[group] or match[group + 1]


@dataclass
class Module:
    """Of one module of the file; widths in bits."""

    name: str
    ports: dict[str, tuple[str, int]] = field(default_factory=dict)  #: direction, width; in order of declaration
    nets: dict[str, int] = field(default_factory=dict)  #: ports too
    registers: dict[str, str] = field(default_factory=dict)  #: name -> asynchronous pin, PRE or CLR, or nothing
    memories: set[str] = field(default_factory=set)
    instances: dict[str, str] = field(default_factory=dict)  #: name -> module


@dataclass(frozen=True)
class Netlist:
    """All modules of a file, and the top one's name."""

    top: str
    modules: dict[str, Module]

    @property
    def ports(self) -> dict[str, tuple[str, int]]:
        return self.modules[self.top].ports

    def walk(self) -> Iterator[tuple[str, Module]]:
        """Every instance's path, with a slash at its end, and its module; the top's path is empty."""
        waiting = [("", self.modules[self.top])]
        while waiting:
            path, module = waiting.pop()
            yield path, module
            waiting += [(f"{path}{name}/", self.modules[of]) for name, of in module.instances.items()
                        if of in self.modules]

    def cells(self) -> Iterator[str]:
        """Instances, registers and memories."""
        for path, module in self.walk():
            yield from (path + name for name in module.instances)
            for name in module.registers:
                yield f"{path}{name}_reg{'[0]' if module.nets.get(name, 1) > 1 else ''}"
            yield from (f"{path}{name}_reg" for name in module.memories)

    def pins(self) -> Iterator[str]:
        """Of instances and registers."""
        for path, module in self.walk():
            for name, of in module.instances.items():
                if of in self.modules:
                    yield from (f"{path}{name}/{_bit(port, width)}" for port, (_, width)
                                in self.modules[of].ports.items())
            for name, pin in module.registers.items():
                cell = f"{path}{_bit(f'{name}_reg', module.nets.get(name, 1))}"
                yield from (f"{cell}/{p}" for p in ("C", "D", "Q", *([pin] if pin else ())))

    def nets(self) -> Iterator[str]:
        for path, module in self.walk():
            yield from (path + _bit(name, width) for name, width in module.nets.items())


def _bit(name: str, width: int) -> str:
    return f"{name}[0]" if width > 1 else name


def read(path: Path, top: str) -> Netlist:
    """The hierarchy below module ``top``. Raises ``ConfigError`` where the file has no such module."""
    return parse(text(path), top, str(path))


def text(path: Path) -> str:
    """What is in a file. Raises ``ConfigError`` where it cannot be read."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def parse(text: str, top: str, file: str = "Verilog") -> Netlist:
    """As ``read``, of the file's text."""
    modules: dict[str, Module] = {}
    module, asynchronous = None, False
    for line in text.splitlines():
        if module is None:
            if found := _MODULE.match(line):
                module = Module(_name(found, 1))
                modules[module.name] = module
            continue
        if line.startswith("endmodule"):
            module = None
        elif found := _DECLARED.match(line):
            kind, name = found[1], _name(found, 4)
            width = abs(int(found[2]) - int(found[3])) + 1 if found[2] else 1
            if kind in ("input", "output", "inout"):
                module.ports[name] = (kind, width)
            if found[6]:
                module.memories.add(name)
            else:
                module.nets[name] = width
        elif found := _CLOCKED.match(line):
            asynchronous = found[1] is not None
        elif "<=" in line and (found := _STORED.match(line)):
            name = _name(found, 1)
            if name not in module.memories:
                pin = ("CLR" if re.fullmatch(r"\d+'h0+", found[3]) else "PRE") if asynchronous else ""
                module.registers.setdefault(name, pin)
        elif line.endswith("(") and (found := _INSTANCE.match(line)):
            module.instances[_name(found, 3)] = _name(found, 1)
    if top not in modules:
        raise ConfigError(f"{file}: no module {top}: a kernel's Verilog as Tickwire writes it")
    return Netlist(top, modules)
