"""Levels of logic and resources on netlists that are known to the cell."""

import pytest

from sim.synth import depth, resources
from sim.synth.netlist import Netlist


class Builder:
    """A netlist, cell by cell. Bits are numbers, constants are strings."""

    OUTPUTS = frozenset({"O", "Q", "CO", "P", "DOA", "DOUT_A"})

    def __init__(self):
        self.cells, self.names, self.ports = {}, {}, {}

    def add(self, kind, parameters=None, **pins):
        pins = {pin: bits if isinstance(bits, list) else [bits] for pin, bits in pins.items()}
        directions = {pin: "output" if pin in self.OUTPUTS else "input" for pin in pins}
        self.cells[f"cell{len(self.cells)}"] = {"type": kind, "src": "", "parameters": parameters or {},
                                                "directions": directions, "connections": pins}

    def register(self, name, d, q):
        self.add("FDRE", C=1, CE="1", D=d, R="0", Q=q)
        self.names[name] = {"bits": [q], "src": "", "register": True}

    def deepest(self):
        netlist = Netlist.of({"ports": self.ports, "cells": self.cells, "names": self.names, "scopes": {},
                              "memories": {}, "left": []})
        return depth.deepest(netlist)


def _through(build_logic):
    """Levels from register ``first`` at bit 10 to register ``last``, whose input ``build_logic`` returns."""
    netlist = Builder()
    netlist.register("first", "0", 10)
    netlist.register("last", build_logic(netlist), 11)
    path = netlist.deepest()[0]
    assert (path.start, path.end, path.pin) == ("first", "last", "D")
    return path.levels, path.made_of


def _luts(netlist, count, at=10):
    for bit in range(100, 100 + count):
        netlist.add("LUT2", I0=at, I1="1", O=bit)
        at = bit
    return at


def _carries(netlist, count, at):
    """A chain of CARRY4 with ``at`` at its first select; the last sum bit."""
    carry = "0"
    for i in range(count):
        carries, sums = [[200 + 10 * i + j + k for j in range(4)] for k in (0, 4)]
        netlist.add("CARRY4", CI=carry, CYINIT="0", DI=["0"] * 4, S=[at, "0", "0", "0"], CO=carries, O=sums)
        at, carry = "0", carries[3]
    return sums[3]


def _mux(netlist, pin):
    pins = dict.fromkeys(("I0", "I1", "S"), "0") | {pin: _luts(netlist, 1)}
    netlist.add("MUXF7", O=300, **pins)
    netlist.add("MUXF8", O=301, I0=300, I1="0", S="0")
    return 301


def _distributed(netlist):
    netlist.add("RAM32M", WCLK=1, WE="0", ADDRA=[_luts(netlist, 1)] + ["0"] * 4, DIA=["0", "0"], DOA=[300, 301])
    return 301


def _multiplier(netlist):
    netlist.add("DSP48E2", {"AREG": "0", "BREG": "0", "MREG": "0", "PREG": "0"}, A=[10], B=["1"], P=[300])
    return 300


@pytest.mark.parametrize("logic, levels, made_of", [
    (lambda n: 10, 0, ""),
    (lambda n: _luts(n, 5), 5, "5 LUT"),
    (lambda n: _carries(n, 1, _luts(n, 1)), 2, "1 LUT 1 carry"),
    (lambda n: _carries(n, 9, _luts(n, 1)), 2, "1 LUT 1 carry"),
    (lambda n: _mux(n, "I1"), 1, "1 LUT 2 MUXF"),
    (lambda n: _mux(n, "S"), 2, "1 LUT 2 MUXF"),
    (_distributed, 2, "1 LUT 1 RAM"),
    (_multiplier, depth.DSP_LEVELS, "1 DSP"),
])
def test_levels_are_counted_by_the_stated_rule(logic, levels, made_of):
    assert _through(logic) == (levels, made_of)


def test_block_ram_and_registered_multipliers_begin_and_end_paths():
    netlist = Builder()
    netlist.register("first", "0", 10)
    netlist.add("URAM288", CLK=1, ADDR_A=[_luts(netlist, 2)], DOUT_A=[300])
    netlist.add("LUT1", I0=300, O=301)
    netlist.add("DSP48E2", {"AREG": "1", "BREG": "1", "MREG": "1", "PREG": "1"}, CLK=1, A=[301], B=["1"], P=[302])
    netlist.register("last", 302, 11)
    assert {(path.start, path.end): path.levels for path in netlist.deepest()} == {
        ("first", "cell3"): 2, ("cell3", "cell5"): 1, ("cell5", "last"): 0}


def test_ports_begin_and_end_paths():
    netlist = Builder()
    netlist.ports = {"way_in": {"direction": "input", "bits": [10]}, "way_out": {"direction": "output", "bits": [101]}}
    netlist.names = {name: {"bits": port["bits"], "src": "", "register": False} for name, port in netlist.ports.items()}
    _luts(netlist, 2)
    assert [(path.start, path.end, path.levels) for path in netlist.deepest()] == [("way_in", "way_out", 2)]


def test_a_loop_and_an_unknown_primitive_are_refused():
    netlist = Builder()
    netlist.add("LUT1", I0=101, O=100)
    netlist.add("LUT1", I0=100, O=101)
    netlist.register("last", 101, 11)
    with pytest.raises(depth.CombinationalLoop):
        netlist.deepest()
    netlist = Builder()
    netlist.add("LDCE", D=10, O=100)
    netlist.register("last", 100, 11)
    with pytest.raises(ValueError, match="not 'LDCE'"):
        netlist.deepest()


def test_resources_are_those_of_the_cells():
    netlist = Builder()
    _luts(netlist, 3)
    _carries(netlist, 3, 10)
    netlist.add("RAM32M16", WCLK=1)
    netlist.add("SRL16E", CLK=1)
    netlist.add("RAMB18E2")
    netlist.add("RAMB36E2")
    netlist.register("word", 10, 11)
    netlist = Netlist({}, netlist.cells, {}, [], {
        bit: (name, pin, i) for name, cell in netlist.cells.items() for pin, bits in cell["connections"].items()
        if cell["directions"][pin] == "output" for i, bit in enumerate(bits)})
    assert resources.count(netlist) == resources.Resources(
        lut=3 + 8 + 1, lut_memory=8, lut_shift=1, ff=1, carry8=2, bram36=1.5)
