"""The market's symbols: the configured ones and others, with locates in alphabetical order as on the real feed."""

import string
from dataclasses import dataclass
from itertools import count
from random import Random

from spec.config import Design

_DEPTH = 60  #: resting orders of a symbol that the design does not follow, on average, at most


@dataclass(frozen=True, slots=True)
class Stock:
    locate: int
    stock: bytes  #: padded
    reference: int  #: 1/10 000 dollar
    tick: int
    residue: int  #: of its order references modulo 4
    weight: float  #: share of the session's messages
    depth: int  #: resting orders that it tends to
    reach: int  #: ticks from the reference beyond which its price is pulled back
    stubs: bool  #: has stub quotes far from the market
    configured: bool


def _zipf(number: int, exponent: float) -> list[float]:
    weights = [1 / (rank + 3) ** exponent for rank in range(number)]
    return [w / sum(weights) for w in weights]


def _others(number: int, taken: set[str], rng: Random) -> list[str]:
    names = set()
    while len(names) < number:
        name = "".join(rng.choices(string.ascii_uppercase, k=rng.choice((3, 4, 4, 4))))
        if name not in taken:
            names.add(name)
    return sorted(names)


def universe(design: Design, *, messages: int, share: float, symbols: int | None, rng: Random) -> list[Stock]:
    """All stocks, those of the design first. ``symbols`` limits their number; its default grows with ``messages``."""
    mine = design.symbols
    number = len(mine) + min(384, max(8, messages // 250)) if symbols is None else symbols
    # Locates are dense and a configured symbol's must be inside the locate table.
    number = max(len(mine) + 1, min(number, design.book.locates - 1))
    if number >= design.book.locates:
        raise ValueError(f"book.locates must exceed the number of symbols, {len(mine)} and at least one other, "
                         f"not {design.book.locates!r}")
    names = _others(number - len(mine), {s.stock for s in mine}, rng)
    preset = {s.locate for s in mine}
    free = (locate for locate in count(1) if locate not in preset)
    locates = {s.stock: s.locate for s in mine if s.locate}
    for name in sorted([s.stock for s in mine if not s.locate] + names):
        locates[name] = next(free)

    stocks = []
    weights = _zipf(len(mine), 0.6)
    resting = min(design.book.capacity // 2, int(share * messages) // 16)
    for symbol, weight in zip(mine, weights, strict=True):
        stocks.append(Stock(
            locate=locates[symbol.stock], stock=symbol.stock_octets, reference=max(symbol.reference, 20 * symbol.tick),
            tick=symbol.tick, residue=rng.randrange(4), weight=share * weight, depth=max(8, int(resting * weight)),
            reach=max(4, design.book.levels // 4), stubs=rng.random() < 0.8, configured=True,
        ))
    for name, weight in zip(rng.sample(names, len(names)), _zipf(len(names), 0.8), strict=True):
        tick = 1 if rng.random() < 0.05 else 100
        stocks.append(Stock(
            locate=locates[name], stock=name.encode().ljust(8), tick=tick,
            reference=rng.randrange(1000, 10_000) if tick == 1 else 100 * int(rng.lognormvariate(8, 1) + 200),
            residue=rng.randrange(4), weight=(1 - share) * weight,
            depth=max(4, int(min((1 - share) * messages / 16, _DEPTH * len(names)) * weight)), reach=64,
            stubs=rng.random() < 0.8, configured=False,
        ))
    return stocks
