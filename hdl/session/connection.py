"""The state of an established TCP connection.

Sources: RFC 9293 section 3.10.7.4, RFC 5681 section 2, RFC 5961 sections 3 to 5, RFC 7323 sections 4 and 5.
"""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .segments import Segment


class Start(data.Struct):
    """Numbers with which a connection goes on."""

    tcp_sequence: 32
    tcp_acknowledgment: 32
    tcp_window: 32
    tcp_window_scale: 4
    ts_recent: 32


class Events(data.Struct):
    """What a segment was, named as in ``spec.counters.SESSION``, each for one cycle."""

    segment_old: 1
    acknowledgment_beyond: 1
    segment_unacknowledging: 1
    acknowledgment_duplicate: 1
    segment_duplicate: 1
    segment_early: 1
    segment_full: 1


class Connection(wiring.Component):
    """Takes the headers of good segments. Latency ``LATENCY`` cycles, II 7: the shortest frame.

    Parameters
    ----------
    timestamps : bool
        The option was agreed upon.
    room_bits : int
        Width of ``room``.

    Members
    -------
    load, start
        Begin with other numbers.
    segment, takes
        A good segment of the session; ``segment`` stands for two cycles.
    room
        Octets that find room after ``expected``.
    sent
        Sequence number after the last octet that was sent.
    expected
        Sequence number after the last octet in order: to be acknowledged. A FIN is not: the peer repeats it, and the
        host, which goes on with the session's numbers, answers.
    unacknowledged, limit
        First octet that the peer has not acknowledged, and the one after the last that it would take.
    recent
        Timestamp to echo.
    events
        What is counted.
    octets
        Octets of payload that are new in this cycle.
    advances
        One cycle: ``unacknowledged`` is greater from now on.
    acknowledge_now
        One cycle: the peer waits for an acknowledgment, whatever it was sent before.
    acknowledge_soon
        One cycle: something new to acknowledge.
    fin, rst
        One cycle: the peer has ended the connection.
    busy
        A segment is being looked at.
    """

    LATENCY = 4

    def __init__(self, *, timestamps: bool, room_bits: int):
        self._timestamps = timestamps
        super().__init__({
            "load": In(1), "start": In(Start), "segment": In(Segment), "takes": In(1), "room": In(room_bits),
            "sent": In(32), "expected": Out(32), "unacknowledged": Out(32), "limit": Out(32),
            "recent": Out(32), "events": Out(Events), "octets": Out(16), "advances": Out(1),
            "acknowledge_now": Out(1), "acknowledge_soon": Out(1), "fin": Out(1), "rst": Out(1), "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        window_sequence, last_window, scale = Signal(32), Signal(32), Signal(4)

        # 1: distances.
        one = Signal(Segment)
        distance, of_ack, before_sent, of_window, of_time = (Signal(32, name=name) for name in (
            "distance", "of_ack", "before_sent", "of_window", "of_time"))
        scaled = Signal(30)
        steps = Signal(3)
        m.d.sync += [
            steps.eq(Cat(self.takes, steps)),
            one.eq(self.segment),
            distance.eq(self.segment.sequence - self.expected),
            of_ack.eq(self.segment.acknowledgment - self.unacknowledged),
            before_sent.eq(self.sent - self.segment.acknowledgment),
            of_window.eq(self.segment.sequence - window_sequence),
            of_time.eq(self.segment.ts_value - self.recent),
            scaled.eq(self.segment.window << scale),
        ]
        m.d.comb += self.busy.eq(self.takes | steps.any())

        # 2: what they mean.
        two = Signal(Segment)
        behind, beyond_hole, exact, in_window = (Signal(name=n) for n in (
            "behind", "beyond_hole", "exact", "in_window"))
        old, beyond, advances, same, not_older, window_newer, same_window = (Signal(name=n) for n in (
            "old", "beyond", "advances", "same", "not_older", "window_newer", "same_window"))
        payload, something = Signal(), Signal()
        new, end, limit, window = Signal(signed(32)), Signal(32), Signal(32), Signal(30)
        m.d.sync += [
            two.eq(one),
            behind.eq(distance[31]),
            exact.eq(distance == 0),
            beyond_hole.eq(~distance[31] & (distance != 0)),
            in_window.eq(distance < self.room),
            old.eq(one.stamped & of_time[31] & self._timestamps),
            not_older.eq(one.stamped & ~of_time[31] & self._timestamps),
            beyond.eq(before_sent[31]),
            advances.eq(~of_ack[31] & (of_ack != 0)),
            same.eq(of_ack == 0),
            window_newer.eq(~of_ack[31] & ((of_ack != 0) | ~of_window[31])),
            same_window.eq(scaled == last_window),
            payload.eq(one.length != 0),
            something.eq((one.length != 0) | one.fin),
            new.eq(distance.as_signed() + one.length),
            end.eq(one.sequence + one.length),
            window.eq(scaled),
            limit.eq(one.acknowledgment + scaled),
        ]

        # 3: the verdict. Each reason ends the life of the segment.
        three = Signal(Segment)
        news = Signal(16)
        outstanding = Signal()
        events = Signal(Events)
        now, fin, rst, acknowledges, newer, stamps, moves = (Signal(name=f"{n}_3") for n in (
            "now", "fin", "rst", "acknowledges", "newer", "stamps", "moves"))
        m.d.sync += [
            outstanding.eq(self.unacknowledged != self.sent),
            three.eq(two),
            news.eq(Mux(new < 0, 0, new)),
            Cat(events, now, fin, rst, acknowledges, newer, stamps, moves).eq(0),
        ]
        end_3, limit_3, window_3 = Signal(32), Signal(32), Signal(30)
        m.d.sync += [end_3.eq(end), limit_3.eq(limit), window_3.eq(window)]
        with m.If(steps[1]):
            with m.If(two.rst):
                m.d.sync += [rst.eq(exact), now.eq(~exact & in_window)]
            with m.Elif(old):
                m.d.sync += [events.segment_old.eq(1), now.eq(1)]
            with m.Elif(two.syn):
                m.d.sync += now.eq(1)
            with m.Elif(~two.ack):
                m.d.sync += events.segment_unacknowledging.eq(1)
            with m.Elif(beyond):
                m.d.sync += [events.acknowledgment_beyond.eq(1), now.eq(1)]
            with m.Else():
                m.d.sync += [
                    acknowledges.eq(advances),
                    newer.eq(window_newer),
                    stamps.eq(not_older & ~beyond_hole),
                    events.acknowledgment_duplicate.eq(same & outstanding & same_window & ~something),
                ]
                # A FIN counts where all before it is there.
                with m.If(beyond_hole):
                    m.d.sync += [events.segment_early.eq(payload), now.eq(something)]
                with m.Elif(new <= 0):
                    m.d.sync += [events.segment_duplicate.eq(payload), now.eq(payload | behind),
                                 fin.eq(two.fin & (new == 0))]
                with m.Elif(new > self.room):
                    m.d.sync += [events.segment_full.eq(1), now.eq(1)]
                with m.Else():
                    m.d.sync += [moves.eq(1), fin.eq(two.fin)]

        # 4: the new state.
        m.d.sync += [
            self.events.eq(events),
            self.octets.eq(Mux(moves, news, 0)),
            self.advances.eq(acknowledges),
            self.acknowledge_now.eq(now),
            self.acknowledge_soon.eq(moves),
            self.fin.eq(fin),
            self.rst.eq(rst),
        ]
        with m.If(moves):
            m.d.sync += self.expected.eq(end_3)
        with m.If(acknowledges):
            m.d.sync += self.unacknowledged.eq(three.acknowledgment)
        with m.If(newer):
            m.d.sync += [self.limit.eq(limit_3), window_sequence.eq(three.sequence), last_window.eq(window_3)]
        with m.If(stamps):
            m.d.sync += self.recent.eq(three.ts_value)

        with m.If(self.load):
            start = self.start
            m.d.sync += [
                self.expected.eq(start.tcp_acknowledgment),
                self.unacknowledged.eq(start.tcp_sequence),
                self.limit.eq(start.tcp_sequence + start.tcp_window),
                self.recent.eq(start.ts_recent),
                scale.eq(start.tcp_window_scale),
                window_sequence.eq(start.tcp_acknowledgment),
                last_window.eq(start.tcp_window),
                steps.eq(0),
            ]
        return m
