"""Framer: where message blocks begin and end in the beats.

Source: MoldUDP64 1.00, Message Block: length:2, big-endian, then that many octets; blocks follow one another.
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.feed import headers
from hdl.feed.frames import BEATS
from spec import ethernet
from spec.moldudp64 import MESSAGE_BLOCK, MIN_MESSAGE

LENGTH_BITS = 8 * MESSAGE_BLOCK.length
#: Where the second octet of the first length field stands, as (beat, lane), without and with a tag.
_FIRST = [divmod(headers.LENGTH + MESSAGE_BLOCK.length - 1 + tag, 8) for tag in (0, ethernet.VLAN.length)]

# One block start and one block end per beat at most: that is what this component can express.
assert MESSAGE_BLOCK.length + MIN_MESSAGE > 8
# The first octet of a message and its last never share a beat, so its type is looked up before it ends.
assert MIN_MESSAGE > 8


class Framer(wiring.Component):
    """Follows the chain of length fields. Latency 1 cycle from ``beats``; II 1.

    A length field is found by its second octet, because that one completes it: its first octet may stand in the beat
    before. The framer follows the chain through whatever the frame holds; whether the octets are a datagram, and how
    many blocks of it count, is for ``Blocks`` to say. It stops at a block that is too short, and with the frame.

    Members
    -------
    beats
        Beats of frames.
    tagged
        The frame has an 802.1Q tag. Stands from the frame's fourth beat at the latest.
    start
        High for one cycle when a length field is complete.
    lane
        Lane of the second octet of the last length field; the message begins in the next lane. Changes with ``start``.
    length
        Octets of that message, as the length field says. Changes with ``start``.
    short
        ``length`` is below ``MIN_MESSAGE``.
    type
        First octet of that message. Changes with ``start``, or one beat later if the message begins there.
    end
        High for one cycle when the last octet of a message has arrived: of the message that began before ``start``
        where both are high.
    """

    beats: In(BEATS)
    tagged: In(1)
    start: Out(1)
    lane: Out(3)
    length: Out(LENGTH_BITS)
    short: Out(1)
    type: Out(8)
    end: Out(1)

    def elaborate(self, platform):
        m = Module()
        beat = self.beats.payload
        lanes = [beat.octets.word_select(i, 8) for i in range(8)]

        active = Signal()  # `ahead` means something
        inside = Signal()  # a message has begun and not ended
        ahead = Signal(LENGTH_BITS + 1)  # octets from lane 0 to the second octet of the next length field
        lane = ahead[:3]
        here = Signal()
        before = Signal(8)  # lane 7 of the beat before
        length = Signal(LENGTH_BITS)
        short = Signal()
        starts = Signal()
        ends = Signal()
        type_follows = Signal()  # the message begins with the next beat

        pairs = Array(Cat(low, high) for low, high in zip(lanes, [before, *lanes], strict=False))
        m.d.comb += [
            here.eq(active & (ahead[3:] == 0)),
            length.eq(pairs[lane]),
            short.eq(length < MIN_MESSAGE),
            starts.eq(here & beat.keep.bit_select(lane, 1)),
        ]
        # A message's last octet stands two before the second octet of the next length field.
        for i in range(8):
            with m.If(ahead == i + MESSAGE_BLOCK.length):
                m.d.comb += ends.eq(active & inside & beat.keep[i])

        m.d.sync += [self.start.eq(0), self.end.eq(0)]
        with m.If(self.beats.valid):
            m.d.sync += [
                before.eq(lanes[7]),
                self.start.eq(starts),
                self.end.eq(ends),
                ahead.eq(Mux(here, length + lane + (MESSAGE_BLOCK.length - 8), ahead - 8)),
                type_follows.eq(0),
            ]
            with m.If(ends):
                m.d.sync += inside.eq(0)
            with m.If(type_follows):
                m.d.sync += self.type.eq(lanes[0])
            with m.If(starts):
                m.d.sync += [
                    inside.eq(1),
                    self.lane.eq(lane),
                    self.length.eq(length),
                    self.short.eq(short),
                    self.type.eq(Array([*lanes[1:], C(0, 8)])[lane]),
                    type_follows.eq(lane == 7),
                ]
                with m.If(short):
                    m.d.sync += active.eq(0)
            for tag, (index, first_lane) in enumerate(_FIRST):
                with m.If((beat.index == index - 1) & (self.tagged == tag)):
                    m.d.sync += [active.eq(1), inside.eq(0), ahead.eq(first_lane)]
            with m.If(beat.last):
                m.d.sync += [active.eq(0), type_follows.eq(0)]
        return m
