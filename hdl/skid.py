"""A register on a stream, in both directions."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class SkidBuffer(wiring.Component):
    """Cuts ``ready`` as well as ``payload`` and ``valid``: no path leads through it.

    Latency 1 cycle, initiation interval 1. What comes in the cycle in which the far end stops stands beside the output.

    Parameters
    ----------
    shape
        Of the payload.
    """

    def __init__(self, shape):
        self._shape = shape
        super().__init__({"input": In(stream.Signature(shape)), "output": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        beside, kept = Signal(), Signal(self._shape, reset_less=True)
        source, sink = self.input, self.output
        m.d.comb += source.ready.eq(~beside)
        with m.If(source.ready):
            m.d.sync += kept.eq(source.payload)
        with m.If(sink.ready | ~sink.valid):
            m.d.sync += [
                sink.valid.eq(source.valid | beside), sink.payload.eq(Mux(beside, kept, source.payload)), beside.eq(0)]
        with m.Elif(source.valid & source.ready):
            m.d.sync += beside.eq(1)
        return m
