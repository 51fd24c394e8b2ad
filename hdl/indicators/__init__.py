"""The indicators stage: VWAP, simple and exponential moving averages per symbol, beside the hot path."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.fixed_point import AVERAGE_BITS, FRACTION_BITS, VOLUME_BITS
from spec.records import INDICATOR, UPDATE, VWAP

from ..counting import count
from ..pipeline import delay
from ..records import counters, records
from .divider import Divider
from .ema import Ema
from .samples import Sampler
from .sma import Sma
from .vwap import Vwap

__all__ = ["Indicators"]


class Indicators(wiring.Component):
    """One ``Indicator`` and one ``Vwap`` per ``Update``.

    Latency: ``LATENCY`` cycles from ``updates`` to ``indicators``, ``VWAP_LATENCY`` cycles to ``vwaps``, whatever the
    load. II = 1: an update sees what all before it have done, that of its own symbol one cycle ahead included.

    Fixed point and rounding: ``spec.fixed_point``. Counters: ``spec.counters``.

    Parameters
    ----------
    design : Design
        ``design.indicators`` and the number of symbols are used.

    Members
    -------
    updates : In(records(UPDATE))
    indicators : Out(records(INDICATOR))
    vwaps : Out(records(VWAP))
    ready : Out(1)
        The memories are swept, as many cycles after reset as the deepest has words. No update before.
    counters : Out(counters("indicators"))
    """

    LATENCY = Vwap.LATENCY
    VWAP_LATENCY = LATENCY + AVERAGE_BITS

    def __init__(self, *, design: Design):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        self._design = design
        super().__init__({
            "updates": In(records(UPDATE)),
            "indicators": Out(records(INDICATOR)),
            "vwaps": Out(records(VWAP)),
            "ready": Out(1),
            "counters": Out(counters("indicators")),
        })

    def elaborate(self, platform):
        m = Module()
        symbols, parameters = len(self._design.symbols), self._design.indicators
        m.submodules.vwap = vwap = Vwap(symbols=symbols, matches=parameters.matches)
        m.submodules.sampler = sampler = Sampler(source=parameters.source)
        m.submodules.sma = sma = Sma(symbols=symbols, length=parameters.sma)
        m.submodules.ema = ema = Ema(symbols=symbols, length=parameters.ema)
        m.submodules.divider = divider = Divider(divisor_bits=VOLUME_BITS, quotient_bits=AVERAGE_BITS)
        assert sampler.LATENCY + sma.LATENCY == self.LATENCY and divider.LATENCY == self.VWAP_LATENCY - self.LATENCY

        m.d.comb += [
            vwap.updates.payload.eq(self.updates.payload),
            vwap.updates.valid.eq(self.updates.valid),
            sampler.updates.payload.eq(self.updates.payload),
            sampler.updates.valid.eq(self.updates.valid),
            sma.sample.eq(sampler.sample),
            ema.sample.eq(delay(m, sampler.sample, sma.LATENCY - ema.LATENCY, name="ema_sample", reset=True)),
            self.ready.eq(vwap.ready & sma.ready & ema.ready),
        ]

        update, indicator = self.updates.payload, self.indicators.payload
        m.d.comb += [
            indicator.message.eq(delay(m, update.message, self.LATENCY, name="message")),
            indicator.symbol.eq(delay(m, update.symbol, self.LATENCY, name="symbol")),
            indicator.vwap_known.eq(vwap.known),
            indicator.notional.eq(vwap.notional),
            indicator.volume.eq(vwap.volume),
            indicator.sma_known.eq(sma.known),
            indicator.sma.eq(sma.average),
            indicator.ema_known.eq(ema.known),
            indicator.ema.eq(ema.average),
            self.indicators.valid.eq(delay(m, self.updates.valid, self.LATENCY, name="valid", reset=True)),
        ]

        m.d.comb += [
            divider.dividend.eq(Cat(C(0, FRACTION_BITS), indicator.notional)),
            divider.divisor.eq(indicator.volume),
        ]
        # The notional and the volume of a VWAP that is not known are zero.
        known = Signal()
        m.d.sync += known.eq(indicator.volume.any())
        known = delay(m, known, divider.LATENCY - 1, name="known")
        quotient = self.vwaps.payload
        m.d.comb += [
            quotient.message.eq(delay(m, indicator.message, divider.LATENCY, name="vwap_message")),
            quotient.symbol.eq(delay(m, indicator.symbol, divider.LATENCY, name="vwap_symbol")),
            quotient.known.eq(known),
            quotient.vwap.eq(Mux(known, divider.quotient, 0)),
            self.vwaps.valid.eq(delay(m, self.indicators.valid, divider.LATENCY, name="vwap_valid", reset=True)),
        ]

        for name, event in (("samples", sampler.sample.take), ("prints", vwap.counted), ("breaks", vwap.broken),
                            ("break_unknown", vwap.break_unknown), ("print_unpriced", vwap.uncounted)):
            count(m, self.counters, name, event)
        return m
