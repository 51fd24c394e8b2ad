"""The PTP clock beside cocotbext-eth's, which nobody here wrote: the same moment at every edge.

Ports of ``hdl.host.ptp.PtpClock``: everything on ``clk``.
"""

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge, Timer
from cocotbext.eth import PtpClock

from hdl.host.ptp import SECOND, PtpAdjust, PtpTime
from testbenches.harness import Bench as OneClock

PERIOD_NS = 3.103


def _fields(struct, word: int) -> dict[str, int]:
    found = {}
    for name, field in struct.as_shape():
        found[name] = word >> field.offset & (1 << field.width) - 1
    return found


class Bench(OneClock):
    def __init__(self, dut):
        super().__init__(dut)
        self.period = round(PERIOD_NS * (1 << 32))
        self.compared = self.seconds = 0

    async def begin(self) -> None:
        await self.start(adjust=0, sets=0, adds=0, rates=0)
        self.model = PtpClock(clock=self.dut.clk, period_ns=PERIOD_NS)
        self.rate(0)
        # Both at zero at the same edge.
        await self.strobe("sets", seconds=0, nanoseconds=0, fraction=0)

    def rate(self, rate: int) -> None:
        """The model's part of a change of rate."""
        step = self.period + rate
        self.model.set_period(step >> 32, step & 0xFFFF_FFFF)
        self.model.set_drift(0, 0)

    async def strobe(self, name: str, *, phase: int = 0, rate: int = 0, **time: int) -> None:
        """One cycle of a strobe; the model does the same at the same edge."""
        self.dut.adjust.value = PtpAdjust.const(
            {"set": time, "phase": phase, "rate": rate}).as_value().value
        getattr(self.dut, name).value = 1
        await RisingEdge(self.dut.clk)
        await ReadOnly()
        if name == "sets":
            self.model.set_ts_tod(time["seconds"], time["nanoseconds"], time["fraction"])
        elif name == "adds":
            ns = self.model.ts_tod_ns + phase
            self.model.ts_tod_s += ns // SECOND
            self.model.ts_tod_ns = ns % SECOND
        else:
            self.rate(rate)
        self._compare()
        await self._next()
        getattr(self.dut, name).value = 0

    @staticmethod
    async def _next() -> None:
        """Out of the read-only phase, without an edge."""
        await Timer(1, unit="ps")

    def _compare(self) -> None:
        got = _fields(PtpTime, int(self.dut.time.value))
        mine = dict(zip(("seconds", "nanoseconds", "fraction"), self.model.get_ts_tod(), strict=True))
        assert got == mine, f"the clock says {got}, cocotbext-eth's {mine}"
        self.compared += 1
        self.seconds = max(self.seconds, got["seconds"])

    async def follow(self, cycles: int) -> None:
        for _ in range(cycles):
            await RisingEdge(self.dut.clk)
            await ReadOnly()
            self._compare()
        await self._next()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def the_same_time_at_every_edge(dut):
    """Set, disciplined, stepped forward and back, over seconds' ends both ways."""
    bench = Bench(dut)
    await bench.begin()
    rng = bench.rng
    await bench.follow(500)
    for _ in range(12):
        await bench.strobe("rates", rate=rng.randrange(-1 << 28, 1 << 28))
        await bench.follow(rng.randrange(200))
        await bench.strobe("sets", seconds=rng.getrandbits(47), nanoseconds=SECOND - rng.randrange(1, 900),
                            fraction=rng.getrandbits(32))
        await bench.follow(400)
        await bench.strobe("adds", phase=rng.randrange(1, 1 << 29))
        await bench.follow(50)
        await bench.strobe("adds", phase=-rng.randrange(1, 1 << 29))
        await bench.follow(50)
    await bench.strobe("sets", seconds=5, nanoseconds=100, fraction=0)
    await bench.strobe("adds", phase=-300)
    await bench.follow(200)
    assert bench.compared > 5000 and bench.seconds > 1 << 40
