"""Blocks: which message blocks of a datagram count.

Source: MoldUDP64 1.00, Downstream Packet: the header's count says how many blocks follow.
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.feed import headers
from hdl.feed.framer import LENGTH_BITS
from spec import moldudp64
from spec.ethernet import ETHERNET
from spec.moldudp64 import MESSAGE_BLOCK

#: Octets of an IPv4 datagram up to and with the second octet of the first length field.
_FIRST = headers.LENGTH - ETHERNET.length + MESSAGE_BLOCK.length - 1


class Blocks(wiring.Component):
    """Counts the blocks down and holds them against the UDP payload's end. ``done`` is combinational; II 1.

    ``room`` is the distance from the second octet of the next length field to the end of the UDP payload. It does not
    change from beat to beat, only by a block's own length, so no position in the frame is ever compared.

    Members
    -------
    opens
        High for one cycle with the last octet of the MoldUDP64 header of a datagram that passed all checks.
    closes
        High for one cycle with the first beat of a frame.
    heading
        The beat ends before its MoldUDP64 header does. ``total_length`` stands two beats before this falls.
    total_length, count
        The datagram's IPv4 total length in octets and its MoldUDP64 count.
    start, short, length, end
        From ``Framer``.
    open
        A datagram is under way.
    heartbeat, end_of_session
        One cycle after ``opens``: the datagram has no messages, but announces the next sequence number.
    done
        One cycle, with ``end``: a message of the datagram is complete.
    block_short, block_overrun, block_trailing
        One cycle each, as in ``spec.counters.FEED``.
    """

    opens: In(1)
    closes: In(1)
    heading: In(1)
    total_length: In(16)
    count: In(16)
    start: In(1)
    short: In(1)
    length: In(LENGTH_BITS)
    end: In(1)
    open: Out(1)
    heartbeat: Out(1)
    end_of_session: Out(1)
    done: Out(1)
    block_short: Out(1)
    block_overrun: Out(1)
    block_trailing: Out(1)

    def elaborate(self, platform):
        m = Module()
        left = Signal(16)  # blocks of the datagram not yet done
        none = Signal(init=1)  # left == 0
        one = Signal()  # left == 1
        room = Signal(signed(LENGTH_BITS + 2))
        fits = Signal()  # the message in hand ends in the UDP payload
        started = Signal()
        short = Signal()  # the message in hand is too short to be one
        stopped = Signal()  # the rest of the datagram is dropped
        opened = Signal()
        is_heartbeat = Signal()
        is_end_of_session = Signal()
        full = Signal()  # there is no room for the length field that follows what is complete now
        full_at_opening = Signal()
        no_first = Signal()  # there was none for the first
        lacking = Signal()  # no room for the next length field, but blocks left

        m.d.sync += [
            opened.eq(self.opens),
            is_heartbeat.eq(self.count == moldudp64.HEARTBEAT),
            is_end_of_session.eq(self.count == moldudp64.END_OF_SESSION),
            full_at_opening.eq(full),
        ]
        m.d.comb += [
            self.heartbeat.eq(opened & is_heartbeat),
            self.end_of_session.eq(opened & is_end_of_session),
            self.done.eq(self.end & self.open & ~stopped & ~none & fits),
            full.eq(room <= 0),  # that is before a start in the same beat takes its part
            no_first.eq(opened & ~none & full_at_opening),
            lacking.eq(no_first | (self.done & ~one & full)),
        ]
        with m.If(self.heading):
            m.d.sync += room.eq(self.total_length - _FIRST)
        m.d.sync += started.eq(self.start)
        with m.If(self.start):
            m.d.sync += [
                room.eq(room - self.length - MESSAGE_BLOCK.length),
                fits.eq(room > self.length),
                short.eq(self.short),
            ]

        # A start is judged one cycle later, when the blocks before it are counted. Its message may end in that cycle at
        # the earliest; `done` judges alike.
        judged = started & self.open & ~stopped & ~none & ~no_first
        m.d.sync += [
            self.block_short.eq(judged & short),
            self.block_overrun.eq((judged & ~short & ~fits) | lacking),
            self.block_trailing.eq(self.done & one & (room >= 0)),
        ]
        with m.If(lacking | (judged & (short | ~fits))):
            m.d.sync += stopped.eq(1)

        with m.If(self.done):
            m.d.sync += [left.eq(left - 1), none.eq(one), one.eq(left == 2)]
        with m.If(self.opens):
            m.d.sync += [
                self.open.eq(1),
                stopped.eq(0),
                left.eq(self.count),
                none.eq((self.count == moldudp64.HEARTBEAT) | (self.count == moldudp64.END_OF_SESSION)),
                one.eq(self.count == 1),
            ]
        with m.If(self.closes):
            m.d.sync += self.open.eq(0)
        return m
