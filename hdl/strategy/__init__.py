"""The strategy stage: a signal, and around it what no strategy may skip."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spec.config import Design
from spec.itch import BOOK_TYPES
from spec.records import INDICATOR, INTENT, PARAMETERS, PARAMETERS_SET, REQUEST, UPDATE, Action, Side

from ..candidates import Candidates
from ..counting import count
from ..indicators import Indicators
from ..pipeline import delay
from ..records import counters, layout, records
from .cooldown import Cooldown
from .imbalance import Imbalance
from .interface import TradingSignal, Wish
from .parameters import Parameters
from .requests import Market, Requests

__all__ = ["SIGNALS", "Strategy", "TradingSignal", "Wish"]

#: Every signal, by configured name.
SIGNALS: dict[str, type[TradingSignal]] = {"imbalance": Imbalance}


class Strategy(wiring.Component):
    """An ``Intent`` for each update at which the signal fires, unless something forbids it, and for each request.

    Only messages that may change the book (A, F, E, C, X, D, U) are evaluated. In this order: a side of the book is not
    known; the signal does not fire; the symbol is not tradable; the symbol is cooling down. Each but the second is
    counted, see ``spec.counters``. A request of the host takes the place of an update in a cycle without one, and is
    held back by none of these: that is risk's business. It becomes an intent with the message number and timestamp of
    the update before it. Parameters of the host hold from one update to the next, as a whole.

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
    parameters : In(stream of PARAMETERS)
        Of the host; ready is always high.
    requests : In(stream of REQUEST)
        Of the host, with backpressure.
    candidates : Out(Candidates)
        One cycle before ``intents``: from registers, prices from one multiplexer behind ``wish.prices``.
    intents : Out(records(INTENT))
    parameters_set : Out(records(PARAMETERS_SET))
    ready : Out(1)
        The memories are swept, as many cycles after reset as there are symbols. No update before.
    counters : Out(counters("strategy"))
    """

    def __init__(self, *, design: Design, signal: TradingSignal | None = None):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        if signal is None:
            signal = SIGNALS[design.strategy.name](configuration=design.strategy)
        if not isinstance(signal, TradingSignal):
            raise TypeError(f"signal must be a TradingSignal, not {signal!r}")
        self._design = design
        self._signal = signal
        super().__init__({
            "updates": In(records(UPDATE)),
            "indicators": In(records(INDICATOR)),
            "parameters": In(stream.Signature(layout(PARAMETERS))),
            "requests": In(stream.Signature(layout(REQUEST))),
            "candidates": Out(Candidates),
            "intents": Out(records(INTENT)),
            "parameters_set": Out(records(PARAMETERS_SET)),
            "ready": Out(1),
            "counters": Out(counters("strategy")),
        })

    @property
    def LATENCY(self) -> int:
        return (Indicators.LATENCY if self._signal.USES_INDICATORS else 0) + self._signal.LATENCY + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.signal = signal = self._signal
        m.submodules.parameter_registers = parameters = Parameters(design=self._design)
        m.submodules.cooldown = cooldown = Cooldown(symbols=len(self._design.symbols))
        m.submodules.requests = requests = Requests(symbols=len(self._design.symbols))
        connect(m, flipped(self.parameters), parameters.given)
        connect(m, flipped(self.requests), requests.requests)
        connect(m, parameters.echo, flipped(self.parameters_set))
        m.d.comb += self.ready.eq(cooldown.ready & requests.ready)

        update, valid = self.updates.payload, self.updates.valid
        if signal.USES_INDICATORS:
            update = delay(m, update, Indicators.LATENCY, name="update")
            valid = delay(m, valid, Indicators.LATENCY, name="valid", reset=True)
            m.d.comb += [
                signal.indicators.payload.eq(self.indicators.payload),
                signal.indicators.valid.eq(self.indicators.valid),
            ]
        m.d.comb += [signal.updates.payload.eq(update), signal.updates.valid.eq(valid),
                     signal.parameters.eq(parameters.active)]

        m.d.comb += [
            requests.free.eq(~valid),
            requests.write.eq(valid),
            requests.symbol.eq(update.symbol),
            requests.news.reference.eq(self._reference(update)),
            requests.news.bid.eq(update.bid_price),
        ]
        for name in ("collar_lower", "collar_upper", "tradable", "short_restricted"):
            m.d.comb += requests.news[name].eq(update[name])
        candidates = self.candidates
        host = self._slot(m, update, valid, parameters.active.quantity, requests)

        # What becomes of the update beside the signal, until the signal's wish is there.
        changes_book, known = Signal(), Signal()
        m.d.sync += [
            changes_book.eq(valid & update.type.matches(*map(ord, BOOK_TYPES))),
            known.eq(update.bid_known & update.ask_known),
        ]
        rest = signal.LATENCY - 1
        changes_book = delay(m, changes_book, rest, name="changes_book", reset=True)
        known = delay(m, known, rest, name="known")
        m.d.comb += [
            cooldown.symbol.eq(delay(m, update.symbol, rest, name="cooldown_symbol")),
            cooldown.timestamp.eq(delay(m, update.timestamp, rest, name="cooldown_timestamp")),
            cooldown.nanoseconds.eq(delay(m, parameters.active.cooldown_ns, rest, name="cooldown_ns")),
        ]
        wanted, fired = Signal(), Signal()
        m.d.comb += [
            wanted.eq(changes_book & known & signal.wish.fire),
            fired.eq(wanted & candidates.tradable & ~cooldown.cooling),
            cooldown.fired.eq(fired),
        ]

        intent, asked = self.intents.payload, delay(m, requests.request, signal.LATENCY, name="asked")
        sell = Mux(host, asked.side, signal.wish.side)
        m.d.comb += Value.cast(candidates.prices).eq(
            Mux(host, asked.price.replicate(2), Value.cast(signal.wish.prices)))
        m.d.sync += [
            self.intents.valid.eq(fired | host),
            intent.side.eq(sell),
            intent.price.eq(Mux(sell, candidates.prices[Side.SELL], candidates.prices[Side.BUY])),
        ]
        for name in Candidates.as_shape().members:
            if name != "prices":
                m.d.sync += intent[name].eq(candidates[name])
        slots = {}
        for name in ("message", "timestamp"):
            last = Signal.like(update[name], name=f"last_{name}", init=-1 if name == "message" else 0)
            slots[name] = slot = Signal.like(update[name], name=f"slot_{name}")
            m.d.comb += slot.eq(Mux(valid, update[name], last))
            m.d.sync += last.eq(slot)
            m.d.comb += intent[name].eq(delay(m, slot, signal.LATENCY + 1, name=name))
        m.d.comb += parameters.message.eq(slots["message"])

        unknown, halted, cooling = Signal(), Signal(), Signal()
        m.d.sync += [
            unknown.eq(changes_book & ~known),
            halted.eq(wanted & ~candidates.tradable),
            cooling.eq(wanted & candidates.tradable & cooldown.cooling),
        ]
        for name, event in (("intents", self.intents.valid & ~intent.host), ("suppressed_unknown", unknown),
                            ("suppressed_halt", halted), ("suppressed_cooldown", cooling),
                            ("requests", self.intents.valid & intent.host), ("requests_foreign", requests.foreign),
                            ("parameters_set", parameters.echo.valid)):
            count(m, self.counters, name, event)
        return m

    def _reference(self, update) -> Value:
        """What the collars are around."""
        middle = {"mid": ("bid_price", "ask_price"), "luld": ("collar_lower", "collar_upper")}
        if names := middle.get(self._design.risk.reference):
            return (update[names[0]] + update[names[1]]) >> 1
        return update.last_trade

    def _slot(self, m, update, valid, quantity, requests) -> Value:
        """All of the candidates but their prices; whether they are the host's."""
        request, market = requests.request, requests.market
        gap = Signal()
        slot = {
            "symbol": Mux(valid, update.symbol, request.symbol),
            "action": Mux(valid, Action.ENTER.value, request.action),
            "host": ~valid,
            "target": Mux(valid, 0, request.target),
            "quantity": Mux(valid, quantity, request.quantity),
            "gap": Mux(valid, update.gap, gap),
        } | {name: Mux(valid, requests.news[name], market[name]) for name in Market.as_shape().members}
        m.d.sync += gap.eq(slot["gap"])
        for name, value in slot.items():
            m.d.comb += self.candidates[name].eq(delay(m, value, self._signal.LATENCY, name=name))
        return delay(m, requests.taken, self._signal.LATENCY, name="host", reset=True)
