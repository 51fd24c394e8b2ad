"""Looks through the order table for one side's orders, beside the messages, in slots that these leave free."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.ladder import ASK, CENT

from ..arithmetic import times
from .operation import PRICE_BITS, scanned_ports, symbol_index
from .order_table import bucket_of
from .pipeline import highest

#: From an operation's slot (stage -1) until all that it does is done and can be read, with some to spare. Cycles.
SETTLED = 10
_SHOWN = 2  #: cycles from a scan's slot to what it shows

# A price is a whole number of cents if its lower two bits are zero and 25 divides the 30 above. Modulo 25 2**10 is -1,
# 2**20 is 1 and 2**5 is 7; _ABOVE, a multiple of 25, keeps the sum of the three digits of 10 bits positive.
_DIGIT = 10
_ABOVE = 41 * 25
assert (PRICE_BITS, CENT) == (2 + 3 * _DIGIT, 4 * 25) and ((1 << _DIGIT) + 1) % 25 == 0 and _ABOVE >= (1 << _DIGIT) - 1


def found_layout(design: Design) -> data.StructLayout:
    """A request: ``scan`` of a ``row``, or ``act`` on the order ``reference`` that rests at ``price``."""
    return data.StructLayout({
        "scan": 1, "act": 1, "row": range(design.book.buckets), "reference": 64, "price": PRICE_BITS,
    })


class RecentreScan(wiring.Component):
    """Shows every row of the order table, and picks the orders of one symbol and side.

    With ``find`` it looks for the best price on the grid; with ``release`` it names each order that is held at a price
    outside ``low <= price < high``, with ``hold`` each one that is not held at a price inside. Entries never move: an
    order that rests from ``start`` to ``done`` is seen. One that goes meanwhile may be named all the same.

    A row without an order of the side takes one cycle. The orders of another one are kept, while rows already on
    their way are let go and shown again afterwards. The spill's orders come with the last row.

    Duration: a cycle per row, at a row with orders of the side (and the wanted ``held``) their number and 5 cycles
    more, as long as every request is taken at once; then ``SETTLED`` cycles after the last request.

    Parameters
    ----------
    design : Design

    Members
    -------
    start : In(1)
        Begins a scan, when ``done``. What follows is to be held until ``done`` is high again, which it is not in the
        next cycle.
    find, release, hold : In(1)
        One of them.
    symbol, side, fine : In
        Whose orders; ``fine``: every price is on the grid.
    low, high : In(32)
    scanned, scanned_valid : In
        Two cycles after a scan is taken.
    requests : Out(stream)
    done : Out(1)
    found, price : Out
        With ``done``: there is an order on the grid, and the best price of those.
    """

    def __init__(self, *, design: Design):
        self._design = design
        super().__init__({
            "start": In(1), "find": In(1), "release": In(1), "hold": In(1),
            "symbol": In(symbol_index(design)), "side": In(1), "fine": In(1),
            "low": In(PRICE_BITS), "high": In(PRICE_BITS),
            "scanned": scanned_ports(design, In), "scanned_valid": In(1),
            "requests": Out(stream.Signature(found_layout(design))),
            "done": Out(1, init=1), "found": Out(1), "price": Out(PRICE_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        book = self._design.book
        index_bits = book.buckets.bit_length() - 1
        buckets = book.tables * book.ways
        entries = buckets + book.spill

        # Rows are asked for one after the other; what is on its way is given up when a row with orders came before it.
        request, taken, room = self.requests.payload, Signal(), Signal()
        row, more, wanted = Signal(index_bits), Signal(), Signal()
        last = Signal()
        shown_row, coming = [Signal(index_bits, name=f"row_{i}") for i in range(_SHOWN)], Signal(_SHOWN)
        busy, keeps, missed = Signal(), Signal(), Signal()
        m.d.comb += [
            taken.eq(self.requests.valid & self.requests.ready),
            room.eq(~self.requests.valid | self.requests.ready),
            last.eq(shown_row[-1].all()),
            keeps.eq(coming[-1] & self.scanned_valid & ~busy),
            missed.eq(coming[-1] & self.scanned_valid & busy),
        ]
        m.d.sync += [
            coming.eq(Mux(missed, 0, Cat(taken & request.scan & wanted, coming))),
            Cat(shown_row).eq(Cat(request.row, *shown_row)),
        ]

        # The row's orders of the side are kept, then picked one by one.
        waiting, picked, pick = Signal(entries), Signal(), Signal(range(entries))
        kept_row, kept = Signal(index_bits, reset_less=True), []
        matches = Signal(entries)
        for i, entry in enumerate(self.scanned):
            tag = entry.reference if i >= buckets else Cat(C(0, index_bits), entry.reference[: 64 - index_bits])
            word = Signal(PRICE_BITS + 64, name=f"kept_{i}", reset_less=True)
            kept.append(word)
            with m.If(keeps):
                m.d.sync += word.eq(Cat(entry.order.price, tag))
            m.d.comb += matches[i].eq(
                entry.used & (entry.order.symbol == self.symbol) & (entry.order.side == self.side)
                & (self.find | (entry.order.held == self.release)) & (last if i >= buckets else 1))
        advance = Signal()  # no order to act on waits for the request before it
        any_waiting, next_pick = highest(waiting)
        m.d.comb += busy.eq(any_waiting | picked)
        with m.If(keeps):
            m.d.sync += [waiting.eq(matches), kept_row.eq(shown_row[-1])]
        with m.Elif(advance):
            m.d.sync += waiting.eq(Cat(waiting[i] & waiting[i + 1 :].any() for i in range(entries)))
        with m.If(advance):
            m.d.sync += [picked.eq(any_waiting), pick.eq(next_pick)]

        # One order: its price, its tag and where it came from, from which follows its reference.
        order = Signal(data.StructLayout({"price": PRICE_BITS, "reference": 64}), reset_less=True)
        order_valid, order_row = Signal(), Signal(index_bits, reset_less=True)
        order_table = Signal(book.tables)
        with m.If(advance):
            m.d.sync += [
                order_valid.eq(picked),
                Value.cast(order).eq(_select(kept, pick)),
                order_row.eq(kept_row),
                order_table.eq(Cat((pick >= t * book.ways) & (pick < (t + 1) * book.ways)
                                   for t in range(book.tables))),
            ]
        folded = Signal(index_bits)
        with m.If(order_table.any()):
            for t in range(book.tables):
                with m.If(order_table[t]):
                    m.d.comb += folded.eq(
                        order_row ^ bucket_of(Cat(C(0, index_bits), order.reference[index_bits:]), t, index_bits))
        with m.Else():
            m.d.comb += folded.eq(order.reference[:index_bits])

        # Whether to act on it.
        within = Signal()
        m.d.comb += within.eq((order.price >= self.low) & (order.price < self.high))
        act, act_price, act_reference = Signal(), Signal(PRICE_BITS, reset_less=True), Signal(64, reset_less=True)
        with m.If(advance):
            m.d.sync += [
                act.eq(order_valid & Mux(within, self.hold, self.release)),
                act_price.eq(order.price),
                act_reference.eq(Cat(folded, order.reference[index_bits:])),
            ]
        m.d.comb += advance.eq(~act | room)

        # An order to act on goes before the next row. A row that is asked for while orders wait is asked for in vain.
        with m.If(room):
            m.d.sync += [
                self.requests.valid.eq(act | more & ~busy),
                request.act.eq(act),
                request.scan.eq(~act),
                request.row.eq(row),
                request.price.eq(act_price),
                request.reference.eq(act_reference),
                wanted.eq(1),
            ]
            with m.If(~act & more & ~busy):
                m.d.sync += [row.eq(row + 1), more.eq(~row.all())]
        with m.If(missed):
            m.d.sync += [row.eq(shown_row[-1]), more.eq(1)]
            with m.If(~room):
                m.d.sync += wanted.eq(0)

        # The best price on the grid.
        price = order.price[2:]
        digits = [price[i * _DIGIT : (i + 1) * _DIGIT] for i in range(3)]
        total, folded_total, on_grid = Signal(_DIGIT + 2), Signal(_DIGIT), Signal()
        goodness = [order.price ^ (self.side == ASK).replicate(PRICE_BITS)]
        whole, seen = [order.price[:2] == 0], [order_valid & self.find]
        for i in range(1, 4):
            for values, name, bits in ((goodness, "goodness", PRICE_BITS), (whole, "whole", 1), (seen, "seen", 1)):
                values.append(Signal(bits, name=f"{name}_{i}"))
                m.d.sync += values[i].eq(values[i - 1])
        m.d.sync += [
            total.eq(digits[0] - digits[1] + digits[2] + _ABOVE),
            folded_total.eq(total[:5] + times(total[5:], 7)),
            on_grid.eq(self.fine | whole[2] & Cat(folded_total == i for i in range(0, 1 << _DIGIT, 25)).any()),
        ]
        best = Signal(PRICE_BITS)
        m.d.comb += self.price.eq(best ^ (self.side == ASK).replicate(PRICE_BITS))
        with m.If(seen[3] & on_grid & (~self.found | (goodness[3] > best))):
            m.d.sync += [best.eq(goodness[3]), self.found.eq(1)]

        # It is over when nothing moves for so long that the last request has done its work.
        still = Signal(range(SETTLED))
        with m.If(more | self.requests.valid | coming.any() | busy | order_valid | act):
            m.d.sync += still.eq(0)
        with m.Elif(still != SETTLED - 1):
            m.d.sync += still.eq(still + 1)
        with m.Else():
            m.d.sync += self.done.eq(1)
        with m.If(self.start):
            m.d.sync += [self.done.eq(0), row.eq(0), more.eq(1), still.eq(0), self.found.eq(0)]
        return m


def _select(words: list, index: Value) -> Value:
    """``words[index]``: a tree of multiplexers."""
    for bit in index:
        words = [Mux(bit, high, low) for low, high in zip(words[::2], [*words[1::2], words[-1]], strict=False)]
    return words[0]
