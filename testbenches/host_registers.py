"""The register table over AXI4-Lite, against a model of it made of ``spec.registers``.

Ports of ``hdl.host.registers.Registers``: everything on ``clk``. What the registers show comes from here; counters are
answered after a while, or not at all.
"""

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from spec.registers import COUNTER_INDEX, REGISTERS, SIZE, WORDS, Access
from testbenches.axi_rules import LITE, AxiRules
from testbenches.harness import Bench as OneClock

_KEPT = (Access.READ_WRITE, Access.LOCKED)
_SHOWN = (Access.READ_ONLY, Access.ACTION)
_ACTS = (Access.WRITE_ONLY, Access.ACTION)
OKAY, SLVERR = int(AxiResp.OKAY), int(AxiResp.SLVERR)


class Model:
    """What the registers hold, by word address, and what an access must do."""

    def __init__(self):
        self.kept = {address: word.register.reset >> word.first & 0xFFFF_FFFF
                     for address, word in WORDS.items() if word.register.access in _KEPT}
        self.shown: dict[int, int] = {}
        self.locked, self.ready = False, True
        self.acted: list[tuple[str, int]] = []
        self.low: tuple[int, int] | None = None  # counter whose low word was read last, and its value

    def write(self, address: int, value: int, strobes: int) -> int:
        if address % 4 or strobes != 0xF or address not in WORDS:
            return SLVERR
        register, value = WORDS[address].register, value & (1 << WORDS[address].bits) - 1
        if register.access in _ACTS:
            if not self.ready:
                return SLVERR
            self.acted.append((register.name, value))
            return OKAY
        if register.access not in _KEPT or (register.access is Access.LOCKED and self.locked):
            return SLVERR
        self.kept[address] = value
        return OKAY

    def read(self, address: int, counter: int | None) -> tuple[int, int]:
        """Response and data. ``counter`` is what the core says, if it is asked; None for no answer."""
        if address % 4 or address not in WORDS:
            return SLVERR, 0
        register, i, first, _ = WORDS[address]
        if register.access is Access.COUNTER:
            number = COUNTER_INDEX[register.name, i]
            if not first:
                self.low = None if counter is None else (number, counter)
                return (SLVERR, 0) if counter is None else (OKAY, counter & 0xFFFF_FFFF)
            if self.low is None or self.low[0] != number:
                return SLVERR, 0
            return OKAY, self.low[1] >> 32
        if register.access is Access.WRITE_ONLY:
            return SLVERR, 0
        return OKAY, (self.kept if register.access in _KEPT else self.shown)[address]


