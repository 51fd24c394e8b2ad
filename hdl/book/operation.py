"""An operation: the part of a message that takes one slot in the book's pipeline."""

from amaranth.lib import data

from spec.config import Design
from spec.itch import MESSAGES

#: Which of the 23 message types it is: one flag per type, named by its character.
Types = data.StructLayout({code: 1 for code in MESSAGES})


class Operation(data.Struct):
    """What a slot does to the resting orders. A replace takes two: its old order is dropped, then its new one added."""

    valid: 1  #: the slot is taken
    last: 1  #: the last or only operation of its message
    order: 1  #: looks ``reference`` up: one of the following four is set
    add: 1
    take: 1  #: takes ``shares`` off an order
    drop: 1
    replace: 1  #: with ``add``: on the side of the order that the slot before dropped, and only if it did
    side: 1  #: of an added order, unless ``replace``: 0 bid, 1 ask
    reference: 64
    shares: 32


def symbol_index(design: Design) -> range:
    """Shape of a symbol's index: at least one bit, since a port of none is no Verilog."""
    return range(max(2, len(design.symbols)))
