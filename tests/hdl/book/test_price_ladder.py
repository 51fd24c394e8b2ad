"""The price ladder against a dictionary of levels and ``spec.ladder``; the best of both sides."""

import random

import pytest

from hdl.book.best_bid_offer import BestBidOffer
from hdl.book.price_ladder import PriceLadder
from spec.ladder import BID, Zone, locate_price, window_base


def position_of(price, tick):
    return price if tick == 1 else price // 100 | price % 100 << 26


class NaiveSide:
    def __init__(self, design, symbol, side):
        s = design.symbols[symbol]
        self.side, self.levels, self.far = side, {}, {Zone.BETTER: 0, Zone.WORSE: 0}
        self.window = {"side": side, "base": window_base(s.reference, s.tick, design.book.levels), "tick": s.tick,
                       "levels": design.book.levels}

    def apply(self, op):
        """Change a level; the zone of an added order."""
        zone, _ = locate_price(op["price"], **self.window)
        orders = op["add"] - op["remove"]
        if zone != Zone.INSIDE:
            self.far[zone] += orders
        elif op["add"] or op["remove"] or op["reduce"]:
            level = self.levels.setdefault(op["price"], [0, 0])
            level[0] += op["shares"] if op["add"] else -op["shares"]
            level[1] += orders
            if not level[1]:
                del self.levels[op["price"]]
        return zone if op["add"] else Zone.INSIDE

    def best(self):
        known = not self.far[Zone.BETTER] and (bool(self.levels) or not self.far[Zone.WORSE])
        if not self.levels:
            return {"known": int(known), "price": 0, "quantity": 0, "orders": 0}
        price = (max if self.side == BID else min)(self.levels)
        quantity, orders = self.levels[price]
        return {"known": int(known), "price": price, "quantity": quantity, "orders": orders}


def random_operations(rng, design, count, limit):
    """Orders come, shrink and go at few prices, among them the window's edges and far ones."""
    resting, operations = [], []
    for _ in range(count):
        weights = (3, 3 * len(resting) / limit, 1, 1) if resting else (1, 0, 0, 0)
        action = rng.choices(("add", "remove", "reduce", ""), weights)[0]
        op = dict.fromkeys(("add", "remove", "reduce", "shares"), 0) | {
            "symbol": rng.randrange(len(design.symbols)), "side": rng.randrange(2)}
        tick = design.symbols[op["symbol"]].tick
        base = window_base(design.symbols[op["symbol"]].reference, tick, design.book.levels)
        top = base + design.book.levels * tick
        op["price"] = rng.choice((base, base + tick, base + 7 * tick, top - tick, rng.randrange(base, top, tick),
                                  rng.choice((base - 1, base + 1, top - 1, top, 0, (1 << 32) - 1))))
        if action == "add":
            op |= {"add": 1, "shares": rng.choice((0, 1, 100, (1 << 32) - 1))}
            resting.append(op)
        elif action:
            index = rng.randrange(len(resting))
            order = resting[index]
            op |= {name: order[name] for name in ("symbol", "side", "price")} | {action: 1, "shares": order["shares"]}
            if action == "reduce":
                op["shares"] = rng.randint(0, order["shares"])
                resting[index] = order | {"shares": order["shares"] - op["shares"]}
            else:
                resting.pop(index)
        op["position"] = position_of(op["price"], design.symbols[op["symbol"]].tick)
        operations.append(op)
    return operations


@pytest.mark.parametrize("symbols, levels, limit", [(1, 16, 3), (2, 16, 6), (3, 32, 20)])
def test_against_a_dictionary(run_pipeline, tiny, seed, symbols, levels, limit):
    rng = random.Random(seed)
    design = tiny(symbols=symbols, levels=levels)
    dut = PriceLadder(design=design)
    operations = random_operations(rng, design, 900, limit)
    inputs = {"symbol": (dut.symbol, 2), "side": (dut.side, 3), "position": (dut.position, 3)}
    inputs |= {name: (getattr(dut, name), 4) for name in ("add", "reduce", "remove", "shares")}
    outputs = {name: (dut.best[name], 8) for name in ("known", "price", "quantity", "orders")}
    outputs |= {"better": (dut.added_better, 5), "worse": (dut.added_worse, 5)}
    naive = {(s, side): NaiveSide(design, s, side) for s in range(symbols) for side in range(2)}
    seen = set()
    for k, (op, got) in enumerate(zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True)):
        side = naive[op["symbol"], op["side"]]
        zone = side.apply(op)
        expected = side.best() | {"better": int(zone == Zone.BETTER), "worse": int(zone == Zone.WORSE)}
        assert got == expected, (k, op)
        seen.add((bool(got["orders"]), got["known"], got["better"], got["worse"]))
    assert len(seen) >= 8


def test_the_comparison_finds_a_late_write(run_pipeline, tiny, monkeypatch):
    """The second copy of the levels shows the book as of its own operation, not a later one."""
    from hdl.book import price_ladder

    carry = price_ladder.carry

    def hasty(m, value, *, since, until, name):
        stages = carry(m, value, since=since, until=until, name=name)
        return {stage: value for stage in stages} if name == "write" else stages

    monkeypatch.setattr(price_ladder, "carry", hasty)
    with pytest.raises(AssertionError, match="'quantity'"):
        test_against_a_dictionary(run_pipeline, tiny, 1, 1, 16, 3)


def test_both_sides_stand_together(run_pipeline, tiny, seed):
    rng = random.Random(seed)
    dut = BestBidOffer(design=tiny(symbols=3))
    empty = {"known": 1, "price": 0, "quantity": 0, "orders": 0}
    operations = [{"symbol": rng.randrange(3), "side": rng.randrange(2), "update": rng.random() < 0.8,
                   "known": rng.randrange(2), "price": rng.getrandbits(32), "quantity": rng.getrandbits(52),
                   "orders": rng.getrandbits(20)} for _ in range(300)]
    inputs = {"symbol": (dut.symbol, 7), "side": (dut.side, 7), "update": (dut.update, 8)}
    inputs |= {name: (dut.best[name], 8) for name in empty}
    outputs = {f"{side} {name}": (getattr(dut, side)[name], 8) for side in ("bid", "ask") for name in empty}
    sides = {}
    for op, got in zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True):
        other = sides.get((op["symbol"], 1 - op["side"]), empty)
        own = {name: op[name] for name in empty}
        for side, best in (("bid", (own, other)[op["side"]]), ("ask", (other, own)[op["side"]])):
            assert {name: got[f"{side} {name}"] for name in empty} == best
        if op["update"]:
            sides[op["symbol"], op["side"]] = own
