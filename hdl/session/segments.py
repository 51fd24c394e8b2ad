"""Does a frame carry a segment of the session? If not, why not?

Sources: IEEE 802.3 clause 3.2, RFC 791 section 3.1, RFC 1071 (checksum), RFC 9293 section 3.1, RFC 7323 section 3.2.
"""

from ipaddress import IPv4Address

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec import ethernet
from spec.config import Design
from spec.ethernet import ETHERNET, IPV4, TCP

from .. import wire
from ..pipeline import delay
from .untag import BEATS, INDEX_BITS

LANES = 8
IP = ETHERNET.length  #: octet at which the IPv4 header begins
SEGMENT = IP + IPV4.length  #: octet at which the TCP header begins
OPTIONS = SEGMENT + TCP.length  #: octet at which options or payload begin
TIMESTAMPS = 0x0101080A  #: two no-operations, then kind 8 of 10 octets (RFC 7323, appendix A)
TIMESTAMPS_WORDS = 3
_KEPT = range(1, 9)  # beats whose octets are kept: EtherType to the timestamps option
_VERSION_IHL = 0x45
_MIN_LENGTH = IPV4.length + TCP.length
_SHORTEST = (IP + _MIN_LENGTH - 1) // LANES  # beats before the last of the shortest good frame


class Segment(data.Struct):
    """The headers of a segment."""

    sequence: 32
    acknowledgment: 32
    length: 16  #: octets of payload
    window: 16
    fin: 1
    syn: 1
    rst: 1
    ack: 1
    stamped: 1  #: it has timestamps, where everybody puts them
    ts_value: 32


class Drops(data.Struct):
    """Reasons to drop a frame, first reason first, named as in ``spec.counters.SESSION``."""

    frame_foreign: 1
    frame_ip_header: 1
    frame_length: 1
    frame_error: 1
    frame_checksum: 1


