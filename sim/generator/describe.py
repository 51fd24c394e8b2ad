"""Statistics of a stream of messages, in the terms in which real days are described."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from spec import itch

WINDOWS_NS = (1_000, 10_000, 100_000, 1_000_000)
PERCENTILES = (50, 99, 99.99, 100)
_STUB_ASK, _STUB_BID = 1_000_000_000, 100


@dataclass
class Statistics:
    messages: int = 0
    octets: int = 0
    types: Counter = field(default_factory=Counter)
    locates: Counter = field(default_factory=Counter)  #: messages per locate
    windows: dict[int, list[int]] = field(default_factory=dict)  #: ns -> messages per window that has any, percentiles
    peak_orders: int = 0
    resting_orders: int = 0  #: at the end
    full_executions: int = 0
    partial_executions: int = 0
    emptying_cancels: int = 0
    illegal: Counter = field(default_factory=Counter)  #: type -> messages that name no resting order, or too much of it
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


def describe(messages: Iterable[bytes]) -> Statistics:
    """Statistics of ``messages``, following every order."""
    stats = Statistics()
    orders: dict[int, int] = {}  # reference -> shares
    window_counts = {width: Counter() for width in WINDOWS_NS}
    window_open = {width: [-1, 0] for width in WINDOWS_NS}
    last = 0

    def uint(kind, name, octets):
        f = itch.MESSAGES[kind][name]
        return int.from_bytes(octets[f.offset : f.end], "big")

    def add(kind, octets, reference, locate):
        if reference in orders:
            stats.illegal[kind] += 1
        orders[reference] = uint(kind, "shares", octets)
        stats.residues.setdefault(locate, set()).add(reference % 4)

    for octets in messages:
        kind = chr(octets[0])
        locate = uint(kind, "locate", octets)
        time = uint(kind, "timestamp", octets)
        if not stats.messages:
            stats.first_ns = time
        stats.messages += 1
        stats.octets += len(octets)
        stats.types[kind] += 1
        stats.locates[locate] += 1
        stats.backward += time < last
        last = time
        for width, state in window_open.items():
            if time // width == state[0]:
                state[1] += 1
            else:
                if state[1]:
                    window_counts[width][state[1]] += 1
                state[:] = time // width, 1
        if kind in "AF":
            price = uint(kind, "price", octets)
            if octets[19] == ord("S") and price >= _STUB_ASK:
                stats.stub_asks.add(locate)
            elif octets[19] == ord("B") and price <= _STUB_BID:
                stats.stub_bids.add(locate)
            add(kind, octets, uint(kind, "reference", octets), locate)
        elif kind in "ECXDU":
            reference = uint(kind, "reference", octets)
            shares = orders.pop(reference, None)
            if shares is None:
                stats.illegal[kind] += 1
            elif kind in "ECX":
                taken = uint(kind, "shares", octets)
                if taken > shares:
                    stats.illegal[kind] += 1
                elif taken < shares:
                    orders[reference] = shares - taken
                if kind == "X":
                    stats.emptying_cancels += taken >= shares
                elif taken >= shares:
                    stats.full_executions += 1
                else:
                    stats.partial_executions += 1
            elif kind == "U":
                add(kind, octets, uint(kind, "new_reference", octets), locate)
        stats.peak_orders = max(stats.peak_orders, len(orders))
    for width, (_, count) in window_open.items():
        if count:
            window_counts[width][count] += 1
    stats.windows = {width: _percentiles(counts) for width, counts in window_counts.items()}
    stats.resting_orders, stats.last_ns = len(orders), last
    return stats
