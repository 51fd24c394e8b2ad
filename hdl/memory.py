"""Memories for block RAM and UltraRAM: synchronous reads, no transparent ports, no reliance on initial contents.

Vivado miscompiles transparent ports as Yosys writes them, and UltraRAM has no INIT: what a reader must see of a write
in flight is forwarded here, explicitly, and every row is swept to a known value after reset.
"""

from collections.abc import Mapping

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .pipeline import delay


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
        # No carry chain: Yosys would reach whatever depends on the row through it.
        with m.If(~self.ready):
            m.d.sync += [row.eq(Cat(bit ^ row[:i].all() for i, bit in enumerate(row))),
                         self.ready.eq(row == self._depth - 1)]

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
    late : bool
        ``read_address`` comes late in its cycle, so that it is compared with what is written in the next one. Default:
        if a register follows.
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

    def __init__(self, *, shape, depth: int, latency: int = 1, late: bool | None = None, initial: int = 0,
                 rows: Mapping[int, int] | None = None):
        depth = _checked(depth, rows or {})
        if latency < 1:
            raise ValueError(f"latency must be at least 1, not {latency!r}")
        self._shape, self._depth, self._latency, self._initial, self._rows = shape, depth, latency, initial, rows
        self._late = latency > 1 if late is None else late
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

        # A write in the cycle of the read is not in what the RAM shows a cycle later. Where there is time for it after
        # the RAM, addresses are compared there: they may come late.
        width = Shape.cast(self._shape).width
        collides, collided = Signal(), Signal(width)
        address = Signal.like(self.read_address, name="address_1")
        m.d.sync += [address.eq(self.read_address), collided.eq(self.write_data)]
        if self._late:
            wrote, written_address = Signal(), Signal.like(self.write_address)
            m.d.sync += [wrote.eq(self.write_enable), written_address.eq(self.write_address)]
            m.d.comb += collides.eq(wrote & (written_address == address))
        else:
            m.d.sync += collides.eq(written(self.read_address))
        value = Mux(collides, collided, Value.cast(memory.read_data[0]))
        for cycle in range(1, self._latency):
            held = Signal(width, name=f"data_{cycle + 1}")
            m.d.sync += held.eq(Mux(written(address), Value.cast(self.write_data), value))
            value = held
            if cycle + 1 < self._latency:
                held_address = Signal.like(address, name=f"address_{cycle + 1}")
                m.d.sync += held_address.eq(address)
                address = held_address
        m.d.comb += Value.cast(self.read_data).eq(value)
        return m


class PlainMemory(wiring.Component):
    """A memory whose rows hold anything until they are written: for rows whose validity lies elsewhere.

    Latency: a read takes one cycle and returns what was written in cycles before that of its address; a write in the
    same cycle is not seen. II: one read and one write per cycle.

    Parameters
    ----------
    shape : ShapeLike
        Shape of a row.
    depth : int
        Rows; 1 is taken as 2.
    style : str
        ``ram_style``; default: what fits shape and depth.

    Members
    -------
    read_address, read_data : In(range(depth)), Out(shape)
    write_enable, write_address, write_data : In
    """

    def __init__(self, *, shape, depth: int, style: str | None = None):
        depth = _checked(depth, {})
        self._shape, self._depth, self._style = shape, depth, style
        super().__init__({
            "read_address": In(range(depth)),
            "read_data": Out(shape),
            "write_enable": In(1),
            "write_address": In(range(depth)),
            "write_data": In(shape),
        })

    def elaborate(self, platform):
        m = Module()
        width = Shape.cast(self._shape).width
        m.submodules.rows = memory = Memory(shape=unsigned(width), depth=self._depth, init=[],
                                            attrs={"ram_style": self._style or ram_style(width, self._depth)})
        read, write = memory.read_port(), memory.write_port()
        m.d.comb += [
            read.addr.eq(self.read_address),
            Value.cast(self.read_data).eq(read.data),
            write.en.eq(self.write_enable),
            write.addr.eq(self.write_address),
            write.data.eq(Value.cast(self.write_data)),
        ]
        return m


