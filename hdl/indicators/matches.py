"""The prints that a broken trade can still take back."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.records import SYMBOL_BITS

from ..memory import SweptMemory
from ..pipeline import delay

SHARES_BITS = 32
_PART = 16  # bits compared within a cycle; that all parts are alike is found out in the next


def _alike(left, right) -> Value:
    """One bit for each part in which the two are equal."""
    left, right = Value.cast(left), Value.cast(right)
    return Cat(left[low : low + _PART] == right[low : low + _PART] for low in range(0, len(left), _PART))


class Matches(wiring.Component):
    """Prints by match number, direct-mapped: the entry is ``match`` modulo ``depth``; a later print overwrites it.

    Latency: a record's ``match``, ``symbol``, ``price`` and ``shares`` in cycle c; ``found`` and the stored price and
    shares in cycle c + 2, and in that same cycle its ``store`` or ``remove``. II = 1: every record finds what all
    before it have left, those one, two and three cycles ahead by forwarding. What the nearest one leaves is decided one
    cycle before it is needed; keys are compared ahead of that, so that the decision costs one LUT.

    No entry is valid when ``ready`` rises, ``depth`` cycles after reset. No record before.

    Parameters
    ----------
    depth : int
        Entries, a power of two, at least 2.

    Members
    -------
    match : In(64)
    symbol : In(10)
    price : In(32)
        1/10 000 dollar.
    shares : In(32)
    found : Out(1)
        A print of this match number and symbol is stored: its price and shares follow.
    found_price, found_shares : Out(32)
    store, remove : In(1)
        The record two cycles ago is a print to be stored; or a broken trade that takes back what it found.
    ready : Out(1)
    """

    match: In(64)
    symbol: In(SYMBOL_BITS)
    price: In(32)
    shares: In(SHARES_BITS)
    found: Out(1)
    found_price: Out(32)
    found_shares: Out(SHARES_BITS)
    store: In(1)
    remove: In(1)
    ready: Out(1)

    def __init__(self, *, depth: int):
        if depth < 2 or depth & depth - 1:
            raise ValueError(f"depth must be a power of two and at least 2, not {depth!r}")
        self._depth = depth
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        index_bits = self._depth.bit_length() - 1
        tag = data.StructLayout({"symbol": SYMBOL_BITS, "match": 64 - index_bits})
        value = data.StructLayout({"price": 32, "shares": SHARES_BITS})
        entry = data.StructLayout({"valid": 1, "tag": tag, "value": value})

        m.submodules.memory = memory = SweptMemory(shape=entry, depth=self._depth)
        indices, tags, values = [Signal(index_bits)], [Signal(tag)], [Signal(value)]
        m.d.comb += [
            Cat(indices[0], tags[0].match).eq(self.match),
            tags[0].symbol.eq(self.symbol),
            values[0].price.eq(self.price),
            values[0].shares.eq(self.shares),
            memory.read_address[0].eq(indices[0]),
            self.ready.eq(memory.ready),
        ]
        for cycle in (1, 2, 3, 4):
            indices.append(delay(m, indices[-1], 1, name=f"index{cycle}"))
            tags.append(delay(m, tags[-1], 1, name=f"tag{cycle}"))
            values.append(delay(m, values[-1], 1, name=f"value{cycle}"))
        stored = delay(m, self.store, 1, name="stored", reset=True)
        removed = delay(m, self.remove, 1, name="removed", reset=True)
        stored_before = delay(m, stored, 1, name="stored_before", reset=True)
        removed_before = delay(m, removed, 1, name="removed_before", reset=True)

        def follows(cycles):
            """Whether the record ``cycles`` ahead has this one's entry, and whether its key. One cycle later."""
            same_index, alike = Signal(name=f"same_index{cycles}"), Signal(parts, name=f"alike{cycles}")
            m.d.sync += [same_index.eq(indices[0] == indices[cycles]), alike.eq(_alike(tags[0], tags[cycles]))]
            return same_index, same_index & alike.all()

        parts = len(_alike(tags[0], tags[0]))
        index1, key1 = follows(1)
        index2, key2 = follows(2)
        index3, key3 = follows(3)

        # One cycle on: what the RAM holds, unless one of the records two and three ahead has left something else.
        kept = memory.read_data[0]
        held_alike, held = Signal(1 + parts), Signal(value, reset_less=True)
        with m.If(index2 & (stored | removed)):
            m.d.sync += [held_alike.eq((stored & key2).replicate(1 + parts)), held.eq(values[3])]
        with m.Elif(index3 & (stored_before | removed_before)):
            m.d.sync += [held_alike.eq((stored_before & key3).replicate(1 + parts)), held.eq(values[4])]
        with m.Else():
            m.d.sync += [held_alike.eq(Cat(kept.valid, _alike(kept.tag, tags[1]))), held.eq(kept.value)]
        nearest_index, nearest_key = delay(m, index1, 1, name="nearest_index"), delay(m, key1, 1, name="nearest_key")

        # Two cycles on: the same for the record just ahead.
        m.d.comb += self.found.eq(Mux(nearest_index & (stored | removed), stored & nearest_key, held_alike.all()))
        found = Signal(value)
        m.d.comb += [
            found.eq(Mux(nearest_key & stored, Value.cast(values[3]), Value.cast(held))),
            self.found_price.eq(found.price),
            self.found_shares.eq(found.shares),
        ]

        left = Signal(entry)
        m.d.comb += [left.valid.eq(stored), left.tag.eq(tags[3]), left.value.eq(values[3])]
        m.d.comb += [
            memory.write_address.eq(indices[3]),
            memory.write_data.eq(left),
            memory.write_enable.eq(stored | removed),
        ]
        return m
