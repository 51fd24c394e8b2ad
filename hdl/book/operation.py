"""What moves through the book's pipeline: one operation per slot, a message's or one of the book's own."""

from amaranth import *
from amaranth.lib import data

from spec.config import Design
from spec.itch import MESSAGES
from spec.ladder import word_bits
from spec.records import LEVEL_ORDERS_BITS, LEVEL_QUANTITY_BITS

#: Which of the 23 message types it is: one flag per type, named by its character.
Types = data.StructLayout({code: 1 for code in MESSAGES})

PRICE_BITS = 32


def symbol_index(design: Design) -> range:
    """Shape of a symbol's index: at least one bit, since a port of none is no Verilog."""
    return range(max(2, len(design.symbols)))


class Ring:
    """Sizes of a side's ladder: ``levels`` slots in ``words`` of ``1 << word_bits``."""

    def __init__(self, design: Design):
        self.levels = design.book.levels
        self.slot_bits = self.levels.bit_length() - 1
        self.word_bits = word_bits(self.levels)
        self.places = 1 << self.word_bits
        self.words = self.levels >> self.word_bits


def window_row(design: Design) -> data.StructLayout:
    """Where a side's ladder lies, and which part of it the law counts: ``spec.ladder``.

    ``law_low``, ``law_high``: prices. ``ring_base``: price of the ring's lowest tick; ``ring_word``: that tick's word
    modulo the ring. ``lo_word``, ``hi_word``: the law's bounds in words from ``ring_base``; equal when nothing is
    inside.
    """
    words = Ring(design).words
    return data.StructLayout({
        "law_low": PRICE_BITS, "law_high": PRICE_BITS, "ring_base": PRICE_BITS, "ring_word": range(words),
        "lo_word": range(words + 1), "hi_word": range(words + 1),
    })


def background(design: Design) -> data.StructLayout:
    """A request for a free slot. One of the first seven flags is set.

    ======= ==============================================================================================
    kind
    ======= ==============================================================================================
    load    rests an order of the host's snapshot
    vouch   clears the symbol's ``unknown_reference`` fault
    scan    shows bucket ``row`` of every sub-table
    hold    moves an order from the far counts into its level, if it is entering; else from one far count to the other,
            if it is counted in the wrong one
    release moves an order from its level to the far counts, if the law has left it
    window  writes the row of the symbol's side
    query   looks the best level up; ``masked``: among the words and places that the depth's walk leaves
    ======= ==============================================================================================
    """
    return data.StructLayout({
        "load": 1, "vouch": 1, "scan": 1, "hold": 1, "release": 1, "window": 1, "query": 1, "masked": 1,
        "symbol": symbol_index(design), "side": 1, "reference": 64, "price": PRICE_BITS, "shares": 32,
        "row": range(design.book.buckets), "windows": window_row(design),
    })


def order_layout(design: Design) -> data.StructLayout:
    """A resting order.

    ``slot`` is its price's on the ladder; ``off``: its price is between two ticks; ``held``: it is counted in its
    level, else as far; ``better``: which way far. A window that jumps leaves far orders on its other side until they
    are visited, so that only the order itself knows how it is counted.
    """
    return data.StructLayout({
        "symbol": symbol_index(design), "side": 1, "price": PRICE_BITS, "slot": Ring(design).slot_bits, "off": 1,
        "shares": 32, "held": 1, "better": 1,
    })


def scanned_ports(design: Design, flow):
    """What a scan shows: the bucket's entry in each sub-table and way, then the spill's entries.

    ``reference`` is the tag, in the low bits, of an entry in a bucket; whole in the spill. Ports of their own, since
    Icarus takes a wide wire that is driven in slices apart and together again at every change of a bit.
    """
    book = design.book
    entry = data.StructLayout({"used": 1, "reference": 64, "order": order_layout(design)})
    return flow(entry).array(book.tables * book.ways + book.spill)


def entering_layout(design: Design) -> data.StructLayout:
    """The prices ``low`` to ``high``, exclusive, that a moving window is about to take in."""
    return data.StructLayout({
        "active": 1, "symbol": symbol_index(design), "side": 1, "low": PRICE_BITS, "high": PRICE_BITS,
    })


def result(design: Design) -> data.StructLayout:
    """What an operation found and did, of any kind but ``scan``.

    ``message``: number of the first message after it. ``any``: there is a level, and ``inside`` to ``orders`` are of
    the best; ``inside``: the law counts it; ``number``: its tick, from ``window.ring_base``. ``better``, ``worse``: far
    orders rest. ``sound``: no fault of the symbol, no gap. ``floor``: word of the ring that holds the worst levels.
    ``takes``, ``adds``: levels changed; ``take_orders``: by an order less.
    """
    ring = Ring(design)
    return data.StructLayout({
        "valid": 1, "query": 1, "masked": 1, "windowed": 1, "symbol": symbol_index(design), "side": 1, "message": 32,
        "sound": 1, "any": 1, "inside": 1, "slot": ring.slot_bits, "number": ring.slot_bits, "price": PRICE_BITS,
        "quantity": LEVEL_QUANTITY_BITS, "orders": LEVEL_ORDERS_BITS, "better": 1, "worse": 1,
        "floor": range(ring.words), "window": window_row(design),
        "takes": 1, "take_price": PRICE_BITS, "take_shares": 32, "take_orders": 1,
        "adds": 1, "add_price": PRICE_BITS, "add_shares": 32,
    })


def operation(design: Design) -> data.StructLayout:
    """What a slot does, from stage 1 on.

    ``message``: a message's; ``number``: of the first message after it. ``order``: acts on orders if its symbol is
    configured. ``finds``: names the resting order ``old``; of these ``takes`` takes ``shares`` off it, ``drops``
    removes it. ``places``: rests the new order ``new``, with ``replace`` on the side of the dropped one and only if it
    was.
    """
    return data.StructLayout({
        "message": 1, "number": 32, "order": 1, "finds": 1, "takes": 1, "drops": 1, "places": 1, "replace": 1,
        "load": 1, "vouch": 1, "scan": 1, "hold": 1, "release": 1, "window": 1, "query": 1, "masked": 1,
        "side": 1, "fine": 1, "symbol": symbol_index(design), "old": 64, "new": 64, "shares": 32, "price": PRICE_BITS,
    })
