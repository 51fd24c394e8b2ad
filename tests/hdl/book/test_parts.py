"""Locate filter, price grid, sequencer, priority encoder, and what the stage itself refuses."""

import random

import pytest
from amaranth import *
from amaranth.sim import Simulator

from hdl.book import Book
from hdl.book.locate_filter import LocateFilter
from hdl.book.pipeline import highest, lowest_one_hot
from hdl.book.price_grid import POSITION_BITS, PriceGrid, price_of, unpack
from hdl.book.sequencer import Sequencer
from hdl.records import layout
from spec.itch import MESSAGES
from spec.records import MESSAGE
from spec.wire import write


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 8, 13, 32])
def test_highest_and_lowest_set_bit(width):
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

    simulator = Simulator(m)
    simulator.add_testbench(process)
    simulator.run()


def test_positions_hold_any_price_exactly(run_pipeline):
    rng = random.Random(1)
    prices = [0, 1, 99, 100, 101, 2499, 2500, (1 << 32) - 1, (1 << 32) - 96, (1 << 32) - 97, 1_999_999_900]
    prices += [rng.getrandbits(32) for _ in range(300)]
    prices += [25 * rng.getrandbits(26) + difference for difference in (-1, 0, 1) for _ in range(90)]
    operations = [{"price": price % (1 << 32), "fine": k & 1} for price in prices for k in range(2)]
    dut = PriceGrid()
    m = Module()
    m.submodules.grid = dut
    fine, price, index, remainder = Signal(), Signal(32), Signal(32), Signal(7)
    grid = unpack(m, dut.position, fine, "grid")
    m.d.comb += [price.eq(price_of(grid, fine)), index.eq(grid.index), remainder.eq(grid.remainder)]
    inputs = {"price": (dut.price, 0), "fine": (dut.fine, 2), "again": (fine, 3)}
    for op in operations:
        op["again"] = op["fine"]
    outputs = {"price": (price, 3), "index": (index, 3), "remainder": (remainder, 3), "position": (dut.position, 3)}
    for op, got in zip(operations, run_pipeline(m, operations, inputs, outputs), strict=True):
        whole, rest = divmod(op["price"], 1 if op["fine"] else 100)
        assert (got["price"], got["index"], got["remainder"]) == (op["price"], whole, rest)
        assert got["position"] < 1 << POSITION_BITS


def test_locates_are_preset_learned_and_limited(run_pipeline, tiny, seed):
    rng = random.Random(seed)
    design = tiny(symbols=3)
    symbols = [design.symbols[0], design.symbols[1].model_copy(update={"locate": 9}), design.symbols[2]]
    design = design.model_copy(update={"symbols": symbols})
    dut = LocateFilter(design=design)
    stocks = [int.from_bytes(s.stock_octets, "little") for s in symbols] + [0, int.from_bytes(b"AAPLX   ", "little")]
    locates = [0, 1, 9, 63, 64, 64 + 9, 65535]
    operations = [{"locate": rng.choice(locates), "stock": rng.choice(stocks), "directory": rng.random() < 0.4}
                  for _ in range(500)]
    operations[0] = {"locate": 9}
    inputs = {name: (getattr(dut, name), 0) for name in ("locate", "stock", "directory")}
    outputs = {name: (getattr(dut, name), 2) for name in ("mapped", "symbol", "out_of_range")}
    table = {9: 1}
    for op, got in zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True):
        named = stocks.index(op["stock"]) if op.get("directory") and op["stock"] in stocks[:3] else None
        if named is not None and op["locate"] < design.book.locates:
            table[op["locate"]] = named
        assert got["out_of_range"] == (named is not None and op["locate"] >= design.book.locates)
        assert got["mapped"] == (op["locate"] in table)
        if got["mapped"]:
            assert got["symbol"] == table[op["locate"]]


def test_a_replace_takes_the_slot_before_its_own():
    """One slot per message, one cycle after it; a replace's removal directly before its addition."""
    rng = random.Random(1)
    messages = [("A", 5), None, ("U", 6), ("D", 7), ("X", 8), None, ("U", 9), None, ("U", 10), ("S", 0), None]
    dut, slots = Sequencer(), []

    def record(code, reference):
        fields = {"reference": reference, "new_reference": reference + 100, "shares": rng.getrandbits(32), "side": "S"}
        known = {k: v for k, v in fields.items() if k in MESSAGES[code]}
        return MESSAGE.pack((reference, 0, 0, int.from_bytes(write(MESSAGES[code], **known), "little")))

    async def process(ctx):
        for cycle in range(len(messages) + 3):
            message = messages[cycle] if cycle < len(messages) else None
            ctx.set(dut.messages.valid, message is not None)
            word = record(*message) if message else rng.getrandbits(400)
            ctx.set(dut.messages.payload, layout(MESSAGE).from_bits(word))
            op = ctx.get(dut.operation)
            kind = "".join(c for c, name in zip("+~-u", ("add", "take", "drop", "replace"), strict=True) if op[name])
            slots.append((kind, op.reference, op.last) if op.valid else None)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()
    # The slot of a message in cycle c is seen at stage 1 in cycle c + 2, a replace's first one in c + 1.
    assert slots[:-1] == [
        None, None, ("+", 5, 1), ("-", 6, 0), ("+u", 106, 1), ("-", 7, 1), ("~", 8, 1), ("-", 9, 0), ("+u", 109, 1),
        ("-", 10, 0), ("+u", 110, 1), ("", slots[11][1], 1), None]


def test_the_stage_wants_a_design():
    with pytest.raises(TypeError, match="not 'small'"):
        Book(design="small")