class Segments(wiring.Component):
    """Keeps headers, sums octets, judges each frame at its end. II 1 beat.

    Latency from a frame's last beat on ``beats`` to ``ended`` ``LATENCY`` cycles. Of good frames, ``segment`` stands
    from two cycles before ``ended`` until four after it, since the shortest of them has seven beats.

    Members
    -------
    beats
        Frames without tag.
    source_port
        The core's own.
    sequence, header_words
        TCP's sequence number and header length of the frame under way, from the cycle after its sixth beat until
        three beats into the next frame.
    total_length
        IPv4's, from the cycle after the third beat.
    segment
        Headers of the frame that ended.
    ended
        One cycle per frame.
    dropped
        With ``ended``: why; one bit at most.
    """

    LATENCY = 4

    def __init__(self, *, design: Design):
        self._design = design
        super().__init__({
            "beats": In(BEATS),
            "source_port": In(16),
            "sequence": Out(32),
            "header_words": Out(4),
            "total_length": Out(16),
            "segment": Out(Segment),
            "ended": Out(1),
            "dropped": Out(Drops),
        })

    def elaborate(self, platform):
        m = Module()
        beat, valid = self.beats.payload, self.beats.valid
        order = self._design.order

        # Octets of the headers, each where an untagged frame has it.
        kept = {i: Signal(64, name=f"beat_{i}") for i in _KEPT}
        for i, octets in kept.items():
            with m.If(valid & (beat.index == i)):
                m.d.sync += octets.eq(beat.octets)
        frame = Cat(C(0, 64 * _KEPT.start), kept.values())

        def field(start, layout, name):
            return wire.field(frame[8 * start : 8 * (start + layout.length)], layout, name)

        total_length = field(IP, IPV4, "total_length")
        offset_flags = field(SEGMENT, TCP, "offset_flags")
        words = offset_flags[12:]
        m.d.comb += [
            self.sequence.eq(field(SEGMENT, TCP, "sequence")),
            self.header_words.eq(words),
            self.total_length.eq(total_length),
        ]

        # Octets of the datagram from the next beat on, and which of that beat are: the sums leave out what follows.
        left, next_left, inside = Signal(signed(18)), Signal(signed(18)), Signal(LANES)
        m.d.comb += next_left.eq(Mux(beat.index == 2, wire.big_endian(beat.octets[:16]) - (3 * LANES - IP),
                                     left - LANES))
        with m.If(valid):
            m.d.sync += [
                left.eq(next_left),
                inside.eq(Mux(next_left < 0, 0, Mux(next_left >= LANES, 0xFF, (1 << next_left[:3]) - 1))),
            ]
        halfwords = [wire.big_endian(beat.octets.word_select(i, 16)) for i in range(4)]
        masked = [Cat(halfword[:8] & inside[2 * i + 1].replicate(8), halfword[8:] & inside[2 * i].replicate(8))
                  for i, halfword in enumerate(halfwords)]

        def added(words, at):
            return sum(word & (beat.index == at).replicate(16) for word in words)

        ip_part, tcp_part = Signal(18), Signal(18)
        source, destination = (int(IPv4Address(a)) for a in (order.destination_address, order.source_address))
        constant = sum(a >> 16 for a in (source, destination)) + sum(a & 0xFFFF for a in (source, destination))
        constant += ethernet.PROTOCOL_TCP - IPV4.length
        while constant >> 16:
            constant = (constant & 0xFFFF) + (constant >> 16)
        starts, summed = Signal(), Signal()
        m.d.sync += [
            summed.eq(valid),
            starts.eq(beat.index == 3),
        ]
        with m.Switch(beat.index):
            with m.Case(1):
                m.d.sync += ip_part.eq(halfwords[3])
            with m.Case(2, 3):
                m.d.sync += ip_part.eq(sum(halfwords))
            with m.Case(4):
                m.d.sync += ip_part.eq(halfwords[0])
            with m.Default():
                m.d.sync += ip_part.eq(0)
        with m.Switch(beat.index):
            with m.Case(3):  # the pseudo-header
                m.d.sync += tcp_part.eq(total_length + constant)
            with m.Case(4):
                m.d.sync += tcp_part.eq(sum(masked[1:]))
            with m.Default():
                m.d.sync += tcp_part.eq(sum(masked))
        ip_starts = Signal()
        m.d.sync += ip_starts.eq(beat.index == 1)
        ip_sum, tcp_sum = Signal(20), Signal(30)
        with m.If(summed):
            m.d.sync += [
                ip_sum.eq(Mux(ip_starts, 0, ip_sum) + ip_part),
                tcp_sum.eq(Mux(starts, 0, tcp_sum) + tcp_part),
            ]

        # Cycle 1 after the last beat: what hangs on the octets that are kept.
        ended = Signal()
        size = Signal(INDEX_BITS + 4)
        error, whole = Signal(), Signal()
        m.d.sync += [
            ended.eq(valid & beat.last),
            size.eq(beat.index * LANES + sum(beat.keep)),
            error.eq(beat.error),
            whole.eq(beat.index >= _SHORTEST),
        ]
        addresses = [
            (IPV4, IP, "source", int.from_bytes(IPv4Address(order.destination_address).packed, "little")),
            (IPV4, IP, "destination", int.from_bytes(IPv4Address(order.source_address).packed, "little")),
            (IPV4, IP, "protocol", ethernet.PROTOCOL_TCP),
            (TCP, SEGMENT, "source_port", order.destination_port),
            (ETHERNET, 0, "ethertype", ethernet.ETHERTYPE_IPV4),
            (TCP, SEGMENT, "destination_port", self.source_port),
        ]
        foreign = Signal(len(addresses) + 1)
        bad_header, bad_length = Signal(2), Signal(5)
        header_octets = Signal(7)
        m.d.comb += header_octets.eq(IPV4.length + (words << 2))
        m.d.sync += [
            foreign.eq(Cat(*(field(start, layout, name) != value for layout, start, name, value in addresses),
                           size < SEGMENT + TCP["destination_port"].end)),
            bad_header.eq(Cat(field(IP, IPV4, "version_ihl") != _VERSION_IHL,
                              (field(IP, IPV4, "flags_fragment") & ethernet.IPV4_FRAGMENT_MASK) != 0)),
            bad_length.eq(Cat(size < total_length + IP, total_length < _MIN_LENGTH, total_length < header_octets,
                              total_length > self._design.feed.max_ip_length, words < TCP.length // 4)),
        ]
        options = 8 * OPTIONS
        with m.If(ended & whole):
            m.d.sync += [
                self.segment.sequence.eq(self.sequence),
                self.segment.acknowledgment.eq(field(SEGMENT, TCP, "acknowledgment")),
                self.segment.length.eq(total_length - header_octets),
                self.segment.window.eq(field(SEGMENT, TCP, "window")),
                self.segment.fin.eq(offset_flags[0]),
                self.segment.syn.eq(offset_flags[1]),
                self.segment.rst.eq(offset_flags[2]),
                self.segment.ack.eq(offset_flags[4]),
                self.segment.stamped.eq((wire.big_endian(frame[options : options + 32]) == TIMESTAMPS)
                                        & (words >= TCP.length // 4 + TIMESTAMPS_WORDS)),
                self.segment.ts_value.eq(wire.big_endian(frame[options + 32 : options + 64])),
            ]

        # Cycles 2 and 3: the sums are complete in the second; a good sum is all ones, its carries added in.
        reasons = Signal(Drops)
        folded = Signal(17)
        ip_folded = Signal(17)
        failed = Signal(3)
        m.d.sync += [
            failed.eq(Cat(foreign.any(), bad_header.any(), bad_length.any())),
            folded.eq(tcp_sum[:16] + tcp_sum[16:]),
            ip_folded.eq(ip_sum[:16] + ip_sum[16:]),
        ]
        m.d.comb += [
            reasons.frame_foreign.eq(failed[0]),
            reasons.frame_ip_header.eq(failed[1] | (ip_folded != 0xFFFF)),
            reasons.frame_length.eq(failed[2]),
            reasons.frame_error.eq(delay(m, error, 2, name="error_2")),
            reasons.frame_checksum.eq(folded != 0xFFFF),
        ]
        m.d.sync += self.ended.eq(delay(m, ended, 2, name="ended_2", reset=True))
        bits, earlier = Value.cast(reasons), C(0, 1)
        for i in range(len(bits)):
            m.d.sync += Value.cast(self.dropped)[i].eq(bits[i] & ~earlier)
            earlier = bits[: i + 1].any()
        return m
