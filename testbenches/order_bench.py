"""The order stage with all that it speaks to, and the golden model beside it."""

from collections import deque
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import cocotb
from cocotb.triggers import RisingEdge
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from golden_model.order import Header as Told
from golden_model.order import Order as Model
from hdl.link import Begin, Header, Sent, Service
from hdl.order import FixEncode, Order, encoder
from spec import ethernet
from spec.fix import ADMIN_TYPES, SOH
from spec.records import ADMIN, DECISION, Action, Refusal
from testbenches.harness import Bench, assert_same_counters

LANES = 8
MASK = (1 << 32) - 1
AXI_PAYLOAD = ("tdata", "tkeep", "tlast", "tuser")
BEFORE_MIDNIGHT = 1_767_225_599_999_990_000  #: ns since 1970; 10 us before 2026
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StreamRules:
    """AXI4-Stream: what is offered stays, unchanged, until it is accepted (Arm IHI 0051, section 2.2.1)."""

    def __init__(self):
        self._held = None

    def sample(self, valid: bool, ready: bool, payload: tuple) -> None:
        if self._held is not None:
            assert valid, "valid fell before ready rose"
            assert payload == self._held, f"payload changed before ready rose: {self._held} to {payload}"
        self._held = payload if valid and not ready else None


class Segment(NamedTuple):
    """What is to be sent again, or, without payload, acknowledged."""

    sequence: int
    payload: bytes


class Taken(NamedTuple):
    """A service at the clock edge at which it was taken."""

    segment: Segment
    header: Told
    cycle: int


def time_word(ns: int) -> int:
    """``hdl.time.Time``: the moment in ns, and in decimal digits."""
    moment = _EPOCH + timedelta(milliseconds=ns // 1_000_000)
    digits = f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}"
    return ns | sum(int(digit) << 64 + 4 * i for i, digit in enumerate(digits))


