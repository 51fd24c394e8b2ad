"""The tick-to-trade core: stages and the streams between them.

    rx -> feed -> messages -> book -> updates -> strategy -> intents -> risk -> decisions -> order -> tx
               -> ahead    ->   |        |
                                |        +-> indicators -> indicators, vwaps
          snapshot, loads <-----+-> windows, depths

Every stage takes one record per cycle and answers after a fixed number of cycles; nothing on this path can wait except
an order for a busy wire. See docs/tick-to-trade.md.
"""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spec import records as spec
from spec.config import Design
from spec.counters import COUNTERS

from .book import Book
from .feed import Feed
from .indicators import Indicators
from .order import Order
from .records import counters, layout, records
from .risk import Risk
from .strategy import Strategy
from .wire import RX, TX


class TickToTrade(wiring.Component):
    """Ethernet frames with market data in, risk-checked order frames out.

    Parameters
    ----------
    design : Design
        The validated configuration.

    Members
    -------
    rx : In(RX)
        Market data, one beat per cycle at most; ready is always high.
    tx : Out(TX)
        Order frames.
    snapshot : In(stream of SNAPSHOT)
        Resting orders that the host knows of, for a start in mid-day; taken in cycles without a message.
    kill : In(1)
        Kill switch: latched, every order from the next decision on is refused until reset.
    ready : Out(1)
        The memories are swept after reset. Frames that begin earlier are counted and dropped.
    messages, updates, windows, depths, loads, indicators, vwaps, intents, decisions, orders : Out(records)
        The stage boundaries, for the host and for comparison.
    feed_counters ... order_counters : Out(64 bit each)
        As ``spec.counters`` lists them.
    """

    def __init__(self, *, design: Design):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        self.design = design
        super().__init__(
            {"rx": In(RX), "tx": Out(TX), "snapshot": In(stream.Signature(layout(spec.SNAPSHOT))), "kill": In(1),
             "ready": Out(1)}
            | {record.stream: Out(records(record)) for record in spec.RECORDS}
            | {f"{stage}_counters": Out(counters(stage)) for stage in COUNTERS}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.feed = feed = Feed(design=self.design)
        m.submodules.book = book = Book(design=self.design)
        m.submodules.indicators = indicators = Indicators(design=self.design)
        m.submodules.strategy = strategy = Strategy(design=self.design)
        m.submodules.risk = risk = Risk(design=self.design)
        m.submodules.order = order = Order(design=self.design)

        connect(m, wiring.flipped(self.rx), feed.rx)
        m.d.comb += book.ahead.eq(feed.ahead)
        connect(m, feed.messages, book.messages)
        connect(m, wiring.flipped(self.snapshot), book.snapshot)
        connect(m, book.updates, indicators.updates)
        connect(m, book.updates, strategy.updates)
        connect(m, indicators.indicators, strategy.indicators)
        connect(m, strategy.intents, risk.intents)
        connect(m, risk.decisions, order.decisions)
        connect(m, order.tx, wiring.flipped(self.tx))

        m.d.comb += [
            risk.candidates.eq(strategy.candidates),
            risk.kill.eq(self.kill),
            risk.queue_full.eq(order.queue_full),
            self.ready.eq(book.ready & indicators.ready & strategy.ready & risk.ready),
            feed.enabled.eq(self.ready),
        ]
        stages = {"feed": feed, "book": book, "indicators": indicators, "strategy": strategy, "risk": risk,
                  "order": order}
        for record in spec.RECORDS:
            tap, source = getattr(self, record.stream), getattr(stages[record.stage], record.stream)
            m.d.comb += [tap.payload.eq(source.payload), tap.valid.eq(source.valid)]
        for name, stage in stages.items():
            m.d.comb += getattr(self, f"{name}_counters").eq(stage.counters)
        return m
