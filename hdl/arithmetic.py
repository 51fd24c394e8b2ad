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


def carry_save(m: Module, a, b, c, *, bits: int) -> list[Value]:
    """Two rows whose sum is that of three, modulo ``2**bits``: one level of logic and no chain.

    They are signals, since each is read three times by the next level.
    """
    ones, twos = Signal(bits, name="ones"), Signal(bits, name="twos")
    m.d.comb += [ones.eq(a ^ b ^ c), twos.eq(Cat(C(0, 1), a & b | a & c | b & c))]
    return [ones, twos]


def add(m: Module, words) -> Value:
    """The sum of up to six words by carry-save and one chain. The fourth and fifth of five may come later."""
    words = [Value.cast(word) for word in words]
    bits = max(map(len, words)) + 3
    while len(words) > 2:
        compressed = []
        while len(words) >= 3:
            compressed += carry_save(m, *words[:3], bits=bits)
            words = words[3:]
        words = compressed + words
    return sum(words[1:], words[0])[:bits]


def product(m: Module, value, factor) -> Value:
    """``value * factor``, unsigned, of a wide and a narrow one, in look-up tables: one carry chain and about as many
    levels of logic before it as ``factor`` has bits in threes, without the delay of DSPs that are not pipelined.

    The shifted copies are added by columns: three bits of ``value`` and three of ``factor`` are the six inputs of a
    table, and so are six bits of a column after that.
    """
    bits = len(value) + len(factor)
    nothing = C(0, 1)

    def added(a, b, c=nothing):
        return carry_save(m, a, b, c, bits=bits)

    copies = [Cat(C(0, i), Mux(factor[i], value, 0)) for i in range(len(factor))]
    rows = [row for i in range(0, len(copies), 3)
            for row in (added(*copies[i : i + 3]) if len(copies) - i > 1 else copies[i:])]
    while len(rows) > 3:
        rest, rows = rows, []
        for i in range(0, len(rest), 6):
            six = rest[i : i + 6] + [nothing] * (i + 6 - len(rest))
            (ones0, twos0), (ones1, twos1) = added(*six[:3]), added(*six[3:])
            ones, twos2 = added(ones0, ones1)
            rows += [ones, *added(twos0, twos1, twos2)]
    return sum(rows[1:], rows[0])[:bits]


def table(index: Value, values) -> Value:
    """``values[index]``, constants: logic two or three levels deep, where an adder would be as many carry chains."""
    values = list(values)
    return Array(C(value, max(max(values).bit_length(), 1)) for value in values)[index]
