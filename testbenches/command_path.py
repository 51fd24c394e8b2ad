"""The host's command ring read over AXI4: memory by cocotbext-axi, a sink that holds back.

Ports of ``hdl.host.command_reader.CommandReader``: everything on ``clk``.
"""

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiReadBus, AxiSlaveRead

from sim.card.rings import CommandRing
from spec.rings import COMMAND_BITS, COMMAND_SLOT, COMMANDS, SLOT_OCTETS
from testbenches.axi_rules import AxiRules, after_valid
from testbenches.harness import Bench as OneClock

LOG2 = 6
BASE = 0xFF_0000_1000


class Memory:
    """Host memory behind the bus; addresses in ``bad`` are answered with an error."""

    def __init__(self):
        self.octets = np.zeros(SLOT_OCTETS << LOG2, np.uint8)
        self.bad: set[int] = set()  # slots

    async def read(self, address, length):
        first = address - BASE
        assert 0 <= first and first + length <= len(self.octets), f"a read from 0x{address:x}, outside of the ring"
        if first // SLOT_OCTETS in self.bad:
            raise ValueError("an error that the bench wants")
        return self.octets[first : first + length].tobytes()


class Bench(OneClock):
    def __init__(self, dut):
        super().__init__(dut)
        self.memory = Memory()
        self.slave = AxiSlaveRead(AxiReadBus.from_prefix(dut, "axi"), dut.clk, dut.rst, self.memory)
        self.rules = AxiRules(dut, "axi", dut.rst)
        self.ring = CommandRing(self.memory.octets)
        self.sent: list[tuple[int, int]] = []
        self.taken: list[tuple[int, int]] = []
        self.failures = 0
        self.share = 0.5  # of cycles in which the sink is ready
        self.always(self._sample)

    def _sample(self) -> None:
        self.rules.sample()
        self.failures += int(self.dut.failed.value)
        if int(self.dut.commands_valid.value) and int(self.dut.commands_ready.value):
            word = int(self.dut.commands_payload.value)
            self.taken.append((word >> COMMAND_BITS, word & (1 << COMMAND_BITS) - 1))
        self.dut.commands_ready.value = self.rng.random() < self.share

    async def begin(self) -> None:
        await self.start(begin=0, run=0, address=BASE, log2=LOG2, producer=0, clear=0, commands_ready=0)
        await self.go()

    async def go(self) -> None:
        self.dut.begin.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.begin.value, self.dut.run.value = 0, 1
        await RisingEdge(self.dut.clk)

    def consumer(self) -> int:
        return int(self.dut.consumer.value)

    async def announce(self, count: int) -> None:
        """So many random commands, as soon as there is room."""
        await self.until(lambda: self.ring.room(self.consumer()) >= count, within=20_000)
        for _ in range(count):
            record = self.rng.choice(COMMANDS)
            word = self.rng.getrandbits(record.bits)
            self.ring.write(record, [record.unpack(word)])
            self.sent.append((COMMANDS.index(record), word))
        self.dut.producer.value = self.ring.produced

    async def drain(self) -> None:
        await self.until(lambda: self.consumer() == self.ring.produced, within=20_000)
        await self.cycles(4)

    def check(self) -> None:
        assert self.sent and self.taken == self.sent, f"{len(self.sent)} sent, {len(self.taken)} taken, or other ones"


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def commands_arrive_in_order(dut):
    """Random numbers of slots, lap after lap, with pauses on both sides."""
    bench = Bench(dut)
    await bench.begin()
    for channel in (bench.slave.ar_channel, bench.slave.r_channel):
        channel.set_pause_generator(_pauses(bench, 0.3))
    for _ in range(50):
        await bench.announce(bench.rng.choice([1, 2, 7, 33, 1 << LOG2]))
        await bench.cycles(bench.rng.randrange(60))
    await bench.drain()
    bench.check()
    assert len(bench.sent) > 4 << LOG2 and bench.rules.seen["ar"] > 25 and not bench.failures


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def whole_bursts(dut):
    """A sink that is always ready, a full ring: 4 KiB at a time."""
    bench = Bench(dut)
    bench.share = 1
    await bench.begin()
    bench.slave.ar_channel.set_pause_generator(after_valid(dut.axi_arvalid))
    for _ in range(3):
        await bench.announce(1 << LOG2)
        await bench.drain()
    bench.check()
    assert bench.rules.seen == {"ar": 6, "r": 6 * 64}, bench.rules.seen


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def nothing_is_carried_out_behind_an_error(dut):
    """A slot that memory does not give, in the middle of a burst: it stands still, and goes on where it was."""
    bench = Bench(dut)
    await bench.begin()
    for bad in (0, 5, 31, 40):
        start = bench.ring.produced % (1 << LOG2)
        bench.memory.bad = {(start + bad) % (1 << LOG2)}
        before = len(bench.taken)
        await bench.announce(48)
        await bench.until(lambda: int(dut.fault.value) == 1, within=5000)
        await bench.cycles(300)
        assert len(bench.taken) == before + bad and bench.consumer() == (bench.ring.produced - 48 + bad), (
            f"{len(bench.taken) - before} carried out before slot {bad}")
        assert bench.taken == bench.sent[: len(bench.taken)]
        bench.memory.bad = set()
        dut.clear.value = 1
        await RisingEdge(dut.clk)
        dut.clear.value = 0
        await bench.drain()
    bench.check()
    assert bench.failures == 4


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_slot_that_names_no_command(dut):
    bench = Bench(dut)
    await bench.begin()
    await bench.announce(3)
    await bench.drain()
    place = bench.memory.octets.reshape(-1, SLOT_OCTETS)[3]
    place[COMMAND_SLOT["command"].offset] = len(COMMANDS)
    dut.producer.value = 4
    await bench.until(lambda: int(dut.fault.value) == 1, within=1000)
    await bench.cycles(100)
    bench.check()
    assert bench.consumer() == 3


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def more_than_the_ring_holds_is_not_read(dut):
    """A producer of before the ring began anew, or one that ran over."""
    bench = Bench(dut)
    await bench.begin()
    for producer in ((1 << LOG2) + 1, (1 << 32) - 1):
        dut.producer.value = producer
        await bench.cycles(100)
        assert not bench.rules.seen and not bench.taken
    dut.producer.value = 0
    await bench.announce(2)
    await bench.drain()
    bench.check()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def resets_in_mid_burst(dut):
    bench = Bench(dut)
    await bench.begin()
    caught = 0
    for _ in range(8):
        await bench.announce(40)
        await bench.until(lambda: int(dut.axi_rvalid.value) == 1, within=1000)
        await bench.cycles(bench.rng.randrange(12))
        caught += not int(dut.idle.value)
        dut.rst.value, dut.run.value, dut.producer.value = 1, 0, 0
        await bench.cycles(8)
        bench.sent.clear()
        bench.taken.clear()
        bench.ring = CommandRing(bench.memory.octets)
        dut.rst.value = 0
        await bench.cycles(4)
        await bench.go()
        await bench.announce(5)
        await bench.drain()
        bench.check()
    assert caught > 4


def _pauses(bench: Bench, share: float):
    while True:
        yield from [bench.rng.random() < share] * bench.rng.randrange(1, 8)
