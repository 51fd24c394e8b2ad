"""From one clock to another.

constraints/*.xdc.j2 find what is here by its names: pairs of synchronisers called ``*_cdc`` or ``sync_*``, and
values that stand still while they are taken, ``asked`` and ``still_answer``.
"""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.fifo import AsyncFIFO
from amaranth.lib.wiring import In, Out


class Crossing(wiring.Component):
    """A dual-clock FIFO with Gray-coded pointers. A reset of the writing side empties it.

    Latency from a write to ``output.valid``: 3 to 4 cycles of the reader. II = 1 on both sides.

    Parameters
    ----------
    shape
        Of the payload.
    depth : int
        Power of two.
    writes, reads : str
        Clock domains.

    Members
    -------
    input, output
        Streams in those domains.
    level
        Payloads that can be read, not more than there are.
    """

    def __init__(self, *, shape, depth: int, writes: str, reads: str):
        if depth < 4 or depth & depth - 1:
            raise ValueError(f"depth must be a power of two from 4, not {depth!r}")
        self._shape, self._depth, self._writes, self._reads = shape, depth, writes, reads
        super().__init__({"input": In(stream.Signature(shape)), "output": Out(stream.Signature(shape)),
                          "level": Out(range(depth + 1))})

    def elaborate(self, platform):
        m = Module()
        bits = len(Value.cast(self.input.payload))
        m.submodules.fifo = fifo = AsyncFIFO(
            width=bits, depth=self._depth, w_domain=self._writes, r_domain=self._reads, exact_depth=True)
        m.d.comb += [
            fifo.w_data.eq(self.input.payload), fifo.w_en.eq(self.input.valid), self.input.ready.eq(fifo.w_rdy),
            self.output.valid.eq(fifo.r_rdy), fifo.r_en.eq(self.output.ready & fifo.r_rdy),
            Value.cast(self.output.payload).eq(fifo.r_data),
            self.level.eq(fifo.r_level),
        ]
        return m


class Call(wiring.Component):
    """Asks something of another clock domain and waits for its answer: one question at a time.

    From ``asked`` to ``answered``: 3 cycles there and 3 here, and up to one more each for the clocks' phase.

    Members
    -------
    question, ask
        Here: taken in a cycle with ``ask`` in which it is not busy.
    busy
        Here: the last one is not yet answered.
    answer, answered
        Here: high for one cycle; the answer stays until the next.
    asked, asks
        There: the question, a register of here that stands still, and one cycle in which it is to be acted on.
    says
        There: the answer, one cycle after ``asks``.
    """

    def __init__(self, *, question, answer, here: str, there: str):
        self._here, self._there = here, there
        super().__init__({
            "question": In(question), "ask": In(1), "busy": Out(1), "answer": Out(answer), "answered": Out(1),
            "asked": Out(question), "asks": Out(1), "says": In(answer),
        })

    def elaborate(self, platform):
        m = Module()
        here, there = m.d[self._here], m.d[self._there]
        still_answer = Signal.like(self.answer, name="still_answer")
        sent, heard, done, seen = Signal(), Signal(), Signal(), Signal()
        back, last = Signal(), Signal()
        m.submodules.sync_there = FFSynchronizer(sent, heard, o_domain=self._there)
        m.submodules.sync_here = FFSynchronizer(done, back, o_domain=self._here)

        # Here. Busy until what comes back is what was sent.
        waits = Signal()
        m.d.comb += self.busy.eq(waits)
        here += self.answered.eq(0)
        with m.If(self.ask & ~waits):
            here += [self.asked.eq(self.question), sent.eq(~sent), waits.eq(1)]
        with m.If(back != last):
            here += [last.eq(back), self.answer.eq(still_answer), self.answered.eq(1), waits.eq(0)]

        # There.
        m.d.comb += self.asks.eq(heard != seen)
        asks_late = Signal()
        there += [seen.eq(heard), asks_late.eq(self.asks)]
        with m.If(asks_late):
            there += [still_answer.eq(self.says), done.eq(~done)]
        return m


class GrayCount(wiring.Component):
    """Counts events of one clock for another: exact, and late by 2 to 3 cycles of the reader and one of the writer.

    Members
    -------
    event
        In domain ``counts``.
    count
        In domain ``shows``, modulo 2**32.
    """

    def __init__(self, *, counts: str, shows: str):
        self._counts, self._shows = counts, shows
        super().__init__({"event": In(1), "count": Out(32)})

    def elaborate(self, platform):
        m = Module()
        binary, following, gray, heard = Signal(32), Signal(32), Signal(32), Signal(32)
        m.d.comb += following.eq(binary + self.event)
        m.d[self._counts] += [binary.eq(following), gray.eq(following ^ (following >> 1))]
        m.submodules.sync_count = FFSynchronizer(gray, heard, o_domain=self._shows)
        decoded = heard
        for shift in (1, 2, 4, 8, 16):
            decoded = decoded ^ (decoded >> shift)
        m.d[self._shows] += self.count.eq(decoded[:32])
        return m
