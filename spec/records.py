"""What one stage hands to the next: each record is declared once, here.

``hdl`` renders a record as an Amaranth struct, ``golden_model`` fills it as a typed tuple, ``sim`` compares the two
field by field. Fields stand in order from the least significant bit. Units are in the field; ``1/10 000 $`` is a price.
Every stage boundary is one in-order stream, one record at most per cycle, without backpressure. Windows, depths and
loads happen between messages, at moments that the hardware chooses: each names the first message after it.
"""

from enum import IntEnum, IntFlag

from . import fixed_point, itch
from .record import Field, Record


class Trade(IntEnum):
    """What an update says about executed shares."""

    NONE = 0
    PRINT = 1  #: counts: E at the order's price, printable C at its own, P, Q with shares
    BREAK = 2  #: B: the print with this match number is void
    UNPRICED = 3  #: E against an unknown reference: it happened, at a price nobody here knows


class Side(IntEnum):
    BUY = 0
    SELL = 1


class Action(IntEnum):
    """What an intent wants of the exchange."""

    ENTER = 0  #: a new order
    REPLACE = 1  #: another quantity and price for an open order, which keeps its symbol and side
    CANCEL = 2  #: the whole of what is left of an open order


class Refusal(IntFlag):
    """Why risk refused an intent; one bit per check, several may be set. Zero is an approval.

    docs/risk.md says which rule asks for which check. What an action does not need is not checked: see
    ``CHECKS_OF_CANCEL``.
    """

    NONE = 0
    KILL_SWITCH = 1 << 0  #: engaged, by the host or by itself
    NO_SESSION = 1 << 1  #: the core does not hold the order session
    ORDER_QUEUE_FULL = 1 << 2  #: no room before the wire, in the retransmission buffer or in the peer's window
    FEED_GAP = 1 << 3  #: the feed lost messages
    STALE_DATA = 1 << 4  #: nothing heard from the feed for longer than the limit
    TRADING_STATE = 1 << 5  #: market closed, or the symbol halted or paused
    RESTRICTED = 1 << 6  #: the symbol is on the restricted list
    SHORT_SALE = 1 << 7  #: a short sale at or below the best bid while Rule 201 of Reg SHO restricts it
    ORDER_QUANTITY = 1 << 8  #: below the least or above the greatest quantity
    ROUND_LOT = 1 << 9  #: no multiple of the lot
    ORDER_PRICE = 1 << 10  #: zero
    ORDER_NOTIONAL = 1 << 11  #: quantity x price above the limit
    NO_REFERENCE = 1 << 12  #: no reference price for the collars
    PRICE_COLLAR = 1 << 13  #: too far from the reference, in basis points of it
    ABSOLUTE_COLLAR = 1 << 14  #: too far from the reference, in dollars
    LULD_COLLAR = 1 << 15  #: outside the limit-up/limit-down auction collar
    POSITION_LIMIT = 1 << 16  #: the symbol's position, long or short, if all open orders on that side were filled
    SYMBOL_GROSS = 1 << 17  #: the symbol's gross notional
    SYMBOL_NET = 1 << 18  #: the symbol's net notional, if all open orders on that side were filled
    GROSS_NOTIONAL = 1 << 19  #: the session's
    NET_NOTIONAL = 1 << 20  #: the session's
    SYMBOL_OPEN_ORDERS = 1 << 21  #: the symbol's open orders
    OPEN_ORDERS = 1 << 22  #: the session's open orders, or the order's row in the open-order table is still taken
    SYMBOL_RATE = 1 << 23  #: messages of the symbol, token bucket
    MESSAGE_RATE = 1 << 24  #: messages of the session, token bucket
    DUPLICATE_ORDER = 1 << 25  #: the same symbol, side, quantity and price as the order approved before it, too soon
    UNKNOWN_TARGET = 1 << 26  #: what is to be replaced or cancelled is not open, or of another symbol or side


