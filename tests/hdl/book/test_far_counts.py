"""Counts of far orders against the orders themselves, of which each knows how it is counted."""

import random
from dataclasses import dataclass

import pytest

from hdl.book.far_counts import FarCounts

FLAGS = ("adds", "removes", "held", "was_better", "holds", "releases", "recounts", "window", "from_better")


@dataclass
class Order:
    held: int
    better: int  #: how it is counted as far, if it is
    entering: int  #: its price is about to be taken into the window

    @property
    def far(self):
        return not self.held or self.entering


class Orders:
    """Operations that a book would make: one side of one symbol at a time has prices that are entering."""

    def __init__(self, rng, symbols):
        self.rng = rng
        self.sides = [(s, side) for s in range(symbols) for side in range(2)]
        self.resting = {side: [] for side in self.sides}
        self.moving, self.from_better = None, 0

    def order(self, side):
        if side == self.moving and self.rng.random() < 0.5:
            return Order(1, self.from_better, 1)
        return Order(self.rng.randrange(2), self.rng.randrange(2), 0)

    def __call__(self):
        rng = self.rng
        op = dict.fromkeys((*FLAGS, "find entering", "find inside", "place inside", "place entering"), 0)
        side = self.moving if self.moving and rng.random() < 0.5 else rng.choice(self.sides)
        op |= {"symbol": side[0], "side": side[1], "find far_better": rng.randrange(2),
               "place far_better": rng.randrange(2)}
        resting = self.resting[side]
        kind = rng.choices(("add", "remove", "replace", "move", "window", "none"),
                           (3, len(resting) / 3, 2, 3, .4, 1))[0]
        if kind in ("remove", "replace") and resting:
            order = resting.pop(rng.randrange(len(resting)))
            op |= {"removes": 1, "held": order.held, "was_better": order.better, "find entering": order.entering}
        if kind in ("add", "replace"):
            order = self.order(side)
            resting.append(order)
            op |= {"adds": 1, "place inside": int(order.held and not order.entering), "place entering": order.entering}
            if order.far:
                op["place far_better"] = order.better
        elif kind == "move" and resting:
            order = rng.choice(resting)
            op |= {"held": order.held, "was_better": order.better, "find entering": order.entering}
            if not order.held and order.entering:
                op["holds"] = order.held = 1
            elif not order.held and order.better != op["find far_better"]:
                op["recounts"], order.better = 1, op["find far_better"]
            elif order.held and not order.entering:
                op["releases"], order.held, order.better = 1, 0, op["find far_better"]
        elif kind == "window":
            self.window(op, side)
        return op | {"kind": kind}

    def window(self, op, side):
        """What was entering on this side is in; or prices of it begin to enter."""
        if self.moving and side != self.moving:
            return
        op["window"] = 1
        op["from_better"] = self.from_better if self.moving else self.rng.randrange(2)
        if self.moving:
            for order in self.resting[side]:
                order.entering = 0
            self.moving = None
        else:
            self.moving, self.from_better = side, self.rng.randrange(2)
            for order in self.resting[side]:
                order.entering = int(not order.held and order.better == self.from_better and self.rng.random() < 0.7)

    def counts(self, op):
        far = [order for order in self.resting[op["symbol"], op["side"]] if order.far]
        return {"better": sum(order.better for order in far), "worse": sum(not order.better for order in far)}


def compare(run_pipeline, tiny, seed, symbols, count):
    dut = FarCounts(design=tiny(symbols=symbols))
    orders, operations, expected = Orders(random.Random(seed), symbols), [], []
    for _ in range(count):
        operations.append(orders())
        expected.append(orders.counts(operations[-1]))
    inputs = {"symbol": (dut.symbol, 2), "side": (dut.side, 2)} | {name: (getattr(dut, name), 3) for name in FLAGS}
    inputs |= {f"{zone} {name}": (getattr(dut, zone)[name], 3) for zone in ("find", "place")
               for name in ("inside", "entering", "far_better")}
    outputs = {name: (getattr(dut, name), 6) for name in ("better", "worse")}
    for k, (op, got, counts) in enumerate(zip(
            operations, run_pipeline(dut, operations, inputs, outputs), expected, strict=True)):
        assert got == {name: int(count > 0) for name, count in counts.items()}, (k, op, counts)
    return operations, expected


@pytest.mark.parametrize("symbols", [1, 3])
def test_against_the_orders(run_pipeline, tiny, seed, symbols):
    operations, expected = compare(run_pipeline, tiny, seed, symbols, 4000)
    for flag in FLAGS:
        assert any(op[flag] for op in operations), flag
    assert any(op["removes"] and op["held"] and op["find entering"] for op in operations)
    for name in ("better", "worse"):
        counts = [count[name] for count in expected]
        assert 0 in counts and max(counts) > 3 and 50 < sum(count == 0 for count in counts) < 3950


def test_the_comparison_finds_orders_that_were_not_counted_as_entering(run_pipeline, tiny, seed, monkeypatch):
    def window(self, op, side):
        original(self, op, side)
        op["window"] = 0

    original = Orders.window
    monkeypatch.setattr(Orders, "window", window)
    with pytest.raises(AssertionError, match=r"^\(\d+, "):
        compare(run_pipeline, tiny, seed, 1, 1000)
