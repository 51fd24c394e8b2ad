"""What every bench needs: clock and reset, record drivers and monitors, counters.

A bench runs on a stage's exported Verilog (``hdl.export``). The design under test and the seed come from the
environment, so that a failure is reproduced by the command that its log names.
"""

import os
import random
from collections.abc import Callable, Iterable, Sequence

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

from spec import config, records
from spec.counters import COUNTER_BITS, COUNTERS

RECORDS = {record.stream: record for record in (*records.RECORDS, *records.REQUESTS, records.REPLY)}


def load_design(name: str) -> config.Design:
    """A preset by name, or a TOML file by path."""
    return config.load(name) if name.endswith(".toml") else config.preset(name)


class Watch:
    """Every record seen on one stream: ``cycles[k]`` is the clock edge at which ``seen[k]`` was valid (and taken)."""

    def __init__(self, dut, stream: str):
        self.record = RECORDS[stream]
        self.cycles: list[int] = []
        self.seen: list = []
        self._valid = getattr(dut, f"{stream}_valid")
        self._payload = getattr(dut, f"{stream}_payload")
        self._ready = getattr(dut, f"{stream}_ready", None)

    def sample(self, cycle: int) -> None:
        if int(self._valid.value) and (self._ready is None or int(self._ready.value)):
            self.cycles.append(cycle)
            self.seen.append(self.record.unpack(int(self._payload.value)))


class Bench:
    """One device under test.

    ``cycle`` numbers clock edges; a value is *at* edge c when it is sampled there. ``rng`` is seeded by the simulator's
    logged seed. Call ``await start(updates_valid=0, ...)`` first: it resets, and waits for the device's ``ready`` if it
    has one.
    """

    PERIOD_PS = 3104  # even, for a symmetric clock; benches count cycles, never time

    def __init__(self, dut):
        self.dut = dut
        self.design = load_design(os.environ.get("TICKWIRE_DESIGN", "small"))
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycle = 0
        self._watches: list[Watch] = []
        self._every_cycle: list[Callable[[], None]] = []

    async def start(self, *, ready_within: int = 100_000, **inputs: int) -> None:
        """Start the clock, give ``inputs`` their first values (every input stream's valid, say), and reset."""
        for name, value in inputs.items():
            getattr(self.dut, name).value = value
        self.dut.rst.value = 1
        cocotb.start_soon(Clock(self.dut.clk, self.PERIOD_PS, unit="ps").start())
        for _ in range(4):
            await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        cocotb.start_soon(self._count())
        if hasattr(self.dut, "ready"):
            await self.until(lambda: int(self.dut.ready.value) == 1, within=ready_within)

    async def _count(self) -> None:
        while True:
            await RisingEdge(self.dut.clk)
            self.cycle += 1
            for watch in self._watches:
                watch.sample(self.cycle)
            for check in self._every_cycle:
                check()

    def watch(self, stream: str) -> Watch:
        """Record every valid record of ``stream`` (an input or an output) from now on."""
        watch = Watch(self.dut, stream)
        self._watches.append(watch)
        return watch

    def always(self, check: Callable[[], None]) -> None:
        """Call ``check`` at every clock edge; it asserts what must always hold."""
        self._every_cycle.append(check)

    async def cycles(self, count: int) -> None:
        for _ in range(count):
            await RisingEdge(self.dut.clk)

    async def until(self, condition: Callable[[], bool], *, within: int) -> None:
        """Wait for ``condition``; fails after ``within`` cycles."""
        for _ in range(within):
            await RisingEdge(self.dut.clk)
            if condition():
                return
        raise AssertionError(f"no {condition} within {within} cycles")

    async def offer(self, stream: str, values: Iterable[Sequence[int]], gap: Callable[[], int] = lambda: 0) -> None:
        """Send records on an input stream with backpressure: each stays until it is taken."""
        record = RECORDS[stream]
        valid, payload, ready = (getattr(self.dut, f"{stream}_{name}") for name in ("valid", "payload", "ready"))
        for value in values:
            valid.value, payload.value = 1, record.pack(value)
            await RisingEdge(self.dut.clk)
            while not int(ready.value):
                await RisingEdge(self.dut.clk)
            valid.value = 0
            await self.cycles(gap())
        valid.value = 0

    async def drive(self, stream: str, values: Iterable[Sequence[int]], gap: Callable[[], int] = lambda: 0) -> None:
        """Send records on an input stream, with ``gap()`` idle cycles after each; 0 means one per cycle."""
        record = RECORDS[stream]
        valid, payload = getattr(self.dut, f"{stream}_valid"), getattr(self.dut, f"{stream}_payload")
        for value in values:
            valid.value, payload.value = 1, record.pack(value)
            await RisingEdge(self.dut.clk)
            if idle := gap():
                valid.value = 0
                await self.cycles(idle)
        valid.value = 0

    def counters(self, stage: str, port: str = "counters") -> dict[str, int]:
        """The stage's counters now."""
        word = int(getattr(self.dut, port).value)
        mask = (1 << COUNTER_BITS) - 1
        return {name: word >> COUNTER_BITS * i & mask for i, name in enumerate(COUNTERS[stage])}

    def axi_source(self, prefix: str = "rx") -> AxiStreamSource:
        """cocotbext-axi source; reset stays with the bench."""
        return AxiStreamSource(AxiStreamBus.from_prefix(self.dut, prefix), self.dut.clk)

    def axi_sink(self, prefix: str = "tx") -> AxiStreamSink:
        return AxiStreamSink(AxiStreamBus.from_prefix(self.dut, prefix), self.dut.clk)


def axi_frame(octets: bytes, *, error: bool = False) -> AxiStreamFrame:
    """A frame for RX; ``error`` is the MAC's verdict, given at the last beat."""
    return AxiStreamFrame(octets, tuser=[0] * (len(octets) - 1) + [int(error)])


def assert_same_records(got: Watch, expected: Sequence) -> None:
    """Every record of ``got`` equals its golden twin, in number and in every field; something was compared."""
    assert expected, f"{got.record.stream}: nothing to compare with"
    for k, (mine, theirs) in enumerate(zip(got.seen, expected, strict=False)):
        if mine != theirs:
            wrong = [f"{f}: expected {e}, got {g}"
                     for f, g, e in zip(mine._fields, mine, theirs, strict=True) if g != e]
            raise AssertionError(f"{got.record.stream}[{k}] message {theirs.message} at cycle {got.cycles[k]}: "
                                 + "; ".join(wrong))
    assert len(got.seen) == len(expected), f"{got.record.stream}: expected {len(expected)}, got {len(got.seen)}"


def assert_same_counters(got: dict[str, int], expected: dict[str, int]) -> None:
    wrong = {name: (expected[name], got[name]) for name in expected if got[name] != expected[name]}
    assert not wrong, f"counters (expected, got): {wrong}"
    assert any(expected.values()), "every counter is zero: nothing was compared"
