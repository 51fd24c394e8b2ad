"""Benches of what has a core clock and a host clock."""

import itertools
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer


class TwoClocks:
    """Clocks ``clk`` (core) and ``host_clk`` of unrelated periods, their resets, and checks at the host's edges.

    ``rng`` is seeded by the simulator's logged seed.
    """

    def __init__(self, dut, *, core_ps: int = 3104, host_ps: int = 3334):
        self.dut, self._core_ps, self._host_ps = dut, core_ps, host_ps
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self._every_host_cycle = []

    async def start(self, **inputs: int) -> None:
        for name, value in inputs.items():
            getattr(self.dut, name).value = value
        self.dut.rst.value = self.dut.host_rst.value = 1
        cocotb.start_soon(Clock(self.dut.clk, self._core_ps, unit="ps").start())
        cocotb.start_soon(Clock(self.dut.host_clk, self._host_ps, unit="ps").start())
        cocotb.start_soon(self._sample())
        await self.host_cycles(8)
        self.dut.rst.value = self.dut.host_rst.value = 0
        await self.host_cycles(4)

    def always(self, check) -> None:
        """Call ``check`` at every edge of the host's clock."""
        self._every_host_cycle.append(check)

    async def _sample(self) -> None:
        while True:
            await RisingEdge(self.dut.host_clk)
            for check in self._every_host_cycle:
                check()

    async def core_cycles(self, count: int) -> None:
        for _ in range(count):
            await RisingEdge(self.dut.clk)

    async def host_cycles(self, count: int) -> None:
        for _ in range(count):
            await RisingEdge(self.dut.host_clk)

    async def until(self, condition, *, within: int) -> None:
        """Wait for ``condition``; fails after ``within`` cycles of the host."""
        for _ in range(within):
            if condition():
                return
            await RisingEdge(self.dut.host_clk)
        raise AssertionError(f"no {condition} within {within} cycles")

    def pauses(self, share: float):
        """A pause generator: high in so many of the cycles, in stretches."""
        for _ in itertools.count():
            stretch, pause = self.rng.randrange(1, 12), self.rng.random() < share
            yield from [pause] * stretch


async def settle() -> None:
    """Let what was driven in this step reach the design."""
    await Timer(1, unit="ps")
