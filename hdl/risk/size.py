"""The size of a single order."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import INTENT

from ..records import layout


class OrderSize(wiring.Component):
    """Quantity zero or above ``max_quantity``, or price zero.

    Latency 1 cycle, initiation interval 1.

    Members
    -------
    intent
        To be judged.
    fails
        One cycle later: not a size to send.
    """

    LATENCY = 1

    intent: In(layout(INTENT))
    fails: Out(1)

    def __init__(self, *, design: Design):
        self._max_quantity = design.risk.max_quantity
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        quantity = self.intent.quantity
        m.d.sync += self.fails.eq((quantity == 0) | (quantity > self._max_quantity) | (self.intent.price == 0))
        return m
