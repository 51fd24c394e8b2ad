"""What crosses between the card and the host's memory, in slots of 128 octets, little-endian.

A ring is ``2**log2`` slots that one side writes and the other reads, in order, over and over. ``RINGS`` are written by
the card, one for each record stream; ``COMMANDS`` are what a slot of the host's command ring, or a commit of the
request registers, may carry.
"""

from . import wire
from .record import Field, Record
from .records import RECORDS, REQUESTS

SLOT_OCTETS = 128
PAYLOAD_OCTETS = 112  #: the packed record, its least significant octet first, zero past its end
BURST_SLOTS = 32  #: at most in one AXI4 burst: 4 KiB, and none crosses such a boundary
MIN_LOG2, MAX_LOG2 = 5, 24  #: slots of a ring; the least is one burst

#: A slot of a ring. ``phase`` is 1 on the first lap, 0 on the second, 1 on the third ...: memory that starts with zeros
#: shows what was written. It stands in the slot's last octet, which lands last.
SLOT = wire.Layout("Slot", SLOT_OCTETS, "", (
    wire.Field("payload", 0, PAYLOAD_OCTETS, wire.Kind.OCTETS),
    wire.Field("cycle", 112, 8),  # of the core's clock since its reset at which the record was valid
    wire.Field("sequence", 120, 4),  # of the record in its stream, those lost included, modulo 2**32
    wire.Field("ring", 124, 1),  # index in RINGS
    wire.Field("phase", 127, 1),
))

#: A slot of the command ring.
COMMAND_SLOT = wire.Layout("CommandSlot", SLOT_OCTETS, "", (
    wire.Field("payload", 0, PAYLOAD_OCTETS, wire.Kind.OCTETS),
    wire.Field("command", 112, 1),  # index in COMMANDS
))

INBOX_OCTETS = 64
INBOX = Record("InboxChunk", "inbox", "host", """Octets of the order session's messages for the host, in order.""", (
    Field("length", 7, "octets"),
    Field("last", 1, "flag: the last of them ends a packet or message"),
    Field("octets", 8 * INBOX_OCTETS, "octet i in bits 8i+7..8i, zero past the length"),
))
STAMP = Record("Stamp", "stamps", "host", """When a frame's first beat passed between core and wire, by the PTP clock.

    IEEE 1588's 96 bits: seconds, ns, and 2**-16 ns.""", (
    Field("port", 2, "0 market data in, 1 order session in, 2 order session out"),
    Field("frame", 32, "frames that passed there before this one, modulo 2**32"),
    Field("seconds", 48, "s"),
    Field("nanoseconds", 32, "ns, below 10**9"),
    Field("fraction", 16, "2**-16 ns"),
))
PORTS = ("market data in", "order session in", "order session out")  #: of ``Stamp.port``

CLOCK = Record("ClockSetting", "clock", "host", """The moment that the core's time of day is set to.

    Goes into the core. ``digit`` 0 to 16: UTC as YYYYMMDDHHMMSSsss, ``tomorrow`` 0 to 7: the date after it.""", (
    Field("ns", 64, "ns since 1970-01-01 UTC"),
    *(Field(f"digit_{i}", 4, "decimal digit") for i in range(17)),
    Field("ns_of_ms", 20, "ns since the last ms"),
    *(Field(f"tomorrow_{i}", 4, "decimal digit") for i in range(8)),
))

RINGS: tuple[Record, ...] = (*RECORDS, INBOX, STAMP)
COMMANDS: tuple[Record, ...] = (*REQUESTS, CLOCK)
COMMAND_BITS = max(record.bits for record in COMMANDS)

assert all(record.bits <= 8 * PAYLOAD_OCTETS for record in (*RINGS, *COMMANDS))
assert all(f.bits <= 64 or f.bits % 8 == 0 for record in (*RINGS, *COMMANDS) for f in record.fields)
