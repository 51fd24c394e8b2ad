"""Beats of frames without their 802.1Q tag. Source: IEEE 802.1Q-2022, clause 9.6."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec import ethernet
from spec.ethernet import ETHERNET

from .. import wire
from ..wire import RX

INDEX_BITS = 11  #: 2047 beats hold the longest configurable frame

_HALF = ethernet.VLAN.length  # octets: a tag is half a beat
_TAG = ETHERNET["ethertype"].offset  # where it begins, if there is one: in the upper half of the second beat
assert _TAG % 8 == _HALF == 4 and _TAG // 8 == 1


class PlainBeat(data.Struct):
    """A beat of a frame as it would stand without a tag."""

    octets: 64
    keep: 8  #: contiguous from lane 0, all ones except at ``last``
    index: INDEX_BITS  #: beats of the frame before this one, saturating
    last: 1
    error: 1  #: the MAC found the frame bad; meaningful at ``last``


BEATS = stream.Signature(PlainBeat, always_ready=True)


class Untag(wiring.Component):
    """Takes at most one tag out of each frame. II 1.

    Latency 2 cycles; a beat that is not the frame's last waits for the one behind it, with or without a tag.

    Members
    -------
    rx
        The wire. Always ready.
    beats
        The same frames without tag. A frame that ends within its tag ends before it.
    """

    rx: In(RX)
    beats: Out(BEATS)

    def elaborate(self, platform):
        m = Module()
        comes, beat = self.rx.valid, self.rx.payload
        second, first = Signal(), Signal(init=1)  # what ``beat`` is of its frame
        octets, keep, last, error = Signal(64), Signal(8), Signal(), Signal()  # the beat before
        held, tagged, at_tag, spent = Signal(), Signal(), Signal(), Signal()
        tags = Signal()
        m.d.comb += tags.eq(second & beat.keep[_TAG % 8 + 1] & (
            wire.big_endian(beat.data.word_select(_TAG % 8 // 2, 16)) == ethernet.ETHERTYPE_VLAN))

        # Of the beat before: whether it goes on, in which half what is left of it begins, and what joins it.
        goes, joined = Signal(), Signal()
        m.d.comb += [
            goes.eq(held & ~spent & (last | comes)),
            joined.eq(tagged & ~last),  # ``beat`` is of the same frame
        ]
        out, index = self.beats.payload, Signal(INDEX_BITS)
        half = Mux(at_tag, octets[: 8 * _HALF], octets[8 * _HALF :])
        half_keep = Mux(at_tag, keep[:_HALF], keep[_HALF:])
        ends = Signal()
        m.d.comb += ends.eq(last | (tagged & beat.last & ~beat.keep[_HALF]))
        m.d.sync += self.beats.valid.eq(goes)
        with m.If(goes):
            m.d.sync += [
                out.octets.eq(Mux(tagged, Cat(half, beat.data[: 8 * _HALF]), octets)),
                out.keep.eq(Mux(tagged, Cat(half_keep, Mux(joined, beat.keep[:_HALF], 0)), keep)),
                out.index.eq(index),
                out.last.eq(ends),
                out.error.eq(Mux(last, error, beat.error)),
                index.eq(Mux(ends, 0, index + ~index.all())),
            ]
        with m.If(comes):
            m.d.sync += [
                octets.eq(beat.data),
                keep.eq(beat.keep),
                last.eq(beat.last),
                error.eq(beat.error),
                held.eq(1),
                first.eq(beat.last),
                second.eq(first & ~beat.last),
                at_tag.eq(tags),
                tagged.eq(tags | (tagged & ~first)),
                # All of it went with the beat before it.
                spent.eq(tagged & ~first & beat.last & ~beat.keep[_HALF]),
            ]
        with m.Elif(last):
            m.d.sync += held.eq(0)
        return m
