"""Comparisons of sums without a carry chain for each term."""

from amaranth import *


def is_negative(m: Module, *terms: tuple[Value, int], name: str) -> Value:
    """Whether the sum of ``value * sign`` over (value, sign) is below zero: two words by carry-save, then one chain.

    Values may be signed or unsigned, signs are 1 and -1.
    """
    width = max(len(value) for value, _ in terms) + len(terms)
    named = []
    for value, sign in (*terms, (C(sum(sign < 0 for _, sign in terms), 8), 1)):  # -x = ~x + 1
        held = Signal(width, name=f"{name}_term")
        m.d.comb += held.eq(value if sign > 0 else ~_signed(value))
        named.append(held)
    while len(named) > 2:
        a, b, c, *named = named
        total, carry = Signal(width, name=f"{name}_sum"), Signal(width, name=f"{name}_carry")
        m.d.comb += [total.eq(a ^ b ^ c), carry.eq(Cat(C(0, 1), (a & b) | (a & c) | (b & c)))]
        named += [total, carry]
    result = Signal(width, name=name)
    m.d.comb += result.eq(named[0] + named[1])
    return result[-1]


def _signed(value: Value) -> Value:
    """With a sign bit, so that inverting it sets all bits above."""
    return value if value.shape().signed else Cat(value, C(0, 1)).as_signed()
