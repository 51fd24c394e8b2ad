"""Updates for the benches of the stages behind the book: legal in every field, but freer than any book would be."""

from dataclasses import dataclass, field
from random import Random

from cocotb.triggers import RisingEdge

from spec.config import Design
from spec.itch import BOOK_TYPES, MESSAGES
from spec.records import LEVEL_ORDERS_BITS, LEVEL_QUANTITY_BITS, UPDATE, Trade

from .harness import Bench

OTHER_TYPES = "".join(code for code in MESSAGES if code not in BOOK_TYPES)
_EMPTY = {"price": 0, "quantity": 0, "orders": 0}


@dataclass
class Updates:
    """Makes updates; each is numbered and none is earlier than the one before.

    Parameters
    ----------
    near
        ns between updates are drawn from here.
    """

    rng: Random
    design: Design
    near: tuple[int, ...] = (0, 1, 50, 1000)
    timestamp: int = 34_200_000_000_000
    count: int = field(default=0, init=False)

    def make(self, **fields):
        """An update with ``fields``; any other field is zero, but its number, time and type (A)."""
        self.timestamp = self.timestamp + self.rng.choice(self.near) & (1 << 48) - 1
        values = dict.fromkeys(UPDATE.tuple._fields, 0)
        values |= {"message": self.count, "timestamp": self.timestamp, "type": ord("A")} | fields
        self.count += 1
        return UPDATE.tuple(**values)

    def symbol(self) -> int:
        """Any symbol, the first half of the time, so that it follows itself closely."""
        return self.rng.choice((0, self.rng.randrange(len(self.design.symbols))))

    def side(self, side: str, price: int | None = None, quantity: int | None = None) -> dict[str, int]:
        """The fields of one side: mostly orders, sometimes empty, sometimes not known."""
        rng = self.rng
        kind = rng.choices(("orders", "empty", "unknown"), (16, 2, 1))[0]
        if kind != "orders":
            values = {"known": int(kind == "empty"), **_EMPTY}
        else:
            values = {
                "known": 1,
                "price": rng.choice((0, 1, 2**32 - 1, rng.getrandbits(32))) if price is None else price,
                "quantity": rng.getrandbits(LEVEL_QUANTITY_BITS) if quantity is None else quantity,
                "orders": rng.choice((1, 1, 2, 1 << LEVEL_ORDERS_BITS - 1, 2**LEVEL_ORDERS_BITS - 1)),
            }
        return {f"{side}_{name}": value for name, value in values.items()}

    def type(self) -> int:
        return ord(self.rng.choice((self.rng.choice(BOOK_TYPES), self.rng.choice(BOOK_TYPES + OTHER_TYPES))))

    def trade(self, *, matches: int) -> dict[str, int]:
        """Trade fields: prints and breaks over ``matches`` match numbers and some that alias them."""
        rng = self.rng
        match = rng.randrange(matches) + rng.choice((0, 0, 0, self.design.indicators.matches, 1 << 63))
        trade = rng.choices(tuple(Trade), (6, 10, 6, 0.02))[0]
        shares = rng.choice((0, 1, 100, rng.getrandbits(16), 2**32 - 1))
        if rng.random() < 0.002:
            shares = rng.choice((2**32, 2**64 - 1))
        return {
            "trade": trade,
            "match": match if trade != Trade.UNPRICED else 0,
            "trade_price": rng.choice((0, 1, rng.getrandbits(20), 2**32 - 1)) if trade == Trade.PRINT else 0,
            "trade_shares": shares if trade in (Trade.PRINT, Trade.UNPRICED) else 0,
        }


async def drive(bench: Bench, updates, gap=lambda: 0) -> None:
    """Send ``updates`` with ``gap()`` cycles after each in which nothing is valid and the payload is noise."""
    dut, rng = bench.dut, bench.rng
    for update in updates:
        dut.updates_valid.value, dut.updates_payload.value = 1, UPDATE.pack(update)
        await RisingEdge(dut.clk)
        for _ in range(gap()):
            dut.updates_valid.value, dut.updates_payload.value = 0, rng.getrandbits(UPDATE.bits)
            await RisingEdge(dut.clk)
    dut.updates_valid.value = 0
