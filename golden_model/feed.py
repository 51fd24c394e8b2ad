"""feed: Ethernet frames in, ITCH messages in sequence out.

Ethernet II with at most one 802.1Q tag, IPv4 without options (RFC 791), UDP (RFC 768), MoldUDP64 1.00, one message
block after the other. Lines A and B are merged by sequence number: a message seen before is dropped.

Policies, and why:

- The first failed header check names the frame's drop counter; a check is skipped when the frame ends before all of its
  octets, and a frame that ends before octet 48 of the IPv4 datagram without failing any is a runt. The address check
  needs destination address *and* port, so a frame that ends between the two is a runt whatever its address.
- The UDP checksum and the frame check sequence are not computed: the MAC computes the latter and reports it with the
  last beat, when messages have long been delivered. Such a frame's messages stand, but if any of them took its place in
  the sequence, delivered or of an unknown type, data may have been damaged or lost, so the gap flag rises after it.
- An octet after the IPv4 datagram is Ethernet padding, and ignored.
- A message takes its place in the sequence when its last octet is there, so a truncated message leaves no trace and can
  still be retransmitted. Likewise one whose length is not its type's, since its place may have a good copy on the other
  line. A type that ITCH does not have is a message of tomorrow's version: it takes its place and is dropped.
- The UDP length rules on what a block overruns and what trails the last block, even when the frame is truncated: a cut
  alone counts as truncation and nothing else.
- A sequence number is 64 bits and compared unsigned; 2**64 - 1 is followed by 0.
"""

from struct import unpack_from

from spec import itch
from spec.config import Design
from spec.ethernet import ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_VLAN, IPV4, IPV4_FRAGMENT_MASK, PROTOCOL_UDP, UDP, VLAN
from spec.moldudp64 import END_OF_SESSION, HEADER, HEARTBEAT, MESSAGE_BLOCK, MIN_MESSAGE
from spec.records import MESSAGE

from .checksum import ones_complement_sum
from .counting import Counters

_VLAN = ETHERTYPE_VLAN.to_bytes(2, "big")
_MASK32 = (1 << 32) - 1
_MASK64 = (1 << 64) - 1

#: Octets of the IPv4 datagram that must be there: for the ports, for the UDP length, for all headers.
_PORTS = IPV4.length + UDP["destination_port"].end
_UDP_LENGTH = IPV4.length + UDP["length"].end
_MOLD = IPV4.length + UDP.length
_HEADERS = _MOLD + HEADER.length

_make = tuple.__new__
_LENGTHS = {ord(code): layout.length for code, layout in itch.MESSAGES.items()}


def _word(octets: bytes, at: int) -> int:
    return octets[at] << 8 | octets[at + 1]


