"""Intake: beats from the wire, registered, with their place in the frame."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.wire import RX

INDEX_BITS = 12  #: 4095 beats hold more than the longest configurable frame (16 383 octets)


class FrameBeat(data.Struct):
    """A beat and where it stands."""

    octets: 64
    keep: 8  #: contiguous from lane 0, all ones except at ``last``
    index: INDEX_BITS  #: beats of the frame before this one, saturating
    first: 1
    last: 1
    error: 1  #: the MAC found the frame bad; meaningful at ``last``
    refused: 1  #: the frame began while the core was not ready: it is dropped whole


BEATS = stream.Signature(FrameBeat, always_ready=True)


class Intake(wiring.Component):
    """Registers the wire and numbers the beats of each frame. Latency 1 cycle to ``beats``, 2 to ``late``; II 1.

    Members
    -------
    rx
        The wire. Always ready.
    enabled
        The core is out of its reset sweep.
    beats
        Every beat.
    late
        The same beats one cycle later, in step with what ``Headers`` and ``Framer`` register about them.
    """

    rx: In(RX)
    enabled: In(1)
    beats: Out(BEATS)
    late: Out(BEATS)

    def elaborate(self, platform):
        m = Module()
        wire = self.rx.payload
        first = Signal(init=1)
        index = Signal(INDEX_BITS)
        refused = Signal()

        m.d.comb += refused.eq(Mux(first, ~self.enabled, self.beats.payload.refused))
        m.d.sync += self.beats.valid.eq(self.rx.valid)
        with m.If(self.rx.valid):
            m.d.sync += [
                first.eq(wire.last),
                index.eq(Mux(wire.last, 0, index + ~index.all())),
                self.beats.payload.octets.eq(wire.data),
                self.beats.payload.keep.eq(wire.keep),
                self.beats.payload.index.eq(index),
                self.beats.payload.first.eq(first),
                self.beats.payload.last.eq(wire.last),
                self.beats.payload.error.eq(wire.error),
                self.beats.payload.refused.eq(refused),
            ]

        m.d.sync += self.late.valid.eq(self.beats.valid)
        with m.If(self.beats.valid):
            m.d.sync += self.late.payload.eq(self.beats.payload)
        return m
