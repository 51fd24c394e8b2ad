"""The core's end of the order session in software: the golden model's session and order stages, and a clock.

It stands where the hardware will: same frames, same records. What the model leaves out because it depends on the clock
is here at its simplest: each frame that asks for it is acknowledged at the end of a step, a timeout (RFC 6298, section
5) or three duplicate acknowledgments (RFC 5681, section 3.2) send the first segment again, and while what was under way
then is not acknowledged, each acknowledgment sends the next (RFC 6582).
"""

from collections import deque
from typing import NamedTuple

from golden_model.order import Header, Order
from golden_model.session import Session
from spec.config import Design
from spec.records import ADMIN, DECISION, SESSION_STATE, Action, LostReason, Reply, SessionEvent, Side

from .segments import payload_of

_MASK32 = (1 << 32) - 1
_MS = 1_000_000  #: ns
_HEARTBEAT = ADMIN.tuple(ord("R"), 0, 0)
_DUPLICATES = 3


class _Sent(NamedTuple):
    sequence: int
    payload: bytes


class SoftwareCore:
    """A ``CoreEnd``.

    Members
    -------
    time_ns : int
        Its clock.
    session, order
        The model's stages.
    replies : list
        All ``ExchangeReply`` records.
    states : list
        All ``SessionState`` records.
    positions : list[int]
        Shares per symbol, as executed.
    decisions : dict[int, Decision]
        All that was ever wanted, by UserRefNum.
    waiting : deque
        Of them, those that have not been sent; ``Admin`` records too.
    messages : dict[int, bytes]
        FIX orders by MsgSeqNum, as they were sent.
    counts : dict[str, int]
        ``timeouts``, ``fast_retransmits``, ``retransmissions``, ``acknowledgments``, ``heartbeats``.
    """

    def __init__(self, design: Design, *, time_ns: int):
        self.time_ns = time_ns
        self.session, self.order = Session(design), Order(design)
        self.replies: list = []
        self.states: list = []
        self.positions = [0] * len(design.symbols)
        self.decisions: dict[int, tuple] = {}
        self.waiting: deque = deque()
        self.messages: dict[int, bytes] = {}
        self.counts = dict.fromkeys(
            ("timeouts", "fast_retransmits", "retransmissions", "acknowledgments", "heartbeats"), 0)
        self._design = design
        self._user_ref_num = design.order.user_ref_num
        self._ts_offset, self._leaving = 0, False
        self._frames: list[bytes] = []
        self._reset(time_ns)

    @property
    def ts_value(self) -> int:
        return self.time_ns // _MS + self._ts_offset & _MASK32 if self._design.order.tcp_timestamps else 0

    @property
    def sent(self) -> dict[int, tuple]:
        """Decisions that left, by UserRefNum."""
        waiting = {id(wanted) for wanted in self.waiting}
        return {number: decision for number, decision in self.decisions.items() if id(decision) not in waiting}

    @property
    def quiet(self) -> bool:
        """Nothing waits, and all that was sent is acknowledged."""
        return not self.waiting and not self._under_way

    def want(self, symbol: int, side: Side, quantity: int, price: int, *, action: Action = Action.ENTER,
             target: int = 0) -> int:
        """Order it, without any check. The UserRefNum that it takes."""
        number = self._user_ref_num
        self._user_ref_num += 1
        decision = DECISION.tuple(*[0] * len(DECISION.fields))._replace(
            decision=len(self.decisions), symbol=symbol, action=int(action), target=target, side=int(side),
            quantity=quantity, price=price, user_ref_num=number, time=self.time_ns)
        self.decisions[number] = decision
        self.waiting.append(decision)
        return number

    def tell(self, admin) -> None:
        """Send an ``Admin``, after all orders that wait."""
        self.waiting.append(admin)

    def payload(self, decision) -> bytes:
        """The message that a decision becomes, for the host to send it again."""
        again = Order(self._design)
        return payload_of(again.frame(again.decision(decision, header=self._header())))

    def hand_over(self, handover) -> None:
        """Take the session that a ``Handover`` describes."""
        self.session.handover(handover)
        self.order.begin(handover.tcp_sequence, handover.msg_seq_num, handover.source_port)
        self._ts_offset, self._leaving = handover.ts_offset, False
        self._reset(self.time_ns)
        self._state(SessionEvent.ESTABLISHED)

    def hand_back(self) -> None:
        """Send nothing new; ``states`` gets a record when nothing is under way any more."""
        self._leaving = True

    def send(self, frames: list[bytes]) -> None:
        session, counters = self.session, self.session.counters
        for frame in frames:
            before, duplicates, held = session.unacknowledged, counters["acknowledgment_duplicate"], session.established
            for reply in session.frame(frame):
                self._reply(reply)
            self._acknowledge |= session.asks_acknowledgment
            if session.unacknowledged != before:
                self._acknowledged()
            elif counters["acknowledgment_duplicate"] != duplicates:
                self._duplicates += 1
                if self._duplicates == _DUPLICATES and self._recover is None:
                    self.counts["fast_retransmits"] += 1
                    self._send_again()
            if held and not session.established:
                self._lost()

    def step(self, ns: int) -> None:
        self.time_ns += ns
        if not self.session.established:
            return
        if self._under_way and self.time_ns >= self._deadline:
            if self._timeouts == self._design.session.retransmissions:
                self.session.lose(LostReason.TIMEOUT)
                self._lost()
                return
            self.counts["timeouts"] += 1
            self._timeouts += 1
            self._send_again()
        self._send_new()
        if self._acknowledge:
            self.counts["acknowledgments"] += 1
            self._frames.append(self.order.acknowledgment(self._header()))
            self._acknowledge = False
        if self._leaving and not self._under_way:
            self._state(SessionEvent.HANDED_BACK)

    def take(self) -> list[bytes]:
        frames, self._frames = self._frames, []
        return frames

    def _send_new(self) -> None:
        heartbeat = self._design.session.heartbeat_ns if self._design.order.protocol == "ouch" else 0
        while self.waiting and not self._leaving and self._room():
            wanted = self.waiting.popleft()
            if isinstance(wanted, ADMIN.tuple):
                self._leave(self.order.admin(wanted, header=self._header(), time=self.time_ns))
            else:
                self._leave(self.order.decision(wanted, header=self._header()))
        if heartbeat and self.time_ns - self._last_sent >= heartbeat and not self._leaving:
            self.counts["heartbeats"] += 1
            self._leave(self.order.admin(_HEARTBEAT, header=self._header(), time=self.time_ns))

    def _room(self) -> bool:
        """In send buffer and window, for the largest message."""
        session, largest = self.session, 512
        under_way = session.next_sequence - session.unacknowledged & _MASK32
        return under_way + largest <= min(session.window, self._design.session.send_buffer)

    def _leave(self, order) -> None:
        frame = self.order.frame(order)
        if not self._under_way:
            self._deadline = self.time_ns + self._design.session.retransmit_ns
        self.session.sent(order)
        self._under_way.append(_Sent(order.tcp_sequence, payload_of(frame)))
        if order.msg_seq_num and not order.admin:
            self.messages[order.msg_seq_num] = payload_of(frame)
        self._frames.append(frame)
        self._last_sent, self._acknowledge = self.time_ns, False

    def _acknowledged(self) -> None:
        until = self.session.unacknowledged
        while self._under_way and (until - self._under_way[0].sequence & _MASK32) >> 31 == 0 and (
                until != self._under_way[0].sequence):
            first = self._under_way[0]
            kept = (first.sequence + len(first.payload) - until & _MASK32)
            if 0 < kept < 1 << 31:  # a part of it only
                self._under_way[0] = _Sent(until, first.payload[-kept:])
                break
            self._under_way.popleft()
        self._duplicates = self._timeouts = 0
        self._deadline = self.time_ns + self._design.session.retransmit_ns
        if self._recover is not None:
            if self._under_way and (self._recover - until & _MASK32) >> 31 == 0 and self._recover != until:
                self._again()
            else:
                self._recover = None

    def _send_again(self) -> None:
        self._recover = self.session.next_sequence
        self._again()

    def _again(self) -> None:
        """The first segment that is not acknowledged, with what its header says now."""
        first = self._under_way[0]
        self.counts["retransmissions"] += 1
        self._frames.append(self.order.again(first.sequence, first.payload, self._header()))
        self._deadline = self.time_ns + (self._design.session.retransmit_ns << self._timeouts)

    def _header(self) -> Header:
        return Header(self.session.expected, self._design.session.receive_buffer, self.ts_value,
                      self.session.ts_recent)

    def _reply(self, reply) -> None:
        self.replies.append(reply)
        if reply.kind == Reply.EXECUTED:
            decision = self.decisions[reply.user_ref_num]
            self.positions[decision.symbol] += -reply.quantity if decision.side else reply.quantity

    def _state(self, event: SessionEvent) -> None:
        told = SESSION_STATE.tuple(*[0] * len(SESSION_STATE.fields))._replace(
            decision=len(self.decisions), state=int(event), msg_seq_num=self.order.msg_seq_num)
        self.states.append(self.session.state(told))

    def _lost(self) -> None:
        self._state(SessionEvent.LOST)
        self._reset(self.time_ns)

    def _reset(self, now_ns: int) -> None:
        self._under_way: deque[_Sent] = deque()
        self._acknowledge = False
        self._duplicates = self._timeouts = 0
        self._recover: int | None = None  # what was to be acknowledged when a segment was last found lost
        self._deadline = self._last_sent = now_ns
