"""The same order twice."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import SYMBOL_BITS

from ..memory import ForwardedMemory
from .rate import TIME_BITS

_Entered = data.StructLayout({"any": 1, "quantity": 32, "price": 32, "time": TIME_BITS})


class Duplicates(wiring.Component):
    """Keeps the last order that was entered on each symbol and side.

    Latency: ``fails`` one cycle after the intent, and in that cycle ``entered``. II = 1. Sweep: 2 * symbols cycles.

    Members
    -------
    symbol, side, quantity, price, time
        Of the intent.
    window_ns
        With it: how long an order is remembered; 0: not at all.
    fails
        One cycle later.
    entered
        In that cycle: it was approved, as a new order.
    ready
    """

    symbol: In(SYMBOL_BITS)
    side: In(1)
    quantity: In(32)
    price: In(32)
    time: In(TIME_BITS)
    window_ns: In(40)
    fails: Out(1)
    entered: In(1)
    ready: Out(1)

    def __init__(self, *, design: Design):
        self._symbols = len(design.symbols)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.last = last = ForwardedMemory(shape=_Entered, depth=2 * self._symbols)
        address, mine, since = Signal.like(last.write_address), Signal(_Entered), Signal(signed(TIME_BITS + 1))
        watched = Signal()
        m.d.comb += [
            last.read_address.eq(Cat(self.side, self.symbol)),
            last.write_enable.eq(self.entered),
            last.write_address.eq(address),
            last.write_data.eq(mine),
            self.ready.eq(last.ready),
        ]
        m.d.sync += [
            address.eq(last.read_address),
            mine.eq(Cat(C(1, 1), self.quantity, self.price, self.time)),
            since.eq(self.time - self.window_ns),
            watched.eq(self.window_ns != 0),
        ]
        then = last.read_data
        m.d.comb += self.fails.eq(
            watched & then.any & (then.quantity == mine.quantity) & (then.price == mine.price) & (then.time > since))
        return m
