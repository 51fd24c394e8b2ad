"""Order frames on the wire."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import ORDER

from ..records import records
from ..wire import TX, to_octets
from .checksum import Checksum
from .queue import Queue
from .template import Template

LANES = 8  #: octets per beat


class Transmit(wiring.Component):
    """Ethernet/IPv4/TCP frames around orders (Ethernet II; RFC 791, section 3.1; RFC 9293, section 3.1).

    From an order to the first beat of its frame offered on ``tx``: latency 1 cycle when the wire is idle, else directly
    after the frame before. One beat per cycle while ``tx.ready`` is high, frames back to back. The first octets of a
    frame are the same for every order, so the checksum is ready before its beat although it takes several cycles.

    Members
    -------
    orders
        To be sent. At most ``design.order.queue`` may wait; ``started`` says when one leaves the queue.
    tx
        AXI4-Stream: a beat once offered stays until it is accepted.
    started
        A frame begins: its first beat is offered in the next cycle.
    frame_sent
        TX accepts the last beat of a frame.
    """

    LATENCY = 1

    orders: In(records(ORDER))
    tx: Out(TX)
    started: Out(1)
    frame_sent: Out(1)

    def __init__(self, *, design: Design):
        self._template = Template(design)
        self._depth = design.order.queue
        super().__init__()

    def _varying(self, order) -> Value:
        """The octets of an order's frame that only this order has, in the order of ``Template.varying``."""
        template = self._template
        header = len(template.frame) - len(template.payload)
        sequence = to_octets(order.tcp_sequence, len(template.sequence))
        return Cat(
            sequence.word_select(offset - template.sequence.start, 8) if offset in template.sequence
            else order.payload.word_select(offset - header, 8)
            for offset in template.varying)

    def elaborate(self, platform):
        m = Module()
        template = self._template
        width = 8 * len(template.varying)
        m.submodules.queue = queue = Queue(shape=width, depth=self._depth)
        m.submodules.checksum = checksum = Checksum(template=template)
        m.d.comb += [
            queue.entries.valid.eq(self.orders.valid),
            queue.entries.payload.eq(self._varying(self.orders.payload)),
        ]

        frame = [C(octet, 8) for octet in template.frame]
        current = Signal(width)  # of the frame on the wire
        for index, offset in enumerate(template.varying):
            frame[offset] = current.word_select(index, 8)
        for offset, octet in zip(template.checksum, (checksum.checksum[8:], checksum.checksum[:8]), strict=True):
            frame[offset] = octet
        beats = [Cat(frame[i : i + LANES]) for i in range(0, len(frame), LANES)]
        # Beat b is loaded b cycles after the first at the earliest, which is when ``current`` is loaded too.
        assert min(template.varying) >= LANES, "the first beat is loaded together with what varies"
        assert template.checksum.start // LANES > checksum.LATENCY, "the checksum would be late"
        m.d.comb += checksum.varying.eq(current)

        # The beat to be loaded next, one-hot: the multiplexer is then two levels of logic.
        beat = Signal(len(beats), init=1)
        first, last = beat[0], beat[-1]
        tx, free = self.tx.payload, Signal()
        m.d.comb += [
            free.eq(~self.tx.valid | self.tx.ready),
            queue.head.ready.eq(free & first),
            self.started.eq(queue.head.valid & queue.head.ready),
            self.frame_sent.eq(self.tx.valid & self.tx.ready & tx.last),
        ]
        with m.If(self.started):
            m.d.sync += current.eq(queue.head.payload)
        octets_at_last = len(beats[-1]) // 8
        with m.If(free):
            m.d.sync += [
                self.tx.valid.eq(queue.head.valid | ~first),
                tx.data.eq(reduce(or_, (Mux(now, octets, 0) for now, octets in zip(beat, beats, strict=True)))),
                tx.last.eq(last),
                tx.keep.eq(Mux(last, (1 << octets_at_last) - 1, 0xFF)),
            ]
            with m.If(queue.head.valid | ~first):
                m.d.sync += beat.eq(beat.rotate_left(1))
        return m
