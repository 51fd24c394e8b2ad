"""Each crossing under two unrelated clocks inside a simulator: what ``crossing_check`` says of itself.

A compiled harness does a million payloads (tests/hdl/host); here a few thousand show the same in an event-driven
simulator, where what is not driven is X.
"""

import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

PAYLOADS = 1000
#: Cycles after the last offer. A full FIFO of one-beat frames, each of which waits before it goes on the wire, needs
#: more than a thousand.
DRAIN = 2000


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(periods=[(2560, 3104), (6206, 3104)])
async def nothing_is_lost(dut, periods):
    rng = random.Random(cocotb.RANDOM_SEED)
    dut.a_rst.value = dut.b_rst.value = 1
    dut.offers.value, dut.takes.value = 0, 200
    a, b = (period + 2 * rng.randrange(20) for period in periods)
    cocotb.start_soon(Clock(dut.a_clk, a, unit="ps").start())
    cocotb.start_soon(Clock(dut.b_clk, b, unit="ps").start())
    for _ in range(16):
        await RisingEdge(dut.a_clk)
    dut.a_rst.value = dut.b_rst.value = 0
    for _ in range(16):
        await RisingEdge(dut.a_clk)
    dut.offers.value = min(200, 100 * a // b)
    while int(dut.count.value) < PAYLOADS:
        await RisingEdge(dut.b_clk)
    dut.offers.value = 0
    for _ in range(DRAIN):
        await RisingEdge(dut.b_clk)
    assert int(dut.errors.value) == 0 and int(dut.sent.value) == int(dut.count.value) >= PAYLOADS
