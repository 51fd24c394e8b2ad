"""TypeCheck: is this an ITCH message, and as long as its type says?

Source: Nasdaq TotalView-ITCH 5.0, section 1, by the table in ``spec.itch``.
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.feed.framer import LENGTH_BITS
from spec import itch


class TypeCheck(wiring.Component):
    """Latency 1 cycle, II 1. ``type`` and ``length`` stand for two cycles at least before a message can end.

    Members
    -------
    type, length
        A message's first octet and its length in octets.
    known
        ITCH 5.0 has this type.
    fits
        ``length`` is that of ``type``; meaningful if ``known``.
    adds
        The type is one that adds an order: A or F.
    """

    type: In(8)
    length: In(LENGTH_BITS)
    known: Out(1)
    fits: Out(1)
    adds: Out(1)

    def elaborate(self, platform):
        m = Module()
        length = Signal(range(itch.MAX_MESSAGE + 1))
        known = Signal()
        with m.Switch(self.type):
            for code, layout in itch.MESSAGES.items():
                with m.Case(ord(code)):
                    m.d.comb += [known.eq(1), length.eq(layout.length)]
        m.d.sync += [
            self.known.eq(known),
            self.fits.eq(length == self.length),
            self.adds.eq(self.type.matches(ord("A"), ord("F"))),
        ]
        return m
