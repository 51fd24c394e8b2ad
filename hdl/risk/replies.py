"""What the exchange says, into sums, rows and causes."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import POSITION, QUANTITY_BITS, REPLY, SYMBOL_BITS, Cause, Reply

from ..link import Seen
from ..memory import SweptMemory
from ..multiplier import Multiplier
from ..records import layout, records
from .shapes import Adjusted, Approved, OrderRow

_Left = data.StructLayout({"any": 1, "user_ref_num": 32, "shares": QUANTITY_BITS})
#: An order as a reply finds it.
_Found = data.StructLayout({"open": 1, "row": OrderRow, "remaining": QUANTITY_BITS})


class Fill(data.Struct):
    """An execution."""

    symbol: SYMBOL_BITS
    side: 1
    quantity: 32
    price: 32


class Replies(wiring.Component):
    """Takes one reply every 15 cycles, and waits one more where an update comes just when an execution is to be valued.

    In cycle ``commit`` all of its effects begin: the next intent is the first to see them. Its ``positions`` record is
    there two cycles later.

    Members
    -------
    replies
        In the order of the wire. About orders that left at least two cycles ago.
    look, look_open, look_row, close, close_number, close_replaced, close_replaced_number
        As of ``OpenOrders``.
    adjust_symbol, adjusted, adjustment, look_symbol, approved
        As of ``Exposure``; ``commit`` is its ``adjust``.
    max_rejects
        Of the limits now.
    forget
        The reject count begins anew.
    cause
        With ``commit``: what engages the kill switch.
    kind, lawful
        With ``commit``, for counting.
    fill
        An execution to be valued.
    seen
    positions
    ready
        The memory is swept, one cycle per row after reset.
    """

    def __init__(self, *, design: Design):
        self._rows = design.risk.order_rows
        super().__init__({
            "replies": In(stream.Signature(layout(REPLY))), "look": Out(32), "look_open": In(1),
            "look_row": In(OrderRow), "close": Out(1), "close_number": Out(32), "close_replaced": Out(1),
            "close_replaced_number": Out(32), "commit": Out(1), "adjust_symbol": Out(SYMBOL_BITS),
            "adjusted": In(Adjusted), "adjustment": Out(Adjusted), "look_symbol": Out(SYMBOL_BITS),
            "approved": In(Approved), "max_rejects": In(16), "forget": In(1), "cause": Out(8), "kind": Out(4),
            "lawful": Out(1), "fill": Out(stream.Signature(Fill)), "seen": In(Seen),
            "positions": Out(records(POSITION)), "ready": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.left = left = SweptMemory(shape=_Left, depth=self._rows)
        m.submodules.multiplier = multiplier = Multiplier()
        reply = Signal(layout(REPLY))
        order, original = Signal(_Found), Signal(_Found)

        def is_kind(*kinds: Reply) -> Value:
            return reply.kind.matches(*(int(kind) for kind in kinds))

        # Whether a number has something left is said by its row; how much, by what replies wrote, if that is its own.
        found = Signal(_Found)
        look, looked = Signal(32), Signal(32)
        m.d.sync += looked.eq(look)
        written = left.read_data[0]
        own = written.any & (written.user_ref_num == looked)
        m.d.comb += [
            self.look.eq(look),
            found.open.eq(self.look_open),
            found.row.eq(self.look_row),
            found.remaining.eq(Mux(own, written.shares, self.look_row.quantity)),
            left.read_address[0].eq(look),
            self.ready.eq(left.ready),
        ]

        remaining, wanted = order.remaining, reply.quantity
        fits = Signal()
        released, executed, stays = Signal(QUANTITY_BITS), Signal(32), Signal(QUANTITY_BITS)
        ends, ends_original = Signal(), Signal()
        notional = [Signal(64, name=f"notional_{of}") for of in ("released", "original", "executed")]
        adjustment = Signal(Adjusted)
        again = Signal(16, init=1)  # rejects in a row, were there one more; the greatest stands for all above
        left_factor, right_factor = Signal(32), Signal(32)
        m.d.comb += [
            multiplier.left.eq(left_factor), multiplier.right.eq(right_factor),
            self.adjust_symbol.eq(order.row.symbol), self.look_symbol.eq(order.row.symbol),
            self.adjustment.eq(adjustment), self.kind.eq(reply.kind),
            self.close_number.eq(reply.user_ref_num), self.close_replaced_number.eq(reply.original),
            self.fill.payload.eq(Cat(order.row.symbol, order.row.side, executed, reply.price)),
        ]
        with m.FSM() as fsm:
            with m.State("WAIT"):
                m.d.comb += self.replies.ready.eq(1)
                m.d.sync += [reply.eq(self.replies.payload), look.eq(self.replies.payload.user_ref_num)]
                with m.If(self.replies.valid):
                    m.next = "LOOK"
            with m.State("LOOK"):
                m.d.sync += look.eq(reply.original)
                m.next = "FIND"
            with m.State("FIND"):
                m.d.sync += order.eq(found)
                m.next = "FIND_ORIGINAL"
            with m.State("FIND_ORIGINAL"):
                m.d.sync += [original.eq(found), fits.eq(reply.all | (wanted <= remaining))]
                m.next = "JUDGE"
            with m.State("JUDGE"):
                live = is_kind(Reply.ACCEPTED, Reply.REPLACED)
                replaces = (is_kind(Reply.REPLACED) & order.open & original.open
                            & (original.row.symbol == order.row.symbol) & (original.row.side == order.row.side)
                            & (reply.original != reply.user_ref_num))
                touches = order.open & ~is_kind(Reply.CANCEL_REJECTED, Reply.BROKEN)
                takes_all = is_kind(Reply.REJECTED) | reply.all | ~fits
                with m.If(touches):
                    m.d.sync += released.eq(Mux(
                        live, Mux(fits, remaining - wanted, 0),
                        Mux(takes_all, remaining, wanted)))
                with m.Else():
                    m.d.sync += released.eq(0)
                m.d.sync += [
                    executed.eq(Mux(touches & is_kind(Reply.EXECUTED), wanted, 0)),
                    self.lawful.eq(is_kind(Reply.CANCEL_REJECTED, Reply.BROKEN)
                                   | order.open & (fits | is_kind(Reply.REJECTED))),
                    ends_original.eq(replaces),
                ]
                m.next = "MULTIPLY_RELEASED"
            with m.State("MULTIPLY_RELEASED"):
                m.d.sync += [left_factor.eq(released), right_factor.eq(order.row.price), stays.eq(remaining - released)]
                m.next = "MULTIPLY_ORIGINAL"
            with m.State("MULTIPLY_ORIGINAL"):
                m.d.sync += [
                    left_factor.eq(Mux(ends_original, original.remaining, 0)), right_factor.eq(original.row.price),
                    ends.eq(order.open & (stays == 0)),
                ]
                m.next = "MULTIPLY_EXECUTED"
            with m.State("MULTIPLY_EXECUTED"):
                m.d.sync += [left_factor.eq(executed), right_factor.eq(reply.price)]
                m.next = "TAKE_RELEASED"
            with m.State("TAKE_RELEASED"):
                m.d.sync += notional[0].eq(multiplier.product)
                m.next = "TAKE_ORIGINAL"
            with m.State("TAKE_ORIGINAL"):
                m.d.sync += notional[1].eq(multiplier.product)
                m.next = "TAKE_EXECUTED"
            with m.State("TAKE_EXECUTED"):
                m.d.sync += [notional[2].eq(multiplier.product), notional[0].eq(notional[0] + notional[1])]
                m.next = "ADD"
            with m.State("ADD"):
                self._add(m, adjustment, order, original, released, executed, notional, ends, ends_original)
                m.next = "COMMIT"
            with m.State("COMMIT"):
                self._commit(m, reply, order, stays, ends, ends_original, left, again, is_kind)
                m.next = "REPORT"
            with m.State("REPORT"):
                with m.If(ends_original):  # so that a later reply about it finds nothing left
                    m.d.comb += [
                        left.write_enable.eq(1), left.write_address.eq(reply.original),
                        left.write_data.eq(Cat(C(1, 1), reply.original, C(0, QUANTITY_BITS))),
                    ]
                m.next = "VALUE"
            with m.State("VALUE"):
                m.d.comb += self.fill.valid.eq(executed != 0)
                with m.If(self.fill.ready | ~self.fill.valid):
                    m.next = "WAIT"
        with m.If(self.forget):
            m.d.sync += again.eq(1)
        self._report(m, reply, order, adjustment, stays, fsm.ongoing("REPORT"))
        return m

    @staticmethod
    def _add(m, adjustment, order, original, released, executed, notional, ends, ends_original):
        """Open shares and notional become less, what was executed more: on the order's own side at its worst case."""
        sells = order.row.side
        free = released + Mux(ends_original, original.remaining, 0)
        open_, done = notional[0], notional[2]
        m.d.sync += [
            adjustment.position.eq(Mux(sells, -executed, executed)),
            adjustment.long.eq(Mux(sells, -executed, executed - free)),
            adjustment.short.eq(Mux(sells, free - executed, executed)),
            adjustment.gross.eq(done - open_),
            adjustment.net_long.eq(Mux(sells, -done, done - open_)),
            adjustment.net_short.eq(Mux(sells, open_ - done, done)),
            adjustment.orders.eq(ends + ends_original),
        ]

    def _commit(self, m, reply, order, stays, ends, ends_original, left, again, is_kind):
        rejected = order.open & is_kind(Reply.REJECTED)
        m.d.comb += [
            self.commit.eq(1),
            self.close.eq(ends),
            self.close_replaced.eq(ends_original),
            left.write_enable.eq(order.open), left.write_address.eq(reply.user_ref_num),
            left.write_data.eq(Cat(C(1, 1), reply.user_ref_num, stays)),
        ]
        with m.If(~self.lawful):
            m.d.comb += self.cause.eq(Cause.UNLAWFUL_REPLY)
        with m.Elif(rejected & (self.max_rejects != 0) & (again >= self.max_rejects)):
            m.d.comb += self.cause.eq(Cause.REJECTS)
        with m.If(rejected):
            m.d.sync += again.eq(again + ~again.all())
        with m.Elif(order.open & is_kind(Reply.ACCEPTED, Reply.REPLACED)):
            m.d.sync += again.eq(1)

    def _report(self, m, reply, order, adjustment, stays, now):
        """In the cycle after the commit what was approved is looked at, and in the next the record is there."""
        sums, seen, valid, said = Signal(Adjusted), Signal(Seen), Signal(), self.positions.payload
        with m.If(self.commit):
            m.d.sync += [seen.eq(self.seen), *(sums[name].eq(self.adjusted[name] + adjustment[name])
                                               for name in Adjusted.members)]
        m.d.sync += valid.eq(now)
        values = {
            "symbol": order.row.symbol, "position": sums.position, "exposure_long": self.approved.buy + sums.long,
            "exposure_short": sums.short - self.approved.sell, "open_orders": self.approved.orders - sums.orders,
            "remaining": stays,
        }
        m.d.comb += [
            self.positions.valid.eq(valid),
            said.message.eq(seen.message), said.decision.eq(seen.decision), said.lawful.eq(self.lawful),
            *(said[name].eq(reply[name]) for name in layout(REPLY).members),
            *(said[name].eq(Mux(order.open, value, 0)) for name, value in values.items()),
        ]
