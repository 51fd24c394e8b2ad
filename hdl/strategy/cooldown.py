"""How long ago a symbol's last intent was."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.records import SYMBOL_BITS

from ..memory import SweptMemory
from ..pipeline import delay

TIMESTAMP_BITS = 48


class Cooldown(wiring.Component):
    """``cooling``: the symbol had an intent, and ``(timestamp - its timestamp) mod 2**48 < nanoseconds``.

    Latency: ``symbol``, ``timestamp`` and ``nanoseconds`` in cycle c give ``cooling`` in cycle c + 1, and in that same
    cycle ``fired`` says whether this record became an intent. II = 1. The record just ahead decides while this one is
    in its first cycle; the time since that record is compared regardless, so that its decision costs one multiplexer
    of one bit.

    No symbol has had an intent when ``ready`` rises, ``symbols`` cycles after reset. No record before.

    Parameters
    ----------
    symbols : int

    Members
    -------
    symbol : In(10)
    timestamp : In(48)
        ns.
    nanoseconds : In(47)
        0 never cools.
    cooling : Out(1)
    fired : In(1)
    ready : Out(1)
    """

    symbol: In(SYMBOL_BITS)
    timestamp: In(TIMESTAMP_BITS)
    nanoseconds: In(TIMESTAMP_BITS - 1)
    cooling: Out(1)
    fired: In(1)
    ready: Out(1)

    def __init__(self, *, symbols: int):
        if not 1 <= symbols <= 1 << SYMBOL_BITS:
            raise ValueError(f"symbols must be 1 to {1 << SYMBOL_BITS}, not {symbols!r}")
        self._symbols = symbols
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        entry = data.StructLayout({"had": 1, "timestamp": TIMESTAMP_BITS})
        m.submodules.memory = memory = SweptMemory(shape=entry, depth=max(self._symbols, 2))
        symbols, timestamps = [self.symbol], [self.timestamp]
        for cycle in (1, 2, 3):
            symbols.append(delay(m, symbols[-1], 1, name=f"symbol{cycle}"))
            timestamps.append(delay(m, timestamps[-1], 1, name=f"timestamp{cycle}"))
        fired = delay(m, self.fired, 1, name="fired", reset=True)
        fired_before = delay(m, fired, 1, name="fired_before", reset=True)
        m.d.comb += [
            memory.read_address[0].eq(self.symbol),
            memory.write_address.eq(symbols[2]),
            memory.write_data.had.eq(1),
            memory.write_data.timestamp.eq(timestamps[2]),
            memory.write_enable.eq(fired),
            self.ready.eq(memory.ready),
        ]

        follows1, follows2 = Signal(), Signal()
        since_nearest = Signal(TIMESTAMP_BITS, reset_less=True)
        m.d.sync += [
            follows1.eq(symbols[0] == symbols[1]),
            follows2.eq(symbols[0] == symbols[2]),
            since_nearest.eq(timestamps[0] - timestamps[1]),
        ]

        nanoseconds = delay(m, self.nanoseconds, 1, name="nanoseconds1")

        # One cycle on. The RAM lacks what the records one and two ahead have done.
        forward = follows2 & fired_before
        kept = memory.read_data[0]
        since = Signal(TIMESTAMP_BITS)
        m.d.comb += [
            since.eq(timestamps[1] - Mux(forward, timestamps[3], kept.timestamp)),
            self.cooling.eq(Mux(
                follows1 & fired,
                since_nearest < nanoseconds,
                (forward | kept.had) & (since < nanoseconds))),
        ]
        return m
