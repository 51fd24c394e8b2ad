"""The session's octets for the host, many in a record."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spec.rings import INBOX, INBOX_OCTETS

from ..records import layout, records
from ..session import Inbox


class InboxRecords(wiring.Component):
    """Gathers octets until a packet or message ends, the record is full, or none has come for ``PATIENCE`` cycles.

    A record follows one cycle after its last octet, or after patience is at its end. II = 1.
    """

    PATIENCE = 1024  #: cycles; a packet that was cut by a hand-back is the host's, too

    octets: In(stream.Signature(Inbox, always_ready=True))
    inbox: Out(records(INBOX))

    def elaborate(self, platform):
        m = Module()
        gathered = Signal(layout(INBOX))
        patience = Signal(range(self.PATIENCE + 1))
        octet, valid = self.octets.payload, self.octets.valid
        now = Signal(layout(INBOX))
        complete = Signal()
        m.d.comb += [
            now.eq(gathered),
            complete.eq(Mux(valid, octet.last | (gathered.length == INBOX_OCTETS - 1),
                            (gathered.length != 0) & (patience == 0))),
        ]
        with m.If(valid):
            m.d.comb += [now.length.eq(gathered.length + 1), now.last.eq(octet.last)]
            with m.Switch(gathered.length):
                for i in range(INBOX_OCTETS):
                    with m.Case(i):
                        m.d.comb += now.octets[8 * i : 8 * i + 8].eq(octet.octet)
        m.d.sync += [
            self.inbox.valid.eq(complete), self.inbox.payload.eq(now),
            Value.cast(gathered).eq(Mux(complete, 0, now)),
            patience.eq(Mux(valid, self.PATIENCE, patience - (patience != 0))),
        ]
        return m
