"""Memories for block RAM and UltraRAM: synchronous reads, no transparent ports, no reliance on initial contents.

Vivado miscompiles transparent ports as Yosys writes them, and UltraRAM has no INIT: what a reader must see of a write
in flight is forwarded here, explicitly, and every row is swept to a known value after reset.
"""

from collections.abc import Mapping

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out


def _checked(depth: int, rows: Mapping[int, int]) -> int:
    """Rows to build: at least two, since an address of no bits is no Verilog."""
    if not isinstance(depth, int) or depth < 1:
        raise ValueError(f"depth must be a positive integer, not {depth!r}")
    if outside := [row for row in rows if not 0 <= row < depth]:
        raise ValueError(f"rows must be below {depth}, not {outside[0]!r}")
    return max(depth, 2)


def ram_style(width: int, depth: int) -> str:
    """What Vivado and Yosys shall map a memory to.

    UltraRAM (4096 rows of 72 bits) for what fills its depth and half of its width, where block RAM would take four
    or more; the rest is theirs to choose.
    """
    return "ultra" if depth >= 4096 and width >= 36 else "auto"


class SweptMemory(wiring.Component):
    """A memory whose rows are swept to known values after reset.

    Latency: a read takes one cycle and returns what was written in cycles before that of its address; a write in the
    same cycle is not seen. II: one write and one read per port and cycle. Sweep: ``depth`` cycles.

    Parameters
    ----------
    shape : ShapeLike
        Shape of a row.
    depth : int
        Rows; 1 is taken as 2.
    reads : int
        Read ports. Each one beyond the first is another copy in block RAM.
    initial : int
        Bits of a row after the sweep.
    rows : Mapping[int, int]
        Rows that start otherwise.

    Members
    -------
    read_address, read_data : In(range(depth)), Out(shape), arrays of ``reads``
    write_enable, write_address, write_data : In
        Ignored until ``ready``.
    ready : Out(1)
        The sweep is over.
    """

    def __init__(self, *, shape, depth: int, reads: int = 1, initial: int = 0, rows: Mapping[int, int] | None = None):
        depth = _checked(depth, rows or {})
        if reads < 1:
            raise ValueError(f"reads must be at least 1, not {reads!r}")
        self._shape, self._depth, self._initial, self._rows = shape, depth, initial, dict(rows or {})
        super().__init__({
            "read_address": In(range(depth)).array(reads),
            "read_data": Out(shape).array(reads),
            "write_enable": In(1),
            "write_address": In(range(depth)),
            "write_data": In(shape),
            "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        width = Shape.cast(self._shape).width
        m.submodules.rows = memory = Memory(shape=unsigned(width), depth=self._depth, init=[],
                                            attrs={"ram_style": ram_style(width, self._depth)})
        for address, value in zip(self.read_address, self.read_data, strict=True):
            port = memory.read_port()
            m.d.comb += [port.addr.eq(address), Value.cast(value).eq(port.data)]

        row = Signal(range(self._depth))
        start = Signal(width)
        with m.Switch(row):
            for index, value in self._rows.items():
                with m.Case(index):
                    m.d.comb += start.eq(value)
            with m.Default():
                m.d.comb += start.eq(self._initial)
        with m.If(~self.ready):
            m.d.sync += [row.eq(row + 1), self.ready.eq(row == self._depth - 1)]

        write = memory.write_port()
        m.d.comb += [
            write.en.eq(~self.ready | self.write_enable),
            write.addr.eq(Mux(self.ready, self.write_address, row)),
            write.data.eq(Mux(self.ready, Value.cast(self.write_data), start)),
        ]
        return m


class ForwardedMemory(wiring.Component):
    """A swept memory whose reads see every write issued before the cycle in which their data is used.

    A stage that reads a row, changes it in the cycle in which ``read_data`` arrives and writes it back in that same
    cycle thereby works at one operation per cycle, on the same row too.

    Latency: ``read_data`` belongs to the address of ``latency`` cycles before, and reflects every write up to the cycle
    before. II: one read and one write per cycle. Sweep: ``depth`` cycles.

    Parameters
    ----------
    shape : ShapeLike
        Shape of a row.
    depth : int
        Rows; 1 is taken as 2.
    latency : int
        Cycles from ``read_address`` to ``read_data``; the first is the memory's, the others are registers.
    initial : int
        Bits of a row after the sweep.
    rows : Mapping[int, int]
        Rows that start otherwise.

    Members
    -------
    read_address, read_data : In(range(depth)), Out(shape)
    write_enable, write_address, write_data : In
        Ignored until ``ready``.
    ready : Out(1)
        The sweep is over.
    """

    def __init__(self, *, shape, depth: int, latency: int = 1, initial: int = 0,
                 rows: Mapping[int, int] | None = None):
        depth = _checked(depth, rows or {})
        if latency < 1:
            raise ValueError(f"latency must be at least 1, not {latency!r}")
        self._shape, self._depth, self._latency, self._initial, self._rows = shape, depth, latency, initial, rows
        super().__init__({
            "read_address": In(range(depth)),
            "read_data": Out(shape),
            "write_enable": In(1),
            "write_address": In(range(depth)),
            "write_data": In(shape),
            "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = SweptMemory(
            shape=self._shape, depth=self._depth, initial=self._initial, rows=self._rows)
        m.d.comb += [
            memory.read_address[0].eq(self.read_address),
            memory.write_enable.eq(self.write_enable),
            memory.write_address.eq(self.write_address),
            memory.write_data.eq(self.write_data),
            self.ready.eq(memory.ready),
        ]

        def written(address):
            """The row at ``address`` is being written in this cycle."""
            return self.write_enable & (self.write_address == address)

        width = Shape.cast(self._shape).width
        collides, collided = Signal(), Signal(width)
        m.d.sync += [collides.eq(written(self.read_address)), collided.eq(self.write_data)]
        value = Mux(collides, collided, Value.cast(memory.read_data[0]))
        address = self.read_address
        for cycle in range(1, self._latency):
            held_address = Signal(range(self._depth), name=f"address_{cycle}")
            m.d.sync += held_address.eq(address)
            address = held_address
            held = Signal(width, name=f"data_{cycle + 1}")
            m.d.sync += held.eq(Mux(written(address), Value.cast(self.write_data), value))
            value = held
        m.d.comb += Value.cast(self.read_data).eq(value)
        return m
