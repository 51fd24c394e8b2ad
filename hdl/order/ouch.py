"""OUCH 5.0 messages in SoupBinTCP packets (SoupBinTCP 3.00, section 2.3), octet by octet."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec import ouch, soupbintcp, wire
from spec.config import Design
from spec.records import ADMIN, DECISION, Action

from ..arithmetic import add
from ..link import NAMING
from ..memory import SweptMemory
from ..pipeline import delay
from ..records import layout
from ..wire import to_octets
from .checksum import PAYLOAD_SUM_BITS, ones_complement_sum

_PACKET = soupbintcp.HEADER.length
_ALL = 0  #: new intended size of an order that is cancelled (OUCH 5.0, section 2.3)


_DIGIT, _LETTER = ord("0"), ord("A") - 10  #: what a hexadecimal digit is added to
_CODES = {"O": Action.ENTER, "U": Action.REPLACE, "X": Action.CANCEL}


def hexadecimal(nibble: Value, letter: Value) -> Value:
    """The ASCII octet of one upper-case hexadecimal digit, of which is known whether it is a letter."""
    return Mux(letter, _LETTER + nibble, C(_DIGIT, 8) | nibble)[:8]


def _packet(kind: str, message: bytes = b"") -> bytes:
    """``length`` counts the type but not itself."""
    return wire.write(soupbintcp.HEADER, length=1 + len(message), type=kind) + message


class Ouch(wiring.Component):
    """Writes what a decision or the host asks for.

    Latency: 1 cycle. II = 1.

    Parameters
    ----------
    design : Design

    Members
    -------
    decision, admin, is_admin
        Taken in every cycle; ``is_admin`` says which of the two counts.
    naming
        Of the host; seen by decisions from the second cycle after it.
    ready
        The memory is swept, as many cycles after reset as there are symbols. No decision before.
    length
        Octets, in the same cycle.
    payload
        One cycle later: zero past the length.
    sum
        Three cycles later: of the payload's 16-bit words, carries not yet added around the end.
    """

    def __init__(self, *, design: Design):
        self._design = design
        order = design.order
        firm = order.firm.encode()
        appendage = bytes([1 + len(firm), ouch.OPTION_FIRM]) + firm if firm else b""
        common = {"time_in_force": order.time_in_force, "display": order.display, "intermarket_sweep": "N",
                  "cl_ord_id": order.cl_ord_id_prefix + "\0" * 8}
        entered = wire.write(ouch.CLIENT["O"], side="\0", symbol="\0" * 8, capacity=order.capacity, cross_type="N",
                             appendage_length=len(appendage), **common) + appendage
        #: What stands for each action, with zeros where orders differ.
        self._constant = {
            Action.ENTER: _packet("U", entered),
            Action.REPLACE: _packet("U", wire.write(ouch.CLIENT["U"], appendage_length=0, **common)),
            Action.CANCEL: _packet("U", wire.write(ouch.CLIENT["X"], quantity=_ALL)),
        }
        self.octets = max(map(len, self._constant.values()))
        super().__init__({
            "decision": In(layout(DECISION)), "admin": In(layout(ADMIN)), "is_admin": In(1), "naming": In(NAMING),
            "ready": Out(1), "length": Out(16), "payload": Out(8 * self.octets), "sum": Out(PAYLOAD_SUM_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        decision, prefix = self.decision, len(self._design.order.cl_ord_id_prefix)
        # Read in the cycle of the decision, so that the name stands beside the registers.
        at, row = _PACKET + ouch.CLIENT["O"]["symbol"].offset, data.StructLayout({"octets": 64, "sum": 16})
        configured = {i: row.const({"octets": int.from_bytes(symbol.stock_octets, "little"),
                                    "sum": ones_complement_sum(bytes(at % 2) + symbol.stock_octets)}).as_value().value
                      for i, symbol in enumerate(self._design.symbols)}
        m.submodules.stocks = stocks = SweptMemory(shape=row, depth=len(configured), rows=configured)
        stock, named = stocks.read_data[0], self.naming.payload
        m.d.comb += [
            stocks.read_address[0].eq(decision.symbol), self.ready.eq(stocks.ready),
            *(to.eq(delay(m, value, 1, name=name, reset=name == "names")) for name, to, value in (
                ("names", stocks.write_enable, self.naming.valid),
                ("named_symbol", stocks.write_address, named.symbol[: len(stocks.write_address)]),
                ("named_stock", stocks.write_data.octets, named.stock))),
            stocks.write_data.sum.eq(self._stock_sum(m, named.stock, odd=at % 2)),
        ]

        held, kind, action = Signal(layout(DECISION)), Signal(8), Signal(3)  # action: one-hot
        letters = Signal(8)  # hexadecimal digits of the UserRefNum that are, the highest first
        nibbles = [held.user_ref_num.word_select(i, 4) for i in reversed(range(8))]
        m.d.sync += [
            held.eq(decision), kind.eq(self.admin.type),
            letters.eq(Cat(decision.user_ref_num.word_select(i, 4) >= 10 for i in reversed(range(8)))),
            action.eq(Mux(self.is_admin, 0, Cat(decision.action == each.value for each in Action))),
        ]
        values = {
            "user_ref_num": to_octets(held.user_ref_num, 4),
            "original_user_ref_num": to_octets(held.target, 4),
            "side": Mux(held.side, Mux(held.short, C(ord("T"), 8), C(ord("S"), 8)), C(ord("B"), 8)),
            "quantity": to_octets(held.quantity, 4),
            "symbol": stock.octets,
            "price": to_octets(held.price, 8),
            "cl_ord_id": Cat(C(0, 8 * prefix),
                             *map(hexadecimal, nibbles, letters)),
        }
        octets = C(0, 8 * self.octets)
        for code, each in _CODES.items():
            fields = dict(values)
            if each is Action.CANCEL:
                fields = {"user_ref_num": values["original_user_ref_num"]}
            octets = octets | Mux(action[each.value], self._filled(each, ouch.CLIENT[code], fields), 0)
        self._add_up(m, held, kind, action, values["side"], stock.sum, nibbles, letters)
        admin = Cat(C(0, 8), C(1, 8), kind)  # no message: length 1
        m.d.comb += [
            self.payload.eq(Mux(action.any(), octets, admin)),
            self.length.eq(Mux(self.is_admin, _PACKET, Array(
                C(len(self._constant[each]), 16) for each in (*Action, Action.CANCEL))[decision.action])),
        ]
        return m

    @staticmethod
    def _stock_sum(m, stock, *, odd: int) -> Value:
        """One cycle later, the one's complement sum of a stock that begins at an odd place, or not."""
        octets = [C(0, 8)] * odd + [stock.word_select(i, 8) for i in range(8)] + [C(0, 8)] * odd
        words = [Cat(low, high) for high, low in zip(octets[::2], octets[1::2], strict=True)]
        total = add(m, words)
        held = Signal.like(total)
        m.d.sync += held.eq(total)
        once = (held[:16] + held[16:])[:17]
        return (once[:16] + once[16])[:16]

    def _add_up(self, m, held, kind, action, side, stock_sum, nibbles, letters) -> None:
        """The sum, field by field: what stands at an odd place has the octets of its words exchanged."""
        def registered(value, name) -> Signal:
            signal = Signal(len(value), name=name)
            m.d.sync += signal.eq(value)
            return signal

        def where(name: str, skip: int = 0, **renamed: str) -> list[Value]:
            """Is the field there, and is it at an even, at an odd place?"""
            found = [C(0, 1), C(0, 1)]
            for code, each in _CODES.items():
                field = renamed.get(code, name)
                if field and field in ouch.CLIENT[code]:
                    odd = (_PACKET + ouch.CLIENT[code][field].offset + skip) % 2
                    found[odd] = found[odd] | action[each.value]
            return found

        def words(value, places) -> list[Value]:
            even, odd = places
            halves = [value[:16], value[16:]]
            return [Mux(even, half, 0) | Mux(odd, Cat(half[8:], half[:8]), 0) for half in halves]

        target = where("original_user_ref_num", X="user_ref_num")
        references = words(held.user_ref_num, where("user_ref_num", X="")) + words(held.target, target)
        numbers = words(held.quantity, where("quantity", X="")) + words(held.price, where("price"))
        constant = Mux(action.any(), 0, ones_complement_sum(_packet("\0")))
        for each, octets in self._constant.items():
            constant = constant | Mux(action[each.value], ones_complement_sum(octets), 0)
        enters = action[Action.ENTER.value]
        assert not (_PACKET + ouch.CLIENT["O"]["side"].offset) % 2 and not soupbintcp.HEADER["type"].offset % 2
        character = Mux(enters, side, Mux(action.any(), 0, kind))
        # What four digits are on top of their values depends only on how many letters there are.
        above = Array(C(4 * _DIGIT + (_LETTER - _DIGIT) * four.bit_count(), 8) for four in range(16))
        first, second = (registered(add(m, [*nibbles[i::2], above[letters[i::2]]]), f"digits_sum_{i}")
                         for i in range(2))
        even, odd = (registered(at, f"digits_{name}") for at, name in zip(
            where("cl_ord_id", skip=len(self._design.order.cl_ord_id_prefix)), ("even", "odd"), strict=True))
        high, low = Mux(even, first, Mux(odd, second, 0)), Mux(even, second, Mux(odd, first, 0))
        parts = [
            registered(add(m, references), "references_sum"),
            registered(add(m, numbers), "numbers_sum"),
            registered(add(m, [constant, Cat(C(0, 8), character), Mux(enters, stock_sum, 0)]), "rest_sum"),
            Cat(C(0, 8), high), low,
        ]
        m.d.comb += self.sum.eq(registered(add(m, parts)[:PAYLOAD_SUM_BITS], "all_sum"))

    def _filled(self, action: Action, message: wire.Layout, values: dict[str, Value]) -> Value:
        """The constant octets of an action with the fields that differ."""
        octets = [C(octet, 8) for octet in self._constant[action]]
        for name, value in values.items():
            if name in message:
                field, value = message[name], Value.cast(value)
                for i in range(field.length):
                    if 8 * i < len(value):
                        at = _PACKET + field.offset + i
                        octets[at] = octets[at] | value.word_select(i, 8) if name == "cl_ord_id" else (
                            value.word_select(i, 8))
        return Cat(octets)
