"""Generated ITCH sessions, shaped by what a real day looks like, deterministic from a seed.

``session(design, messages=..., seed=...)`` yields a session of every symbol of a small market: stock directory, pre-
market, open, a stretch of regular hours at real rates, close, and the deletion of every order that is left. A book that
follows it finds every message legal. Half of the messages or more are on the design's symbols (``share``), the others
stand for the thousands that the hardware must filter.

Shaped like the real day (2019-12-30): the mix of types, skew over symbols, bursts, stub quotes far from the market on
four of five symbols, ``reference mod 4`` constant per symbol, partial cancels that never empty an order, 27 % partial
executions. Deliberately more frequent than on that day: messages that occur once per symbol and day (R, H, Y, L, Q),
since a session is a ten-thousandth of a day, and the rare ones (J, K, V, W, B, h, N, O, C), each at least once.
"""

from .day import MIN_PER_SYMBOL, session
from .describe import Statistics, describe

__all__ = ["MIN_PER_SYMBOL", "Statistics", "describe", "session"]
