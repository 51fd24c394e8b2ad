"""Market data for the bench of the core: messages that legally follow one another, in frames built by scapy."""

import random
from dataclasses import dataclass
from typing import Literal

from spec import itch, wire
from spec.config import Design
from spec.records import Side
from testbenches.feed_frames import Datagram

#: Types whose messages change neither a best price nor what may be traded, with the fields that see to that.
QUIET = {
    "S": {"event": "O"}, "H": {"state": "T"}, "Y": {"action": "0"}, "L": {}, "V": {}, "K": {}, "I": {}, "N": {},
    "O": {}, "h": {"market": "Q", "action": "T"},
}
_MARKET_WIDE = "SVW"
HEAVY, LIGHT = 900, 100  #: shares; more lopsided than any design's imbalance
Place = Literal["alone", "last", "middle"]


class Market:
    """The far side: sequence, time, order references and resting orders of the configured symbols.

    Time stands still unless ``tick`` is called, so that every symbol cools down after its first intent.
    """

    def __init__(self, design: Design, rng: random.Random):
        self.design, self.rng = design, rng
        self.sequence = design.feed.first_sequence
        self.time = 1
        self.resting: list[tuple[int, int]] = []  #: (symbol, reference)
        self._reference = rng.getrandbits(40)

    def tick(self) -> None:
        """Let every symbol cool down."""
        self.time += self.design.strategy.cooldown_ns + 1

    @property
    def delivered(self) -> int:
        """Messages framed so far: the ordinal of the next."""
        return self.sequence - self.design.feed.first_sequence

    def frame(self, *messages: bytes, vlan: bool = False) -> bytes:
        """The next datagram of the session."""
        octets = Datagram(self.design, self.sequence, messages, vlan=vlan).octets()
        self.sequence += len(messages)
        return octets

    def message(self, code: str, symbol: int = 0, **fields) -> bytes:
        """A message about a configured symbol, whose locate is its index + 1; market-wide ones have none."""
        layout = itch.MESSAGES[code]
        if "stock" in layout:
            fields.setdefault("stock", self.design.symbols[symbol].stock)
        locate = 0 if code in _MARKET_WIDE else symbol + 1
        return wire.write(layout, locate=locate, timestamp=self.time, **fields)

    def quiet(self) -> bytes:
        code = self.rng.choice([*QUIET])
        return self.message(code, self.rng.randrange(len(self.design.symbols)), **QUIET[code])

    def directory(self) -> list[bytes]:
        return [self.message("R", symbol) for symbol in range(len(self.design.symbols))]

    def opening(self) -> list[bytes]:
        """Messages after which every symbol trades and has a last trade."""
        opened = [*self.directory(), self.message("S", event="Q")]
        for symbol, about in enumerate(self.design.symbols):
            opened += [self.message("H", symbol, state="T"),
                       self.message("P", symbol, side="B", shares=1, price=about.reference)]
        return opened

    def price(self, symbol: int, side: str) -> int:
        """The only bid or offer price that this market makes."""
        about = self.design.symbols[symbol]
        return about.reference + (about.tick if side == "S" else 0)

    def add(self, symbol: int, side: str, shares: int, *, code: str = "A", price: int | None = None) -> bytes:
        self.resting.append((symbol, self._next_reference()))
        price = self.price(symbol, side) if price is None else price
        return self.message(code, symbol, reference=self._reference, side=side, shares=shares, price=price)

    def _next_reference(self) -> int:
        self._reference += self.rng.randint(1, 5)
        return self._reference

    def delete(self, index: int = 0) -> bytes:
        symbol, reference = self.resting.pop(index)
        return self.message("D", symbol, reference=reference)

    def clear(self) -> list[bytes]:
        """Deletes of everything that rests."""
        return [self.delete() for _ in range(len(self.resting))]

    def signal(self, code: str, symbol: int, side: Side) -> tuple[list[bytes], bytes]:
        """Messages that lead, from an empty book, up to a signal, and the one of type ``code`` that gives it."""
        own, other = ("B", "S") if side == Side.BUY else ("S", "B")
        if code in "AF":
            return [self.add(symbol, other, LIGHT)], self.add(symbol, own, HEAVY, code=code)
        if code == "D":
            before = [self.add(symbol, other, HEAVY - LIGHT)]
            at = len(self.resting) - 1
            before += [self.add(symbol, other, LIGHT), self.add(symbol, own, HEAVY)]
            return before, self.delete(at)
        before = [self.add(symbol, other, HEAVY)]
        reference, at = self._reference, len(self.resting) - 1
        before.append(self.add(symbol, own, HEAVY))
        fields = {"reference": reference, "shares": HEAVY - LIGHT}
        if code == "C":
            fields |= {"printable": "Y", "price": self.price(symbol, other)}
        if code == "U":
            fields |= {"shares": LIGHT, "price": self.price(symbol, other), "new_reference": self._next_reference()}
            self.resting[at] = symbol, self._reference
        return before, self.message(code, symbol, **fields)


@dataclass(frozen=True)
class Trigger:
    """A message that makes an order: where in its frame it stands."""

    code: str
    vlan: bool
    place: Place
    lane: int  #: of its last octet

    @staticmethod
    def every(rng: random.Random) -> list["Trigger"]:
        """Every type in every place and lane, tagged or not, in random order.

        A message alone in its datagram stands where the headers put it: one lane per type and tag.
        """
        triggers = []
        for code in itch.BOOK_TYPES:
            for vlan in (False, True):
                triggers.append(Trigger(code, vlan, "alone", last_lane(vlan, [], code)))
                triggers += [Trigger(code, vlan, place, lane) for place in ("last", "middle") for lane in range(8)]
        rng.shuffle(triggers)
        return triggers

    def frames(self, market: Market, symbol: int, side: Side) -> tuple[list[bytes], int]:
        """Frames that empty the books and then trigger, and the trigger's ordinal."""
        market.tick()
        before = market.clear()
        led, trigger = market.signal(self.code, symbol, side)
        before += led
        frames, after = [], []
        if self.place == "alone":
            frames.append(market.frame(*before, vlan=self.vlan))
            before = []
        else:
            while last_lane(self.vlan, before, self.code) != self.lane:
                before.append(market.quiet())
            after = [market.quiet() for _ in range(market.rng.randint(1, 3))] if self.place == "middle" else []
        number = market.delivered + len(before)
        frames.append(market.frame(*before, trigger, *after, vlan=self.vlan))
        return frames, number


def last_lane(vlan: bool, before: list[bytes], code: str) -> int:
    """Lane of the last octet of a message of type ``code`` that follows ``before`` in its frame."""
    at = (66 if vlan else 62) + sum(2 + len(message) for message in before)
    return (at + 2 + itch.MESSAGES[code].length - 1) % 8
