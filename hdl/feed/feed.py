"""The feed stage: Ethernet frames in, ITCH messages out. The components name their specifications."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hdl import wire
from hdl.ahead import Ahead
from hdl.counting import count
from hdl.feed.blocks import Blocks
from hdl.feed.checks import Checks, Drops
from hdl.feed.decoder import TypeCheck
from hdl.feed.framer import Framer
from hdl.feed.frames import Intake
from hdl.feed.gather import Gather
from hdl.feed.headers import Headers, field
from hdl.feed.sequence import Sequence
from hdl.records import counters, records
from hdl.wire import RX
from spec import itch
from spec.config import Design
from spec.ethernet import IPV4
from spec.moldudp64 import HEADER
from spec.records import MESSAGE

REPLACE = itch.MESSAGES["U"]  #: has all fields of ``Ahead``, each where every message that has it has it


class Feed(wiring.Component):
    """Ethernet, 802.1Q or none, IPv4, UDP and MoldUDP64 to ITCH messages, in sequence and checked.

    Latency ``LATENCY`` cycles from the beat with a message's last octet, for every type, alignment and load; II 1 beat.
    Nothing of a frame is stored but its headers and one message, so a frame that is bad leaves only its counts.

    ===== ==================================================================================
    cycle what happens to a beat
    ===== ==================================================================================
    1     ``Intake`` registers it
    2     ``Headers`` keeps header octets, ``Framer`` finds a block's start and end in it, ``Gather`` turns it
    3     ``Checks``, ``Blocks`` and ``Sequence`` judge, ``Gather`` lays octets side by side; ``messages``
    ===== ==================================================================================

    Parameters
    ----------
    design : :class:`spec.config.Design`
        The core's configuration.

    Members
    -------
    rx
        Frames without frame check sequence, always ready. ``error`` (tuser) at the last beat: the MAC found it bad.
    enabled
        The core is out of its reset sweep. A frame that begins before is dropped whole.
    messages
        Delivered messages.
    ahead
        Of the message that may come on ``messages`` in the next cycle, while it is judged: a beat's cycle 2, with
        integers in host order. At most two levels of logic behind registers. However dense the traffic, ``valid`` is
        low in 5 of 13 cycles, since a block has 13 octets at least, and in 13 of 21 over deletes back to back.
    heard
        A datagram of the feed was accepted, heartbeats included: the edge at which its MoldUDP64 header is complete,
        plus 3 cycles.
    counters
        As ``spec.counters.FEED``; up to four cycles behind the wire.
    """

    LATENCY = 3

    def __init__(self, *, design: Design):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        self._design = design
        super().__init__({
            "rx": In(RX),
            "enabled": In(1),
            "messages": Out(records(MESSAGE)),
            "ahead": Out(Ahead),
            "heard": Out(1),
            "counters": Out(counters("feed")),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.intake = intake = Intake()
        m.submodules.headers = headers = Headers()
        m.submodules.checks = checks = Checks(design=self._design)
        m.submodules.framer = framer = Framer()
        m.submodules.blocks = blocks = Blocks()
        m.submodules.type_check = type_check = TypeCheck()
        m.submodules.gather = gather = Gather()
        m.submodules.sequence = sequence = Sequence(first=self._design.feed.first_sequence)

        connect(m, flipped(self.rx), intake.rx)
        m.d.comb += intake.enabled.eq(self.enabled)
        for stage in (headers, framer, gather):
            m.d.comb += [stage.beats.valid.eq(intake.beats.valid), stage.beats.payload.eq(intake.beats.payload)]
        for stage in (checks, gather):
            m.d.comb += [stage.late.valid.eq(intake.late.valid), stage.late.payload.eq(intake.late.payload)]

        m.d.comb += [
            checks.octets.eq(headers.octets),
            checks.tagged.eq(headers.tagged),
            checks.reached.eq(headers.reached),
            checks.complete.eq(headers.complete),
            checks.open.eq(blocks.open),
            framer.tagged.eq(headers.tagged),
            blocks.opens.eq(checks.accept),
            blocks.closes.eq(intake.late.valid & intake.late.payload.first),
            blocks.heading.eq(~headers.reached.moldudp64),
            blocks.total_length.eq(field(headers.octets, IPV4, "total_length")),
            blocks.count.eq(field(headers.octets, HEADER, "count")),
            blocks.start.eq(framer.start),
            blocks.short.eq(framer.short),
            blocks.length.eq(framer.length),
            blocks.end.eq(framer.end),
            type_check.type.eq(framer.type),
            type_check.length.eq(framer.length),
            gather.start.eq(framer.start),
            gather.lane.eq(framer.lane),
            gather.length.eq(framer.length),
            sequence.opens.eq(checks.accept),
            sequence.sequence.eq(field(headers.octets, HEADER, "sequence")),
            sequence.announces.eq(blocks.heartbeat | blocks.end_of_session),
            sequence.done.eq(blocks.done),
            sequence.known.eq(type_check.known),
            sequence.fits.eq(type_check.fits),
            sequence.damaged.eq(checks.frame_error),
        ]

        m.d.comb += self.heard.eq(checks.accept)

        ordinal = Signal(32)
        m.d.sync += ordinal.eq(ordinal + sequence.deliver)
        m.d.comb += [
            self.messages.valid.eq(sequence.deliver),
            self.messages.payload.message.eq(ordinal),
            self.messages.payload.sequence.eq(sequence.number),
            self.messages.payload.gap.eq(sequence.gap),
            self.messages.payload.octets.eq(gather.octets),
        ]

        # The type and the place in the sequence are not looked at: what they refuse makes `valid` high in vain.
        m.d.comb += [
            self.ahead.valid.eq(blocks.done),
            self.ahead.add.eq(type_check.adds),
            self.ahead.locate.eq(wire.field(gather.coming, REPLACE, "locate")),
            self.ahead.reference.eq(wire.field(gather.coming, REPLACE, "reference")),
            self.ahead.new_reference.eq(wire.field(gather.coming, REPLACE, "new_reference")),
        ]

        count(m, self.counters, "frames", checks.ended)
        for name, _ in data.Layout.cast(Drops):
            count(m, self.counters, name, checks.dropped[name])
        for name, event in {
            "datagrams": checks.accept,
            "frame_truncated": checks.frame_truncated,
            "frame_error": checks.frame_error,
            "block_short": blocks.block_short,
            "block_overrun": blocks.block_overrun,
            "block_trailing": blocks.block_trailing,
            "heartbeats": blocks.heartbeat,
            "end_of_session": blocks.end_of_session,
            "messages": sequence.deliver,
            "message_duplicate": sequence.message_duplicate,
            "message_type": sequence.message_type,
            "message_length": sequence.message_length,
            "gaps": sequence.gaps,
        }.items():
            count(m, self.counters, name, event)
        count(m, self.counters, "messages_lost", sequence.gaps, by=sequence.lost)
        return m
