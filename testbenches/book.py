"""The book against its golden twin: every record of every port, the updates' latency, every counter."""

import cocotb

from spec.itch import MESSAGES
from spec.ladder import ASK, BID
from spec.records import LEVEL_QUANTITY_BITS, SNAPSHOT, Trade
from testbenches.book_bench import BookBench, share_known
from testbenches.book_traffic import TOP, as_records

TIMEOUT = {"timeout_time": 1, "timeout_unit": "ms"}


@cocotb.test(**TIMEOUT)
async def everything_at_once(dut):
    """All types, tracked and untracked, random gaps."""
    bench = BookBench(dut)
    t = bench.traffic
    traffic = bench.mix(t.flow(bench.size(1600), price=t.inside, limit=60), t.other(bench.size(800)))
    updates = await bench.play([*t.directory(), *traffic], draw=bench.spread)
    assert share_known(updates) > 0.5
    assert bench.slow or {chr(u.type) for u in updates} >= set("RHYLKJhAFECXDUPQBINO")
    assert bench.slow or {u.trade for u in updates} >= {Trade.NONE, Trade.PRINT, Trade.BREAK}
    assert 0.1 < sum(u.tradable for u in updates) / len(updates) < 0.9


@cocotb.test(**TIMEOUT)
async def one_message_per_cycle(dut):
    """Without an idle cycle."""
    bench = BookBench(dut)
    t = bench.traffic
    traffic = bench.mix(t.flow(bench.size(2400), price=t.inside, limit=100), t.other(bench.size(100)))
    updates = await bench.play([*t.directory(), *traffic])
    assert share_known(updates) > 0.7


@cocotb.test(**TIMEOUT)
async def same_level(dut):
    """All orders of a symbol on two levels a side, which fill and empty; sides cross and lock."""
    bench = BookBench(dut)
    t = bench.traffic
    low, high, tick = t.windows[0]
    prices = [low, low + tick, high - tick]
    updates = await bench.play([*t.directory(), *t.flow(bench.size(2000), symbols=[0], limit=5,
                                                        price=lambda _: bench.rng.choice(prices))])
    assert any(u.bid_orders == 0 for u in updates) and any(u.bid_price > u.ask_price > 0 for u in updates)


@cocotb.test(**TIMEOUT)
async def ping_pong(dut):
    """One order on one level comes and goes in adjacent cycles."""
    bench = BookBench(dut)
    t = bench.traffic
    messages = t.directory()
    for k in range(bench.size(400)):
        messages += [t.add(k % 4, k & 1, t.inside(k % 4), t.shares(), reference=77), t.delete(77)]
    for k in range(bench.size(400)):
        messages += [t.add(0, k & 1, t.windows[0][0], 100, reference=k), t.take(k, 100)]
    await bench.play(messages)


@cocotb.test(**TIMEOUT)
async def same_orders(dut):
    """Adjacent messages act on the same few orders."""
    bench = BookBench(dut)
    t = bench.traffic
    streams = t.directory()
    for recent in (1, 2, 3):
        streams += t.flow(bench.size(800), price=t.inside, limit=4, recent=recent)
    updates = await bench.play(streams)
    assert share_known(updates) > 0.1


@cocotb.test(**TIMEOUT)
async def replace_chains(dut):
    """A replace of a replace in every cycle, with reused references."""
    bench = BookBench(dut)
    t, rng = bench.traffic, bench.rng
    messages = t.directory()
    messages += [t.add(symbol, side, t.inside(symbol), 100) for symbol in range(4) for side in (0, 1)]
    began = len(messages)
    last = next(iter(t.orders))
    for _ in range(bench.size(1000)):
        reference = last if rng.random() < 0.6 else rng.choice(list(t.orders))
        symbol = t.orders[reference][0]
        messages.append(t.replace(reference, t.inside(symbol), t.shares(), reference if rng.random() < 0.2 else None))
        last = list(t.orders)[-1]
    updates = await bench.play(messages)
    assert share_known([u for u in updates if u.message >= began]) > 0.9


