"""Wire-format tables: a message is a list of fields at octet offsets.

The hardware decoder, the model's decoder, the encoders, the traffic generator and the reference page are all derived
from these tables.
"""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What the octets of a field mean."""

    UINT = "unsigned integer"
    CHAR = "one ASCII character, a code"
    ALPHA = "ASCII, left-justified, padded with spaces"
    PRICE4 = "unsigned integer, 1/10 000 dollar"
    PRICE8 = "unsigned integer, 1/100 000 000 dollar"
    TIME = "unsigned integer, nanoseconds since midnight"
    OCTETS = "octets without further structure"

    @property
    def is_text(self) -> bool:
        return self in (Kind.CHAR, Kind.ALPHA)

    @property
    def is_integer(self) -> bool:
        return not self.is_text and self is not Kind.OCTETS


@dataclass(frozen=True, slots=True)
class Field:
    """One field: ``length`` octets from ``offset``, counted from the message's first octet."""

    name: str
    offset: int
    length: int
    kind: Kind = Kind.UINT
    codes: str = ""  #: the legal characters of a CHAR field, where the specification lists them

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(frozen=True)
class Layout:
    """A header or message of fixed length.

    Parameters
    ----------
    name
        The specification's name.
    length
        Octets, without any variable part that follows.
    section
        Where the specification defines it.
    fields
        In wire order, without overlaps and inside ``length``.
    code
        The type character that selects this message, or ``""`` for a header.
    """

    name: str
    length: int
    section: str
    fields: tuple[Field, ...]
    code: str = ""

    def __post_init__(self):
        end = 0
        for field in self.fields:
            if field.offset < end or field.end > self.length:
                raise ValueError(f"{self.name}.{field.name} overlaps or exceeds {self.length} octets")
            end = field.end

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name} has no field {name!r}")

    def __contains__(self, name: str) -> bool:
        return any(field.name == name for field in self.fields)


def fields(*rows: tuple, start: int = 0) -> tuple[Field, ...]:
    """Contiguous fields from rows of (name, length[, kind[, codes]]), beginning at ``start``."""
    result, offset = [], start
    for name, length, *rest in rows:
        result.append(Field(name, offset, length, *rest))
        offset += length
    return tuple(result)


def read(layout: Layout, octets: bytes, byteorder: str = "big") -> dict[str, int | str | bytes]:
    """Every field of ``layout`` in ``octets``: integers, text with its padding kept, or raw octets.

    Raises ``ValueError`` where ``octets`` is shorter than the layout.
    """
    if len(octets) < layout.length:
        raise ValueError(f"{layout.name}: {len(octets)} octets, expected {layout.length}")
    return {field.name: read_field(field, octets, byteorder) for field in layout.fields}


def read_field(field: Field, octets: bytes, byteorder: str = "big") -> int | str | bytes:
    raw = octets[field.offset : field.end]
    if field.kind.is_integer:
        return int.from_bytes(raw, byteorder)
    return raw.decode("latin-1") if field.kind.is_text else bytes(raw)


def write(layout: Layout, byteorder: str = "big", **values) -> bytes:
    """Octets of ``layout``; fields not named are zero (text: spaces). The type code is filled in.

    Raises ``KeyError`` for a name that is no field and ``ValueError`` for a value that does not fit.
    """
    unknown = set(values) - {field.name for field in layout.fields}
    if unknown:
        raise KeyError(f"{layout.name} has no field {sorted(unknown)[0]!r}")
    if layout.code and "type" in layout:
        values.setdefault("type", layout.code)
    octets = bytearray(layout.length)
    for field in layout.fields:
        value = values.get(field.name, "" if field.kind.is_text else 0 if field.kind.is_integer else b"")
        if field.kind.is_integer:
            if not 0 <= value < 1 << 8 * field.length:
                raise ValueError(f"{layout.name}.{field.name}: {value!r} does not fit {field.length} octets")
            raw = value.to_bytes(field.length, byteorder)
        else:
            raw = value.encode("latin-1").ljust(field.length) if isinstance(value, str) else bytes(value)
            raw = raw if field.kind.is_text else raw.ljust(field.length, b"\0")
            if len(raw) != field.length:
                raise ValueError(f"{layout.name}.{field.name}: {value!r} does not fit {field.length} octets")
        octets[field.offset : field.end] = raw
    return bytes(octets)
