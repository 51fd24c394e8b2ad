"""The strategy's parameters, which the host may change between any two updates."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.limits import parameters
from spec.records import PARAMETERS, PARAMETERS_SET

from ..records import layout, records


class Parameters(wiring.Component):
    """Takes what is given at once, as a whole.

    Latency: given in cycle c, the update of cycle c + 1 is the first that sees it, and the echo is in cycle c + 1.
    II = 1.

    Parameters
    ----------
    design : Design
        The parameters of ``design.strategy`` are in force after reset.

    Members
    -------
    given
        Of the host.
    message
        Number of the update of this cycle, or of the last before it.
    active
        For the update of this cycle; from registers.
    echo
    """

    given: In(stream.Signature(layout(PARAMETERS)))
    message: In(32)
    active: Out(layout(PARAMETERS))
    echo: Out(records(PARAMETERS_SET))

    def __init__(self, *, design: Design):
        self._initial = parameters(design)._asdict()
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        active = Signal(layout(PARAMETERS), init=self._initial)
        with m.If(self.given.valid):
            m.d.sync += active.eq(self.given.payload)
        m.d.comb += [self.given.ready.eq(1), self.active.eq(active)]
        m.d.sync += [self.echo.valid.eq(self.given.valid), self.echo.payload.message.eq(self.message)]
        # What was given is in ``active`` when its echo is valid.
        m.d.comb += [self.echo.payload[field.name].eq(active[field.name]) for field in PARAMETERS.fields]
        return m
