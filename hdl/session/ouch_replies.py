"""SoupBinTCP packets from the exchange, and the OUCH 5.0 messages in them.

Sources: SoupBinTCP 3.00 section 2.2, OUCH 5.0 section 3.
"""

from amaranth import *
from amaranth.lib import wiring

from spec import ouch, soupbintcp
from spec.records import Reply

from .parser import PARSER

#: OUCH message -> what it says about an order, and the field with its shares.
REPLIES = {
    "A": (Reply.ACCEPTED, "quantity"),
    "M": (Reply.ACCEPTED, "quantity"),  # modified: that many are live
    "U": (Reply.REPLACED, "quantity"),
    "E": (Reply.EXECUTED, "quantity"),
    "C": (Reply.CANCELED, "quantity"),
    "D": (Reply.CANCELED, "decrement_shares"),
    "J": (Reply.REJECTED, None),
    "I": (Reply.CANCEL_REJECTED, None),
    "B": (Reply.BROKEN, None),
}
_ENDS = "JZ"  # login rejected, end of session


class OuchReplies(wiring.Component):
    """Parses one octet per cycle.

    Latency from a packet's last octet to its reply and marks 2 cycles; in one of them no octet is taken. Malformed is a
    packet without type or of none that a server sends, sequenced data without message or with one that is too short
    for what it says about an order, and an execution at a price of 2**32 / 10 000 dollars or more. What follows the
    message's layout is its appendage and not looked at. Octets behind a malformed packet or the end of session are
    dropped.

    Members
    -------
    see ``parser.PARSER``
    """

    def __init__(self):
        super().__init__(PARSER)

    def elaborate(self, platform):
        m = Module()
        octet = self.octets.payload
        takes, between = Signal(), Signal(init=1)
        left = Signal(16)  # octets of the packet
        at = Signal(range(128))  # octets of the message so far
        packet_type, message_type = Signal(8), Signal(8)
        fields = {name: Signal(width, name=name) for name, width in (
            ("user_ref_num", 32), ("original", 32), ("quantity", 32), ("price", 64))}
        last, refuses = Signal(), Signal()

        m.d.comb += takes.eq(self.octets.valid & self.octets.ready)
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

        def shift(name):
            return fields[name].eq(Cat(octet, fields[name]))

        with m.FSM():
            with m.State("TAKE_LENGTH"):
                m.d.comb += self.octets.ready.eq(1)
                with m.If(takes):
                    m.d.sync += [left[8:].eq(octet), between.eq(0)]
                    m.next = "TAKE_LENGTH_LOW"
            with m.State("TAKE_LENGTH_LOW"):
                m.d.comb += [self.octets.ready.eq(1), last.eq((left[8:] == 0) & (octet == 0))]
                with m.If(takes):
                    m.d.sync += left[:8].eq(octet)
                    m.next = "TAKE_TYPE"
                    with m.If(last):
                        m.d.sync += self.marks.packet_malformed.eq(1)
                        m.next = "REFUSE"
            with m.State("TAKE_TYPE"):
                m.d.comb += [self.octets.ready.eq(1), last.eq(left == 1)]
                with m.If(takes):
                    m.d.sync += [left.eq(left - 1), packet_type.eq(octet), at.eq(0), message_type.eq(0)]
                    m.d.sync += [value.eq(0) for value in fields.values()]
                    m.next = "TAKE_MESSAGE"
                    with m.If(last):
                        m.next = "JUDGE"
                    with m.If(Cat(octet != ord(code) for code in soupbintcp.SERVER).all()):
                        m.d.sync += self.marks.packet_malformed.eq(1)
                        m.next = "REFUSE"
            with m.State("TAKE_MESSAGE"):
                m.d.comb += [self.octets.ready.eq(1), last.eq(left == 1)]
                with m.If(takes):
                    m.d.sync += [left.eq(left - 1), at.eq(at + ~at.all())]
                    with m.If(at == 0):
                        m.d.sync += message_type.eq(octet)
                    self._take_fields(m, message_type, at, shift)
                    with m.If(last):
                        m.next = "JUDGE"
            with m.State("JUDGE"):
                with m.If(~self.replies.valid):
                    m.d.sync += between.eq(1)
                    m.next = "TAKE_LENGTH"
                    malformed, ends = self._judge(m, packet_type, message_type, at, fields)
                    with m.If(malformed):
                        m.d.sync += [self.marks.packet_malformed.eq(1), self.replies.valid.eq(0)]
                        m.next = "REFUSE"
                    with m.Else():
                        m.d.sync += [self.marks.packets.eq(1), self.inbox.valid.eq(1),
                                     self.inbox.payload.last.eq(1)]
                        with m.If(ends):
                            m.d.sync += self.marks.end_of_session.eq(1)
                            m.next = "REFUSE"
            with m.State("REFUSE"):
                m.d.comb += [self.octets.ready.eq(1), refuses.eq(1)]
        return m

    @staticmethod
    def _take_fields(m, message_type, at, shift):
        """Shift the octet into the field that it is of."""
        with m.Switch(message_type):
            for code, (_, shares) in REPLIES.items():
                message = ouch.SERVER[code]
                wanted = {"user_ref_num": "user_ref_num"}
                if shares:
                    wanted[shares] = "quantity"
                if code == "U":
                    wanted["original_user_ref_num"] = "original"
                if code == "E":
                    wanted["price"] = "price"
                with m.Case(ord(code)):
                    for name, into in wanted.items():
                        with m.If((at >= message[name].offset) & (at < message[name].end)):
                            m.d.sync += shift(into)

    def _judge(self, m, packet_type, message_type, at, fields) -> tuple[Value, Value]:
        """Make reply and marks of a whole packet; returns whether it is malformed, and whether it ends the session."""
        malformed, ends = Signal(), Signal()
        m.d.comb += ends.eq(Cat(packet_type == ord(code) for code in _ENDS).any())
        with m.If(packet_type == ord("S")):
            with m.Switch(message_type):
                for code, (kind, _) in REPLIES.items():
                    with m.Case(ord(code)):
                        m.d.sync += [self.replies.valid.eq(1), self.replies.payload.kind.eq(kind)]
                        m.d.comb += malformed.eq(at < ouch.SERVER[code].length)
                        if code == "E":
                            m.d.comb += malformed.eq((at < ouch.SERVER[code].length) | fields["price"][32:].any())
                with m.Default():
                    m.d.comb += malformed.eq(at == 0)
                    m.d.sync += self.marks.messages_unknown.eq(at != 0)
        m.d.sync += [
            self.replies.payload.user_ref_num.eq(fields["user_ref_num"]),
            self.replies.payload.original.eq(fields["original"]),
            self.replies.payload.quantity.eq(fields["quantity"]),
            self.replies.payload.all.eq(0),
            self.replies.payload.price.eq(fields["price"]),
        ]
        return malformed, ends
