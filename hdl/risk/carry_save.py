"""Sums of many terms without carry chains."""

from amaranth import *


def signed_digits(constant: int) -> list[tuple[int, int]]:
    """(shift, sign) of the canonical signed-digit form of a non-negative integer: no form has fewer terms."""
    digits, shift = [], 0
    while constant:
        if constant & 1:
            sign = 2 - (constant & 3)  # +1 before a zero, -1 before a run of ones
            digits.append((shift, sign))
            constant -= sign
        constant >>= 1
        shift += 1
    return digits


def carry_save(m: Module, terms: list[tuple[Value, int, int]], width: int) -> tuple[Value, Value]:
    """Two words whose sum modulo ``2**width`` is that of ``value * constant * sign`` over (value, constant, sign).

    Constants are not negative. One level of logic for every factor of 2/3 in the number of terms.
    """

    def word(value, name):
        held = Signal(width, name=name)  # a name for what is used several times: Amaranth repeats expressions
        m.d.comb += held.eq(value)
        return held

    words, correction = [], 0
    for value, constant, sign in terms:
        for shift, digit in signed_digits(constant):
            shifted = Cat(C(0, shift), value, C(0, width))[:width]
            if sign * digit < 0:  # -x = ~x + 1
                shifted, correction = ~shifted, correction + 1
            words.append(word(shifted, "term"))
    words.append(C(correction % (1 << width), width))
    while len(words) > 2:
        compressed = []
        while len(words) >= 3:
            a, b, c, *words = words
            compressed += [word(a ^ b ^ c, "sum"), word(Cat(C(0, 1), (a & b) | (a & c) | (b & c)), "carry")]
        words = compressed + words
    return words[0], words[1] if len(words) > 1 else C(0, width)
