"""Sums that map to few carry chains."""

from amaranth import *


def add_sub(left, right, subtract, *, bits: int) -> Value:
    """``left - right`` where ``subtract`` is high, else ``left + right``, unsigned operands, modulo ``2**bits``.

    One chain: written as a choice between a sum and a difference it would be two and a multiplexer.
    """
    left, right = (Cat(operand, C(0, bits))[:bits] for operand in (left, right))
    # The lowest bit makes the carry in.
    return (Cat(C(1, 1), left) + Cat(subtract, Mux(subtract, ~right, right)))[1 : bits + 1]


def times(value, factor: int) -> Value:
    """``value * factor`` for a constant, as the fewest shifted copies to add and subtract, not as a multiplier.

    Unsigned, as wide as any product of ``value``'s and ``factor``'s widths.
    """
    if factor < 0:
        raise ValueError(f"factor must not be negative, not {factor!r}")
    total, shift, rest = C(0, 1), 0, factor
    while rest:
        if rest & 1:  # a run of ones is one subtraction at its bottom and one addition above its top
            digit = 2 - (rest & 3)
            total = total + (value << shift) if digit > 0 else total - (value << shift)
            rest -= digit
        rest >>= 1
        shift += 1
    return total[: len(value) + factor.bit_length()]


def product(value, factor) -> Value:
    """``value * factor``, unsigned, of a wide and a narrow one, in look-up tables: one carry chain and about as many
    levels of logic before it as ``factor`` has bits in threes, without the delay of DSPs that are not pipelined.

    The shifted copies are added by columns: three bits of ``value`` and three of ``factor`` are the six inputs of a
    table, and so are six bits of a column after that.
    """
    bits = len(value) + len(factor)

    def row(of):
        return Cat(of, C(0, bits))[:bits]

    def adders(a, b, c=None):
        if c is None:
            return row(a ^ b), row(Cat(C(0, 1), a & b))
        return row(a ^ b ^ c), row(Cat(C(0, 1), a & b | a & c | b & c))

    copies = [row(Cat(C(0, i), Mux(factor[i], value, 0))) for i in range(len(factor))]
    rows = [total for i in range(0, len(copies), 3)
            for total in (adders(*copies[i : i + 3]) if len(copies) - i > 1 else copies[i:])]
    while len(rows) > 3:
        rest, rows = rows, []
        for i in range(0, len(rest), 6):
            six = rest[i : i + 6]
            six += [C(0, bits)] * (6 - len(six))
            (ones0, twos0), (ones1, twos1) = adders(*six[:3]), adders(*six[3:])
            ones, twos2 = adders(ones0, ones1)
            rows += [ones, *adders(twos0, twos1, twos2)]
    return sum(rows[1:], rows[0])[:bits]


def table(index: Value, values) -> Value:
    """``values[index]``, constants: logic two or three levels deep, where an adder would be as many carry chains."""
    values = list(values)
    return Array(C(value, max(max(values).bit_length(), 1)) for value in values)[index]
