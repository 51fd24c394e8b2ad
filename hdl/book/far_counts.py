"""Orders that rest beyond the window, counted: whether any make the best price unknowable."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import LEVEL_ORDERS_BITS

from ..memory import ForwardedMemory
from .operation import symbol_index
from .zones import Zone

_Far = data.StructLayout({"better": LEVEL_ORDERS_BITS, "worse": LEVEL_ORDERS_BITS})


class FarCounts(wiring.Component):
    """Counts by the law, whatever levels the ladder holds: an order that is entering is counted here until it is in.

    Latency: the operation of stage 3 is counted at stage 6. II: 1. Sweep: 2 * symbols cycles.

    Parameters
    ----------
    design : Design

    Members
    -------
    symbol, side : In
        Stage 2.
    find, place : In(Zone)
        Stage 3: of the order that is found and of the one that is added.
    adds, removes, held, was_better, holds, releases, recounts, window, from_better : In(1)
        Stage 3: an order comes; one goes, and was ``held`` in its level or counted as better; one moves into its level,
        or out of it, or from one count to the other; the window takes in what was entering.
    better, worse : Out(1)
        Stage 6: orders rest there.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._symbols = len(design.symbols)
        flags = ("adds", "removes", "held", "was_better", "holds", "releases", "recounts", "window", "from_better")
        super().__init__({
            "symbol": In(symbol_index(design)), "side": In(1), "find": In(Zone), "place": In(Zone),
            **dict.fromkeys(flags, In(1)), "better": Out(1), "worse": Out(1), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.counts = counts = ForwardedMemory(shape=_Far, depth=2 * self._symbols, latency=2)
        address_3, address_4 = (Signal.like(counts.write_address, name=f"address_{stage}") for stage in (3, 4))
        m.d.comb += counts.read_address.eq(Cat(self.side, self.symbol))
        m.d.sync += [address_3.eq(counts.read_address), address_4.eq(address_3)]

        # Stage 3: what goes up and what goes down.
        leaves = self.removes & (~self.held | self.find.entering)
        window, absorbs, returns = Signal(), Signal(), Signal()
        m.d.sync += [
            window.eq(self.window),
            absorbs.eq(self.holds | self.adds & self.place.entering),
            returns.eq(self.removes & self.held & self.find.entering),
        ]

        # Stage 4: orders in their levels that the law still counts as far; one side of one symbol has such at a time.
        absorbed = Signal(LEVEL_ORDERS_BITS)
        with m.If(window):
            m.d.sync += absorbed.eq(0)
        with m.Else():
            m.d.sync += absorbed.eq(absorbed + absorbs - returns)
        for zone, invert in (("better", 0), ("worse", 1)):
            is_far = self.adds & ~self.place.inside & (self.place.far_better ^ invert)
            comes = (self.releases | self.recounts) & (self.find.far_better ^ invert)
            goes = (leaves | self.recounts) & (self.was_better ^ invert)
            # One addition: of 1, of -1 or of what was absorbed, inverted, and 1.
            commits, down, step = (Signal(name=f"{name}_{zone}") for name in ("commits", "down", "step"))
            m.d.sync += [
                commits.eq(self.window & (self.from_better ^ invert)),
                down.eq(goes & ~(is_far | comes)),
                step.eq(Mux(self.window, self.from_better ^ invert, (is_far | comes) & ~goes)),
            ]
            change, new = Signal(LEVEL_ORDERS_BITS, name=f"change_{zone}"), counts.write_data[zone]
            m.d.comb += [
                change.eq(down.replicate(LEVEL_ORDERS_BITS) | Mux(commits, ~absorbed, 0)),
                new.eq(counts.read_data[zone] + change + step),
            ]
            counted = Signal.like(new, name=f"counted_{zone}")
            m.d.sync += [counted.eq(new), getattr(self, zone).eq(counted != 0)]
        writes = Signal()
        m.d.sync += writes.eq(self.adds | self.removes | self.releases | self.recounts | self.window)
        m.d.comb += [
            counts.write_enable.eq(writes),
            counts.write_address.eq(address_4),
            self.ready.eq(counts.ready),
        ]
        return m
