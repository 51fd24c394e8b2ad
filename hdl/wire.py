"""Wire formats in gateware: views of octet strings by the tables in ``spec``.

Octet i of a string stands in bits 8i+7..8i, as on an AXI4-Stream; integers on the wire are big-endian.
"""

from amaranth import *
from amaranth.lib import data, stream

from spec.wire import Field, Layout


class Beat(data.Struct):
    """One beat of an AXI4-Stream. ``keep`` is contiguous from lane 0 and all ones except at ``last``."""

    data: 64
    keep: 8
    last: 1
    error: 1  #: tuser: the MAC found the frame bad; meaningful at ``last``


#: RX never holds back the wire.
RX = stream.Signature(Beat, always_ready=True)
TX = stream.Signature(Beat)


def big_endian(octets: Value) -> Value:
    """The integer in an octet string whose first octet is its most significant."""
    octets = Value.cast(octets)
    return Cat(octets.word_select(i, 8) for i in reversed(range(len(octets) // 8)))


def field(octets: Value, of: Field | Layout, name: str | None = None) -> Value:
    """One field of the message that begins with octet 0 of ``octets``: an integer in host order.

    Text comes as octets in wire order.
    """
    if name is not None:
        of = of[name]
    raw = Value.cast(octets)[8 * of.offset : 8 * of.end]
    return big_endian(raw) if of.kind.is_integer else raw


def to_octets(value: Value, octets: int) -> Value:
    """The inverse of ``big_endian``: ``value`` in ``octets`` octets, most significant first."""
    value = Value.cast(value)
    padded = Cat(value, C(0, max(0, 8 * octets - len(value))))[: 8 * octets]
    return big_endian(padded)
