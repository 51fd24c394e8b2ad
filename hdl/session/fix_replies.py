"""FIX messages from the counterparty: execution reports and order cancel rejects.

Source: FIX 4.4 with errata 20030618, volume 2 (message format, MsgSeqNum), volume 4 (execution report, cancel reject).
"""

from amaranth import *
from amaranth.lib import wiring

from spec import fix
from spec.records import Reply

from .fix_fields import FixFields
from .parser import PARSER

_PREFIX = b"8=" + fix.BEGIN_STRING.encode() + fix.SOH + b"9="
_SOH = fix.SOH[0]
_LENGTH_DIGITS = 5
_MSG_TYPE = b"35="
_TRAILER = b"10=000\x01"
_ADMIN = "A" + "".join(fix.ADMIN_TYPES)
_LOGOUT = "5"
_RESPONSES = {"1": Reply.CANCEL_REJECTED, "2": Reply.REJECTED}  #: CxlRejResponseTo


class FixReplies(wiring.Component):
    """Parses one octet per cycle, and waits up to five cycles after a field that matters (``FixFields``).

    Latency from a message's last octet to its reply and marks 3 cycles; in two of them no octet is taken. Malformed is
    a message that does not begin with ``8=FIX.4.4`` and ``9=`` of one to five digits, whose body does not begin with
    ``35=`` or end with SOH, or is not followed by ``10=`` and the right sum; one without MsgSeqNum in digits; and a
    report without what its reply needs. A message with another MsgSeqNum than expected is for the host alone, unless it
    is a logout, which ends the session. A report is about an order of ours if its ClOrdID is. Octets behind a malformed
    message or a logout are dropped.

    Parameters
    ----------
    prefix : str
        Of ClOrdID.

    Members
    -------
    see ``parser.PARSER``
    """

    def __init__(self, *, prefix: str):
        self._prefix = prefix.encode()
        super().__init__(PARSER)

    def elaborate(self, platform):
        m = Module()
        m.submodules.scan = scan = FixFields(prefix=self._prefix)
        octet, reads = self.octets.payload, scan.fields
        takes, last, between = Signal(), Signal(), Signal(init=1)
        refuses = Signal()
        at = Signal(4)  # octets of the part so far
        left = Signal(17)  # octets of the body
        total, checksum = Signal(8), Signal(10)
        bad = Signal()
        is_digit, digit = (octet >= ord("0")) & (octet <= ord("9")), octet[:4]
        m.d.comb += [
            takes.eq(self.octets.valid & self.octets.ready),
            scan.octet.eq(octet),
        ]
        m.d.sync += [
            self.inbox.valid.eq(takes & ~refuses & ~last),
            self.inbox.payload.last.eq(0),
            self.marks.eq(0),
            self.between.eq(between & ~self.replies.valid & ~takes),
        ]
        with m.If(takes):
            m.d.sync += self.inbox.payload.octet.eq(octet)
        with m.If(self.replies.ready):
            m.d.sync += self.replies.valid.eq(0)

        def refuse():
            m.d.sync += self.marks.packet_malformed.eq(1)
            m.next = "REFUSE"

        def is_of(text: bytes):
            """The octet is that of ``text`` at ``at``."""
            same = Signal()
            with m.Switch(at):
                for i, wanted in enumerate(text):
                    with m.Case(i):
                        m.d.comb += same.eq(octet == wanted)
            return same

        with m.FSM():
            with m.State("TAKE_BEGINNING"):
                m.d.comb += [self.octets.ready.eq(1), scan.clear.eq(1)]
                with m.If(takes):
                    m.d.sync += [between.eq(0), bad.eq(0), left.eq(0), checksum.eq(0), at.eq(at + 1),
                                 total.eq(Mux(between, 0, total) + octet)]
                    with m.If(at == len(_PREFIX) - 1):
                        m.d.sync += at.eq(0)
                        m.next = "TAKE_LENGTH"
                    with m.If(~is_of(_PREFIX)):
                        refuse()
            with m.State("TAKE_LENGTH"):
                m.d.comb += self.octets.ready.eq(1)
                with m.If(takes):
                    m.d.sync += [total.eq(total + octet), at.eq(at + 1), left.eq((left << 3) + (left << 1) + digit)]
                    with m.If((octet == _SOH) & (at != 0)):
                        m.d.sync += [at.eq(0), left.eq(left)]
                        m.next = "TAKE_BODY"
                        with m.If(left == 0):
                            refuse()
                    with m.Elif(~is_digit | (at == _LENGTH_DIGITS)):
                        refuse()
            with m.State("TAKE_BODY"):
                m.d.comb += [self.octets.ready.eq(~scan.busy), scan.takes.eq(takes)]
                with m.If(takes):
                    m.d.sync += [total.eq(total + octet), left.eq(left - 1)]
                    with m.If(at != len(_MSG_TYPE)):
                        m.d.sync += [at.eq(at + 1), bad.eq(bad | ~is_of(_MSG_TYPE))]
                    with m.If(left == 1):
                        m.d.sync += at.eq(0)
                        with m.If((octet != _SOH) | (at != len(_MSG_TYPE))):
                            m.d.sync += bad.eq(1)
                        m.next = "TAKE_TRAILER"
            with m.State("TAKE_TRAILER"):
                # Digits stand where ``_TRAILER`` has zeros.
                in_digits = (at >= 3) & (at < 6)
                m.d.comb += [self.octets.ready.eq(1), last.eq(at == len(_TRAILER) - 1)]
                with m.If(takes):
                    m.d.sync += [at.eq(at + 1), bad.eq(bad | Mux(in_digits, ~is_digit, ~is_of(_TRAILER)))]
                    with m.If(in_digits):
                        m.d.sync += checksum.eq((checksum << 3) + (checksum << 1) + digit)
                    with m.If(last):
                        m.d.sync += at.eq(0)
                        m.next = "COMPARE"
            expected = Signal()
            with m.State("COMPARE"):
                m.d.sync += [
                    bad.eq(bad | (checksum != total) | ~reads.msg_seq_num.good),
                    expected.eq((reads.msg_seq_num.value == self.expected) & ~reads.msg_seq_num.large),
                ]
                m.next = "JUDGE"
            with m.State("JUDGE"):
                with m.If(~self.replies.valid):
                    m.d.sync += between.eq(1)
                    m.next = "TAKE_BEGINNING"
                    lacks = self._judge(m, reads, expected & ~bad)
                    m.d.sync += [
                        self.marks.in_sequence.eq(expected & ~bad),
                        self.marks.packet_sequence.eq(~expected & ~bad),
                    ]
                    with m.If(bad | lacks):
                        m.d.sync += self.replies.valid.eq(0)
                        refuse()
                    with m.Else():
                        m.d.sync += [self.marks.packets.eq(1), self.inbox.valid.eq(1), self.inbox.payload.last.eq(1)]
                        with m.If(reads.msg_type.code == ord(_LOGOUT)):
                            m.d.sync += self.marks.end_of_session.eq(1)
                            m.next = "REFUSE"
            with m.State("REFUSE"):
                m.d.comb += [self.octets.ready.eq(1), refuses.eq(1)]
        return m

    def _judge(self, m, reads, expected) -> Value:
        """Make the reply of a message, if it is ``expected``; returns whether it lacks what its reply needs."""
        lacks, means, about = Signal(), Signal(), Signal()  # ... of a report that risk understands, about our order
        kind = Signal(4)
        reply = self.replies.payload
        number, original = reads.cl_ord_id, reads.orig_cl_ord_id
        user_ref_num, quantity = Signal(32), Signal(32)
        m.d.comb += [user_ref_num.eq(number.value), about.eq(number.ours)]
        m.d.sync += [reply.original.eq(0), reply.price.eq(0), reply.all.eq(0)]
        with m.Switch(reads.msg_type.code):
            with m.Case(ord("8")):
                with m.Switch(reads.exec_type.code):
                    for code, name in fix.EXEC_TYPES.items():
                        with m.Case(ord(code)):
                            m.d.comb += [means.eq(1), kind.eq(Reply[name])]
                            if name in ("ACCEPTED", "REPLACED"):
                                m.d.comb += [quantity.eq(reads.leaves_qty.value), lacks.eq(~reads.leaves_qty.good)]
                            if name == "REPLACED":
                                m.d.comb += about.eq(number.ours & original.ours)
                                m.d.sync += reply.original.eq(original.value)
                            if name == "EXECUTED":
                                m.d.comb += [quantity.eq(reads.last_qty.value),
                                             lacks.eq(~reads.last_qty.good | ~reads.last_px.good)]
                                m.d.sync += reply.price.eq(reads.last_px.value)
                            if name == "CANCELED":
                                # An order that was cancelled on request is named by OrigClOrdID.
                                with m.If(original.there):
                                    m.d.comb += [user_ref_num.eq(original.value), about.eq(original.ours)]
                                m.d.sync += reply.all.eq(1)
            with m.Case(ord("9")):
                for code, response in _RESPONSES.items():
                    with m.If(reads.response_to.code == ord(code)):
                        m.d.comb += [means.eq(1), kind.eq(response)]
        admin = Cat(reads.msg_type.code == ord(code) for code in _ADMIN).any()
        m.d.sync += [
            reply.kind.eq(kind),
            reply.user_ref_num.eq(user_ref_num),
            reply.quantity.eq(quantity),
            self.replies.valid.eq(expected & means & about),
            self.marks.messages_unknown.eq(expected & ~(means & about) & ~admin),
        ]
        return lacks & means & about & expected
