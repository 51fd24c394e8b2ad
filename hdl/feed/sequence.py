"""Sequence: every message once, in order, and what is missing known.

Source: MoldUDP64 1.00: a datagram's messages are numbered from the header's sequence number on.
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Sequence(wiring.Component):
    """Decides which messages are delivered. ``deliver`` one cycle after ``done``; II 1 message.

    Numbers are 64 bits and compare unsigned; 2**64 - 1 is followed by 0. The distance of the next message from the
    expected one is kept from message to message, so that no message waits for a subtraction.

    Parameters
    ----------
    first : :class:`int`
        The first sequence number that is expected.

    Members
    -------
    opens, sequence
        One cycle at the beginning of a datagram, with its sequence number.
    announces
        One cycle after ``opens``: the datagram has no messages, its number is the next to be expected.
    done, known, fits
        A message is complete; its type exists; its length is its type's.
    damaged
        One cycle: what came since ``opens`` may be wrong. If any of it took a place in the sequence, ``gap`` is up from
        the next message on. Not in the cycle of a ``done``.
    deliver
        One cycle: the message is in sequence or after a gap, and well-formed.
    number, gap
        Sequence number of the delivered message; messages were lost or damaged before it.
    message_duplicate, message_type, message_length, gaps
        One cycle each, as in ``spec.counters.FEED``.
    lost
        Messages lost, with ``gaps``.
    """

    opens: In(1)
    sequence: In(64)
    announces: In(1)
    done: In(1)
    known: In(1)
    fits: In(1)
    damaged: In(1)
    deliver: Out(1)
    number: Out(64)
    gap: Out(1)
    message_duplicate: Out(1)
    message_type: Out(1)
    message_length: Out(1)
    gaps: Out(1)
    lost: Out(64)

    def __init__(self, *, first: int):
        if not 1 <= first < 1 << 63:
            raise ValueError(f"first must be in 1..2**63-1, not {first!r}")
        self._first = first
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        expected = Signal(64, init=self._first)
        number = Signal(64)  # of the next message of the datagram
        distance = Signal(64)  # number - expected
        level = Signal()  # number == expected
        old = Signal()  # number < expected
        missing = Signal()  # the sticky gap flag
        advanced = Signal()  # a message of this datagram took its place

        jump = ~old & ~level
        advance = Signal()
        jumps = Signal()
        m.d.comb += [
            advance.eq(self.done & ~old & (self.fits | ~self.known)),
            jumps.eq(jump & (advance | self.announces)),
        ]

        m.d.sync += [
            self.deliver.eq(advance & self.known),
            self.message_duplicate.eq(self.done & old),
            self.message_type.eq(self.done & ~old & ~self.known),
            self.message_length.eq(self.done & ~old & self.known & ~self.fits),
            self.gaps.eq(jumps),
        ]
        with m.If(self.done):
            m.d.sync += [self.number.eq(number), self.gap.eq(missing | jump), number.eq(number + 1)]
            with m.If(~advance):
                m.d.sync += [
                    distance.eq(distance + 1),
                    level.eq(distance.all()),
                    old.eq((old | number.all()) & ~distance.all()),
                ]
        with m.If(advance):
            m.d.sync += [expected.eq(number + 1), distance.eq(0), level.eq(1), old.eq(0), advanced.eq(1)]
        with m.If(jumps):
            m.d.sync += [missing.eq(1), self.lost.eq(distance)]
        with m.If(self.announces & jump):
            m.d.sync += expected.eq(number)
        with m.If(self.damaged & advanced):
            m.d.sync += missing.eq(1)
        with m.If(self.opens):
            m.d.sync += [
                number.eq(self.sequence),
                distance.eq(self.sequence - expected),
                level.eq(self.sequence == expected),
                old.eq(self.sequence < expected),
                advanced.eq(0),
            ]
        return m
