"""What the host says the configured symbols stand for today."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import GIVEN_SYMBOL, SYMBOL_SET

from ..link import NAMING
from ..memory import SweptMemory
from ..records import layout, records


class SymbolNaming(wiring.Component):
    """Takes a symbol's stock and locate, or refuses them: ``spec.records.GIVEN_SYMBOL``.

    Latency: given in cycle c, ``naming`` and ``echo`` in cycle c + 1. II = 2. Sweep: as many cycles as there are
    symbols.

    Parameters
    ----------
    design : Design

    Members
    -------
    given
        Of the host; not taken before ``enabled``.
    enabled
        All memories that names go to are swept, this one's too.
    begins
        In this cycle there is a message, or what may become a decision: too late from now on.
    message
        Messages delivered before this cycle.
    naming
        What was not refused.
    echo
    ready
    """

    def __init__(self, *, design: Design):
        self._symbols, self._locates = len(design.symbols), design.book.locates
        super().__init__({
            "given": In(stream.Signature(layout(GIVEN_SYMBOL))), "enabled": In(1), "begins": In(1), "message": In(32),
            "naming": Out(NAMING), "echo": Out(records(SYMBOL_SET)), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.named = named = SweptMemory(shape=1, depth=self._symbols)
        given, begun = self.given.payload, Signal()
        with m.If(self.begins):
            m.d.sync += begun.eq(1)
        wrong = (begun | self.begins | (given.symbol >= self._symbols) | (given.locate == 0)
                 | (given.locate >= self._locates) | ~_is_stock(given.stock))

        taken, unlawful, held = Signal(), Signal(), Signal.like(given)
        refused = unlawful | named.read_data[0]
        m.d.comb += [
            self.given.ready.eq(self.enabled & ~taken),
            named.read_address[0].eq(given.symbol),
            named.write_address.eq(held.symbol), named.write_data.eq(1), named.write_enable.eq(taken & ~refused),
            self.naming.valid.eq(taken & ~refused),
            self.echo.valid.eq(taken),
            self.echo.payload.message.eq(self.message), self.echo.payload.refused.eq(refused),
            self.ready.eq(named.ready),
        ]
        for name in held.shape().members:
            m.d.comb += [self.naming.payload[name].eq(held[name]), self.echo.payload[name].eq(held[name])]
        m.d.sync += [taken.eq(self.given.valid & self.given.ready), unlawful.eq(wrong), held.eq(given)]
        return m


def _is_stock(stock: Value) -> Value:
    """One to eight visible ASCII characters, then spaces."""
    octets = [stock.word_select(i, 8) for i in range(8)]
    visible = [(octet > 0x20) & (octet < 0x7F) for octet in octets]
    space = [octet == 0x20 for octet in octets]
    return visible[0] & Cat(visible[i] | space[i] for i in range(1, 8)).all() & ~Cat(
        space[i] & ~space[i + 1] for i in range(1, 7)).any()
