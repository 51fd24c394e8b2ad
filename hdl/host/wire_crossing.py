"""Ethernet frames from one clock to another, whole or marked as bad."""

from math import ceil

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..wire import RX, TX, Beat
from .crossing import Crossing


class RxCrossing(wiring.Component):
    """From an Ethernet receiver's clock to the core's. Never holds back the wire.

    A core whose clock is slower than the wire's needs frames with gaps between. A frame that finds no room is cut: its
    last beat follows as soon as there is room, with ``error`` set, so that the feed counts it as ``frame_error``;
    frames that begin meanwhile are dropped as a whole. Both are counted.

    Latency: 3 to 4 cycles of the core. II = 1.

    Members
    -------
    wire
        In domain ``domain``; always ready.
    core
        In domain ``sync``.
    cut
        One cycle of ``domain``: a frame was cut or dropped.
    """

    def __init__(self, *, depth: int, domain: str):
        self._depth, self._domain = depth, domain
        super().__init__({"wire": In(RX), "core": Out(RX), "cut": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.crossing = crossing = Crossing(shape=Beat, depth=self._depth, writes=self._domain, reads="sync")
        m.d.comb += [crossing.output.ready.eq(1), self.core.valid.eq(crossing.output.valid),
                     self.core.payload.eq(crossing.output.payload)]
        domain, beat, valid, put = m.d[self._domain], self.wire.payload, self.wire.valid, crossing.input
        inside = Signal()  # the next beat is not a frame's first
        with m.If(valid):
            domain += inside.eq(~beat.last)
        domain += self.cut.eq(0)
        m.d.comb += put.payload.eq(beat)
        with m.FSM(domain=self._domain):
            with m.State("PASS"):
                m.d.comb += put.valid.eq(valid)
                with m.If(valid & ~put.ready):
                    domain += self.cut.eq(1)
                    # Of a frame that did not begin nothing needs an end.
                    with m.If(inside):
                        m.next = "END"
                    with m.Elif(~beat.last):
                        m.next = "DROP"
            with m.State("END"):
                m.d.comb += [put.valid.eq(1), Value.cast(put.payload).eq(Value.cast(_END))]
                with m.If(valid & ~inside):
                    domain += self.cut.eq(1)
                with m.If(put.ready):
                    m.next = "PASS"
                    with m.If(Mux(valid, ~beat.last, inside)):
                        m.next = "DROP"
            with m.State("DROP"):
                with m.If(valid & beat.last):
                    m.next = "PASS"
        return m


#: The last beat of a frame that was cut.
_END = Beat.const({"data": 0, "keep": 1, "last": 1, "error": 1})


class TxCrossing(wiring.Component):
    """From the core's clock to an Ethernet transmitter's.

    The core offers a frame's beats in consecutive cycles. A transmitter may not run dry within one, so where its clock
    is faster a frame waits ``hold`` of its cycles after its first beat: always as many, since latency is to be fixed.

    Latency: 3 to 4 cycles of the wire, and ``hold``. II = 1.

    Parameters
    ----------
    depth : int
        Beats; the longest frame fits.
    core_mhz, wire_mhz : float
        The clocks' frequencies.
    domain : str
        The wire's.

    Members
    -------
    core
        In domain ``sync``.
    wire
        In domain ``domain``.
    """

    def __init__(self, *, depth: int, core_mhz: float, wire_mhz: float, domain: str):
        self._depth, self._domain = depth, domain
        self.hold = max(0, ceil(depth * (wire_mhz / core_mhz - 1))) + (wire_mhz > core_mhz)
        super().__init__({"core": In(TX), "wire": Out(TX)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.crossing = crossing = Crossing(shape=Beat, depth=self._depth, writes="sync", reads=self._domain)
        wiring.connect(m, wiring.flipped(self.core), crossing.input)
        beat, there = crossing.output, Signal()
        m.d.comb += [self.wire.payload.eq(beat.payload), self.wire.valid.eq(beat.valid & there),
                     beat.ready.eq(self.wire.ready & there)]
        if not self.hold:
            m.d.comb += there.eq(1)
            return m
        domain, waited = m.d[self._domain], Signal(range(self.hold + 1))
        m.d.comb += there.eq(waited == self.hold)
        with m.If(beat.valid & ~there):
            domain += waited.eq(waited + 1)
        with m.Elif(self.wire.valid & self.wire.ready & beat.payload.last):
            domain += waited.eq(0)
        return m
