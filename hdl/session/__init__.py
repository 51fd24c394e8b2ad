"""Session: the core's end of the order session's TCP connection.

::

    rx -> untag -> segments -> connection -> acknowledge, retransmit, send_buffer -> service, again
                -> receive_buffer -> parser -> replies, inbox
"""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spec import ouch, soupbintcp
from spec.config import Design
from spec.ethernet import ETHERNET, IPV4, TCP
from spec.records import ADMIN, HANDOVER, REPLY, SESSION_STATE

from ..counting import count
from ..link import BEGIN, SENT, Header, Seen, Service
from ..records import counters, layout, records
from ..time import Time
from ..wire import RX
from .acknowledge import Acknowledge
from .admin import Admin
from .connection import Connection, Events
from .control import Control
from .fix_replies import FixReplies
from .milliseconds import Milliseconds
from .ouch_replies import OuchReplies
from .parser import Inbox
from .receive_buffer import ReceiveBuffer
from .retransmit import Retransmit
from .segments import TIMESTAMPS_WORDS, Drops, Segments
from .send_buffer import SendBuffer
from .untag import Untag

__all__ = ["Inbox", "Session"]

_OPTION = 6  #: octets of the longest appendage that the core sends
_LARGEST = {
    "ouch": soupbintcp.HEADER.length + max(message.length for message in ouch.CLIENT.values()) + _OPTION,
    "fix": 256,
}
IN_FLIGHT = 16  #: messages that may take their sequence number after ``full`` has risen


