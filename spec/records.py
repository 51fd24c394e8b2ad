"""What one stage hands to the next: each record is declared once, here.

``hdl`` renders a record as an Amaranth struct, ``golden_model`` fills it as a typed tuple, ``sim`` compares the two
field by field. Fields stand in order from the least significant bit. Units are in the field; ``1/10 000 $`` is a price.
Every stage boundary is one in-order stream, one record at most per cycle, without backpressure. Windows, depths and
loads happen between messages, at moments that the hardware chooses: each names the first message after it.
"""

from collections import namedtuple
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from . import fixed_point, itch


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    bits: int
    unit: str
    signed: bool = False


@dataclass(frozen=True)
class Record:
    """A named tuple of integers that crosses a stage boundary.

    Parameters
    ----------
    name
        CamelCase, the class name of ``tuple``.
    stream
        The stream's name at the stage boundary, a plural noun.
    stage
        The stage that emits it.
    fields
        From the least significant bit upwards.
    """

    name: str
    stream: str
    stage: str
    doc: str
    fields: tuple[Field, ...]
    tuple: type = field(init=False, compare=False)

    def __post_init__(self):
        object.__setattr__(self, "tuple", namedtuple(self.name, [f.name for f in self.fields], module=__name__))

    @property
    def bits(self) -> int:
        return sum(f.bits for f in self.fields)

    def pack(self, values) -> int:
        """The record as one unsigned integer. Raises ``ValueError`` for a value that does not fit its field."""
        word = offset = 0
        for f, value in zip(self.fields, values, strict=True):
            low, high = (-(1 << f.bits - 1), 1 << f.bits - 1) if f.signed else (0, 1 << f.bits)
            if not low <= value < high:
                raise ValueError(f"{self.name}.{f.name}: {value!r} does not fit {f.bits} bits")
            word |= (value & (1 << f.bits) - 1) << offset
            offset += f.bits
        return word

    def unpack(self, word: int):
        """The inverse of ``pack``: a named tuple of integers."""
        values = []
        for f in self.fields:
            value = word & (1 << f.bits) - 1
            values.append(value - (1 << f.bits) if f.signed and value >> f.bits - 1 else value)
            word >>= f.bits
        return self.tuple(*values)


class Trade(IntEnum):
    """What an update says about executed shares."""

    NONE = 0
    PRINT = 1  #: counts: E at the order's price, printable C at its own, P, Q with shares
    BREAK = 2  #: B: the print with this match number is void
    UNPRICED = 3  #: E against an unknown reference: it happened, at a price nobody here knows


class Side(IntEnum):
    BUY = 0
    SELL = 1


class Refusal(IntFlag):
    """Why risk refused an intent; one bit per check, several may be set. Zero is an approval."""

    NONE = 0
    KILL_SWITCH = 1
    ORDER_SIZE = 2
    PRICE_COLLAR = 4
    LULD_COLLAR = 8
    NO_REFERENCE = 16
    POSITION_LIMIT = 32
    ORDER_QUEUE_FULL = 64


SYMBOL_BITS = 10
LEVEL_QUANTITY_BITS = 52
LEVEL_ORDERS_BITS = 20
MAX_ORDERS = 1 << LEVEL_ORDERS_BITS  #: resting orders that the widths of a level can hold without overflow
MAX_SYMBOLS = 1 << SYMBOL_BITS
DEPTH_LEVELS = 5  #: price levels that a depth holds at most
MAX_PAYLOAD = 56  #: octets: SoupBinTCP header, OUCH enter order, firm appendage

_MESSAGE = Field("message", 32, "messages delivered by the feed before this one, modulo 2**32")
_TIMESTAMP = Field("timestamp", 48, "ns since midnight")
_SYMBOL = Field("symbol", SYMBOL_BITS, "index of the configured symbol")


def _side(side: str) -> tuple[Field, ...]:
    return (
        Field(f"{side}_known", 1, "flag: no fault is up and the best price is exact (an empty side too)"),
        Field(f"{side}_price", 32, "1/10 000 $; 0 when empty or unknown"),
        Field(f"{side}_quantity", LEVEL_QUANTITY_BITS, "shares at the best price; 0 when empty or unknown"),
        Field(f"{side}_orders", LEVEL_ORDERS_BITS, "orders at the best price; 0 when empty or unknown"),
    )


MESSAGE = Record("Message", "messages", "feed", "One ITCH message as it came off the wire, in sequence.", (
    _MESSAGE,
    Field("sequence", 64, "MoldUDP64 sequence number"),
    Field("gap", 1, "flag: messages were lost before this one, in this session"),
    Field("octets", 8 * itch.MAX_MESSAGE, "octet i in bits 8i+7..8i, zero past the message's length"),
))

UPDATE = Record("Update", "updates", "book", """One message about a configured symbol, and what is known after it.

    Every message whose locate belongs to a configured symbol makes one update, whatever its type. A side of the book
    is exact where it is known; all its fields are zero where it is not.""", (
    _MESSAGE,
    _TIMESTAMP,
    _SYMBOL,
    Field("type", 8, "ITCH type character"),
    Field("gap", 1, "fault: the feed lost messages"),
    Field("unknown_reference", 1, "fault: a message named an order not in the table; until the host vouches, or reset"),
    Field("duplicate_reference", 1, "fault: an add named an order that is in the table; until reset"),
    Field("over_execution", 1, "fault: more shares executed or cancelled than the order had; until reset"),
    Field("table_full", 1, "fault: an add found no room in the order table; until reset"),
    Field("tradable", 1, "flag: market open, symbol trading, no operational halt"),
    *_side("bid"),
    *_side("ask"),
    Field("trade", 2, "Trade"),
    Field("trade_price", 32, "1/10 000 $; 0 unless PRINT"),
    Field("trade_shares", 64, "shares; 0 unless PRINT or UNPRICED"),
    Field("match", 64, "match number of E, C, P, Q, B; else 0"),
    Field("last_trade", 32, "1/10 000 $ of the last PRINT, this one included; 0 before the first"),
    Field("collar_lower", 32, "1/10 000 $, LULD auction collar; 0 before the first J"),
    Field("collar_upper", 32, "1/10 000 $, LULD auction collar; 0 before the first J"),
))