class Bench(OneClock):
    def __init__(self, dut):
        super().__init__(dut)
        self.model = Model()
        self.rules = AxiRules(dut, "axi", dut.rst, lite=True)
        self.acted: list[tuple[str, int]] = []
        self.asked: list[int] = []
        self.answer: int | None = None
        self._counters = [address for address, (register, *_) in WORDS.items() if register.access is Access.COUNTER]
        self._others = [address for address in WORDS if address not in self._counters]
        self.always(self._sample)
        self._acting = {register.name: register for register in REGISTERS if register.access in _ACTS}
        cocotb.start_soon(self._answer_counters())

    def _sample(self) -> None:
        self.rules.sample()
        for name in self._acting:
            if int(getattr(self.dut, f"{name}_written").value):
                self.acted.append((name, int(getattr(self.dut, f"{name}_data").value)))

    async def _answer_counters(self) -> None:
        """Answers for counters."""
        dut = self.dut
        while True:
            dut.counter_answered.value = dut.counter_failed.value = 0
            await RisingEdge(dut.clk)
            if int(dut.counter_read.value):
                self.asked.append(int(dut.counter_index.value))
                await self.cycles(self.rng.randrange(1, 30))
                dut.counter_value.value = self.answer or 0
                dut.counter_answered.value = self.answer is not None
                dut.counter_failed.value = self.answer is None
                await RisingEdge(dut.clk)

    async def begin(self) -> None:
        idle = {f"axi_{name}valid": 0 for name in ("aw", "w", "ar")} | {f"axi_{name}": 0 for name in (
            "bready", "rready", "awaddr", "awprot", "wdata", "wstrb", "araddr", "arprot")}
        shown = {register.name: 0 for register in REGISTERS if register.access in _SHOWN}
        await self.start(locked=0, counter_value=0, counter_answered=0, counter_failed=0,
                         **{f"{name}_ready": 1 for name in self._acting}, **idle, **shown)
        self.show()

    def show(self) -> None:
        """Other values on everything that is shown."""
        values = {register.name: self.rng.getrandbits(register.bits * register.count)
                  for register in REGISTERS if register.access in _SHOWN}
        for name, value in values.items():
            getattr(self.dut, name).value = value
        for address, (register, i, first, bits) in WORDS.items():
            if register.name in values:
                self.model.shown[address] = values[register.name] >> register.bits * i + first & (1 << bits) - 1

    def check(self) -> None:
        """What the registers keep is what the model does; what acted is what was to act."""
        for address, (register, i, first, bits) in WORDS.items():
            if register.access in _KEPT:
                mine = self.model.kept[address]
                got = int(getattr(self.dut, register.name).value) >> register.bits * i + first & (1 << bits) - 1
                assert got == mine, f"{register.name}[{i}] bit {first}: 0x{got:x}, expected 0x{mine:x}"
        assert self.acted == self.model.acted, f"acted: {self.acted[-3:]}, expected {self.model.acted[-3:]}"

    # A master of our own, for what cocotbext-axi's does not do: unaligned addresses, single strobes.

    async def write(self, address: int, value: int, strobes: int = 0xF) -> int:
        dut, late = self.dut, self.rng.randrange(4)

        async def offer(channel, delay, **payload):
            await self.cycles(delay)
            for name, what in payload.items():
                getattr(dut, f"axi_{channel}{name}").value = what
            getattr(dut, f"axi_{channel}valid").value = 1
            await RisingEdge(dut.clk)
            while not int(getattr(dut, f"axi_{channel}ready").value):
                await RisingEdge(dut.clk)
            getattr(dut, f"axi_{channel}valid").value = 0

        delays = (late, 0) if self.rng.random() < 0.5 else (0, late)
        offers = [cocotb.start_soon(offer("aw", delays[0], addr=address, prot=0)),
                  cocotb.start_soon(offer("w", delays[1], data=value, strb=strobes))]
        for each in offers:
            await each
        return await self._answer("b", "resp")

    async def read(self, address: int) -> tuple[int, int]:
        dut = self.dut
        dut.axi_araddr.value, dut.axi_arvalid.value = address, 1
        await RisingEdge(dut.clk)
        while not int(dut.axi_arready.value):
            await RisingEdge(dut.clk)
        dut.axi_arvalid.value = 0
        return await self._answer("r", "resp", "data")

    async def _answer(self, channel: str, *parts: str):
        """Waits with ready low for a while, as it may."""
        dut, ready = self.dut, getattr(self.dut, f"axi_{channel}ready")
        await self.cycles(self.rng.randrange(6))
        ready.value = 1
        await RisingEdge(dut.clk)
        while not int(getattr(dut, f"axi_{channel}valid").value):
            await RisingEdge(dut.clk)
        found = [int(getattr(dut, f"axi_{channel}{part}").value) for part in parts]
        ready.value = 0
        return found[0] if len(found) == 1 else tuple(found)

    def address(self) -> int:
        """Mostly a register's, few of them counters, and what is beside it."""
        choice = self.rng.random()
        if choice < 0.1:
            return self.rng.randrange(SIZE)
        word = self.rng.choice(self._counters if choice < 0.2 else self._others)
        return word + self.rng.randrange(4) if choice > 0.85 else word


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def random_accesses(dut):
    """Any address, any strobes, locked or not, ready or not: response, data and state as the model says."""
    bench = Bench(dut)
    await bench.begin()
    responses = []
    for _ in range(1500):
        if bench.rng.random() < 0.1:
            bench.model.locked = dut.locked.value = bench.rng.random() < 0.5
            bench.model.ready = bench.rng.random() < 0.7
            for name in bench._acting:
                getattr(dut, f"{name}_ready").value = bench.model.ready
            bench.show()
        address = bench.address()
        if bench.rng.random() < 0.5:
            value, strobes = bench.rng.getrandbits(32), 0xF if bench.rng.random() < 0.9 else bench.rng.randrange(15)
            got, expected = await bench.write(address, value, strobes), bench.model.write(address, value, strobes)
            responses.append(("write", got))
        else:
            bench.answer = bench.rng.getrandbits(64) if bench.rng.random() < 0.9 else None
            got, expected = await bench.read(address), bench.model.read(address, bench.answer)
            responses.append(("read", got[0]))
        assert got == expected, f"address 0x{address:x}: {got}, expected {expected}"
        bench.check()
    assert all(responses.count((kind, resp)) > 40 for kind in ("read", "write") for resp in (OKAY, SLVERR))
    assert bench.asked and bench.acted


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_counter_is_never_torn(dut):
    """The high word is that of the low word's moment, whatever the counter did since; another's is refused."""
    bench = Bench(dut)
    await bench.begin()
    counters = [address for address, (register, _, first, _) in WORDS.items()
                if register.access is Access.COUNTER and not first]
    for address in counters:
        bench.answer = bench.rng.getrandbits(64)
        assert await bench.read(address) == (OKAY, bench.answer & 0xFFFF_FFFF)
        assert bench.asked[-1] == COUNTER_INDEX[WORDS[address][0].name, WORDS[address][1]]
        first, bench.answer = bench.answer, bench.answer + 0x1_0000_0001
        other = bench.rng.choice([each for each in counters if each != address])
        assert (await bench.read(other + 4))[0] == SLVERR
        assert await bench.read(address + 4) == (OKAY, first >> 32)
    assert len(bench.asked) == len(counters)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def read_and_write_side_by_side(dut):
    """cocotbext-axi's master, with pauses on every channel, many accesses under way."""
    bench = Bench(dut)
    await bench.begin()
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "axi"), dut.clk, dut.rst)

    def pauses():
        while True:
            yield bench.rng.random() < 0.4
    for side, names in ((master.write_if, ("aw", "w", "b")), (master.read_if, ("ar", "r"))):
        for name in names:
            getattr(side, f"{name}_channel").set_pause_generator(pauses())
    plain = [address for address, (register, *_) in WORDS.items() if register.access is Access.READ_WRITE]
    expected = {}

    async def write(address):
        value = bench.rng.getrandbits(32)
        assert (await master.write(address, value.to_bytes(4, "little"))).resp == AxiResp.OKAY
        bench.model.write(address, value, 0xF)
        expected[address] = bench.model.kept[address]

    async def read(address):
        found = await master.read(address, 4)
        assert found.resp == AxiResp.OKAY and int.from_bytes(found.data, "little") == expected[address]

    for address in plain:
        await write(address)
    tasks = [cocotb.start_soon(read(address)) for address in plain for _ in range(2)]
    for task in tasks:
        await task
    bench.check()
    # Fewer octets than a word are refused: one strobe is not enough.
    before = dict(bench.model.kept)
    assert (await master.write(plain[0], b"\xff")).resp == AxiResp.SLVERR
    assert bench.model.kept == before
    bench.check()
    assert min(bench.rules.seen[name] for name in LITE) > len(plain)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def reset_during_an_access(dut):
    bench = Bench(dut)
    await bench.begin()
    for _ in range(10):
        dut.axi_awaddr.value, dut.axi_awvalid.value = 0x008, 1
        dut.axi_araddr.value, dut.axi_arvalid.value = 0x040, 1
        await bench.cycles(bench.rng.randrange(1, 5))
        dut.rst.value = 1
        dut.axi_awvalid.value = dut.axi_arvalid.value = 0
        await bench.cycles(3)
        dut.rst.value = 0
        bench.model = Model()
        bench.acted.clear()
        bench.show()
        await bench.cycles(2)
        bench.check()
        assert await bench.write(0x008, 5) == bench.model.write(0x008, 5, 0xF) == OKAY
        assert await bench.read(0x008) == (OKAY, 5)
