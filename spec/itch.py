"""Nasdaq TotalView-ITCH 5.0: all 23 message types. Integers are big-endian; offsets count from the type octet."""

from .wire import Kind, Layout, fields

_HEADER = (
    ("type", 1, Kind.CHAR),
    ("locate", 2),
    ("tracking", 2),
    ("timestamp", 6, Kind.TIME),
)

#: What every message begins with.
HEADER = Layout("ITCH header", 11, "1", fields(*_HEADER))


def _message(code: str, length: int, section: str, name: str, *rows: tuple) -> Layout:
    return Layout(name, length, f"ITCH 5.0, {section}", fields(*_HEADER, *rows), code)


_STOCK = ("stock", 8, Kind.ALPHA)
_REFERENCE = ("reference", 8)
_SIDE = ("side", 1, Kind.CHAR, "BS")
_SHARES = ("shares", 4)
_PRICE = ("price", 4, Kind.PRICE4)
_MATCH = ("match", 8)

MESSAGES: dict[str, Layout] = {layout.code: layout for layout in (
    _message("S", 12, "1.1", "system event", ("event", 1, Kind.CHAR, "OSQMEC")),
    _message("R", 39, "1.2.1", "stock directory", _STOCK,
             ("category", 1, Kind.CHAR), ("financial_status", 1, Kind.CHAR), ("round_lot", 4),
             ("round_lots_only", 1, Kind.CHAR), ("classification", 1, Kind.CHAR), ("subtype", 2, Kind.ALPHA),
             ("authenticity", 1, Kind.CHAR), ("short_sale_threshold", 1, Kind.CHAR), ("ipo", 1, Kind.CHAR),
             ("luld_tier", 1, Kind.CHAR), ("etp", 1, Kind.CHAR), ("etp_leverage", 4), ("inverse", 1, Kind.CHAR)),
    _message("H", 25, "1.2.2", "stock trading action", _STOCK,
             ("state", 1, Kind.CHAR, "HPQT"), ("reserved", 1, Kind.CHAR), ("reason", 4, Kind.ALPHA)),
    _message("Y", 20, "1.2.3", "Reg SHO restriction", _STOCK, ("action", 1, Kind.CHAR, "012")),
    _message("L", 26, "1.2.4", "market participant position", ("mpid", 4, Kind.ALPHA), _STOCK,
             ("primary", 1, Kind.CHAR), ("mode", 1, Kind.CHAR), ("state", 1, Kind.CHAR)),
    _message("V", 35, "1.2.5.1", "MWCB decline level",
             ("level1", 8, Kind.PRICE8), ("level2", 8, Kind.PRICE8), ("level3", 8, Kind.PRICE8)),
    _message("W", 12, "1.2.5.2", "MWCB status", ("level", 1, Kind.CHAR, "123")),
    _message("K", 28, "1.2.6", "IPO quoting period", _STOCK,
             ("release_time", 4), ("qualifier", 1, Kind.CHAR, "AC"), _PRICE),
    _message("J", 35, "1.2.7", "LULD auction collar", _STOCK,
             ("reference", 4, Kind.PRICE4), ("upper", 4, Kind.PRICE4), ("lower", 4, Kind.PRICE4), ("extension", 4)),
    _message("h", 21, "1.2.8", "operational halt", _STOCK,
             ("market", 1, Kind.CHAR, "QBX"), ("action", 1, Kind.CHAR, "HT")),
    _message("A", 36, "1.3.1", "add order", _REFERENCE, _SIDE, _SHARES, _STOCK, _PRICE),
    _message("F", 40, "1.3.2", "add order with MPID", _REFERENCE, _SIDE, _SHARES, _STOCK, _PRICE,
             ("mpid", 4, Kind.ALPHA)),
    _message("E", 31, "1.4.1", "order executed", _REFERENCE, _SHARES, _MATCH),
    _message("C", 36, "1.4.2", "order executed with price", _REFERENCE, _SHARES, _MATCH,
             ("printable", 1, Kind.CHAR, "YN"), _PRICE),
    _message("X", 23, "1.4.3", "order cancel", _REFERENCE, _SHARES),
    _message("D", 19, "1.4.4", "order delete", _REFERENCE),
    _message("U", 35, "1.4.5", "order replace", _REFERENCE, ("new_reference", 8), _SHARES, _PRICE),
    _message("P", 44, "1.5.1", "trade", _REFERENCE, _SIDE, _SHARES, _STOCK, _PRICE, _MATCH),
    _message("Q", 40, "1.5.2", "cross trade", ("shares", 8), _STOCK, _PRICE, _MATCH, ("cross_type", 1, Kind.CHAR)),
    _message("B", 19, "1.5.3", "broken trade", _MATCH),
    _message("I", 50, "1.6", "net order imbalance indicator", ("paired", 8), ("imbalance", 8),
             ("direction", 1, Kind.CHAR), _STOCK, ("far", 4, Kind.PRICE4), ("near", 4, Kind.PRICE4),
             ("reference", 4, Kind.PRICE4), ("cross_type", 1, Kind.CHAR), ("variation", 1, Kind.CHAR)),
    _message("N", 20, "1.7", "retail price improvement indicator", _STOCK, ("interest", 1, Kind.CHAR, "BSAN")),
    _message("O", 48, "1.8", "direct listing price discovery", _STOCK, ("eligibility", 1, Kind.CHAR, "YN"),
             ("minimum", 4, Kind.PRICE4), ("maximum", 4, Kind.PRICE4), ("near", 4, Kind.PRICE4), ("near_time", 8),
             ("lower", 4, Kind.PRICE4), ("upper", 4, Kind.PRICE4)),
)}

MAX_MESSAGE = max(layout.length for layout in MESSAGES.values())  #: octets
BOOK_TYPES = "AFECXDU"  #: types that change the book
