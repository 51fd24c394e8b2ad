"""What each slot of the book's pipeline carries: a message, or in a free one an operation of the book's own."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.itch import HEADER, MESSAGES
from spec.records import MESSAGE

from ..ahead import Ahead
from ..records import layout, records
from ..wire import field
from .operation import Types, background, operation

_ADD, _REPLACE, _EXECUTE = (MESSAGES[code] for code in "AUE")
_REPLACES = next(bit for bit in range(8) if [ord(code) >> bit & 1 for code in "AFU"] == [0, 0, 1])  #: of the type


class Slots(wiring.Component):
    """One message per cycle, and a background operation in each cycle that brings none.

    Latency: a message of stage 0 is an ``operation`` at stage 1; ``ahead`` shows what it looks up at stage -1, in which
    a background request is taken. II: 1.

    Parameters
    ----------
    design : Design

    Members
    -------
    ahead : In(Ahead)
        Stage -1.
    messages : In(records(MESSAGE))
        Stage 0.
    requests : In(stream)
        Stage -1: of the book's own operations; ready in a free slot.
    locate, old, new : Out
        Stage -1: what is looked up, whether or not a message follows.
    price, stock, directory : Out
        Stage 0: ``price`` of a new order, else anything; ``directory``: a stock directory message, of ``stock``.
    operation : Out(operation(design))
        Stage 1. ``fine`` and ``symbol`` are a request's own; a message's are the locate table's.
    windows : Out
        Stage 2: the row that a ``window`` operation writes.
    message, types : Out
        Stage 0: the message; no type set in another slot.
    """

    def __init__(self, *, design: Design):
        self._design = design
        self._background, self._operation = background(design), operation(design)
        super().__init__({
            "ahead": In(Ahead), "messages": In(records(MESSAGE)), "requests": In(stream.Signature(self._background)),
            "locate": Out(16), "old": Out(64), "new": Out(64),
            "price": Out(32), "stock": Out(64), "directory": Out(1), "operation": Out(self._operation),
            "windows": Out(self._background["windows"].shape), "message": Out(layout(MESSAGE)), "types": Out(Types),
        })

    def elaborate(self, platform):
        m = Module()
        # Stage -1.
        ahead, request = self.ahead, self.requests.payload
        m.d.comb += [
            self.requests.ready.eq(~ahead.valid),
            self.locate.eq(ahead.locate),
            self.old.eq(Mux(ahead.valid, ahead.reference, request.reference)),
            self.new.eq(Mux(ahead.valid, Mux(ahead.add, ahead.reference, ahead.new_reference), request.reference)),
        ]
        own, own_fine = Signal(self._background), Signal()
        old, new = Signal(64), Signal(64)
        taken = self.requests.valid & ~ahead.valid
        kinds = ("load", "vouch", "scan", "hold", "release", "window", "query", "masked")
        m.d.sync += [
            own.eq(request), old.eq(self.old), new.eq(self.new),
            own_fine.eq(Array(C(s.tick == 1, 1) for s in self._design.symbols)[request.symbol]),
            *(own[kind].eq(request[kind] & taken) for kind in kinds),
        ]

        # Stage 0.
        message, types = self.messages.payload, self.types
        code = field(message.octets, HEADER, "type")
        valid = self.messages.valid
        m.d.comb += [
            self.message.eq(message),
            *(types[name].eq(valid & (code == ord(name))) for name in MESSAGES),
            # Much follows the price in this cycle; of the types that have one, a single bit tells a replace.
            self.price.eq(Mux(valid, Mux(code[_REPLACES], field(message.octets, _REPLACE, "price"),
                                         field(message.octets, _ADD, "price")), own.price)),
            self.stock.eq(field(message.octets, MESSAGES["R"], "stock")),
            self.directory.eq(types.R),
        ]
        next_message = Signal(32)
        with m.If(valid):
            m.d.sync += next_message.eq(message.message + 1)
        op = self.operation
        takes, adds = types.E | types.C | types.X, types.A | types.F
        m.d.sync += [
            op.message.eq(valid),
            op.number.eq(Mux(valid, message.message + 1, next_message)),
            op.order.eq(takes | adds | types.D | types.U | own.load | own.hold | own.release),
            op.finds.eq(takes | types.D | types.U | own.hold | own.release),
            op.takes.eq(takes),
            op.drops.eq(types.D | types.U),
            op.places.eq(adds | types.U | own.load),
            op.replace.eq(types.U),
            *(op[kind].eq(own[kind]) for kind in kinds),
            op.side.eq(Mux(valid, field(message.octets, _ADD, "side") != ord("B"), own.side)),
            op.fine.eq(own_fine),
            op.symbol.eq(own.symbol),
            op.old.eq(old),
            op.new.eq(new),
            op.shares.eq(Mux(valid, Mux(types.U, field(message.octets, _REPLACE, "shares"),
                                        Mux(adds, field(message.octets, _ADD, "shares"),
                                            field(message.octets, _EXECUTE, "shares"))), own.shares)),
            op.price.eq(self.price),
        ]
        windows_1 = Signal.like(self.windows)
        m.d.sync += [windows_1.eq(own.windows), self.windows.eq(windows_1)]
        return m
