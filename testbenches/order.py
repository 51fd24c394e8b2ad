"""Order against its golden twin: every record and every frame; and scapy's word on every frame.

``TICKWIRE_ORDER_PCAP`` names a file to which the frames of ``random_orders_under_backpressure`` are written.
"""

import os

import cocotb
from cocotb.triggers import RisingEdge
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from golden_model.order import Order
from hdl.order import Encode
from hdl.order import Order as Gateware
from spec.records import DECISION, Refusal, Side
from testbenches.harness import Bench, assert_same_counters, assert_same_records

TIMEOUT = {"timeout_time": 1, "timeout_unit": "ms"}
LANES = 8
AXI_PAYLOAD = ("tdata", "tkeep", "tlast", "tuser")


class StreamRules:
    """AXI4-Stream: what is offered stays, unchanged, until it is accepted (Arm IHI 0051, section 2.2.1)."""

    def __init__(self):
        self._held = None

    def sample(self, valid: bool, ready: bool, payload: tuple) -> None:
        if self._held is not None:
            assert valid, "valid fell before ready rose"
            assert payload == self._held, f"payload changed before ready rose: {self._held} to {payload}"
        self._held = payload if valid and not ready else None


class OrderBench(Bench):
    """Sends decisions as risk does, and receives frames."""

    def __init__(self, dut):
        super().__init__(dut)
        self.decisions, self.orders = self.watch("decisions"), self.watch("orders")
        self.sink = self.axi_sink()
        self.rules = StreamRules()
        self.beats: list[int] = []  # clock edges at which a beat was accepted
        self.offered: list[int] = []  # clock edges at which a frame's first beat was offered first
        self.ends: list[int] = []  # clock edges at which a frame's last beat was accepted
        self.queue_was_full = False
        self._within_frame = self._pending = False
        self.always(self._sample)

    def _sample(self):
        valid, ready = int(self.dut.tx_tvalid.value), int(self.dut.tx_tready.value)
        payload = tuple(int(getattr(self.dut, f"tx_{name}").value) for name in AXI_PAYLOAD) if valid else ()
        self.rules.sample(valid, ready, payload)
        self.queue_was_full |= bool(int(self.dut.queue_full.value))
        if valid and not self._pending and not self._within_frame:
            self.offered.append(self.cycle)
        self._pending = valid and not ready
        if valid and ready:
            self.beats.append(self.cycle)
            self._within_frame = not payload[AXI_PAYLOAD.index("tlast")]
            if not self._within_frame:
                self.ends.append(self.cycle)

    async def begin(self):
        await self.start(decisions_valid=0, decisions_payload=0)

    def decision(self, **changes):
        rng = self.rng
        values = {"message": rng.getrandbits(32), "timestamp": rng.getrandbits(48),
                  "symbol": rng.randrange(len(self.design.symbols)), "side": rng.choice(list(Side)),
                  "quantity": rng.choice([1, 100, rng.getrandbits(20), rng.getrandbits(32)]),
                  "price": rng.choice([1, 0xFFFF_FFFF, rng.getrandbits(24), rng.getrandbits(32)]),
                  "refusals": 0, "position": rng.getrandbits(47) - (1 << 46)}
        return DECISION.tuple(**values | changes)

    async def judge(self, cycles: int, approve: float, refuse: float = 0.0):
        """Decisions for ``cycles`` cycles, approvals with likelihood ``approve`` unless the queue is full. That is seen
        as risk sees it: a decision taken at one clock edge stands on the stream at the next."""
        dut = self.dut
        for _ in range(cycles):
            await RisingEdge(dut.clk)
            full, dice = int(dut.queue_full.value), self.rng.random()
            if dice < approve:
                refusals = Refusal.ORDER_QUEUE_FULL if full else 0
            elif dice < approve + refuse:
                refusals = self.rng.randrange(1, 128)
            else:
                dut.decisions_valid.value = 0
                continue
            dut.decisions_valid.value = 1
            dut.decisions_payload.value = DECISION.pack(self.decision(refusals=refusals))
        await RisingEdge(dut.clk)
        dut.decisions_valid.value = 0

    async def drain(self):
        """Let every queued frame out."""
        self.sink.clear_pause_generator()
        self.sink.pause = False
        model = Order(self.design)
        beats = -(-len(model.frame(model.decision(self.decision()))) // LANES)  # of every frame
        await self.cycles((self.design.order.queue + 2) * beats + 10)

    def check(self) -> list[bytes]:
        """Compare everything so far with the model and with scapy; the frames."""
        model = Order(self.design)
        expected = [order for order in map(model.decision, self.decisions.seen) if order is not None]
        assert_same_records(self.orders, expected)
        decided = zip(self.decisions.cycles, self.decisions.seen, strict=True)
        approved = [cycle for cycle, decision in decided if not decision.refusals]
        latencies = {there - here for here, there in zip(approved, self.orders.cycles, strict=True)}
        assert latencies == {Encode.LATENCY}, f"orders after {sorted(latencies)} cycles"
        frames = []
        while not self.sink.empty():
            frames.append(bytes(self.sink.recv_nowait().tdata))
        for k, (frame, order) in enumerate(zip(frames, expected)):  # noqa: B905  counted below
            assert frame == model.frame(order), f"frame {k}: expected {model.frame(order).hex()}, got {frame.hex()}"
            assert_checksums(frame)
        assert len(frames) == len(expected), f"expected {len(expected)} frames, got {len(frames)}"
        wire_free = [0, *(end + 1 for end in self.ends[:-1])]
        due = [max(cycle + Gateware.LATENCY, free) for cycle, free in zip(approved, wire_free, strict=True)]
        assert self.offered == due, "a frame begins with its order, or directly after the frame before"
        assert_same_counters(self.counters("order"), model.counters)
        return frames


def assert_checksums(frame: bytes) -> None:
    """Scapy, asked for the checksums of this frame, writes the same ones."""
    rebuilt = Ether(frame)
    del rebuilt[IP].chksum, rebuilt[TCP].chksum
    assert bytes(rebuilt) == frame, f"checksums: expected {bytes(rebuilt).hex()}, got {frame.hex()}"


@cocotb.test(**TIMEOUT)
async def random_orders_under_backpressure(dut):
    """Bursts and gaps, refusals in between, a wire that pauses at random or for long."""
    bench = OrderBench(dut)
    await bench.begin()

    def dawdle():
        while True:
            share = bench.rng.choice([0.0, 0.3, 0.9])
            for _ in range(bench.rng.randint(1, 60)):
                yield bench.rng.random() < share

    bench.sink.set_pause_generator(dawdle())
    for _ in range(8):
        await bench.judge(bench.rng.randint(50, 200), approve=bench.rng.choice([0.02, 0.07, 0.5]), refuse=0.2)
    await bench.drain()
    frames = bench.check()
    assert len(frames) > 20
    assert any(d.refusals for d in bench.decisions.seen)
    if path := os.environ.get("TICKWIRE_ORDER_PCAP"):
        wrpcap(path, [Ether(frame) for frame in frames])


@cocotb.test(**TIMEOUT)
async def first_beat_after_exactly_one_cycle_on_an_idle_wire(dut):
    """Also when ready is low as it is offered."""
    bench = OrderBench(dut)
    await bench.begin()
    for paused in (0, 0, 1, 0, 1):
        bench.sink.pause = bool(paused)
        await bench.cycles(bench.rng.randint(3, 9))
        await bench.drive("decisions", [bench.decision()])
        await bench.cycles(5)
        bench.sink.pause = False
        await bench.cycles(20)
    bench.check()
    assert {start - given for given, start in zip(bench.decisions.cycles, bench.offered, strict=True)} == {
        Gateware.LATENCY} == {1}


@cocotb.test(**TIMEOUT)
async def frames_back_to_back_without_bubbles(dut):
    """A burst that fills the queue, then one order per frame time: the wire is never idle."""
    bench = OrderBench(dut)
    await bench.begin()
    await bench.judge(2 * bench.design.order.queue, approve=1)
    await bench.drain()
    frames = bench.check()
    assert bench.queue_was_full
    assert len(frames) > bench.design.order.queue
    assert bench.beats == list(range(bench.beats[0], bench.beats[0] + len(bench.beats)))


@cocotb.test(**TIMEOUT)
async def stopped_wire_loses_nothing(dut):
    """Approvals in every cycle while TX is not ready; then again, as it empties."""
    bench = OrderBench(dut)
    await bench.begin()
    for _ in range(3):
        bench.sink.pause = True
        await bench.judge(3 * bench.design.order.queue, approve=1)
        bench.sink.pause = False
        await bench.judge(bench.rng.randint(10, 60), approve=1)
    await bench.drain()
    frames = bench.check()
    assert bench.queue_was_full
    assert len(frames) > bench.design.order.queue + 1, "nothing moved between the stops"
