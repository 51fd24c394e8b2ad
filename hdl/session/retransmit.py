"""When to send again.

Sources: RFC 6298 section 5, RFC 5681 section 3.2, RFC 6582 section 3.2 (partial acknowledgments).
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

DUPLICATES = 3  #: acknowledgments that say that a segment is lost


class Retransmit(wiring.Component):
    """The retransmission timer and the count of duplicate acknowledgments.

    The timeout is ``first_ns``, twice as long after each that passed in vain, as the first again after an
    acknowledgment of something new: nothing is measured, so Karn's algorithm is kept. It is noticed at most ``LATE``
    cycles late. While ``waits`` and nothing is under way, the same timer asks for probes.

    Parameters
    ----------
    first_ns, times : int
        ``design.session.retransmit_ns``, ``retransmissions``.

    Members
    -------
    ns
        The time.
    unacknowledged, sent
        As in ``Connection``.
    advances, duplicate
        One cycle: an acknowledgment of something new, or a duplicate one.
    waits
        The peer's window holds orders back.
    stop, clear
        Nothing is to be sent again; forget all.
    again_first, again_all, probe
        One cycle: to ``SendBuffer``.
    timeout, fast
        One cycle: counted.
    in_vain
        One cycle: the last retransmission has timed out too.
    """

    LATE = 4

    def __init__(self, *, first_ns: int, times: int):
        self._first_ns, self._times = first_ns, times
        super().__init__({
            "ns": In(64), "unacknowledged": In(32), "sent": In(32), "advances": In(1), "duplicate": In(1),
            "waits": In(1), "stop": In(1), "clear": In(1), "again_first": Out(1), "again_all": Out(1), "probe": Out(1),
            "timeout": Out(1), "fast": Out(1), "in_vain": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        outstanding, probing = Signal(), Signal()
        since, elapsed = Signal(56), Signal(56)
        bits = (self._first_ns << 15).bit_length()
        wait = Signal(bits, init=self._first_ns)
        backoff = Signal(4)
        settle = Signal(2, init=3)  # cycles until ``elapsed`` belongs to ``since``
        running, due = Signal(), Signal()
        m.d.sync += [
            outstanding.eq(self.unacknowledged != self.sent),
            probing.eq(self.waits & ~outstanding),
            running.eq(outstanding | probing),
            elapsed.eq(self.ns[:56] - since),
            due.eq((elapsed >= wait) & ~elapsed[55]),
        ]
        with m.If(settle != 0):
            m.d.sync += settle.eq(settle - 1)

        def restart():
            return [since.eq(self.ns), settle.eq(3)]

        expires = running & due & (settle == 0) & ~self.stop
        duplicates, recovering, guarded, recover = Signal(2), Signal(), Signal(), Signal(32)
        to_recover = Signal(32)  # octets that are still missing
        partial = Signal()
        m.d.sync += [
            Cat(self.again_first, self.again_all, self.probe, self.timeout, self.fast, self.in_vain, partial).eq(0),
            to_recover.eq(recover - self.unacknowledged),
            partial.eq(self.advances),
        ]
        with m.If(~running | self.stop):
            m.d.sync += [*restart(), backoff.eq(0), wait.eq(self._first_ns)]
        with m.If(expires):
            m.d.sync += restart()
            with m.If(outstanding & (backoff == self._times)):
                m.d.sync += self.in_vain.eq(1)
            with m.Else():
                # A peer that answers probes with a closed window is alive: probes never give up.
                m.d.sync += [wait.eq(wait << 1), backoff.eq(backoff + 1)]
                with m.If(backoff == 15):
                    m.d.sync += [wait.eq(wait), backoff.eq(backoff)]
            with m.If(outstanding & (backoff != self._times)):
                m.d.sync += [self.timeout.eq(1), self.again_all.eq(1), duplicates.eq(0), recovering.eq(0),
                             guarded.eq(1), recover.eq(self.sent)]
            with m.If(~outstanding):
                m.d.sync += self.probe.eq(1)
        with m.Elif(self.duplicate & ~recovering & ~guarded & ~self.stop):
            m.d.sync += duplicates.eq(duplicates + 1)
            with m.If(duplicates == DUPLICATES - 1):
                m.d.sync += [self.again_first.eq(1), self.fast.eq(1), duplicates.eq(0), recovering.eq(1),
                             recover.eq(self.sent)]
        with m.If(self.advances):
            m.d.sync += [*restart(), backoff.eq(0), wait.eq(self._first_ns), duplicates.eq(0)]
        with m.If(partial):  # one cycle behind ``advances``, with what is missing then
            with m.If(to_recover[31] | (to_recover == 0)):
                m.d.sync += [recovering.eq(0), guarded.eq(0)]
            with m.Elif(recovering):
                m.d.sync += self.again_first.eq(1)
        with m.If(self.clear):
            m.d.sync += [*restart(), backoff.eq(0), wait.eq(self._first_ns), duplicates.eq(0), recovering.eq(0),
                         guarded.eq(0), Cat(self.again_first, self.again_all, self.probe, self.in_vain).eq(0)]
        return m
