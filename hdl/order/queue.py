"""Orders that wait for the wire."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out


class Queue(wiring.Component):
    """First in, first out, with a way around it.

    Latency 0 cycles while empty (combinational), initiation interval 1 at both ends. Held in a RAM with synchronous,
    non-transparent read; a row read in the cycle in which it is written is forwarded.

    Parameters
    ----------
    shape
        Of an entry.
    depth
        Rows, a power of two. Whoever writes must leave room: an entry written to a full queue is a design error.

    Members
    -------
    entries
        What to append.
    head
        The oldest entry.
    """

    def __init__(self, *, shape, depth: int):
        if depth < 2 or depth & depth - 1:
            raise ValueError(f"depth must be a power of two of at least 2, not {depth!r}")
        self._shape, self._depth = shape, depth
        super().__init__({
            "entries": In(stream.Signature(shape, always_ready=True)),
            "head": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.rows = rows = memory.Memory(shape=self._shape, depth=self._depth, init=[])
        write, read = rows.write_port(), rows.read_port()
        written, taken = (Signal(range(self._depth), name=name) for name in ("written", "taken"))
        stored = Signal(range(self._depth + 1))
        empty = Signal(init=1)  # a register of its own, since everything waits for it
        push, pop = self.entries.valid, self.head.valid & self.head.ready
        m.d.comb += self.head.valid.eq(~empty | push)

        # An entry that goes around the queue is written too, and counts as written and taken: less logic than a choice.
        next_taken = Signal.like(taken)
        m.d.comb += [
            write.en.eq(push),
            write.addr.eq(written),
            write.data.eq(self.entries.payload),
            next_taken.eq(taken + pop),
            read.addr.eq(next_taken),
        ]
        last = Signal()  # the head is the only entry
        m.d.comb += last.eq(stored == 1)
        m.d.sync += [
            written.eq(written + push),
            taken.eq(next_taken),
            stored.eq(stored + push - pop),
            empty.eq(Mux(push, empty & pop, empty | (last & pop))),
        ]

        # What is written now is what is read next: the RAM does not show it yet.
        forward, forwarded = Signal(), Signal(self._shape)
        m.d.sync += [
            forward.eq(push & Mux(pop, last, empty)),
            forwarded.eq(self.entries.payload),
        ]
        with m.If(empty):
            m.d.comb += self.head.payload.eq(self.entries.payload)
        with m.Elif(forward):
            m.d.comb += self.head.payload.eq(forwarded)
        with m.Else():
            m.d.comb += self.head.payload.eq(read.data)
        return m
