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
    scan : Out(1)
        Whoever gets the slot, ``row`` may be read: no one else who might needs the order table.
    foreign : Out(1)
        A snapshot entry of no configured symbol is dropped.
    """

    def __init__(self, *, design: Design):
        self._symbols = len(design.symbols)
        request = stream.Signature(background(design))
        super().__init__({
            "snapshot": In(stream.Signature(layout(SNAPSHOT))), "recentre": In(request), "depth": In(request),
            "requests": Out(request), "scan": Out(1), "foreign": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        turn = Signal()  # recentring went last
        waits = Signal()  # recentring asked before; whether it has just begun to is known too late
        takes_depth, is_foreign = Signal(), Signal()
        loads, recentre, depth, request = self.snapshot, self.recentre, self.depth, self.requests.payload
        m.d.comb += [
            takes_depth.eq(depth.valid & (turn | ~waits)),
            is_foreign.eq(loads.payload.symbol >= self._symbols),
            self.foreign.eq(loads.valid & is_foreign & self.requests.ready),
            self.requests.valid.eq(Mux(loads.valid, ~is_foreign, recentre.valid | depth.valid)),
            loads.ready.eq(self.requests.ready),
            recentre.ready.eq(self.requests.ready & ~loads.valid & ~takes_depth),
            depth.ready.eq(self.requests.ready & ~loads.valid & takes_depth),
            request.eq(Mux(takes_depth, depth.payload.as_value(), recentre.payload.as_value())),
        ]
        with m.If(loads.valid):
            m.d.comb += [
                request.eq(0),
                request.load.eq(~loads.payload.vouch), request.vouch.eq(loads.payload.vouch),
                *(request[name].eq(loads.payload[name]) for name in ("symbol", "side", "price", "shares")),
            ]
        # What the order table is read with depends on as little as possible: the depth does not read it.
        m.d.comb += [
            request.reference.eq(Mux(loads.valid, loads.payload.reference, recentre.payload.reference)),
            request.row.eq(recentre.payload.row),
            self.scan.eq(recentre.payload.scan & ~loads.valid),
        ]
        m.d.sync += waits.eq(recentre.valid & ~recentre.ready)
        with m.If(self.requests.ready & ~loads.valid & (recentre.valid | depth.valid)):
            m.d.sync += turn.eq(~takes_depth)
        return m
