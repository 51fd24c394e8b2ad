"""Records of every stream into rings in host memory: a reader in Python, AXI4 memory by cocotbext-axi.

Ports of ``hdl.host.records.RecordPath``: core side on ``clk``, AXI on ``host_clk``.
"""

import os
from collections.abc import Sequence

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiSlaveWrite, AxiWriteBus

from sim.card.rings import Ring
from spec.rings import BURST_SLOTS, RINGS, SLOT_OCTETS
from testbenches.axi_rules import AxiRules, after_valid
from testbenches.two_clocks import TwoClocks

LOG2 = 5
ALL = range(len(RINGS))
BASE = 0x12_3450_0000
RING_OCTETS = SLOT_OCTETS << LOG2
DEPTH = int(os.environ.get("TICKWIRE_DEPTH", "16"))


class Memory:
    """Host memory behind the bus; addresses in ``bad`` are answered with an error."""

    def __init__(self):
        self.octets = np.zeros(len(RINGS) * RING_OCTETS, np.uint8)
        self.bad = lambda address: False
        self.failed = 0

    async def write(self, address, data):
        if self.bad(address):
            self.failed += 1
            raise ValueError("an error that the bench wants")
        first = address - BASE
        assert 0 <= first and first + len(data) <= len(self.octets), f"a write to 0x{address:x}, outside of all rings"
        self.octets[first : first + len(data)] = np.frombuffer(bytes(data), np.uint8)


