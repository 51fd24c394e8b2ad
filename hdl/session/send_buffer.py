"""Payload that was sent and not yet acknowledged, segment by segment, and the frames that carry nothing new.

Sources: RFC 9293 sections 3.8.1 and 3.8.6.1.
"""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..link import SENT, Service
from ..memory import PlainMemory

LANES = 8
_LEAST_PER_SEGMENT = 16  #: octets of buffer for each descriptor


class Descriptor(data.Struct):
    """A segment in the buffer."""

    sequence: 32
    length: 16
    sum: 16
    row: 17  #: of its first beat


class SendBuffer(wiring.Component):
    """Keeps every segment until the peer has acknowledged all of it, and offers it again when asked.

    A segment leaves the buffer four cycles after its acknowledgment or later: one at a time, none while one is sent
    again. What is partly acknowledged is sent again as a whole.

    Parameters
    ----------
    size : int
        Octets, a power of two.
    lane : int
        Lane of the first octet of payload in a frame.
    largest, in_flight : int
        Octets of the longest message, and how many messages may follow after ``full`` has risen: room is kept for them.

    Members
    -------
    sent
        Beats of payload that leave for the first time.
    next_sequence
        Sequence number of the next new octet, those of messages that wait included. Moves once for each message.
    sequence
        Sequence number after the last octet that was sent.
    unacknowledged
        As in ``Connection``.
    acknowledge
        A frame without payload is wanted.
    probe
        One cycle: make the peer say how much it would take.
    again_first, again_all
        One cycle: send the first segment again, or all that were sent up to now, one after another.
    stop
        Begin no frame.
    clear
        Forget all. ``sequence`` becomes ``start``.
    service, again
        To ``Order``. ``service`` with ``length`` 0 may change while it waits: it is to be taken as it stands when its
        frame begins.
    frame_begins, alone
        One cycle: ``service`` is taken; it has no payload.
    short
        There is no room for ``in_flight`` more of the longest message.
    quiet
        Nothing is offered.
    idle
        Nothing is in the buffer either.
    """

    def __init__(self, *, size: int, lane: int, largest: int, in_flight: int):
        self._rows, self._segments, self._lane = size // LANES, size // _LEAST_PER_SEGMENT, lane
        self._reserve = in_flight * ((largest + 2 * LANES - 2) // LANES)
        self._reserve_segments = in_flight
        if self._reserve * 2 > self._rows:
            raise ValueError(f"size must be at least {2 * LANES * self._reserve} octets: {2 * in_flight} messages of "
                             f"{largest} octets, not {size!r}")
        super().__init__({
            "sent": In(SENT), "next_sequence": In(32), "sequence": Out(32), "unacknowledged": In(32),
            "acknowledge": In(1), "probe": In(1), "again_first": In(1), "again_all": In(1),
            "stop": In(1), "clear": In(1), "start": In(32),
            "service": Out(stream.Signature(Service)), "again": Out(stream.Signature(64)),
            "frame_begins": Out(1), "alone": Out(1), "short": Out(1), "quiet": Out(1), "idle": Out(1),
        })

    def _beats(self, length: Value) -> Value:
        """Beats of payload of a segment."""
        return (length + (self._lane + LANES - 1))[3:]

    def elaborate(self, platform):
        m = Module()
        m.submodules.rows = rows = PlainMemory(shape=64, depth=self._rows)
        m.submodules.segments = segments = PlainMemory(shape=Descriptor, depth=self._segments)
        beat = self.sent.payload

        # What is sent.
        row, begun = Signal(range(self._rows)), Signal(range(self._rows))
        newest, oldest, again = (Signal(range(self._segments), name=n) for n in ("newest", "oldest", "next_again"))
        m.d.comb += [
            rows.write_enable.eq(self.sent.valid),
            rows.write_address.eq(row),
            rows.write_data.eq(beat.data),
            segments.write_enable.eq(self.sent.valid & beat.last),
            segments.write_address.eq(newest),
            segments.write_data.sequence.eq(beat.sequence),
            segments.write_data.length.eq(beat.length),
            segments.write_data.sum.eq(beat.sum),
            segments.write_data.row.eq(Mux(beat.first, row, begun)),
        ]
        with m.If(self.sent.valid):
            m.d.sync += row.eq(row + 1)
            with m.If(beat.first):
                m.d.sync += [begun.eq(row), self.sequence.eq(beat.sequence + beat.length)]
            with m.If(beat.last):
                m.d.sync += newest.eq(newest + 1)

        # Room, from the moment on in which a message takes its sequence number.
        known, grown, grows = Signal(32), Signal(16), Signal()
        pops, popped = Signal(), Signal(Descriptor)
        used, used_segments = Signal(range(2 * self._rows)), Signal(range(2 * self._segments))
        more, less = Signal(14), Signal(14)
        comes, goes = Signal(), Signal()
        m.d.sync += [
            known.eq(self.next_sequence),
            grown.eq(self.next_sequence - known),
            grows.eq(self.next_sequence != known),
            comes.eq(grows),
            more.eq(Mux(grows, self._beats(grown), 0)),
            goes.eq(pops),
            less.eq(Mux(pops, self._beats(popped.length), 0)),
            used.eq(used + more - less),
            used_segments.eq(used_segments + comes - goes),
            self.short.eq((used > self._rows - self._reserve)
                          | (used_segments > self._segments - self._reserve_segments)),
        ]

        # Segments that the peer has: from the oldest on. To be sent again: from ``again`` on, ``left`` of them.
        left = Signal(range(self._segments + 1))
        checked, stale = Signal(32), Signal(init=1)  # ``unacknowledged`` when the oldest was looked at
        moved = Signal()  # since then; of the cycle before
        m.d.sync += moved.eq(checked != self.unacknowledged)
        first_wanted, all_wanted, probe_wanted = Signal(), Signal(), Signal()
        found = segments.read_data
        distance = Signal(32)
        service, offered = self.service.payload, Signal()
        acknowledgment = Signal()  # what is offered is one, not a probe
        resend, fetch, fetched = Signal(), Signal(range(self._rows)), Signal()
        to_fetch = Signal(14)
        sequence = Signal(32)
        m.d.comb += [
            service.sequence.eq(sequence),
            self.service.valid.eq(offered),
            self.frame_begins.eq(offered & self.service.ready),
            self.alone.eq(self.frame_begins & ~resend),
        ]
        with m.If(self.probe):
            m.d.sync += probe_wanted.eq(1)
        with m.If(self.again_first):
            m.d.sync += first_wanted.eq(1)
        with m.If(self.again_all):
            m.d.sync += all_wanted.eq(1)

        empty, chooses = Signal(), Signal()
        m.d.comb += empty.eq(oldest == newest)
        m.d.comb += segments.read_address.eq(oldest)
        m.d.comb += popped.eq(found)
        with m.FSM():
            with m.State("CHOOSE"):
                m.d.comb += chooses.eq(1)
                with m.If(~empty & (stale | moved)):
                    m.d.sync += [checked.eq(self.unacknowledged), stale.eq(0)]
                    m.next = "READ_OLDEST"
                with m.Elif(all_wanted):
                    m.d.sync += [all_wanted.eq(0), first_wanted.eq(0), again.eq(oldest),
                                 left.eq((newest - oldest)[: len(newest)])]
                with m.Elif(first_wanted):
                    m.d.sync += first_wanted.eq(0)
                    with m.If((left == 0) & ~empty):
                        m.d.sync += [again.eq(oldest), left.eq(1)]
                with m.Elif(self.acknowledge):
                    m.d.sync += [service.length.eq(0), service.sum.eq(0), offered.eq(1), acknowledgment.eq(1),
                                 sequence.eq(self.next_sequence)]
                    m.next = "OFFER"
                with m.Elif(probe_wanted):
                    m.d.sync += [probe_wanted.eq(0), service.length.eq(0), service.sum.eq(0), acknowledgment.eq(0),
                                 sequence.eq(self.unacknowledged - 1), offered.eq(~self.stop)]
                    with m.If(~self.stop):
                        m.next = "OFFER"
                with m.Elif((left != 0) & ~self.stop):
                    m.d.comb += segments.read_address.eq(again)
                    m.next = "READ_AGAIN"
            with m.State("READ_OLDEST"):
                m.d.sync += distance.eq(checked - (found.sequence + found.length))
                m.next = "COMPARE"
            with m.State("COMPARE"):
                m.d.comb += pops.eq(~distance[31])
                with m.If(pops):
                    m.d.sync += [oldest.eq(oldest + 1), stale.eq(1)]
                    with m.If((left != 0) & (again == oldest)):
                        m.d.sync += [again.eq(again + 1), left.eq(left - 1)]
                m.next = "CHOOSE"
            with m.State("READ_AGAIN"):
                m.d.sync += [
                    sequence.eq(found.sequence),
                    service.length.eq(found.length),
                    service.sum.eq(found.sum),
                    acknowledgment.eq(0),
                    fetch.eq(found.row),
                    to_fetch.eq(self._beats(found.length)),
                    offered.eq(1),
                    resend.eq(1),
                    again.eq(again + 1),
                    left.eq(left - 1),
                ]
                m.next = "OFFER"
            with m.State("OFFER"):
                # That of the cycle before: where it has just changed there is an order, which goes first.
                with m.If(acknowledgment):
                    m.d.sync += sequence.eq(self.next_sequence)
                with m.If(self.frame_begins):
                    m.d.sync += offered.eq(0)
                with m.If((~offered | self.frame_begins) & ~resend):
                    m.next = "CHOOSE"

        # The beats of a segment that is sent again.
        beats = self.again
        take, next_fetch = Signal(), Signal.like(fetch)
        m.d.comb += [
            take.eq(fetched & (~beats.valid | beats.ready)),
            next_fetch.eq(fetch + take),
            rows.read_address.eq(next_fetch),
        ]
        with m.If(resend):
            m.d.sync += [
                fetch.eq(next_fetch),
                fetched.eq(to_fetch != take),
                to_fetch.eq(to_fetch - take),
                beats.valid.eq(take | (beats.valid & ~beats.ready)),
            ]
            with m.If(take):
                m.d.sync += beats.payload.eq(rows.read_data)
            with m.If((to_fetch == 0) & beats.valid & beats.ready):
                m.d.sync += [resend.eq(0), fetched.eq(0)]

        m.d.sync += [
            self.quiet.eq(chooses & ~self.acknowledge),
            self.idle.eq(empty & chooses & ~self.acknowledge & ~self.sent.valid),
        ]
        with m.If(self.clear):
            m.d.sync += [
                row.eq(0), newest.eq(0), oldest.eq(0), left.eq(0), stale.eq(1), self.sequence.eq(self.start),
                first_wanted.eq(0), all_wanted.eq(0), probe_wanted.eq(0),
                Cat(grows, comes, goes).eq(0), Cat(more, less).eq(0), used.eq(0), used_segments.eq(0), self.short.eq(0),
            ]
        return m
