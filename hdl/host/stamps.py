"""When frames passed."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.rings import PORTS, STAMP

from ..records import layout, records
from .ptp import PtpTime


class Stamps(wiring.Component):
    """A stamp for the first beat of each frame on each port, in and out.

    The time is that of the cycle in which the beat was taken. Stamps come two to four cycles later, since one leaves in
    a cycle. II per port: 3 cycles; no frame has less than three beats.

    Members
    -------
    beat_I, last_I
        Port I took a beat, its frame's last.
    time
        Of the PTP clock.
    stamps
    """

    def __init__(self):
        super().__init__({"time": In(PtpTime), "stamps": Out(records(STAMP))}
                         | {f"{name}_{i}": In(1) for i in range(len(PORTS)) for name in ("beat", "last")})

    def elaborate(self, platform):
        m = Module()
        stamp = self.stamps.payload
        m.d.sync += self.stamps.valid.eq(0)
        waiting = []
        for port in range(len(PORTS)):
            beat, last = getattr(self, f"beat_{port}"), getattr(self, f"last_{port}")
            inside, frame = Signal(name=f"inside_{port}"), Signal(32, name=f"frame_{port}")
            held, waits = Signal(layout(STAMP), name=f"held_{port}"), Signal(name=f"waits_{port}")
            first = beat & ~inside
            with m.If(beat):
                m.d.sync += inside.eq(~last)
            with m.If(first):
                m.d.sync += [
                    frame.eq(frame + 1), waits.eq(1), held.port.eq(port), held.frame.eq(frame),
                    held.seconds.eq(self.time.seconds), held.nanoseconds.eq(self.time.nanoseconds),
                    held.fraction.eq(self.time.fraction[16:]),
                ]
            waiting.append((waits, held, first))
        taken = Const(0)
        for waits, held, first in waiting:
            with m.If(waits & ~taken):
                m.d.sync += [self.stamps.valid.eq(1), stamp.eq(held), waits.eq(first)]
            taken |= waits
        return m
