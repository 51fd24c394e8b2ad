"""How many messages may leave in how much time."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

TIME_BITS = 64


class Rate(wiring.Component):
    """A token bucket in the form of the generic cell rate algorithm (ITU-T I.371, annex A).

    What is kept is the time at which the bucket would be full again. A token is there if that is at most ``burst_ns``
    ahead; taking one moves it on by ``rate_ns``. Combinational but for the registers between the two cycles. II = 1.

    Members
    -------
    time, rate_ns, burst_ns
        With the intent; ``rate_ns`` 0: no limit.
    full_at
        One cycle later: of the bucket, every token taken in cycles before included.
    fails
        In that cycle: no token is there.
    next
        In that cycle: ``full_at`` if a token is taken.
    """

    time: In(TIME_BITS)
    rate_ns: In(40)
    burst_ns: In(40)
    full_at: In(TIME_BITS)
    fails: Out(1)
    next: Out(TIME_BITS)

    def elaborate(self, platform):
        m = Module()
        latest, rate, now = Signal(TIME_BITS + 1), Signal.like(self.rate_ns), Signal(TIME_BITS)
        from_now = Signal(TIME_BITS)
        m.d.sync += [
            latest.eq(Mux(self.rate_ns == 0, -1, self.time + self.burst_ns)),
            rate.eq(self.rate_ns),
            now.eq(self.time),
            from_now.eq(self.time + self.rate_ns),
        ]
        m.d.comb += [
            self.fails.eq(self.full_at > latest),
            self.next.eq(Mux(self.full_at > now, self.full_at + rate, from_now)),
        ]
        return m
