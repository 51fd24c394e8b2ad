"""Whether there is anything to hold a price against."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.records import INTENT

from ..records import layout


class NoReference(wiring.Component):
    """No reference price to compare with.

    Latency 1 cycle, initiation interval 1.

    Members
    -------
    intent
        To be judged.
    fails
        One cycle later: the reference is zero.
    """

    LATENCY = 1

    intent: In(layout(INTENT))
    fails: Out(1)

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.fails.eq(self.intent.reference == 0)
        return m
