"""Runs inside the simulator on the counter of test_simulators.py."""

import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge


async def start(dut) -> None:
    dut.rst.value, dut.enable.value = 1, 0
    cocotb.start_soon(Clock(dut.clk, 4, "ns").start())
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.rst.value = 0


@cocotb.test(timeout_time=10, timeout_unit="us")
async def counts_enabled_cycles(dut):
    await start(dut)
    expected = 0
    for _ in range(300):
        dut.enable.value = enable = random.getrandbits(1)
        await FallingEdge(dut.clk)
        expected += enable
        assert int(dut.count.value) == expected % 256


@cocotb.test(timeout_time=10, timeout_unit="us", skip="EXPECTED" not in os.environ)
async def reaches_expected(dut):
    await start(dut)
    dut.enable.value = 1
    await FallingEdge(dut.clk)
    assert int(dut.count.value) == int(os.environ["EXPECTED"])
