"""The host's session messages and SoupBinTCP's client heartbeats. Source: SoupBinTCP 3.00, section 2.3.3."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spec.records import ADMIN

from ..records import layout

_HEARTBEAT = ord("R")


class Admin(wiring.Component):
    """Hands on the host's messages, and asks for a heartbeat when nothing was sent for a while. Latency 1, II 2.

    Parameters
    ----------
    heartbeat_ns : int
        The while; 0: no heartbeats.

    Members
    -------
    host_admin
        What the host sends. Goes first.
    admin
        To ``Order``.
    ns
        The time.
    sends
        A message was sent.
    enabled
        Messages may begin. What was taken before waits on ``admin`` all the same.
    heartbeat
        One cycle: a heartbeat was asked for.
    idle
        Nothing waits.
    """

    def __init__(self, *, heartbeat_ns: int):
        self._heartbeat_ns = heartbeat_ns
        super().__init__({
            "host_admin": In(stream.Signature(layout(ADMIN))), "admin": Out(stream.Signature(layout(ADMIN))),
            "ns": In(64), "sends": In(1), "enabled": In(1), "heartbeat": Out(1), "idle": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        due, settle = Signal(), Signal(2, init=3)
        since, elapsed = Signal(56), Signal(56)
        free = ~self.admin.valid & self.enabled
        m.d.comb += [
            self.host_admin.ready.eq(free),
            self.idle.eq(~self.admin.valid),
        ]
        m.d.sync += self.heartbeat.eq(0)
        with m.If(self.admin.ready):
            m.d.sync += self.admin.valid.eq(0)
        with m.If(free & (self.host_admin.valid | due)):
            m.d.sync += [self.admin.valid.eq(1), self.admin.payload.eq(self.host_admin.payload)]
            with m.If(~self.host_admin.valid):
                m.d.sync += [self.admin.payload.eq(0), self.admin.payload.type.eq(_HEARTBEAT), self.heartbeat.eq(1)]
        if self._heartbeat_ns:
            m.d.sync += [
                elapsed.eq(self.ns[:56] - since),
                due.eq((elapsed >= self._heartbeat_ns) & ~elapsed[55] & (settle == 0)),
            ]
            with m.If(settle != 0):
                m.d.sync += settle.eq(settle - 1)
            with m.If(self.sends | self.admin.valid | ~self.enabled):
                m.d.sync += [since.eq(self.ns), settle.eq(3), due.eq(0)]
        return m
