"""A design for whatever a file holds: its busiest symbols, with locates and ladders that fit.

A cut out of the middle of a day has no stock directory, and a file of another day has other prices. ``scan`` looks at
the file once; ``fit`` puts what it found in place of the design's symbols and leaves the other sections alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

from spec import itch
from spec.config import ConfigError, Design

from .blocks import blocks
from .inputs import InputError
from .sources import input_messages, opened
from .window import WHOLE, Window

SCAN_LIMIT = 2_000_000  #: messages looked at
MAX_SYMBOLS = 16
_SAMPLES = 501  #: prices kept per symbol for the median
_DOLLAR = 10_000
_LAYOUTS = {ord(kind): layout for kind, layout in itch.MESSAGES.items()}
_STOCK_AT = {ord(kind): slice(f.offset, f.end) for kind, layout in itch.MESSAGES.items()
             if "stock" in layout for f in (layout["stock"],)}
_PRICE_AT = {ord(kind): slice(f.offset, f.end) for kind in "AFUPCQ" for f in (itch.MESSAGES[kind]["price"],)}
_LOCATE = itch.HEADER["locate"]
_DIRECTORY, _ADDS = ord("R"), frozenset(b"AF")


@dataclass
class Seen:
    """What is known of one locate."""

    locate: int
    stock: str = ""
    adds: int = 0
    messages: int = 0
    told: bool = False  #: in the stock directory
    prices: list[int] = field(default_factory=list)  #: of adds, a sample
    other_prices: list[int] = field(default_factory=list)  #: of replaces and trades, the first

    def add(self, price: int, rng: Random) -> None:
        self.adds += 1
        if len(self.prices) < _SAMPLES:
            self.prices.append(price)
        elif (at := rng.randrange(self.adds)) < _SAMPLES:
            self.prices[at] = price

    @property
    def median(self) -> int:
        """1/10 000 dollar; a hundred dollars where there is no price."""
        prices = self.prices or self.other_prices or [100 * _DOLLAR]
        return sorted(prices)[len(prices) // 2]


@dataclass
class Scan:
    """What is in a file, or in its first ``SCAN_LIMIT`` messages."""

    messages: int = 0
    whole: bool = True  #: nothing was left unread
    starts_day: bool = False  #: the start-of-messages event is there, so trading states will be told
    first_sequence: int | None = None  #: of a capture
    seen: dict[int, Seen] = field(default_factory=dict)  #: by locate

    @property
    def busiest(self) -> list[Seen]:
        """Symbols by adds, then by messages; those that only the directory names come last."""
        return sorted(self.seen.values(), key=lambda s: (-s.adds, -s.messages, s.locate))

    def named(self, stock: str) -> Seen | None:
        return next((s for s in self.seen.values() if s.stock == stock), None)


def scan(paths: Sequence[str | Path], *, limit: int | None = None, window: Window = WHOLE,
         progress: Callable[[int], None] | None = None) -> Scan:
    """Look at up to ``limit`` messages. Damage is no error here: the replay will come to it and say so.

    ``progress``, if given, is called with the number of messages so far.
    """
    found, rng = Scan(), Random(0)
    limit = SCAN_LIMIT if limit is None else min(limit, SCAN_LIMIT)
    messages = input_messages(paths, window)
    try:
        for message in islice(messages, limit):
            octets = message.octets
            found.messages += 1
            if progress and not found.messages % 4096:
                progress(found.messages)
            layout = _LAYOUTS.get(octets[0]) if octets else None
            if layout is None or len(octets) != layout.length:
                continue
            kind = octets[0]
            locate = int.from_bytes(octets[_LOCATE.offset : _LOCATE.end], "big")
            if kind == ord("S") and octets[11:12] == b"O":
                found.starts_day = True
            if not locate:
                continue
            seen = found.seen.get(locate)
            if seen is None:
                seen = found.seen[locate] = Seen(locate)
            seen.messages += 1
            seen.told |= kind == _DIRECTORY
            if kind in _STOCK_AT:
                seen.stock = octets[_STOCK_AT[kind]].decode("latin-1").rstrip()
            if kind in _PRICE_AT:
                price = int.from_bytes(octets[_PRICE_AT[kind]], "big")
                if kind in _ADDS:
                    seen.add(price, rng)
                elif len(seen.other_prices) < _SAMPLES:
                    seen.other_prices.append(price)
        found.whole = next(messages, None) is None
    except InputError:
        if not found.messages:
            raise
    found.first_sequence = _first_sequence(paths, window)
    return found


def _first_sequence(paths: Sequence[str | Path], window: Window) -> int | None:
    """The sequence number of the first message in captures; ``None`` for ITCH files."""
    try:
        for data in opened(paths):
            if not data.is_capture:
                return None
            for frame in window.frames(data.frames()):
                if (block := next(blocks(frame.octets), None)) is not None:
                    return block.sequence
    except InputError:
        pass
    return None


def from_the_start(design: Design, found: Scan) -> Design:
    """``design`` with the first sequence number of a capture, so that it does not begin with a gap."""
    if found.first_sequence is None or not 1 <= found.first_sequence < 1 << 63:
        return design
    return _changed(design, feed={"first_sequence": found.first_sequence})


def occurs(design: Design, found: Scan) -> bool:
    """Whether messages of a configured symbol reach its book: by name where the directory is told, or by locate."""
    stocks = {symbol.stock for symbol in design.symbols}
    locates = {symbol.locate for symbol in design.symbols if symbol.locate}
    return any(s.locate in locates or (s.told and s.stock in stocks) for s in found.seen.values())


def fit(design: Design, found: Scan, *, stocks: Sequence[str] | None = None) -> Design:
    """``design`` with ``stocks``, or the busiest that were found, in place of its symbols.

    Each symbol gets its locate and a ladder around the median price of its adds. A file that does not tell trading
    states from the start of the day is taken to be of a market that is open.

    Raises ``ConfigError`` where ``stocks`` names one that was not found, or nothing was.
    """
    if stocks is None:
        room = min(MAX_SYMBOLS, design.book.capacity // design.book.min_orders_per_symbol)
        chosen = found.busiest[:room]
        if not chosen:
            raise ConfigError("--symbols auto: no symbol occurs in the input")
    else:
        chosen = []
        for stock in stocks:
            seen = found.named(stock)
            if seen is None:
                raise ConfigError(f"--symbols: {stock!r} does not occur in the input; the busiest there: "
                                  f"{', '.join(s.stock for s in found.busiest[:8] if s.stock) or 'none'}")
            chosen.append(seen)
    symbols = [_symbol(seen, design.book.levels) for seen in chosen]
    highest = max(symbol["locate"] for symbol in symbols)
    book = {"assume_trading": not found.starts_day}
    if highest >= design.book.locates:
        book["locates"] = 1 << highest.bit_length()
    return _changed(from_the_start(design, found), symbols=symbols, book=book)


def _symbol(seen: Seen, levels: int) -> dict:
    tick = 1 if seen.median < _DOLLAR else 100
    top = (1 << 32) - levels * tick  # the ladder must end below 2**32
    reference = min(seen.median, top) // tick * tick
    name = seen.stock if seen.stock.isascii() and seen.stock.isprintable() and " " not in seen.stock else ""
    return {"stock": name or f"#{seen.locate}", "reference": reference, "tick": tick, "locate": seen.locate}


def _changed(design: Design, **sections) -> Design:
    """A validated copy of ``design``; a dict changes keys of a section, a list replaces it."""
    table = design.model_dump()
    for name, value in sections.items():
        table[name] = {**table[name], **value} if isinstance(value, dict) else value
    return Design.model_validate(table)