class Bench(TwoClocks):
    def __init__(self, dut, **clocks):
        super().__init__(dut, **clocks)
        self.memory = Memory()
        self.slave = AxiSlaveWrite(AxiWriteBus.from_prefix(dut, "axi"), dut.host_clk, dut.host_rst, self.memory)
        self.rules = AxiRules(dut, "axi", dut.host_rst)
        self.always(self.rules.sample)
        self.restart()

    def overrun(self) -> None:
        """No slot is written again before the host has read it."""
        producers, consumers = int(self.dut.producers.value), int(self.dut.consumers.value)
        for i, record in enumerate(RINGS):
            used = (producers >> 32 * i) - (consumers >> 32 * i) & 0xFFFF_FFFF
            assert used <= 1 << LOG2, f"{record.stream}: {used} slots unread in a ring of {1 << LOG2}"

    def restart(self) -> None:
        """Rings of zeros, and nothing sent yet."""
        self.memory.octets[:] = 0
        self.rings = [Ring(self.memory.octets[i * RING_OCTETS : (i + 1) * RING_OCTETS], i) for i in range(len(RINGS))]
        self.sent: list[list[int]] = [[] for _ in RINGS]
        self.read: list[list[tuple[int, int]]] = [[] for _ in RINGS]  # (sequence, payload)
        self.cycles: list[list[int]] = [[] for _ in RINGS]

    async def begin(self) -> None:
        await self.start(enable=(1 << len(RINGS)) - 1, begin=0, run=0, address=BASE, log2=LOG2, consumers=0,
                         **{f"{record.stream}_valid": 0 for record in RINGS},
                         **{f"{record.stream}_payload": 0 for record in RINGS})
        await self.go()

    async def go(self) -> None:
        self.dut.begin.value = 1
        await RisingEdge(self.dut.host_clk)
        self.dut.begin.value = 0
        self.dut.run.value = 1
        await RisingEdge(self.dut.host_clk)

    async def send(self, cycles: int, share: float, streams: Sequence[int] = ALL) -> None:
        """Random records on each stream in such a share of the core's cycles."""
        valids = [getattr(self.dut, f"{record.stream}_valid") for record in RINGS]
        payloads = [getattr(self.dut, f"{record.stream}_payload") for record in RINGS]
        for _ in range(cycles):
            for i in streams:
                offers = self.rng.random() < share
                valids[i].value = offers
                if offers:
                    word = self.rng.getrandbits(RINGS[i].bits)
                    payloads[i].value = word
                    self.sent[i].append(word)
            await RisingEdge(self.dut.clk)
        for i in streams:
            valids[i].value = 0

    def poll(self, consume: bool = True) -> None:
        """Read what the phases show, as a host does."""
        consumers = 0
        for i, ring in enumerate(self.rings):
            before = ring.consumed
            found = ring.read()
            slots = self.memory.octets[i * RING_OCTETS : (i + 1) * RING_OCTETS].reshape(-1, SLOT_OCTETS)
            for k, words in enumerate(found.words):
                slot = slots[(before + k) % (1 << LOG2)]
                sequence = int.from_bytes(slot[120:124].tobytes(), "little")
                self.read[i].append((sequence, int.from_bytes(words.tobytes(), "little") & (1 << RINGS[i].bits) - 1))
            self.cycles[i] += found.cycles.tolist()
            consumers |= ring.consumed << 32 * i
        if consume:
            self.dut.consumers.value = consumers

    async def poll_often(self, pause) -> None:
        while True:
            self.poll()
            await self.host_cycles(pause())

    def idle(self) -> bool:
        return bool(int(self.dut.idle.value))

    async def drain(self) -> None:
        """Until nothing more comes."""
        quiet = 0
        while quiet < 4:
            before = sum(map(len, self.read))
            self.poll()
            await self.host_cycles(200)
            quiet = 0 if sum(map(len, self.read)) != before else quiet + 1

    def check(self, *, lost: bool) -> int:
        """What was read is what was sent, in order, but for what was counted as lost. Returns how many were read."""
        total = 0
        for i, record in enumerate(RINGS):
            sequences = [sequence for sequence, _ in self.read[i]]
            assert sequences == sorted(set(sequences)), f"{record.stream}: reordered or repeated: {sequences[:40]}"
            for sequence, word in self.read[i]:
                assert word == self.sent[i][sequence], f"{record.stream}: record {sequence} is another"
            assert self.cycles[i] == sorted(set(self.cycles[i])), f"{record.stream}: cycles go back"
            count = int(self.dut.lost.value) >> 64 * i & (1 << 64) - 1
            assert len(self.read[i]) + count == len(self.sent[i]), (
                f"{record.stream}: {len(self.sent[i])} sent, {len(self.read[i])} read, {count} counted as lost")
            assert lost or not count, f"{record.stream}: {count} lost"
            tail = len(self.sent[i]) - (sequences[-1] + 1 if sequences else 0)
            assert self.rings[i].lost + tail == count, f"{record.stream}: the sequence shows {self.rings[i].lost} lost"
            total += len(self.read[i])
        return total


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_record_arrives(dut):
    """Light traffic on all streams, a memory that pauses now and then: nothing is lost."""
    bench = Bench(dut)
    await bench.begin()
    for channel in (bench.slave.aw_channel, bench.slave.w_channel, bench.slave.b_channel):
        channel.set_pause_generator(bench.pauses(0.2))
    cocotb.start_soon(bench.poll_often(lambda: bench.rng.randrange(1, 100)))
    await bench.send(1500, 0.015)
    await bench.drain()
    assert bench.check(lost=False) > 200 and all(bench.read)
    assert bench.rules.seen["aw"] == bench.rules.seen["b"] > 20


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def what_finds_no_room_is_counted(dut):
    """Storms, a slow memory, a host that sleeps: rings fill up; losses are exactly those counted; bursts grow."""
    bench = Bench(dut)
    await bench.begin()
    longest = 0

    def measure():
        nonlocal longest
        if int(dut.axi_awvalid.value):
            longest = max(longest, int(dut.axi_awlen.value) + 1)
    bench.always(measure)
    for channel in (bench.slave.aw_channel, bench.slave.w_channel, bench.slave.b_channel):
        channel.set_pause_generator(bench.pauses(0.6))
    cocotb.start_soon(bench.poll_often(lambda: bench.rng.choice([3, 700])))
    for _ in range(3):
        await bench.send(150, 0.5)
        await bench.core_cycles(400)
    await bench.drain()
    assert bench.check(lost=True) > 200
    assert int(dut.lost.value) and longest > 2 * 8, f"the longest burst had {longest} beats"


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_host_that_sleeps(dut):
    """It has read a few of a ring: exactly a ring's slots are then written, and the rest waits or is lost."""
    bench = Bench(dut)
    await bench.begin()
    bench.always(bench.overrun)
    for few in (5, 12, 30, 7):
        await bench.send(few, 1.0, streams=[6])
        await bench.drain()
        await bench.send(60, 1.0, streams=[6])
        await bench.host_cycles(1500)
        used = (int(dut.producers.value) >> 32 * 6) - bench.rings[6].consumed & 0xFFFF_FFFF
        assert used == 1 << LOG2, f"{used} of {1 << LOG2} slots written"
        await bench.drain()
    assert bench.check(lost=True) > 4 << LOG2


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def ready_waits_for_valid(dut):
    """A memory whose readies wait for valid: nothing of ours waits for them."""
    bench = Bench(dut)
    await bench.begin()
    bench.slave.aw_channel.set_pause_generator(after_valid(dut.axi_awvalid))
    bench.slave.w_channel.set_pause_generator(after_valid(dut.axi_wvalid))
    cocotb.start_soon(bench.poll_often(lambda: 20))
    await bench.send(300, 0.01)
    await bench.drain()
    assert bench.check(lost=False) > 20


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def one_ring_in_full_bursts(dut):
    """One stream in a storm: whole bursts up to the boundary, lap after lap, and full speed in a burst."""
    bench = Bench(dut)
    await bench.begin()
    cocotb.start_soon(bench.poll_often(lambda: 5))
    for _ in range(20):
        await bench.send(DEPTH - 2, 1.0, streams=[1])
        await bench.core_cycles(3 * DEPTH + 40)
    await bench.drain()
    assert bench.check(lost=False) == 20 * (DEPTH - 2) > 2 * (1 << LOG2) >= 2 * BURST_SLOTS


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def errors_are_counted_and_nothing_stops(dut):
    """Responses with errors: one event each, and what follows goes on."""
    bench = Bench(dut)
    failed = 0

    def count():
        nonlocal failed
        failed += int(dut.failed.value)
    await bench.begin()
    bench.always(count)
    bench.memory.bad = lambda address: (address - BASE) // RING_OCTETS == 3
    await bench.send(200, 0.02)
    await bench.host_cycles(2000)
    assert bench.memory.failed and failed, "no error came"
    bench.memory.bad = lambda address: False
    before = failed
    bench.poll()
    assert not bench.read[3] and bench.read[2]
    await bench.send(40, 0.1, streams=[2])
    await bench.drain()
    assert failed == before and len(bench.read[2]) == len(bench.sent[2])


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_ring_that_is_off_is_not_written(dut):
    """Records of a stream that nobody wants have their numbers, and are no loss."""
    bench = Bench(dut)
    await bench.begin()
    dut.enable.value = (1 << len(RINGS)) - 1 & ~(1 << 4)
    await bench.core_cycles(4)
    cocotb.start_soon(bench.poll_often(lambda: 20))
    await bench.send(200, 0.03)
    await bench.drain()
    assert not bench.read[4] and bench.sent[4] and bench.read[5]
    assert not int(dut.lost.value)
    dut.enable.value = (1 << len(RINGS)) - 1
    await bench.core_cycles(4)
    await bench.send(60, 0.2, streams=[4])
    await bench.drain()
    first = bench.read[4][0][0]
    assert first == len(bench.sent[4]) - len(bench.read[4]), "a number of before was used again"


