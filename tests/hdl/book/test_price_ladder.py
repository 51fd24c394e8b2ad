"""The price ladder against levels in a dictionary, which knows nothing of words."""

import random

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.book import price_ladder
from hdl.book.operation import Ring
from hdl.book.price_ladder import PriceLadder
from hdl.memory import ForwardedMemory, SweptMemory
from spec.ladder import ASK, BID

FULL = (1 << 32) - 1


class NaiveLadder:
    def __init__(self, design):
        self.design, self.ring = design, Ring(design)
        self.levels = {}  # (symbol, side, slot) -> shares, orders

    def apply(self, op):
        book = op["symbol"], op["side"]
        if op["takes"]:
            self.change((*book, op["find_slot"]), -op["take_shares"], -op["take_orders"])
        if op["adds"]:
            self.change((*book, op["place_slot"]), op["add_shares"], 1)
        for level, (shares, orders) in list(self.levels.items()):
            assert shares >= 0 and orders >= 0, "the test's own operations"
            if not orders:
                assert not shares, "the test's own operations"
                del self.levels[level]

    def change(self, level, shares, orders):
        old = self.levels.get(level, (0, 0))
        self.levels[level] = old[0] + shares, old[1] + orders

    def slot(self, op, number):
        """Of the tick ``number`` from the lowest of a ring that begins at ``ring_word``."""
        slot = (op["ring_word"] * self.ring.places + number) % self.ring.levels
        return self.ring.levels - 1 - slot if op["side"] == ASK else slot

    def best(self, op):
        """The best level, or that with which a walk goes on: of the best word that is wanted, if a place of it is."""
        ring, tick = self.ring, self.design.symbols[op["symbol"]].tick
        numbers = range(ring.levels) if op["side"] == ASK else reversed(range(ring.levels))
        word = None
        for number in numbers:
            slot = self.slot(op, number)
            level = self.levels.get((op["symbol"], op["side"], slot))
            this, place = divmod(slot, ring.places)
            if level is None or op["masked"] and not op["word_mask"] >> this & 1:
                continue
            if word not in (None, this):
                break
            word = this
            if op["masked"] and not op["place_mask"] >> place & 1:
                continue
            return {"any": 1, "inside": int(op["lo_word"] <= number // ring.places < op["hi_word"]), "slot": slot,
                    "number": number, "price": op["ring_base"] + number * tick, "quantity": level[0],
                    "orders": level[1], "floor": self.slot(op, ring.levels - 1 if op["side"] else 0) // ring.places}
        return {"any": 0}


class Orders:
    """Makes operations that a book would: of orders that rest, on levels that are crowded or not."""

    def __init__(self, rng, design, limit, slots=None):
        self.rng, self.design, self.ring, self.limit = rng, design, Ring(design), limit
        self.resting = []
        self.slots = slots or [*range(self.ring.levels)]

    def window(self, symbol):
        ring, tick = self.ring, self.design.symbols[symbol].tick
        word = self.rng.randrange(50_000_000 // tick // ring.places)
        low = self.rng.randrange(ring.words + 1)
        return {"ring_base": word * ring.places * tick, "ring_word": word % ring.words, "lo_word": low,
                "hi_word": self.rng.randrange(low, ring.words + 1)}

    def slot_near(self, slot):
        """The same one, one in its word, or any."""
        places = self.ring.places
        near = (slot, slot // places * places + self.rng.randrange(places), self.rng.choice(self.slots))
        return self.rng.choice(near)

    def __call__(self, kind=None):
        rng, resting = self.rng, self.resting
        op = dict.fromkeys(("takes", "take_orders", "take_shares", "adds", "add_shares", "masked"), 0)
        op |= {"symbol": rng.randrange(len(self.design.symbols)), "side": rng.randrange(2)}
        op |= {name: rng.randrange(self.ring.levels) for name in ("find_slot", "place_slot")}
        load = len(resting) / self.limit
        kind = kind or rng.choices(("add", "reduce", "remove", "replace", "none"), (3, 1, 3 * load, 2, 1))[0]
        if not resting and kind not in ("add", "none"):
            kind = "add"
        if kind in ("reduce", "remove", "replace"):
            index = rng.choice((-1, rng.randrange(len(resting))))
            symbol, side, slot, shares = resting[index]
            op |= {"symbol": symbol, "side": side, "find_slot": slot, "takes": 1, "take_shares": shares}
            if kind == "reduce":
                op["take_shares"] = rng.randint(0, shares)
                resting[index] = symbol, side, slot, shares - op["take_shares"]
            else:
                op["take_orders"] = 1
                resting.pop(index)
        if kind in ("add", "replace"):
            slot = self.slot_near(op["find_slot"]) if kind == "replace" else rng.choice(self.slots)
            op |= {"adds": 1, "place_slot": slot, "add_shares": rng.choice((0, 1, 100, FULL))}
            resting.append((op["symbol"], op["side"], slot, op["add_shares"]))
        if kind == "none":
            op["masked"] = rng.randrange(2)
        op |= {"word_mask": rng.choice((0, rng.getrandbits(self.ring.words), (1 << self.ring.words) - 1)),
               "place_mask": rng.choice((0, rng.getrandbits(self.ring.places), (1 << self.ring.places) - 1))}
        return op | self.window(op["symbol"]) | {"kind": kind}


def compare(run_pipeline, design, operations):
    """What the naive ladder expects, after the gateware agreed."""
    dut = PriceLadder(design=design)
    inputs = {name: (getattr(dut, name), 1) for name in ("symbol", "side", "find_slot", "place_slot")}
    inputs |= {name: (getattr(dut, name), 3) for name in (
        "adds", "add_shares", "takes", "take_orders", "take_shares", "masked", "word_mask")}
    inputs |= {name: (dut.row[name], 3) for name in ("ring_base", "ring_word", "lo_word", "hi_word")}
    inputs |= {"place_mask": (dut.place_mask, 4)}
    outputs = {name: (dut.best[name], 6) for name in dut.best.shape().members}
    naive, expected = NaiveLadder(design), []
    for k, (op, got) in enumerate(zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True)):
        naive.apply(op)
        expected.append(naive.best(op))
        assert {name: got[name] for name in expected[-1]} == expected[-1], (k, op)
    return expected


@pytest.mark.parametrize("symbols, levels, limit", [(1, 16, 3), (2, 16, 6), (3, 32, 30), (2, 64, 100)])
def test_against_a_dictionary(run_pipeline, tiny, seed, symbols, levels, limit):
    rng = random.Random(seed)
    design = tiny(symbols=symbols, levels=levels)
    orders = Orders(rng, design, limit)
    operations = [orders() for _ in range(800)]
    expected = compare(run_pipeline, design, operations)
    seen = {(op["kind"], op["side"], best["any"], best.get("inside")) for op, best in zip(
        operations, expected, strict=True)}
    for kind in ("add", "remove", "reduce", "replace", "none"):
        for side in (BID, ASK):
            assert {(kind, side, 1, 0), (kind, side, 1, 1)} <= seen, (kind, side)


@pytest.mark.parametrize("pause", range(5))
def test_one_level_fills_and_empties_in_adjacent_slots(run_pipeline, tiny, seed, pause):
    """Also two levels of one word, and two of two words, between which an order goes to and fro."""
    rng = random.Random(seed)
    design = tiny(symbols=1, levels=16)
    operations = []
    for slots in ([3], [4, 6], [1, 14]):
        orders = Orders(rng, design, 2, slots)
        for kind in ("add", "remove", "add", "replace", "replace", "remove", "add", "reduce", "add", "remove",
                     "replace", "replace", "remove", "add", "replace", "remove"):
            op = orders(kind)
            operations.append(op | {"side": 0} if kind == "add" else op)
            if kind == "add":
                orders.resting[-1] = (0, 0, *orders.resting[-1][2:])
            operations += [orders("none") | {"side": 0, "masked": 0} for _ in range(pause)]
    assert sum(best["any"] for best in compare(run_pipeline, design, operations)) > len(operations) // 3


def test_every_floor_of_the_ring(run_pipeline, tiny, seed):
    """The same two levels are the best and the worst in turn, and inside the law as it says."""
    design = tiny(symbols=2, levels=64)
    ring, orders = Ring(design), Orders(random.Random(seed), design, 99)
    operations = []
    for symbol in range(2):
        tick = design.symbols[symbol].tick
        for side in (BID, ASK):
            for slot in (5, 60):
                operations.append(orders("add") | {"symbol": symbol, "side": side, "place_slot": slot})
            for word in range(ring.words):
                for low in range(ring.words + 1):
                    operations.append(orders("none") | {
                        "symbol": symbol, "side": side, "masked": 0, "ring_base": (word + 800) * ring.places * tick,
                        "ring_word": word, "lo_word": low, "hi_word": ring.words - low // 2})
    expected = compare(run_pipeline, design, operations)
    assert {best["floor"] for best in expected} == set(range(ring.words))
    assert {best["slot"] for best in expected} == {5, 60}


def test_a_query_sees_only_what_its_masks_leave(run_pipeline, tiny, seed):
    rng = random.Random(seed)
    design = tiny(symbols=1, levels=64)
    orders = Orders(rng, design, 99)
    operations = [orders("add") for _ in range(60)]
    operations += [orders("none") | {"masked": 1, "word_mask": 0, "place_mask": FULL % 256} for _ in range(20)]
    operations += [orders("none") | {"masked": 1, "word_mask": 255, "place_mask": 0} for _ in range(20)]
    operations += [orders("none") | {"masked": 1, "word_mask": 1 << k % 8, "place_mask": rng.getrandbits(8)}
                   for k in range(200)]
    expected = compare(run_pipeline, design, operations)
    assert not any(best["any"] for best in expected[60:100])
    assert 20 < sum(best["any"] for best in expected[100:]) < 180


def test_levels_hold_more_than_32_bits(run_pipeline, tiny, seed):
    design = tiny(symbols=1, levels=16)
    orders = Orders(random.Random(seed), design, 99, [7])
    add = orders("add") | {"side": 0, "add_shares": FULL}
    take = orders("none") | {"side": 0, "masked": 0, "find_slot": 7, "takes": 1, "take_orders": 1, "take_shares": FULL}
    expected = compare(run_pipeline, design, [add] * 40 + [take] * 40)
    assert [best["any"] and best["quantity"] for best in expected] == [
        FULL * orders for orders in [*range(1, 41), *reversed(range(40))]]


def test_sums_wrap_around(run_pipeline, tiny, seed, monkeypatch):
    """A level is right however often both its sums have come around: here they begin at their end."""
    level = price_ladder._Level
    almost = {level: level.const({"quantity": (1 << 52) - 250, "orders": (1 << 20) - 3}).as_value().value,
              price_ladder.LEVEL_ORDERS_BITS: (1 << 20) - 4}  # less one

    def beginning_at_the_end(memory):
        return lambda *, shape, depth, initial=0, **kind: memory(
            shape=shape, depth=depth, initial=almost.get(shape, initial), **kind)

    for memory in (ForwardedMemory, SweptMemory):
        monkeypatch.setattr(price_ladder, memory.__name__, beginning_at_the_end(memory))
    design = tiny(symbols=1, levels=16)
    orders = Orders(random.Random(seed), design, 6, [2, 3, 9])
    compare(run_pipeline, design, [orders() for _ in range(400)])


class Unforwarded(wiring.Component):
    """A read does not see the writes issued after its address."""

    def __init__(self, *, shape, depth, latency=1, initial=0):
        self._latency = latency
        self._memory = SweptMemory(shape=shape, depth=depth, initial=initial)
        members = dict(self._memory.signature.members)
        super().__init__({**members, "read_address": In(range(depth)), "read_data": Out(shape)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = self._memory
        for name in ("write_enable", "write_address", "write_data"):
            m.d.comb += getattr(memory, name).eq(getattr(self, name))
        m.d.comb += [memory.read_address[0].eq(self.read_address), self.ready.eq(memory.ready)]
        data = Value.cast(memory.read_data[0])
        for _ in range(1, self._latency):
            held = Signal.like(data)
            m.d.sync += held.eq(data)
            data = held
        m.d.comb += Value.cast(self.read_data).eq(data)
        return m


def test_the_comparison_finds_a_missing_forward(run_pipeline, tiny, monkeypatch):
    monkeypatch.setattr(price_ladder, "ForwardedMemory", Unforwarded)
    with pytest.raises(AssertionError, match=r"^\(\d+, "):
        test_against_a_dictionary(run_pipeline, tiny, 1, 1, 16, 3)


def test_the_comparison_finds_a_late_floor(run_pipeline, tiny, seed, monkeypatch):
    """Words counted from the wrong end of the ring."""
    monkeypatch.setattr(NaiveLadder, "slot", lambda self, op, number: number)
    with pytest.raises(AssertionError, match=r"^\(\d+, "):
        test_every_floor_of_the_ring(run_pipeline, tiny, seed)
