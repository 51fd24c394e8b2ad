"""What the book's components are built from: values carried from stage to stage, and the highest set bit.

An operation enters the book's pipeline at stage 0 and is one stage further in every cycle. ``x[4]`` is x of the
operation that is now at stage 4.
"""

from amaranth import *
from amaranth.lib import data


def carry(m: Module, value, *, since: int, until: int, name: str) -> dict[int, Value | data.View]:
    """``value`` of the operation at each stage from ``since``, where it is ``value`` itself, to ``until``."""
    stages = {since: value}
    for stage in range(since + 1, until + 1):
        held = Signal(value.shape(), name=f"{name}_{stage}")
        m.d.sync += held.eq(stages[stage - 1])
        stages[stage] = held
    return stages


def highest(bits: Value) -> tuple[Value, Value]:
    """Whether any of ``bits`` is set, and the index of the highest one, else 0: a tree of multiplexers."""
    bits = Value.cast(bits)
    if len(bits) <= 2:
        return bits.any(), bits[1] if len(bits) == 2 else C(0, 1)
    half = 1 << (len(bits) - 1).bit_length() - 1
    low_any, low_index = highest(bits[:half])
    high_any, high_index = highest(bits[half:])
    return low_any | high_any, Cat(Mux(high_any, high_index, low_index)[: (half - 1).bit_length()], high_any)


def lowest_one_hot(bits: Value) -> Value:
    """Only the lowest set bit of ``bits``."""
    bits = Value.cast(bits)
    return Cat(bits[i] & ~bits[:i].any() for i in range(len(bits)))


def one_of(*choices: tuple[Value, Value]) -> Value:
    """The value whose condition is high, of which at most one is; else zero: an OR of ANDs."""
    result = C(0, 1)
    for condition, value in choices:
        result = result | Mux(condition, value, 0)
    return result
