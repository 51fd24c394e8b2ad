"""What clients ask for and what becomes of it, in one vocabulary for OUCH 5.0 and FIX 4.4.

Prices are integers of 1/10 000 dollar, quantities are shares.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .accounts import Account

MAX_QUANTITY = 999_999  #: OUCH 5.0, 2.1: less than 1,000,000
MARKET_PRICE = 2_000_000_000  #: OUCH 5.0, data types: $200,000 is a market order
MAX_PRICE = 1_999_999_900  #: $199,999.99
BUY = "B"
SELL_SIDES = "STE"  #: sell, sell short, sell short exempt; one may become another (OUCH 5.0, 2.4)
IOC = "3"


class Action(Enum):
    """Of a request."""

    ENTER = "enter"
    REPLACE = "replace"
    CANCEL = "cancel"
    MODIFY = "modify"


class Status(Enum):
    """Of an order."""

    DROPPED = "dropped"  #: by a fault: not answered, not entered
    REJECTED = "rejected"
    LIVE = "live"
    FILLED = "filled"
    CANCELED = "canceled"
    REPLACED = "replaced"


class Refusal(Enum):
    """Why an order is rejected: OUCH reason (OUCH 5.0, appendix), OrdRejReason (FIX 4.4, tag 103), text."""

    OTHER = 0x000F, 99, "other"
    DISPLAY = 0x0003, 11, "invalid display"
    HALTED = 0x0007, 2, "halted"
    SIDE = 0x0009, 11, "invalid side"
    QUANTITY = 0x0013, 13, "quantity must be 1 to 999999"
    CROSS = 0x0014, 11, "no cross is run here"
    SYMBOL = 0x0017, 1, "unknown symbol"
    PRICE = 0x001D, 99, "invalid price"
    DUPLICATE = 0x000F, 6, "duplicate order"  #: FIX alone: OUCH ignores these

    @property
    def ouch(self) -> int:
        return self.value[0]

    @property
    def fix(self) -> int:
        return self.value[1]

    @property
    def text(self) -> str:
        return self.value[2]


class CancelReason(Enum):
    """OUCH 5.0, 3.4."""

    IOC = "I"
    USER = "U"


class Request(NamedTuple):
    """A message about an order. ``key`` names an order of its client: UserRefNum in OUCH, ClOrdID in FIX."""

    action: Action
    key: int | str  #: of the new order; of the cancel itself in FIX; of the target in OUCH's cancel and modify
    target: int | str = 0  #: the order to replace, cancel or modify
    side: str = ""
    quantity: int = 0
    symbol: str = ""
    price: int = 0
    time_in_force: str = "0"
    display: str = "Y"
    capacity: str = "A"
    intermarket_sweep: str = "N"
    cross_type: str = "N"
    cl_ord_id: str = ""
    appendage: bytes = b""  #: OUCH: options, echoed


@dataclass(eq=False)
class Order:
    """An order as the venue knows it.

    Members
    -------
    quantity : int
        As entered. Of a replacement: of the whole chain, shares executed before it included.
    done_before, notional_before : int
        What the orders that this one replaces had executed.
    remaining : int
        Open shares.
    executed, notional : int
        Of this order alone.
    """

    client: "Account"
    request: Request
    side: str
    symbol: str
    quantity: int
    price: int
    capacity: str = "A"
    cross_type: str = "N"
    reference: int = 0
    status: Status = Status.REJECTED
    remaining: int = 0
    executed: int = 0
    notional: int = 0
    done_before: int = 0
    notional_before: int = 0
    trades: list["Trade"] = field(default_factory=list, repr=False)

    @property
    def key(self) -> int | str:
        return self.request.key

    @property
    def buy(self) -> bool:
        return self.side == BUY

    @property
    def live(self) -> bool:
        return self.status is Status.LIVE

    @property
    def total_executed(self) -> int:
        """Of the chain of replacements."""
        return self.done_before + self.executed


class Trade(NamedTuple):
    """An execution. A side without a client is the market's."""

    match: int
    symbol: str
    price: int
    shares: int
    buyer: Order | None
    seller: Order | None
