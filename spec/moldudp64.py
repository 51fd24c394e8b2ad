"""MoldUDP64 1.00 (Nasdaq): downstream packet and request packet."""

from .wire import Kind, Layout, fields

HEADER = Layout("MoldUDP64 header", 20, "MoldUDP64 1.00, Downstream Packet", fields(
    ("session", 10, Kind.ALPHA),
    ("sequence", 8),
    ("count", 2),
))
#: The same 20 octets ask the request server for ``count`` messages from ``sequence``.
REQUEST = Layout("MoldUDP64 request", 20, "MoldUDP64 1.00, Request Packet", HEADER.fields)

HEARTBEAT = 0x0000  #: ``count`` of a heartbeat; ``sequence`` is the next expected one
END_OF_SESSION = 0xFFFF  #: ``count`` that ends the session; ``sequence`` is the next expected one

MESSAGE_BLOCK = Layout("MoldUDP64 message block", 2, "MoldUDP64 1.00, Message Block", fields(("length", 2)))
#: The shortest block that is still framed: an ITCH header without a body. A shorter one cannot be an ITCH message, and
#: refusing it keeps every octet lane of a 64-bit beat to one block start per beat.
MIN_MESSAGE = 11
