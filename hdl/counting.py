"""Event counters."""

from amaranth import *
from amaranth.lib import data


def count(m: Module, counters: data.View, name: str, event, by=1) -> None:
    """Add ``by`` to ``counters.name`` in every cycle in which ``event`` is high. Visible one cycle later."""
    counter = counters[name]
    with m.If(event):
        m.d.sync += counter.eq(counter + by)
