"""Moves the windows of the ladders after the market, while messages keep coming."""

from amaranth import *
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.ladder import highest_low, lowest_low, word_span
from spec.records import WINDOW

from ..memory import SweptMemory
from ..records import records
from .operation import PRICE_BITS, Ring, background, entering_layout, result, scanned_ports
from .recentre_scan import SETTLED, RecentreScan


class Step(enum.Enum, shape=2):
    """A window operation of a move. In each the book is exact at every message."""

    SHRINK = 0  #: the law keeps what the old and the new window have in common
    TURN = 1  #: the ring lies where the new window is to be
    GROW = 2  #: the law takes all of it in


class Recentre(wiring.Component):
    """Keeps the best price of every side in the middle half of its ladder.

    A result that shows a best level outside the middle half, or orders better than the window, or none inside and
    worse ones, calls for a move. Sides take turns. A side is looked at anew, where its best level does not say where
    the market is the order table is searched for the best price on the grid, and unless that lies in the middle half,
    or the law allows no other window, the window goes to ``spec.ladder.window_around`` it:

    1. the law shrinks to what both windows share;
    2. the order table is scanned: each order that is held outside the law is released to the far counts;
    3. the ring turns. What is added from here on in the new window, outside the law, is *entering*: held and far both.
       What is added beyond it is better or worse than the new window;
    4. the order table is scanned: each order between the old window and the new one's far end that is not held comes up
       for ``hold``. An entering one is held. Another one lies between windows that share nothing, and is counted anew,
       as better or worse than the new window: until here the law is empty, and their sum alone matters;
    5. the law grows to the new window.

    A message that the scans overtake does not matter: ``hold`` and ``release`` look the order up again.

    Duration: a scan takes a cycle per row and those of ``RecentreScan`` for the side's orders, and a move two or three
    scans and less than 200 cycles, as long as every request is taken at once. Sweep: 2 * symbols cycles.

    Parameters
    ----------
    design : Design

    Members
    -------
    results : In
        Stage 6, of every operation.
    scanned, scanned_valid : In
        Stage 1, of a scan: two cycles after its request is taken.
    requests : Out(stream)
        For slots that carry no message. Taken at stage -1.
    entering : Out
    windows : Out(records(WINDOW))
        Stage 7 of the operation that changes the law.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._design = design
        super().__init__({
            "results": In(result(design)), "scanned": scanned_ports(design, In), "scanned_valid": In(1),
            "requests": Out(stream.Signature(background(design))), "entering": Out(entering_layout(design)),
            "windows": Out(records(WINDOW)), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        design, ring = self._design, Ring(self._design)
        sides = 2 * len(design.symbols)
        m.submodules.scan = scan = RecentreScan(design=design)
        m.submodules.calls = calls = SweptMemory(shape=1, depth=sides)
        m.d.comb += self.ready.eq(calls.ready)

        # The side at work, and what is different for its symbol's tick.
        own, fine = Signal(range(sides)), Signal()
        side, symbol = own[0], own[1:]
        m.d.sync += fine.eq(Array(C(s.tick == 1, 1) for s in design.symbols)[symbol])

        def per_tick(function):
            """``function(tick)`` of the symbol's tick."""
            ticks = sorted({s.tick for s in design.symbols})
            return Mux(fine, *(function(tick) for tick in ticks)) if len(ticks) == 2 else function(ticks[0])

        span = per_tick(lambda tick: C(ring.levels * tick, PRICE_BITS))
        quarter, three_quarters = (
            per_tick(lambda tick, quarters=quarters: C(ring.levels // 4 * quarters * tick, PRICE_BITS))
            for quarters in (1, 3))

        # Results that call for a move. What the side at work shows during its move does not count, but at its end.
        step, moving = Signal(Step), Signal()
        seen, calling, caller = Signal.like(self.results), Signal(), Signal(range(sides))
        last = seen.valid & seen.windowed & (step == Step.GROW)
        others = Cat(seen.side, seen.symbol) != own
        m.d.sync += [
            seen.eq(self.results),
            calling.eq(seen.valid & ~seen.query & (_lost(seen) | _drifted(seen)) & (~moving | last | others)),
            caller.eq(Cat(seen.side, seen.symbol)),
        ]
        answer, price = Signal.like(self.results), Signal(PRICE_BITS)
        old, old_word = answer.window.ring_base, answer.window.ring_word

        # Where the price lies: a division by the word's span, bit by bit. Dividing by 100 is dividing by 4, then by 25.
        words_bits = PRICE_BITS - ring.word_bits
        cents_bits = ring.word_bits + 2
        quotient, remainder, bits_left = Signal(words_bits), Signal(5), Signal(range(words_bits))
        part = Cat(quotient[-1], remainder)
        divisor = per_tick(lambda tick: C(1 if tick == 1 else 25, 5))
        fits = part >= divisor

        half = ring.words // 2

        def limit(of, *, word: bool):
            """The price of ``lowest_low`` or ``highest_low``, or its word."""
            return per_tick(lambda tick: C(of(tick, ring.levels) // (word_span(tick, ring.levels) if word else 1),
                                           PRICE_BITS))

        too_low, too_high, floor, offset = Signal(), Signal(), Signal(PRICE_BITS), Signal(signed(PRICE_BITS + 1))
        low, word, high, central = Signal(PRICE_BITS), Signal(range(ring.words)), Signal(PRICE_BITS), Signal()
        move, up, shared, shift = Signal(signed(PRICE_BITS + 1)), Signal(), Signal(), Signal(range(ring.words))
        law_low, law_high, lo_word, hi_word = (Signal.like(answer.window[name], name=name)
                                               for name in ("law_low", "law_high", "lo_word", "hi_word"))
        scan_low, scan_high = Signal(PRICE_BITS), Signal(PRICE_BITS)
        turned = step != Step.SHRINK

        request = self.requests.payload
        asks, writes = Signal(), Signal()
        m.d.comb += [
            self.requests.valid.eq(asks | writes | scan.requests.valid),
            scan.requests.ready.eq(self.requests.ready),
            request.query.eq(asks),
            request.window.eq(writes),
            request.scan.eq(scan.requests.valid & scan.requests.payload.scan),
            request.hold.eq(scan.requests.valid & scan.requests.payload.act & scan.hold),
            request.release.eq(scan.requests.valid & scan.requests.payload.act & scan.release),
            request.symbol.eq(symbol), request.side.eq(side),
            request.reference.eq(scan.requests.payload.reference),
            request.price.eq(scan.requests.payload.price),
            request.row.eq(scan.requests.payload.row),
            request.windows.law_low.eq(law_low), request.windows.law_high.eq(law_high),
            request.windows.ring_base.eq(Mux(turned, low, old)),
            request.windows.ring_word.eq(Mux(turned, word, old_word)),
            request.windows.lo_word.eq(lo_word), request.windows.hi_word.eq(hi_word),
            scan.symbol.eq(symbol), scan.side.eq(side), scan.fine.eq(fine),
            scan.low.eq(scan_low), scan.high.eq(scan_high),
            *(to.eq(entry) for to, entry in zip(scan.scanned, self.scanned, strict=True)),
            scan.scanned_valid.eq(self.scanned_valid),
            self.entering.symbol.eq(symbol), self.entering.side.eq(side),
            self.entering.low.eq(low), self.entering.high.eq(high),
        ]

        looked, looked_at, turn = Signal(), Signal(range(sides)), Signal(range(sides))
        pause, paused = Signal(range(SETTLED)), Signal()
        m.d.comb += [calls.read_address[0].eq(turn), paused.eq(pause == SETTLED - 1)]
        m.d.sync += pause.eq(0)
        clear = Signal()
        m.d.comb += [
            calls.write_enable.eq(calling | clear),
            calls.write_address.eq(Mux(calling, caller, own)),
            calls.write_data.eq(calling),
        ]
        with m.FSM():
            with m.State("SEEK"):
                own_next = Mux(turn == sides - 1, 0, turn + 1)
                with m.If(looked & calls.read_data[0]):
                    m.d.sync += [own.eq(looked_at), looked.eq(0)]
                    m.next = "CLEAR"
                with m.Elif(calls.ready):
                    m.d.sync += [turn.eq(own_next), looked_at.eq(turn), looked.eq(1)]
            with m.State("CLEAR"):
                # A call in this very cycle goes first. Whatever calls later is answered by the query already or again.
                m.d.comb += clear.eq(~calling)
                with m.If(~calling):
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += asks.eq(1)
                with m.If(self.requests.ready):
                    m.next = "AWAIT"
            with m.State("AWAIT"):
                with m.If(self.results.valid & self.results.query & ~self.results.masked):
                    m.d.sync += answer.eq(self.results)
                    m.next = "JUDGE"
            with m.State("JUDGE"):
                m.d.sync += [price.eq(answer.price), step.eq(Step.SHRINK)]
                m.d.comb += [scan.find.eq(1), scan.start.eq(_lost(answer))]
                with m.If(_lost(answer)):
                    m.next = "FIND"
                with m.Elif(_drifted(answer)):
                    m.next = "LOAD"
                with m.Else():
                    m.next = "SEEK"
            with m.State("FIND"):
                m.d.comb += scan.find.eq(1)
                m.d.sync += price.eq(scan.price)
                with m.If(scan.done):
                    with m.If(scan.found):
                        m.next = "LOAD"
                    with m.Else():
                        m.next = "SEEK"
            with m.State("LOAD"):
                m.d.sync += [
                    quotient.eq(per_tick(lambda tick: price[ring.word_bits if tick == 1 else cents_bits:])),
                    remainder.eq(0), bits_left.eq(words_bits - 1), offset.eq(price - old),
                ]
                m.next = "DIVIDE"
            with m.State("DIVIDE"):
                m.d.sync += [
                    quotient.eq(Cat(fits, quotient)),
                    remainder.eq(Mux(fits, part - divisor, part)),
                    bits_left.eq(bits_left - 1),
                    central.eq((offset >= quarter) & (offset < three_quarters)),
                ]
                with m.If(bits_left == 0):
                    m.next = "ROUND"
            with m.State("ROUND"):
                # The quotient is the price's word.
                m.d.sync += [
                    floor.eq(per_tick(lambda tick: Cat(C(0, ring.word_bits), price[ring.word_bits:]) if tick == 1
                                      else Cat(C(0, cents_bits), price[cents_bits:] - remainder))),
                    too_low.eq(quotient < limit(lowest_low, word=True) + half),
                    too_high.eq(quotient > limit(highest_low, word=True) + half),
                ]
                m.next = "AIM"
            with m.State("AIM"):
                m.d.sync += [low.eq(floor - (span >> 1)), word.eq(quotient - half)]
                for reached, of in ((too_low, lowest_low), (too_high, highest_low)):
                    with m.If(reached):
                        m.d.sync += [low.eq(limit(of, word=False)), word.eq(limit(of, word=True))]
                m.next = "MEASURE"
            with m.State("MEASURE"):
                m.d.sync += [high.eq(low + span), move.eq(low - old)]
                m.next = "COMPARE"
            with m.State("COMPARE"):
                m.d.sync += [
                    up.eq(move >= 0),
                    shared.eq((move < span) & (move > -span)),
                    shift.eq(Mux(move >= 0, word - old_word, old_word - word)),
                ]
                m.next = "SEEK"
                with m.If((move != 0) & ~central):
                    m.next = "SHRINK"
            with m.State("SHRINK"):
                m.d.sync += [
                    law_low.eq(Mux(up, low, old)),
                    law_high.eq(Mux(shared, Mux(up, answer.window.law_high, high), Mux(up, low, old))),
                    moving.eq(1),
                ]
                m.next = "PLACE"
            with m.State("PLACE"):
                # The law's words: the upper ones of the old ring are the lower ones of a new one above it.
                m.d.sync += [
                    lo_word.eq(0), hi_word.eq(0),
                    scan_low.eq(Mux(turned, Mux(up, answer.window.law_high, low), law_low)),
                    scan_high.eq(Mux(turned, Mux(up, high, old), law_high)),
                ]
                with m.If(step == Step.GROW):
                    m.d.sync += hi_word.eq(ring.words)
                with m.Elif(shared):
                    m.d.sync += [lo_word.eq(Mux(up ^ turned, shift, 0)),
                                 hi_word.eq(Mux(up ^ turned, ring.words, ring.words - shift))]
                m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += writes.eq(1)
                with m.If(self.requests.ready):
                    m.next = "WRITTEN"
            with m.State("WRITTEN"):
                m.d.sync += pause.eq(pause + 1)
                with m.If(paused):
                    with m.Switch(step):
                        with m.Case(Step.SHRINK):
                            m.d.comb += [scan.release.eq(1), scan.start.eq(1)]
                            m.next = "RELEASE"
                        with m.Case(Step.TURN):
                            m.d.sync += [self.entering.active.eq(1), pause.eq(0)]
                            m.next = "ENTER"
                        with m.Default():
                            m.d.sync += self.entering.active.eq(0)
                            m.next = "SEEK"
            with m.State("RELEASE"):
                m.d.comb += scan.release.eq(1)
                m.d.sync += step.eq(Step.TURN)
                with m.If(scan.done):
                    m.next = "PLACE"
            with m.State("ENTER"):
                m.d.sync += pause.eq(pause + 1)
                with m.If(paused):
                    m.d.comb += [scan.hold.eq(1), scan.start.eq(1)]
                    m.next = "HOLD"
            with m.State("HOLD"):
                m.d.comb += scan.hold.eq(1)
                with m.If(scan.done):
                    m.d.sync += [step.eq(Step.GROW), law_low.eq(low), law_high.eq(high)]
                    m.next = "PLACE"

        with m.If(last):
            m.d.sync += moving.eq(0)

        window = self.windows.payload
        m.d.sync += [
            self.windows.valid.eq(self.results.valid & self.results.windowed & (step != Step.TURN)),
            window.message.eq(self.results.message), window.symbol.eq(symbol), window.side.eq(side),
            window.low.eq(law_low), window.high.eq(law_high),
        ]
        return m


def _drifted(found) -> Value:
    """The best level lies in the lowest or the highest quarter of the ring."""
    return found.any & (found.number[-1] == found.number[-2])


def _lost(found) -> Value:
    """The best price is not on the ladder."""
    return found.better | ~found.any & found.worse
