"""Ethernet II, 802.1Q, IPv4, UDP and TCP headers.

Sources: IEEE 802.3-2022 clause 3.2, IEEE 802.1Q-2022 clause 9.6, RFC 791 section 3.1, RFC 768, RFC 9293 section 3.1.
"""

from .wire import Kind, Layout, fields

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_VLAN = 0x8100
PROTOCOL_TCP = 6
PROTOCOL_UDP = 17
MIN_FRAME = 60  #: octets without frame check sequence; shorter frames are padded

ETHERNET = Layout("Ethernet II", 14, "802.3 clause 3.2", fields(
    ("destination", 6, Kind.OCTETS),
    ("source", 6, Kind.OCTETS),
    ("ethertype", 2),
))

#: Inserted between the source address and the EtherType.
VLAN = Layout("802.1Q tag", 4, "802.1Q clause 9.6", fields(
    ("tpid", 2),
    ("tci", 2),
))

IPV4 = Layout("IPv4", 20, "RFC 791 section 3.1", fields(
    ("version_ihl", 1),
    ("dscp_ecn", 1),
    ("total_length", 2),
    ("identification", 2),
    ("flags_fragment", 2),
    ("ttl", 1),
    ("protocol", 1),
    ("checksum", 2),
    ("source", 4, Kind.OCTETS),
    ("destination", 4, Kind.OCTETS),
))
IPV4_DONT_FRAGMENT = 0x4000
IPV4_FRAGMENT_MASK = 0x3FFF  #: more-fragments flag and fragment offset: zero on an unfragmented datagram

UDP = Layout("UDP", 8, "RFC 768", fields(
    ("source_port", 2),
    ("destination_port", 2),
    ("length", 2),
    ("checksum", 2),
))

TCP = Layout("TCP", 20, "RFC 9293 section 3.1", fields(
    ("source_port", 2),
    ("destination_port", 2),
    ("sequence", 4),
    ("acknowledgment", 4),
    ("offset_flags", 2),
    ("window", 2),
    ("checksum", 2),
    ("urgent", 2),
))
TCP_ACK, TCP_PSH = 0x10, 0x08  #: flags
TCP_PSH_ACK = 0x5018  #: data offset 5 words, flags PSH and ACK
#: What the option of RFC 7323, section 3.2, begins with; value and echo follow, 4 octets each. Appendix A aligns it.
TCP_TIMESTAMPS = bytes([1, 1, 8, 10])
