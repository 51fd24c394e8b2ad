"""Message streams for the book's bench: legal order flow on chosen corners of the book, and every way to break it."""

from collections.abc import Callable, Iterable
from functools import cached_property
from random import Random

from sim.engine.pack import AHEAD
from spec import itch
from spec.config import Design
from spec.ladder import window_base
from spec.order_table import bucket_of
from spec.records import MESSAGE
from spec.wire import write

TOP = (1 << 32) - 1  #: the highest price


class Traffic:
    """Makes messages and knows which orders rest, unless the table was full.

    Members
    -------
    locates : list[int]
        Of each configured symbol: preset, or announced by ``directory``.
    orders : dict[int, list[int]]
        Reference -> [symbol, side, price, shares] of resting orders.
    """

    def __init__(self, design: Design, rng: Random):
        self.design, self.rng = design, rng
        free = rng.sample(range(1, design.book.locates), len(design.symbols) + 4)
        self.locates = [symbol.locate or free[i] for i, symbol in enumerate(design.symbols)]
        self.untracked = [*free[-4:], design.book.locates, design.book.locates + self.locates[0], 65535]
        self.orders: dict[int, list[int]] = {}
        self._time = 34_200_000_000_000

    def message(self, code: str, locate: int, **fields) -> bytes:
        """Any message; integers that are not named are zero."""
        self._time += self.rng.choice((0, 1, 100, 100_000))
        return write(itch.MESSAGES[code], locate=locate, tracking=self.rng.getrandbits(16), timestamp=self._time,
                     **fields)

    # Orders

    def add(self, symbol: int, side: int, price: int, shares: int, reference: int | None = None) -> bytes:
        reference = self.reference() if reference is None else reference
        self.orders.setdefault(reference, [symbol, side, price, shares])
        return self.message(self.rng.choice("AAF"), self.locates[symbol], reference=reference, side="BS"[side],
                            shares=shares, price=price, stock=self.design.symbols[symbol].stock)

    def take(self, reference: int, shares: int, code: str | None = None) -> bytes:
        """Execute or cancel."""
        symbol, _, price, rest = self.orders[reference]
        if shares < rest:
            self.orders[reference][3] -= shares
        else:
            del self.orders[reference]
        code = code or self.rng.choice("ECX")
        fields = {"X": {}, "E": {"match": self.match()}, "C": {
            "match": self.match(), "printable": self.rng.choice("YN"), "price": max(0, price - 100)}}[code]
        return self.message(code, self.locates[symbol], reference=reference, shares=shares, **fields)

    def delete(self, reference: int) -> bytes:
        symbol = self.orders.pop(reference)[0]
        return self.message("D", self.locates[symbol], reference=reference)

    def replace(self, reference: int, price: int, shares: int, new_reference: int | None = None) -> bytes:
        new_reference = self.reference() if new_reference is None else new_reference
        symbol, side, *_ = self.orders.pop(reference)
        self.orders.setdefault(new_reference, [symbol, side, price, shares])
        return self.message("U", self.locates[symbol], reference=reference, new_reference=new_reference, price=price,
                            shares=shares)

    def reference(self) -> int:
        """A free reference, as often as not differing from another's in one bit."""
        while True:
            reference = self.rng.getrandbits(64)
            if self.orders and self.rng.random() < 0.5:
                reference = self.rng.choice(list(self.orders)) ^ 1 << self.rng.randrange(64)
            if reference not in self.orders:
                return reference

    def match(self) -> int:
        return self.rng.getrandbits(64)

    def shares(self) -> int:
        return self.rng.choice((0, 1, 100, 100, 200, self.rng.randrange(1, 10_000), TOP))

    # Prices

    @cached_property
    def windows(self) -> list[tuple[int, int, int]]:
        """Lowest price, first price beyond, and tick of each symbol's ladder."""
        levels = self.design.book.levels
        bases = [window_base(s.reference, s.tick, levels) for s in self.design.symbols]
        return [(base, base + levels * s.tick, s.tick) for base, s in zip(bases, self.design.symbols, strict=True)]

    def inside(self, symbol: int) -> int:
        low, high, tick = self.windows[symbol]
        return self.rng.choice((low, high - tick, *(self.rng.randrange(low, high, tick) for _ in range(4))))

    def anywhere(self, symbol: int) -> int:
        """Inside the window, at its edges, between ticks, far away."""
        low, high, tick = self.windows[symbol]
        return self.rng.choice((self.inside(symbol), self.inside(symbol), max(low - tick, 0), max(low - 1, 0), low + 1,
                                high - 1, high, 0, 1, 100, 1_999_999_900, TOP, self.rng.getrandbits(32)))

    # Streams

    def directory(self) -> list[bytes]:
        """What precedes trading: every symbol announced and trading, the market open."""
        opening = [self.message("S", 0, event="Q")]
        for locate, symbol in zip(self.locates, self.design.symbols, strict=True):
            opening += [self.message("R", locate, stock=symbol.stock), self.message("H", locate, state="T")]
        return opening

    def flow(self, count: int, *, price: Callable[[int], int], symbols: Iterable[int] | None = None, limit: int = 40,
             shares: Callable[[], int] | None = None, recent: int = 0) -> Iterable[bytes]:
        """Legal order flow: about ``limit`` resting orders at prices from ``price(symbol)``.

        ``recent``: act on one of that many youngest orders rather than on any.
        """
        rng, symbols = self.rng, list(symbols or range(len(self.design.symbols)))
        shares = shares or self.shares
        for _ in range(count):
            crowd = len(self.orders) / limit
            action = rng.choices("+-xeu", (1.5 if crowd < 1 else 0.3, crowd, 0.2, 0.5, 0.8))[0] if self.orders else "+"
            if action == "+":
                symbol = rng.choice(symbols)
                yield self.add(symbol, rng.randrange(2), price(symbol), shares())
                continue
            reference = rng.choice(list(self.orders)[-recent:])
            symbol, _, _, rest = self.orders[reference]
            if action == "-":
                yield self.delete(reference)
            elif action == "u":
                same = rng.random() < 0.1
                yield self.replace(reference, price(symbol), shares(), reference if same else None)
            else:
                yield self.take(reference, rest if action == "e" and rng.random() < 0.5 else rng.randint(0, rest))

    def other(self, count: int) -> Iterable[bytes]:
        """Every type that is no order's, on tracked and untracked symbols; they trade most of the time."""
        rng = self.rng
        codes = [c for c in itch.MESSAGES if c not in itch.BOOK_TYPES] + list("HHhhJJPQBSSSS")
        for _ in range(count):
            code = rng.choice(codes)
            layout = itch.MESSAGES[code]
            locate = rng.choice(self.locates + self.untracked)
            fields = {}
            for field in layout.fields[4:]:
                if field.codes:
                    fields[field.name] = rng.choice(field.codes)
                elif field.kind.is_integer:
                    fields[field.name] = rng.choice((0, 1, rng.getrandbits(8 * field.length)))
            if code == "S":
                locate, fields["event"] = rng.choice((0, locate)), rng.choice("QQQQMOSEC")
            if code in "Hh" and rng.random() < 0.5:
                fields |= {"state": "T"} if code == "H" else {"market": "Q", "action": "T"}
            if code == "R":  # most are of symbols that are not configured
                fields["stock"] = rng.choice(("ZZZT", self.design.symbols[0].stock + "X", "A", ""))
            yield self.message(code, locate, **fields)

    def illegal(self, count: int, references: int = 12) -> Iterable[bytes]:
        """Anything on few references: unknown, duplicate, too much, under another symbol."""
        rng = self.rng
        pool = [self.reference() for _ in range(references)]
        for _ in range(count):
            symbol = rng.randrange(len(self.design.symbols))
            locate = rng.choice((self.locates[symbol], self.locates[symbol], rng.choice(self.untracked)))
            code = rng.choice(itch.BOOK_TYPES)
            fields = {"reference": rng.choice(pool), "shares": rng.choice((0, 1, 2, 3, TOP)), "side": rng.choice("BS"),
                      "new_reference": rng.choice(pool), "price": self.anywhere(symbol), "match": self.match(),
                      "printable": rng.choice("YN")}
            yield self.message(code, locate, **{k: v for k, v in fields.items() if k in itch.MESSAGES[code]})

    def same_buckets(self, count: int) -> list[int]:
        """References that share their bucket in every sub-table."""
        book = self.design.book
        bits = book.buckets.bit_length() - 1
        target, found = self.rng.getrandbits(64), []
        wanted = [bucket_of(target, table, bits) for table in range(book.tables)]
        while len(found) < count:
            reference = self.rng.getrandbits(64)
            if all(bucket_of(reference, table, bits) == bucket for table, bucket in enumerate(wanted)):
                found.append(reference)
        return found


def as_records(messages: Iterable[bytes], *, gap_from: int | None = None, first: int = 0) -> list:
    """``Message`` records as the feed numbers them from ``first``; from number ``gap_from`` on the gap flag is up."""
    return [MESSAGE.tuple(number, number + 1, int(gap_from is not None and number >= gap_from),
                          int.from_bytes(octets, "little"))
            for number, octets in enumerate(messages, first)]


def ahead_of(record, rng: Random) -> int:
    """What the feed shows a cycle before a message, as one integer; noise where the message has no such octets."""
    octets = record.octets.to_bytes(itch.MAX_MESSAGE, "little")
    code = chr(octets[0])
    values = {"valid": 1, "add": int(code in "AF"), "locate": int.from_bytes(octets[1:3], "big")}
    for name, first in ("reference", 11), ("new_reference", 19):
        known = code in itch.MESSAGES and name in itch.MESSAGES[code]
        values[name] = int.from_bytes(octets[first : first + 8], "big") if known else rng.getrandbits(64)
    word = offset = 0
    for name, bits in AHEAD.items():
        word |= values[name] << offset
        offset += bits
    return word
