"""indicators: for every update the symbol's VWAP, SMA and EMA, in the fixed point of ``spec.fixed_point``.

Policies, and why:

- VWAP counts what ``Trade.PRINT`` says. A print at an unknown price, of 2**32 shares or more, or that would carry the
  volume past 2**48 cannot be counted; the symbol's VWAP is unknown from then on, until reset. So it is after a broken
  trade whose print is no longer stored: it cannot be taken back.
- The last prints are stored by match number, direct-mapped, all symbols in one memory, so that a broken trade finds its
  print without a search. A print that was not counted is not stored.
- Sums go on, and are counted, while a VWAP is unknown; they are just not shown.
- A sample of the mid is taken at each message that may change the book, whether it did or not, when both best prices
  are known and there.
"""

from spec.config import Design
from spec.fixed_point import FRACTION_BITS, VOLUME_BITS
from spec.itch import BOOK_TYPES
from spec.records import INDICATOR, VWAP, Trade

from .counting import Counters

_BOOK_TYPES = frozenset(BOOK_TYPES.encode())
_PRINT, _BREAK, _UNPRICED = Trade.PRINT.value, Trade.BREAK.value, Trade.UNPRICED.value
_SHARES_LIMIT = 1 << 32
_make = tuple.__new__


class _Averages:
    """One symbol's sums."""

    def __init__(self, sma_length: int):
        self.vwap_known = 1
        self.notional = self.volume = 0
        self.ring = [0] * sma_length
        self.samples = 0
        self.total = 0
        self.ema = 0


class Indicators:
    """The indicators stage.

    Members
    -------
    counters : dict[str, int]
    """

    def __init__(self, design: Design):
        self.counters = Counters("indicators")
        self._source = design.indicators.source
        self._sma_length = design.indicators.sma
        self._sma_shift = design.indicators.sma.bit_length() - 1
        self._ema_shift = (design.indicators.ema + 1).bit_length() - 2
        self._symbols = [_Averages(self._sma_length) for _ in design.symbols]
        self._match_count = design.indicators.matches
        self._matches: dict[int, tuple[int, int, int, int]] = {}  # slot -> match, symbol, price, shares

    def update(self, u) -> tuple:
        """The ``Indicator`` and the ``Vwap`` of an ``Update``."""
        symbol = self._symbols[u.symbol]
        if u.trade == _PRINT:
            self._print(symbol, u)
        elif u.trade == _BREAK:
            self._break(symbol, u)
        elif u.trade == _UNPRICED:
            self._give_up(symbol, "print_unpriced")
        sample = self._sample(u)
        if sample is not None:
            self._average(symbol, sample)
        notional, volume = (symbol.notional, symbol.volume) if symbol.vwap_known else (0, 0)
        full = symbol.samples >= self._sma_length
        indicator = _make(INDICATOR.tuple, (
            u.message, u.symbol, symbol.vwap_known, notional, volume,
            int(full), symbol.total >> self._sma_shift if full else 0,
            int(symbol.samples > 0), symbol.ema))
        vwap = (notional << FRACTION_BITS) // volume if volume else 0
        return indicator, _make(VWAP.tuple, (u.message, u.symbol, int(volume > 0), vwap))

    def _print(self, symbol: _Averages, u) -> None:
        if u.trade_shares >= _SHARES_LIMIT or symbol.volume + u.trade_shares >> VOLUME_BITS:
            self._give_up(symbol, "print_unpriced")
            return
        symbol.notional += u.trade_price * u.trade_shares
        symbol.volume += u.trade_shares
        self._matches[u.match % self._match_count] = u.match, u.symbol, u.trade_price, u.trade_shares
        self.counters["prints"] += 1

    def _break(self, symbol: _Averages, u) -> None:
        slot = u.match % self._match_count
        match, owner, price, shares = self._matches.get(slot, (None, None, 0, 0))
        if (match, owner) != (u.match, u.symbol):
            self._give_up(symbol, "break_unknown")
            return
        del self._matches[slot]
        symbol.notional -= price * shares
        symbol.volume -= shares
        self.counters["breaks"] += 1

    def _give_up(self, symbol: _Averages, counter: str) -> None:
        symbol.vwap_known = 0
        self.counters[counter] += 1

    def _sample(self, u) -> int | None:
        """Q32.16, or None when this update brings no sample."""
        if self._source == "trade":
            return u.trade_price << FRACTION_BITS if u.trade == _PRINT else None
        if u.type in _BOOK_TYPES and u.bid_known and u.ask_known and u.bid_orders and u.ask_orders:
            return u.bid_price + u.ask_price << FRACTION_BITS - 1
        return None

    def _average(self, symbol: _Averages, sample: int) -> None:
        slot = symbol.samples % self._sma_length
        symbol.total += sample - symbol.ring[slot]
        symbol.ring[slot] = sample
        # Python's shift of a negative number rounds towards minus infinity, as the rule wants.
        symbol.ema = symbol.ema + (sample - symbol.ema >> self._ema_shift) if symbol.samples else sample
        symbol.samples += 1
        self.counters["samples"] += 1
