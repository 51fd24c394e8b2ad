"""Any stage, or the core, as a Verilog module with flat ports.

A record stream becomes ``<name>_valid`` and ``<name>_payload``; RX and TX become AXI4-Stream ports
``<name>_tdata``, ``_tkeep``, ``_tlast``, ``_tuser``, ``_tvalid``, ``_tready``; an AXI interface ``<name>_awaddr`` and
so on; any other member keeps its name.
Clock and synchronous reset are ``clk`` and ``rst``.
"""

import gc
import re
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from amaranth import *
from amaranth.back import rtlil, verilog
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .wire import Beat

_AXI = {"tdata": "data", "tkeep": "keep", "tlast": "last", "tuser": "error"}


class Export(wiring.Component):
    """``inner`` with flat ports. Combinational; adds no latency."""

    def __init__(self, inner: wiring.Component):
        self.inner = inner
        self._joins = []  # (port name, value inside, driven from outside)
        members = {}

        def port(name, value, inward):
            members[name] = (In if inward else Out)(len(Value.cast(value)))
            self._joins.append((name, Value.cast(value), inward))

        for name, member in inner.signature.members.items():
            value, inward = getattr(inner, name), member.flow == In
            if member.is_port:
                port(name, value, inward)
                continue
            if not isinstance(member.signature, stream.Signature):
                for path, part, inside in member.signature.flatten(value):
                    port("_".join((name, *path)), inside, part.flow == In)
                continue
            if member.signature.members["payload"].shape is Beat:
                for axi, part in _AXI.items():
                    port(f"{name}_{axi}", getattr(value.payload, part), inward)
                port(f"{name}_tvalid", value.valid, inward)
                port(f"{name}_tready", value.ready, not inward)
            else:
                port(f"{name}_payload", value.payload, inward)
                port(f"{name}_valid", value.valid, inward)
                if not member.signature.always_ready:
                    port(f"{name}_ready", value.ready, not inward)
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = self.inner
        for name, value, inward in self._joins:
            outside = getattr(self, name)
            m.d.comb += value.eq(outside) if inward else outside.eq(value)
        return m

#: Says again what a register's declaration and a wire's driver say; Icarus reads no more than 63 bits of it and warns.
_INITIAL = re.compile(r"^ *\(\* init = \d+'h[0-9a-f]+ \*\)\n", re.MULTILINE)


@contextmanager
def _uninitialised_memories():
    """Leave out initial contents that are all zero, which Amaranth writes row by row.

    No memory relies on them (each is swept after reset, since UltraRAM has none), Icarus then proves it by starting
    with X, and a design for a whole card converts in seconds. Amaranth has no option for it.
    """
    emit_memory = rtlil.ModuleEmitter.emit_memory

    def emit(emitter, index, cell):
        if any(cell.init):
            emit_memory(emitter, index, cell)

    with mock.patch.object(rtlil.ModuleEmitter, "emit_memory", emit):
        yield


@contextmanager
def _without_garbage_collection():
    """Millions of objects are made and all of them are needed to the end: to look for garbage takes a third of it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def write_verilog(component: wiring.Component, path: Path, *, name: str, source_lines: bool = False) -> Path:
    """Write ``component`` with flat ports as module ``name`` to ``path``: the same octets from run to run.

    With ``source_lines`` each signal says in which line of Python it was made, for reports of synthesis tools.
    """
    with _uninitialised_memories(), _without_garbage_collection():
        text = verilog.convert(Export(component), name=name, emit_src=source_lines,
                               strip_internal_attrs=not source_lines)
    text = _INITIAL.sub("", text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
