"""Delays that keep what belongs together side by side."""

from amaranth import *
from amaranth.hdl import ShapeCastable


def delay(m: Module, value, cycles: int, *, name: str, reset: bool = False):
    """``value`` as it was ``cycles`` cycles ago, of the same shape.

    Without ``reset`` the chain powers up to whatever it held, so that it maps to shift-register LUTs: for payloads.
    ``reset`` clears it: for valid flags and write enables.
    """
    if not cycles:
        return value
    bits = len(Value.cast(value))
    # One signal: simulators are quick with those. Its source line is the caller's.
    chain = Signal(bits * cycles, name=name, reset_less=not reset, src_loc_at=1)
    m.d.sync += chain.eq(Cat(value, chain))
    last = chain[-bits:]
    shape = value.shape()
    return shape(last) if isinstance(shape, ShapeCastable) else last
