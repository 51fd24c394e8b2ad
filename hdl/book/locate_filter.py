"""Which configured symbol a message is about."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design

from ..memory import ForwardedMemory
from .operation import symbol_index


class LocateFilter(wiring.Component):
    """The locate table, preset by the configuration and learned from stock directory messages.

    A directory message is seen by itself and by every later operation. Latency: the symbol of stage 0's operation
    stands at stage 2. II: 1. Sweep: ``design.book.locates`` cycles.

    Parameters
    ----------
    design : Design

    Members
    -------
    locate, stock, directory : In
        Stage 0: ``stock`` (octets) matters for a stock directory message.
    mapped, symbol : Out
        Stage 2: the symbol is configured; its index.
    out_of_range : Out(1)
        Stage 2: a configured symbol's directory message, ignored because its locate exceeds the table.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._symbols, self._locates, self._index = design.symbols, design.book.locates, symbol_index(design)
        super().__init__({
            "locate": In(16), "stock": In(64), "directory": In(1),
            "mapped": Out(1), "symbol": Out(symbol_index(design)), "out_of_range": Out(1), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        entry = data.StructLayout({"mapped": 1, "symbol": self._index})
        preset = {s.locate: 1 | i << 1 for i, s in enumerate(self._symbols) if s.locate}
        m.submodules.table = table = ForwardedMemory(shape=entry, depth=self._locates, rows=preset)

        row = self.locate[: self._locates.bit_length() - 1]
        row_1 = Signal.like(row)
        inside, is_symbol = Signal(), Signal(len(self._symbols))
        m.d.comb += table.read_address.eq(row)
        m.d.sync += [
            row_1.eq(row),
            inside.eq(self.locate[len(row):] == 0),
            is_symbol.eq(Cat(self.directory & (self.stock == int.from_bytes(s.stock_octets, "little"))
                             for s in self._symbols)),
        ]

        # One symbol at most has that stock: its index is an OR, not a chain of choices.
        index = Signal(self._index)
        m.d.comb += index.eq(Cat(
            Cat(is_symbol[i] for i in range(len(is_symbol)) if i >> bit & 1).any() for bit in range(len(index))))
        learned = is_symbol.any() & inside
        m.d.comb += [
            table.write_enable.eq(learned),
            table.write_address.eq(row_1),
            table.write_data.mapped.eq(1),
            table.write_data.symbol.eq(index),
            self.ready.eq(table.ready),
        ]
        m.d.sync += [
            self.mapped.eq(learned | inside & table.read_data.mapped),
            self.symbol.eq(Mux(learned, index, table.read_data.symbol)),
            self.out_of_range.eq(is_symbol.any() & ~inside),
        ]
        return m
