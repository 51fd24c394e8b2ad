"""The stage as a whole: when it answers, what it refuses, when it is ready. What it computes: testbenches.book."""

import random
from dataclasses import dataclass, field

import pytest
from amaranth.hdl import Value
from amaranth.sim import Simulator

from golden_model.book import Book as Model
from hdl.book import Book
from spec.itch import BOOK_TYPES, MESSAGES
from spec.records import DEPTH, LOAD, MESSAGE, SNAPSHOT, UPDATE, WINDOW
from spec.wire import write

OUTPUTS = {record.stream: record for record in (UPDATE, WINDOW, DEPTH, LOAD)}
LOCATES = (7, 9)  #: of the two symbols
FOREIGN = 11  #: of one that is not configured
FREE = 2  #: cycles from an entry of the snapshot to its echo


@pytest.fixture
def design(tiny):
    design = tiny(symbols=2, tables=2, buckets=16, ways=2, spill=2, levels=16, assume_trading=True)
    symbols = [s.model_copy(update={"locate": locate}) for s, locate in zip(design.symbols, LOCATES, strict=True)]
    return design.model_copy(update={"symbols": symbols})


@dataclass
class Seen:
    records: dict = field(default_factory=lambda: {name: [] for name in OUTPUTS})  #: (cycle, record) by stream
    sent: dict = field(default_factory=dict)  #: cycle by message
    loads: list = field(default_factory=list)  #: cycles in which the snapshot's entries were taken
    counters: dict = None


def ahead_of(octets):
    """What the feed shows of a message one cycle before it."""
    return {"valid": 1, "add": int(octets[:1] in b"AF"), "locate": int.from_bytes(octets[1:3]),
            "reference": int.from_bytes(octets[11:19].ljust(8, b"\0")),
            "new_reference": int.from_bytes(octets[19:27].ljust(8, b"\0"))}


def run(design, slots, snapshot=(), after=60):
    """Send ``slots``, octets or None, one per cycle from 0 on; ``snapshot``: entries that wait for free ones."""
    dut, seen, waiting, slots = Book(design=design), Seen(), list(snapshot), [*slots, *[None] * after]

    async def process(ctx):
        await ctx.tick().until(dut.ready)
        number = 0
        for cycle in range(-1, len(slots) - 1):
            octets, coming = slots[cycle] if cycle >= 0 else None, slots[cycle + 1]
            for name, value in (ahead_of(coming) if coming else {"valid": 0}).items():
                ctx.set(getattr(dut.ahead, name), value)
            ctx.set(dut.messages.valid, octets is not None)
            if octets:
                record = MESSAGE.tuple(number, number + 1, 0, int.from_bytes(octets, "little"))
                ctx.set(Value.cast(dut.messages.payload), MESSAGE.pack(record))
                seen.sent[number] = cycle
                number += 1
            ctx.set(dut.snapshot.valid, bool(waiting))
            if waiting:
                ctx.set(Value.cast(dut.snapshot.payload), SNAPSHOT.pack(waiting[0]))
                if ctx.get(dut.snapshot.ready):
                    waiting.pop(0)
                    seen.loads.append(cycle)
            for name, record in OUTPUTS.items():
                if ctx.get(getattr(dut, name).valid):
                    payload = ctx.get(Value.cast(getattr(dut, name).payload))
                    seen.records[name].append((cycle, record.unpack(payload)))
            await ctx.tick()
        counters = dut.counters.shape()
        seen.counters = {name: ctx.get(dut.counters[name]) for name in counters.members}

    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()
    return seen


def traffic(rng, design, count):
    """Messages of every type about two symbols and one that is not configured; prices near the reference."""
    orders, messages, fresh = {}, [], iter(range(1, 1 << 20))

    def message(code, locate, **fields):
        shape = MESSAGES[code]
        messages.append(write(shape, locate=locate, **{k: v for k, v in fields.items() if k in shape}))

    for code in [*MESSAGES, *rng.choices([*MESSAGES, *BOOK_TYPES * 6], k=count)]:
        at, ticks = rng.randrange(2), rng.randrange(-3, 3)
        symbol, locate = design.symbols[at], LOCATES[at]
        price = symbol.reference + symbol.tick * ticks
        if code in "AF" and len(orders) < 40:
            reference = next(fresh)
            orders[reference] = [locate, shares := rng.randrange(9, 99)]
            message(code, locate, reference=reference, side=rng.choice("BS"), shares=shares, price=price)
        elif code in "ECXDU" and orders:
            reference, new, shares = rng.choice([*orders][-10:]), next(fresh), rng.randrange(1, 3)
            locate, rests = orders[reference]
            symbol = design.symbols[LOCATES.index(locate)]
            price = symbol.reference + symbol.tick * ticks
            orders[reference][1] -= shares
            if code in "DU" or rests <= shares:
                del orders[reference]
            if code == "U":
                orders[new] = [locate, shares]
            message(code, locate, reference=reference, new_reference=new, shares=min(shares, rests) if code in "ECX"
                    else shares, price=price, printable="Y")
        elif code not in BOOK_TYPES:
            if len(messages) >= len(MESSAGES):
                locate = rng.choice((locate, locate, FOREIGN))
            message(code, locate, state="T", event="Q", shares=5, price=price,
                    stock=symbol.stock if locate != FOREIGN else "OTHER")
    return messages


