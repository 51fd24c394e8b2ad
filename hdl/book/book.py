"""The book stage: messages in, one update per message about a configured symbol out."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spec.config import Design
from spec.records import DEPTH, GIVEN_SYMBOL, LOAD, MESSAGE, SNAPSHOT, SYMBOL_SET, UPDATE, WINDOW

from ..ahead import Ahead
from ..counting import count
from ..link import NAMING
from ..records import counters, layout, records
from .arbiter import Arbiter
from .best_bid_offer import Best, BestBidOffer
from .depth import Depth
from .far_counts import FarCounts
from .locate_filter import LocateFilter
from .naming import SymbolNaming
from .operation import Ring, result
from .order_table import OrderTable
from .pipeline import carry
from .price_grid import PriceGrid
from .price_ladder import PriceLadder
from .recentre import Recentre
from .slots import Slots
from .trading_state import TradingState
from .zones import Zones


class Book(wiring.Component):
    """Rebuilds every configured symbol's order book and publishes its best bid and offer.

    A message advances one stage per cycle, whatever it is and whatever the book holds:

    ======= ===========================================================================================
    stage
    ======= ===========================================================================================
    -1      while the feed still judges the message: locate table, order table's buckets
    0       references are compared; a new price's slot on the ladder
    1       one order is selected among ways, spill and operations in flight; its level is read
    2       what happens to the order; where its price and a new one's lie from the window
    3       levels, occupancy words and the order table's occupancy change
    4       the best word; far counts, the symbol's trading state, the table's entry
    5       the best level in that word
    6       the best level, joined with the other side
    7       the update
    ======= ===========================================================================================

    Cycles without a message carry operations of the book's own through the same stages, in order with the messages:
    the host's snapshot, windows that follow the market (``Recentre``), look-ups of deeper levels (``Depth``).

    Latency: ``LATENCY`` cycles from message to update. II: one message per cycle, of any type.
    Sweep: ``ready`` rises after the largest memory's, 2 * symbols * levels, locates or buckets; messages before it are
    not allowed.

    Parameters
    ----------
    design : Design

    Members
    -------
    ahead : In(Ahead)
        One cycle before ``messages``.
    messages : In(records(MESSAGE))
    snapshot : In(stream of SNAPSHOT)
    symbols : In(stream of GIVEN_SYMBOL)
    requested : In(1)
        The host asks for an order: from now on it names no symbols.
    updates : Out(records(UPDATE))
    windows, depths, loads : Out(records)
        What happens between messages, off the hot path.
    symbols_set : Out(records(SYMBOL_SET))
    naming : Out(NAMING)
        What the host named, in the cycle of its echo.
    ready : Out(1)
    counters : Out
        ``spec.counters.BOOK``.
    """

    LATENCY = 7  #: cycles from ``messages`` to ``updates``

    def __init__(self, *, design: Design):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        self._design = design
        super().__init__({
            "ahead": In(Ahead), "messages": In(records(MESSAGE)), "snapshot": In(stream.Signature(layout(SNAPSHOT))),
            "symbols": In(stream.Signature(layout(GIVEN_SYMBOL))), "requested": In(1),
            "symbols_set": Out(records(SYMBOL_SET)), "naming": Out(NAMING),
            "updates": Out(records(UPDATE)), "windows": Out(records(WINDOW)), "depths": Out(records(DEPTH)),
            "loads": Out(records(LOAD)), "ready": Out(1), "counters": Out(counters("book")),
        })

    def elaborate(self, platform):
        m = Module()
        design = self._design
        m.submodules.arbiter = arbiter = Arbiter(design=design)
        m.submodules.slots = slots = Slots(design=design)
        m.submodules.naming = naming = SymbolNaming(design=design)
        m.submodules.locate_filter = locates = LocateFilter(design=design)
        m.submodules.price_grid = price_grid = PriceGrid(slot_bits=Ring(design).slot_bits)
        m.submodules.order_table = table = OrderTable(design=design)
        m.submodules.zones = zones = Zones(design=design)
        m.submodules.far_counts = far = FarCounts(design=design)
        m.submodules.price_ladder = ladder = PriceLadder(design=design)
        m.submodules.trading_state = state = TradingState(design=design)
        m.submodules.best_bid_offer = sides = BestBidOffer(design=design)
        m.submodules.recentre = recentre = Recentre(design=design)
        m.submodules.depth = depth = Depth(design=design)
        parts = (naming, locates, table, zones, far, ladder, state, sides, recentre, depth)
        m.d.sync += self.ready.eq(Cat(part.ready for part in parts).all())

        connect(m, flipped(self.messages), slots.messages)
        connect(m, flipped(self.snapshot), arbiter.snapshot)
        connect(m, recentre.requests, arbiter.recentre)
        connect(m, depth.requests, arbiter.depth)
        connect(m, arbiter.requests, slots.requests)
        connect(m, flipped(self.symbols), naming.given)
        connect(m, naming.echo, flipped(self.symbols_set))

        heard = Signal(32)
        with m.If(self.messages.valid):
            m.d.sync += heard.eq(self.messages.payload.message + 1)
        m.d.comb += [
            # The orders' stocks are fewer than the levels: swept by then, too.
            naming.enabled.eq(self.ready),
            naming.begins.eq(self.ahead.valid | self.messages.valid | self.requested), naming.message.eq(heard),
            locates.naming.valid.eq(naming.naming.valid), locates.naming.payload.eq(naming.naming.payload),
            self.naming.valid.eq(naming.naming.valid), self.naming.payload.eq(naming.naming.payload),
        ]

        # Stage -1, while the message is judged, and stage 0.
        m.d.comb += [
            slots.ahead.eq(self.ahead),
            locates.locate.eq(slots.locate),
            table.old.eq(slots.old),
            table.new.eq(slots.new),
            table.scan.eq(arbiter.scan & ~self.ahead.valid),
            table.row.eq(arbiter.requests.payload.row),
            locates.stock.eq(slots.stock),
            locates.directory.eq(slots.directory),
            price_grid.price.eq(slots.price),
            state.message.eq(slots.message),
            state.types.eq(slots.types),
        ]
        market_wide = Signal()  # some messages are about every symbol
        m.d.sync += market_wide.eq(slots.types.S | slots.types.V | slots.types.W)

        # Stage 1: is it about a configured symbol?
        op = carry(m, slots.operation, since=1, until=6, name="operation")
        own = ("load", "vouch", "hold", "release", "window", "query")
        is_own = Cat(op[1][kind] for kind in own).any()
        publishes = carry(m, Signal(name="publishes_1"), since=1, until=6, name="publishes")
        acts = carry(m, Signal(name="acts_1"), since=1, until=6, name="acts")
        symbol_1, symbol_2 = Mux(op[1].message, locates.symbol, op[1].symbol), Signal.like(locates.symbol)
        m.d.sync += symbol_2.eq(symbol_1)
        symbol = carry(m, Mux(locates.learned, locates.learned_symbol, symbol_2), since=2, until=6, name="symbol")
        side = carry(m, table.side, since=1, until=6, name="side")
        m.d.comb += [
            publishes[1].eq(op[1].message & locates.mapped & ~market_wide),
            acts[1].eq(publishes[1] | is_own),
            table.operation.eq(op[1]),
            price_grid.fine.eq(Mux(op[1].message, locates.fine, op[1].fine)),
            table.slot_index.eq(price_grid.slot_index),
            *(part.symbol.eq(symbol_1) for part in (table, zones, ladder)),
            *(part.side.eq(table.side) for part in (zones, ladder)),
            ladder.find_slot.eq(table.find_slot),
            ladder.place_slot.eq(table.place_slot),
            *(to.eq(entry) for to, entry in zip(recentre.scanned, table.scanned, strict=True)),
            recentre.scanned_valid.eq(op[1].scan),
        ]

        # Stage 2: what happens to the order, and where its price lies.
        m.d.comb += [
            table.mapped.eq(acts[2]),
            state.mapped.eq(publishes[2]),
            state.symbol.eq(symbol[2]),
            table.off.eq(price_grid.off),
            zones.write.eq(op[2].window),
            zones.windows.eq(slots.windows),
            zones.find_price.eq(table.find_price),
            zones.find_off.eq(table.off_ladder),
            zones.place_price.eq(op[2].price),
            zones.place_off.eq(price_grid.off),
            zones.entering.eq(recentre.entering),
            far.symbol.eq(symbol[2]),
            far.side.eq(side[2]),
        ]

        # Stage 3: an order is in its level, or far and counted as such, or on its way from one to the other.
        effect, found, placed = table.effect, zones.find, zones.place
        adds, counts = Signal(), Signal()
        m.d.comb += [
            adds.eq(effect.add & ~effect.full),
            counts.eq(placed.inside | placed.entering),
            table.place_held.eq(counts),
            table.place_better.eq(placed.far_better),
            table.find_better.eq(found.far_better),
            table.holds.eq(found.entering),
            table.releases.eq(~found.inside & ~found.entering),
            ladder.row.eq(zones.row),
            state.found.eq(effect.found),
            state.price.eq(effect.price),
        ]
        holds = effect.moves & op[3].hold & found.entering
        releases = effect.moves & op[3].release & ~found.inside & ~found.entering
        recounts = effect.moves & op[3].hold & ~found.inside & ~found.entering & (effect.better ^ found.far_better)
        m.d.comb += [
            ladder.adds.eq(adds & counts | holds),
            ladder.add_shares.eq(effect.add_shares),
            ladder.takes.eq(effect.held & (effect.remove | effect.reduce) | releases),
            ladder.take_orders.eq(effect.remove | releases),
            ladder.take_shares.eq(effect.take_shares),
            ladder.masked.eq(op[3].masked),
            ladder.word_mask.eq(depth.word_mask),
            ladder.place_mask.eq(depth.place_mask),
            far.adds.eq(adds), far.removes.eq(effect.remove), far.held.eq(effect.held),
            far.was_better.eq(effect.better), far.holds.eq(holds), far.releases.eq(releases),
            far.recounts.eq(recounts), far.window.eq(op[3].window), far.from_better.eq(zones.from_better),
            far.find.eq(found), far.place.eq(placed),
        ]

        # Stage 4: faults.
        faults = state.faults.shape().members
        m.d.comb += [
            state.vouch.eq(op[4].vouch),
            *(state.faults[name].eq(getattr(table, name)) for name in faults),
        ]

        # Stage 6: both sides, which hide behind any fault. Of a message that is no order's the ladder knows nothing,
        # since a directory message's symbol comes too late for it.
        update, best, shown, known, looked_up = state.update, ladder.best, Signal(Best), Signal(), Signal()
        m.d.comb += [
            known.eq(~far.better & Mux(best.any, best.inside, ~far.worse)),
            shown.known.eq(known),
            sides.symbol.eq(symbol[5]),
            sides.side.eq(side[5]),
            sides.best.eq(shown),
            looked_up.eq(acts[6] & (op[6].order | ~op[6].message)),
            sides.update.eq(looked_up & ~op[6].masked),
        ]
        with m.If(known & best.any):
            m.d.comb += [shown[name].eq(best[name]) for name in ("price", "quantity", "orders")]
        complete = Signal(layout(UPDATE))
        m.d.comb += complete.eq(update)
        for name, one in (("bid", sides.bid), ("ask", sides.ask)):
            with m.If(state.sound):
                m.d.comb += [complete[f"{name}_{part}"].eq(one[part]) for part in one.shape().members]
        m.d.sync += [self.updates.valid.eq(publishes[6]), self.updates.payload.eq(complete)]

        # What an operation found and did, for those who look at the book beside the messages.
        did_3 = Signal(result(design))
        m.d.comb += [
            did_3.takes.eq(ladder.takes), did_3.take_price.eq(effect.price), did_3.take_shares.eq(effect.take_shares),
            did_3.take_orders.eq(ladder.take_orders),
            did_3.adds.eq(ladder.adds), did_3.add_shares.eq(effect.add_shares), did_3.add_price.eq(op[3].price),
            did_3.window.eq(zones.row),
        ]
        did = carry(m, did_3, since=3, until=6, name="did")[6]
        results = Signal(result(design))
        m.d.comb += [
            results.eq(did),
            results.valid.eq(looked_up), results.query.eq(op[6].query), results.masked.eq(op[6].masked),
            results.windowed.eq(op[6].window), results.symbol.eq(symbol[6]), results.side.eq(side[6]),
            results.message.eq(op[6].number), results.sound.eq(state.sound),
            results.better.eq(far.better), results.worse.eq(far.worse),
            *(results[name].eq(best[name]) for name in best.shape().members),
            recentre.results.eq(results), depth.results.eq(results),
        ]
        for name in ("windows", "depths"):
            source, tap = (recentre if name == "windows" else depth), getattr(self, name)
            m.d.comb += [tap.valid.eq(getattr(source, name).valid), tap.payload.eq(getattr(source, name).payload)]
        load = self.loads.payload
        m.d.comb += [
            self.loads.valid.eq(op[1].load | op[1].vouch), load.message.eq(op[1].number), load.symbol.eq(op[1].symbol),
            load.side.eq(op[1].side), load.reference.eq(op[1].old), load.price.eq(op[1].price),
            load.shares.eq(op[1].shares), load.vouch.eq(op[1].vouch),
        ]

        counted = self.counters
        filtered, out_of_range = Signal(), Signal()
        m.d.sync += [
            filtered.eq(op[1].message & ~locates.mapped & ~market_wide & ~locates.out_of_range),
            out_of_range.eq(locates.out_of_range),
        ]
        count(m, counted, "updates", publishes[6])
        count(m, counted, "filtered", filtered)
        count(m, counted, "locate_range", out_of_range)
        for name in faults:
            count(m, counted, name, getattr(table, name))
        for zone in ("better", "worse"):
            added = Signal(name=f"added_{zone}")
            m.d.sync += added.eq(adds & placed[zone])
            count(m, counted, f"zone_{zone}", added)
        count(m, counted, "loads", op[2].load)
        count(m, counted, "load_foreign", arbiter.foreign)
        count(m, counted, "symbols_set", naming.naming.valid)
        count(m, counted, "symbols_refused", naming.echo.valid & naming.echo.payload.refused)
        count(m, counted, "vouched", op[2].vouch)
        count(m, counted, "windows", self.windows.valid)
        count(m, counted, "depths", self.depths.valid)
        return m
