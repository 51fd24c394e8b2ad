"""The quotient of two integers, one per cycle."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic import add_sub


class Divider(wiring.Component):
    """``quotient = dividend // divisor``, fully pipelined.

    Latency: ``LATENCY`` = ``quotient_bits`` cycles. II = 1. The quotient must fit ``quotient_bits`` bits and the
    divisor must not be zero, else it is meaningless.

    One bit per cycle, without restoring: a step adds the divisor where the step before went below zero and subtracts it
    where it did not; the complement of the result's sign is the quotient's bit, as in long division. So a step is one
    adder with one more input, that sign. Bits of the dividend that wait for their step, and bits of the quotient that
    wait for the end, share one register that shifts, and map to shift-register LUTs.

    Parameters
    ----------
    divisor_bits : int
    quotient_bits : int

    Members
    -------
    dividend : In(divisor_bits + quotient_bits)
    divisor : In(divisor_bits)
    quotient : Out(quotient_bits)
    """

    def __init__(self, *, divisor_bits: int, quotient_bits: int):
        for name, bits in (("divisor_bits", divisor_bits), ("quotient_bits", quotient_bits)):
            if bits < 1:
                raise ValueError(f"{name} must be positive, not {bits!r}")
        self._divisor_bits = divisor_bits
        self._quotient_bits = quotient_bits
        super().__init__({
            "dividend": In(divisor_bits + quotient_bits), "divisor": In(divisor_bits), "quotient": Out(quotient_bits),
        })

    @property
    def LATENCY(self) -> int:
        return self._quotient_bits

    def elaborate(self, platform):
        m = Module()
        bits = self._divisor_bits
        # The remainder is signed, -divisor <= remainder < divisor after each step, so all is modulo 2**(bits + 1). In
        # front of the first step it is the dividend's upper part, below the divisor because the quotient fits.
        remainder = self.dividend[self._quotient_bits :]
        shift, divisor, below = self.dividend[: self._quotient_bits], self.divisor, C(0, 1)
        layout = data.StructLayout({"divisor": bits, "shift": self._quotient_bits, "remainder": bits + 1})
        for step in range(self._quotient_bits):
            result, stage = Signal(bits + 1, name=f"result{step}"), Signal(layout, name=f"stage{step}", reset_less=True)
            m.d.comb += result.eq(add_sub(Cat(shift[-1], remainder[:bits]), divisor, ~below, bits=bits + 1))
            m.d.sync += stage.eq(Cat(divisor, ~result[-1], shift[:-1], result))
            divisor, shift, remainder, below = stage.divisor, stage.shift, stage.remainder, stage.remainder[-1]
        m.d.comb += self.quotient.eq(shift)
        return m
