"""Every crossing with two clocks that know nothing of each other: a million payloads, none lost, none reordered."""

import ctypes
import inspect
from pathlib import Path

import pytest
from amaranth import *
from amaranth.lib import fifo

from hdl.export import write_verilog
from hdl.host import crossing
from hdl.host.crossing import Crossing
from hdl.host.wire_crossing import TxCrossing
from sim import simulators
from testbenches import crossing_check
from testbenches.crossing_check import KINDS, CrossingCheck

BEATS = 1_000_000
#: Periods in ps: core and host as they are meant to be, 25G Ethernet, twice, half, far apart, almost the same.
RATIOS = [(3103, 3103), (3103, 3334), (2560, 3103), (3103, 2560), (6206, 3103), (3103, 6206), (1000, 9973),
          (9973, 1000), (3103, 3104), (3104, 3103)]
#: Of 256 cycles; a wire and its core's ``ready`` do not wait for one another, so that offers are few enough.
SHARES = [(256, 256), (128, 256), (256, 100), (40, 200)]


class Uncertain(Elaboratable):
    """``amaranth.lib.cdc.FFSynchronizer`` whose first flip-flops make up their minds by chance, each bit by itself.

    What changes is seen with this edge or with the next, as metastability and skew have it.
    """

    def __init__(self, i, o, *, o_domain="sync", init=0, stages=2, **rest):
        self._i, self._o, self._domain, self._stages = i, o, o_domain, stages

    def elaborate(self, platform):
        m = Module()
        bits = len(self._i)
        first, late, lfsr = Signal(bits), Signal(bits), Signal(64, init=0x1234_5678_9ABC_DEF1)
        m.d[self._domain] += lfsr.eq(Cat(lfsr[63] ^ lfsr[62] ^ lfsr[60] ^ lfsr[59], lfsr))
        for k in range(bits):
            differs = self._i[k] != first[k]
            with m.If(differs & (lfsr[7 * k % 64] | late[k])):
                m.d[self._domain] += [first[k].eq(self._i[k]), late[k].eq(0)]
            with m.Else():
                m.d[self._domain] += late[k].eq(differs)
        value = first
        for _ in range(self._stages - 1):
            following = Signal(bits)
            m.d[self._domain] += following.eq(value)
            value = following
        m.d.comb += self._o.eq(value)
        return m


def compiled(kind: str, build_dir: Path, directory: Path) -> ctypes.CDLL:
    verilog = write_verilog(CrossingCheck(kind), directory / "crossing_check.v", name="crossing_check")
    library = ctypes.CDLL(str(simulators.verilate(
        verilog=verilog, toplevel="crossing_check", harness=Path(__file__).with_name("crossing_harness.cpp"),
        build_dir=build_dir)))
    library.crossing_run.restype = ctypes.c_int64
    library.crossing_run.argtypes = [ctypes.c_uint64] * 3 + [ctypes.c_uint] * 2 + [ctypes.c_uint64] * 3 + [
        ctypes.POINTER(ctypes.c_uint32)] * 2
    return library


def run(library, a: int, b: int, offers: int, takes: int, beats: int, seed: int,
        jitter: float = 0.05) -> tuple[int, int, int]:
    """Errors, sent, arrived. Periods in ps; each edge is up to ``jitter`` periods late."""
    sent, count = ctypes.c_uint32(), ctypes.c_uint32()
    errors = library.crossing_run(500 * a, 500 * b, int(1000 * jitter * min(a, b)), offers, takes, beats, seed,
                                  400 * beats + 1_000_000, ctypes.byref(sent), ctypes.byref(count))
    return errors, sent.value, count.value


@pytest.mark.parametrize("kind", KINDS)
def test_a_million_beats(kind, build_dir, tmp_path, seed):
    library, total = compiled(kind, build_dir, tmp_path), 0
    for i, (a, b) in enumerate(RATIOS):
        offers, takes = SHARES[i % len(SHARES)]
        if kind == "rx":  # the core must keep up on average: half of what it could take
            offers = min(256, 128 * a // b)
        errors, sent, count = run(library, a, b, offers, takes, BEATS // len(RATIOS), seed + i)
        assert errors == 0, f"{kind}, periods {a} and {b} ps: {errors} errors in {count} beats"
        assert sent == count, f"{kind}, periods {a} and {b} ps: {sent} sent, {count} arrived"
        total += count
    assert total >= BEATS


@pytest.mark.parametrize("kind", KINDS)
def test_in_icarus(kind, build_dir, tmp_path, seed):
    verilog = write_verilog(CrossingCheck(kind), tmp_path / "crossing_check.v", name="crossing_check")
    simulators.run_cocotb(simulator="icarus", verilog=verilog, toplevel="crossing_check", seed=seed,
                          test_module="testbenches.crossings", build_dir=build_dir / kind)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_that_settle_late(kind, monkeypatch, build_dir, tmp_path, seed):
    """Periods are equal here: more than one bit of a Gray code never changes between two edges of the other clock."""
    monkeypatch.setattr(crossing, "FFSynchronizer", Uncertain)
    monkeypatch.setattr(fifo, "FFSynchronizer", Uncertain)
    library = compiled(kind, build_dir, tmp_path)
    for phase in range(10):
        errors, sent, count = run(library, 3103, 3103, 128, 256, 20_000, seed + phase, jitter=0)
        assert errors == 0 and sent == count >= 20_000


@pytest.mark.parametrize("kind, old, new", [
    # Pointers that cross in binary: bits that change together are seen one by one.
    ("count", "gray.eq(following ^ (following >> 1))", "gray.eq(following)"),
    # An answer that is taken before it is there.
    ("call", "with m.If(asks_late):", "with m.If(self.asks):"),
    # A full FIFO that says nothing.
    ("fifo", "self.input.ready.eq(fifo.w_rdy)", "self.input.ready.eq(1)"),
])
def test_a_crossing_that_is_none_is_found(monkeypatch, build_dir, tmp_path, seed, kind, old, new):
    source = inspect.getsource(crossing)
    assert source.count(old) == 1
    source = source.replace(old, new)
    if kind == "count":
        source = source.replace("for shift in (1, 2, 4, 8, 16)", "for shift in ()")
    scope = {"__name__": crossing.__name__}
    exec(compile(source, crossing.__file__, "exec"), scope)
    for name in ("Call", "Crossing", "GrayCount"):
        monkeypatch.setattr(crossing_check, name, scope[name])
    if kind == "count":
        monkeypatch.setitem(scope, "FFSynchronizer", Uncertain)
    library = compiled(kind, build_dir, tmp_path)
    found = [run(library, 3103, 3103, 256, 256, 20_000, seed + phase, jitter=0) for phase in range(10)]
    assert any(errors or sent != count for errors, sent, count in found), found


@pytest.mark.parametrize("depth", [0, 3, 12, 2])
def test_depth_is_checked(depth):
    with pytest.raises(ValueError, match=f"depth must be a power of two from 4, not {depth}"):
        Crossing(shape=8, depth=depth, writes="a", reads="b")


@pytest.mark.parametrize("wire_mhz, hold", [(322.265625, 0), (156.25, 0), (390.625, 15), (644.53125, 65)])
def test_a_faster_wire_waits_long_enough(wire_mhz, hold):
    assert TxCrossing(depth=64, core_mhz=322.265625, wire_mhz=wire_mhz, domain="tx").hold == hold
