"""The exchange's end of the order session in a replay: it acknowledges, and answers each order by a rule.

No book stands behind it: recorded market data cannot react to our orders. ``sim.exchange`` is the venue that matches.
"""

from .venue import Venue

__all__ = ["Venue"]
