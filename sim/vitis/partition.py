"""The strategy as a module of its own, with the same ports whatever the strategy, for an exchange while the card runs.

Yosys' Verilog has a port for each part of a record that has a driver of its own, and numbers those: no two kernels
agree. Here they become one port per record again, and a netlist of any strategy fits any kernel.
"""

import re
from dataclasses import dataclass

from spec.config import ConfigError

from . import netlist

KERNEL = "tickwire_kernel"
MODULE = "tickwire_strategy"  #: the partition's module, in all strategies
CELL = "inner/core/strategy"  #: where it is, below the kernel's top
_INSIDE = f"{KERNEL}.inner.core.strategy"
_NUMBERED = re.compile(r"port\$")  # a part of a record: ``\port$18790$0``
_PORT_LINE = r"^  (input|output) ((?:\[\d+:\d+\] )?)(\\port\$\S+ );$"


@dataclass(frozen=True)
class Split:
    static: str  #: Verilog of the kernel, without the strategy
    strategy: str  #: of the strategy


def ports(strategy: str) -> dict[str, tuple[str, int]]:
    """Direction and width of the partition's ports in the Verilog of ``Split.strategy``."""
    return netlist.parse(strategy, MODULE).ports


def split(text: str, file: str) -> Split:
    """Take a kernel's Verilog apart. Raises ``ConfigError`` where it has no strategy that can be exchanged."""
    bodies = dict(_bodies(text))
    strategy, core = bodies.get(_INSIDE), bodies.get(f"{KERNEL}.inner.core")
    if strategy is None or core is None or f"{KERNEL}.inner.core.decoupler" not in bodies:
        raise ConfigError(f"{file}: no strategy partition: a kernel of a design with strategy.reconfigurable = true")
    records = _records(strategy, file)
    inside = [body for name, body in bodies.items() if name.startswith(f"{_INSIDE}.")]
    static = [_joined(body, records, file) if body is core else body for name, body in bodies.items()
              if not name.startswith(f"{_INSIDE}.") and name != _INSIDE]
    return Split("\n".join(static), "\n".join([_renamed(strategy, records), *inside]))


def fits(static: str, strategy: str, file: str) -> None:
    """Raise ``ConfigError`` unless two strategies have the same ports."""
    expected, has = ports(static), ports(strategy)
    if faults := [name for name in sorted({*expected, *has}) if expected.get(name) != has.get(name)]:
        raise ConfigError(f"{file}: the strategy's ports differ from the kernel's: {', '.join(faults)}: a design that "
                          "differs in [strategy] alone")


def _bodies(text: str):
    """(name, text) of each module, with its attributes."""
    for body in re.split(r"(?<=^endmodule\n)", text, flags=re.MULTILINE):
        if found := re.search(r"^module (?:\\(\S+) |(\w+)) *\(", body, re.MULTILINE):
            yield found[1] or found[2], body


def _records(strategy: str, file: str) -> dict[str, list[str]]:
    """Record -> its numbered ports, the most significant first."""
    numbered = re.findall(_PORT_LINE, strategy, re.MULTILINE)
    wires = {}  # wire inside -> port
    for direction, _, port in numbered:
        found = re.search(rf"^  assign {re.escape(port)} = (\\\S+ |\w+);$", strategy, re.MULTILINE)
        if direction != "output" or not found:
            raise ConfigError(f"{file}: port {port.strip()} of the strategy is no part of an output record")
        wires[found[1].strip()] = port.strip()
    records: dict[str, list[str]] = {}
    for name, parts in re.findall(r"^  assign (\w+__payload) = \{ (.*) \};$", strategy, re.MULTILINE):
        parts = [part.strip() for part in parts.split(",")]
        if all(part in wires for part in parts):
            records[name] = [wires[part] for part in parts]
    if left := {*wires.values()} - {port for parts in records.values() for port in parts}:
        raise ConfigError(f"{file}: no record of the strategy has port {sorted(left)[0]}")
    return records


def _renamed(strategy: str, records: dict[str, list[str]]) -> str:
    """The partition's module with a port for each record."""
    start = strategy.index("module ")
    header_end = strategy.index(");\n", start) + 3
    names = [name.strip() for name in
             strategy[strategy.index("(", start) + 1 : header_end - 3].replace("\n", " ").split(",")]
    kept = sorted([name for name in names if not _NUMBERED.search(name)] + list(records))
    body = re.sub(_PORT_LINE + r"\n", "", strategy[header_end:], flags=re.MULTILINE)
    for name in records:
        body = re.sub(rf"^  wire (\[\d+:\d+\] ){re.escape(name)};$", rf"  output \1{name};\n  wire \1{name};", body,
                      count=1, flags=re.MULTILINE)
    return f'(* keep_hierarchy = "yes" *)\nmodule {MODULE}({", ".join(kept)});\n{body}'


def _joined(core: str, records: dict[str, list[str]], file: str) -> str:
    """The core's module with an instance of the partition that has a port for each record."""
    found = re.search(rf"^  \\{re.escape(_INSIDE)}  strategy \(\n(.*?)\n  \);\n", core, re.MULTILINE | re.DOTALL)
    if not found:
        raise ConfigError(f"{file}: no instance of the strategy in the core")
    connections = dict(re.findall(r"^    \.(\\\S+ |\w+)\s*\((.*)\),?$", found[1], re.MULTILINE))
    connections = {name.strip(): wire for name, wire in connections.items()}
    for name, parts in records.items():
        connections[name] = f"{{ {', '.join(connections.pop(port) for port in parts)} }}"
    lines = ",\n".join(f"    .{name}({wire})" for name, wire in sorted(connections.items()))
    return core.replace(found[0], f"  {MODULE} strategy (\n{lines}\n  );\n")
