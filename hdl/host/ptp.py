"""A clock of IEEE 1588's format that a host can discipline."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

SECOND = 1_000_000_000  #: ns


class PtpTime(data.Struct):
    """A moment. IEEE 1588 has 16 bits of fraction, the upper half of these."""

    fraction: 32  #: 2**-32 ns
    nanoseconds: 30
    seconds: 48


class PtpAdjust(data.Struct):
    """What the host wants of the clock."""

    set: PtpTime
    phase: signed(30)  #: ns, added once; with the time that passes meanwhile not below 0 nor a second or more
    rate: signed(32)  #: 2**-32 ns per cycle beside the period


class PtpClock(wiring.Component):
    """Counts seconds, ns and fractions of ns.

    ``time`` is a register: ``set`` shows in the cycle after its strobe, and grows by a period with each edge after
    that; a phase is added to what that cycle would show anyway. A sum that is negative or a second and more is put
    right in the same cycle.

    Parameters
    ----------
    period_ns : float
        Nominal, from 0.01 to 100; the rate corrects what is rounded off.

    Members
    -------
    adjust
        Still while a strobe is high.
    sets, adds, rates
        Strobes: ``set`` becomes the time; ``phase`` is added; ``rate`` counts from now on.
    time : Out(PtpTime)
    """

    adjust: In(PtpAdjust)
    sets: In(1)
    adds: In(1)
    rates: In(1)
    time: Out(PtpTime)

    def __init__(self, *, period_ns: float):
        if not 0.01 <= period_ns <= 100:
            raise ValueError(f"period_ns must be from 0.01 to 100, not {period_ns!r}")
        self._period = round(period_ns * (1 << 32))
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        time, step = self.time, Signal(signed(41), init=self._period)
        # ns and fraction as one number: what comes next, and the same a second earlier and later.
        now, phase = Signal(signed(64)), Signal(signed(64))
        later, earlier, latest = Signal(signed(64)), Signal(signed(64)), Signal(signed(64))
        m.d.comb += [
            now.eq(Cat(time.fraction, time.nanoseconds)),
            phase.eq(Mux(self.adds, self.adjust.phase << 32, 0)),
            latest.eq(now + step + phase),
            later.eq(latest + (SECOND << 32)),
            earlier.eq(latest - (SECOND << 32)),
        ]
        ns, seconds = Signal(signed(64)), Signal(48)
        with m.If(latest < 0):
            m.d.comb += [ns.eq(later), seconds.eq(time.seconds - 1)]
        with m.Elif(earlier >= 0):
            m.d.comb += [ns.eq(earlier), seconds.eq(time.seconds + 1)]
        with m.Else():
            m.d.comb += [ns.eq(latest), seconds.eq(time.seconds)]
        with m.If(self.sets):
            m.d.sync += time.eq(self.adjust.set)
        with m.Else():
            m.d.sync += [Cat(time.fraction, time.nanoseconds).eq(ns), time.seconds.eq(seconds)]
        with m.If(self.rates):
            m.d.sync += step.eq(self._period + self.adjust.rate)
        return m
