"""What a record is: a named tuple of integers with widths and units."""

from collections import namedtuple
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    bits: int
    unit: str
    signed: bool = False


@dataclass(frozen=True)
class Record:
    """A named tuple of integers that crosses a stage boundary.

    Parameters
    ----------
    name
        CamelCase, the class name of ``tuple``.
    stream
        The stream's name at the stage boundary, a plural noun.
    stage
        The stage that emits it.
    fields
        From the least significant bit upwards.
    """

    name: str
    stream: str
    stage: str
    doc: str
    fields: tuple[Field, ...]
    tuple: type = field(init=False, compare=False)

    def __post_init__(self):
        object.__setattr__(self, "tuple", namedtuple(self.name, [f.name for f in self.fields], module=__name__))

    @property
    def bits(self) -> int:
        return sum(f.bits for f in self.fields)

    def pack(self, values) -> int:
        """The record as one unsigned integer. Raises ``ValueError`` for a value that does not fit its field."""
        word = offset = 0
        for f, value in zip(self.fields, values, strict=True):
            low, high = (-(1 << f.bits - 1), 1 << f.bits - 1) if f.signed else (0, 1 << f.bits)
            if not low <= value < high:
                raise ValueError(f"{self.name}.{f.name}: {value!r} does not fit {f.bits} bits")
            word |= (value & (1 << f.bits) - 1) << offset
            offset += f.bits
        return word

    def unpack(self, word: int):
        """The inverse of ``pack``: a named tuple of integers."""
        values = []
        for f in self.fields:
            value = word & (1 << f.bits) - 1
            values.append(value - (1 << f.bits) if f.signed and value >> f.bits - 1 else value)
            word >>= f.bits
        return self.tuple(*values)
