"""The strategy stage: a signal, and around it what no strategy may skip."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.itch import BOOK_TYPES
from spec.records import INDICATOR, INTENT, UPDATE, Side

from ..candidates import Candidates
from ..counting import count
from ..indicators import Indicators
from ..pipeline import delay
from ..records import counters, records
from .cooldown import Cooldown
from .imbalance import Imbalance
from .interface import TradingSignal, Wish

__all__ = ["SIGNALS", "Strategy", "TradingSignal", "Wish"]

#: Every signal, by configured name.
SIGNALS: dict[str, type[TradingSignal]] = {"imbalance": Imbalance}


class Strategy(wiring.Component):
    """An ``Intent`` for each update at which the signal fires, unless something forbids it.

    Only messages that may change the book (A, F, E, C, X, D, U) are evaluated. In this order: a side of the book is not
    known; the signal does not fire; the symbol is not tradable; the symbol is cooling down. Each but the second is
    counted, see ``spec.counters``.

    Latency: ``LATENCY`` cycles, the signal's and one more; also ``Indicators.LATENCY`` if the signal uses indicators.
    II = 1.

    Parameters
    ----------
    design : Design
        ``design.strategy``, ``design.risk.reference`` and the number of symbols are used.
    signal : TradingSignal
        Default: the one that ``design.strategy.name`` names in ``SIGNALS``.

    Members
    -------
    updates : In(records(UPDATE))
    indicators : In(records(INDICATOR))
        Of the same updates, ``Indicators.LATENCY`` cycles later.
    candidates : Out(Candidates)
        One cycle before ``intents``: from registers, and from ``wish.prices``.
    intents : Out(records(INTENT))
    ready : Out(1)
        The memory is swept, as many cycles after reset as there are symbols. No update before.
    counters : Out(counters("strategy"))
    """

    def __init__(self, *, design: Design, signal: TradingSignal | None = None):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        if signal is None:
            signal = SIGNALS[design.strategy.name](parameters=design.strategy)
        if not isinstance(signal, TradingSignal):
            raise TypeError(f"signal must be a TradingSignal, not {signal!r}")
        self._design = design
        self._signal = signal
        super().__init__({
            "updates": In(records(UPDATE)),
            "indicators": In(records(INDICATOR)),
            "candidates": Out(Candidates),
            "intents": Out(records(INTENT)),
            "ready": Out(1),
            "counters": Out(counters("strategy")),
        })

    @property
    def LATENCY(self) -> int:
        return (Indicators.LATENCY if self._signal.USES_INDICATORS else 0) + self._signal.LATENCY + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.signal = signal = self._signal
        m.submodules.cooldown = cooldown = Cooldown(
            symbols=len(self._design.symbols), nanoseconds=self._design.strategy.cooldown_ns)
        m.d.comb += self.ready.eq(cooldown.ready)

        update, valid = self.updates.payload, self.updates.valid
        if signal.USES_INDICATORS:
            update = delay(m, update, Indicators.LATENCY, name="update")
            valid = delay(m, valid, Indicators.LATENCY, name="valid", reset=True)
            m.d.comb += [
                signal.indicators.payload.eq(self.indicators.payload),
                signal.indicators.valid.eq(self.indicators.valid),
            ]
        m.d.comb += [signal.updates.payload.eq(update), signal.updates.valid.eq(valid)]

        # What becomes of the update beside the signal, until the signal's wish is there.
        changes_book, known, reference = Signal(), Signal(), Signal(32, reset_less=True)
        use_mid = self._design.risk.reference == "mid"
        m.d.sync += [
            changes_book.eq(valid & update.type.matches(*map(ord, BOOK_TYPES))),
            known.eq(update.bid_known & update.ask_known),
            reference.eq((update.bid_price + update.ask_price) >> 1 if use_mid else update.last_trade),
        ]
        rest = signal.LATENCY - 1
        changes_book = delay(m, changes_book, rest, name="changes_book", reset=True)
        known = delay(m, known, rest, name="known")
        reference = delay(m, reference, rest, name="reference")
        tradable = delay(m, update.tradable, signal.LATENCY, name="tradable")
        m.d.comb += [
            cooldown.symbol.eq(delay(m, update.symbol, rest, name="cooldown_symbol")),
            cooldown.timestamp.eq(delay(m, update.timestamp, rest, name="cooldown_timestamp")),
        ]

        wanted, fired = Signal(), Signal()
        m.d.comb += [
            wanted.eq(changes_book & known & signal.wish.fire),
            fired.eq(wanted & tradable & ~cooldown.cooling),
            cooldown.fired.eq(fired),
        ]
        candidates, intent = self.candidates, self.intents.payload
        m.d.comb += [
            candidates.quantity.eq(self._design.strategy.quantity),
            candidates.prices.eq(signal.wish.prices),
            candidates.reference.eq(reference),
        ]
        for name in ("symbol", "collar_lower", "collar_upper"):
            m.d.comb += candidates[name].eq(delay(m, update[name], signal.LATENCY, name=f"candidate_{name}"))
        m.d.sync += [
            self.intents.valid.eq(fired),
            intent.side.eq(signal.wish.side),
            intent.price.eq(Mux(signal.wish.side, candidates.prices[Side.SELL], candidates.prices[Side.BUY])),
        ]
        for name in ("symbol", "quantity", "reference", "collar_lower", "collar_upper"):
            m.d.comb += intent[name].eq(delay(m, candidates[name], 1, name=name))
        for name in ("message", "timestamp"):
            m.d.comb += intent[name].eq(delay(m, update[name], signal.LATENCY + 1, name=name))

        unknown, halted, cooling = Signal(), Signal(), Signal()
        m.d.sync += [
            unknown.eq(changes_book & ~known),
            halted.eq(wanted & ~tradable),
            cooling.eq(wanted & tradable & cooldown.cooling),
        ]
        for name, event in (("intents", self.intents.valid), ("suppressed_unknown", unknown),
                            ("suppressed_halt", halted), ("suppressed_cooldown", cooling)):
            count(m, self.counters, name, event)
        return m
