"""Approved decisions as messages of the order session, numbered."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import ADMIN, DECISION, ORDER

from ..link import BEGIN, NAMING, Header
from ..pipeline import delay
from ..records import layout, records
from .checksum import PAYLOAD_SUM_BITS
from .ouch import Ouch


class Encode(wiring.Component):
    """Writes messages, and numbers their payload with TCP's sequence number.

    Latency 1 cycle, initiation interval 1. A decision with any refusal writes nothing. A message of the host's waits
    for a cycle without one.

    Members
    -------
    decisions
        Verdicts of risk.
    admin
        Messages that keep the session.
    admitted
        A message of the host's may be taken now.
    begin
        The session goes on with these numbers.
    naming, ready
        As of ``Ouch``.
    header
        What a TCP header says now.
    accepted, coming
        A message is taken, and is there in the next cycle. Combinational.
    orders
        One record per message, in order.
    payload
        With it: its octets, zero past its length.
    sums
        ``SUM`` cycles later: of its octets in 16-bit words, carries not yet added around the end.
    next_sequence, next_msg_seq_num
        Of the next message.
    """

    LATENCY, SUM = 1, 2

    def __init__(self, *, design: Design):
        self._design = design
        self._ouch = Ouch(design=design)
        self.octets = self._ouch.octets
        super().__init__({
            "decisions": In(records(DECISION)), "admin": In(stream.Signature(layout(ADMIN))), "admitted": In(1),
            "begin": In(BEGIN), "naming": In(NAMING), "header": In(Header), "ready": Out(1), "accepted": Out(1),
            "coming": Out(1), "orders": Out(records(ORDER)),
            "payload": Out(8 * self.octets),
            "sums": Out(stream.Signature(PAYLOAD_SUM_BITS, always_ready=True)), "next_sequence": Out(32),
            "next_msg_seq_num": Out(32),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.ouch = ouch = self._ouch
        decision, order = self.decisions.payload, self.orders.payload
        sequence, approved, asked = Signal(32, init=self._design.order.tcp_sequence), Signal(), Signal()
        m.d.comb += [
            approved.eq(self.decisions.valid & (decision.refusals == 0)),
            self.admin.ready.eq(~self.decisions.valid & self.admitted),
            asked.eq(self.admin.valid & self.admin.ready),
            self.accepted.eq(approved | asked), self.coming.eq(self.accepted),
            ouch.decision.eq(decision), ouch.admin.eq(self.admin.payload), ouch.is_admin.eq(~self.decisions.valid),
            ouch.naming.valid.eq(self.naming.valid), ouch.naming.payload.eq(self.naming.payload),
            self.ready.eq(ouch.ready), self.payload.eq(ouch.payload),
            self.sums.valid.eq(delay(m, self.orders.valid, self.SUM, name="sum_valid", reset=True)),
            self.sums.payload.eq(ouch.sum),
            self.next_sequence.eq(sequence),
        ]
        m.d.sync += self.orders.valid.eq(self.coming)
        with m.If(self.coming):
            m.d.sync += [
                *(order[name].eq(Mux(approved, decision[name], 0)) for name in ("message", "decision", "user_ref_num")),
                order.admin.eq(~approved),
                order.tcp_sequence.eq(sequence),
                order.length.eq(ouch.length),
                *(order[name].eq(self.header[name]) for name in ("acknowledgment", "window", "ts_value", "ts_echo")),
                sequence.eq(sequence + ouch.length),
            ]
        with m.If(self.begin.valid):
            m.d.sync += sequence.eq(self.begin.payload.tcp_sequence)
        return m
