"""Which configured symbol a message is about."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design

from ..link import NAMING
from ..memory import ForwardedMemory
from .operation import symbol_index


class LocateFilter(wiring.Component):
    """The locate table, preset by the configuration and learned from stock directory messages, or the host's.

    A directory message is seen by itself and by every later operation. Once the host has named a symbol only what it
    named counts: rows of the configuration are void, and a directory message is like any other.

    Latency: the symbol of stage -1's locate stands at stage 1. II: 1. Sweep: ``design.book.locates`` cycles.

    Parameters
    ----------
    design : Design

    Members
    -------
    locate : In(16)
        Stage -1.
    naming : In
        Of the host, while there are no messages.
    stock, directory : In
        Stage 0: a stock directory message, and its stock's octets.
    mapped, symbol, fine : Out
        Stage 1: the symbol is configured; but for a directory message, its index, and that its tick is 1/10 000 dollar.
    learned, learned_symbol : Out
        Stage 2: a directory message's symbol is configured; its index.
    out_of_range : Out(1)
        Stage 1: a configured symbol's directory message, ignored because its locate exceeds the table.
    ready : Out(1)
    """

    def __init__(self, *, design: Design):
        self._symbols, self._locates, self._index = design.symbols, design.book.locates, symbol_index(design)
        super().__init__({
            "locate": In(16), "naming": In(NAMING), "stock": In(64), "directory": In(1), "mapped": Out(1),
            "symbol": Out(self._index), "fine": Out(1), "learned": Out(1), "learned_symbol": Out(self._index),
            "out_of_range": Out(1), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        entry = data.StructLayout({"mapped": 1, "fine": 1, "named": 1, "symbol": self._index})
        fine = [int(s.tick == 1) for s in self._symbols]
        preset = {s.locate: 1 | fine[i] << 1 | i << 3 for i, s in enumerate(self._symbols) if s.locate}
        m.submodules.table = table = ForwardedMemory(shape=entry, depth=self._locates, latency=2, rows=preset)

        row = self.locate[: self._locates.bit_length() - 1]
        row_0, row_1 = Signal.like(row), Signal.like(row)
        inside_0, inside, is_symbol = Signal(), Signal(), Signal(len(self._symbols))
        m.d.comb += table.read_address.eq(row)
        m.d.sync += [
            row_0.eq(row), row_1.eq(row_0),
            inside_0.eq(self.locate[len(row):] == 0), inside.eq(inside_0),
            is_symbol.eq(Cat(self.directory & (self.stock == int.from_bytes(s.stock_octets, "little"))
                             for s in self._symbols)),
        ]

        # One symbol at most has that stock: its index is an OR, not a chain of choices.
        index = Signal(self._index)
        m.d.comb += index.eq(Cat(
            Cat(is_symbol[i] for i in range(len(is_symbol)) if i >> bit & 1).any() for bit in range(len(index))))
        listed, given = Signal(), Signal()  # in the directory; the host has named a symbol
        learned = listed & inside
        found, naming, of_host = table.read_data, self.naming.payload, self.naming.valid
        with m.If(of_host):
            m.d.sync += given.eq(1)
        written = Mux(of_host, naming.symbol, index)[: len(index)]
        m.d.comb += [
            listed.eq(is_symbol.any() & ~given),
            table.write_enable.eq(learned | of_host),
            table.write_address.eq(Mux(of_host, naming.locate[: len(row)], row_1)),
            table.write_data.mapped.eq(1),
            table.write_data.named.eq(of_host),
            table.write_data.fine.eq(Array(C(f, 1) for f in fine)[written]),
            table.write_data.symbol.eq(written),
            self.mapped.eq(learned | inside & found.mapped & (found.named == given)),
            self.symbol.eq(found.symbol),
            self.fine.eq(found.fine),
            self.out_of_range.eq(listed & ~inside),
            self.ready.eq(table.ready),
        ]
        m.d.sync += [self.learned.eq(learned), self.learned_symbol.eq(index)]
        return m
