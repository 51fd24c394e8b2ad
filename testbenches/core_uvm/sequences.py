"""Sequences of frames: a market, risk's corners, wrecked frames, broken books, gaps.

They share an ``Exchange``, which keeps the MoldUDP64 sequence, so that any order of them is one session.
"""

from collections.abc import Iterable

import cocotb
from pyuvm import uvm_sequence

from sim.framing import Framer, as_file
from sim.generator import MIN_PER_SYMBOL, session
from spec import itch, wire
from spec.config import Design
from spec.limits import parameters, session_limit, symbol_limit
from spec.records import GIVEN_SYMBOL, REQUEST, Action, Side

from . import wreckage
from .agent import FrameItem, HostItem

_STEP_NS = 20_000  #: between directed messages: longer than any cooldown of the designs in use
_DECIDED = 10  #: cycles in which a request is decided, and no order answered
_FIRST_REFERENCE = 1 << 48  #: directed orders; the generator stays far below


class Exchange:
    """The far side: sequence numbers, timestamps, order references, and messages about configured symbols."""

    def __init__(self, design: Design, rng):
        self.design, self.rng = design, rng
        self.sequence = design.feed.first_sequence
        self.time = 0
        self.reference = _FIRST_REFERENCE
        self._framers = [Framer(design=design, vlan=vlan) for vlan in (141, None)]

    @property
    def framer(self) -> Framer:
        """Tagged or not, by chance."""
        return self.rng.choice(self._framers)

    def message(self, code: str, symbol: int = 0, **fields) -> bytes:
        """A message about configured symbol ``symbol``, whose locate is its index + 1; market-wide ones have none."""
        self.time += _STEP_NS
        layout = itch.MESSAGES[code]
        if "stock" in layout:
            fields.setdefault("stock", self.design.symbols[symbol].stock)
        locate = 0 if code in "SVW" else symbol + 1
        return wire.write(layout, locate=locate, timestamp=self.time, **fields)

    def add(self, symbol: int, side: str, shares: int, price: int) -> tuple[bytes, int]:
        """An add order, and its reference."""
        self.reference += 1
        added = self.message("A", symbol, reference=self.reference, side=side, shares=shares, price=price)
        return added, self.reference

    def frame(self, *messages: bytes) -> bytes:
        """The next datagram of the session."""
        octets = self.framer.datagram(self.sequence, messages)
        self.sequence += len(messages)
        return octets

    def open(self, symbols: Iterable[int]) -> list[bytes]:
        """Messages after which ``symbols`` trade."""
        return [self.message("S", event="Q"), *(m for symbol in symbols for m in (
            self.message("R", symbol), self.message("H", symbol, state="T")))]


class ExchangeSequence(uvm_sequence):
    """Sends what ``items`` yields."""

    def __init__(self, exchange: Exchange):
        super().__init__(type(self).__name__)
        self.exchange = exchange

    def items(self) -> Iterable[FrameItem]:
        raise NotImplementedError

    async def body(self):
        for item in self.items():
            await self.start_item(item)
            await self.finish_item(item)

    def random_gap(self) -> int:
        return self.exchange.rng.choice((0, 0, 0, 1, 2, 7, 30))


class MarketSequence(ExchangeSequence):
    """A generated session, all 23 types, tagged and untagged frames, with and without gaps; on Icarus a short one."""

    def items(self):
        exchange, design = self.exchange, self.exchange.design
        slow = cocotb.SIM_NAME.startswith("Icarus")
        symbols = 2 * len(design.symbols) if slow else 24
        count = max(800 if slow else 2500, 300 + MIN_PER_SYMBOL * len(design.symbols))
        messages = list(as_file(session(design, messages=count, seed=exchange.rng.getrandbits(32), symbols=symbols)))
        while messages:
            several, messages = messages[: (n := exchange.rng.choice((1, 1, 1, 2, 3, 5, 9, 20)))], messages[n:]
            yield FrameItem(exchange.frame(*(message.octets for message in several)), gap=self.random_gap())
        yield FrameItem(exchange.framer.heartbeat(exchange.sequence))