#: All that can refuse a cancel, which only ever lessens what is at risk. ``KILL_SWITCH`` only where the limits say so.
CHECKS_OF_CANCEL = (Refusal.KILL_SWITCH | Refusal.NO_SESSION | Refusal.ORDER_QUEUE_FULL | Refusal.SYMBOL_RATE
                    | Refusal.MESSAGE_RATE | Refusal.UNKNOWN_TARGET)


class Cause(IntFlag):
    """What engaged the kill switch. It stays engaged until the host releases it."""

    NONE = 0
    HOST = 1
    LOSS = 2  #: profit and loss below the limit
    REJECTS = 4  #: as many rejects in a row, without an acceptance between, as the limit allows
    UNLAWFUL_REPLY = 8  #: a reply about an order that is not open, or about more shares than it had left
    SESSION_LOST = 16  #: FIN, RST, end of session or logout, or no acknowledgement after all retransmissions


class Reply(IntEnum):
    """What the exchange says about an order, whatever the protocol."""

    NONE = 0
    ACCEPTED = 1  #: ``quantity`` shares of it are live
    REPLACED = 2  #: it took the place of ``original``, ``quantity`` shares of it are live
    EXECUTED = 3  #: ``quantity`` shares at ``price``
    CANCELED = 4  #: ``quantity`` shares less, or all that is left
    REJECTED = 5  #: it never was; the order that it was to replace is as it was
    CANCEL_REJECTED = 6  #: the cancel that it was is void: the order that it was to end is as it was
    BROKEN = 7  #: an execution is void; the host knows which and by how much, see ``BROKEN`` in docs/session.md


class SessionEvent(IntEnum):
    NONE = 0
    ESTABLISHED = 1
    HANDED_BACK = 2
    LOST = 3


class LostReason(IntEnum):
    NONE = 0
    FIN = 1
    RST = 2
    END_OF_SESSION = 3  #: SoupBinTCP Z or J, FIX logout
    MALFORMED = 4  #: what came is no SoupBinTCP packet or FIX message
    TIMEOUT = 5  #: retransmitted in vain


SYMBOL_BITS = 10
LEVEL_QUANTITY_BITS = 52
LEVEL_ORDERS_BITS = 20
MAX_ORDERS = 1 << LEVEL_ORDERS_BITS  #: resting orders that the widths of a level can hold without overflow
MAX_SYMBOLS = 1 << SYMBOL_BITS
DEPTH_LEVELS = 5  #: price levels that a depth holds at most
QUANTITY_BITS = 20  #: shares of an order: below 1 000 000 in OUCH 5.0, section 2.1
NOTIONAL_BITS = 64  #: 1/10 000 $ x shares, sums of a day
OPEN_ORDERS_BITS = 16

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
    Field("short_restricted", 1, "flag: Reg SHO action other than 0 (Y): no short sale at or below the best bid"),
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

_SYMBOL_GIVEN = (
    _SYMBOL,
    Field("stock", 64, "octet i in bits 8i+7..8i: visible ASCII, then spaces up to eight octets"),
    Field("locate", 16, "of the day; not 0, and below the depth of the locate table"),
)
GIVEN_SYMBOL = Record("GivenSymbol", "symbols", "host", """The stock that a configured symbol stands for today.

    Goes into the core before its first message, request or decision since reset; each symbol once. The first one makes
    void all stocks and locates of the configuration, and what a stock directory says of them: symbols that are not
    given have no market. Tick and first window stay the configuration's; the window follows the market.""",
                      _SYMBOL_GIVEN)
