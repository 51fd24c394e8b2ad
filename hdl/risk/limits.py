"""Limits that the host writes while orders flow."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.limits import session_limit, symbol_limit
from spec.records import SESSION_LIMIT, SESSION_LIMIT_SET, SYMBOL_BITS, SYMBOL_LIMIT, SYMBOL_LIMIT_SET

from ..link import Seen
from ..memory import ForwardedMemory
from ..records import layout, records
from .shapes import BASIS_POINTS, LimitRow


def _row(design: Design, symbol: int) -> int:
    """The limits with which a symbol starts, as a row."""
    limit = symbol_limit(design, symbol)
    values = {name: value for name, value in limit._asdict().items() if name in LimitRow.members}
    values |= {"up": BASIS_POINTS + limit.collar_bps, "down": BASIS_POINTS - limit.collar_bps}
    return LimitRow.const(values).as_value().value


class Limits(wiring.Component):
    """Every symbol's limits and the session's, each read and written as a whole.

    Latency: ``of_symbol`` one cycle after ``symbol``; a record taken in cycle w is in force from w + 1 on, its echo is
    there in w + 1 too. II = 1. Sweep: ``symbols`` cycles.

    Members
    -------
    symbol
        Of the intent in the next cycle.
    of_symbol, of_session
        With the intent.
    symbol_limits, session_limits
        Of the host.
    seen
        Which decision is the first to see what is taken now.
    symbol_limits_set, session_limits_set
        Echoes.
    set, foreign
        Limits were taken (0 to 2); limits of no configured symbol were dropped.
    ready
    """

    symbol: In(SYMBOL_BITS)
    of_symbol: Out(LimitRow)
    of_session: Out(layout(SESSION_LIMIT))
    symbol_limits: In(stream.Signature(layout(SYMBOL_LIMIT)))
    session_limits: In(stream.Signature(layout(SESSION_LIMIT)))
    seen: In(Seen)
    symbol_limits_set: Out(records(SYMBOL_LIMIT_SET))
    session_limits_set: Out(records(SESSION_LIMIT_SET))
    set: Out(2)
    foreign: Out(1)
    ready: Out(1)

    def __init__(self, *, design: Design):
        self._design = design
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        design, symbols = self._design, range(len(self._design.symbols))
        usual = next((i for i in symbols if design.symbols[i].stock not in design.risk.restricted), 0)
        rows = {i: row for i in symbols if (row := _row(design, i)) != _row(design, usual)}
        m.submodules.rows = memory = ForwardedMemory(
            shape=LimitRow, depth=len(symbols), initial=_row(design, usual), rows=rows)

        given, row, known = self.symbol_limits.payload, Signal(LimitRow), Signal()
        takes = self.symbol_limits.valid & memory.ready
        m.d.comb += [
            known.eq(given.symbol < len(symbols)),
            *(row[name].eq(given[name]) for name in LimitRow.members if name not in ("up", "down")),
            row.up.eq(BASIS_POINTS + given.collar_bps),
            row.down.eq(Mux(given.collar_bps < BASIS_POINTS, BASIS_POINTS - given.collar_bps, 0)),
            self.symbol_limits.ready.eq(memory.ready),
            self.session_limits.ready.eq(memory.ready),
            self.ready.eq(memory.ready),
            memory.read_address.eq(self.symbol),
            memory.write_enable.eq(takes & known),
            memory.write_address.eq(given.symbol),
            memory.write_data.eq(row),
            self.of_symbol.eq(memory.read_data),
            self.foreign.eq(takes & ~known),
            self.set.eq((takes & known) + (self.session_limits.valid & memory.ready)),
        ]
        session = Signal(layout(SESSION_LIMIT), init=session_limit(design)._asdict())
        m.d.comb += self.of_session.eq(session)
        with m.If(self.session_limits.valid & memory.ready):
            m.d.sync += session.eq(self.session_limits.payload)

        for echo, source, valid in ((self.symbol_limits_set, self.symbol_limits, takes & known),
                                    (self.session_limits_set, self.session_limits,
                                     self.session_limits.valid & memory.ready)):
            m.d.sync += [
                echo.valid.eq(valid),
                echo.payload.eq(Cat(self.seen, source.payload)),
            ]
        return m
