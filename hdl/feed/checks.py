"""Checks: does a frame carry a MoldUDP64 datagram for us? If not, why not?

Sources: IEEE 802.1Q clause 9.6, RFC 791 section 3.1, RFC 1071 (checksum), RFC 768, MoldUDP64 1.00.
"""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl import wire
from hdl.feed import headers
from hdl.feed.frames import BEATS, INDEX_BITS
from spec import ethernet
from spec.config import Design
from spec.ethernet import ETHERNET, IPV4, UDP, VLAN
from spec.moldudp64 import HEADER

_VERSION_IHL = 0x45  # version 4, header of five words: no options
_MIN_IP_LENGTH = IPV4.length + UDP.length + HEADER.length
_HALFWORDS = IPV4.length // 2


class Drops(data.Struct):
    """Reasons to drop a frame, first reason first, named as in ``spec.counters.FEED``."""

    frame_not_ready: 1
    frame_ethertype: 1
    frame_ip_header: 1
    frame_ip_fragment: 1
    frame_ip_protocol: 1
    frame_ip_length: 1
    frame_address: 1
    frame_udp_length: 1
    frame_session: 1
    frame_runt: 1


class Checks(wiring.Component):
    """Judges the headers as they arrive. ``accept`` is combinational, ``ended`` and its company one cycle later; II 1.

    A check counts from the beat with its last octet on. The checks before the session's are two cycles deep; the
    MoldUDP64 header is complete two beats after the last of them has its octets.

    Parameters
    ----------
    design : :class:`spec.config.Design`
        Lines, session and the longest frame.

    Members
    -------
    late
        Beats of frames, in step with the members that follow.
    octets, tagged, reached, complete
        From ``Headers``.
    accept
        One cycle, with ``complete``: the frame is a datagram for us.
    open
        The frame was accepted; stands in the cycle of ``ended``.
    ended
        One cycle after the last beat of a frame.
    dropped
        With ``ended``: why; one bit at most.
    frame_truncated, frame_error
        With ``ended``: as in ``spec.counters.FEED``.
    """

    def __init__(self, *, design: Design):
        self._feed = design.feed
        self._session = design.feed.session.encode().ljust(HEADER["session"].length) if design.feed.session else b""
        super().__init__({
            "late": In(BEATS),
            "octets": In(8 * headers.LENGTH),
            "tagged": In(1),
            "reached": In(headers.Reached),
            "complete": In(1),
            "accept": Out(1),
            "open": In(1),
            "ended": Out(1),
            "dropped": Out(Drops),
            "frame_truncated": Out(1),
            "frame_error": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        beat = self.late.payload

        def field(layout, name):
            return headers.field(self.octets, layout, name)

        # One cycle deep: every check by itself, and the checksum's partial sums.
        failed = Signal(Drops)
        ip_complete = Signal()
        moldudp64_complete = Signal()
        total_length = field(IPV4, "total_length")
        address = Cat(field(IPV4, "destination"), field(UDP, "destination_port"))
        lines = [int.from_bytes(line.address_octets, "little") | line.port << 32 for line in self._feed.lines]
        ip = headers.header(self.octets, IPV4)
        halfwords = [wire.big_endian(ip.word_select(i, 16)) for i in range(_HALFWORDS)]
        halves = [halfwords[: _HALFWORDS // 2], halfwords[_HALFWORDS // 2 :]]
        sums = [Signal(range(len(half) * 0xFFFF + 1)) for half in halves]
        ipv4 = self.reached.ipv4
        m.d.sync += [
            failed.frame_not_ready.eq(beat.refused),
            failed.frame_ethertype.eq(
                self.reached.ethertype & (field(ETHERNET, "ethertype") != ethernet.ETHERTYPE_IPV4)),
            failed.frame_ip_header.eq(ipv4 & (field(IPV4, "version_ihl") != _VERSION_IHL)),
            failed.frame_ip_fragment.eq(
                ipv4 & ((field(IPV4, "flags_fragment") & ethernet.IPV4_FRAGMENT_MASK) != 0)),
            failed.frame_ip_protocol.eq(ipv4 & (field(IPV4, "protocol") != ethernet.PROTOCOL_UDP)),
            failed.frame_ip_length.eq(
                ipv4 & ((total_length < _MIN_IP_LENGTH) | (total_length > self._feed.max_ip_length))),
            failed.frame_address.eq(self.reached.ports & Cat(address != line for line in lines).all()),
            failed.frame_udp_length.eq(
                self.reached.udp_length & (field(UDP, "length") + IPV4.length != total_length)),
            ip_complete.eq(ipv4),
            moldudp64_complete.eq(self.reached.moldudp64),
            *(total.eq(sum(half)) for total, half in zip(sums, halves, strict=True)),
        ]

        # Two cycles deep. The ones' complement sum of a good header is all ones: what is carried out of its 16 bits and
        # the rest add up to 0xFFFF, which carries no further.
        total = Signal(range(_HALFWORDS * 0xFFFF + 1))
        carried = total[16:]
        checksum_bad = Signal()
        failed_any = Signal()
        m.d.comb += [
            total.eq(sum(sums)),
            checksum_bad.eq(ip_complete & (total[:16] != Cat(~carried, C(0xFFFF, 16 - len(carried))))),
        ]
        m.d.sync += failed_any.eq(Value.cast(failed).any() | checksum_bad)

        # The session: as configured, or that of the first frame in which everything before it is good.
        session = Signal(8 * HEADER["session"].length, init=int.from_bytes(self._session, "little"))
        session_known = Signal(init=bool(self._session))
        session_matches = Signal()
        m.d.sync += session_matches.eq(field(HEADER, "session") == session)
        m.d.comb += self.accept.eq(self.complete & ~failed_any & (session_matches | ~session_known))
        if not self._session:
            with m.If(self.accept):
                m.d.sync += [session.eq(field(HEADER, "session")), session_known.eq(1)]

        # The end of the frame: the first reason that applies.
        size = Signal(INDEX_BITS + 4)  # octets of the frame
        needed = Signal(17)  # octets of the frame up to the end of the IPv4 datagram
        error = Signal()
        m.d.sync += [
            self.ended.eq(self.late.valid & beat.last),
            size.eq(beat.index * 8 + sum(beat.keep)),
            needed.eq(total_length + Mux(self.tagged, ETHERNET.length + VLAN.length, ETHERNET.length)),
            error.eq(beat.error),
        ]
        reasons = Signal(Drops)
        m.d.comb += [
            reasons.eq(failed),
            reasons.frame_ip_header.eq(failed.frame_ip_header | checksum_bad),
            reasons.frame_session.eq(moldudp64_complete & ~self.open),
            reasons.frame_runt.eq(~moldudp64_complete),
            self.frame_truncated.eq(self.ended & self.open & (size < needed)),
            self.frame_error.eq(self.ended & self.open & error),
        ]
        bits, earlier = Value.cast(reasons), C(0, 1)
        for i, bit in enumerate(bits):
            m.d.comb += Value.cast(self.dropped)[i].eq(self.ended & bit & ~earlier)
            earlier = bits[: i + 1].any()
        return m
