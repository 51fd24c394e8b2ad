"""The core's end of ``remote``: a cocotb test that drives the core cycle by cycle as its caller says.

The same order of things as harness.cpp: the inputs of cycle c are set, edge c comes, what was there before it is
sampled. Runs inside a simulator.
"""

import os
import time
from collections import deque
from multiprocessing.connection import Client

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from spec.counters import COUNTER_BITS, COUNTERS
from spec.records import RECORDS, REQUESTS

from .remote import ADDRESS

_PERIOD_PS = 3104  #: even, for a symmetric clock
_RESET = 4  #: cycles
_LANES = 8
_PATIENCE = 1 << 16  #: cycles that a beat is offered on RX in vain
_INPUTS = (*(record.stream for record in REQUESTS), "clock")


class _Port:
    """An input that is written when it changes."""

    def __init__(self, dut, name: str):
        self._handle, self._value = getattr(dut, name), 0
        self._handle.value = 0

    def __call__(self, value: int) -> None:
        if value != self._value:
            self._handle.value = self._value = value


class _Beats:
    """An AXI4-Stream input."""

    def __init__(self, dut, name: str):
        self._valid, self._data, self._keep, self._last, self._user = (
            _Port(dut, f"{name}_t{part}") for part in ("valid", "data", "keep", "last", "user"))

    def offer(self, octets: bytes, last: bool, bad: bool) -> None:
        self._data(int.from_bytes(octets, "little"))
        self._keep((1 << len(octets)) - 1)
        self._last(int(last))
        self._user(int(last and bad))
        self._valid(1)

    def idle(self) -> None:
        self._valid(0)
        self._last(0)
        self._user(0)


