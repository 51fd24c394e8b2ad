"""OUCH 5.0 messages in SoupBinTCP packets (SoupBinTCP 3.00, section 2.3), octet by octet."""

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from spec import ouch, soupbintcp, wire
from spec.config import Design
from spec.records import ADMIN, DECISION, Action

from ..records import layout
from ..wire import to_octets

_PACKET = soupbintcp.HEADER.length
_ALL = 0  #: new intended size of an order that is cancelled (OUCH 5.0, section 2.3)


def hexadecimal(nibble: Value) -> Value:
    """The ASCII octet of one upper-case hexadecimal digit."""
    return Mux(nibble < 10, C(ord("0"), 8) | nibble, ord("A") - 10 + nibble)[:8]


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
    length
        Octets, in the same cycle.
    payload
        One cycle later: zero past the length.
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
            "decision": In(layout(DECISION)), "admin": In(layout(ADMIN)), "is_admin": In(1), "length": Out(16),
            "payload": Out(8 * self.octets),
        })

    def elaborate(self, platform):
        m = Module()
        decision, prefix = self.decision, len(self._design.order.cl_ord_id_prefix)
        # Read in the cycle of the decision, so that the name stands beside the registers.
        stocks = [int.from_bytes(symbol.stock_octets, "little") for symbol in self._design.symbols]
        m.submodules.stocks = rom = memory.Memory(shape=64, depth=max(2, len(stocks)), init=stocks)
        stock = rom.read_port()
        m.d.comb += stock.addr.eq(decision.symbol)

        held, kind, action = Signal(layout(DECISION)), Signal(8), Signal(3)  # action: one-hot
        m.d.sync += [
            held.eq(decision), kind.eq(self.admin.type),
            action.eq(Mux(self.is_admin, 0, Cat(decision.action == each.value for each in Action))),
        ]
        values = {
            "user_ref_num": to_octets(held.user_ref_num, 4),
            "original_user_ref_num": to_octets(held.target, 4),
            "side": Mux(held.side, Mux(held.short, C(ord("T"), 8), C(ord("S"), 8)), C(ord("B"), 8)),
            "quantity": to_octets(held.quantity, 4),
            "symbol": stock.data,
            "price": to_octets(held.price, 8),
            "cl_ord_id": Cat(C(0, 8 * prefix),
                             *(hexadecimal(held.user_ref_num.word_select(i, 4)) for i in reversed(range(8)))),
        }
        octets = C(0, 8 * self.octets)
        for code, each in (("O", Action.ENTER), ("U", Action.REPLACE), ("X", Action.CANCEL)):
            fields = dict(values)
            if each is Action.CANCEL:
                fields = {"user_ref_num": values["original_user_ref_num"]}
            octets = octets | Mux(action[each.value], self._filled(each, ouch.CLIENT[code], fields), 0)
        admin = Cat(C(0, 8), C(1, 8), kind)  # no message: length 1
        m.d.comb += [
            self.payload.eq(Mux(action.any(), octets, admin)),
            self.length.eq(Mux(self.is_admin, _PACKET, Array(
                C(len(self._constant[each]), 16) for each in (*Action, Action.CANCEL))[decision.action])),
        ]
        return m

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
