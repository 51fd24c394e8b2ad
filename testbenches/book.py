"""The book against its golden twin: every update, its latency, every counter."""

import cocotb

from golden_model.book import Book
from hdl.book import Book as Gateware
from spec.itch import MESSAGES
from spec.records import LEVEL_QUANTITY_BITS, Trade
from testbenches.book_traffic import Traffic, as_records, idle_cycles
from testbenches.harness import Bench, assert_same_counters, assert_same_records

TIMEOUT = {"timeout_time": 1, "timeout_unit": "ms"}


class BookBench(Bench):
    """Drives messages and compares all that comes of them with the model."""

    def __init__(self, dut):
        super().__init__(dut)
        self.messages, self.updates = self.watch("messages"), self.watch("updates")
        self.traffic = Traffic(self.design, self.rng)
        self.model = Book(self.design)
        self._slow = cocotb.SIM_NAME.startswith("Icarus")

    def size(self, messages: int) -> int:
        """How many messages of ``messages`` this simulator has the time for."""
        return messages // 4 if self._slow else messages

    async def play(self, messages, *, draw=lambda: 0, gap_from=None):
        """Reset, send ``messages`` with ``draw()`` idle cycles between them, compare; the model's updates."""
        await self.start(messages_valid=0, messages_payload=0)
        messages = list(messages)
        idle = iter(idle_cycles(messages, draw))
        await self.drive("messages", as_records(messages, gap_from=gap_from), gap=lambda: next(idle))
        await self.cycles(Gateware.LATENCY + 4)
        assert len(self.messages.seen) == len(messages)
        expected = [update for update in map(self.model.message, self.messages.seen) if update]
        assert_same_records(self.updates, expected)
        sent = dict(zip((m.message for m in self.messages.seen), self.messages.cycles, strict=True))
        latencies = {cycle - sent[u.message] for u, cycle in zip(self.updates.seen, self.updates.cycles, strict=True)}
        assert latencies == {Gateware.LATENCY}, f"updates after {sorted(latencies)} cycles"
        assert_same_counters(self.counters("book"), self.model.counters)
        return expected

    def spread(self):
        """Idle cycles as the wire has them: mostly none."""
        return self.rng.choice((0, 0, 0, 1, 2, 3, 7))

    def mix(self, *streams):
        """Streams that need not keep an order among each other, shuffled into one."""
        streams = [iter(stream) for stream in streams]
        while streams:
            stream = self.rng.choice(streams)
            for _ in range(self.rng.randrange(1, 6)):
                try:
                    yield next(stream)
                except StopIteration:
                    streams.remove(stream)
                    break


def share_known(updates) -> float:
    """Share of updates in which both sides are known and hold orders: what is compared is a book."""
    return sum(bool(u.bid_orders and u.ask_orders) for u in updates) / len(updates)


@cocotb.test(**TIMEOUT)
async def everything_at_once(dut):
    """All types, tracked and untracked, random gaps."""
    bench = BookBench(dut)
    t = bench.traffic
    traffic = bench.mix(t.flow(bench.size(1600), price=t.inside, limit=60), t.other(bench.size(800)))
    updates = await bench.play([*t.directory(), *traffic], draw=bench.spread)
    assert share_known(updates) > 0.5
    assert {chr(u.type) for u in updates} >= set("RHYLKJhAFECXDUPQBINO")
    assert {u.trade for u in updates} >= {Trade.NONE, Trade.PRINT, Trade.BREAK}
    assert 0.1 < sum(u.tradable for u in updates) / len(updates) < 0.9


@cocotb.test(**TIMEOUT)
async def one_message_per_cycle(dut):
    """Without an idle cycle but the one that precedes a replace."""
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
    """Replaces of replaces as fast as they may come, with reused references."""
    bench = BookBench(dut)
    t, rng = bench.traffic, bench.rng
    messages = t.directory()
    messages += [t.add(symbol, side, t.inside(symbol), 100) for symbol in range(4) for side in (0, 1)]
    last = next(iter(t.orders))
    for _ in range(bench.size(1000)):
        reference = last if rng.random() < 0.6 else rng.choice(list(t.orders))
        symbol = t.orders[reference][0]
        messages.append(t.replace(reference, t.inside(symbol), t.shares(), reference if rng.random() < 0.2 else None))
        last = list(t.orders)[-1]
    updates = await bench.play(messages)
    assert share_known(updates) > 0.9


@cocotb.test(**TIMEOUT)
async def far_prices(dut):
    """Beyond the window on either side, at its edges, between ticks; the flag drops and rises again."""
    bench = BookBench(dut)
    t = bench.traffic
    messages = [*t.directory(), *t.flow(bench.size(3000), price=t.anywhere, limit=8)]
    updates = await bench.play(messages, draw=bench.spread)
    changes = {(a.bid_known, b.bid_known) for a, b in zip(updates, updates[1:], strict=False) if a.symbol == b.symbol}
    assert len(changes) == 4
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
            messages.append(rng.choice((t.delete, lambda r, n=new: t.replace(r, t.inside(0), 100, n)))(reference))
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
    await bench.play([*t.directory(), *bench.mix(t.illegal(bench.size(2000)), t.other(100))])
    counters = bench.model.counters
    assert all(counters[name] for name in ("unknown_reference", "duplicate_reference", "over_execution", "filtered"))


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
