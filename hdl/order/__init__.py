"""Order: approved decisions onto the wire.

::

    decisions -> encode -> orders -> transmit -> tx
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spec.config import Design
from spec.records import DECISION, ORDER

from ..counting import count
from ..records import counters, records
from ..wire import TX
from .encode import Encode
from .transmit import Transmit

__all__ = ["Encode", "Order", "Transmit"]

IN_FLIGHT = 1  #: approvals that may be under way when ``queue_full`` rises: the one decided in the cycle before


class Order(wiring.Component):
    """Encodes approved orders and sends them. Refused decisions leave no trace here.

    Latency from a decision to its record on ``orders`` ``Encode.LATENCY`` cycles; to the first beat of its frame
    ``LATENCY`` cycles when the wire is idle, else directly after the frame before: the first octets of a frame are
    constant and wait for nothing but the approval. Initiation interval 1 until ``queue_full`` rises; one frame takes 13
    or 14 beats.

    Members
    -------
    decisions
        Verdicts of risk.
    orders
        What was encoded, in the order of the decisions.
    tx
        AXI4-Stream of whole frames, without frame check sequence.
    queue_full
        No room is left for another approval. What risk approves in a cycle in which this is low is never lost.
    """

    LATENCY = Encode.LATENCY + Transmit.LATENCY

    decisions: In(records(DECISION))
    orders: Out(records(ORDER))
    tx: Out(TX)
    queue_full: Out(1)
    counters: Out(counters("order"))

    def __init__(self, *, design: Design):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        self._design = design
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.encode = encode = Encode(design=self._design)
        m.submodules.transmit = transmit = Transmit(design=self._design)
        connect(m, flipped(self.decisions), encode.decisions)
        m.d.comb += [
            self.orders.valid.eq(encode.orders.valid),
            self.orders.payload.eq(encode.orders.payload),
            transmit.coming.eq(encode.approved),
            transmit.orders.valid.eq(encode.orders.valid),
            transmit.orders.payload.eq(encode.orders.payload),
        ]
        connect(m, transmit.tx, flipped(self.tx))

        # Of what waits, compared before it is known whether one comes or goes.
        high = self._design.order.queue - IN_FLIGHT
        comes, goes, waiting = encode.approved, transmit.started, transmit.waiting
        m.d.sync += self.queue_full.eq(waiting >= high)
        with m.If(comes & ~goes):
            m.d.sync += self.queue_full.eq(waiting >= high - 1)
        with m.If(goes & ~comes):
            m.d.sync += self.queue_full.eq(waiting > high)

        count(m, self.counters, "orders", encode.orders.valid)
        count(m, self.counters, "frames", transmit.frame_sent)
        return m
