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


def table(index: Value, values) -> Value:
    """``values[index]``, constants: logic two or three levels deep, where an adder would be as many carry chains."""
    values = list(values)
    return Array(C(value, max(max(values).bit_length(), 1)) for value in values)[index]
