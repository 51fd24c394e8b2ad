"""Generated ITCH sessions, shaped by what a real day looks like, deterministic from a seed.

``session(design, messages=..., seed=...)`` is a day of every symbol of a market: stock directory, pre-market, open, the
half hours of regular hours by their share of a real day, close, and the deletion of every order that is left. A book
that follows it finds every message legal. A ``share`` of the messages is on the design's symbols; the others, up to
thousands, are those that the hardware must filter, and are written a few thousand messages at a time (``Crowd``).

Shaped like the real day (2019-12-30): the mix of types, skew over symbols, bursts, stub quotes far from the market on
four of five symbols, ``reference mod 4`` constant per symbol, partial cancels that never empty an order, 27 % partial
executions. Deliberately more frequent than on that day: in short sessions messages that occur once per symbol and day
(R, H, Y, L, Q), and the rare ones (J, K, V, W, B, h, N, O, C), each at least once. Within a half hour messages come at
the real day's rate, so that a session shorter than 270 million messages has pauses between them.
"""

from .day import MIN_PER_SYMBOL, Session, session
from .describe import Statistics, describe

__all__ = ["MIN_PER_SYMBOL", "Session", "Statistics", "describe", "session"]
