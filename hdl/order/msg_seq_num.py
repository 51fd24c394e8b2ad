"""FIX's MsgSeqNum, counted in binary and in decimal at once."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .decimal import DIGITS


class MsgSeqNum(wiring.Component):
    """Counts messages. Latency 1 cycle. II = 1.

    Parameters
    ----------
    first : int
        After reset.

    Members
    -------
    next
        One cycle: a message takes the number.
    load, number
        Go on from ``number``. Its digits may come later, before the next ``next``.
    load_digits, digits
        The same in decimal, the lowest first.
    count, decimal
        The number of the next message.
    """

    next: In(1)
    load: In(1)
    number: In(32)
    load_digits: In(1)
    digits: In(data.ArrayLayout(4, DIGITS))
    count: Out(32)
    decimal: Out(data.ArrayLayout(4, DIGITS))

    def __init__(self, *, first: int):
        self._first = first
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        count = Signal(32, init=self._first)
        digits = [Signal(4, name=f"digit_{i}", init=self._first // 10**i % 10) for i in range(DIGITS)]
        m.d.comb += [self.count.eq(count), self.decimal.as_value().eq(Cat(digits))]
        nine = Cat(digit == 9 for digit in digits)
        with m.If(self.next):
            m.d.sync += count.eq(count + 1)
            for i, digit in enumerate(digits):
                with m.If(nine[:i].all()):
                    m.d.sync += digit.eq(Mux(nine[i], 0, digit + 1))
        with m.If(self.load):
            m.d.sync += count.eq(self.number)
        with m.If(self.load_digits):
            m.d.sync += [digit.eq(self.digits[i]) for i, digit in enumerate(digits)]
        return m
