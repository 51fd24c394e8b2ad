"""The tick-to-trade core: stages and the streams between them.

    rx -> feed -> messages -> book -> updates -> strategy -> intents -> risk -> decisions -> order -> tx
               -> ahead    ->   |        |          |                     |                    |
          snapshot, loads <-----+        |      requests,              replies        sent, header, service
         symbols, windows, depths        |     parameters                 |                    |
                                         +-> indicators -> vwaps          +---- session <------+
                                                                                   |
                                                  session_rx, handovers, admin ----+-> sessions, inbox

Every stage on the first line takes one record per cycle and answers after a fixed number of cycles; nothing on it can
wait except an order for a busy wire. See docs/tick-to-trade.md.
"""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spec import records as spec
from spec.config import Design
from spec.counters import COUNTERS

from .book import Book
from .clock import Clock, Setting
from .feed import Feed
from .indicators import Indicators
from .order import Order
from .records import counters, layout, records
from .risk import Risk
from .session import Inbox, Session
from .strategy import Strategy
from .strategy.partition import Decoupler, Partition, join
from .wire import RX, TX


class TickToTrade(wiring.Component):
    """Ethernet frames with market data in, risk-checked order frames out.

    Parameters
    ----------
    design : Design
        The validated configuration.
    strategy : component, optional
        In place of ``Strategy(design=design)``, with the same members; a partition (``hdl.strategy.partition``) where
        ``design.strategy.reconfigurable``.

    Members
    -------
    rx : In(RX)
        Market data, one beat per cycle at most; ready is always high.
    session_rx : In(RX)
        What the exchange answers on the order session's connection; ready is always high.
    tx : Out(TX)
        Order frames, and what TCP needs beside them.
    symbols, snapshot, parameters, requests, symbol_limits, session_limits, handovers, admin : In(stream of REQUESTS)
        What the host puts in (``spec.records``), each with backpressure.
    clock : In(stream of Setting)
        Sets the time of day.
    kill, kill_release : In(1)
        Kill switch: engages and latches while ``kill`` is high; ``kill_release`` ends it if ``kill`` is low.
    handback : In(1)
        Give the order session back to the host, as soon as nothing is under way.
    decouple, decoupled : In(1), Out(1)
        Where ``design.strategy.reconfigurable``: cut the strategy off, that it may be exchanged; it is cut off.
    ready : Out(1)
        The memories are swept after reset. Frames that begin earlier are counted and dropped.
    inbox : Out(stream of Inbox)
        Octets of the session's messages that are the host's business.
    messages, updates, windows, depths, loads, symbols_set, indicators, vwaps, parameters_set, intents, decisions,
    symbol_limits_set, session_limits_set, kills, positions, orders, sessions : Out(records)
        The stage boundaries, for the host and for comparison.
    feed_counters ... session_counters : Out(64 bit each)
        As ``spec.counters`` lists them.
    """

    def __init__(self, *, design: Design, strategy: wiring.Component | None = None):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        self.design, self._strategy = design, strategy
        partition = {"decouple": In(1), "decoupled": Out(1)} if design.strategy.reconfigurable else {}
        super().__init__(
            {"rx": In(RX), "session_rx": In(RX), "tx": Out(TX), "clock": In(stream.Signature(Setting)),
             "kill": In(1), "kill_release": In(1), "handback": In(1), "ready": Out(1),
             "inbox": Out(stream.Signature(Inbox, always_ready=True))}
            | partition
            | {record.stream: In(stream.Signature(layout(record))) for record in spec.REQUESTS}
            | {record.stream: Out(records(record)) for record in spec.RECORDS}
            | {f"{stage}_counters": Out(counters(stage)) for stage in COUNTERS}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.clock = clock = Clock(design=self.design)
        m.submodules.feed = feed = Feed(design=self.design)
        m.submodules.book = book = Book(design=self.design)
        m.submodules.indicators = indicators = Indicators(design=self.design)
        strategy = self._add_strategy(m)
        m.submodules.risk = risk = Risk(design=self.design)
        m.submodules.order = order = Order(design=self.design)
        m.submodules.session = session = Session(design=self.design)

        # The path of a tick.
        connect(m, flipped(self.rx), feed.rx)
        m.d.comb += book.ahead.eq(feed.ahead)
        connect(m, feed.messages, book.messages)
        connect(m, book.updates, strategy.updates)
        connect(m, book.updates, indicators.updates)
        connect(m, indicators.indicators, strategy.indicators)
        m.d.comb += risk.candidates.eq(strategy.candidates)
        connect(m, strategy.intents, risk.intents)
        connect(m, risk.decisions, order.decisions)
        connect(m, order.tx, flipped(self.tx))
        connect(m, book.naming, order.naming)

        # The exchange's answers.
        connect(m, flipped(self.session_rx), session.rx)
        connect(m, session.replies, risk.replies)
        connect(m, book.updates, risk.updates)
        m.d.comb += [
            order.header.eq(session.header),
            session.next_sequence.eq(order.next_sequence),
            session.next_msg_seq_num.eq(order.next_msg_seq_num),
            session.idle.eq(order.idle),
            session.seen.eq(risk.seen),
        ]
        connect(m, session.begin, order.begin)
        connect(m, order.sent, session.sent)
        connect(m, session.service, order.service)
        connect(m, session.again, order.again)
        connect(m, session.admin, order.admin)
        connect(m, session.inbox, flipped(self.inbox))

        # What may hold an order back, and the time of day.
        m.d.comb += [
            risk.kill.eq(self.kill),
            book.requested.eq(self.requests.valid),
            risk.kill_release.eq(self.kill_release),
            risk.heard.eq(feed.heard),
            risk.queue_full.eq(order.queue_full | session.full),
            risk.no_session.eq(session.no_session),
            risk.session_lost.eq(session.session_lost),
            session.handback.eq(self.handback),
            self.ready.eq(Cat(stage.ready for stage in (book, indicators, strategy, risk, order, session)).all()),
            feed.enabled.eq(self.ready),
        ]
        m.d.comb += [stage.time.eq(clock.time) for stage in (risk, order, session)]
        connect(m, flipped(self.clock), clock.set)

        # The host's requests.
        for name, stage in (("symbols", book), ("snapshot", book), ("parameters", strategy), ("requests", strategy),
                            ("symbol_limits", risk), ("session_limits", risk), ("handovers", session)):
            connect(m, flipped(getattr(self, name)), getattr(stage, name))
        connect(m, flipped(self.admin), session.host_admin)

        stages = {"feed": feed, "book": book, "indicators": indicators, "strategy": strategy, "risk": risk,
                  "order": order, "session": session}
        for record in spec.RECORDS:
            tap, source = getattr(self, record.stream), getattr(stages[record.stage], record.stream)
            m.d.comb += [tap.payload.eq(source.payload), tap.valid.eq(source.valid)]
        for name, stage in stages.items():
            m.d.comb += getattr(self, f"{name}_counters").eq(stage.counters)
        return m

    def _add_strategy(self, m: Module) -> wiring.Component:
        """The strategy; where it is a partition, what stands before it."""
        strategy = self._strategy or Strategy(design=self.design)
        if not self.design.strategy.reconfigurable:
            m.submodules.strategy = strategy
            return strategy
        m.submodules.strategy = partition = strategy if self._strategy else Partition(strategy)
        m.submodules.decoupler = decoupler = Decoupler(partition)
        join(m, partition, decoupler.partition)
        m.d.comb += [decoupler.decouple.eq(self.decouple), self.decoupled.eq(decoupler.decoupled)]
        return decoupler
