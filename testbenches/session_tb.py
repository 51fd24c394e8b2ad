"""The session under test: RX, a stand-in for the order stage, the peer, and the golden model beside it."""

import itertools
from collections import deque

import cocotb
from cocotb.triggers import RisingEdge

from golden_model.session import Session as Model
from hdl.link import Header, Seen, Sent, Service
from spec.records import ADMIN, HANDOVER, ORDER
from testbenches.harness import Bench, assert_same_counters, axi_frame
from testbenches.session_peer import MASK, Frame, Peer, ahead

TIMED = ("timeouts", "fast_retransmits", "heartbeats", "segment_full")  #: the model has no clock and no buffer
_TAKEN = 6  # cycles from a frame's last beat on RX until its segment is looked at
_HEADERS = 6  # beats of a frame before its payload, here
PERIOD_NS = 3


def ones_sum(octets: bytes) -> int:
    octets += bytes(len(octets) % 2)
    total = sum(int.from_bytes(octets[i : i + 2], "big") for i in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class TB(Bench):
    """A session with all that it speaks to.

    Members
    -------
    frames
        What the order stage would have put on the wire, in order.
    lose, lose_answer
        Called with each frame, and with each acknowledgment of the peer: whether it gets lost. By default none does.
    answers
        The peer acknowledges what needs it, ``answer_after`` cycles later.
    """

    def __init__(self, dut):
        super().__init__(dut)
        self.model = Model(self.design)
        self.peer = Peer(self.design, self.rng)
        self.source = self.axi_source()
        self.source.log.setLevel("WARNING")  # it would log every frame, octet by octet
        self.replies, self.sessions = self.watch("replies"), self.watch("sessions")
        self.expected, self.expected_sessions = [], []
        self.inbox: list[bytes] = []
        self.frames: list[Frame] = []
        self.lose = lambda frame: False
        self.lose_answer = lambda: False
        self.answers, self.answer_after = True, 20
        self.busy = lambda: 0  # cycles that the wire is taken before each frame
        self.orders: deque[bytes] = deque()
        self.next_sequence = self.design.order.tcp_sequence
        self.next_msg_seq_num = 0
        self.lane = 2 if self.design.order.tcp_timestamps else 6
        self.sent_octets = b""
        self.admins: list = []
        self.edge = 0  # of the window, as far as it was seen
        self._rx: deque = deque()  # frames on their way, with ``error``
        self._due: deque = deque()  # frames whose segments the core looks at, by cycle
        self._partial = b""
        self._since_reset = 0
        self.last_beat = 0  # clock edge of the last frame's last beat on RX
        self.always(self._observe)

    @classmethod
    async def create(cls, dut, *, established: bool = True):
        tb = cls(dut)
        await tb.start(rx_tvalid=0, handovers_valid=0, handback=0, host_admin_valid=0, admin_ready=0, sent_valid=0,
                       next_sequence=tb.next_sequence, next_msg_seq_num=0, idle=1, service_ready=0, again_ready=0,
                       replies_ready=1, seen=Seen.const({"message": MASK, "decision": 0}).as_value().value,
                       time=1_000_000_000_000_000)
        cocotb.start_soon(tb._order(tb.next_sequence))
        cocotb.start_soon(tb._admin())
        cocotb.start_soon(tb._clock())
        return tb

    async def _clock(self):
        """Nanoseconds pass."""
        for now in itertools.count(1_000_000_000_000_000, PERIOD_NS):
            self.dut.time.value = now
            await RisingEdge(self.dut.clk)

    def _observe(self):
        dut = self.dut
        sent = Sent.from_bits(int(dut.sent_payload.value)) if int(dut.sent_valid.value) else None
        if sent is not None and sent.first:
            values = dict.fromkeys(ORDER.tuple._fields, 0) | {"tcp_sequence": sent.sequence, "length": sent.length}
            self.model.sent(ORDER.tuple(**values))
        if int(dut.rx_tvalid.value) and int(dut.rx_tlast.value):
            self._due.append((self.cycle + _TAKEN, *self._rx.popleft()))
            self.last_beat = self.cycle
        while self._due and self._due[0][0] <= self.cycle:
            _, octets, error = self._due.popleft()
            self.expected += self.model.frame(octets, error=error)
        if int(dut.inbox_valid.value):
            word = int(dut.inbox_payload.value)
            self._partial += bytes([word & 0xFF])
            if word >> 8:
                self.inbox.append(self._partial)
                self._partial = b""

    def header(self):
        return Header.from_bits(int(self.dut.header.value))

    def give(self, octets: bytes, *, error: bool = False):
        """Queue a frame on RX."""
        self._rx.append((octets, error))
        self.source.send_nowait(axi_frame(octets, error=error))

    def idle_rx(self, probability: float):
        self.source.set_pause_generator(self.rng.random() < probability for _ in itertools.count())

    def order(self, payload: bytes):
        """Risk has approved, the encoder has given it a sequence number."""
        self.orders.append(payload)
        self.next_sequence = self.next_sequence + len(payload) & MASK
        self.dut.next_sequence.value = self.next_sequence
        self.sent_octets += payload

    async def _order(self, sequence: int):
        """The order stage: orders first, then services; a frame at a time."""
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            if int(dut.begin_valid.value):
                sequence = self.next_sequence = int(dut.begin_payload.value) & MASK
                self.next_msg_seq_num = int(dut.begin_payload.value) >> 32
                dut.next_sequence.value = self.next_sequence
                dut.next_msg_seq_num.value = self.next_msg_seq_num
                self.sent_octets = b""
            elif self.orders:
                dut.idle.value = 0
                await self.cycles(self.busy())
                payload = self.orders.popleft()
                await self._send(payload, sequence)
                sequence = sequence + len(payload) & MASK
                dut.idle.value = int(not self.orders)
            elif int(dut.service_valid.value):
                dut.idle.value = 0
                await self.cycles(self.busy())
                await self._serve()
                dut.idle.value = int(not self.orders)

    def _beats(self, payload: bytes) -> list[tuple[int, int]]:
        padded = bytes(self.lane) + payload
        keep = bytes(self.lane) + bytes([1]) * len(payload)
        padded, keep = (octets + bytes(-len(padded) % 8) for octets in (padded, keep))
        return [(int.from_bytes(padded[i : i + 8], "little"), sum(k << j for j, k in enumerate(keep[i : i + 8])))
                for i in range(0, len(padded), 8)]

    async def _send(self, payload: bytes, sequence: int):
        """A frame with new payload."""
        dut, header, start = self.dut, self.header(), self.cycle
        await self.cycles(_HEADERS)
        beats = self._beats(payload)
        for i, (data, keep) in enumerate(beats):
            dut.sent_valid.value = 1
            dut.sent_payload.value = Sent.const({
                "data": data, "keep": keep, "first": i == 0, "last": i == len(beats) - 1, "sequence": sequence,
                "length": len(payload), "sum": ones_sum(payload), "acknowledgment": header.acknowledgment,
            }).as_value().value
            await RisingEdge(dut.clk)
        dut.sent_valid.value = 0
        self._deliver(Frame(start, sequence, header.acknowledgment, header.window, header.ts_value, header.ts_echo,
                            header.source_port, payload))

    async def _serve(self):
        """A frame that carries nothing new."""
        dut = self.dut
        dut.service_ready.value = 1
        await RisingEdge(dut.clk)
        service = Service.from_bits(int(dut.service_payload.value))
        assert int(dut.service_valid.value)
        dut.service_ready.value = 0
        await RisingEdge(dut.clk)
        header, start, octets = self.header(), self.cycle, b""
        await self.cycles(_HEADERS - 1)
        count = -(-(self.lane + service.length) // 8) if service.length else 0
        while count:
            await self.cycles(self.rng.choice([0, 0, 0, 1, 3]))
            dut.again_ready.value = 1
            await RisingEdge(dut.clk)
            if int(dut.again_valid.value):
                octets += int(dut.again_payload.value).to_bytes(8, "little")
                count -= 1
            dut.again_ready.value = 0
            await RisingEdge(dut.clk)
        payload = octets[self.lane :][: service.length]
        assert not any(octets[: self.lane]) and not any(octets[self.lane + service.length :])
        assert not payload or service.sum == ones_sum(payload), f"sum of {service.sequence} at cycle {self.cycle}"
        self._deliver(Frame(start, service.sequence, header.acknowledgment, header.window, header.ts_value,
                            header.ts_echo, header.source_port, payload, bool(payload), service.sum))

    def _deliver(self, frame: Frame):
        edge = frame.acknowledgment + frame.window & MASK
        assert not self.frames or ahead(self.edge, edge) >= 0, "the window has shrunk"
        self.edge = edge
        self.frames.append(frame)
        if not self.lose(frame) and self.peer.take(frame) and self.answers:
            cocotb.start_soon(self._answer(self.peer.expected))

    async def _answer(self, acknowledgment: int):
        await self.cycles(self.answer_after)
        if not self.lose_answer():
            self.give(self.peer.segment(acknowledgment=acknowledgment))

    async def _admin(self):
        """The order stage takes the host's messages."""
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            if int(dut.admin_valid.value):
                dut.admin_ready.value = 1
                await RisingEdge(dut.clk)
                self.admins.append(ADMIN.unpack(int(dut.admin_payload.value)))
                dut.admin_ready.value = 0
                self.order(b"\x00\x01" + bytes([self.admins[-1].type]))
                await RisingEdge(dut.clk)

    async def admin(self, type: str):
        """The host has a message."""
        self.dut.host_admin_payload.value = ADMIN.pack((ord(type), 0, 0))
        self.dut.host_admin_valid.value = 1
        await self.until(lambda: int(self.dut.host_admin_ready.value), within=1000)
        self.dut.host_admin_valid.value = 0

    async def room(self, octets: int):
        """Wait until the window has room for so many more."""
        await self.until(lambda: ahead(self.peer.sequence + octets & MASK, self.edge) >= 0 or not self.frames
                         and self.peer.sequence + octets <= self.peer.acknowledged + self.design.session.receive_buffer,
                         within=20_000)

    async def drain(self, cycles: int = 0):
        """All that was given is on the wire, parsed, and what it asks for has gone out."""
        await self.source.wait()
        await self.cycles(40)
        for _ in range(100):
            seen = len(self.replies.seen), len(self.inbox), len(self._partial), len(self.frames)
            await self.cycles(150)
            if seen == (len(self.replies.seen), len(self.inbox), len(self._partial), len(self.frames)):
                break
        await self.cycles(cycles)

    async def handover(self, **numbers):
        """The host hands a session over."""
        order, fix = self.design.order, self.design.order.fix
        values = {"source_port": order.source_port, "tcp_sequence": 1, "tcp_acknowledgment": 1,
                  "msg_seq_num": fix.msg_seq_num, "expected_seq_num": fix.expected_seq_num, "ts_recent": 0,
                  "tcp_window": 60_000, "tcp_window_scale": order.tcp_window_scale, "ts_offset": 0} | numbers
        handover = HANDOVER.tuple(**values)
        await self.offer("handovers", [handover])
        self.model.handover(handover)
        self.peer.restart(handover.tcp_acknowledgment, handover.tcp_sequence, handover.source_port)
        self._partial = b""
        self.frames.clear()
        await self.cycles(30)

    def check(self):
        """Everything that the session said is what the model says."""
        assert self.replies.seen == self.expected[: len(self.replies.seen)], self._difference()
        assert len(self.replies.seen) == len(self.expected), f"{len(self.replies.seen)} of {len(self.expected)} replies"
        assert self.inbox == self.model.inbox, "inbox"
        got = self.counters("session")
        assert_same_counters(got, dict(self.model.counters) | {name: got[name] for name in TIMED})

    def check_state(self):
        """The last ``SessionState`` is the model's."""
        told = self.sessions.seen[-1]
        assert told == self.model.state(told), f"expected {self.model.state(told)}, got {told}"

    def _difference(self) -> str:
        for k, (got, expected) in enumerate(zip(self.replies.seen, self.expected, strict=False)):
            if got != expected:
                return f"replies[{k}] at cycle {self.replies.cycles[k]}: expected {expected}, got {got}"
        return ""
