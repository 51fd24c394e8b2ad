"""What the host wants to order, between what the strategy wants."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec.records import REQUEST, SYMBOL_BITS

from ..memory import ForwardedMemory
from ..records import layout


class Market(data.Struct):
    """What risk needs to know of a symbol to judge an order; units as in ``spec.records.INTENT``."""

    reference: 32
    collar_lower: 32
    collar_upper: 32
    bid: 32
    tradable: 1
    short_restricted: 1


class Requests(wiring.Component):
    """Takes a request in a cycle without an update, together with what is known of its symbol.

    Latency: a request is offered from the second cycle on in which it stands on ``requests``, and taken in the first
    cycle from then on in which ``free`` is high; ``market`` holds what the updates of all cycles before said. II = 2.
    No symbol has had an update when ``ready`` rises, ``symbols`` cycles after reset.

    Parameters
    ----------
    symbols : int
        A request of any other is taken at once and dropped.

    Members
    -------
    write, symbol, news
        An update of that symbol, in this cycle: what it says.
    free
        No update in this cycle.
    requests
        Of the host.
    taken, request, market
        In this cycle the slot is the request's.
    foreign
        A request was dropped.
    ready
    """

    write: In(1)
    symbol: In(SYMBOL_BITS)
    news: In(Market)
    free: In(1)
    requests: In(stream.Signature(layout(REQUEST)))
    taken: Out(1)
    request: Out(layout(REQUEST))
    market: Out(Market)
    foreign: Out(1)
    ready: Out(1)

    def __init__(self, *, symbols: int):
        if not 1 <= symbols <= 1 << SYMBOL_BITS:
            raise ValueError(f"symbols must be 1 to {1 << SYMBOL_BITS}, not {symbols!r}")
        self._symbols = symbols
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.markets = markets = ForwardedMemory(shape=Market, depth=self._symbols)
        waiting, known = Signal(), Signal()  # its symbol's row has been read; it is configured
        m.d.comb += [
            markets.read_address.eq(self.requests.payload.symbol),
            markets.write_enable.eq(self.write),
            markets.write_address.eq(self.symbol),
            markets.write_data.eq(self.news),
            self.ready.eq(markets.ready),
            self.market.eq(markets.read_data),
            self.request.eq(self.requests.payload),
            self.taken.eq(waiting & known & self.free),
            self.foreign.eq(waiting & ~known),
            self.requests.ready.eq(self.taken | self.foreign),
        ]
        m.d.sync += [
            waiting.eq(markets.ready & self.requests.valid & ~self.requests.ready),
            known.eq(self.requests.payload.symbol < self._symbols),
        ]
        return m