@cocotb.test(**TIMEOUT)
async def far_prices(dut):
    """Beyond the window on either side, at its edges, between ticks; the flag drops and rises again."""
    bench = BookBench(dut)
    t = bench.traffic
    messages = [*t.directory(), *t.flow(bench.size(3000), price=t.anywhere, limit=8)]
    updates = await bench.play(messages, draw=bench.spread)
    changes = {(a.bid_known, b.bid_known) for a, b in zip(updates, updates[1:], strict=False) if a.symbol == b.symbol}
    assert bench.slow or len(changes) == 4
    assert bench.model.counters["zone_better"] and bench.model.counters["zone_worse"]


@cocotb.test(**TIMEOUT)
async def same_bucket_storm(dut):
    """Orders that all want the same buckets: into the spill, until the table is full, and out again."""
    bench = BookBench(dut)
    t, rng, book = bench.traffic, bench.rng, bench.design.book
    room = book.tables * book.ways + book.spill
    references = t.same_buckets(room + 3)
    messages = t.directory()
    for _ in range(bench.size(16)):  # to the brim and back, without a fault
        free = [r for r in references if r not in t.orders]
        messages += [t.add(0, rng.randrange(2), t.inside(0), 100, reference=r)
                     for r in rng.sample(free, room - len(t.orders))]
        for _ in range(rng.randrange(1, room)):
            reference = rng.choice(list(t.orders))
            new = rng.choice([r for r in references if r not in t.orders])
            # A replace needs a place before it gives one back.
            replaces = len(t.orders) < room and rng.random() < 0.5
            messages.append(t.replace(reference, t.inside(0), 100, new) if replaces else t.delete(reference))
    quiet = len(messages)
    for _ in range(600):  # one too many, in one symbol after the other
        code = rng.choice("AAADDU")
        symbol = min(3, len(messages) // 150)
        fields = {"reference": rng.choice(references), "new_reference": rng.choice(references), "side": "B",
                  "price": t.inside(symbol), "shares": 1}
        messages.append(t.message(code, t.locates[symbol],
                                  **{k: v for k, v in fields.items() if k in MESSAGES[code]}))
    updates = await bench.play(messages)
    assert not any(u.table_full for u in updates if u.message < quiet) and updates[-1].table_full


@cocotb.test(**TIMEOUT)
async def load_to_the_brim(dut):
    """Random references until the whole table is full, and everything out again."""
    bench = BookBench(dut)
    t = bench.traffic
    messages = t.directory()
    messages += [t.add(k % 4, k >> 2 & 1, t.inside(k % 4), 100) for k in range(bench.design.book.capacity + 40)]
    messages += [t.delete(reference) for reference in list(t.orders)]
    messages += t.flow(200, price=t.inside)
    updates = await bench.play(messages)
    assert updates[-1].table_full


@cocotb.test(**TIMEOUT)
async def illegal_orders(dut):
    """Unknown and duplicate references, too many shares, another symbol's orders."""
    bench = BookBench(dut)
    t = bench.traffic
    await bench.play([*t.directory(), *bench.mix(t.illegal(bench.size(2000, at_least=600)), t.other(100))])
    counters = bench.model.counters
    faults = ("unknown_reference", "duplicate_reference", "over_execution", "filtered")
    assert all(counters[name] for name in faults)


@cocotb.test(**TIMEOUT)
async def each_fault_alone(dut):
    """A fault is up in the update of its message and for its symbol alone."""
    bench = BookBench(dut)
    t = bench.traffic
    messages = t.directory()
    messages += [t.add(symbol, side, t.inside(symbol), 10, reference=symbol * 2 + side)
                 for symbol in range(4) for side in (0, 1)]
    messages += [
        t.message("D", t.locates[0], reference=99), t.message("L", t.locates[0]), t.message("L", t.locates[1]),
        t.message("A", t.locates[1], reference=5, price=1, shares=1, side="B"), t.message("L", t.locates[1]),
        t.message("X", t.locates[2], reference=4, shares=11), t.message("L", t.locates[2]),
        t.message("E", t.locates[3], reference=6, shares=10), t.message("L", t.locates[3]),
        t.message("U", t.locates[3], reference=7, new_reference=7, shares=5, price=t.inside(3)),
        t.message("U", t.locates[3], reference=0, new_reference=8, shares=5, price=t.inside(3)),
    ]
    updates = {u.message: u for u in await bench.play(messages)}
    first = messages.index(next(m for m in messages if m[:1] == b"D"))
    assert [bool(updates[first + k].bid_known) for k in range(9)] == [False, False, True] + [False] * 4 + [True] * 2


@cocotb.test(**TIMEOUT)
async def gap_flag(dut):
    """Once messages were lost no side is known."""
    bench = BookBench(dut)
    t = bench.traffic
    messages = [*t.directory(), *t.flow(400, price=t.inside)]
    updates = await bench.play(messages, gap_from=200)
    assert any(u.bid_known for u in updates if u.message < 200)
    assert not any(u.bid_known or u.ask_known for u in updates if u.message >= 200)


@cocotb.test(**TIMEOUT)
async def directory_messages(dut):
    """Locates learned, moved, taken over, out of range; seen by the very next message."""
    bench = BookBench(dut)
    t, rng = bench.traffic, bench.rng
    stocks = [s.stock for s in bench.design.symbols] + ["ZZZT", ""]
    locates = [0, 1, 2, 3, bench.design.book.locates - 1, bench.design.book.locates, 65535]
    messages = []
    for _ in range(bench.size(800)):
        messages.append(t.message("R", rng.choice(locates), stock=rng.choice(stocks)))
        for _ in range(rng.randrange(3)):
            messages.append(t.message(rng.choice("LHVSWP"), rng.choice(locates)))
    await bench.play(messages)
    assert bench.model.counters["locate_range"]


@cocotb.test(**TIMEOUT)
async def big_levels(dut):
    """Many orders of 2**32 - 1 shares on one level: quantities are exact beyond 32 bits."""
    bench = BookBench(dut)
    t = bench.traffic
    price = t.windows[0][0]
    messages = t.directory() + [t.add(0, 0, price, (1 << 32) - 1) for _ in range(300)]
    messages += [t.delete(reference) for reference in list(t.orders)]
    updates = await bench.play(messages)
    assert max(u.bid_quantity for u in updates) == 300 * ((1 << 32) - 1) < 1 << LEVEL_QUANTITY_BITS


@cocotb.test(**TIMEOUT)
async def replace_corners(dut):
    """In every cycle: to the same level, across the other side, to and fro, of orders not there or there twice."""
    bench = BookBench(dut)
    t, rng = bench.traffic, bench.rng
    messages = t.directory()
    low, high, tick = t.windows[0]
    middle = (low + high) // 2 // tick * tick
    messages += [t.add(0, side, middle + tick * (k if side else -1 - k), 100) for k in range(4) for side in (BID, ASK)]
    for _ in range(bench.size(600)):
        reference = rng.choice(list(t.orders))
        symbol, side, price, shares = t.orders[reference]
        kind = rng.randrange(4)
        if kind == 0:  # the same level, another reference or the same
            messages.append(t.replace(reference, price, rng.choice((0, shares, 50)), rng.choice((None, reference))))
        elif kind == 1:  # beyond the other side's best: locked or crossed
            across = middle + tick * rng.randrange(-4, 4)
            messages.append(t.replace(reference, across, 100))
        else:  # there and back
            messages.append(t.replace(reference, price + tick * rng.choice((1, -1)), shares))
            messages.append(t.replace(list(t.orders)[-1], price, shares))
    legal = len(messages)
    locate, other = t.locates[0], t.locates[1]
    first, second = list(t.orders)[:2]
    for old, new, at in ((12345, first, locate), (first, second, locate), (second, 77, other), (12345, 12345, other)):
        messages.append(t.message("U", at, reference=old, new_reference=new, price=middle, shares=5))
    updates = await bench.play(messages)
    assert all(u.bid_known and u.ask_known for u in updates if u.message < legal)
    assert any(u.bid_price >= u.ask_price > 0 for u in updates if u.message < legal)
    assert updates[-1].unknown_reference and bench.model.counters["duplicate_reference"] == 1


@cocotb.test(**TIMEOUT)
async def walking_prices(dut):
    """A market walks out of its window, with orders left behind on the way, while messages come; then it is quiet."""
    bench = BookBench(dut)
    t, rng = bench.traffic, bench.rng
    messages, middles = t.directory(), [s.reference for s in bench.design.symbols]
    for _ in range(bench.size(1600)):
        symbol = rng.randrange(4)
        tick = t.windows[symbol][2]
        middles[symbol] += tick * rng.choice((0, 1, 1)) * (-1 if symbol % 2 else 1)
        crowd = [r for r, order in t.orders.items() if order[0] == symbol]
        if len(crowd) < 12 or rng.random() < 0.2:
            side = rng.randrange(2)
            away = tick * rng.randrange(1, 9)
            messages.append(t.add(symbol, side, middles[symbol] + (away if side else -away), 100))
        elif rng.random() < 0.6:
            messages.append(t.delete(crowd[0] if rng.random() < 0.9 else rng.choice(crowd)))
        else:
            side = t.orders[crowd[0]][1]
            away = tick * rng.randrange(1, 9)
            messages.append(t.replace(crowd[0], middles[symbol] + (away if side else -away), 100))
    await bench.play(messages, draw=bench.wire)
    assert bench.slow or bench.model.counters["windows"] >= 16
    await _known_after_quiet(bench)


@cocotb.test(**TIMEOUT)
async def jumping_prices(dut):
    """A market jumps beyond its window on both sides, stub quotes on the far sides; after a while both are known."""
    bench = BookBench(dut)
    t, rng = bench.traffic, bench.rng
    messages = t.directory()
    for symbol in range(3):
        messages += [t.add(symbol, BID, 100, 100), t.add(symbol, ASK, 1_999_999_900, 100)]
    last: dict[int, list[int]] = {}
    for jump in range(bench.size(40, at_least=6)):
        symbol = jump % 3
        middle = rng.randrange(20_000, 4_000_000, 100)
        gone = last.get(symbol, [])
        last[symbol] = []
        for k in range(5):
            for side in (BID, ASK):
                messages.append(t.add(symbol, side, middle + 100 * (k + 1) * (1 if side else -1), 100))
                last[symbol].append(list(t.orders)[-1])
        messages += [t.delete(reference) for reference in gone]
    await bench.play(messages, draw=lambda: rng.choice((0, 3, 40)))
    assert bench.model.counters["windows"] and bench.model.counters["zone_better"]
    await _known_after_quiet(bench)


async def _known_after_quiet(bench):
    """The book has rested: whatever happened before, both sides of every symbol are known in the next update."""
    number = len(bench.messages.seen)
    records = as_records([bench.traffic.message("L", locate) for locate in bench.traffic.locates], first=number)
    await bench.send(records)
    await bench.cycles(20)
    last = bench.updates.seen[-len(records):]
    assert [u.message for u in last] == [record.message for record in records]
    assert all(u.bid_known and u.ask_known for u in last), last
    for update in last:
        book = bench.model.book(update.symbol)
        for side, levels in ("bid", book.bids()), ("ask", book.asks()):
            best = levels[0] if levels else (0, 0, 0)
            assert best == tuple(getattr(update, f"{side}_{name}") for name in ("price", "quantity", "orders"))


@cocotb.test(**TIMEOUT)
async def mid_day_start(dut):
    """Orders that were added before the start flag their symbol, until the host has loaded a snapshot and vouches."""
    bench = BookBench(dut)
    t, rng = bench.traffic, bench.rng
    for k in range(80):  # never sent
        t.add(k % 4, k >> 2 & 1, t.inside(k % 4), 100 + k)
    messages = t.directory()
    early = len(messages)
    for reference in rng.sample(list(t.orders), 12):
        act = rng.choice((t.delete, lambda r: t.take(r, 1), lambda r: t.replace(r, t.inside(t.orders[r][0]), 7)))
        messages.append(act(reference))
    # What rests now, as the host's snapshot says; the replaces' new orders are in it too.
    snapshot = [SNAPSHOT.tuple(symbol, side, reference, price, shares, 0)
                for reference, (symbol, side, price, shares) in t.orders.items()]
    rng.shuffle(snapshot)
    snapshot += [SNAPSHOT.tuple(symbol, 0, 0, 0, 0, 1) for symbol in range(4)]
    loaded = len(messages)
    messages += t.flow(bench.size(600), price=t.inside, limit=60)
    updates = await bench.play(messages, draw=bench.spread, snapshot=snapshot, snapshot_at=loaded)
    flagged = {u.symbol for u in updates if early <= u.message < loaded and u.unknown_reference}
    assert flagged and not any(u.unknown_reference for u in updates if u.message >= loaded)
    assert share_known([u for u in updates if u.message >= loaded]) > 0.5
    assert bench.model.counters["loads"] == len(snapshot) - 4 and bench.model.counters["vouched"] == 4


@cocotb.test(**TIMEOUT)
async def bad_snapshot(dut):
    """Orders twice in a snapshot, and more than the table holds: faults that no vouching heals."""
    bench = BookBench(dut)
    t, capacity = bench.traffic, bench.design.book.capacity
    snapshot = [SNAPSHOT.tuple(k % 3, k & 1, k, t.inside(k % 3), 100, 0) for k in range(60)]
    snapshot += [snapshot[7], SNAPSHOT.tuple(3, 1, 11, 4200, 5, 0)]
    snapshot += [SNAPSHOT.tuple(2, 0, 1 << 40 | k, t.inside(2), 1, 0) for k in range(capacity)]
    snapshot += [SNAPSHOT.tuple(symbol, 1, 0, 0, 0, 1) for symbol in range(4)]
    snapshot[9:9] = [SNAPSHOT.tuple(symbol, 0, 5, t.inside(0), 1, 0) for symbol in (4, 1023)]  # not configured
    messages = t.directory()
    loaded = len(messages)
    messages += [t.message("L", locate) for locate in t.locates]
    updates = await bench.play(messages, snapshot=snapshot, snapshot_at=loaded)
    faults = [(u.duplicate_reference, u.table_full) for u in updates[-4:]]
    assert faults == [(0, 0), (1, 0), (0, 1), (1, 0)], faults


@cocotb.test(**TIMEOUT)
async def ends_of_what_can_be(dut):
    """Prices 0 and 2**32 - 1, no shares, an order executed and cancelled to nothing, and beyond."""
    bench = BookBench(dut)
    t, rng = bench.traffic, bench.rng
    messages = t.directory()
    for symbol in range(4):
        for side in (BID, ASK):
            for price in (0, TOP, t.inside(symbol)):
                for shares in (0, 1, TOP):
                    messages.append(t.add(symbol, side, price, shares))
    for code in "XE":
        for reference in rng.sample(list(t.orders), 10):
            messages.append(t.take(reference, t.orders[reference][3], code))
    for reference in rng.sample(list(t.orders), 20):
        messages.append(t.replace(reference, rng.choice((0, TOP, 1)), rng.choice((0, TOP))))
    legal = len(messages)
    symbol = t.orders[list(t.orders)[0]][0]
    beyond = next(r for r, order in t.orders.items() if order[0] == symbol and order[3] < TOP)
    messages.append(t.message("X", t.locates[symbol], reference=beyond, shares=TOP))
    t.orders.pop(beyond)
    messages += [t.delete(reference) for reference in list(t.orders)]
    updates = await bench.play(messages, draw=bench.spread)
    assert not any(u.over_execution for u in updates if u.message < legal)
    assert {u.symbol for u in updates if u.over_execution} == {symbol}


@cocotb.test(**TIMEOUT)
async def reset_in_mid_traffic(dut):
    """A reset at any moment, windows and depths under way, leaves a book that knows nothing of what was."""
    bench = BookBench(dut)
    await bench.begin()
    for _ in range(3):
        t = bench.traffic = type(bench.traffic)(bench.design, bench.rng)
        messages = [*t.directory(), *t.flow(bench.size(300), price=t.anywhere, limit=30)]
        await bench.send(as_records(messages), bench.spread)
        await bench.cycles(bench.rng.randrange(8))
        await bench.reset()
    t = bench.traffic = type(bench.traffic)(bench.design, bench.rng)
    await bench.send(as_records([*t.directory(), *t.flow(bench.size(600), price=t.inside, limit=30)]), bench.spread)
    await bench.rest()
    assert share_known(bench.check()) > 0.3


@cocotb.test(**TIMEOUT)
async def a_falsified_record_is_found(dut):
    """The bench can fail: one bit of one depth is wrong."""
    bench = BookBench(dut)
    t = bench.traffic
    watch = bench.events["depths"]
    await bench.begin()
    await bench.send(as_records([*t.directory(), *t.flow(100, price=t.inside)]), bench.wire)
    await bench.rest()
    assert watch.seen, "no depth"
    at = len(watch.seen) // 2
    watch.seen[at] = watch.seen[at]._replace(quantity_0=watch.seen[at].quantity_0 ^ 1)
    try:
        bench.check()
    except AssertionError as found:
        assert f"depths[{at}]" in str(found) and "quantity_0" in str(found), found
        return
    raise AssertionError("the bench accepted a falsified depth")
