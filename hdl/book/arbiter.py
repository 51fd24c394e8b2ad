"""Who of the book's own units gets a free slot."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import SNAPSHOT

from ..records import layout
from .operation import background


class Arbiter(wiring.Component):
    """The host's snapshot first; recentring and depth take turns in what it leaves.

    Latency: 0 cycles (combinational). II: 1.

    Parameters
    ----------
    design : Design

    Members
    -------
    snapshot, recentre, depth : In(stream)
    requests : Out(stream)
    foreign : Out(1)
        A snapshot entry of no configured symbol is dropped.
    """

    def __init__(self, *, design: Design):
        self._symbols = len(design.symbols)
        request = stream.Signature(background(design))
        super().__init__({
            "snapshot": In(stream.Signature(layout(SNAPSHOT))), "recentre": In(request), "depth": In(request),
            "requests": Out(request), "foreign": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        turn = Signal()  # recentring went last
        takes_depth, loading = Signal(), Signal()
        loads, recentre, depth, request = self.snapshot, self.recentre, self.depth, self.requests.payload
        m.d.comb += [
            takes_depth.eq(depth.valid & (turn | ~recentre.valid)),
            self.foreign.eq(loads.valid & (loads.payload.symbol >= self._symbols)),
            loading.eq(loads.valid & ~self.foreign),
            self.requests.valid.eq(loading | recentre.valid | depth.valid),
            loads.ready.eq(self.requests.ready | self.foreign),
            recentre.ready.eq(self.requests.ready & ~loading & ~takes_depth),
            depth.ready.eq(self.requests.ready & ~loading & takes_depth),
            request.eq(Mux(takes_depth, depth.payload.as_value(), recentre.payload.as_value())),
        ]
        with m.If(loading):
            m.d.comb += [
                request.eq(0),
                request.load.eq(~loads.payload.vouch), request.vouch.eq(loads.payload.vouch),
                *(request[name].eq(loads.payload[name]) for name in ("symbol", "side", "reference", "price", "shares")),
            ]
        with m.If(self.requests.ready & ~loading & (recentre.valid | depth.valid)):
            m.d.sync += turn.eq(~takes_depth)
        return m
