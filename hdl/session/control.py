"""Who holds the session: the host or the core."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import HANDOVER, SESSION_STATE, LostReason, SessionEvent

from ..link import BEGIN, Seen
from ..records import layout, records
from .connection import Start


class Losses(data.Struct):
    """What ends a session, each for one cycle. The first that comes is the reason; of several the first here."""

    rst: 1
    end_of_session: 1
    malformed: 1
    fin: 1
    timeout: 1


_REASONS = {"rst": LostReason.RST, "end_of_session": LostReason.END_OF_SESSION, "malformed": LostReason.MALFORMED,
            "fin": LostReason.FIN, "timeout": LostReason.TIMEOUT}


class Control(wiring.Component):
    """Takes sessions from the host, gives them back, and declares them lost.

    ========= ====================================================================================================
    state     what holds
    ========= ====================================================================================================
    AWAIT     the host has the session; a hand-over is taken unless ``handback`` is high
    BEGIN     ``load``, then ``clear`` for some cycles: every part begins with the numbers of the hand-over
    HOLD      the session is the core's
    GIVE      as before, but no order is let through; until ``still`` held for ``SETTLE`` cycles, then HANDED_BACK
    LOSE      no segment is taken and nothing sent again; until what was received is parsed, then LOST
    ========= ====================================================================================================

    Members
    -------
    handovers, handback
        The host's.
    losses
        Reasons to lose the session.
    still
        Everything sent is acknowledged, everything received is handed on and acknowledged, nothing is under way.
    drained
        Everything received is handed on, nothing is on its way to the wire.
    seen
        Of risk.
    numbers
        ``tcp_sequence`` ... ``ts_recent`` of ``SessionState``, as they are now.
    load, start, begin
        One cycle each: numbers to begin with.
    port, ts_offset, expected_seq_num
        Of the hand-over; the last with ``load``.
    clear
        Begin anew.
    holds
        The session is the core's: segments count.
    orders
        Orders and messages may be sent.
    lost
        Lost, until the next hand-over.
    stop
        Nothing is sent again.
    ready
        The first ``clear`` after reset is over.
    taken, given, loses
        One cycle: counted.
    sessions
        ``SessionState``.
    """

    CLEAR = 16  #: cycles; longer than any part needs for what was under way in it
    SETTLE = 64  #: cycles; longer than from an intent to its message's sequence number

    def __init__(self, *, design: Design):
        self._design = design
        fields = layout(SESSION_STATE).members
        first = [*fields].index("tcp_sequence")
        self._numbers = data.StructLayout({name: fields[name] for name in [*fields][first:]})
        super().__init__({
            "handovers": In(stream.Signature(layout(HANDOVER))), "handback": In(1), "losses": In(Losses),
            "still": In(1), "drained": In(1), "seen": In(Seen), "numbers": In(self._numbers),
            "load": Out(1), "start": Out(Start), "begin": Out(BEGIN), "port": Out(16, init=design.order.source_port),
            "ts_offset": Out(32), "expected_seq_num": Out(32), "clear": Out(1), "holds": Out(1), "orders": Out(1),
            "lost": Out(1), "stop": Out(1), "ready": Out(1), "taken": Out(1), "given": Out(1), "loses": Out(1),
            "sessions": Out(records(SESSION_STATE)),
        })

    def elaborate(self, platform):
        m = Module()
        order, fix = self._design.order, self._design.order.protocol == "fix"
        handover = self.handovers.payload
        count = Signal(range(max(self.CLEAR, self.SETTLE) + 1), init=self.CLEAR)
        first = Signal(init=1)  # since reset: the numbers are the configuration's
        reason = Signal(8)
        state = self.sessions.payload
        values = {
            "tcp_sequence": order.tcp_sequence, "tcp_acknowledgment": order.tcp_acknowledgment,
            "tcp_window": order.tcp_window << order.tcp_window_scale, "tcp_window_scale": order.tcp_window_scale,
            "ts_recent": 0,
        }
        start = Signal(Start, init=values)
        expected_seq_num = Signal(32, init=order.fix.expected_seq_num if fix else 0)
        msg_seq_num = Signal(32)
        m.d.comb += [
            self.start.eq(start),
            self.expected_seq_num.eq(expected_seq_num),
            self.begin.payload.tcp_sequence.eq(start.tcp_sequence),
            self.begin.payload.msg_seq_num.eq(msg_seq_num),
        ]
        m.d.sync += [
            Cat(self.load, self.begin.valid, self.taken, self.given, self.loses, self.sessions.valid).eq(0),
            state.message.eq(self.seen.message),
            state.decision.eq(self.seen.decision),
            *(state[name].eq(self.numbers[name]) for name in self._numbers.members),
            state.reason.eq(0),
        ]

        def lose():
            """What ends the session, before anything else that the state wants."""
            with m.If(Value.cast(self.losses).any()):
                for name in reversed(_REASONS):
                    with m.If(self.losses[name]):
                        m.d.sync += reason.eq(_REASONS[name])
                m.d.sync += [self.orders.eq(0), self.lost.eq(1), self.loses.eq(1), self.sessions.valid.eq(0),
                             self.given.eq(0), count.eq(self.SETTLE)]
                m.next = "LOSE"

        m.d.comb += self.stop.eq(~self.holds)
        with m.FSM(init="RESET"):
            with m.State("RESET"):
                m.d.sync += [self.load.eq(1), self.clear.eq(1)]
                m.next = "BEGIN"
            with m.State("AWAIT"):
                # What is still on its way to the wire leaves with the old numbers.
                m.d.comb += self.handovers.ready.eq(~self.handback & self.drained)
                with m.If(self.handovers.valid & self.handovers.ready):
                    m.d.sync += [
                        *(start[name].eq(handover[name]) for name in values),
                        expected_seq_num.eq(handover.expected_seq_num),
                        msg_seq_num.eq(handover.msg_seq_num),
                        self.port.eq(handover.source_port),
                        self.ts_offset.eq(handover.ts_offset),
                        self.load.eq(1), self.begin.valid.eq(1), self.clear.eq(1), self.taken.eq(1), self.lost.eq(0),
                        count.eq(self.CLEAR),
                    ]
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.sync += count.eq(count - 1)
                with m.If(count == 0):
                    m.d.sync += [self.clear.eq(0), first.eq(0), self.ready.eq(1)]
                    m.next = "HOLD"
                    with m.If(~first):
                        m.d.sync += [self.sessions.valid.eq(1), state.state.eq(SessionEvent.ESTABLISHED)]
                    if not self._design.session.established:
                        with m.If(first):
                            m.next = "AWAIT"
            with m.State("HOLD"):
                m.d.comb += self.holds.eq(1)
                m.d.sync += [self.orders.eq(~self.handback), count.eq(self.SETTLE)]
                with m.If(self.handback):
                    m.next = "GIVE"
                lose()
            with m.State("GIVE"):
                m.d.comb += self.holds.eq(1)
                m.d.sync += count.eq(Mux(self.still, count - 1, self.SETTLE))
                with m.If(self.still & (count == 0)):
                    m.d.sync += [self.sessions.valid.eq(1), state.state.eq(SessionEvent.HANDED_BACK), self.given.eq(1)]
                    m.next = "AWAIT"
                lose()
            with m.State("LOSE"):
                m.d.sync += count.eq(Mux(self.drained, count - 1, self.SETTLE))
                with m.If(self.drained & (count == 0)):
                    m.d.sync += [self.sessions.valid.eq(1), state.state.eq(SessionEvent.LOST), state.reason.eq(reason)]
                    m.next = "AWAIT"
        return m
