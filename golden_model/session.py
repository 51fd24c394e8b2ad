"""session: frames of the order session in, replies for risk and octets for the host out.

The established end of a TCP connection (RFC 9293 section 3.10.7.4, RFC 5961, RFC 7323 section 5), and above it
SoupBinTCP with OUCH 5.0 or FIX 4.4 (``ouch_replies``, ``fix_replies``). The receive side is exact: what is counted,
which octets go on, in which order, and what is said about orders. What depends on the clock is not here:
retransmission, when an acknowledgment leaves, how full a buffer is.

What is done, where the RFCs leave a choice or more is known:

- Checks in order: timestamp (PAWS), RST, SYN, ACK bit, acknowledgment, payload, FIN. A segment's acknowledgment counts
  even where its payload is old or early.
- RST ends the session where it has exactly the next sequence number; a later one, and a SYN, asks for an acknowledgment
  (RFC 5961). One beyond the window could be ignored; the window depends on the clock, and the answer does no harm.
- A segment beyond a hole is dropped, whole. One that overlaps is cut. Early and old ones ask for an acknowledgment, an
  old one without payload too (it is a probe); an early one without payload only acknowledges, and does not.
- Where timestamps were agreed upon, a segment without one passes. ``ts_recent`` follows every segment that begins at or
  before the next octet expected and is not older.
- The peer's window is taken from a segment that acknowledges more than all before did, or as much and begins no
  earlier than the one that the window is from (RFC 9293's SND.WL1): an old segment cannot shrink it.
- FIN takes no sequence number here and is not acknowledged: the peer repeats it, and the host, which restores its
  socket with the numbers of ``SessionState``, answers.
- Octets behind what ended the session are dropped.
"""

from collections import deque
from ipaddress import IPv4Address

from spec.config import Design
from spec.records import HANDOVER, SESSION_STATE, LostReason, SessionEvent

from .counting import Counters
from .fix_replies import FixReplies
from .ouch_replies import OuchReplies
from .replies import Malformed
from .segment import Connection, Refused, Segment, parse

_MASK32 = (1 << 32) - 1


def _ahead(of: int, that: int) -> int:
    """By how much sequence number ``that`` lies ahead of ``of``; negative behind it."""
    distance = that - of & _MASK32
    return distance - (1 << 32) if distance >> 31 else distance


