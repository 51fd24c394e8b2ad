"""When to acknowledge. Sources: RFC 9293 sections 3.8.6.2.2 and 3.8.6.3, RFC 5681 section 4.2."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Acknowledge(wiring.Component):
    """Asks for acknowledgments.

    What a segment brought is acknowledged by the next frame with payload, or else ``DELAY`` cycles later. Whatever the
    peer waits for is acknowledged by a frame of its own, each time, and so is a window that has opened by half.

    Parameters
    ----------
    size : int
        Octets of the receive buffer.

    Members
    -------
    soon, now
        As in ``Connection``.
    expected, edge
        What a frame would acknowledge now, and the end of the window that it would open.
    carried, carries
        One cycle (``carries``): a frame with payload went out that acknowledged ``carried``.
    goes, alone
        One cycle: a frame that carries nothing new begins, which acknowledges ``expected`` or more; it carries nothing.
    clear
        Forget all.
    due
        A frame without payload is wanted.
    quiet
        Nothing is to be acknowledged.
    """

    DELAY = 64

    def __init__(self, *, size: int):
        self._size = size
        super().__init__({
            "soon": In(1), "now": In(1), "expected": In(32), "edge": In(32), "carried": In(32), "carries": In(1),
            "goes": In(1), "alone": In(1),
            "clear": In(1), "due": Out(1), "quiet": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        wanted, patience = Signal(), Signal(range(self.DELAY + 1))
        owed = Signal(3)  # frames, one for each time that the peer waits
        opened, edge, growth = Signal(), Signal(32), Signal(32)
        carried, carries = Signal(32), Signal()
        m.d.sync += [
            carries.eq(self.carries),
            carried.eq(self.carried),
            growth.eq(self.edge - edge),
            opened.eq((growth >= self._size // 2) & ~growth[31]),
            self.due.eq((owed != 0) | opened | (wanted & (patience == 0))),
        ]
        m.d.comb += self.quiet.eq(~wanted & (owed == 0))
        with m.If(wanted & (patience != 0)):
            m.d.sync += patience.eq(patience - 1)
        with m.If(carries & (carried == self.expected)):
            m.d.sync += wanted.eq(0)
        with m.If(self.soon):
            m.d.sync += wanted.eq(1)
            with m.If(~wanted):
                m.d.sync += patience.eq(self.DELAY)
        with m.If(self.now & ~self.alone):
            m.d.sync += owed.eq(owed + ~owed.all())
        with m.Elif(self.alone & ~self.now & (owed != 0)):
            m.d.sync += owed.eq(owed - 1)
        with m.If(self.goes):
            m.d.sync += [wanted.eq(self.soon), edge.eq(self.edge), opened.eq(0), growth.eq(0), self.due.eq(0)]
        with m.If(self.clear):
            m.d.sync += [wanted.eq(0), owed.eq(0), opened.eq(0), growth.eq(0), edge.eq(self.edge), self.due.eq(0)]
        return m
