"""How full the order table gets before it is full: references as on real days, by the table's own rule.

The first spill is the first order that finds every one of its buckets full and goes to the associative entries; the
first flag is the first order for which they are full too. Load is live orders by all entries of the table. The rule
(``golden_model.order_table``) finds both; the compiled book confirms the flag, message for message.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
from rich.console import Console

from golden_model.order_table import OrderTable
from spec.config import Design, preset

from .engine.book import BookEngine
from .engine.pack import OCTETS
from .storms import Storms

URAM_BITS, URAM_ROWS = 72, 4096
#: Of a real day: messages of the eight busiest symbols, relative to each other.
_SKEW = (2.38, 2.2, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1)
#: How many more adds there are than orders that leave, so that the book fills: at least three in four turn over.
_GROWTH = 0.12
_REPLACES, _BATCH = 0.08, 1 << 15

ADD, REMOVE, REPLACE = range(3)


def built_in() -> Design:
    """Eight symbols and a table of 196 608 entries and 16 more: the busiest eight have up to 157 000 orders."""
    design = preset("small").model_dump()
    design["book"] |= {"locates": 16384, "tables": 4, "buckets": 8192, "ways": 6, "spill": 16, "levels": 1024}
    design["symbols"] = [{"stock": f"FILL{i}", "reference": 1_000_000 + 100_000 * i, "tick": 100, "locate": i + 1}
                         for i in range(8)]
    return Design.model_validate(design)


def entry_bits(design: Design) -> int:
    """Width of an entry: the reference's tag and the order."""
    from amaranth import Shape

    from hdl.book.operation import order_layout

    return 64 - (design.book.buckets.bit_length() - 1) + Shape.cast(order_layout(design)).width


def urams(design: Design) -> int:
    """UltraRAMs of the entries: each way of a sub-table is a memory of its own."""
    book = design.book
    return book.tables * book.ways * -(-entry_bits(design) // URAM_BITS) * -(-book.buckets // URAM_ROWS)


def flow(symbols: int, seed: int) -> Iterator[tuple[int, int, int, int]]:
    """Endless (operation, symbol, reference, new reference): orders come, are replaced and leave; ever more rest.

    ``reference % 4`` is the symbol's; per residue references nearly rise, with the gaps that other symbols' orders
    leave. Most orders that leave are young.
    """
    rng = Random(seed)
    draw = rng.random
    last = [rng.getrandbits(24) << 2 | residue for residue in range(4)]
    weights = [_SKEW[i % len(_SKEW)] / (1 + i // len(_SKEW)) for i in range(symbols)]
    chosen = rng.choices(range(symbols), weights, k=1 << 16)
    live: list[tuple[int, int]] = []
    late: list[tuple[int, int]] = []  # references that were given but come a little later
    number = 0

    def fresh(symbol: int) -> int:
        residue = symbol * 7 & 3
        last[residue] += 4 * int(1 + 17 * draw())
        return last[residue]

    while True:
        number += 1
        kind = draw()
        if kind < _REPLACES and live:
            at = int(draw() * len(live))
            symbol, reference = live[at]
            new = fresh(symbol)
            live[at] = symbol, new
            yield REPLACE, symbol, reference, new
        elif kind < _REPLACES + (1 - _REPLACES) * (1 + _GROWTH) / 2 or not live:
            symbol = chosen[number & 0xFFFF]
            if late and draw() < 0.05:
                order = late.pop()
            else:
                order = symbol, fresh(symbol)
                if draw() < 0.02:
                    late.append(order)
                    order = symbol, fresh(symbol)
            live.append(order)
            yield ADD, *order, 0
        else:
            # Half of those that leave are among the thousand youngest.
            at = len(live) - 1 - int(draw() * min(1000, len(live))) if draw() < 0.5 else int(draw() * len(live))
            symbol, reference = live[at]
            live[at] = live[-1]
            live.pop()
            yield REMOVE, symbol, reference, 0


@dataclass(frozen=True)
class Moment:
    """When something happened first."""

    message: int  #: number of the order message, from 0
    live: int  #: orders in the table, this one included if it found a place
    load: float  #: of all entries


@dataclass(frozen=True)
class Fill:
    """What filling a table showed."""

    design: Design
    spill: Moment
    flag: Moment
    hardware_flag: int | None = None  #: order message at which the compiled book raised it

    @property
    def confirmed(self) -> bool:
        return self.hardware_flag == self.flag.message


def fill(design: Design, *, seed: int = 1, progress: Callable[[int], None] = lambda live: None) -> Fill:
    """Drive the table's rule until the first flag."""
    table, spill = OrderTable(design.book), None
    places, capacity = table.places, design.book.capacity
    for number, (operation, _, reference, new) in enumerate(flow(len(design.symbols), seed)):
        if operation == REMOVE:
            table.remove(reference)
            continue
        placed = table.replace(reference, new) if operation == REPLACE else table.insert(reference)
        if spill is None and table.spilled:
            spill = Moment(number, len(places), len(places) / capacity)
        if not placed:
            assert spill
            return Fill(design, spill, Moment(number, len(places), len(places) / capacity))
        if not number & 0x3FFF:
            progress(len(places))
    raise AssertionError("endless")


def confirm(found: Fill, library: Path, *, seed: int = 1, progress: Callable[[int], None] = lambda live: None) -> Fill:
    """The same with the flag of the compiled book, fed with the same orders as messages, one per cycle."""
    design = found.design
    storms, engine = Storms(design, seed), BookEngine(library, seed=seed)
    storms.forget()
    before = [*storms.directory()]
    messages = iter(before)
    orders = flow(len(design.symbols), seed)
    sent, flagged = -len(before), None
    prices = [(about.reference, about.tick) for about in design.symbols]

    def packed() -> Iterator[bytes]:
        yield from messages
        for number, (operation, symbol, reference, new) in enumerate(orders):
            price, tick = prices[symbol]
            side = reference >> 2 & 1
            near = price + tick * ((number & 15) + 1) * (1 if side else -1)
            yield storms.order(operation, symbol, side, reference, new, near)

    stream = packed()
    while flagged is None and sent <= found.flag.message + _BATCH:
        batch = b"".join(islice(stream, _BATCH))
        engine.send(np.frombuffer(batch, np.uint8).reshape(-1, OCTETS))
        engine.idle(16)
        updates = engine.capture()["updates"]
        full = np.flatnonzero(updates.columns["table_full"])
        if len(full):
            flagged = int(updates.messages[full[0]]) - len(before)
        sent += _BATCH
        progress(max(sent, 0))
    return Fill(design, found.spill, found.flag, flagged)


def print_fill(found: Fill, console: Console) -> None:
    """Geometry, and what it held."""
    design, book = found.design, found.design.book
    console.print(f"Order table: {book.tables} sub-tables of {book.buckets:,} buckets with {book.ways} ways, "
                  f"{book.spill} spill entries: {book.capacity:,} orders of {len(design.symbols)} symbols.\n"
                  f"Entries: {entry_bits(design)} bits, {urams(design)} URAMs of 72 x 4,096.",
                  soft_wrap=True)
    for what, moment in (("first spill", found.spill), ("first flag ", found.flag)):
        console.print(f"{what}  {moment.live:>9,} live orders, load {moment.load:.1%}, after {moment.message:,} order "
                      f"messages")
    if found.hardware_flag is not None:
        said = "the same message" if found.confirmed else f"message {found.hardware_flag}: NOT THE SAME"
        console.print(f"compiled book: first flag at {said}")