class Core:
    """What ``remote.RemoteEngine`` calls, by name."""

    def __init__(self, dut):
        self._dut, self.cycle, self.held_back = dut, 0, 0
        self._clock, self._reset = dut.clk, _Port(dut, "rst")
        self._rx, self._session_rx = _Beats(dut, "rx"), _Beats(dut, "session_rx")
        self._tx_ready = _Port(dut, "tx_tready")
        self._rx_ready, self._session_ready = dut.rx_tready, dut.session_rx_tready
        self._levels = {name: _Port(dut, name) for name in ("kill", "kill_release", "handback")}
        self._inputs = {
            name: (_Port(dut, f"{name}_valid"), _Port(dut, f"{name}_payload"), getattr(dut, f"{name}_ready"))
            for name in _INPUTS}
        self._waiting: dict[str, deque[int]] = {name: deque() for name in _INPUTS}
        self._frames: deque[list] = deque()  # for the session's RX: octets not yet taken, gap before them
        self._watched = [(getattr(dut, f"{record.stream}_valid"), getattr(dut, f"{record.stream}_payload"),
                          -(-record.bits // 64) * 8) for record in RECORDS]
        self._tx = [getattr(dut, f"tx_t{part}") for part in ("valid", "data", "keep", "last", "user")]
        self._frame: list | None = None  # under way on TX: offered, accepted, octets
        self._clear()

    def _clear(self) -> None:
        self._seen = [([], bytearray()) for _ in RECORDS]
        self._beats, self._sent = [], []

    async def start(self, ready_within: int) -> bool:
        """Reset, and wait until the core is ready: whether it is."""
        cocotb.start_soon(Clock(self._clock, _PERIOD_PS, unit="ps").start())
        self._tx_ready(1)
        self._reset(1)
        for _ in range(_RESET):
            await RisingEdge(self._clock)
            self.cycle += 1
        self._reset(0)
        for _ in range(ready_within):
            await self._step()
            if int(self._dut.ready.value):
                return True
        return False

    async def _step(self) -> None:
        """One cycle with RX as it is."""
        for name, waiting in self._waiting.items():
            valid, payload, _ = self._inputs[name]
            if waiting:
                payload(waiting[0])
            valid(int(bool(waiting)))
        offered = self._offer_session()
        await RisingEdge(self._clock)
        for (valid, payload, width), (cycles, words) in zip(self._watched, self._seen, strict=True):
            if int(valid.value):
                cycles.append(self.cycle)
                words += int(payload.value).to_bytes(width, "little")
        if int(self._tx[0].value):
            self._take_tx()
        for name, waiting in self._waiting.items():
            if waiting and int(self._inputs[name][2].value):
                waiting.popleft()
        if offered and int(self._session_ready.value):
            frame = self._frames[0]
            frame[0] = frame[0][_LANES:]
            if not frame[0]:
                self._frames.popleft()
        self.cycle += 1

    def _offer_session(self) -> bool:
        if not self._frames:
            self._session_rx.idle()
            return False
        frame = self._frames[0]
        if frame[1]:
            frame[1] -= 1
            self._session_rx.idle()
            return False
        self._session_rx.offer(frame[0][:_LANES], len(frame[0]) <= _LANES, False)
        return True

    def _take_tx(self) -> None:
        if self._frame is None:
            self._frame = [self.cycle, self.cycle, bytearray()]
        data, keep, last, user = (int(handle.value) for handle in self._tx[1:])
        self._frame[2] += bytes(data >> 8 * lane & 0xFF for lane in range(_LANES) if keep >> lane & 1)
        if last:
            offered, accepted, octets = self._frame
            self._sent.append((bytes(octets), offered, accepted, self.cycle, bool(user)))
            self._frame = None

    async def send(self, octets: bytes, lengths: list[int], gaps: list[int], errors: list[int]) -> int:
        """Frames on RX; how many were taken."""
        at = 0
        for number, (length, gap, bad) in enumerate(zip(lengths, gaps, errors, strict=True)):
            await self.idle(gap)
            end = at + length
            while at < end:
                beat = octets[at : min(at + _LANES, end)]
                at += len(beat)
                self._rx.offer(beat, at == end, bool(bad))
                for _ in range(_PATIENCE):
                    await self._step()
                    if int(self._rx_ready.value):
                        break
                    self.held_back += 1
                else:
                    return number
                self._beats.append(self.cycle - 1)
            self._rx.idle()
        return len(lengths)

    async def idle(self, cycles: int) -> None:
        for _ in range(cycles):
            await self._step()

    async def session(self, frames: list[bytes], gap: int) -> None:
        self._frames += ([frame, gap] for frame in frames)

    async def put(self, stream: str, records: list[int]) -> None:
        self._waiting[stream] += records

    async def level(self, name: str, on: bool) -> None:
        self._levels[name](int(on))

    async def capture(self) -> tuple:
        """Cycles and octets of each stream, cycles of RX's beats, frames on TX."""
        result = [(cycles, bytes(words)) for cycles, words in self._seen], self._beats, self._sent
        self._clear()
        return result

    async def state(self) -> tuple[int, int, int]:
        """Cycle, cycles held back, and what still waits to go in."""
        return self.cycle, self.held_back, len(self._frames) + sum(map(len, self._waiting.values()))

    async def cpu(self) -> float:
        """Seconds that the simulation has computed."""
        return time.process_time()

    async def counters(self) -> dict[str, dict[str, int]]:
        found, mask = {}, (1 << COUNTER_BITS) - 1
        for stage, names in COUNTERS.items():
            word = int(getattr(self._dut, f"{stage}_counters").value)
            found[stage] = {name: word >> COUNTER_BITS * i & mask for i, name in enumerate(names)}
        return found


@cocotb.test()
async def serve(dut):
    """Do what the caller says until it hangs up."""
    with Client(os.environ[ADDRESS]) as caller:
        core = Core(dut)
        try:
            while call := caller.recv():
                name, arguments = call
                caller.send(await getattr(core, name)(*arguments))
        except EOFError:
            pass
