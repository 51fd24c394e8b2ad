"""An approved decision as an OUCH 5.0 enter order in a SoupBinTCP packet."""

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import DECISION, MAX_PAYLOAD, ORDER

from ..records import records
from ..wire import to_octets
from .template import Template


def hexadecimal(nibble: Value) -> Value:
    """The ASCII octet of one upper-case hexadecimal digit."""
    return Mux(nibble < 10, C(ord("0"), 8) | nibble, ord("A") - 10 + nibble)[:8]


class Encode(wiring.Component):
    """Writes orders; numbers them with UserRefNum and their payload with TCP's sequence number.

    Latency 1 cycle, initiation interval 1. A decision with any refusal writes nothing.
    OUCH 5.0, section 2.1; SoupBinTCP 3.00, 2.3.2.

    Members
    -------
    decisions
        Verdicts of risk.
    approved
        The decision has no refusals: its order follows in the next cycle. Combinational.
    orders
        One record per approved decision, in the same order.
    """

    LATENCY = 1

    decisions: In(records(DECISION))
    approved: Out(1)
    orders: Out(records(ORDER))

    def __init__(self, *, design: Design):
        self._design = design
        self._template = Template(design)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        template, order = self._template, self._design.order
        decision, record = self.decisions.payload, self.orders.payload

        # Read in the cycle of the decision, so that the name stands beside the registers of the record.
        stocks = [int.from_bytes(symbol.stock_octets, "little") for symbol in self._design.symbols]
        m.submodules.stocks = rom = memory.Memory(shape=64, depth=max(2, len(stocks)), init=stocks)
        stock = rom.read_port()
        m.d.comb += stock.addr.eq(decision.symbol)

        m.d.comb += self.approved.eq(self.decisions.valid & (decision.refusals == 0))
        next_user_ref_num = Signal(32, init=order.user_ref_num)
        next_sequence = Signal(32, init=order.tcp_sequence)
        side = Signal(8)
        quantity, price = Signal(32), Signal(32)
        m.d.sync += self.orders.valid.eq(self.approved)
        with m.If(self.approved):
            m.d.sync += [
                record.message.eq(decision.message),
                record.user_ref_num.eq(next_user_ref_num),
                record.tcp_sequence.eq(next_sequence),
                side.eq(Mux(decision.side, ord("S"), ord("B"))),
                quantity.eq(decision.quantity),
                price.eq(decision.price),
                next_user_ref_num.eq(next_user_ref_num + 1),
                next_sequence.eq(next_sequence + len(template.payload)),
            ]

        number = record.user_ref_num
        values = {
            "user_ref_num": to_octets(number, 4),
            "side": side,
            "quantity": to_octets(quantity, 4),
            "symbol": stock.data,
            "price": to_octets(price, 4),
            "digits": Cat(hexadecimal(number.word_select(i, 4)) for i in reversed(range(8))),
        }
        octets = [C(octet, 8) for octet in template.payload.ljust(MAX_PAYLOAD, b"\0")]
        for name, slot in template.slots.items():
            for i, offset in enumerate(slot):
                octets[offset] = values[name].word_select(i, 8)
        m.d.comb += record.payload.eq(Cat(octets))
        return m