SYMBOL_SET = Record("SymbolSet", "symbols_set", "book", "The echo of a ``GivenSymbol``.", (
    Field("message", 32, "messages delivered before it, modulo 2**32"),
    *_SYMBOL_GIVEN,
    Field("refused", 1, "flag: nothing changed: too late, a second time, or no such symbol, stock or locate"),
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

#: As ``spec.config.Strategy`` has them when the core starts, by the same names.
PARAMETERS_FIELDS = (
    Field("numerator", 8, "of the ratio of quantities that fires"),
    Field("denominator", 8, "of the ratio of quantities that fires"),
    Field("quantity", QUANTITY_BITS, "shares of an order"),
    Field("max_spread", 32, "1/10 000 $"),
    Field("cooldown_ns", 47, "ns between intents on one symbol"),
)
PARAMETERS = Record("Parameters", "parameters", "host", """The strategy's parameters, taken as a whole.

    Goes into the core: every update is judged by all of the old ones or by all of the new ones.""", PARAMETERS_FIELDS)
PARAMETERS_SET = Record("ParametersSet", "parameters_set", "strategy", "The echo of ``Parameters``.", (
    Field("message", 32, "of the last update that the strategy judged by what was before; 2**32 - 1 before the first"),
    *PARAMETERS_FIELDS,
))

_ORDER = (
    _SYMBOL,
    Field("action", 2, "Action"),
    Field("host", 1, "flag: the host's request, not the strategy's"),
    Field("target", 32, "UserRefNum of the order to replace or cancel; 0 for a new one"),
    Field("side", 1, "Side"),
    Field("quantity", 32, "shares; of a replaced order the new whole; 0 in an intent to cancel"),
    Field("price", 32, "1/10 000 $, limit; 0 in an intent to cancel"),
)

REQUEST = Record("Request", "requests", "host", """What the host wants to order, replace or cancel.

    Goes into the core, through the strategy stage into the risk gate: it becomes an Intent in a cycle that no update
    needs. The stream has backpressure.""", tuple(f for f in _ORDER if f.name != "host"))

INTENT = Record("Intent", "intents", "strategy", """An order that the strategy or the host wants, and what risk needs.

    ``message`` is that of the update that caused it, for the host's the number of the last message before it.""", (
    _MESSAGE,
    _TIMESTAMP,
    *_ORDER,
    Field("reference", 32, "1/10 000 $, last trade, mid or LULD band (rounded down) as configured; 0 = none"),
    Field("collar_lower", 32, "1/10 000 $; 0 = none"),
    Field("collar_upper", 32, "1/10 000 $; 0 = none"),
    Field("bid", 32, "1/10 000 $, best bid; 0 = none or unknown"),
    Field("tradable", 1, "flag, as in Update"),
    Field("gap", 1, "flag, as in Update"),
    Field("short_restricted", 1, "flag, as in Update"),
))

_DECISION = Field("decision", 32, "decisions made before this one, modulo 2**32")
_SEEN_BY = (
    Field("message", 32, "of the last decision before it; 2**32 - 1 before the first"),
    Field("decision", 32, "number of the first decision that sees it, modulo 2**32"),
)
_EXPOSURE = (
    Field("exposure_long", 48, "shares: position and all open purchases", signed=True),
    Field("exposure_short", 48, "shares: position less all open sales", signed=True),
)

DECISION = Record("Decision", "decisions", "risk", """Risk's verdict on an intent. One per intent.

    Of an approved cancel, side, quantity and price are those of the order to end.""", (
    _MESSAGE,
    _DECISION,
    _TIMESTAMP,
    *_ORDER,
    Field("short", 1, "flag: a short sale, to be marked as one (Reg SHO, Rule 200(g))"),
    Field("user_ref_num", 32, "the number that it takes, approved or not; approval uses it up"),
    Field("time", 64, "ns since 1970-01-01 UTC, the core's clock when it was judged"),
    Field("refusals", 32, "Refusal, one bit per failed check; 0 = approved"),
    *_EXPOSURE,
))

SYMBOL_LIMITS = (
    _SYMBOL,
    Field("min_quantity", QUANTITY_BITS, "shares per order"),
    Field("max_quantity", QUANTITY_BITS, "shares per order"),
    Field("lot", 8, "shares: 1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100 or 200; any other refuses all"),
    Field("max_notional", 52, "1/10 000 $ x shares per order"),
    Field("max_long", 40, "shares"),
    Field("max_short", 40, "shares"),
    Field("max_gross", NOTIONAL_BITS - 1, "1/10 000 $ x shares, bought and sold today and open"),
    Field("max_net", NOTIONAL_BITS - 1, "1/10 000 $ x shares, long or short"),
    Field("collar_bps", 14, "1/10 000 of the reference"),
    Field("collar_absolute", 32, "1/10 000 $ from the reference"),
    Field("max_open_orders", OPEN_ORDERS_BITS, "orders"),
    Field("rate_ns", 40, "ns until a token comes back; 0 = no limit"),
    Field("rate_burst_ns", 40, "rate_ns x (tokens in a full bucket - 1)"),
    Field("duplicate_ns", 40, "ns within which the same order is a duplicate; 0 = no check"),
    Field("restricted", 1, "flag: no new orders"),
)
SYMBOL_LIMIT = Record("SymbolLimit", "symbol_limits", "host", """The limits of a symbol, taken as a whole.

    Goes into the core: every decision sees either all of the old limits or all of the new ones.""", SYMBOL_LIMITS)
SYMBOL_LIMIT_SET = Record("SymbolLimitSet", "symbol_limits_set", "risk", "The echo of a ``SymbolLimit``.",
                          (*_SEEN_BY, *SYMBOL_LIMITS))

SESSION_LIMITS = (
    Field("max_gross", NOTIONAL_BITS - 1, "1/10 000 $ x shares, bought and sold today and open, all symbols"),
    Field("max_net", NOTIONAL_BITS - 1, "1/10 000 $ x shares, long or short, all symbols"),
    Field("max_open_orders", OPEN_ORDERS_BITS, "orders"),
    Field("rate_ns", 40, "ns until a token comes back; 0 = no limit"),
    Field("rate_burst_ns", 40, "rate_ns x (tokens in a full bucket - 1)"),
    Field("max_loss", NOTIONAL_BITS - 1, "1/10 000 $ x shares; a greater loss engages the kill switch; 0 = no limit"),
    Field("max_rejects", 16, "rejects in a row that engage the kill switch; 0 = no limit"),
    Field("stale_ns", 40, "ns without a datagram of the feed, heartbeats included; 0 = no limit"),
    Field("cancel_after_kill", 1, "flag: cancels pass although the kill switch is engaged"),
)
SESSION_LIMIT = Record("SessionLimit", "session_limits", "host", """The limits of the session, taken as a whole.

    Goes into the core.""", SESSION_LIMITS)
SESSION_LIMIT_SET = Record("SessionLimitSet", "session_limits_set", "risk", "The echo of a ``SessionLimit``.",
                           (*_SEEN_BY, *SESSION_LIMITS))

KILL = Record("Kill", "kills", "risk", "The kill switch was engaged (another cause counts again), or released.", (
    *_SEEN_BY,
    Field("causes", 8, "Cause, all that are up; 0 = released"),
))

_REPLY = (
    Field("kind", 4, "Reply"),
    Field("user_ref_num", 32, "of the order that it is about"),
    Field("original", 32, "REPLACED: UserRefNum of the order whose place it took; else 0"),
    Field("quantity", 32, "shares; 0 where the kind has none, or ``all``"),
    Field("all", 1, "flag: CANCELED: whatever is left"),
    Field("price", 32, "1/10 000 $ of EXECUTED; else 0"),
)
REPLY = Record("ExchangeReply", "replies", "session", """What the exchange said about an order, as it came.

    From session to risk, with backpressure.""", _REPLY)

POSITION = Record("Position", "positions", "risk", "What is held of a symbol after a reply. One per reply.", (
    *_SEEN_BY,
    *_REPLY,
    Field("lawful", 1, "flag: about an open order, and no more shares than it had left; else nothing changed but an "
                       "execution's position"),
    _SYMBOL,
    Field("position", 48, "shares, short negative, executed", signed=True),
    *_EXPOSURE,
    Field("open_orders", OPEN_ORDERS_BITS, "open orders of the symbol"),
    Field("remaining", QUANTITY_BITS, "shares of the order that are still open"),
))

ORDER = Record("Order", "orders", "order", """A message of the order session that leaves for the first time.

    An approved order, or (``admin``) what keeps the session alive.""", (
    _MESSAGE,
    _DECISION,
    Field("admin", 1, "flag: no order: heartbeat or the host's session message; message and decision are 0"),
    Field("user_ref_num", 32, "UserRefNum; 0 if admin"),
    Field("msg_seq_num", 32, "FIX MsgSeqNum; 0 in OUCH"),
    Field("sending_time", 64, "ns since 1970, FIX SendingTime; 0 in OUCH"),
    Field("tcp_sequence", 32, "TCP sequence number of the payload's first octet"),
    Field("length", 16, "octets of payload"),
    Field("acknowledgment", 32, "TCP acknowledgment number in its frame"),
    Field("window", 16, "TCP window in its frame"),
    Field("ts_value", 32, "TCP timestamp in its frame; 0 without the option"),
    Field("ts_echo", 32, "TCP timestamp echo reply in its frame; 0 without the option"),
))

_SEQUENCES = (
    Field("tcp_acknowledgment", 32, "next octet expected of the peer"),
    Field("msg_seq_num", 32, "FIX: of the next message sent; else 0"),
    Field("expected_seq_num", 32, "FIX: of the next message expected; else 0"),
    Field("ts_recent", 32, "TCP timestamp to echo; 0 without the option"),
)
HANDOVER = Record("Handover", "handovers", "host", """An open order session that the core is to hold from now on.

    Goes into the core. Addresses and the peer's port are the configuration's.""", (
    Field("source_port", 16, "the core's TCP port"),
    Field("tcp_sequence", 32, "next octet to send; all before it is acknowledged"),
    *_SEQUENCES,
    Field("tcp_window", 32, "octets that the peer takes after tcp_sequence"),
    Field("tcp_window_scale", 4, "the peer's window field counts 2**this octets"),
    Field("ts_offset", 32, "TCP timestamps sent are the clock's ms plus this"),
))
SESSION_STATE = Record("SessionState", "sessions", "session", """The order session was taken over, handed back or lost.

    Of a session handed back nothing is under way: all that was sent is acknowledged, all that was acknowledged to the
    peer has been handed on. What the peer sends from then on is left to the host.""", (
    *_SEEN_BY,
    Field("state", 2, "SessionEvent"),
    Field("reason", 8, "LostReason; 0 unless lost"),
    Field("tcp_sequence", 32, "next octet to send"),
    Field("tcp_unacknowledged", 32, "first octet that the peer has not acknowledged"),
    *_SEQUENCES,
))
ADMIN = Record("Admin", "admin", "host", """A message that keeps the session.

    SoupBinTCP R or O, FIX ``spec.fix.ADMIN_TYPES``. Goes into the core, which adds lengths, sequence number, time and
    checksum. Waits for orders.""", (
    Field("type", 8, "SoupBinTCP packet type or FIX MsgType"),
    Field("length", 7, "octets of text; 0 in SoupBinTCP"),
    Field("text", 8 * 64, "FIX: whole fields, each with its SOH; octet i in bits 8i+7..8i, zero past its length"),
))

#: What the core hands out.
RECORDS: tuple[Record, ...] = (MESSAGE, UPDATE, WINDOW, DEPTH, LOAD, SYMBOL_SET, INDICATOR, VWAP, PARAMETERS_SET,
                               INTENT, DECISION, SYMBOL_LIMIT_SET, SESSION_LIMIT_SET, KILL, POSITION, ORDER,
                               SESSION_STATE)
#: What the host puts in, each a stream with backpressure.
REQUESTS: tuple[Record, ...] = (GIVEN_SYMBOL, SNAPSHOT, PARAMETERS, REQUEST, SYMBOL_LIMIT, SESSION_LIMIT, HANDOVER,
                                ADMIN)