class Session:
    """The session stage.

    Parameters
    ----------
    believe
        Take what the peer acknowledges for sent, where nobody calls ``sent``. ``acknowledgment_beyond`` and
        ``acknowledgment_duplicate`` then do not count.

    Members
    -------
    counters : dict[str, int]
    handovers : deque
        ``Handover`` records that the host has given, for ``state`` to take.
    inbox : list[bytes]
        For the host: every packet or message, whole, in order. Whoever reads it may clear it.
    partial : bytes
        Octets received and acknowledged that are no whole packet yet; at hand-back they are the host's.
    established : bool
        The core holds the session.
    reason : LostReason
        Why it was lost, if it was the last that happened to it.
    expected : int
        Sequence number of the next octet of the peer: what is acknowledged.
    unacknowledged, next_sequence : int
        Sequence numbers of the first octet that the peer has not acknowledged, and of the next that will be sent.
    window : int
        Octets from ``unacknowledged`` on that the peer takes.
    ts_recent : int
        The peer's timestamp to echo; 0 without the option.
    asks_acknowledgment : bool
        The last frame wants to be acknowledged.
    """

    def __init__(self, design: Design, *, believe: bool = False):
        self.counters = Counters("session")
        self.handovers: deque = deque()
        self.inbox: list[bytes] = []
        self.reason = LostReason.NONE
        self.asks_acknowledgment = False
        self._design = design
        self._believe = believe
        order = design.order
        self._begin(HANDOVER.tuple(
            order.source_port, order.tcp_sequence, order.tcp_acknowledgment, order.fix.msg_seq_num,
            order.fix.expected_seq_num, 0, order.tcp_window << order.tcp_window_scale, order.tcp_window_scale, 0))
        self.established = design.session.established

    @property
    def partial(self) -> bytes:
        return self._parser.partial

    @property
    def expected_seq_num(self) -> int:
        """FIX: MsgSeqNum of the next message expected; else 0."""
        return self._parser.expected if isinstance(self._parser, FixReplies) else 0

    def handover(self, handover) -> None:
        """Take the session that a ``Handover`` describes."""
        self._begin(handover)
        self.established = True
        self.reason = LostReason.NONE
        self.counters["handovers"] += 1

    def handback(self) -> None:
        """Give it back. Nothing is under way: whoever calls knows."""
        self.established = False
        self.counters["handbacks"] += 1

    def lose(self, reason: LostReason) -> None:
        """It is lost, for a reason that the clock knows (``TIMEOUT``) or one found here."""
        if self.established:
            self.established = False
            self.reason = reason
            self.counters["lost"] += 1

    def sent(self, order) -> None:
        """An ``Order`` record (or ``Admin``'s) left: its octets may be acknowledged from now on."""
        self.next_sequence = order.tcp_sequence + order.length & _MASK32

    def state(self, told):
        """The ``SessionState`` after what ``told``, the hardware's own, says has happened when.

        Raises ``ValueError`` for a loss for which there is no cause.
        """
        match told.state:
            case SessionEvent.ESTABLISHED if self.handovers:
                self.handover(self.handovers.popleft())
            case SessionEvent.HANDED_BACK:
                self.handback()
            case SessionEvent.LOST:
                if told.reason == LostReason.TIMEOUT:
                    self.lose(LostReason.TIMEOUT)
                if self.reason is LostReason.NONE:
                    raise ValueError(f"{told!r}: nothing ended the session")
        fix = isinstance(self._parser, FixReplies)
        return SESSION_STATE.tuple(
            told.message, told.decision, int(told.state), int(self.reason),
            told.tcp_sequence if self._believe else self.next_sequence, self.unacknowledged, self.expected,
            told.msg_seq_num if fix else 0, self.expected_seq_num, self.ts_recent)

    def frame(self, octets: bytes, *, error: bool = False) -> list:
        """The ``ExchangeReply`` records in one frame (without frame check sequence), in order.

        Parameters
        ----------
        error
            The MAC flagged the frame at its last beat.
        """
        self.asks_acknowledgment = False
        self.counters["frames"] += 1
        try:
            segment = parse(octets, self._connection, self._design.feed.max_ip_length, error=error)
        except Refused as refused:
            self.counters[refused.args[0]] += 1
            return []
        if not self.established:
            self.counters["frame_closed"] += 1
            return []
        self.counters["segments"] += 1
        return self._segment(segment)

    def _begin(self, h) -> None:
        order = self._design.order
        self.expected, self.ts_recent = h.tcp_acknowledgment, h.ts_recent
        self.unacknowledged = self.next_sequence = h.tcp_sequence
        self.window = h.tcp_window
        self._scale = h.tcp_window_scale
        self._window_from = h.tcp_acknowledgment  # SND.WL1
        self._connection = Connection(
            IPv4Address(order.destination_address).packed, IPv4Address(order.source_address).packed,
            order.destination_port, h.source_port)
        if order.protocol == "fix":
            self._parser = FixReplies(self._design)
            self._parser.expected = h.expected_seq_num
        else:
            self._parser = OuchReplies()

    def _segment(self, s: Segment) -> list:
        counters = self.counters
        timestamps = s.timestamps if self._design.order.tcp_timestamps else None
        if timestamps and not s.rst and _ahead(self.ts_recent, timestamps[0]) < 0:
            counters["segment_old"] += 1
            self.asks_acknowledgment = True
            return []
        if s.rst:
            if s.sequence == self.expected:
                self.lose(LostReason.RST)
            self.asks_acknowledgment = _ahead(self.expected, s.sequence) > 0
            return []
        if s.syn:
            self.asks_acknowledgment = True
            return []
        if not s.ack:
            counters["segment_unacknowledging"] += 1
            return []
        if not self._believe and _ahead(self.next_sequence, s.acknowledgment) > 0:
            counters["acknowledgment_beyond"] += 1
            self.asks_acknowledgment = True
            return []
        if timestamps and _ahead(self.expected, s.sequence) <= 0:
            self.ts_recent = timestamps[0]
        self._acknowledgment(s)
        return self._payload(s)

    def _acknowledgment(self, s: Segment) -> None:
        window = s.window << self._scale
        if (not s.payload and not s.fin and s.acknowledgment == self.unacknowledged and window == self.window
                and self.unacknowledged != self.next_sequence):
            self.counters["acknowledgment_duplicate"] += 1
        more = _ahead(self.unacknowledged, s.acknowledgment)
        if more > 0 or more == 0 and _ahead(self._window_from, s.sequence) >= 0:
            self.window, self._window_from = window, s.sequence
        if more > 0:
            self.unacknowledged = s.acknowledgment
            if self._believe:
                self.next_sequence = s.acknowledgment

    def _payload(self, s: Segment) -> list:
        counters = self.counters
        hole = _ahead(self.expected, s.sequence)
        if hole > 0:
            counters["segment_early"] += bool(s.payload)
            self.asks_acknowledgment = bool(s.payload) or s.fin
            return []
        new = s.payload[-hole:]
        if s.payload and not new:
            counters["segment_duplicate"] += 1
        counters["octets"] += len(new)
        self.expected = self.expected + len(new) & _MASK32
        self.asks_acknowledgment = bool(s.payload) or hole < 0
        replies = self._parse(new)
        if s.fin and _ahead(self.expected, s.sequence + len(s.payload)) == 0:
            self.lose(LostReason.FIN)
        return replies

    def _parse(self, octets: bytes) -> list:
        """Replies in octets that go on where the last ended."""
        counters, replies = self.counters, []
        try:
            for packet in self._parser.take(octets):
                counters["packets"] += 1
                counters["messages_inbox"] += 1
                self.inbox.append(packet.octets)
                counters["messages_unknown"] += packet.unknown
                counters["packet_sequence"] += packet.out_of_sequence
                if packet.reply:
                    counters["replies"] += 1
                    replies.append(packet.reply)
                if packet.ends_session:
                    self.lose(LostReason.END_OF_SESSION)
                    break
        except Malformed:
            counters["packet_malformed"] += 1
            self.lose(LostReason.MALFORMED)
        return replies