class RiskSequence(ExchangeSequence):
    """One symbol driven through what the market makes risk refuse, the cooldown, other parameters, and both sides
    approved."""

    def items(self):
        exchange, symbol = self.exchange, 0
        base = exchange.design.symbols[symbol].reference
        tick = exchange.design.symbols[symbol].tick
        yield FrameItem(exchange.frame(*exchange.open([symbol])))

        def trade(price: int) -> FrameItem:
            return FrameItem(exchange.frame(exchange.message("P", symbol, side="B", shares=10, price=price)), gap=50)

        def signal(side: str) -> list[FrameItem]:
            """A lopsided book for a moment: heavy bids make a buy, heavy offers a sell."""
            heavy, light = (900, 100) if side == "B" else (100, 900)
            bid, bid_reference = exchange.add(symbol, "B", heavy, base)
            ask, ask_reference = exchange.add(symbol, "S", light, base + tick)
            clear = [exchange.message("D", symbol, reference=r) for r in (bid_reference, ask_reference)]
            return [FrameItem(exchange.frame(*part), gap=50) for part in ((bid, ask), clear)]

        yield from signal("B")  # NO_REFERENCE
        yield trade(base * 2)
        yield from signal("B")  # PRICE_COLLAR
        yield trade(base)
        lower, upper = base + 50 * tick, base + 60 * tick
        yield FrameItem(exchange.frame(exchange.message("J", symbol, lower=lower, upper=upper)))
        yield from signal("S")  # LULD_COLLAR
        yield FrameItem(exchange.frame(exchange.message("J", symbol, lower=base - 50 * tick, upper=upper)))
        for _ in range(2):
            yield from signal("B")
            yield from signal("S")
        exchange.time -= _STEP_NS - 1
        yield from signal("B")
        exchange.time -= 4 * _STEP_NS
        yield from signal("B")  # cooldown
        given = parameters(exchange.design)
        for changes in ({"quantity": 2 * given.quantity, "cooldown_ns": 0}, {"numerator": 255},
                        {"max_spread": tick - 1}):
            yield HostItem("parameters", given._replace(**changes))
            yield from signal("B")
        yield HostItem("parameters", given)
        yield HostItem("symbols", GIVEN_SYMBOL.tuple(1, int.from_bytes(b"TOOLATE ", "little"), 9))
        yield FrameItem(exchange.frame(exchange.message("H", symbol, state="H")))
        yield from signal("B")  # halted
        yield FrameItem(exchange.frame(exchange.message("H", symbol, state="T")))


