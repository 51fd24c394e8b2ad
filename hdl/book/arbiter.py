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
    """

    def __init__(self, *, design: Design):
        request = stream.Signature(background(design))
        super().__init__({
            "snapshot": In(stream.Signature(layout(SNAPSHOT))), "recentre": In(request), "depth": In(request),
            "requests": Out(request),
        })

    def elaborate(self, platform):
        m = Module()
        turn = Signal()  # recentring went last
        takes_depth = Signal()
        loads, recentre, depth, request = self.snapshot, self.recentre, self.depth, self.requests.payload
        m.d.comb += [
            takes_depth.eq(depth.valid & (turn | ~recentre.valid)),
            self.requests.valid.eq(loads.valid | recentre.valid | depth.valid),
            loads.ready.eq(self.requests.ready),
            recentre.ready.eq(self.requests.ready & ~loads.valid & ~takes_depth),
            depth.ready.eq(self.requests.ready & ~loads.valid & takes_depth),
            request.eq(Mux(takes_depth, depth.payload.as_value(), recentre.payload.as_value())),
        ]
        with m.If(loads.valid):
            m.d.comb += [
                request.eq(0),
                request.load.eq(~loads.payload.vouch), request.vouch.eq(loads.payload.vouch),
                *(request[name].eq(loads.payload[name]) for name in ("symbol", "side", "reference", "price", "shares")),
            ]
        with m.If(self.requests.ready & ~loads.valid & (recentre.valid | depth.valid)):
            m.d.sync += turn.eq(~takes_depth)
        return m
