"""A simulated venue: SoupBinTCP with OUCH 5.0 and a FIX 4.4 acceptor over TCP, matching against recorded market data.

    client - TCP - SoupConnection - ouch.parse ------+                +-- OuchReporter - client
                                                     +-- Engine ------+
    client - TCP - FixConnection - fix_orders.parse -+  |    books    +-- FixReporter - client
                                                        +-- Recording (ITCH)

``Exchange`` is the venue in an asyncio loop, ``Background`` the same in a thread, for whoever has no loop.
"""

from .background import Background
from .exchange import FIX, OUCH, Exchange
from .faults import Faults
from .orders import Status
from .recording import Pace

__all__ = ["FIX", "OUCH", "Background", "Exchange", "Faults", "Pace", "Status"]
