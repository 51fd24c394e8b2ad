"""What stages say to each other beside their records: mostly session, which knows the connection, and order, which
writes the frames."""

from amaranth.lib import data, stream

from spec.records import SYMBOL_BITS


class Header(data.Struct):
    """What the TCP header of a frame that begins now says (RFC 9293, section 3.1; RFC 7323, section 3)."""

    source_port: 16
    acknowledgment: 32
    window: 16
    ts_value: 32  #: 0 without the option, as ``ts_echo``
    ts_echo: 32


class Begin(data.Struct):
    """Numbers with which a session that was handed over goes on."""

    tcp_sequence: 32
    msg_seq_num: 32


class Sent(data.Struct):
    """A beat of payload that leaves for the first time, as it stands in its frame: aligned to the frame's beats."""

    data: 64  #: zero where ``keep`` is
    keep: 8  #: octets of payload; contiguous
    first: 1
    last: 1
    sequence: 32  #: of the segment's first octet; the same in all its beats, as ``length``
    length: 16  #: octets of payload in the segment
    sum: 16  #: at ``last``: one's complement sum of the payload, its first octet taken as a high one, not inverted
    acknowledgment: 32  #: in its frame's header; the same in all its beats


class Service(data.Struct):
    """A frame that carries nothing new: an acknowledgment, or a segment again."""

    sequence: 32
    length: 16  #: octets of payload, which follow as beats aligned as in ``Sent``; 0 = none
    sum: 16  #: as in ``Sent``


class Seen(data.Struct):
    """Which decisions risk has made: what changes its state now is seen by the next."""

    message: 32  #: of the last decision; 2**32 - 1 before the first
    decision: 32  #: number of the next one


class Naming(data.Struct):
    """What a configured symbol stands for from now on, as ``spec.records.GIVEN_SYMBOL``."""

    symbol: SYMBOL_BITS
    stock: 64
    locate: 16


BEGIN = stream.Signature(Begin, always_ready=True)
SENT = stream.Signature(Sent, always_ready=True)
NAMING = stream.Signature(Naming, always_ready=True)