@cocotb.test(timeout_time=4, timeout_unit="ms")
async def resets_in_mid_burst(dut):
    """Whenever a reset comes, valid falls, and everything begins anew."""
    bench = Bench(dut)
    await bench.begin()
    for channel in (bench.slave.aw_channel, bench.slave.w_channel, bench.slave.b_channel):
        channel.set_pause_generator(bench.pauses(0.4))
    caught = 0
    for _ in range(6):
        await bench.send(40, 0.2)
        await bench.until(lambda: int(dut.axi_wvalid.value) and not int(dut.axi_wlast.value), within=4000)
        await bench.host_cycles(bench.rng.randrange(4))
        caught += int(dut.axi_wvalid.value)
        dut.rst.value = dut.host_rst.value = 1
        dut.run.value = 0
        await bench.host_cycles(12)
        dut.rst.value = dut.host_rst.value = 0
        dut.consumers.value = 0
        await bench.host_cycles(12)
        bench.restart()
        await bench.go()
        await bench.send(100, 0.02)
        await bench.drain()
        assert bench.check(lost=False) > 5
        dut.run.value = 0
        await bench.until(bench.idle, within=1000)
        await bench.go()
        bench.restart()
        dut.rst.value = 1
        dut.consumers.value = 0
        await bench.core_cycles(10)
        dut.rst.value = 0
        await bench.host_cycles(10)
        await bench.go()
    assert caught, "no reset came in mid-burst"
