"""The book between drivers and monitors, held to its golden twin at every port."""

from collections.abc import Callable, Iterable, Sequence

import cocotb
from cocotb.triggers import RisingEdge

from golden_model.book import Book
from hdl.ahead import Ahead
from hdl.book import Book as Gateware
from sim.book_events import STREAMS, Events
from sim.book_run import last_depth_faults
from spec.records import MESSAGE, SNAPSHOT
from testbenches.book_traffic import Traffic, ahead_of, as_records
from testbenches.harness import Bench, assert_same_counters, assert_same_records

QUIET = 1500  #: cycles without a record after which nothing is under way; a scan of the small order table takes fewer


class BookBench(Bench):
    """Drives messages, what is ahead of them and a snapshot, and compares all that comes of them with the model.

    Where nothing is valid there is noise; ``ahead`` is valid before some cycles without a message too.
    """

    def __init__(self, dut):
        super().__init__(dut)
        self.messages, self.updates = self.watch("messages"), self.watch("updates")
        self.events = {stream: self.watch(stream) for stream in STREAMS}
        self.traffic = Traffic(self.design, self.rng)
        self.model = Book(self.design)
        self.threats = 0.2  #: how often ``ahead`` is valid before a cycle without a message
        self.slow = cocotb.SIM_NAME.startswith("Icarus")
        self._offered: list[tuple] = []

    def size(self, messages: int, *, at_least: int = 0) -> int:
        """How many messages of ``messages`` this simulator has the time for, ``at_least`` those that matter."""
        return max(messages // 16, at_least) if self.slow else messages

    async def play(self, messages: Iterable[bytes], *, draw: Callable[[], int] = lambda: 0, gap_from: int | None = None,
                   snapshot: Sequence[tuple] = (), snapshot_at: int = 0) -> list:
        """Reset, send ``messages`` with ``draw()`` idle cycles between them, compare; the model's updates.

        From message ``snapshot_at`` on the host offers ``snapshot``, and the rest waits until all of it is in.
        """
        await self.begin()
        records = as_records(list(messages), gap_from=gap_from)
        await self.send(records[:snapshot_at], draw)
        if snapshot:
            await self.offer(snapshot)
        await self.send(records[snapshot_at:], draw)
        await self.rest()
        assert len(self.messages.seen) == len(records)
        return self.check()

    async def begin(self) -> None:
        """Start with everything idle, and reset."""
        await self.start(messages_valid=0, messages_payload=0, ahead=0, snapshot_valid=0, snapshot_payload=0,
                         symbols_valid=0, symbols_payload=0, requested=0)

    async def reset(self) -> None:
        """Reset whatever is under way; nothing that was before counts."""
        dut = self.dut
        dut.rst.value = 1
        self._show(None)
        self._foreshadow(None)
        dut.snapshot_valid.value = 0
        await self.cycles(4)
        dut.rst.value = 0
        await self.cycles(1)
        await self.until(lambda: int(dut.ready.value) == 1, within=100_000)
        for watch in (self.messages, self.updates, *self.events.values()):
            watch.cycles.clear()
            watch.seen.clear()
        self.model, self._offered = Book(self.design), []

    def _show(self, record) -> None:
        self.dut.messages_valid.value = record is not None
        self.dut.messages_payload.value = self.rng.getrandbits(MESSAGE.bits) if record is None else MESSAGE.pack(record)

    def _foreshadow(self, record) -> None:
        if record is not None:
            self.dut.ahead.value = ahead_of(record, self.rng)
            return
        noise = self.rng.getrandbits(len(self.dut.ahead))
        valid = 1 << _VALID
        self.dut.ahead.value = noise | valid if self.rng.random() < self.threats else noise & ~valid

    async def send(self, records: Iterable, draw: Callable[[], int] = lambda: 0) -> None:
        """Show records, and what is ahead of each in the cycle before it, with ``draw()`` idle cycles before each."""
        shown = None
        for record in [*records, None]:
            for _ in range(draw() if record else 0):
                self._show(shown)
                self._foreshadow(None)
                shown = None
                await RisingEdge(self.dut.clk)
            self._show(shown)
            self._foreshadow(record)
            shown = record
            await RisingEdge(self.dut.clk)
        self._show(None)

    async def offer(self, snapshot: Sequence[tuple]) -> None:
        """Put SNAPSHOT records into the book; returns when it has taken all of them."""
        dut = self.dut
        for entry in snapshot:
            dut.snapshot_valid.value, dut.snapshot_payload.value = 1, SNAPSHOT.pack(entry)
            await RisingEdge(dut.clk)
            while not int(dut.snapshot_ready.value):
                self._foreshadow(None)
                await RisingEdge(dut.clk)
            if entry.symbol < len(self.design.symbols):
                self._offered.append(tuple(entry))
            else:  # dropped without an echo
                self.model.load(*entry[:-1])
        dut.snapshot_valid.value = 0

    async def rest(self) -> None:
        """Wait until the book has nothing more to say."""
        await self.cycles(Gateware.LATENCY + 4)
        streams = [self.updates, *self.events.values()]
        if self.slow:  # noise costs Icarus more than all that it sees else
            self.dut.ahead.value = 0
        said = quiet = 0
        while quiet < QUIET:
            if not self.slow:
                self._foreshadow(None)
            await RisingEdge(self.dut.clk)
            before, said = said, sum(len(watch.seen) for watch in streams)
            quiet = quiet + 1 if said == before else 0

    def check(self) -> list:
        """All that was seen since the reset is what the model says; its updates."""
        model = self.model
        events = Events(self.design, model.events)
        events.hear((stream, watch.cycles, watch.seen) for stream, watch in self.events.items())
        assert not events.unlawful, f"windows that no law knows: {events.unlawful}"
        expected = [update for update in map(model.message, self.messages.seen) if update]
        model.settle()
        assert_same_records(self.updates, expected)
        windows, depths, loads = model.published()
        for stream, records in ("windows", windows), ("depths", depths), ("loads", loads):
            if records or self.events[stream].seen:
                assert_same_records(self.events[stream], records)
        assert [tuple(load)[1:] for load in loads] == self._offered, "what was loaded is not what was offered"
        sent = dict(zip((m.message for m in self.messages.seen), self.messages.cycles, strict=True))
        latencies = {cycle - sent[u.message] for u, cycle in zip(self.updates.seen, self.updates.cycles, strict=True)}
        assert latencies == {Gateware.LATENCY}, f"updates after {sorted(latencies)} cycles"
        assert_same_counters(self.counters("book"), model.counters)
        faults = last_depth_faults(self.design, model, self.events["depths"].seen)
        assert not faults, faults[0]
        return expected

    def spread(self) -> int:
        """Idle cycles as the wire has them: mostly none."""
        return self.rng.choice((0, 0, 0, 1, 2, 3, 7))

    def wire(self) -> int:
        """Idle cycles between messages that are as close as a wire of 64 bits can bring them."""
        return self.rng.randrange(2, 6)

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


_VALID = Ahead.as_shape()["valid"].offset


def share_known(updates) -> float:
    """Share of updates in which both sides are known and hold orders: what is compared is a book."""
    return sum(bool(u.bid_orders and u.ask_orders) for u in updates) / len(updates)
