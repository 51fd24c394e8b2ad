"""All records on their way to host memory: a FIFO for each ring, and the writer behind them."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spec.rings import RINGS

from ..records import records
from .axi import AXI4_WRITE
from .record_fifo import RecordFifo
from .ring_writer import RingWriter

#: Members of ``RingWriter`` that are handed through, all in domain ``host``.
_WRITER = ("begin", "run", "address", "log2", "consumers", "producers", "idle", "failed")


class RecordPath(wiring.Component):
    """Records of the core's clock into rings in host memory, without ever holding the core back.

    Parameters
    ----------
    depth : int
        Records that wait for each ring.

    Members
    -------
    STREAM
        For each of ``spec.rings.RINGS``, in domain ``sync``.
    enable
        Bit i: ring i is written. In domain ``sync``.
    lost
        Records without room, by ring. In domain ``sync``.
    axi, and those of ``RingWriter``
        In domain ``host``.
    """

    def __init__(self, *, depth: int):
        self._depth, self._writer = depth, RingWriter(depth=depth)
        writer = self._writer.signature.members
        super().__init__({record.stream: In(records(record)) for record in RINGS} | {
            "enable": In(len(RINGS)), "lost": Out(data.ArrayLayout(64, len(RINGS))), "axi": Out(AXI4_WRITE),
        } | {name: writer[name] for name in _WRITER})

    def elaborate(self, platform):
        m = Module()
        writer = self._writer
        m.submodules.writer = DomainRenamer("host")(writer)
        connect(m, writer.axi, flipped(self.axi))
        for name in _WRITER:
            mine, theirs = Value.cast(getattr(self, name)), Value.cast(getattr(writer, name))
            m.d.comb += theirs.eq(mine) if self.signature.members[name].flow == In else mine.eq(theirs)
        cycle = Signal(64)
        m.d.sync += cycle.eq(cycle + 1)
        for i, record in enumerate(RINGS):
            m.submodules[record.stream] = fifo = RecordFifo(record=record, depth=self._depth)
            connect(m, flipped(getattr(self, record.stream)), fifo.records)
            connect(m, fifo.entries, getattr(writer, f"entries_{i}"))
            m.d.comb += [
                fifo.cycle.eq(cycle), fifo.enable.eq(self.enable[i]), getattr(writer, f"level_{i}").eq(fifo.level),
                self.lost[i].eq(fifo.lost),
            ]
        return m
