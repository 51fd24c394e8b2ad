"""Delays that keep what belongs together side by side."""

from amaranth import *


def delay(m: Module, value, cycles: int, *, name: str, reset: bool = False):
    """``value`` as it was ``cycles`` cycles ago, of the same shape.

    Without ``reset`` the chain powers up to whatever it held, so that it maps to shift-register LUTs: for payloads.
    ``reset`` clears it: for valid flags and write enables.
    """
    for cycle in range(cycles):
        later = Signal(value.shape(), name=f"{name}_{cycle + 1}", reset_less=not reset)
        m.d.sync += later.eq(value)
        value = later
    return value
