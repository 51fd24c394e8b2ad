"""VWAP's sums: what was traded, and for how much, per symbol."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.fixed_point import PRICE_BITS, VOLUME_BITS
from spec.records import SYMBOL_BITS, UPDATE, Trade

from ..arithmetic import add_sub
from ..memory import ForwardedMemory
from ..multiplier import Multiplier
from ..pipeline import delay
from ..records import records
from .matches import SHARES_BITS, Matches


class Vwap(wiring.Component):
    """Sums price * shares and shares over prints; a broken trade takes its print back. ``spec.fixed_point``.

    Latency: 6 cycles from ``updates`` to the sums after that update. II = 1. By cycle:

    0. read the print of this match number and the symbol's volume;
    1. forward them;
    2. decide: does the volume fit, is the broken trade's print there? Volume, and whether it is known;
    3. 4. multiply price and shares of the print, made or broken; read the notional;
    5. notional.

    Parameters
    ----------
    symbols : int
    matches : int
        Prints that can be taken back; a power of two, at least 2.
    volume_bits : int
        A print that would carry the volume past these cannot be counted. ``spec.fixed_point`` says 48; tests say less.

    Members
    -------
    updates : In(records(UPDATE))
    known : Out(1)
    notional : Out(32 + volume_bits)
        1/10 000 dollar x shares. 0 unless known.
    volume : Out(volume_bits)
        Shares. 0 unless known.
    counted, uncounted, broken, break_unknown : Out(1)
        Events, for the counters: a print taken, a print that cannot be, a print taken back, a broken trade not found.
    ready : Out(1)
        The memories are swept.
    """

    LATENCY = 6

    def __init__(self, *, symbols: int, matches: int, volume_bits: int = VOLUME_BITS):
        if not 1 <= symbols <= 1 << SYMBOL_BITS:
            raise ValueError(f"symbols must be 1 to {1 << SYMBOL_BITS}, not {symbols!r}")
        if not SHARES_BITS <= volume_bits <= VOLUME_BITS:
            raise ValueError(f"volume_bits must be {SHARES_BITS} to {VOLUME_BITS}, not {volume_bits!r}")
        self._symbols = symbols
        self._matches = matches
        self._volume_bits = volume_bits
        super().__init__({
            "updates": In(records(UPDATE)),
            "known": Out(1),
            "notional": Out(PRICE_BITS + volume_bits),
            "volume": Out(volume_bits),
            "counted": Out(1),
            "uncounted": Out(1),
            "broken": Out(1),
            "break_unknown": Out(1),
            "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        depth, notional_bits = max(self._symbols, 2), PRICE_BITS + self._volume_bits
        volume_layout = data.StructLayout({"unknown": 1, "volume": self._volume_bits})
        m.submodules.matches = matches = Matches(depth=self._matches)
        m.submodules.volumes = volumes = ForwardedMemory(shape=volume_layout, depth=depth, latency=2)
        m.submodules.multiplier = multiplier = Multiplier()
        m.submodules.notionals = notionals = ForwardedMemory(
            shape=notional_bits, depth=depth, latency=2)
        m.d.comb += self.ready.eq(matches.ready & volumes.ready & notionals.ready)

        # Cycle 0.
        update = self.updates.payload
        m.d.comb += [
            matches.match.eq(update.match),
            matches.symbol.eq(update.symbol),
            matches.price.eq(update.trade_price),
            matches.shares.eq(update.trade_shares),
            volumes.read_address.eq(update.symbol),
        ]
        fits = ~update.trade_shares[SHARES_BITS:].any()
        is_print, is_break, is_unpriced = Signal(), Signal(), Signal()
        m.d.sync += [
            is_print.eq(self.updates.valid & (update.trade == Trade.PRINT) & fits),
            is_break.eq(self.updates.valid & (update.trade == Trade.BREAK)),
            is_unpriced.eq(self.updates.valid & ((update.trade == Trade.UNPRICED)
                                                 | (update.trade == Trade.PRINT) & ~fits)),
        ]

        # Cycle 2: a broken trade has its print's price and shares, any other record its own.
        is_print = delay(m, is_print, 1, name="is_print", reset=True)
        is_break = delay(m, is_break, 1, name="is_break", reset=True)
        is_unpriced = delay(m, is_unpriced, 1, name="is_unpriced", reset=True)
        price = Mux(is_break, matches.found_price, delay(m, update.trade_price, 2, name="price"))
        shares = Mux(is_break, matches.found_shares, delay(m, update.trade_shares[:SHARES_BITS], 2, name="shares"))
        volume = volumes.read_data.volume
        total = Signal(self._volume_bits + 1)
        counted, broken = Signal(), Signal()
        m.d.comb += [
            total.eq(add_sub(volume, shares, is_break, bits=self._volume_bits + 1)),
            counted.eq(is_print & ~total[-1]),
            broken.eq(is_break & matches.found),
            matches.store.eq(counted),
            matches.remove.eq(broken),
        ]
        uncounted, break_unknown = is_unpriced | is_print & total[-1], is_break & ~matches.found
        m.d.comb += [
            volumes.write_address.eq(delay(m, update.symbol, 2, name="volume_symbol")),
            volumes.write_data.volume.eq(Mux(counted | broken, total, volume)),
            volumes.write_data.unknown.eq(volumes.read_data.unknown | uncounted | break_unknown),
            volumes.write_enable.eq(is_print | is_break | is_unpriced),
        ]
        m.d.sync += [
            self.counted.eq(counted),
            self.uncounted.eq(uncounted),
            self.broken.eq(broken),
            self.break_unknown.eq(break_unknown),
        ]

        # Cycle 3.
        symbol = delay(m, update.symbol, 3, name="symbol")
        m.d.sync += [multiplier.left.eq(price), multiplier.right.eq(shares)]
        m.d.comb += notionals.read_address.eq(symbol)
        unknown = delay(m, volumes.write_data.unknown, 3, name="unknown")
        volume = delay(m, volumes.write_data.volume, 3, name="volume")

        # Cycle 5.
        counted = delay(m, counted, 3, name="counted", reset=True)
        broken = delay(m, broken, 3, name="broken", reset=True)
        change = Mux(counted | broken, multiplier.product, 0)
        total = Signal(notional_bits)
        m.d.comb += [
            total.eq(add_sub(notionals.read_data, change, broken, bits=notional_bits)),
            notionals.write_address.eq(delay(m, symbol, 2, name="notional_symbol")),
            notionals.write_data.eq(total),
            notionals.write_enable.eq(counted | broken),
        ]
        m.d.sync += [
            self.known.eq(~unknown),
            self.notional.eq(Mux(unknown, 0, total)),
            self.volume.eq(Mux(unknown, 0, volume)),
        ]
        return m
