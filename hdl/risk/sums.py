"""Sums of several words without a carry chain for each."""

from amaranth import *


def total(m: Module, *words: Value, ones: tuple = (), width: int, name: str) -> Value:
    """The sum of ``words``, each taken with its sign, and of the bits ``ones``, modulo ``2**width``: two words by
    carry-save, then one chain.

    Every step of the carry-save has a place for one more bit, and so has the chain: no more ``ones`` than words but
    one.
    """
    if len(ones) >= len(words):
        raise ValueError(f"ones must be fewer than words, not {len(ones)!r} with {len(words)!r}")
    bits = [*ones, *[C(0, 1)] * (len(words) - 1 - len(ones))]
    rows = []
    for word in words:
        row = Signal(width, name=f"{name}_row")
        m.d.comb += row.eq(word)
        rows.append(row)
    while len(rows) > 2:
        a, b, c, *rows = rows
        row, carry = Signal(width, name=f"{name}_row"), Signal(width, name=f"{name}_carry")
        m.d.comb += [row.eq(a ^ b ^ c), carry.eq(Cat(bits.pop(), (a & b) | (a & c) | (b & c)))]
        rows += [row, carry]
    result = Signal(width + 1, name=name)
    m.d.comb += result.eq(Cat(C(1, 1), rows[0]) + Cat(bits.pop(), rows[1]))  # the lowest bit makes the carry in
    return result[1:]


def inverted(value: Value) -> Value:
    """``-value - 1``, with its sign: to subtract is to add this and one."""
    value = Value.cast(value)
    return ~(value if value.shape().signed else Cat(value, C(0, 1)).as_signed())


def is_less(m: Module, left, right, *, name: str) -> Value:
    """Whether the sum of the words ``left`` is below that of the words ``right``."""
    words = [*left, *map(inverted, right)]
    width = max(map(len, words)) + len(words)
    return total(m, *words, ones=(C(1, 1),) * len(right), width=width, name=name)[-1]


def any_of(m: Module, bits: Value, *, name: str) -> Value:
    """Whether any of ``bits`` is set, by a carry chain: fewer levels than a tree where bits take logic of their own."""
    result = Signal(len(bits) + 1, name=name)
    m.d.comb += result.eq(bits + ((1 << len(bits)) - 1))
    return result[-1]