_BOOK_SIDE = Field("side", 1, "0 bid, 1 ask")
_WINDOW = (Field("low", 32, "1/10 000 $, lowest price"), Field("high", 32, "1/10 000 $, above the highest price"))

WINDOW = Record("Window", "windows", "book", """A side's ladder counts these prices as inside from a message on.

    Published when it changes, so twice per move. ``spec.ladder`` says which windows there are.""", (
    Field("message", 32, "number of the first message that sees it, modulo 2**32"),
    _SYMBOL,
    _BOOK_SIDE,
    *_WINDOW,
))

DEPTH = Record("Depth", "depths", "book", """The best levels of a side at one moment, best first.

    Published some time after a change; all levels are of the same moment, between two messages.""", (
    Field("message", 32, "number of the first message that is not in it, modulo 2**32"),
    _SYMBOL,
    _BOOK_SIDE,
    *_WINDOW,
    Field("known", 1, "flag: no fault of the symbol, no gap, and the levels are exact; else all that follows is 0"),
    Field("levels", 3, "levels that follow; zeros after them"),
    Field("cut", 1, "flag: fewer than five levels, and orders rest at worse prices beyond the window"),
    *(Field(f"{name}_{level}", bits, unit) for level in range(DEPTH_LEVELS) for name, bits, unit in (
        ("price", 32, "1/10 000 $"),
        ("quantity", LEVEL_QUANTITY_BITS, "shares"),
        ("orders", LEVEL_ORDERS_BITS, "orders"),
    )),
))

_SNAPSHOT = (
    _SYMBOL,
    _BOOK_SIDE,
    Field("reference", 64, "order reference"),
    Field("price", 32, "1/10 000 $"),
    Field("shares", 32, "shares"),
    Field("vouch", 1, "flag: no order, but the word that all resting orders of the symbol are in"),
)

SNAPSHOT = Record("Snapshot", "snapshot", "host", """What the host tells the book: a resting order, or that all are in.

    Goes into the core. The stream has backpressure: it waits for a slot that no message takes.""", _SNAPSHOT)

LOAD = Record("Load", "loads", "book", "The echo of a ``Snapshot`` when the book has taken it.", (
    Field("message", 32, "number of the first message that comes after it, modulo 2**32"),
    *_SNAPSHOT,
))

INDICATOR = Record("Indicator", "indicators", "indicators", """The averages of a symbol after an update.

    One per update. VWAP's exact numerator and denominator are here; its quotient follows as a ``Vwap``.""", (
    _MESSAGE,
    _SYMBOL,
    Field("vwap_known", 1, "flag: every print so far is in notional and volume"),
    Field("notional", fixed_point.NOTIONAL_BITS, "1/10 000 $ x shares"),
    Field("volume", fixed_point.VOLUME_BITS, "shares"),
    Field("sma_known", 1, "flag: the window is full"),
    Field("sma", fixed_point.AVERAGE_BITS, "1/10 000 $, Q32.16; 0 until known"),
    Field("ema_known", 1, "flag: at least one sample"),
    Field("ema", fixed_point.AVERAGE_BITS, "1/10 000 $, Q32.16; 0 until known"),
))

VWAP = Record("Vwap", "vwaps", "indicators", "The quotient of an Indicator's notional and volume. One per Indicator.", (
    _MESSAGE,
    _SYMBOL,
    Field("known", 1, "flag: vwap_known and volume is not zero"),
    Field("vwap", fixed_point.AVERAGE_BITS, "1/10 000 $, Q32.16; 0 unless known"),
))

INTENT = Record("Intent", "intents", "strategy", "An order that the strategy wants, and what risk needs to judge it.", (
    _MESSAGE,
    _TIMESTAMP,
    _SYMBOL,
    Field("side", 1, "Side"),
    Field("quantity", 32, "shares"),
    Field("price", 32, "1/10 000 $, limit"),
    Field("reference", 32, "1/10 000 $, last trade or mid (rounded down) as configured; 0 = none"),
    Field("collar_lower", 32, "1/10 000 $; 0 = none"),
    Field("collar_upper", 32, "1/10 000 $; 0 = none"),
))

DECISION = Record("Decision", "decisions", "risk", "Risk's verdict on an intent. One per intent.", (
    _MESSAGE,
    _TIMESTAMP,
    _SYMBOL,
    Field("side", 1, "Side"),
    Field("quantity", 32, "shares"),
    Field("price", 32, "1/10 000 $, limit"),
    Field("refusals", 8, "Refusal, one bit per failed check; 0 = approved"),
    Field("position", 48, "shares, after this decision, every approved order taken as filled", signed=True),
))

ORDER = Record("Order", "orders", "order", "An approved order, encoded.", (
    _MESSAGE,
    Field("user_ref_num", 32, "OUCH UserRefNum"),
    Field("tcp_sequence", 32, "TCP sequence number of the payload's first octet"),
    Field("payload", 8 * MAX_PAYLOAD, "SoupBinTCP packet, octet i in bits 8i+7..8i, zero past its length"),
))

#: What the core hands out. ``SNAPSHOT`` is what it takes in.
RECORDS: tuple[Record, ...] = (MESSAGE, UPDATE, WINDOW, DEPTH, LOAD, INDICATOR, VWAP, INTENT, DECISION, ORDER)
