"""The core's time of day."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design

from .time import Time

FRACTION_BITS = 32  #: of a ns: a period of 3.1 ns is off by less than 0.1 ns a second
_MS = 1_000_000  #: ns
_DATE, _DIGITS = 8, 17
_MIDNIGHT = (2, 3, 5, 9, 5, 9, 9, 9, 9)  #: the last ms of a day: HHMMSSsss
_RADIX = (3, 10, 6, 10, 6, 10, 10, 10, 10)  #: of each digit of the time


class Setting(data.Struct):
    """A moment that the host sets the clock to, in every way in which it counts."""

    time: Time
    ns_of_ms: 20  #: ns since the last ms
    tomorrow: data.ArrayLayout(4, _DATE)  #: the date after the one in ``time.digits``, first digit first


class Clock(wiring.Component):
    """Counts ns in fixed point, and the same moment in decimal digits.

    ``time`` is a register; all of it changes at one edge. After the edge at which a setting is taken it is that
    setting, and one period more at each edge from then on. The host sets the clock at least once a day, since the date
    after tomorrow is not known here: the core counts no calendar. Starts at 1970-01-01. II = 1 for settings, which are
    at least four cycles apart from a change of the ms.

    Parameters
    ----------
    design : Design
        ``design.core.period_ns``.

    Members
    -------
    set : In(stream of Setting)
        Always taken.
    time : Out(Time)
    """

    def __init__(self, *, design: Design):
        self._step = round(design.core.period_ns * (1 << FRACTION_BITS))
        super().__init__({"set": In(stream.Signature(Setting)), "time": Out(Time)})

    def elaborate(self, platform):
        m = Module()
        setting = self.set.payload
        ns, digits = Signal(64), Signal(data.ArrayLayout(4, _DIGITS), init=[1, 9, 7, 0, 0, 1, 0, 1, *[0] * 9])
        tomorrow = Signal(data.ArrayLayout(4, _DATE), init=[1, 9, 7, 0, 0, 1, 0, 2])
        whole, rest = divmod(self._step, 1 << FRACTION_BITS)
        fraction, of_ms = Signal(FRACTION_BITS, init=rest), Signal(20)
        # The step is known one cycle ahead, and what is over if the ms ends with it beside the sum.
        advanced, step, over = Signal(FRACTION_BITS + 1), Signal(range(whole + 2), init=whole), Signal(signed(22))
        ticks = Signal()
        m.d.comb += [
            advanced.eq(fraction + rest),
            over.eq(of_ms + Mux(step == whole, whole - _MS, whole + 1 - _MS)),
            ticks.eq(over >= 0),
            self.set.ready.eq(1),
            self.time.ns.eq(ns), self.time.digits.eq(digits),
        ]
        following = self._following(m, digits, tomorrow)
        m.d.sync += [
            ns.eq(ns + step), fraction.eq(advanced), step.eq(whole + advanced[-1]),
            of_ms.eq(Mux(ticks, over, of_ms + step)),
        ]
        with m.If(ticks):
            m.d.sync += digits.eq(following)
        with m.If(self.set.valid):
            m.d.sync += [
                ns.eq(setting.time.ns), digits.eq(setting.time.digits), of_ms.eq(setting.ns_of_ms),
                fraction.eq(rest), step.eq(whole), tomorrow.eq(setting.tomorrow),
            ]
        return m

    @staticmethod
    def _following(m, digits, tomorrow) -> Value:
        """The digits one ms later, three cycles after those of now: which digits are at their end, which of them all
        that are lower are too, and what they become."""
        of_day = [digits[_DATE + i] for i in range(len(_MIDNIGHT))]
        at_end, carries = Signal(len(of_day)), Signal(len(of_day))
        midnight = Signal()
        m.d.sync += [
            midnight.eq(Cat(digit == last for digit, last in zip(of_day, _MIDNIGHT, strict=True)).all()),
            at_end.eq(Cat(digit == radix - 1 for digit, radix in zip(of_day, _RADIX, strict=True))),
            carries.eq(Cat(at_end[i + 1 :].all() if i + 1 < len(of_day) else C(1, 1) for i in range(len(of_day)))),
        ]
        ends_day = Signal()
        m.d.sync += ends_day.eq(midnight)
        following = Signal(data.ArrayLayout(4, _DIGITS))
        for i, digit in enumerate(of_day):
            up = Mux(at_end[i], 0, digit + 1) if i else digit + 1
            m.d.sync += following[_DATE + i].eq(Mux(ends_day, 0, Mux(carries[i], up, digit)))
        for i in range(_DATE):
            m.d.sync += following[i].eq(Mux(ends_day, tomorrow[i], digits[i]))
        return following
