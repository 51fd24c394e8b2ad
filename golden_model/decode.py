"""ITCH 5.0 messages as typed tuples, one class per message type, derived from ``spec.itch``.

Integers are integers; text fields are octets with their padding kept.
"""

from collections import namedtuple
from struct import Struct

from spec.itch import HEADER, MAX_MESSAGE, MESSAGES
from spec.wire import Layout

_INTEGER = {1: "B", 2: "H", 4: "I", 8: "Q"}


def _camel_case(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.replace("-", " ").split())


def _decoder(layout: Layout) -> tuple[Struct, type]:
    """The message's class, and a ``Struct`` whose fourth and fifth value are the timestamp's two parts."""
    body = layout.fields[len(HEADER.fields):]
    codes = "".join(f"{f.length}s" if f.kind.is_text else _INTEGER[f.length] for f in body)
    return Struct(">cHHHI" + codes), namedtuple(_camel_case(layout.name), [f.name for f in layout.fields])


_HEADER = _decoder(HEADER)
_make = tuple.__new__
_DECODERS = {ord(code): _decoder(layout) for code, layout in MESSAGES.items()}

#: The class of each type's messages, by type character.
CLASSES: dict[str, type] = {code: _DECODERS[ord(code)][1] for code in MESSAGES}


def decode(octets: bytes):
    """The message at the beginning of ``octets``: the named tuple of its type, of the header for an unknown type.

    Raises ``struct.error`` when ``octets`` is shorter than the message.
    """
    struct, message = _DECODERS.get(octets[0], _HEADER)
    values = struct.unpack_from(octets)
    return _make(message, (*values[:3], values[3] << 32 | values[4], *values[5:]))


def decode_record(record):
    """The message in a ``Message`` record."""
    return decode(record.octets.to_bytes(MAX_MESSAGE, "little"))
