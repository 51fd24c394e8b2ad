"""Locate filter, both sides together, and the small logic of which the rest is built."""

import random

import pytest
from amaranth import *
from amaranth.sim import Simulator

from hdl.arithmetic import table
from hdl.book.best_bid_offer import BestBidOffer
from hdl.book.locate_filter import LocateFilter
from hdl.book.pipeline import carry, highest, lowest_one_hot, one_of


def combinational(m, process):
    simulator = Simulator(m)
    simulator.add_testbench(process)
    simulator.run()


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 8, 13, 32])
def test_highest_and_lowest(width):
    m, bits = Module(), Signal(width)
    some, index, lowest = Signal(), Signal(8), Signal(width)
    found, at = highest(bits)
    m.d.comb += [some.eq(found), index.eq(at), lowest.eq(lowest_one_hot(bits))]
    rng = random.Random(width)

    async def process(ctx):
        for value in [0, 1, (1 << width) - 1, *(rng.getrandbits(width) & rng.getrandbits(width) for _ in range(50))]:
            value &= (1 << width) - 1
            ctx.set(bits, value)
            assert ctx.get(some) == (value != 0)
            assert ctx.get(index) == max(value.bit_length() - 1, 0)
            assert ctx.get(lowest) == value & -value

    combinational(m, process)


def test_one_of_and_table():
    m, which, chosen, value = Module(), Signal(4), Signal(8), Signal(8)
    values = [7, 0, 250, 31, 8, 1, 2, 3, 4, 5, 6, 77, 9, 99, 10, 11]
    m.d.comb += [
        chosen.eq(one_of(*((which[i], C(value, 8)) for i, value in enumerate(values[:4])))),
        value.eq(table(which, values)),
    ]

    async def process(ctx):
        for i in range(16):
            ctx.set(which, i)
            assert ctx.get(value) == values[i]
            if not i & i - 1:
                assert ctx.get(chosen) == (values[i.bit_length() - 1] if i else 0)

    combinational(m, process)


def test_a_carried_value_is_one_stage_further_in_every_cycle(run_pipeline):
    m, value = Module(), Signal(8)
    stages = carry(m, value, since=2, until=5, name="value")
    assert [*stages] == [2, 3, 4, 5] and stages[2] is value
    rng = random.Random(1)
    operations = [{"value": rng.getrandbits(8)} for _ in range(30)]
    outputs = {stage: (stages[stage], stage) for stage in stages}
    for op, got in zip(operations, run_pipeline(m, operations, {"value": (value, 2)}, outputs), strict=True):
        assert got == dict.fromkeys(stages, op["value"])


def locate_operations(rng, design, stocks):
    locates = [0, 1, 9, 63, 64, 64 + 9, 65535]
    operations = [{"locate": rng.choice(locates), "stock": rng.choice(stocks), "directory": int(rng.random() < 0.4)}
                  for _ in range(600)]
    # The same locate again in the slots after a directory message that maps it anew.
    for k in range(300, 600, 6):
        operations[k] |= {"stock": stocks[k // 6 % 3], "directory": 1}
        for later in range(k + 1, k + 6):
            operations[later] |= {"locate": operations[k]["locate"], "directory": 0}
    operations[0] = {"locate": 9, "stock": 0, "directory": 0}
    return operations


def compare_locates(run_pipeline, tiny, seed):
    design = tiny(symbols=3)
    symbols = [design.symbols[0], design.symbols[1].model_copy(update={"locate": 9}), design.symbols[2]]
    design = design.model_copy(update={"symbols": symbols})
    dut = LocateFilter(design=design)
    stocks = [int.from_bytes(s.stock_octets, "little") for s in symbols] + [0, int.from_bytes(b"AAPLX   ", "little")]
    operations = locate_operations(random.Random(seed), design, stocks)
    inputs = {"locate": (dut.locate, -1), "stock": (dut.stock, 0), "directory": (dut.directory, 0)}
    outputs = {name: (getattr(dut, name), 1) for name in ("mapped", "symbol", "fine", "out_of_range")}
    outputs |= {name: (getattr(dut, name), 2) for name in ("learned", "learned_symbol")}
    locates = {9: 1}
    for k, (op, got) in enumerate(zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True)):
        named = stocks.index(op["stock"]) if op["directory"] and op["stock"] in stocks[:3] else None
        if named is not None and op["locate"] < design.book.locates:
            locates[op["locate"]] = named
        inside = op["locate"] < design.book.locates
        expected = {"out_of_range": int(named is not None and not inside), "mapped": int(op["locate"] in locates),
                    "learned": int(named is not None and inside)}
        if expected["learned"]:
            expected["learned_symbol"] = named
        elif op["locate"] in locates:  # also a directory message's of a stock that is not configured
            expected["symbol"] = symbol = locates[op["locate"]]
            expected["fine"] = int(symbols[symbol].tick == 1)
        assert {name: got[name] for name in expected} == expected, (k, op)


def test_locates_are_preset_learned_and_limited(run_pipeline, tiny, seed):
    compare_locates(run_pipeline, tiny, seed)


def test_the_comparison_of_locates_finds_a_shorter_table(run_pipeline, tiny, seed, monkeypatch):
    init = LocateFilter.__init__

    def shorter(self, *, design):
        init(self, design=design)
        self._locates //= 2

    monkeypatch.setattr(LocateFilter, "__init__", shorter)
    with pytest.raises(AssertionError, match=r"^\(\d+, \{'locate': 63"):
        compare_locates(run_pipeline, tiny, seed)


def test_both_sides_stand_together(run_pipeline, tiny, seed):
    """Both as they were where nothing is new."""
    rng = random.Random(seed)
    dut = BestBidOffer(design=tiny(symbols=3))
    empty = {"known": 1, "price": 0, "quantity": 0, "orders": 0}
    operations = [{"symbol": rng.randrange(3), "side": rng.randrange(2), "update": int(rng.random() < 0.8),
                   "known": rng.randrange(2), "price": rng.getrandbits(32), "quantity": rng.getrandbits(52),
                   "orders": rng.getrandbits(20)} for _ in range(600)]
    inputs = {"symbol": (dut.symbol, 5), "side": (dut.side, 5), "update": (dut.update, 6)}
    inputs |= {name: (dut.best[name], 6) for name in empty}
    outputs = {f"{side} {name}": (getattr(dut, side)[name], 6) for side in ("bid", "ask") for name in empty}
    sides = {}
    for op, got in zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True):
        if op["update"]:
            sides[op["symbol"], op["side"]] = {name: op[name] for name in empty}
        own, other = (sides.get((op["symbol"], side), empty) for side in (op["side"], 1 - op["side"]))
        for side, best in (("bid", (own, other)[op["side"]]), ("ask", (other, own)[op["side"]])):
            assert {name: got[f"{side} {name}"] for name in empty} == best
