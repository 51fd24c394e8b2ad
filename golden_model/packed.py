"""Layouts of ``spec`` as ``struct.Struct``, for what is done often: one value per field, in their order."""

from struct import Struct

from spec.wire import Layout

_INTEGER = {1: "B", 2: "H", 4: "I", 8: "Q"}


def struct_of(layout: Layout) -> Struct:
    """Big-endian; text and octets as ``bytes``. Raises ``KeyError`` for an integer of another length."""
    return Struct(">" + "".join(_INTEGER[f.length] if f.kind.is_integer else f"{f.length}s" for f in layout.fields))