def ones_sum(octets: bytes) -> int:
    octets += bytes(len(octets) % 2)
    total = sum(int.from_bytes(octets[i : i + 2], "big") for i in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def assert_checksums(frame: bytes) -> None:
    """Scapy, asked for the checksums of this frame, writes the same ones."""
    rebuilt = Ether(frame)
    del rebuilt[IP].chksum, rebuilt[TCP].chksum
    assert bytes(rebuilt) == frame, f"checksums: expected {bytes(rebuilt).hex()}, got {frame.hex()}"


class OrderBench(Bench):
    """Sends decisions as risk does, messages and services as the session does, and receives frames.

    Members
    -------
    model
        The golden model, from ``begin`` on.
    services
        To be offered, one after another.
    taken
        Services, and the header that their frames must have.
    """

    def __init__(self, dut):
        super().__init__(dut)
        self.fix, self.stamps = self.design.order.protocol == "fix", self.design.order.tcp_timestamps
        self.encode, self.latency = encoder(self.design).LATENCY, Order(design=self.design).LATENCY
        self.header_octets = (ethernet.ETHERNET.length + ethernet.IPV4.length + ethernet.TCP.length
                              + (len(ethernet.TCP_TIMESTAMPS) + 8) * self.stamps)
        self.lane = self.header_octets % LANES
        self.decisions, self.orders, self.admin = self.watch("decisions"), self.watch("orders"), self.watch("admin")
        self.sink = self.axi_sink()
        self.rules = StreamRules()
        self.model = Model(self.design)
        self.beats: list[int] = []  # clock edges at which a beat was accepted
        self.offered: list[int] = []  # clock edges at which a frame's first beat was offered first
        self.ends: list[int] = []  # clock edges at which a frame's last beat was accepted
        self.queue_was_full = False
        self.now, self.jumps = BEFORE_MIDNIGHT, True
        self.times: dict[int, int] = {}
        self.headers: dict[int, Told] = {}
        self.services: deque[Segment] = deque()
        self.taken: list[Taken] = []
        self.sent: list[Segment] = []
        self._sending: list[Sent] = []
        self._again: deque[int] = deque()
        self._within_frame = self._pending = False
        self.always(self._sample)

    async def begin(self):
        await self.start(**{f"{stream}_{wire}": 0 for wire in ("valid", "payload")
                            for stream in ("decisions", "admin", "begin", "naming", "service", "again")},
                         time=time_word(self.now), header=self._header())
        cocotb.start_soon(self._pass_time())
        cocotb.start_soon(self._serve())
        await self.cycles(2)

    def _header(self) -> int:
        """Any, on the session's port."""
        rng = self.rng
        stamps = {name: rng.getrandbits(32) if self.stamps else 0 for name in ("ts_value", "ts_echo")}
        return Header.const({"source_port": self.design.order.source_port, "acknowledgment": rng.getrandbits(32),
                             "window": rng.getrandbits(16), **stamps}).as_value().value

    async def _pass_time(self):
        """The clock goes on, and now and then elsewhere; the session's header changes."""
        while True:
            await RisingEdge(self.dut.clk)
            self.now += 3
            if self.jumps and self.rng.random() < 0.01:
                self.now = self.rng.choice([self.rng.randrange(2**61), BEFORE_MIDNIGHT + self.rng.randrange(9000)])
            self.dut.time.value = time_word(self.now)
            if self.rng.random() < 0.3:
                self.dut.header.value = self._header()

    def _sample(self):
        dut = self.dut
        self.times[self.cycle] = int(dut.time.value) & (1 << 64) - 1
        header = Header.from_bits(int(dut.header.value))
        self.headers[self.cycle] = Told(*(getattr(header, name) for name in Told._fields))
        valid, ready = int(dut.tx_tvalid.value), int(dut.tx_tready.value)
        payload = tuple(int(getattr(dut, f"tx_{name}").value) for name in AXI_PAYLOAD) if valid else ()
        self.rules.sample(valid, ready, payload)
        assert valid or not self._within_frame, "a frame stopped before its end"
        self.queue_was_full |= bool(int(dut.queue_full.value))
        if valid and not self._pending and not self._within_frame:
            self.offered.append(self.cycle)
        self._pending = valid and not ready
        if valid and ready:
            self.beats.append(self.cycle)
            self._within_frame = not payload[AXI_PAYLOAD.index("tlast")]
            if not self._within_frame:
                self.ends.append(self.cycle)
        if int(dut.sent_valid.value):
            self._collect(Sent.from_bits(int(dut.sent_payload.value)))

    def _collect(self, beat):
        """Payload that was said to leave, when its last beat is."""
        assert beat.first == (not self._sending), "first"
        self._sending.append(beat)
        if not beat.last:
            return
        beats, self._sending = self._sending, []
        assert len({(b.sequence, b.length, b.acknowledgment) for b in beats}) == 1
        octets = bytearray()
        for i, b in enumerate(beats):
            lanes = [lane for lane in range(LANES) if b.keep >> lane & 1]
            assert lanes, "a beat of payload was not there in time"
            assert lanes == list(range(0 if i else self.lane, lanes[-1] + 1)) and (b.last or lanes[-1] == LANES - 1)
            row = b.data.to_bytes(LANES, "little")
            assert not any(row[lane] for lane in range(LANES) if lane not in lanes), "octets without keep"
            octets += row[lanes[0] : lanes[-1] + 1]
        assert len(octets) == beat.length
        # A sum of 0 and of 0xFFFF are the same number.
        assert beat.sum % 0xFFFF == ones_sum(bytes(octets)) % 0xFFFF, "sum"
        self.sent.append(Segment(beat.sequence, bytes(octets)))

    async def _serve(self):
        """Offer ``services``, and their payload beat by beat."""
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            if self._again and int(dut.again_ready.value):
                self._again.popleft()
            if int(dut.service_valid.value) and int(dut.service_ready.value):
                # ``_sample`` may not have seen this edge yet.
                header = Header.from_bits(int(dut.header.value))
                told = Told(*(getattr(header, name) for name in Told._fields))
                self.taken.append(Taken(self.services.popleft(), told, self.cycle))
                dut.service_valid.value = 0
            elif self.services and not self._again and not int(dut.service_valid.value):
                segment = self.services[0]
                row = bytes(self.lane) + segment.payload if segment.payload else b""
                self._again = deque(int.from_bytes(row[i : i + LANES], "little") for i in range(0, len(row), LANES))
                dut.service_valid.value = 1
                dut.service_payload.value = Service.const({
                    "sequence": segment.sequence, "length": len(segment.payload),
                    "sum": ones_sum(segment.payload)}).as_value().value
            dut.again_valid.value = bool(self._again)
            dut.again_payload.value = self._again[0] if self._again else 0

    def decision(self, **changes):
        """Any approval, with every length that its numbers can have; of the moment when it is made."""
        rng = self.rng

        def number(most: int) -> int:
            ten = 10 ** rng.randrange(10)
            return min(most, rng.choice([ten, 10 * ten - 1, rng.randrange(ten, 10 * ten)]))

        action = rng.choice(list(Action))
        values = dict.fromkeys(DECISION.tuple._fields, 0) | {
            "message": rng.getrandbits(32), "decision": rng.getrandbits(32), "timestamp": rng.getrandbits(48),
            "symbol": rng.randrange(len(self.design.symbols)), "action": action, "host": rng.getrandbits(1),
            "side": rng.getrandbits(1), "short": rng.getrandbits(1), "target": rng.getrandbits(32),
            "user_ref_num": rng.getrandbits(32), "quantity": number(MASK), "exposure_long": -rng.getrandbits(47),
            "time": self._judged()}
        price = number(MASK)
        values["price"] = price - price % rng.choice([1, 10, 100])
        return DECISION.tuple(**values | changes)

    def _judged(self) -> int:
        """When a decision was judged that comes with the next edge, in ns."""
        sampled = self.times[self.cycle] == int(self.dut.time.value) & (1 << 64) - 1  # at this edge, or not yet
        return self.times[self.cycle + 2 - sampled - FixEncode.JUDGED]

    async def decide(self, *changes: dict, gap: int = 0):
        """Decisions one after another, ``gap`` cycles between."""
        for each in changes:
            self.dut.decisions_valid.value = 1
            self.dut.decisions_payload.value = DECISION.pack(self.decision(**each))
            await RisingEdge(self.dut.clk)
            if gap:
                self.dut.decisions_valid.value = 0
                await self.cycles(gap)
        self.dut.decisions_valid.value = 0

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

    def any_admin(self, length: int | None = None):
        """A message that keeps the session, in FIX with whole fields, or with ``length`` octets of anything."""
        rng = self.rng
        if not self.fix:
            return ADMIN.tuple(ord(rng.choice("RO")), 0, 0)
        text = b"58=" + rng.randbytes(rng.randrange(1, 31)).hex().encode() + SOH if rng.random() < 0.8 else b""
        if length is not None:  # whatever it says
            text = rng.randbytes(length)
        length = len(text)
        return ADMIN.tuple(ord(rng.choice(list(ADMIN_TYPES))), length, int.from_bytes(text, "little"))

    async def drain(self):
        """Let every frame out."""
        self.sink.clear_pause_generator()
        self.sink.pause = False
        await self.cycles(self.latency + 2)
        await self.until(lambda: int(self.dut.idle.value) and not self.services and not self._again, within=20_000)
        await self.cycles(50)

    async def resume(self, tcp_sequence: int, msg_seq_num: int):
        """Go on with other numbers; nothing may wait."""
        self.dut.begin_valid.value = 1
        self.dut.begin_payload.value = Begin.const({"tcp_sequence": tcp_sequence,
                                                    "msg_seq_num": msg_seq_num}).as_value().value
        await RisingEdge(self.dut.clk)
        self.dut.begin_valid.value = 0
        await self.cycles(8)
        self.model.begin(tcp_sequence, msg_seq_num)

    def check(self) -> list[bytes]:
        """Compare everything since the last check with the model and with scapy; the frames."""
        events = [(cycle, decision, False) for cycle, decision in zip(
            self.decisions.cycles, self.decisions.seen, strict=True) if not decision.refusals]
        events += [(cycle, admin, True) for cycle, admin in zip(self.admin.cycles, self.admin.seen, strict=True)]
        events.sort(key=lambda event: event[0])
        assert len(events) == len(self.orders.seen), f"expected {len(events)} records, got {len(self.orders.seen)}"
        expected = deque()
        for k, ((cycle, what, is_admin), record, there) in enumerate(zip(
                events, self.orders.seen, self.orders.cycles, strict=True)):
            assert there - cycle == self.encode, f"orders[{k}] after {there - cycle} cycles"
            header = self.headers[there - 1]
            made = (self.model.admin(what, header=header, time=self.times[cycle - FixEncode.JUDGED]) if is_admin
                    else self.model.decision(what, header=header))
            assert record == made, f"orders[{k}]: expected {made}, got {record}"
            expected.append((self.model.frame(made), cycle + self.latency, made))
        assert not self._sending
        sent, self.sent = self.sent, []
        payloads = [Segment(made.tcp_sequence, frame[self.header_octets : self.header_octets + made.length])
                    for frame, _, made in expected]
        assert sent == payloads, "what was said to be sent"

        frames, free = [], 0
        services = deque((self._service_frame(taken), taken) for taken in self.taken)
        counted = len(expected) + len(services)
        for k, (offered, end) in enumerate(zip(self.offered, self.ends, strict=True)):
            frame = bytes(self.sink.recv_nowait().tdata)
            frames.append(frame)
            assert_checksums(frame)
            if services and frame == services[0][0]:
                services.popleft()
                assert not expected or expected[0][1] > offered, f"frame {k}: a service before an order that waits"
            else:
                assert expected, f"frame {k}: nobody asked for {frame.hex()}"
                due, earliest, _ = expected.popleft()
                assert frame == due, f"frame {k}: expected {due.hex()}, got {frame.hex()}"
                assert offered == max(earliest, free), f"frame {k} began at {offered}, not {max(earliest, free)}"
            free = end + 1
        assert not expected and not services and self.sink.empty(), "frames are missing"
        assert len(frames) == counted
        assert (int(self.dut.next_sequence.value), int(self.dut.next_msg_seq_num.value)) == (
            self.model.tcp_sequence, self.model.msg_seq_num if self.fix else 0)
        assert_same_counters(self.counters("order"), self.model.counters)
        for watch in (self.decisions, self.orders, self.admin):
            watch.seen.clear()
            watch.cycles.clear()
        for seen in (self.taken, self.offered, self.ends):
            seen.clear()
        return frames

    def _service_frame(self, taken: Taken) -> bytes:
        segment, header, _ = taken
        if segment.payload:
            return self.model.again(segment.sequence, segment.payload, header)
        return self.model.acknowledgment(header, segment.sequence)
