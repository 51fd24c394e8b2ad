"""Order: approved decisions onto the wire.

::

    decisions, admin -> encode -> orders -------> transmit -> tx
                               -> packer (FIX) ->
                                       service ->
"""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spec.config import Design
from spec.records import ADMIN, DECISION, ORDER

from ..counting import count
from ..link import BEGIN, NAMING, SENT, Header, Service
from ..records import counters, layout, records
from ..skid import SkidBuffer
from ..time import Time
from ..wire import TX
from .encode import Encode
from .fix_encode import FixEncode, Text
from .fix_message import CHECKSUM
from .packer import Packer
from .queue import Queue
from .transmit import Transmit

__all__ = ["Encode", "FixEncode", "Order", "Packer", "Transmit", "encoder"]

IN_FLIGHT = 1  #: approvals that may be under way when ``queue_full`` rises: the one decided in the cycle before


def encoder(design: Design) -> type[Encode] | type[FixEncode]:
    """What writes the messages of ``design``'s protocol."""
    return FixEncode if design.order.protocol == "fix" else Encode


class Order(wiring.Component):
    """Encodes approved orders and sends them. Refused decisions leave no trace here.

    Latency from a decision to its record on ``orders`` the encoder's ``LATENCY``; to the first beat of its frame as
    many cycles when the wire is idle, else directly after the frame before: the first octets of a frame are constant
    and wait for nothing but the word that a message comes. Initiation interval 1 until ``queue_full`` rises.

    Parameters
    ----------
    design : Design

    Members
    -------
    decisions
        Verdicts of risk.
    admin
        Messages that keep the session; they wait until nothing else does.
    time
        Of the core.
    naming
        What the host says a symbol's stock is; seen by decisions from the second cycle after it.
    begin, header, service, again, sent
        What the session says, and what it is told: ``hdl.link``.
    orders
        What was encoded, in order.
    tx
        AXI4-Stream of whole frames, without frame check sequence.
    ready
        The stocks are in their memory. No decision before.
    queue_full
        No room is left for another approval. What risk approves in a cycle in which this is low is never lost.
    idle
        Nothing waits or is on the wire.
    next_sequence, next_msg_seq_num
        Of the next message.
    """

    decisions: In(records(DECISION))
    admin: In(stream.Signature(layout(ADMIN)))
    time: In(Time)
    naming: In(NAMING)
    begin: In(BEGIN)
    header: In(Header)
    service: In(stream.Signature(Service))
    again: In(stream.Signature(64))
    sent: Out(SENT)
    orders: Out(records(ORDER))
    tx: Out(TX)
    ready: Out(1)
    queue_full: Out(1)
    idle: Out(1)
    next_sequence: Out(32)
    next_msg_seq_num: Out(32)
    counters: Out(counters("order"))

    def __init__(self, *, design: Design):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        self._design = design
        self.LATENCY = encoder(design).LATENCY + Transmit.LATENCY  #: cycles
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        design = self._design
        packed = design.order.protocol == "fix"
        m.submodules.encode = encode = encoder(design)(design=design)
        m.submodules.transmit = transmit = Transmit(design=design, octets=encode.octets, packed=packed)
        connect(m, flipped(self.decisions), encode.decisions)
        connect(m, flipped(self.admin), encode.admin)
        connect(m, flipped(self.naming), encode.naming)
        connect(m, flipped(self.begin), encode.begin)
        connect(m, flipped(self.service), transmit.service)
        # A beat is taken late in the cycle: whoever has it sees a register.
        m.submodules.skid = skid = SkidBuffer(64)
        connect(m, flipped(self.again), skid.input)
        connect(m, skid.output, transmit.again)
        connect(m, encode.sums, transmit.sums)
        connect(m, transmit.sent, flipped(self.sent))
        connect(m, transmit.tx, flipped(self.tx))

        waiting = Signal(range(design.order.queue + 1))  # taken, and its frame has not begun
        none = Signal(init=1)
        comes, goes = encode.accepted, transmit.started
        with m.If(comes & ~goes):
            m.d.sync += [waiting.eq(waiting + 1), none.eq(0)]
        with m.If(goes & ~comes):
            m.d.sync += [waiting.eq(waiting - 1), none.eq(waiting == 1)]
        m.d.comb += [
            encode.header.eq(self.header), transmit.header.eq(self.header), self.ready.eq(encode.ready),
            self.orders.valid.eq(encode.orders.valid), self.orders.payload.eq(encode.orders.payload),
            transmit.coming.eq(encode.coming),
            transmit.orders.valid.eq(encode.orders.valid), transmit.orders.payload.eq(encode.orders.payload),
            self.idle.eq(transmit.idle & none & ~comes),
            self.next_sequence.eq(encode.next_sequence), self.next_msg_seq_num.eq(encode.next_msg_seq_num),
        ]
        if packed:
            m.submodules.texts = texts = Queue(shape=Text, depth=design.order.queue)
            m.submodules.packer = packer = Packer(design=design, lane=transmit.lane)
            # Beside those of all that wait, that of the message which is being cut.
            m.submodules.checksums = checksums = Queue(shape=4 * CHECKSUM, depth=2 * design.order.queue)
            connect(m, encode.texts, texts.entries)
            connect(m, encode.checksums, checksums.entries)
            connect(m, checksums.head, packer.checksums)
            connect(m, texts.head, packer.texts)
            connect(m, packer.beats, transmit.beats)
            m.d.comb += [
                encode.time.eq(self.time),
                encode.admitted.eq(none & packer.idle),
                packer.load.eq(self.admin.valid & self.admin.ready),
                packer.text.eq(self.admin.payload.text), packer.text_length.eq(self.admin.payload.length),
            ]
        else:
            m.d.comb += [transmit.payload.eq(encode.payload), encode.admitted.eq(none & ~encode.orders.valid)]

        # Of what waits, compared before it is known whether one comes or goes.
        high = design.order.queue - IN_FLIGHT
        m.d.sync += self.queue_full.eq(waiting >= high)
        with m.If(comes & ~goes):
            m.d.sync += self.queue_full.eq(waiting >= high - 1)
        with m.If(goes & ~comes):
            m.d.sync += self.queue_full.eq(waiting > high)

        orders = encode.orders
        count(m, self.counters, "orders", orders.valid & ~orders.payload.admin)
        count(m, self.counters, "admin", orders.valid & orders.payload.admin)
        count(m, self.counters, "frames", transmit.frame_sent)
        count(m, self.counters, "acknowledgments", transmit.acknowledgment_sent)
        count(m, self.counters, "retransmissions", transmit.retransmission_sent)
        return m
