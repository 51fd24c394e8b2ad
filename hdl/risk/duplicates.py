"""The same order twice."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import SYMBOL_BITS

from ..memory import SweptMemory
from .rate import TIME_BITS
from .sums import any_of, is_less

_Entered = data.StructLayout({"any": 1, "quantity": 32, "price": 32, "time": TIME_BITS})


class Duplicates(wiring.Component):
    """Keeps the last order that was entered on each symbol and side.

    Latency: ``fails`` one cycle after the intent, and in that cycle ``entered``. II = 1. Sweep: 2 * symbols cycles.

    Members
    -------
    symbol, side, quantity, price, time
        Of the intent.
    enters, window_ns
        With it: it is a new order; how long such a one is remembered, 0: not at all.
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
    enters: In(1)
    window_ns: In(40)
    fails: Out(1)
    entered: In(1)
    ready: Out(1)

    def __init__(self, *, design: Design):
        self._symbols = len(design.symbols)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.last = last = SweptMemory(shape=_Entered, depth=2 * self._symbols)
        address, mine, since = Signal.like(last.write_address), Signal(_Entered), Signal(signed(TIME_BITS + 1))
        watched = Signal()
        m.d.comb += [
            last.read_address[0].eq(Cat(self.side, self.symbol)),
            last.write_enable.eq(self.entered),
            last.write_address.eq(address),
            last.write_data.eq(mine),
            self.ready.eq(last.ready),
        ]
        m.d.sync += [
            address.eq(last.read_address[0]),
            mine.eq(Cat(C(1, 1), self.quantity, self.price, self.time)),
            since.eq(self.time - self.window_ns),
            watched.eq(self.enters & (self.window_ns != 0)),
        ]

        # What the intent one cycle before entered, if it did, is not in what is read. It is compared here.
        follows, entered, repeats = Signal(), Signal(), Signal()
        m.d.sync += [
            follows.eq(address == last.read_address[0]),
            entered.eq(self.entered),
            repeats.eq((mine.quantity == self.quantity) & (mine.price == self.price)
                       & is_less(m, [self.time], [mine.time, self.window_ns], name="soon")),
        ]
        then = last.read_data[0]
        differs = any_of(m, Cat(then.quantity, then.price) ^ Cat(mine.quantity, mine.price), name="differs")
        read = Signal()
        m.d.comb += [
            read.eq(watched & then.any & ~(follows & entered)),
            self.fails.eq(read & ~differs & (then.time > since) | watched & follows & entered & repeats),
        ]
        return m
