"""Gateware that is wrong on purpose.

A test changes the gateware in its own process; the bench runs in another, and so compares with what is right.
"""

from pathlib import Path

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from sim import build


def break_gateware(monkeypatch, directory: Path, make=None) -> None:
    """Have benches built in ``directory`` from the gateware as this process sees it: the cache knows but its files.

    ``make`` makes what is built out of the right component.
    """
    component = build.component
    if make is not None:
        monkeypatch.setattr(build, "component", lambda unit, design: make(component(unit, design)))
    monkeypatch.setattr(build, "cached_verilog", lambda unit, design: build.verilog(unit, design, directory))


class Late(wiring.Component):
    """``inner`` with its input streams a cycle late: right in every value, wrong in latency."""

    def __init__(self, inner):
        self._inner = inner
        super().__init__(inner.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = self._inner
        for name, member in self.signature.members.items():
            mine, its = getattr(self, name), getattr(inner, name)
            parts = [(mine, its)] if member.is_port else [(mine.payload, its.payload), (mine.valid, its.valid)]
            for outside, inside in parts:
                if member.flow == In:
                    m.d.sync += inside.eq(outside)
                else:
                    m.d.comb += outside.eq(inside)
        return m
