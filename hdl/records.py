"""The records of ``spec.records`` as Amaranth structs and streams."""

from functools import cache

from amaranth import signed, unsigned
from amaranth.lib import data, stream

from spec.counters import COUNTER_BITS, COUNTERS
from spec.record import Record


@cache
def layout(record: Record) -> data.StructLayout:
    """The record's fields, least significant first."""
    return data.StructLayout({f.name: signed(f.bits) if f.signed else unsigned(f.bits) for f in record.fields})


def records(record: Record) -> stream.Signature:
    """A stage boundary: one record at most per cycle, in order, without backpressure."""
    return stream.Signature(layout(record), always_ready=True)


@cache
def counters(stage: str) -> data.StructLayout:
    """A stage's counters, in the order of ``spec.counters``."""
    return data.StructLayout({name: COUNTER_BITS for name in COUNTERS[stage]})
