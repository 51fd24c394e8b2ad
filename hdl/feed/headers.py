"""Headers: the octets of the Ethernet, IPv4, UDP and MoldUDP64 headers, with a VLAN tag taken out.

Sources: IEEE 802.3 clause 3.2, IEEE 802.1Q clause 9.6, RFC 791, RFC 768, MoldUDP64 1.00.
"""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl import wire
from hdl.feed.frames import BEATS
from spec import ethernet, moldudp64
from spec.wire import Layout

_ORDER = (ethernet.ETHERNET, ethernet.IPV4, ethernet.UDP, moldudp64.HEADER)
#: Octet at which each header begins in a frame without a tag.
START = {layout: sum(before.length for before in _ORDER[:i]) for i, layout in enumerate(_ORDER)}
LENGTH = sum(layout.length for layout in _ORDER)  #: octets before the first message block, without a tag

_WORD = 4  # octets; a tag is one such word long, so a tag moves every word by exactly one
assert ethernet.VLAN.length == _WORD


class Reached(data.Struct):
    """Which headers the frame has reached the end of. A check applies only then."""

    ethertype: 1
    ipv4: 1
    ports: 1  #: the two UDP ports
    udp_length: 1
    moldudp64: 1


#: Offset in an untagged frame of the octet that completes each of ``Reached``.
_COMPLETES = {
    "ethertype": ethernet.ETHERNET["ethertype"].end - 1,
    "ipv4": START[ethernet.UDP] - 1,
    "ports": START[ethernet.UDP] + ethernet.UDP["destination_port"].end - 1,
    "udp_length": START[ethernet.UDP] + ethernet.UDP["length"].end - 1,
    "moldudp64": LENGTH - 1,
}


def header(octets: Value, layout: Layout) -> Value:
    """The octets of one header, from ``Headers.octets``."""
    return octets[8 * START[layout] : 8 * (START[layout] + layout.length)]


def field(octets: Value, layout: Layout, name: str) -> Value:
    """One field of a header, from ``Headers.octets``."""
    return wire.field(header(octets, layout), layout, name)


class Headers(wiring.Component):
    """Keeps the headers' octets at the offsets of an untagged frame. Latency 1 cycle from ``beats``; II 1.

    The outputs hold until the next frame overwrites them, its EtherType with its second beat.

    Members
    -------
    beats
        Beats of frames.
    octets
        Octet i of the frame, the tag not counted, in bits 8i+7..8i. Octets before the EtherType are not kept.
    tagged
        The frame has an 802.1Q tag.
    reached
        What of ``octets`` is there.
    complete
        High for one cycle when the MoldUDP64 header is.
    """

    beats: In(BEATS)
    octets: Out(8 * LENGTH)
    tagged: Out(1)
    reached: Out(Reached)
    complete: Out(1)

    def elaborate(self, platform):
        m = Module()
        beat = self.beats.payload

        def here(word: int):
            """The beat holds 32-bit word ``word`` of the untagged frame."""
            return Mux(self.tagged, beat.index == (word + 1) // 2, beat.index == word // 2)

        def value(word: int):
            low, high = beat.octets[:32], beat.octets[32:]
            return Mux(self.tagged, low, high) if word % 2 else Mux(self.tagged, high, low)

        def arrives(octet: int):
            """The beat holds octet ``octet`` of the untagged frame."""
            lane = octet % 8
            return here(octet // _WORD) & Mux(self.tagged, beat.keep[lane ^ _WORD], beat.keep[lane])

        first = _COMPLETES["ethertype"] // _WORD
        tags = Signal()  # this beat says that there is a tag
        tpid = wire.big_endian(value(first)[:16])
        m.d.comb += tags.eq(arrives(_COMPLETES["ethertype"]) & ~self.tagged & (tpid == ethernet.ETHERTYPE_VLAN))

        words = {word: Signal(8 * _WORD, name=f"word_{word}") for word in range(first, -(-LENGTH // _WORD))}
        m.d.comb += self.octets.eq(Cat(C(0, 8 * _WORD * first), words.values()))

        m.d.sync += self.complete.eq(0)
        with m.If(self.beats.valid):
            for word, kept in words.items():
                with m.If(here(word)):
                    m.d.sync += kept.eq(value(word))
            for name, octet in _COMPLETES.items():
                with m.If(arrives(octet)):
                    m.d.sync += self.reached[name].eq(~tags if name == "ethertype" else 1)
            m.d.sync += self.complete.eq(arrives(LENGTH - 1))
            with m.If(tags):
                m.d.sync += self.tagged.eq(1)
            with m.If(beat.first):
                m.d.sync += [self.tagged.eq(0), self.reached.eq(0)]
        return m
