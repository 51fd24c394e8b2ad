"""Statistics of a stream of messages, in the terms in which real days are described."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from spec import itch

WINDOWS_NS = (1_000, 10_000, 100_000, 1_000_000)
PERCENTILES = (50, 99, 99.99, 100)
_STUB_ASK, _STUB_BID = 1_000_000_000, 100
_BUSIEST = 16


@dataclass
class Statistics:
    """Of the messages of known types and of the right length; the others are counted."""

    messages: int = 0
    octets: int = 0
    types: Counter = field(default_factory=Counter)
    locates: Counter = field(default_factory=Counter)  #: messages per locate
    windows: dict[int, list[int]] = field(default_factory=dict)  #: ns -> messages per window that has any, percentiles
    peak_orders: int = 0
    peak_ns: int = 0  #: when that was
    peaks: Counter = field(default_factory=Counter)  #: locate -> most orders at a time
    resting_orders: int = 0  #: at the end
    full_executions: int = 0
    partial_executions: int = 0
    emptying_cancels: int = 0
    illegal: Counter = field(default_factory=Counter)  #: type -> messages that name no resting order, or too much of it
    unknown: int = 0  #: messages of no known type or length
    residues: dict[int, set[int]] = field(default_factory=dict)  #: locate -> order references modulo 4
    stub_bids: set[int] = field(default_factory=set)  #: locates
    stub_asks: set[int] = field(default_factory=set)
    first_ns: int = 0
    last_ns: int = 0
    backward: int = 0  #: messages before their predecessor's time

    def share(self, kind: str) -> float:
        return self.types[kind] / self.messages if self.messages else 0.0

    @property
    def mean_octets(self) -> float:
        return self.octets / self.messages if self.messages else 0.0

    @property
    def by_symbol(self) -> list[int]:
        """Messages of each symbol, the busiest first."""
        return sorted((count for locate, count in self.locates.items() if locate), reverse=True)

    def busiest(self, count: int) -> float:
        """Share of the messages that the busiest symbols carry."""
        return sum(self.by_symbol[:count]) / self.messages if self.messages else 0.0

    @property
    def busiest_orders(self) -> int:
        """The greatest peaks of sixteen symbols, together."""
        return sum(count for _, count in self.peaks.most_common(_BUSIEST))


def _percentiles(counts: Counter) -> list[int]:
    """Of the multiset {value: how often}."""
    total, result, ordered = sum(counts.values()), [], sorted(counts)
    for percent in PERCENTILES:
        rank, seen = percent / 100 * total, 0
        for value in ordered:
            seen += counts[value]
            if seen >= rank:
                result.append(value)
                break
    return result


def _at(name: str, kind: str) -> slice:
    field = itch.MESSAGES[kind][name]
    return slice(field.offset, field.end)


_LENGTHS = {ord(kind): layout.length for kind, layout in itch.MESSAGES.items()}
_TIME, _LOCATE, _REFERENCE, _SIDE, _ADDED, _PRICE = (
    _at(name, "A") for name in ("timestamp", "locate", "reference", "side", "shares", "price"))
_TAKEN, _NEW, _RENEWED = _at("shares", "X"), _at("new_reference", "U"), _at("shares", "U")
assert _TAKEN == _at("shares", "E") == _at("shares", "C")


def describe(messages: Iterable[bytes]) -> Statistics:
    """Statistics of ``messages``, following every order. Memory grows with the orders that rest."""
    stats = Statistics()
    orders: dict[int, int] = {}  # reference -> shares
    live: Counter = Counter()  # locate -> orders
    window_counts = {width: Counter() for width in WINDOWS_NS}
    window_open = [[width, -1, 0, window_counts[width]] for width in WINDOWS_NS]
    types: Counter = Counter()  # by code
    last, number, uint = 0, 0, int.from_bytes

    def add(kind, locate, reference, shares):
        if reference in orders:
            stats.illegal[chr(kind)] += 1
        orders[reference] = shares
        live[locate] += 1
        if live[locate] > stats.peaks[locate]:
            stats.peaks[locate] = live[locate]
        stats.residues.setdefault(locate, set()).add(reference % 4)
        if len(orders) > stats.peak_orders:
            stats.peak_orders, stats.peak_ns = len(orders), last

    for octets in messages:
        kind = octets[0] if octets else 0
        if _LENGTHS.get(kind) != len(octets):
            stats.unknown += 1
            continue
        locate, time = uint(octets[_LOCATE], "big"), uint(octets[_TIME], "big")
        if not number:
            stats.first_ns = time
        number += 1
        stats.octets += len(octets)
        types[kind] += 1
        stats.locates[locate] += 1
        stats.backward += time < last
        last = time
        for state in window_open:
            window = time // state[0]
            if window == state[1]:
                state[2] += 1
            else:
                if state[2]:
                    state[3][state[2]] += 1
                state[1], state[2] = window, 1
        if kind in b"AF":
            price = uint(octets[_PRICE], "big")
            if octets[_SIDE] == b"S":
                if price >= _STUB_ASK:
                    stats.stub_asks.add(locate)
            elif price <= _STUB_BID:
                stats.stub_bids.add(locate)
            add(kind, locate, uint(octets[_REFERENCE], "big"), uint(octets[_ADDED], "big"))
        elif kind in b"ECXDU":
            reference = uint(octets[_REFERENCE], "big")
            shares = orders.pop(reference, None)
            if shares is None:
                stats.illegal[chr(kind)] += 1
            elif kind in b"ECX":
                taken = uint(octets[_TAKEN], "big")
                if taken > shares:
                    stats.illegal[chr(kind)] += 1
                if taken < shares:
                    orders[reference] = shares - taken
                else:
                    live[locate] -= 1
                if kind == ord("X"):
                    stats.emptying_cancels += taken >= shares
                elif taken >= shares:
                    stats.full_executions += 1
                else:
                    stats.partial_executions += 1
            else:
                live[locate] -= 1
                if kind == ord("U"):
                    add(kind, locate, uint(octets[_NEW], "big"), uint(octets[_RENEWED], "big"))
    for _, _, count, counts in window_open:
        if count:
            counts[count] += 1
    stats.messages = number
    stats.types = Counter({chr(kind): count for kind, count in types.items()})
    stats.windows = {width: _percentiles(counts) for width, counts in window_counts.items()}
    stats.resting_orders, stats.last_ns = len(orders), last
    return stats
