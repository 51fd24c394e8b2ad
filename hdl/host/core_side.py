"""What the host side asks of the core's clock, and what the core's clock knows for it."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from spec.registers import COUNTER_INDEX, Pulse

from .crossing import Call
from .ptp import PtpAdjust, PtpClock, PtpTime
from .registers import COUNTER_BITS

_HERE, _THERE = "host", "core"


class PulseCall(data.Struct):
    """Pulses, and the values that go with them."""

    pulses: 7
    adjust: PtpAdjust


class CoreSide(wiring.Component):
    """Pulses, counters and the PTP clock across from ``host`` to ``core``: the core's clock, never held in reset by it.

    Members, in domain ``host``
    -------
    pulses, pulse, busy
        ``spec.registers.Pulse`` to act, and when; busy until they have.
    adjust
        What PTP pulses use.
    now
        The PTP clock's time at the last PTP_READ.
    counter_index, counter_read, counter_value, counter_answered, counter_failed
        As of ``Registers``. Fails after ``PATIENCE`` cycles: the core's clock stands still.

    Members, in domain ``core``
    -------
    values
        Counters, in the order of ``COUNTER_INDEX``.
    kill_release
        One cycle.
    time
        Of the PTP clock.
    """

    PATIENCE = 1023  #: cycles of the host

    def __init__(self, *, period_ns: float):
        self._period_ns = period_ns
        super().__init__({
            "pulses": In(7), "pulse": In(1), "busy": Out(1), "adjust": In(PtpAdjust), "now": Out(PtpTime),
            "counter_index": In(COUNTER_BITS), "counter_read": In(1), "counter_value": Out(64),
            "counter_answered": Out(1), "counter_failed": Out(1),
            "values": In(64 * len(COUNTER_INDEX)), "kill_release": Out(1), "time": Out(PtpTime),
        })

    def elaborate(self, platform):
        m = Module()
        self._pulses(m)
        self._counters(m)
        return m

    def _pulses(self, m):
        m.submodules.pulse = call = Call(question=PulseCall, answer=PtpTime, here=_HERE, there=_THERE)
        m.submodules.ptp = ptp = DomainRenamer(_THERE)(PtpClock(period_ns=self._period_ns))
        asked = call.asked

        def pulses(pulse: Pulse) -> Value:
            return call.asks & asked.pulses[pulse.bit_length() - 1]

        m.d.comb += [
            call.question.pulses.eq(self.pulses), call.question.adjust.eq(self.adjust), call.ask.eq(self.pulse),
            self.busy.eq(call.busy), self.now.eq(call.answer), call.says.eq(ptp.time),
            self.kill_release.eq(pulses(Pulse.KILL_RELEASE)),
            ptp.adjust.eq(asked.adjust), ptp.sets.eq(pulses(Pulse.PTP_SET)), ptp.adds.eq(pulses(Pulse.PTP_ADJUST)),
            ptp.rates.eq(pulses(Pulse.PTP_RATE)), self.time.eq(ptp.time),
        ]

    def _counters(self, m):
        m.submodules.counter = call = Call(question=COUNTER_BITS, answer=64, here=_HERE, there=_THERE)
        count, here = len(COUNTER_INDEX), m.d[_HERE]
        # In two steps: one of sixteen, one of those.
        index = call.asked
        words = [self.values.word_select(i, 64) for i in range(count)]
        groups = [words[i : i + 16] for i in range(0, count, 16)]
        chosen = Signal(data.ArrayLayout(64, len(groups)))
        for i, group in enumerate(groups):
            m.d.comb += chosen[i].eq(Array(group)[index[:4]])
        held = Signal.like(chosen)
        m.d[_THERE] += held.eq(chosen)
        m.d.comb += call.says.eq(held[index[4:]])

        patience = Signal(range(self.PATIENCE + 1))
        wanted = Signal(COUNTER_BITS)
        m.d.comb += [call.question.eq(wanted), self.counter_value.eq(call.answer)]
        here += [self.counter_answered.eq(0), self.counter_failed.eq(0)]
        with m.FSM(domain=_HERE):
            with m.State("AWAIT"):
                here += patience.eq(self.PATIENCE)
                with m.If(self.counter_read):
                    here += wanted.eq(self.counter_index)
                    m.next = "ASK"
            with m.State("ASK"):  # an answer that came too late for its reader is still under way
                m.d.comb += call.ask.eq(1)
                here += patience.eq(patience - 1)
                with m.If(~call.busy):
                    m.next = "LISTEN"
                with m.Elif(patience == 0):
                    here += self.counter_failed.eq(1)
                    m.next = "AWAIT"
            with m.State("LISTEN"):
                here += patience.eq(patience - 1)
                with m.If(call.answered):
                    here += self.counter_answered.eq(1)
                    m.next = "AWAIT"
                with m.Elif(patience == 0):
                    here += self.counter_failed.eq(1)
                    m.next = "AWAIT"


def synchronise(m: Module, name: str, value: Value, *, to: str) -> Signal:
    """``value``, each bit by itself, in domain ``to``."""
    there = Signal(len(value), name=name)
    m.submodules[f"sync_{name}"] = FFSynchronizer(value, there, o_domain=to)
    return there
