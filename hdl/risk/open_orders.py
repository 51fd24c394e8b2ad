"""Which orders are open, and what they were."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import SYMBOL_BITS, Action

from ..memory import ForwardedMemory, SweptMemory
from .shapes import OrderRow
from .sums import any_of

_BITS = ("opened", "closed", "replaced")  #: a row is taken while an odd number of these is set: each has one writer


class OpenOrders(wiring.Component):
    """A row for each order, by its UserRefNum modulo ``design.risk.order_rows``; orders are numbered one after another.

    Latency: ``taken`` and ``foreign`` as below; a reply's look takes one cycle and sees orders approved before
    it. An intent sees the orders that were closed in cycles before its own. II = 1 for approvals. Sweep: as many cycles
    as there are rows.

    Members
    -------
    number
        UserRefNum of the order that would be approved in this cycle.
    taken
        Its row belongs to an open order.
    approved, order
        In this cycle: it is open now; what it is, but for its number.
    number_used
        In this cycle: the number is gone, whether an order is open with it or not.
    action, target, symbol, side
        Of the intent: which order it is to replace or cancel.
    foreign, target_row
        One cycle later: it is no open order of that symbol and, to replace it, of that side; a new order never is
        foreign. What the target was, if it is not.
    look
        UserRefNum of a reply.
    look_open, look_row
        One cycle later: it belongs to an open order; what that was.
    close, close_replaced, close_number, close_replaced_number
        An order that a look showed open is not any more; two may be in the same cycle.
    ready
    """

    def __init__(self, *, design: Design):
        self._rows, self._first = design.risk.order_rows, design.order.user_ref_num
        super().__init__({
            "number": Out(32), "taken": Out(1), "approved": In(1), "order": In(OrderRow), "number_used": In(1),
            "action": In(2), "target": In(32), "symbol": In(SYMBOL_BITS), "side": In(1),
            "foreign": Out(1), "target_row": Out(OrderRow),
            "look": In(32), "look_open": Out(1), "look_row": Out(OrderRow),
            "close": In(1), "close_number": In(32), "close_replaced": In(1), "close_replaced_number": In(32),
            "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        bits = (self._rows - 1).bit_length()
        number, row = Signal(32, init=self._first), Signal(OrderRow)
        m.d.comb += [row.eq(self.order), row.user_ref_num.eq(number), self.number.eq(number)]
        with m.If(self.number_used):
            m.d.sync += number.eq(number + 1)

        # Of the next number and the one after it both are read, since it is known late which of them is asked for.
        addresses = {"this": number[:bits], "next": (number + 1)[:bits], "target": self.target[:bits],
                     "look": self.look[:bits]}
        memories = {}
        for name in _BITS:
            memories[name] = memory = SweptMemory(shape=1, depth=self._rows, reads=len(addresses))
            m.submodules[name] = memory
            m.d.comb += [port.eq(address) for port, address in
                         zip(memory.read_address, addresses.values(), strict=True)]
        used = Signal()
        m.d.sync += used.eq(self.number_used)
        read = {place: {name: memories[name].read_data[i] for name in _BITS} for i, place in enumerate(addresses)}
        odd = {place: read[place]["opened"] ^ read[place]["closed"] ^ read[place]["replaced"] for place in read}
        m.d.comb += self.taken.eq(Mux(used, odd["next"], odd["this"]))

        # A row is turned over: what it held is known, or was read a while ago.
        m.d.comb += [
            memories["opened"].write_enable.eq(self.approved),
            memories["opened"].write_address.eq(number),
            memories["opened"].write_data.eq(~Mux(used, read["next"]["opened"], read["this"]["opened"])),
        ]
        for name, event, which in (("closed", self.close, self.close_number),
                                   ("replaced", self.close_replaced, self.close_replaced_number)):
            m.submodules[f"{name}_now"] = now = SweptMemory(shape=1, depth=self._rows)
            for memory in (memories[name], now):
                m.d.comb += [memory.write_enable.eq(event), memory.write_address.eq(which),
                             memory.write_data.eq(~now.read_data[0])]
            m.d.comb += now.read_address[0].eq(which)

        # What orders were.
        m.submodules.targets = targets = ForwardedMemory(shape=OrderRow, depth=self._rows)
        m.submodules.looks = looks = SweptMemory(shape=OrderRow, depth=self._rows)
        look = Signal(32)
        m.d.comb += [
            targets.read_address.eq(self.target),
            looks.read_address[0].eq(self.look),
            *(memory.write_enable.eq(self.approved) for memory in (targets, looks)),
            *(memory.write_address.eq(number) for memory in (targets, looks)),
            *(memory.write_data.eq(row) for memory in (targets, looks)),
        ]
        m.d.sync += look.eq(self.look)
        m.d.comb += [
            self.look_row.eq(looks.read_data[0]),
            self.look_open.eq(odd["look"] & (looks.read_data[0].user_ref_num == look)),
            self.ready.eq(Cat(memory.ready for memory in (*memories.values(), targets, looks)).all()),
        ]
        self._compare(m, number, odd["target"], targets.read_data)
        return m

    def _compare(self, m, number, is_open, row):
        """The target with its row. One approved just before is in what is read of the rows, but not of the bits."""
        enters, any_side, side = Signal(), Signal(), Signal()
        target, symbol, opened, newest = Signal(32), Signal(SYMBOL_BITS), Signal(), Signal()
        m.d.sync += [
            enters.eq(self.action == Action.ENTER.value), any_side.eq(self.action != Action.REPLACE.value),
            side.eq(self.side), target.eq(self.target), symbol.eq(self.symbol),
            opened.eq(self.approved), newest.eq(self.target == number),
        ]
        differs = Cat((row.user_ref_num ^ target) & ~enters.replicate(32),
                      (row.symbol ^ symbol) & ~enters.replicate(SYMBOL_BITS),
                      (row.side ^ side) & ~any_side,
                      ~(is_open | opened & newest) & ~enters)
        m.d.comb += [self.foreign.eq(any_of(m, differs, name="differs")), self.target_row.eq(row)]
