"""Limit-up/limit-down auction collars."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.records import INTENT

from ..records import layout


class LuldCollar(wiring.Component):
    """Price below ``collar_lower`` or above ``collar_upper``, once a limit-up/limit-down auction collar is known.

    Latency 1 cycle, initiation interval 1.

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

    def elaborate(self, platform):
        m = Module()
        price, lower, upper = self.intent.price, self.intent.collar_lower, self.intent.collar_upper
        m.d.sync += self.fails.eq((upper != 0) & ((price < lower) | (price > upper)))
        return m
