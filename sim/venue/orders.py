"""What both protocols say, in one vocabulary."""

from dataclasses import dataclass
from typing import NamedTuple

from spec.records import Action


class Wanted(NamedTuple):
    """A message about an order. ``target``: UserRefNum of the order to replace or cancel."""

    action: Action
    number: int  #: UserRefNum; of an OUCH cancel, which has none of its own, the target's
    target: int = 0
    side: str = ""  #: in the protocol's own character
    symbol: str = ""
    quantity: int = 0
    price: int = 0
    rests: bool = False  #: what is not executed at once stays open


@dataclass
class Order:
    """An order as the venue knows it."""

    number: int
    side: str
    symbol: str
    quantity: int
    price: int
    rests: bool
    remaining: int = 0
    done: int = 0  #: executed

    @classmethod
    def of(cls, wanted: Wanted) -> "Order":
        return cls(*(getattr(wanted, name) for name in ("number", "side", "symbol", "quantity", "price", "rests")))