class SetClearMemory(wiring.Component):
    """Rows of bits of which one row can be set and another cleared in the same cycle, every cycle.

    A bit is the XOR of one in a memory that only setting writes and one in a memory that only clearing writes, so that
    each RAM has one writer. Setting a bit that is set, or clearing one that is clear, changes nothing. A bit must not
    be set and cleared in the same cycle.

    Latency: ``set_row`` and ``clear_row`` belong to the addresses of ``latency`` cycles before and reflect all that was
    set and cleared up to the cycle before; the masks come in that same cycle. A look takes one cycle and sees what was
    set and cleared more than ``behind`` cycles before that of its address. II: 1. Sweep: ``depth`` cycles, to zero.

    Parameters
    ----------
    width, depth : int
    latency : int
    looks : int
        Ports that only read.
    behind : int

    Members
    -------
    set_address, clear_address : In(range(depth))
    set_row, clear_row : Out(width)
        Before this cycle's masks.
    set_enable, clear_enable : In(1)
    set_mask, clear_mask : In(width)
    look_address, look_row : In(range(depth)), Out(width), arrays of ``looks``
    ready : Out(1)
    """

    def __init__(self, *, width: int, depth: int, latency: int, looks: int = 1, behind: int = 0):
        self._width, self._depth, self._latency = width, depth, latency
        self._looks, self._behind = looks, behind
        address = range(max(depth, 2))
        super().__init__({
            "set_address": In(address), "clear_address": In(address), "set_row": Out(width), "clear_row": Out(width),
            "set_enable": In(1), "clear_enable": In(1), "set_mask": In(width), "clear_mask": In(width),
            "look_address": In(address).array(looks), "look_row": Out(width).array(looks), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        copies = {}
        for of in ("sets", "clears"):
            for at in ("set", "clear"):
                copies[of, at] = ForwardedMemory(shape=self._width, depth=self._depth, latency=self._latency)
                m.d.comb += copies[of, at].read_address.eq(getattr(self, f"{at}_address"))
            copies[of, "look"] = SweptMemory(shape=self._width, depth=self._depth, reads=self._looks)
        for (of, at), memory in copies.items():
            m.submodules[f"{of}_at_{at}"] = memory

        set_address, clear_address = self.set_address, self.clear_address
        for cycle in range(1, self._latency + 1):
            set_next, clear_next = (Signal.like(a, name=f"{n}_address_{cycle}")
                                    for n, a in (("set", set_address), ("clear", clear_address)))
            m.d.sync += [set_next.eq(set_address), clear_next.eq(clear_address)]
            set_address, clear_address = set_next, clear_next
        writes = {
            "sets": (self.set_enable, set_address,
                     copies["sets", "set"].read_data & ~self.set_mask
                     | ~copies["clears", "set"].read_data & self.set_mask),
            "clears": (self.clear_enable, clear_address,
                       copies["clears", "clear"].read_data & ~self.clear_mask
                       | copies["sets", "clear"].read_data & self.clear_mask),
        }
        for (of, at), memory in copies.items():
            enable, address, row = writes[of]
            if at == "look":
                enable = delay(m, enable, self._behind, name=f"{of}_enable", reset=True)
                address, row = (delay(m, value, self._behind, name=f"{of}_{name}")
                                for name, value in (("address", address), ("row", row)))
            m.d.comb += [memory.write_enable.eq(enable), memory.write_address.eq(address), memory.write_data.eq(row)]
        for at in ("set", "clear"):
            m.d.comb += getattr(self, f"{at}_row").eq(copies["sets", at].read_data ^ copies["clears", at].read_data)
        for i in range(self._looks):
            sets, clears = copies["sets", "look"], copies["clears", "look"]
            m.d.comb += [sets.read_address[i].eq(self.look_address[i]), clears.read_address[i].eq(self.look_address[i]),
                         self.look_row[i].eq(sets.read_data[i] ^ clears.read_data[i])]
        m.d.comb += self.ready.eq(Cat(memory.ready for memory in copies.values()).all())
        return m
