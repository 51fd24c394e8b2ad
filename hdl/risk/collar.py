"""How far from the reference price an order may be."""

from math import gcd

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import INTENT

from ..records import layout
from .carry_save import carry_save

BASIS_POINTS = 10_000  #: of one


class PriceCollar(wiring.Component):
    """|price - reference| * 10 000 > reference * ``collar_bps``, where there is a reference.

    Latency 1 cycle, initiation interval 1. Multiplying by constants is adding shifted copies; the copies are reduced to
    two words in the first cycle and added in the second, so that ``fails`` is one carry chain behind a register.

    Members
    -------
    intent
        To be judged.
    fails
        One cycle later: the price is outside.
    """

    LATENCY = 1

    intent: In(layout(INTENT))
    fails: Out(1)

    def __init__(self, *, design: Design):
        self._bps = design.risk.collar_bps
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        price, reference = self.intent.price, self.intent.reference
        shared = gcd(BASIS_POINTS, self._bps)
        scale, distance = BASIS_POINTS // shared, self._bps // shared
        width = 32 + (scale + distance).bit_length() + 1  # room for the largest product, and a sign

        def is_negative(*terms):
            held = Signal(width), Signal(width)
            m.d.sync += [word.eq(given) for word, given in zip(held, carry_save(m, terms, width), strict=True)]
            return (held[0] + held[1])[width - 1]

        above = is_negative((reference, scale + distance, +1), (price, scale, -1))
        below = is_negative((price, scale, +1), (reference, scale - distance, -1))
        referenced = Signal()
        m.d.sync += referenced.eq(reference != 0)
        m.d.comb += self.fails.eq(referenced & (above | below))
        return m
