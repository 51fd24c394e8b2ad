"""Adders that map to one carry chain."""

from amaranth import *


def add_sub(left, right, subtract, *, bits: int) -> Value:
    """``left - right`` where ``subtract`` is high, else ``left + right``, unsigned operands, modulo ``2**bits``.

    One chain: written as a choice between a sum and a difference it would be two and a multiplexer.
    """
    left, right = (Cat(operand, C(0, bits))[:bits] for operand in (left, right))
    inverted = right ^ subtract.replicate(bits)
    return (Cat(C(1, 1), left) + Cat(subtract, inverted))[1 : bits + 1]  # the lowest bit makes the carry in
