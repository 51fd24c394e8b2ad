"""The core's end of the order session in simulated hardware."""

from golden_model.order import Header, Order
from golden_model.session import Session
from sim.engine import Engine
from spec.config import Design
from spec.records import ADMIN, DECISION, HANDOVER, POSITION, REQUEST, SESSION_STATE, Action, SessionEvent, Side

from .fix_resume import parse
from .segments import payload_of, sequence_of

_MASK32 = (1 << 32) - 1
_MS = 1_000_000  #: ns
_GAP = 3  #: idle cycles between frames: check sequence, gap and preamble
_CHUNK = 1 << 16  #: cycles
_SETTLED = 64  #: cycles until a hand-over has taken effect
_ORDERS = frozenset("DFG")  #: FIX types of messages about orders


class HardwareCore:
    """A ``CoreEnd`` around an ``Engine``, with what ``SoftwareCore`` offers the host.

    The model's session sees the same frames beside the hardware: the inbox and the replies are its own.

    Parameters
    ----------
    engine
        Out of reset, its clock not set: it counts from 0.

    Members
    -------
    time_ns : int
        The core's clock, to the cycle.
    session
        The model's; its ``inbox``, ``partial``, ``established``.
    replies, states : list
        ``ExchangeReply`` records of the model, ``SessionState`` records of the hardware.
    positions : list[int]
        Shares per symbol, by the hardware's last ``Position`` of each.
    decisions, refused : dict[int, Decision], list[Decision]
        Approved ones by UserRefNum; the others.
    wanted : int
        Requests so far.
    messages : dict[int, bytes]
        FIX orders by MsgSeqNum, as they were sent.
    retransmissions : int
        Frames whose payload had been sent before.
    """

    def __init__(self, engine: Engine, design: Design):
        self.session = Session(design, believe=True)
        self.replies: list = []
        self.states: list = []
        self.positions = [0] * len(design.symbols)
        self.decisions: dict[int, tuple] = {}
        self.refused: list = []
        self.wanted = 0
        self.messages: dict[int, bytes] = {}
        self.retransmissions = 0
        self._engine, self._design = engine, design
        self._owed = 0.0  # cycles that were asked for and have not passed
        self._ts_offset = 0
        self._sent = 0  # TCP sequence number after the last new octet
        self._left = 0  # the same, of frames
        self._accounted = 0  # replies that moved risk's positions
        self._frames: list[bytes] = []

    @property
    def time_ns(self) -> int:
        return int(self._engine.cycle * self._design.core.period_ns)

    @property
    def ts_value(self) -> int:
        return self.time_ns // _MS + self._ts_offset & _MASK32 if self._design.order.tcp_timestamps else 0

    @property
    def sent(self) -> dict[int, tuple]:
        """Decisions that left, or would have if the session had not been lost, by UserRefNum."""
        return self.decisions

    @property
    def under_way(self) -> int:
        """Octets sent and not acknowledged."""
        return self._sent - self.session.unacknowledged & _MASK32

    @property
    def quiet(self) -> bool:
        """Everything wanted was decided upon, all sent is acknowledged, all heard is accounted for."""
        return (not self._engine.waiting and self.wanted == len(self.decisions) + len(self.refused)
                and self.session.unacknowledged == self._sent and self._accounted >= len(self.replies))

    def want(self, symbol: int, side: Side, quantity: int, price: int, *, action: Action = Action.ENTER,
             target: int = 0) -> None:
        self.wanted += 1
        self._put(REQUEST, REQUEST.tuple(symbol, int(action), target, int(side), quantity, price))

    def tell(self, admin) -> None:
        """Send an ``Admin``."""
        self._put(ADMIN, admin)

    def payload(self, decision) -> bytes:
        """The message that a decision becomes, for the host to send it again (OUCH)."""
        again = Order(self._design)
        return payload_of(again.frame(again.decision(decision, header=Header.of(self._design))))

    def hand_over(self, handover) -> None:
        """After a loss the kill switch is released: the host has repeated what may not have arrived."""
        self.session.handover(handover)
        self._ts_offset, self._sent, self._left = handover.ts_offset, handover.tcp_sequence, handover.tcp_sequence
        self._put(HANDOVER, handover)
        if self.states and self.states[-1].state == SessionEvent.LOST:
            self._engine.idle(_SETTLED)
            self._engine.release(True)
            self._engine.idle(1)
            self._engine.release(False)

    def hand_back(self) -> None:
        self._engine.handback(True)

    def send(self, frames: list[bytes]) -> None:
        self._engine.session(frames, _GAP)
        for frame in frames:
            self.replies += self.session.frame(frame)

    def step(self, ns: int) -> None:
        self._owed += ns / self._design.core.period_ns
        while (cycles := min(int(self._owed), _CHUNK)) > 0:
            self._engine.idle(cycles)
            self._owed -= cycles
            self._observe()

    def take(self) -> list[bytes]:
        frames, self._frames = self._frames, []
        return frames

    def _put(self, record, values) -> None:
        self._engine.put(record.stream, [record.pack(values)], record.bits)

    def _observe(self) -> None:
        capture = self._engine.capture()
        for frame in capture.tx:
            self._frames.append(frame.octets)
            self._keep(frame.octets)
        streams = capture.streams
        for row in streams["decisions"].rows:
            decision = DECISION.tuple(*row)
            if decision.refusals:
                self.refused.append(decision)
            else:
                self.decisions[decision.user_ref_num] = decision
        for row in streams["orders"].rows:
            order = streams["orders"].record.tuple(*row)
            self._sent = order.tcp_sequence + order.length & _MASK32
        self._accounted += len(streams["positions"].rows)
        for row in streams["positions"].rows:
            position = POSITION.tuple(*row)
            self.positions[position.symbol] = position.position
        for row in streams["sessions"].rows:
            self._session_state(SESSION_STATE.tuple(*row))

    def _keep(self, frame: bytes) -> None:
        """What a frame says, to be repeated after a loss."""
        payload, sequence = payload_of(frame), sequence_of(frame)
        if not payload:
            return
        new = (sequence - self._left & _MASK32) >> 31 == 0
        self.retransmissions += not new
        if new:
            self._left = sequence + len(payload) & _MASK32
        if self._design.order.protocol == "fix" and new:
            fields = dict(parse(payload))
            if fields[35] in _ORDERS:
                self.messages[int(fields[34])] = payload

    def _session_state(self, state) -> None:
        self.states.append(state)
        if state.state == SessionEvent.HANDED_BACK:
            self.session.handback()
            self._engine.handback(False)
        elif state.state == SessionEvent.LOST and self.session.established:
            self.session.lose(state.reason)  # by its own clock
