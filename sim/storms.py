"""Millions of messages for the book alone: order flow by the shares of a real day, and storms on each of its corners.

A hundred thousand messages a second, of the types that change a book. A kind is a method of ``Storms`` that yields
messages of one segment, each padded to ``OCTETS``; what rests is known, so that a storm is legal unless it says
otherwise.
"""

from collections.abc import Iterator
from random import Random
from struct import Struct

import numpy as np

from spec.config import Design
from spec.ladder import highest_low, lowest_low
from spec.order_table import bucket_of

from .book_run import Segment
from .engine.pack import OCTETS

TOP = (1 << 32) - 1


def _padded(code: str) -> Struct:
    return Struct(f">{code}{OCTETS - Struct('>' + code).size}x")


# type, locate, tracking, timestamp (two parts); then the body.
_ADD, _EXECUTE, _PRICED, _CANCEL, _DELETE, _REPLACE, _TRADE = (_padded("cHHHI" + body) for body in (
    "QcI8sI", "QIQ", "QIQcI", "QI", "Q", "QQII", "QcI8sIQ"))
_DIRECTORY, _ACTION, _EVENT = (_padded("cHHHI" + body) for body in ("8s", "8scx4s", "c"))


class Storms:
    """Segments of traffic for ``design``; the same ``seed`` gives the same."""

    def __init__(self, design: Design, seed: int):
        self.design, self.rng = design, Random(seed)
        self.count = len(design.symbols)
        self.locates = [symbol.locate or i + 1 for i, symbol in enumerate(design.symbols)]
        self.stocks = [symbol.stock_octets for symbol in design.symbols]
        self.ticks = [symbol.tick for symbol in design.symbols]
        levels = design.book.levels
        self.spans = [levels * tick for tick in self.ticks]
        self.room = design.book.capacity // 2
        self._bits = design.book.buckets.bit_length() - 1
        self._pools: list[int] = []
        self._rest = 64 * design.book.buckets + 4000  # cycles in which every window comes to rest
        self.forget()

    def forget(self) -> None:
        """A segment begins: no order rests, and every market stands at its reference."""
        self.live: list[list] = []  # [reference, symbol, side, price, shares]
        self.middles = [symbol.reference for symbol in self.design.symbols]
        self._time = 34_200_000_000_000
        self._last = [self.rng.getrandbits(20) << 2 | residue for residue in range(4)]

    # Messages

    def header(self, code: bytes, symbol: int) -> tuple:
        self._time += 700
        return code, self.locates[symbol], 1, self._time >> 32, self._time & 0xFFFF_FFFF

    def directory(self) -> Iterator[bytes]:
        yield _EVENT.pack(b"S", 0, 1, 0, 1, b"Q")
        for symbol, stock in enumerate(self.stocks):
            yield _DIRECTORY.pack(*self.header(b"R", symbol), stock)
            yield _ACTION.pack(*self.header(b"H", symbol), stock, b"T", b"    ")

    def reference(self, symbol: int) -> int:
        """As on real days: nearly rising, and its residue modulo 4 is the symbol's."""
        residue = symbol * 7 & 3
        self._last[residue] += 4 * int(1 + 30 * self.rng.random())
        return self._last[residue]

    def add(self, symbol: int, side: int, price: int, shares: int, reference: int | None = None) -> bytes:
        reference = self.reference(symbol) if reference is None else reference
        self.live.append([reference, symbol, side, price, shares])
        return _ADD.pack(*self.header(b"A", symbol), reference, b"BS"[side : side + 1], shares, self.stocks[symbol],
                         price)

    def pop(self, at: int) -> list:
        """Take order ``at`` out of ``live``; the last takes its place."""
        live = self.live
        order, last = live[at], live.pop()
        if order is not last:
            live[at] = last
        return order

    def delete(self, at: int) -> bytes:
        order = self.pop(at)
        return _DELETE.pack(*self.header(b"D", order[1]), order[0])

    def take(self, at: int, shares: int) -> bytes:
        """Execute ``shares``; all of them remove the order."""
        order = self.live[at]
        if shares >= order[4]:
            self.pop(at)
        else:
            order[4] -= shares
        if self.rng.random() < 0.1:
            return _PRICED.pack(*self.header(b"C", order[1]), order[0], shares, order[0], b"Y", order[3])
        return _EXECUTE.pack(*self.header(b"E", order[1]), order[0], shares, order[0] ^ 5)

    def cancel(self, at: int, shares: int) -> bytes:
        order = self.live[at]
        order[4] -= shares
        return _CANCEL.pack(*self.header(b"X", order[1]), order[0], shares)

    def replace(self, at: int, price: int, shares: int, reference: int | None = None) -> bytes:
        order = self.live[at]
        old = order[0]
        order[0] = self.reference(order[1]) if reference is None else reference
        order[3:] = price, shares
        return _REPLACE.pack(*self.header(b"U", order[1]), old, order[0], shares, price)

    def order(self, operation: int, symbol: int, side: int, reference: int, new: int, price: int) -> bytes:
        """The message of an operation of ``fill.flow``: add, delete or replace."""
        if operation == 0:
            return _ADD.pack(*self.header(b"A", symbol), reference, b"BS"[side : side + 1], 100, self.stocks[symbol],
                             price)
        if operation == 1:
            return _DELETE.pack(*self.header(b"D", symbol), reference)
        return _REPLACE.pack(*self.header(b"U", symbol), reference, new, 100, price)

    # Prices

    def near(self, symbol: int, side: int, depth: float) -> int:
        """About ``depth`` ticks from the market's middle, on the side where orders rest."""
        away = int(self.rng.expovariate(1 / depth)) + 1
        tick = self.ticks[symbol]
        return self.clip(symbol, self.middles[symbol] + tick * (away if side else -away))

    def clip(self, symbol: int, price: int) -> int:
        """On the grid, where a ladder can hold it."""
        tick = self.ticks[symbol]
        low = lowest_low(tick, self.design.book.levels)
        return min(max(price // tick * tick, low), highest_low(tick, self.design.book.levels))

    def far(self) -> int:
        """Stub quotes, prices between ticks, the ends of what a price can be."""
        return self.rng.choice((0, 1, 99, 100, 101, 9_999, 10_000, 1_999_999_900, 1_999_999_999, TOP - 1, TOP,
                                self.rng.getrandbits(32)))

    def stub(self, side: int) -> int:
        """A quote that a market maker owes and nobody takes; one in fifty is at any price."""
        return self.far() if self.rng.random() < 0.02 else 1_999_999_900 if side else 100

    def shares(self) -> int:
        return int(self.rng.random() * 10) * 100 + 1

    # Kinds. Each yields one segment's messages, ``count`` or a few more.

    def mixture(self, count: int, *, stubs: float = 0.004, step: float = 0.02) -> Iterator[bytes]:
        """The shares of a real day, over symbols with skew, around markets that drift."""
        draw = self.rng.random
        sizes = [1 / (i + 1) for i in range(self.count)]
        symbols = self.rng.choices(range(self.count), sizes, k=4096)
        for number in range(count):
            symbol, live = symbols[number & 4095], self.live
            crowd, kind = len(live) / self.room, draw()
            if draw() < step:
                drift = int(draw() * 7) - 3
                self.middles[symbol] = self.clip(symbol, self.middles[symbol] + drift * self.ticks[symbol])
            if not live or (crowd < 1 and kind < 0.44 + 0.2 * (1 - crowd)):
                side = int(draw() * 2)
                price = self.stub(side) if draw() < stubs else self.near(symbol, side, 8)
                yield self.add(symbol, side, price, self.shares())
            elif kind < 0.88:
                yield self.delete(int(draw() * len(live)))
            elif kind < 0.96:
                at = int(draw() * len(live))
                _, symbol, side, *_ = live[at]
                yield self.replace(at, self.near(symbol, side, 8), self.shares())
            elif kind < 0.98:
                at = int(draw() * len(live))
                yield self.take(at, live[at][4] if draw() < 0.73 else int(draw() * live[at][4]))
            elif kind < 0.99:
                at = int(draw() * len(live))
                yield self.cancel(at, int(draw() * live[at][4]))
            else:
                price = self.middles[symbol]
                yield _TRADE.pack(*self.header(b"P", symbol), 0, b"B", 100, self.stocks[symbol], price, number)

    def ping_pong(self, count: int) -> Iterator[bytes]:
        """One order at a time comes and goes on a level, in adjacent cycles; another rests there or does not."""
        draw = self.rng.random
        for _ in range(count // 12):
            symbol, side = int(draw() * self.count), int(draw() * 2)
            price = self.near(symbol, side, 2)
            rests = draw() < 0.5
            if rests:
                yield self.add(symbol, side, price, 5)
            for _ in range(int(draw() * 6) + 1):
                yield self.add(symbol, side, price, 100)
                last = len(self.live) - 1
                yield self.delete(last) if draw() < 0.7 else self.take(last, 100)
            if rests:
                yield self.delete(len(self.live) - 1)

    def same_buckets(self, count: int) -> Iterator[bytes]:
        """References that share a bucket in every sub-table: into the spill and out again, never too many."""
        draw, book = self.rng.random, self.design.book
        room = book.tables * book.ways + book.spill
        free = self._same_buckets(room + 8)
        for _ in range(count):
            live = self.live
            symbol, side = int(draw() * self.count), int(draw() * 2)
            kind = draw()
            if not live or (len(live) < room and kind < 0.5):
                yield self.add(symbol, side, self.near(symbol, side, 3), 100, free.pop(int(draw() * len(free))))
            elif kind < 0.85 or len(live) == room:  # a replace needs a place before it gives one back
                at = int(draw() * len(live))
                free.append(live[at][0])
                yield self.delete(at)
            else:
                at = int(draw() * len(live))
                old, symbol, side, *_ = live[at]
                new = free.pop(int(draw() * len(free)))
                free.append(old)
                yield self.replace(at, self.near(symbol, side, 3), 100, new)

    def _same_buckets(self, count: int) -> list[int]:
        if not self._pools:
            # The fold is linear: what leaves every bucket as it is are the sums of such references.
            zero = _kernel(self.design.book.tables, self._bits)
            start, tables = self.rng.getrandbits(64), range(self.design.book.tables)
            found = set()
            while len(found) < count:
                reference = start
                for each in self.rng.sample(zero, 3):
                    reference ^= each
                found.add(reference)
            self._pools = sorted(found)
            assert all(len({bucket_of(r, table, self._bits) for r in found}) == 1 for table in tables)
        return list(self._pools)

    def replace_chains(self, count: int) -> Iterator[bytes]:
        """Nothing but replaces: of the order just made, on the same level, with the same reference, across the book."""
        draw = self.rng.random
        for symbol in range(self.count):
            for side in (0, 1):
                for _ in range(3):
                    yield self.add(symbol, side, self.near(symbol, side, 5), 100)
        last = 0
        for _ in range(count):
            if draw() < 0.4:
                last = int(draw() * len(self.live))
            reference, symbol, side, price, _ = self.live[last]
            kind = draw()
            if kind < 0.6:
                price = self.near(symbol, side, 5)
            elif kind < 0.7:
                price = self.near(symbol, 1 - side, 5)  # over to where the other side rests
            yield self.replace(last, price, self.shares(), reference if draw() < 0.2 else None)

    def crossing(self, count: int) -> Iterator[bytes]:
        """Both sides on the same few levels: locked, crossed, empty."""
        draw = self.rng.random
        for _ in range(count):
            live, symbol = self.live, int(draw() * self.count)
            kind = draw()
            price = self.clip(symbol, self.middles[symbol] + self.ticks[symbol] * int(draw() * 5))
            if not live or kind < 0.5 - len(live) / 100:
                yield self.add(symbol, int(draw() * 2), price, self.shares())
            elif kind < 0.8:
                yield self.delete(int(draw() * len(live)))
            else:
                at = int(draw() * len(live))
                symbol = live[at][1]
                yield self.replace(at, self.clip(symbol, self.middles[symbol] + self.ticks[symbol] * int(draw() * 5)),
                                   self.shares())

    def one_level(self, count: int) -> Iterator[bytes]:
        """All orders of a symbol on one level a side, as many as the table holds with ease."""
        draw = self.rng.random
        for _ in range(count):
            live, symbol, side = self.live, int(draw() * self.count), int(draw() * 2)
            tick, kind = self.ticks[symbol], draw()
            if not live or (kind < 0.55 and len(live) < self.room):
                yield self.add(symbol, side, self.clip(symbol, self.middles[symbol] + tick * side), TOP)
            elif kind < 0.8:
                yield self.delete(int(draw() * len(live)))
            else:
                at = int(draw() * len(live))
                yield self.replace(at, live[at][3], self.shares())

    def sweeps(self, count: int) -> Iterator[bytes]:
        """A deep book is built, and five hundred messages empty it from the best level on; again on the other side."""
        draw, made = self.rng.random, 0
        while made < count:
            symbol, side = int(draw() * self.count), int(draw() * 2)
            tick, size = self.ticks[symbol], min(500, self.room)
            orders = []
            for _ in range(size):
                away = int(draw() * min(self.design.book.levels // 2 - 1, 100)) + 1
                price = self.clip(symbol, self.middles[symbol] + tick * (away if side else -away))
                orders.append((price if side else -price, len(self.live)))
                yield self.add(symbol, side, price, 100)
            order_of = {order[0]: order for order in self.live}
            queue = [self.live[at][0] for _, at in sorted(orders)]
            self.live.clear()
            for reference in queue:
                self.live.append(order_of[reference])
                yield self.delete(0) if draw() < 0.3 else self.take(0, 100)
            made += 2 * size

    def walks(self, count: int, *, jump: float = 0.002, stubs: float = 0.02) -> Iterator[bytes]:
        """Markets that walk out of their ladders' windows, and jump; old orders stay behind, stubs lie far off."""
        draw = self.rng.random
        trend = [self.rng.choice((-1, 1)) for _ in range(self.count)]
        for _ in range(count):
            live, symbol = self.live, int(draw() * self.count)
            if draw() < 0.2:
                self.middles[symbol] = self.clip(symbol, self.middles[symbol] + trend[symbol] * self.ticks[symbol])
            if draw() < jump:
                trend[symbol] = -trend[symbol]
                leap = int((draw() - 0.5) * 3 * self.spans[symbol])
                self.middles[symbol] = self.clip(symbol, self.middles[symbol] + leap)
            kind = draw()
            if not live or (kind < 0.5 and len(live) < self.room // 2):
                side = int(draw() * 2)
                price = self.far() if draw() < stubs else self.near(symbol, side, 6)
                yield self.add(symbol, side, price, self.shares())
            elif kind < 0.75:
                # The oldest mostly go first, so that a market leaves its past behind.
                yield self.delete(int(draw() ** 3 * len(live)))
            else:
                at = int(draw() * len(live))
                _, symbol, side, *_ = live[at]
                yield self.replace(at, self.near(symbol, side, 6), self.shares())

    def illegal(self, count: int) -> Iterator[bytes]:
        """Anything on few references: unknown, duplicate, too many shares, another symbol's, a full table."""
        rng, draw = self.rng, self.rng.random
        pool = [rng.getrandbits(64) for _ in range(12)] + (self._same_buckets(40) if draw() < 0.3 else [])
        symbols = [0] * 8 + list(range(self.count))
        for _ in range(count):
            symbol, reference, other = rng.choice(symbols), rng.choice(pool), rng.choice(pool)
            side, shares, kind = int(draw() * 2), rng.choice((0, 1, 2, 3, TOP)), draw()
            price = self.far() if draw() < 0.1 else self.near(symbol, side, 6)
            if kind < 0.4:
                yield self.add(symbol, side, price, shares, reference)
            elif kind < 0.6:
                yield _DELETE.pack(*self.header(b"D", symbol), reference)
            elif kind < 0.8:
                yield _REPLACE.pack(*self.header(b"U", symbol), reference, other, shares, price)
            elif kind < 0.9:
                yield _EXECUTE.pack(*self.header(b"E", symbol), reference, shares, 1)
            else:
                yield _CANCEL.pack(*self.header(b"X", symbol), reference, shares)

    KINDS = ("mixture", "ping_pong", "same_buckets", "replace_chains", "crossing", "one_level", "sweeps", "walks",
             "illegal")

    def segments(self, kind: str, count: int, *, size: int = 40_000) -> Iterator[Segment]:
        """Segments of ``kind`` with ``count`` messages in all; illegal ones are short, since flags stay up."""
        if kind == "illegal":
            size = min(size, 500)
        draws = np.random.default_rng(self.rng.getrandbits(32))
        while count > 0:
            self.forget()
            messages = [*self.directory(), *getattr(self, kind)(min(size, count))]
            gaps = self.gaps(len(messages), draws)
            messages += self.roll_call()
            gaps = np.concatenate([np.zeros(len(messages) - self.count, np.uint32) if gaps is None else gaps,
                                   np.zeros(self.count, np.uint32)])
            gaps[-self.count] = self._rest
            yield Segment(b"".join(messages), gaps=gaps)
            count -= len(messages)

    def roll_call(self) -> list[bytes]:
        """A message about each symbol that changes nothing, so that its update tells what is known after a rest."""
        return [_ACTION.pack(*self.header(b"H", symbol), stock, b"T", b"    ")
                for symbol, stock in enumerate(self.stocks)]

    def gaps(self, count: int, draws: np.random.Generator) -> np.ndarray | None:
        """None at all; a few at random; or bursts of hundreds with rest between them."""
        kind = self.rng.choice(("none", "few", "wire", "bursts", "bursts"))
        if kind == "none":
            return None
        if kind == "few":
            return draws.choice(np.array([0, 0, 0, 1, 2, 7], np.uint32), count)
        if kind == "wire":  # a delete of 21 octets on 8 lanes is as soon as the next may come
            return draws.integers(2, 6, count, np.uint32)
        return np.where(draws.random(count) < 0.005, draws.integers(0, 4000, count), 0).astype(np.uint32)


def _kernel(tables: int, bits: int) -> list[int]:
    """References that leave the bucket of every sub-table at zero, and of which all such are sums (XOR)."""
    rows = {}  # pivot -> (buckets, reference)
    kernel = []
    for position in range(64):
        reference = 1 << position
        buckets = sum(bucket_of(reference, table, bits) << table * bits for table in range(tables))
        while buckets:
            pivot = buckets.bit_length()
            if pivot not in rows:
                rows[pivot] = buckets, reference
                break
            buckets, reference = buckets ^ rows[pivot][0], reference ^ rows[pivot][1]
        else:
            kernel.append(reference)
    return kernel