class Session(wiring.Component):
    """Receives, acknowledges, parses; keeps what was sent until it is acknowledged, and has it sent again.

    RFC 9293 in state ESTABLISHED, without urgent data, with timestamps where agreed upon (RFC 7323), without selective
    acknowledgments and without a window scale of its own: the host that opens the connection must agree to none, and
    should not advertise a larger window than ``design.session.receive_buffer``.

    Latency from a segment's last beat to a reply in it: ``LATENCY`` cycles (2 ``Untag``, 4 ``Segments``, 4
    ``Connection``, 4 ``ReceiveBuffer``, 1 the parser), one for each octet of the segment up to the packet's end, and
    one for each packet before it; FIX: one more for each message, and up to five for each field that matters. One less
    where the tag that is taken out was all of the last beat. II on ``rx`` 1 beat.
    An acknowledgment goes with the next order, or by itself ``Acknowledge.DELAY`` cycles after what it acknowledges; at
    once where the peer waits for it.

    Parameters
    ----------
    design : Design

    Members
    -------
    rx
        The order session's Ethernet, without frame check sequence. Always ready.
    handovers, handback
        A session that the core is to hold from now on; while ``handback`` is high it gives back what it holds.
    host_admin, admin
        The host's session messages, and the same with heartbeats for ``Order``. None is taken while ``full``.
    sent, next_sequence, next_msg_seq_num, idle
        Of ``Order``. ``next_sequence`` moves by a message's length, once for each, at most ``IN_FLIGHT`` messages after
        ``full`` has risen.
    header, begin, service, again
        To ``Order``. ``header`` is to be read when a frame begins; that of a service not before it is taken. A service
        with length 0 is an acknowledgment or a probe; its sequence number is to be read when it is taken.
    replies
        To risk.
    no_session, session_lost
        Orders are refused; the last session was lost.
    full
        No room for ``IN_FLIGHT`` more messages in the send buffer or in the peer's window.
    inbox
        Octets of all packets and messages of the peer, whole ones and what came of the last.
    sessions
        What became of the session.
    seen, time
        Of risk and of the clock.
    ready
        Segments count.
    counters
        As ``spec.counters.SESSION``.
    """

    LATENCY = 15

    def __init__(self, *, design: Design):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        self._design = design
        super().__init__({
            "rx": In(RX),
            "handovers": In(stream.Signature(layout(HANDOVER))),
            "handback": In(1),
            "host_admin": In(stream.Signature(layout(ADMIN))),
            "admin": Out(stream.Signature(layout(ADMIN))),
            "sent": In(SENT),
            "next_sequence": In(32),
            "next_msg_seq_num": In(32),
            "idle": In(1),
            "header": Out(Header),
            "begin": Out(BEGIN),
            "service": Out(stream.Signature(Service)),
            "again": Out(stream.Signature(64)),
            "replies": Out(stream.Signature(layout(REPLY))),
            "no_session": Out(1, init=1),
            "session_lost": Out(1),
            "full": Out(1),
            "inbox": Out(stream.Signature(Inbox, always_ready=True)),
            "sessions": Out(records(SESSION_STATE)),
            "seen": In(Seen),
            "time": In(Time),
            "ready": Out(1),
            "counters": Out(counters("session")),
        })

    def elaborate(self, platform):
        m = Module()
        design, order, session = self._design, self._design.order, self._design.session
        size, largest = session.receive_buffer, _LARGEST[order.protocol]
        stamps = order.tcp_timestamps
        options = 4 * TIMESTAMPS_WORDS if stamps else 0
        lane = (ETHERNET.length + IPV4.length + TCP.length + options) % 8

        m.submodules.untag = untag = Untag()
        m.submodules.segments = segments = Segments(design=design)
        m.submodules.connection = connection = Connection(timestamps=stamps, room_bits=size.bit_length())
        m.submodules.receive_buffer = received = ReceiveBuffer(size=size)
        m.submodules.acknowledge = acknowledge = Acknowledge(size=size)
        m.submodules.send_buffer = send = SendBuffer(size=session.send_buffer, lane=lane, largest=largest,
                                                     in_flight=IN_FLIGHT)
        m.submodules.retransmit = retransmit = Retransmit(first_ns=session.retransmit_ns, times=session.retransmissions)
        m.submodules.admin = admin = Admin(heartbeat_ns=session.heartbeat_ns if order.protocol == "ouch" else 0)
        m.submodules.control = control = Control(design=design)
        parser = self._parser()
        m.submodules.parser = ResetInserter(control.clear)(parser)

        # Receive.
        connect(m, flipped(self.rx), untag.rx)
        for part in (segments, received):
            m.d.comb += [part.beats.valid.eq(untag.beats.valid), part.beats.payload.eq(untag.beats.payload)]
        good = segments.ended & ~Value.cast(segments.dropped).any()
        m.d.comb += [
            segments.source_port.eq(control.port),
            received.sequence.eq(segments.sequence),
            received.header_words.eq(segments.header_words),
            received.total_length.eq(segments.total_length),
            received.received.eq(connection.expected),
            received.clear.eq(control.clear),
            connection.segment.eq(segments.segment),
            connection.takes.eq(good & control.holds),
            connection.room.eq(received.room),
            connection.load.eq(control.load),
            connection.start.eq(control.start),
            connection.sent.eq(send.sequence),
        ]

        # Parse.
        connect(m, received.octets, parser.octets)
        connect(m, parser.replies, flipped(self.replies))
        connect(m, parser.inbox, flipped(self.inbox))
        expected_seq_num = Signal(32)
        m.d.comb += parser.expected.eq(expected_seq_num)
        with m.If(parser.marks.in_sequence):
            m.d.sync += expected_seq_num.eq(expected_seq_num + 1)
        with m.If(control.load):
            m.d.sync += expected_seq_num.eq(control.expected_seq_num)

        # Acknowledge, and send again.
        sent_last = self.sent.valid & self.sent.payload.last
        m.d.comb += [
            acknowledge.soon.eq(connection.acknowledge_soon),
            acknowledge.now.eq(connection.acknowledge_now),
            acknowledge.expected.eq(connection.expected),
            acknowledge.edge.eq(received.taken + size),
            acknowledge.carried.eq(self.sent.payload.acknowledgment),
            acknowledge.carries.eq(sent_last),
            acknowledge.goes.eq(send.frame_begins),
            acknowledge.alone.eq(send.alone),
            acknowledge.clear.eq(control.clear),
            send.sent.valid.eq(self.sent.valid),
            send.sent.payload.eq(self.sent.payload),
            send.next_sequence.eq(self.next_sequence),
            send.unacknowledged.eq(connection.unacknowledged),
            send.acknowledge.eq(acknowledge.due),
            send.probe.eq(retransmit.probe),
            send.again_first.eq(retransmit.again_first),
            send.again_all.eq(retransmit.again_all),
            send.stop.eq(control.stop),
            send.clear.eq(control.clear),
            send.start.eq(control.start.tcp_sequence),
            retransmit.ns.eq(self.time.ns),
            retransmit.unacknowledged.eq(connection.unacknowledged),
            retransmit.sent.eq(send.sequence),
            retransmit.advances.eq(connection.advances),
            retransmit.duplicate.eq(connection.events.acknowledgment_duplicate),
            retransmit.stop.eq(control.stop),
            retransmit.clear.eq(control.clear),
        ]
        connect(m, send.service, flipped(self.service))
        connect(m, send.again, flipped(self.again))

        # What a frame says that begins now, and whether one may: registers, for they stand in an order's way.
        window, closed = Signal(signed(32)), Signal()
        m.d.sync += [
            window.eq(connection.limit - self.next_sequence),
            closed.eq(window < IN_FLIGHT * largest),
            self.full.eq(send.short | closed),
            self.no_session.eq(~control.orders),
            self.session_lost.eq(control.lost),
            self.header.source_port.eq(control.port),
            self.header.acknowledgment.eq(connection.expected),
        ]
        m.d.comb += [
            retransmit.waits.eq(closed),
            self.header.window.eq(received.room),
        ]
        if stamps:
            m.submodules.milliseconds = milliseconds = Milliseconds()
            m.d.comb += milliseconds.ns.eq(self.time.ns)
            m.d.sync += [
                self.header.ts_value.eq(milliseconds.ms + control.ts_offset),
                self.header.ts_echo.eq(connection.recent),
            ]

        # The host's messages.
        connect(m, flipped(self.host_admin), admin.host_admin)
        connect(m, admin.admin, flipped(self.admin))
        m.d.comb += [
            admin.ns.eq(self.time.ns),
            admin.sends.eq(sent_last),
            admin.enabled.eq(control.orders & ~self.full),
        ]

        # Whose session it is.
        connect(m, flipped(self.handovers), control.handovers)
        connect(m, control.begin, flipped(self.begin))
        connect(m, control.sessions, flipped(self.sessions))
        handed_on, left = Signal(), Signal()
        all_acknowledged = Signal()
        m.d.sync += [
            handed_on.eq(received.empty & ~parser.octets.valid & ~parser.replies.valid),
            left.eq(self.idle & admin.idle & send.quiet),
            all_acknowledged.eq((connection.unacknowledged == self.next_sequence) & send.idle),
        ]
        m.d.comb += [
            control.handback.eq(self.handback),
            control.seen.eq(self.seen),
            control.drained.eq(handed_on & left),
            control.still.eq(handed_on & left & all_acknowledged & parser.between & acknowledge.quiet
                             & ~connection.busy),
            control.losses.rst.eq(connection.rst),
            control.losses.fin.eq(connection.fin),
            control.losses.end_of_session.eq(parser.marks.end_of_session),
            control.losses.malformed.eq(parser.marks.packet_malformed),
            control.losses.timeout.eq(retransmit.in_vain),
            control.numbers.tcp_sequence.eq(self.next_sequence),
            control.numbers.tcp_unacknowledged.eq(connection.unacknowledged),
            control.numbers.tcp_acknowledgment.eq(connection.expected),
            control.numbers.msg_seq_num.eq(self.next_msg_seq_num if order.protocol == "fix" else 0),
            control.numbers.expected_seq_num.eq(expected_seq_num if order.protocol == "fix" else 0),
            control.numbers.ts_recent.eq(connection.recent),
            self.ready.eq(control.ready),
        ]

        self._count(m, {
            "frames": segments.ended,
            **{name: segments.ended & segments.dropped[name] for name in data.Layout.cast(Drops).members},
            "frame_closed": good & ~control.holds,
            "segments": connection.takes,
            **{name: connection.events[name] for name in data.Layout.cast(Events).members},
            "packets": parser.marks.packets,
            "packet_malformed": parser.marks.packet_malformed,
            "packet_sequence": parser.marks.packet_sequence,
            "messages_inbox": parser.marks.packets,
            "messages_unknown": parser.marks.messages_unknown,
            "replies": self.replies.valid & self.replies.ready,
            "timeouts": retransmit.timeout,
            "fast_retransmits": retransmit.fast,
            "heartbeats": admin.heartbeat,
            "handovers": control.taken,
            "handbacks": control.given,
            "lost": control.loses,
        })
        count(m, self.counters, "octets", connection.octets != 0, connection.octets)
        return m

    def _parser(self):
        """What understands the peer's octets."""
        if self._design.order.protocol == "fix":
            return FixReplies(prefix=self._design.order.cl_ord_id_prefix)
        return OuchReplies()

    def _count(self, m: Module, events: dict[str, Value]) -> None:
        for name, event in events.items():
            count(m, self.counters, name, event)
