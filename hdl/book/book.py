"""The book stage: messages in, one update per message about a configured symbol out."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import MESSAGE, UPDATE

from ..counting import count
from ..records import counters, layout, records
from .best_bid_offer import BestBidOffer
from .locate_filter import LocateFilter
from .order_table import OrderTable
from .pipeline import carry
from .price_grid import PriceGrid
from .price_ladder import PriceLadder
from .sequencer import Sequencer
from .trading_state import TradingState


class Book(wiring.Component):
    """Rebuilds every configured symbol's order book and publishes its best bid and offer.

    A message waits one cycle for its slot (stage 0), then advances one stage per cycle, whatever it is and whatever
    the book holds:

    ======= ===========================================================================================
    stage
    ======= ===========================================================================================
    0       locate table, order table's buckets and the division of the price begin
    1       references are compared, a directory message is learned
    2       one order is selected among ways, spill and operations in flight
    3       what happens to the order; its level's address
    4       the level changes; a new order's place in the table
    5       the bitmap's word; the symbol's trading state and faults; the table's entry is written
    6       the bitmap's summary, the best word
    7       the best level's place in that word
    8       the best level, joined with the other side
    9       the update
    ======= ===========================================================================================

    Latency: ``LATENCY`` cycles from message to update. II: one message per cycle, except that a replace, which takes
    two slots, must not come in the cycle after another message; see ``Sequencer``. The feed cannot bring it so soon.
    Sweep: ``ready`` rises after the largest memory's, 2 * symbols * levels, locates or buckets; messages before it are
    not allowed.

    Parameters
    ----------
    design : Design

    Members
    -------
    messages : In(records(MESSAGE))
    updates : Out(records(UPDATE))
    ready : Out(1)
    counters : Out
        ``spec.counters.BOOK``.
    """

    LATENCY = 10  #: cycles from ``messages`` to ``updates``

    def __init__(self, *, design: Design):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        self._design = design
        super().__init__({
            "messages": In(records(MESSAGE)), "updates": Out(records(UPDATE)),
            "ready": Out(1), "counters": Out(counters("book")),
        })

    def elaborate(self, platform):
        m = Module()
        design = self._design
        m.submodules.sequencer = sequencer = Sequencer()
        m.submodules.locate_filter = locates = LocateFilter(design=design)
        m.submodules.price_grid = price_grid = PriceGrid()
        m.submodules.order_table = table = OrderTable(design=design)
        m.submodules.price_ladder = ladder = PriceLadder(design=design)
        m.submodules.trading_state = state = TradingState(design=design)
        m.submodules.best_bid_offer = sides = BestBidOffer(design=design)
        parts = (locates, table, ladder, state, sides)
        m.d.sync += self.ready.eq(Cat(part.ready for part in parts).all())

        m.d.comb += [
            sequencer.messages.valid.eq(self.messages.valid),
            sequencer.messages.payload.eq(self.messages.payload),
            locates.locate.eq(sequencer.locate),
            locates.stock.eq(sequencer.stock),
            locates.directory.eq(sequencer.directory),
            price_grid.price.eq(sequencer.price),
            table.reference.eq(sequencer.reference),
            table.operation.eq(sequencer.operation),
            state.message.eq(sequencer.message),
            state.types.eq(sequencer.types),
        ]

        # Stage 2: is the operation about a configured symbol? Some messages are about all of them.
        types = sequencer.types
        valid, last, market_wide = Signal(), Signal(), Signal()
        m.d.sync += [
            valid.eq(sequencer.operation.valid),
            last.eq(sequencer.operation.last),
            market_wide.eq(types.S | types.V | types.W),
        ]
        concerns = carry(m, Signal(name="concerns_2"), since=2, until=8, name="concerns")
        publishes = carry(m, Signal(name="publishes_2"), since=2, until=8, name="publishes")
        symbol = carry(m, locates.symbol, since=2, until=7, name="symbol")
        m.d.comb += [
            concerns[2].eq(valid & locates.mapped & ~market_wide),
            publishes[2].eq(concerns[2] & last),
            price_grid.fine.eq(Array(C(s.tick == 1, 1) for s in design.symbols)[symbol[2]]),
            *(part.mapped.eq(concerns[2]) for part in (table, state)),
            *(part.symbol.eq(symbol[2]) for part in (table, state, ladder)),
        ]

        # Stages 3 and 4: the order, and what becomes of its level.
        effect = table.effect
        side = carry(m, table.side, since=3, until=7, name="side")
        m.d.comb += [
            table.position.eq(price_grid.position),
            ladder.side.eq(side[3]),
            ladder.position.eq(table.order_position),
            ladder.add.eq(effect.add),
            ladder.reduce.eq(effect.reduce),
            ladder.remove.eq(effect.remove),
            ladder.shares.eq(effect.shares),
            state.found.eq(effect.found),
            state.position.eq(effect.position),
            *(state.faults[name].eq(getattr(table, name)) for name in state.faults.shape().members),
        ]

        # Stages 7 and 8: both sides, which hide behind any fault.
        update = carry(m, state.update, since=6, until=8, name="update")[8]
        m.d.comb += [
            sides.symbol.eq(symbol[7]),
            sides.side.eq(side[7]),
            sides.best.eq(ladder.best),
            sides.update.eq(concerns[8]),
        ]
        sound = ~(update.gap | Cat(update[name] for name in state.faults.shape().members).any())
        complete = Signal(layout(UPDATE))
        m.d.comb += complete.eq(update)
        for name, best in (("bid", sides.bid), ("ask", sides.ask)):
            with m.If(sound & best.known):
                m.d.comb += [complete[f"{name}_{part}"].eq(best[part]) for part in best.shape().members]
        m.d.sync += [self.updates.valid.eq(publishes[8]), self.updates.payload.eq(complete)]

        counted = self.counters
        count(m, counted, "updates", publishes[8])
        count(m, counted, "filtered", valid & last & ~locates.mapped & ~market_wide & ~locates.out_of_range)
        count(m, counted, "locate_range", locates.out_of_range)
        for name in state.faults.shape().members:
            count(m, counted, name, getattr(table, name))
        count(m, counted, "zone_better", ladder.added_better)
        count(m, counted, "zone_worse", ladder.added_worse)
        return m