def check(design, seen, slots):
    """Every update is the model's, ``Book.LATENCY`` after its message."""
    model, number, updates = Model(design), 0, []
    for octets in slots:
        if octets:
            record = MESSAGE.tuple(number, number + 1, 0, int.from_bytes(octets, "little"))
            for name in ("windows", "loads"):
                model.events.extend(r for _, r in seen.records[name] if r.message == number)
            updates.append(model.message(record))
            number += 1
    assert not seen.records["windows"], "prices stay near the middle"
    expected = [(seen.sent[update.message] + Book.LATENCY, update) for update in updates if update]
    assert seen.records["updates"] == expected
    return [update for _, update in expected]


def test_seven_cycles():
    assert Book.LATENCY == 7


def test_every_type_at_rest(design, seed):
    """Seven cycles, though nothing else is under way."""
    messages = traffic(random.Random(seed), design, 60)
    slots = [slot for octets in messages for slot in (octets, *[None] * 9)]
    updates = check(design, run(design, slots), slots)
    assert {chr(update.type) for update in updates} == {*MESSAGES} - {*"SVW"}


def test_every_type_with_every_cycle_full(design, seed):
    slots = traffic(random.Random(seed), design, 500)
    seen = run(design, slots, after=300)
    updates = check(design, seen, slots)
    assert {chr(update.type) for update in updates} == {*MESSAGES} - {*"SVW"}
    assert all(update.bid_known and update.ask_known for update in updates)
    assert sum(update.bid_orders + update.ask_orders > 1 for update in updates) > len(updates) // 3
    assert seen.counters["updates"] == len(updates)
    assert seen.counters["filtered"] > 0 and seen.counters["table_full"] == 0
    assert all(cycle > len(slots) for cycle, _ in seen.records["depths"]), "no slot was free for a depth before"
    assert {depth.symbol for _, depth in seen.records["depths"]} == {0, 1}


def replaces(design, count):
    """Each the new order of the one before, between two levels of one side."""
    symbol = design.symbols[0]
    prices = [symbol.reference, symbol.reference - symbol.tick]
    slots = [write(MESSAGES["A"], locate=LOCATES[0], reference=1, side="B", shares=100, price=prices[0])]
    return slots + [write(MESSAGES["U"], locate=LOCATES[0], reference=k, new_reference=k + 1, shares=100 + k,
                          price=prices[k % 2]) for k in range(1, count)]


def test_a_replace_takes_one_slot(design):
    slots = replaces(design, 60)
    updates = check(design, run(design, slots), slots)
    assert [update.bid_price for update in updates] == [
        design.symbols[0].reference - design.symbols[0].tick * (k % 2) for k in range(60)]
    assert not any(update.unknown_reference for update in updates)


def test_a_snapshot_waits_for_free_slots(design):
    """In which it is echoed two cycles later; what it brings is in the next message's update."""
    symbol = design.symbols[0]
    entries = [SNAPSHOT.tuple(0, 0, 1000 + k, symbol.reference - symbol.tick, 10, 0) for k in range(3)]
    entries.append(SNAPSHOT.tuple(0, 0, 0, 0, 0, 1))
    slots = [write(MESSAGES["D"], locate=LOCATES[0], reference=77), *replaces(design, 30)]
    slots += [None, None, *[write(MESSAGES["Y"], locate=LOCATES[0])] * 5, None, None]
    slots += [write(MESSAGES["D"], locate=LOCATES[0], reference=1000)]
    seen = run(design, slots, entries)
    updates = check(design, seen, slots)
    assert seen.loads == [cycle - 1 for cycle, octets in enumerate(slots) if octets is None]
    assert [(cycle, record[1:]) for cycle, record in seen.records["loads"]] == [
        (cycle + FREE, entry) for cycle, entry in zip(seen.loads, entries, strict=True)]
    assert [update.unknown_reference for update in updates] == [1] * 36 + [0]
    assert updates[-1].bid_known and updates[-1].bid_orders == 3  # of both kinds
    assert seen.counters["loads"] == 3 and seen.counters["vouched"] == 1


def test_the_check_finds_an_update_of_another_cycle(design, monkeypatch):
    slots = replaces(design, 4)
    seen = run(design, slots)
    check(design, seen, slots)
    monkeypatch.setattr(Book, "LATENCY", 8)
    with pytest.raises(AssertionError):
        check(design, seen, slots)


def test_ready_after_the_largest_sweep(design):
    """One cycle after that of the levels, and for good."""
    dut = Book(design=design)
    sweep = max(2 * len(design.symbols) * design.book.levels, design.book.locates, design.book.buckets)

    async def process(ctx):
        for cycle in range(3 * sweep):
            assert ctx.get(dut.ready) == (cycle > sweep), cycle
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-9)
    simulator.add_testbench(process)
    simulator.run()


def test_the_stage_wants_a_design():
    with pytest.raises(TypeError, match="not 'small'"):
        Book(design="small")
    with pytest.raises(TypeError, match="positional"):
        Book(object())
