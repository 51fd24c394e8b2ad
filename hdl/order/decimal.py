"""Binary to decimal."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic import table

DIGITS = 10  #: of 2**32 - 1
_PART = 8  #: bits of the number that are looked up together


class Decimal(wiring.Component):
    """Ten decimal digits of a 32-bit number.

    Four lookups say what each octet of the number is worth in decimal; digit by digit they are added without carry,
    then one carry runs over all digits at once: a digit above nine makes one, a nine hands one on, which is what a
    binary adder's carry chain does.

    Latency: ``LATENCY`` cycles. II = 1.

    Members
    -------
    number : In(32)
    digits : Out(10 x 4)
        The lowest first.
    """

    LATENCY = 4

    number: In(32)
    digits: Out(data.ArrayLayout(4, DIGITS))

    def elaborate(self, platform):
        m = Module()

        # Cycle 0: look up.
        parts = []
        for at in range(0, len(self.number), _PART):
            worth = [value << at for value in range(1 << _PART)]
            digits = len(str(worth[-1]))
            rows = memory.Memory(shape=4 * digits, depth=len(worth), init=[int(str(value), 16) for value in worth])
            m.submodules[f"octet_{at // _PART}"] = rows
            read = rows.read_port()
            m.d.comb += read.addr.eq(self.number[at : at + _PART])
            parts.append([read.data.word_select(i, 4) for i in range(digits)])

        # Cycle 1: add without carry.
        sums = []
        for i in range(DIGITS):
            total = Signal(range(9 * len(parts) + 1), name=f"sum_{i}")
            m.d.sync += total.eq(sum(part[i] for part in parts if i < len(part)))
            sums.append(total)

        # Cycle 2: a digit keeps its ones and takes the tens of the one below.
        tens = [C(0, 2), *(table(total, [value // 10 for value in range(64)]) for total in sums)]
        ones = [table(total, [value % 10 for value in range(64)]) for total in sums]
        partial = [Signal(range(9 + 4), name=f"partial_{i}") for i in range(DIGITS)]
        makes, hands_on = Signal(DIGITS), Signal(DIGITS)
        for i, digit in enumerate(partial):
            value = (ones[i] + tens[i])[:4]
            m.d.sync += [digit.eq(value), makes[i].eq(value >= 10), hands_on[i].eq(value == 9)]

        # Cycle 3: one carry over all.
        carried = (makes | hands_on) + makes
        carries = carried[:DIGITS] ^ hands_on
        for i, digit in enumerate(partial):
            m.d.sync += self.digits[i].eq(table(Cat(digit, carries[i]), [(value % 16 + value // 16) % 10
                                                                       for value in range(32)]))
        return m
