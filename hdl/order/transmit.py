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

    From an order to the first beat of its frame offered on ``tx``: latency ``LATENCY`` cycles when the wire is idle, so
    in the cycle of the order itself, else directly after the frame before. One beat per cycle while ``tx.ready`` is
    high, frames back to back. The first octets of a frame are the same for every order: they go out on the word that an
    order comes, and the checksum is ready before its beat although it takes several cycles.

    ===== ==============================================================================================
    cycle does, on an idle wire
    ===== ==============================================================================================
    -1    ``coming``; ``started``: the first beat is loaded
    0     ``orders``; the first beat is offered; what varies is taken, its checksum's first sums with it
    b     beat b is offered, if those before it were accepted at once
    ===== ==============================================================================================

    Members
    -------
    coming
        Approved: ``orders`` has an order in the next cycle. Nothing else begins a frame.
    orders
        To be sent.
    tx
        AXI4-Stream: a beat once offered stays until it is accepted.
    started
        A frame begins: its first beat is offered in the next cycle.
    waiting
        Orders that came before this cycle, ``coming``, and whose frames have not ``started``. At most
        ``design.order.queue``: whoever approves must leave room.
    frame_sent
        TX accepts the last beat of a frame.
    """

    LATENCY = 0

    def __init__(self, *, design: Design):
        self._template = Template(design)
        self._depth = design.order.queue
        super().__init__({
            "coming": In(1),
            "orders": In(records(ORDER)),
            "tx": Out(TX),
            "started": Out(1),
            "waiting": Out(range(self._depth + 1)),
            "frame_sent": Out(1),
        })

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
        # Beat b is loaded b cycles after the first at the earliest, what varies one cycle after the first.
        assert min(template.varying) >= 2 * LANES, "the second beat is loaded together with what varies"
        assert template.checksum.start // LANES > checksum.LATENCY, "the checksum would be late"

        # The beat to be loaded next, one-hot: the multiplexer is then two levels of logic.
        beat = Signal(len(beats), init=1)
        first, last = beat[0], beat[-1]
        tx, free = self.tx.payload, Signal()
        none, one = Signal(init=1), Signal()  # waiting == 0, waiting == 1
        begins = self.coming | ~none
        m.d.comb += [
            free.eq(~self.tx.valid | self.tx.ready),
            self.started.eq(begins & free & first),
            self.frame_sent.eq(self.tx.valid & self.tx.ready & tx.last),
        ]
        with m.If(self.coming & ~self.started):
            m.d.sync += [self.waiting.eq(self.waiting + 1), none.eq(0), one.eq(none)]
        with m.If(self.started & ~self.coming):
            m.d.sync += [self.waiting.eq(self.waiting - 1), none.eq(one), one.eq(self.waiting == 2)]

        # An order that did not wait is on its way around the queue when it is taken: the queue's head is never missing.
        m.d.sync += queue.head.ready.eq(self.started)
        m.d.comb += [
            checksum.take.eq(queue.head.ready),
            checksum.varying.eq(queue.head.payload),
        ]
        with m.If(queue.head.ready):
            m.d.sync += current.eq(queue.head.payload)
        octets_at_last = len(beats[-1]) // 8
        with m.If(free):
            m.d.sync += [
                self.tx.valid.eq(begins | ~first),
                tx.data.eq(reduce(or_, (Mux(now, octets, 0) for now, octets in zip(beat, beats, strict=True)))),
                tx.last.eq(last),
                tx.keep.eq(Mux(last, (1 << octets_at_last) - 1, 0xFF)),
            ]
            with m.If(begins | ~first):
                m.d.sync += beat.eq(beat.rotate_left(1))
        return m