class LimitSequence(ExchangeSequence):
    """The host changes every limit and asks for an order that it refuses; then kill switches of all kinds."""

    SYMBOL = 0

    def items(self):
        exchange, symbol = self.exchange, self.SYMBOL
        self.price, self.tick = exchange.design.symbols[symbol].reference, exchange.design.symbols[symbol].tick
        self.mine, self.all = symbol_limit(exchange.design, symbol), session_limit(exchange.design)
        bid, reference = exchange.add(symbol, "B", 100, self.price)
        self.trade = exchange.message("P", symbol, side="B", shares=10, price=self.price)
        yield self.request(symbol=1)  # nothing is known of it
        yield FrameItem(exchange.frame(*exchange.open([symbol]), bid, self.trade), gap=200)
        yield from self.of_the_symbol()
        yield from self.of_the_session()
        yield from self.of_the_order()
        yield from self.kills()
        yield FrameItem(exchange.frame(exchange.message("D", symbol, reference=reference)), gap=200)

    def request(self, settle: int = 50, **changes) -> HostItem:
        values = {"symbol": self.SYMBOL, "action": Action.ENTER, "target": 0, "side": Side.BUY, "quantity": 100,
                  "price": self.price}
        return HostItem("requests", REQUEST.tuple(**values | changes), settle=settle)

    def on_the_last(self, action: Action) -> HostItem:
        """As soon as it was approved, before the exchange can answer."""
        def record(last: int):
            return REQUEST.tuple(self.SYMBOL, action, last, Side.BUY, 100, self.price)

        return HostItem("requests", record, gap=0, settle=400)

    def of_the_symbol(self):
        beyond = {"price": self.price + self.tick}
        for limits, wanted in (
                ({"min_quantity": 101}, {}), ({"max_quantity": 99}, {}), ({"lot": 200}, {}),
                ({"max_notional": 100 * self.price - 1}, {}), ({"max_long": 0, "max_short": 0}, {}),
                ({"max_gross": 0}, {}), ({"max_net": 0}, {}), ({"collar_bps": 0}, beyond),
                ({"collar_absolute": 0}, beyond), ({"max_open_orders": 0}, {}),
                ({"rate_ns": 1_000_000}, {}), ({"duplicate_ns": 1_000_000}, {}), ({"restricted": 1}, {})):
            yield HostItem("symbol_limits", self.mine._replace(**limits))
            yield self.request(**wanted)
            yield self.request(**wanted)  # the second is too soon for a rate, and a duplicate
        yield HostItem("symbol_limits", self.mine._replace(symbol=len(self.exchange.design.symbols)))
        yield HostItem("symbol_limits", self.mine)

    def of_the_session(self):
        for limits in ({"max_gross": 0}, {"max_net": 0}, {"max_open_orders": 0}, {"rate_ns": 1_000_000},
                       {"stale_ns": 1}):
            yield HostItem("session_limits", self.all._replace(**limits))
            yield self.request()
            yield self.request()
        yield HostItem("session_limits", self.all)

    def of_the_order(self):
        exchange, symbol = self.exchange, self.SYMBOL
        yield self.request(price=0)
        yield self.request(symbol=len(exchange.design.symbols))
        yield self.request(action=Action.CANCEL, target=1 << 31)
        for rests in (300, _DECIDED) * 4:
            yield self.request(settle=_DECIDED)
            yield self.on_the_last(Action.REPLACE)
            yield self.request(settle=300)  # answered by then, more often than not
            yield self.on_the_last(Action.REPLACE)
            yield self.request(settle=rests)  # until it rests, if it does at all; or it is not answered yet
            yield self.on_the_last(Action.CANCEL)
        yield FrameItem(exchange.frame(exchange.message("Y", symbol, action="1")), gap=50)
        yield HostItem("symbol_limits", self.mine._replace(max_short=1 << 30))
        for _ in range(25):  # enough to be short, and to see it refused
            yield self.request(side=Side.SELL, price=self.price + self.tick)
            yield self.request(side=Side.SELL)
        yield FrameItem(exchange.frame(exchange.message("Y", symbol, action="0"),
                                       exchange.message("H", symbol, state="H")), gap=200)
        yield self.request()
        yield FrameItem(exchange.frame(exchange.message("H", symbol, state="T")), gap=50)
        yield HostItem("symbol_limits", self.mine)

    def kills(self):
        exchange, symbol = self.exchange, self.SYMBOL
        yield HostItem("session_limits", self.all._replace(max_rejects=1))
        for _ in range(8):
            yield self.request(settle=_DECIDED)
            yield self.on_the_last(Action.REPLACE)
        yield HostItem("session_limits", self.all._replace(max_loss=1))
        fall = [exchange.message("P", symbol, side="B", shares=10, price=self.price + way * self.tick)
                for way in (1, -1, 200, -200)]
        yield FrameItem(exchange.frame(*fall, self.trade), gap=200)
        yield HostItem("kill", gap=200)
        yield self.request()
        yield HostItem("session_limits", self.all)
        yield HostItem("kill_release")


class KillSequence(ExchangeSequence):
    """Orders flow, then the kill switch, then signals that must all be refused."""

    def items(self):
        exchange, symbol = self.exchange, 1
        base, tick = exchange.design.symbols[symbol].reference, exchange.design.symbols[symbol].tick
        opened = exchange.open([symbol]) + [exchange.message("P", symbol, side="B", shares=10, price=base)]
        yield FrameItem(exchange.frame(*opened), gap=200)
        for k in range(6):
            bid, bid_reference = exchange.add(symbol, "B", 900, base)
            ask, ask_reference = exchange.add(symbol, "S", 100, base + tick)
            clear = [exchange.message("D", symbol, reference=r) for r in (bid_reference, ask_reference)]
            if k == 3:
                yield HostItem("kill", gap=200)
            yield FrameItem(exchange.frame(bid, ask, *clear), gap=200)