class Feed:
    """The feed stage.

    Members
    -------
    counters : dict[str, int]
    last_octets : list[int]
        For each message of the last frame, the offset in the frame of its last octet.
    """

    def __init__(self, design: Design):
        self.counters = Counters("feed")
        self.last_octets: list[int] = []
        self._lines = {(line.address_octets, line.port) for line in design.feed.lines}
        self._max_ip_length = design.feed.max_ip_length
        self._session = design.feed.session.encode().ljust(HEADER["session"].length) if design.feed.session else None
        self._expected = design.feed.first_sequence
        self._gap = False
        self._messages = 0

    def frame(self, octets: bytes, *, error: bool = False, ready: bool = True) -> list:
        """The messages that one frame (without frame check sequence) delivers, in order.

        Parameters
        ----------
        error
            The MAC flagged the frame at its last beat.
        ready
            The core was out of its reset sweep when the frame's first beat arrived.
        """
        messages: list = []
        self.last_octets = []
        self.counters["frames"] += 1
        ip = self._ip_offset(octets)
        refusal = self._refusal(octets, ip) if ready else "frame_not_ready"
        if refusal:
            self.counters[refusal] += 1
            return messages
        self.counters["datagrams"] += 1
        expected = self._expected
        self._datagram(octets, ip, messages)
        if error:
            self.counters["frame_error"] += 1
            if self._expected != expected:
                self._gap = True
        return messages

    @staticmethod
    def _ip_offset(octets: bytes) -> int:
        tagged = octets[12:14] == _VLAN
        return ETHERNET.length + (VLAN.length if tagged else 0)

    def _refusal(self, octets: bytes, ip: int) -> str | None:
        """Name of the counter that a frame whose IPv4 header is at ``ip`` is dropped under."""
        reached = len(octets) - ip
        if reached < 0:
            return "frame_runt"
        if _word(octets, ip - 2) != ETHERTYPE_IPV4:
            return "frame_ethertype"
        if reached < IPV4.length:
            return "frame_runt"
        version_ihl, _, length, _, fragment, _, protocol = unpack_from(">BBHHHBB", octets, ip)
        if version_ihl != 0x45 or ones_complement_sum(octets[ip : ip + IPV4.length]) != 0xFFFF:
            return "frame_ip_header"
        if fragment & IPV4_FRAGMENT_MASK:
            return "frame_ip_fragment"
        if protocol != PROTOCOL_UDP:
            return "frame_ip_protocol"
        if not _HEADERS <= length <= self._max_ip_length:
            return "frame_ip_length"
        if reached < _PORTS:
            return "frame_runt"
        if (bytes(octets[ip + 16 : ip + 20]), _word(octets, ip + _PORTS - 2)) not in self._lines:
            return "frame_address"
        if reached < _UDP_LENGTH:
            return "frame_runt"
        if _word(octets, ip + _UDP_LENGTH - 2) != length - IPV4.length:
            return "frame_udp_length"
        if reached < _HEADERS:
            return "frame_runt"
        session = octets[ip + _MOLD : ip + _MOLD + HEADER["session"].length]
        if self._session is None:
            self._session = bytes(session)
        if session != self._session:
            return "frame_session"
        return None

    def _datagram(self, octets: bytes, ip: int, messages: list) -> None:
        counters = self.counters
        sequence, count = unpack_from(">QH", octets, ip + _MOLD + HEADER["sequence"].offset)
        end = ip + _word(octets, ip + IPV4["total_length"].offset)  # of the UDP payload
        arrived = min(end, len(octets))
        if arrived < end:
            counters["frame_truncated"] += 1
        if count in (HEARTBEAT, END_OF_SESSION):
            counters["heartbeats" if count == HEARTBEAT else "end_of_session"] += 1
            if sequence > self._expected:
                self._skip_to(sequence)
            return
        at = ip + _HEADERS
        for _ in range(count):
            begin = at + MESSAGE_BLOCK.length
            if begin > end:
                counters["block_overrun"] += 1
                return
            if begin > arrived:
                return
            length = octets[at] << 8 | octets[at + 1]
            if length < MIN_MESSAGE:
                counters["block_short"] += 1
                return
            at = begin + length
            if at > end:
                counters["block_overrun"] += 1
                return
            if at > arrived:
                return
            # The block is there. In sequence, or why not.
            known = _LENGTHS.get(octets[begin])
            if sequence < self._expected:
                counters["message_duplicate"] += 1
            elif known is not None and known != length:
                counters["message_length"] += 1
            else:
                if sequence > self._expected:
                    self._skip_to(sequence)
                self._expected = sequence + 1 & _MASK64
                if known is None:
                    counters["message_type"] += 1
                else:
                    self._deliver(octets[begin:at], sequence, messages)
                    self.last_octets.append(at - 1)
            sequence = sequence + 1 & _MASK64
        if at < end:
            counters["block_trailing"] += 1

    def _deliver(self, octets: bytes, sequence: int, messages: list) -> None:
        number = self._messages
        self._messages = number + 1 & _MASK32
        self.counters["messages"] += 1
        messages.append(_make(MESSAGE.tuple, (number, sequence, int(self._gap), int.from_bytes(octets, "little"))))

    def _skip_to(self, sequence: int) -> None:
        """Messages from the expected one to the one before ``sequence`` are lost."""
        self.counters["gaps"] += 1
        self.counters.add("messages_lost", sequence - self._expected)
        self._expected = sequence
        self._gap = True
