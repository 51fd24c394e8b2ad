"""Whether the feed has been silent for too long."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .rate import TIME_BITS


class Stale(wiring.Component):
    """``stale``: nothing was heard for more than ``limit_ns``. Latency: 3 cycles. II = 1.

    Members
    -------
    heard
        A datagram came in this cycle.
    time
        ns.
    limit_ns
        0: never stale.
    stale
    """

    heard: In(1)
    time: In(TIME_BITS)
    limit_ns: In(40)
    stale: Out(1)

    def elaborate(self, platform):
        m = Module()
        last, silence = Signal(TIME_BITS), Signal(TIME_BITS)
        with m.If(self.heard):
            m.d.sync += last.eq(self.time)
        m.d.sync += [
            silence.eq(Mux(self.heard, 0, self.time - last)),
            self.stale.eq((self.limit_ns != 0) & (silence > self.limit_ns)),
        ]
        return m
