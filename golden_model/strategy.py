"""strategy: updates in, the orders that a strategy wants out.

A strategy is one function, registered under the name that the configuration uses:

    signal(update, indicator, parameters) -> None | (side, price)

It sees a book change: an ``Update`` of type A, F, E, C, X, D or U whose both sides are known (a known side may be
empty: zero orders), the same message's ``Indicator`` (None when nobody feeds it) and the parameters in force, those of
``design.strategy`` until the host gives others. It returns the side and limit price to trade at now, or None. It keeps
no state and knows neither clock nor position.

Around it stands what no strategy may skip: it is not asked about a book that is not known, and what it wants is dropped
while the symbol is not tradable or within the cooldown after the symbol's last intent, by the time of the messages. The
cooldown is a difference modulo 2**48, so a clock that steps back ends it rather than stopping trade for a day.

The host's requests become intents here too, with what the symbol's last update said. Nothing of the above holds them
back: they are judged by risk alone.
"""

from collections.abc import Callable
from typing import NamedTuple

from spec.config import Design
from spec.itch import BOOK_TYPES
from spec.limits import parameters
from spec.records import INTENT, PARAMETERS_SET, Action, Side

from .counting import Counters

Signal = Callable[..., tuple[int, int] | None]

_BOOK_TYPES = frozenset(BOOK_TYPES.encode())
_BUY, _SELL, _ENTER = Side.BUY.value, Side.SELL.value, Action.ENTER.value
_TIMESTAMP_MASK = (1 << 48) - 1
_BEFORE_ALL = (1 << 32) - 1, 0  # message and timestamp before the first update


class _Market(NamedTuple):
    """What an intent says of its symbol besides the order."""

    reference: int
    collar_lower: int
    collar_upper: int
    bid: int
    tradable: int
    gap: int
    short_restricted: int


_UNHEARD = _Market(0, 0, 0, 0, 0, 0, 0)


def imbalance(update, indicator, parameters) -> tuple[int, int] | None:
    """Take the offer when the best bid is that many times larger, hit the bid when the offer is; buying first.

    Needs both sides, not crossed or locked, and at most ``max_spread`` apart.
    """
    if not update.bid_orders or not update.ask_orders:
        return None
    if not 0 < update.ask_price - update.bid_price <= parameters.max_spread:
        return None
    bid, ask = update.bid_quantity, update.ask_quantity
    if bid * parameters.denominator >= ask * parameters.numerator:
        return _BUY, update.ask_price
    if ask * parameters.denominator >= bid * parameters.numerator:
        return _SELL, update.bid_price
    return None


#: Every strategy, by configured name.
SIGNALS: dict[str, Signal] = {"imbalance": imbalance}


class Strategy:
    """The strategy stage.

    Members
    -------
    counters : dict[str, int]
    """

    def __init__(self, design: Design):
        self.counters = Counters("strategy")
        self._parameters = parameters(design)
        self._signal = SIGNALS[design.strategy.name]
        self._reference = design.risk.reference
        self._last_intent: list[int | None] = [None] * len(design.symbols)
        self._updates: list = [None] * len(design.symbols)  # the last of each symbol
        self._last = None  # and of all

    def update(self, u, indicator=None):
        """The ``Intent`` that an ``Update`` causes, or None."""
        self._updates[u.symbol] = self._last = u
        if u.type not in _BOOK_TYPES:
            return None
        if not (u.bid_known and u.ask_known):
            self.counters["suppressed_unknown"] += 1
            return None
        signal = self._signal(u, indicator, self._parameters)
        if signal is None:
            return None
        if not u.tradable:
            self.counters["suppressed_halt"] += 1
            return None
        last = self._last_intent[u.symbol]
        if last is not None and u.timestamp - last & _TIMESTAMP_MASK < self._parameters.cooldown_ns:
            self.counters["suppressed_cooldown"] += 1
            return None
        self._last_intent[u.symbol] = u.timestamp
        self.counters["intents"] += 1
        side, price = signal
        market = self._market(u)
        return INTENT.tuple(u.message, u.timestamp, u.symbol, _ENTER, 0, 0, side, self._parameters.quantity,
                            price, *market)

    def parameters(self, given):
        """Take ``Parameters`` after the updates so far; their echo."""
        self.counters["parameters_set"] += 1
        self._parameters = given
        return PARAMETERS_SET.tuple(self._last.message if self._last else _BEFORE_ALL[0], *given)

    def request(self, r):
        """The ``Intent`` that a ``Request`` of the host becomes after the updates so far; None for a foreign symbol."""
        if r.symbol >= len(self._updates):
            self.counters["requests_foreign"] += 1
            return None
        self.counters["requests"] += 1
        last, heard = self._last, self._updates[r.symbol]
        when, gap = ((last.message, last.timestamp), last.gap) if last else (_BEFORE_ALL, 0)
        market = self._market(heard) if heard else _UNHEARD
        return INTENT.tuple(*when, r.symbol, r.action, 1, r.target, r.side, r.quantity, r.price,
                            *market._replace(gap=gap))

    def _market(self, u) -> _Market:
        if self._reference == "last_trade":
            reference = u.last_trade
        elif self._reference == "mid":
            reference = u.bid_price + u.ask_price >> 1
        else:
            reference = u.collar_lower + u.collar_upper >> 1
        return _Market(reference, u.collar_lower, u.collar_upper, u.bid_price, u.tradable, u.gap, u.short_restricted)