class FaultSequence(ExchangeSequence):
    """Messages that no exchange should send, and more orders than the table holds: each symbol's book breaks."""

    def items(self):
        exchange, design = self.exchange, self.exchange.design
        symbols = range(len(design.symbols))
        yield FrameItem(exchange.frame(*exchange.open(symbols)))
        # A stock directory message beyond the locate table, and a message of a symbol that is not configured.
        beyond = wire.write(itch.MESSAGES["R"], locate=design.book.locates, stock=design.symbols[0].stock)
        stranger = wire.write(itch.MESSAGES["D"], locate=design.book.locates - 1, reference=1)
        yield FrameItem(exchange.frame(beyond, stranger))
        for symbol in symbols:
            base, tick = design.symbols[symbol].reference, design.symbols[symbol].tick
            order, reference = exchange.add(symbol, "B", 100, base)
            far = [exchange.add(symbol, side, 100, price)[0] for side, price in
                   (("B", tick), ("S", 0xFFFF_FFFF), ("S", 0), ("B", 0xFFFF_FFFF))]
            abuse = [  # in this order: the replace takes the reference away
                exchange.message("X", symbol, reference=reference, shares=101),
                exchange.message("U", symbol, reference=reference, new_reference=1 << 61, shares=1, price=base),
            ]
            stranger = exchange.message("E", symbol, reference=1 << 60, shares=5, match=1)
            abuse.insert(exchange.rng.randint(0, 2), stranger)
            yield FrameItem(exchange.frame(order, order, *far, *abuse), gap=self.random_gap())
            prints = [exchange.message("Q", symbol, shares=shares, price=base, match=7 + symbol)
                      for shares in (5, 1 << 32)]
            breaks = [exchange.message("B", symbol, match=match) for match in (7 + symbol, 1 << 40)]
            yield FrameItem(exchange.frame(prints[0], breaks[0], prints[1], breaks[1]))
        full = [exchange.add(0, "B", 1, design.symbols[0].reference)[0] for _ in range(design.book.capacity + 10)]
        for k in range(0, len(full), 30):
            yield FrameItem(exchange.frame(*full[k : k + 30]))


class WireSequence(ExchangeSequence):
    """Wrecked frames of every kind between good ones; the good ones must not notice."""

    def items(self):
        exchange = self.exchange
        good = [exchange.message("H", 0, state="T") for _ in range(40)]
        for name, wreck in wreckage.FRAMES.items():
            octets = exchange.framer.datagram(exchange.sequence, good[:3])
            wrecked = wreck(octets)
            assert wrecked != octets, name
            yield FrameItem(wrecked, gap=self.random_gap())
            yield FrameItem(exchange.frame(*good[:2]), gap=self.random_gap())
        for name, block in wreckage.blocks(good[0]).items():
            # What precedes the bad block is delivered; what follows must come again.
            datagram = exchange.framer.frame(exchange.sequence, 2, wreckage.block(good[0]) + block)
            yield FrameItem(datagram, gap=self.random_gap())
            exchange.sequence += 1 + (name == "unknown type")
            yield FrameItem(exchange.frame(*good[:2]), gap=self.random_gap())
        trailing = exchange.framer.frame(exchange.sequence, 1, wreckage.block(good[0]) + b"more")
        exchange.sequence += 1
        yield FrameItem(trailing)
        repeated = exchange.framer.datagram(exchange.sequence - 2, good[:4])
        exchange.sequence += 2
        yield FrameItem(repeated)


class GapSequence(ExchangeSequence):
    """A frame that the MAC found bad, lost messages, and the end of the session."""

    def items(self):
        exchange = self.exchange
        symbols = range(len(exchange.design.symbols))
        yield FrameItem(exchange.frame(*exchange.open(symbols)), error=True)
        exchange.sequence += 5
        yield FrameItem(exchange.frame(*exchange.open(symbols)))
        yield FrameItem(exchange.framer.end_of_session(exchange.sequence + 2))
        yield HostItem("kill_release")
        price = exchange.design.symbols[0].reference
        yield HostItem("requests", REQUEST.tuple(0, Action.ENTER, 0, Side.BUY, 100, price))
