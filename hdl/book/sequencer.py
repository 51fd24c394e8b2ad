"""Messages into operations: one slot each, two for a replace."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.itch import HEADER, MESSAGES
from spec.records import MESSAGE

from ..records import layout, records
from ..wire import field
from .operation import Operation, Types


class Sequencer(wiring.Component):
    """Gives every message its slots, in order, with constant latency.

    Every message waits one cycle. A replace thereby finds the slot before its own free for the removal of its old
    order: that slot could only belong to a message in the cycle before, and a replace, being longer than four beats on
    the wire, never follows another message that closely.

    Latency: one cycle from a message to stage 0 of its last operation. II: one message per cycle, except that a replace
    must not come in the cycle after another message.

    Members
    -------
    messages : In(records(MESSAGE))
    locate, reference, price, stock : Out
        Stage 0: of the operation. ``price`` of an order message, ``stock`` of a stock directory message.
    directory : Out(1)
        Stage 0: the operation is a stock directory message.
    operation : Out(Operation)
        Stage 1.
    message, types : Out
        Stage 1: the message whose last operation it is; no type is set otherwise.
    """

    messages: In(records(MESSAGE))
    locate: Out(16)
    reference: Out(64)
    price: Out(32)
    stock: Out(64)
    directory: Out(1)
    operation: Out(Operation)
    message: Out(layout(MESSAGE))
    types: Out(Types)

    def elaborate(self, platform):
        m = Module()
        add, replace, execute, delete = (MESSAGES[code] for code in "AUED")

        arriving = self.messages.payload
        types_arriving = Signal(Types)
        code = field(arriving.octets, HEADER, "type")
        m.d.comb += [flag.eq(self.messages.valid & (code == ord(name))) for name, flag in _each(types_arriving)]

        held, held_valid, types = Signal(layout(MESSAGE)), Signal(), Signal(Types)
        price = Signal(32)
        m.d.sync += [
            held.eq(arriving), held_valid.eq(self.messages.valid), types.eq(types_arriving),
            price.eq(Mux(types_arriving.U, field(arriving.octets, replace, "price"),
                         field(arriving.octets, add, "price"))),
        ]

        dropping = types_arriving.U
        m.d.comb += [
            self.locate.eq(Mux(dropping, field(arriving.octets, HEADER, "locate"),
                               field(held.octets, HEADER, "locate"))),
            self.reference.eq(Mux(dropping, field(arriving.octets, replace, "reference"),
                                  Mux(types.U, field(held.octets, replace, "new_reference"),
                                      field(held.octets, delete, "reference")))),
            self.price.eq(price),
            self.stock.eq(field(held.octets, MESSAGES["R"], "stock")),
            self.directory.eq(types.R),
        ]

        adds, takes, drops = Signal(), Signal(), Signal()
        m.d.comb += [
            adds.eq((types.A | types.F | types.U) & ~dropping),
            takes.eq((types.E | types.C | types.X) & ~dropping),
            drops.eq(types.D | dropping),
        ]
        operation = self.operation
        m.d.sync += [
            operation.valid.eq(held_valid | dropping),
            operation.last.eq(held_valid),
            operation.order.eq(adds | takes | drops),
            operation.add.eq(adds),
            operation.take.eq(takes),
            operation.drop.eq(drops),
            operation.replace.eq(types.U),
            operation.side.eq(field(held.octets, add, "side") != ord("B")),
            operation.reference.eq(self.reference),
            operation.shares.eq(Mux(types.U, field(held.octets, replace, "shares"),
                                    Mux(takes, field(held.octets, execute, "shares"),
                                        field(held.octets, add, "shares")))),
        ]
        m.d.sync += [self.message.eq(held), self.types.eq(types)]
        return m


def _each(types):
    return [(code, types[code]) for code in MESSAGES]
