"""The core's end of a ring: records wait here until host memory has room."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec.record import Record

from ..records import layout, records
from .crossing import Crossing


class Entry(data.StructLayout):
    """A record, and what its slot says of it."""

    def __init__(self, record: Record):
        super().__init__({"payload": layout(record).size, "cycle": 64, "sequence": 32})


class RecordFifo(wiring.Component):
    """Takes what comes and never holds it back: what finds no room is counted.

    II = 1.

    Members
    -------
    records
        In the core's domain, ``sync``.
    cycle
        Of the core's clock.
    enable
        Records are kept; without it they only have their sequence number. In domain ``sync``.
    entries, level
        In domain ``host``.
    lost
        Records without room, since the core's reset.
    """

    def __init__(self, *, record: Record, depth: int):
        self._entry, self._depth = Entry(record), depth
        super().__init__({
            "records": In(records(record)), "cycle": In(64), "enable": In(1),
            "entries": Out(stream.Signature(self._entry)), "level": Out(range(depth + 1)), "lost": Out(64),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.crossing = crossing = Crossing(shape=self._entry, depth=self._depth, writes="sync", reads="host")
        wiring.connect(m, crossing.output, wiring.flipped(self.entries))
        # One register between the hot path and the memory: no load on its last stage but this.
        entry, valid, enable, sequence = Signal(self._entry), Signal(), Signal(), Signal(32)
        m.d.sync += [
            valid.eq(self.records.valid), entry.payload.eq(self.records.payload), entry.cycle.eq(self.cycle),
            entry.sequence.eq(sequence), sequence.eq(sequence + self.records.valid), enable.eq(self.enable),
        ]
        m.d.comb += [
            crossing.input.payload.eq(entry), crossing.input.valid.eq(valid & enable), self.level.eq(crossing.level),
        ]
        with m.If(valid & enable & ~crossing.input.ready):
            m.d.sync += self.lost.eq(self.lost + 1)
        return m
