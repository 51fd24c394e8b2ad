"""What stops all orders."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.records import KILL, Cause

from ..link import Seen
from ..records import records

_CAUSES = [cause for cause in Cause if cause]


class KillSwitch(wiring.Component):
    """Latches every cause until the host releases it.

    Latency: a cause of cycle w is in ``causes`` from w + 1 on, its record there in w + 1. A cause that a reply found is
    taken in its own cycle, of the others one per cycle: a record adds exactly one. II = 1.

    Members
    -------
    of_reply : In(8)
        Cause that a reply has in this cycle.
    others : In(8)
        Causes in this cycle.
    release : In(1)
        Ends all of them, when nothing else is to be done; if something new happens in its cycle or before that, it
        ends none.
    causes : Out(8)
        Those that are up.
    released : Out(1)
        They end in this cycle.
    seen : In(Seen)
    kills : Out(records(KILL))
    """

    of_reply: In(8)
    others: In(8)
    release: In(1)
    causes: Out(8)
    released: Out(1)
    seen: In(Seen)
    kills: Out(records(KILL))

    def elaborate(self, platform):
        m = Module()
        waiting = Signal(8)
        releasing = Signal()
        pending, chosen = Signal(8), Signal(8)
        m.d.comb += pending.eq((waiting | self.others) & ~self.causes)
        fresh = self.of_reply & ~self.causes
        with m.If(fresh.any()):
            m.d.comb += chosen.eq(fresh)
        with m.Else():
            m.d.comb += chosen.eq(pending & (~pending + 1))  # the lowest
        # What comes with the word to release, or after it, is not what the host knew of. A loss that goes on is. What a
        # reply finds is known last.
        news = self.others & ~((waiting | self.causes) & Cause.LOSS.value)
        willing = (releasing | self.release) & ~news.any()
        m.d.comb += self.released.eq(willing & ~pending.any() & ~self.of_reply.any())
        m.d.sync += [
            waiting.eq(pending & ~chosen),
            releasing.eq(willing & pending.any() & ~self.of_reply.any()),
            self.causes.eq(Mux(self.released, 0, self.causes | chosen)),
            self.kills.valid.eq(chosen.any() | self.released & self.causes.any()),
            self.kills.payload.eq(Cat(self.seen, Mux(self.released, 0, self.causes | chosen))),
        ]
        return m
