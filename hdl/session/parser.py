"""What every parser of a session has: octets in, replies and the host's octets out. A reset makes it begin anew."""

from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from spec.records import REPLY

from ..records import layout


class Inbox(data.Struct):
    """An octet of a message for the host."""

    octet: 8
    last: 1  #: of its packet or message


class Marks(data.Struct):
    """What a packet or message was, each for one cycle, named as in ``spec.counters.SESSION``."""

    packets: 1
    packet_malformed: 1
    packet_sequence: 1
    in_sequence: 1  #: FIX: no counter: the message that was expected
    messages_unknown: 1
    end_of_session: 1


#: Members of a parser.
#:
#: octets
#:     What was received, in order.
#: expected
#:     FIX: MsgSeqNum of the next message that is taken.
#: replies
#:     What they said about orders. Holds back ``octets``.
#: inbox
#:     All octets of all packets and messages, those with a reply too: the host wants their match numbers, reasons and
#:     references. One cycle after the octet was taken, the last one when the packet was found well-formed: after a
#:     malformed one no ``last`` comes. Without backpressure.
#: marks
#:     Of the packet that ended.
#: between
#:     The octet before ended a packet, and all that it said is handed on.
PARSER = {
    "octets": In(stream.Signature(8)),
    "expected": In(32),
    "replies": Out(stream.Signature(layout(REPLY))),
    "inbox": Out(stream.Signature(Inbox, always_ready=True)),
    "marks": Out(Marks),
    "between": Out(1),
}
