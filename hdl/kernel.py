"""The kernel for a Vitis shell: the core, its clocks, and its ways to the host.

    rx, session_rx -> (crossing) -> core -> (crossing) -> tx
    core -> record fifos -> ring writer -> m_axi_records          requests <- command reader <- m_axi_commands
    s_axi_control -> registers -> core side -> kill, pulses, counters, PTP clock

Modes of ``design.host.clocks``: see ``DOMAINS``. The path of a tick is that of ``hdl.top``; a mode with crossings adds
theirs to it.
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.cdc import AsyncFFSynchronizer
from amaranth.lib.wiring import In, Out, connect, flipped

from spec.config import Design
from spec.counters import COUNTERS
from spec.records import RECORDS, SessionEvent
from spec.registers import ADDRESS_BITS, COUNTER_INDEX
from spec.rings import COMMANDS, RINGS

from .host.axi import AXI4_READ, AXI4_WRITE, axi4_lite
from .host.command_reader import Command, CommandReader
from .host.control import HostControl
from .host.core_side import CoreSide, synchronise
from .host.crossing import Crossing, GrayCount
from .host.inbox import InboxRecords
from .host.records import RecordPath
from .host.stamps import Stamps
from .host.wire_crossing import RxCrossing, TxCrossing
from .skid import SkidBuffer
from .top import TickToTrade
from .wire import RX, TX

#: Clock of each domain, by mode. ``core`` is the core's clock, ``sync`` the same with the reset that the host controls.
DOMAINS = {
    "one": {"host": "ap_clk", "core": "ap_clk"},
    "rx": {"host": "ap_clk", "core": "rx_clk", "session_rx": "session_rx_clk", "tx": "tx_clk"},
    "all": {"host": "ap_clk", "core": "ap_clk_2", "rx": "rx_clk", "session_rx": "session_rx_clk", "tx": "tx_clk"},
}
_COMMAND_FIFO = 16
_TX_FIFO = 64  #: beats; the longest frame of the core fits


class Kernel(wiring.Component):
    """``tickwire_kernel``.

    Parameters
    ----------
    design : Design
    strategy : component, optional
        As of ``TickToTrade``.

    Members
    -------
    ap_clk, ap_rst_n and the other clocks of the mode : In(1)
    s_axi_control, interrupt
        Registers of ``spec.registers``.
    m_axi_records, m_axi_commands
        To host memory: the rings of ``spec.rings``.
    rx, session_rx, tx
        As of ``TickToTrade``, each on its clock.
    """

    def __init__(self, *, design: Design, strategy: wiring.Component | None = None):
        self.design = design
        self._core = TickToTrade(design=design, strategy=strategy)
        self._domains = DOMAINS[design.host.clocks]
        super().__init__({clock: In(1) for clock in self._domains.values()} | {
            "ap_rst_n": In(1), "interrupt": Out(1), "s_axi_control": In(axi4_lite(ADDRESS_BITS)),
            "m_axi_records": Out(AXI4_WRITE), "m_axi_commands": Out(AXI4_READ),
            "rx": In(RX), "session_rx": In(RX), "tx": Out(TX),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self._core
        m.submodules.control = control = DomainRenamer("host")(HostControl(design=self.design))
        m.submodules.side = side = CoreSide(period_ns=self.design.core.period_ns)
        self._clocks(m, control)
        connect(m, flipped(self.s_axi_control), control.axi)
        m.d.comb += self.interrupt.eq(control.interrupt)

        beats = self._wires(m, core, control)
        records = self._records(m, core, control, side, beats)
        reader = self._commands(m, core, control)
        m.d.comb += control.idle.eq(records.idle & reader.idle)
        self._control(m, core, control, side, records.lost)
        return m

    def _clocks(self, m, control):
        """Each domain's clock and reset. The core's is held as long as the host says."""
        for domain, clock in self._domains.items():
            m.domains += ClockDomain(domain)
            m.d.comb += ClockSignal(domain).eq(getattr(self, clock))
            m.submodules[f"reset_{domain}"] = AsyncFFSynchronizer(
                ~self.ap_rst_n, ResetSignal(domain), o_domain=domain)
        m.domains.sync = ClockDomain()
        held = Signal(init=1)
        m.d.host += held.eq(~control.running)
        m.d.comb += ClockSignal().eq(ClockSignal("core"))
        m.submodules.reset_sync = AsyncFFSynchronizer(held, ResetSignal(), o_domain="core")

    def _wires(self, m, core, control) -> list:
        """Frames to and from the core. Returns (beat, last) of its three ports."""
        host, cuts = self.design.host, []
        for name in ("rx", "session_rx"):
            wire, inside = getattr(self, name), getattr(core, name)
            if name not in self._domains:
                connect(m, flipped(wire), inside)
                cuts.append(C(0, 32))
                continue
            m.submodules[f"{name}_crossing"] = crossing = RxCrossing(depth=host.rx_fifo, domain=name)
            m.submodules[f"{name}_cuts"] = cut = GrayCount(counts=name, shows="host")
            connect(m, flipped(wire), crossing.wire)
            connect(m, crossing.core, inside)
            m.d.comb += cut.event.eq(crossing.cut)
            cuts.append(cut.count)
        if "tx" in self._domains:
            m.submodules.tx_crossing = crossing = TxCrossing(
                depth=_TX_FIFO, core_mhz=self.design.core.clock_mhz, wire_mhz=host.tx_clock_mhz, domain="tx")
            connect(m, core.tx, crossing.core)
            connect(m, crossing.wire, flipped(self.tx))
        else:
            connect(m, core.tx, flipped(self.tx))
        m.d.comb += control.rx_cut.eq(Cat(cuts))
        return [(port.valid & port.ready, port.payload.last) for port in (core.rx, core.session_rx, core.tx)]

    def _records(self, m, core, control, side, beats):
        """Every stage boundary, the inbox and the stamps into their rings."""
        m.submodules.inbox = inbox = InboxRecords()
        m.submodules.stamps = stamps = Stamps()
        m.submodules.record_path = path = RecordPath(depth=self.design.host.fifo)
        connect(m, core.inbox, inbox.octets)
        m.d.comb += stamps.time.eq(side.time)
        for i, (beat, last) in enumerate(beats):
            m.d.comb += [getattr(stamps, f"beat_{i}").eq(beat), getattr(stamps, f"last_{i}").eq(last)]

        sources = [*(getattr(core, record.stream) for record in RECORDS), inbox.inbox, stamps.stamps]
        for record, source in zip(RINGS, sources, strict=True):
            connect(m, source, getattr(path, record.stream))
        connect(m, path.axi, flipped(self.m_axi_records))
        m.d.comb += [
            path.enable.eq(synchronise(m, "ring_enable", control.ring_enable, to="sync")),
            path.begin.eq(control.begin), path.run.eq(control.run), path.address.eq(control.records),
            path.log2.eq(control.ring_log2), Value.cast(path.consumers).eq(control.ring_consumer),
            control.ring_producer.eq(path.producers), control.record_failed.eq(path.failed),
        ]
        return path

    def _commands(self, m, core, control):
        """The command ring and single commits, in turn, to the core's inputs."""
        m.submodules.command_reader = reader = DomainRenamer("host")(CommandReader())
        m.submodules.command_crossing = crossing = Crossing(
            shape=Command, depth=_COMMAND_FIFO, writes="host", reads="sync")
        m.submodules.command_skid = skid = SkidBuffer(Command)
        connect(m, reader.axi, flipped(self.m_axi_commands))
        connect(m, crossing.output, skid.input)
        m.d.comb += [
            reader.begin.eq(control.begin), reader.run.eq(control.run), reader.address.eq(control.commands),
            reader.log2.eq(control.command_log2), reader.producer.eq(control.command_producer),
            control.command_consumer.eq(reader.consumer), reader.clear.eq(control.clear_fault),
            control.command_fault.eq(reader.fault), control.command_failed.eq(reader.failed),
            # A single command goes first: it is the host's hand, not a list of it.
            crossing.input.valid.eq(control.commits.valid | reader.commands.valid),
            crossing.input.payload.eq(Mux(control.commits.valid, control.commits.payload, reader.commands.payload)),
            control.commits.ready.eq(crossing.input.ready),
            reader.commands.ready.eq(crossing.input.ready & ~control.commits.valid),
        ]
        command = skid.output.payload
        with m.Switch(command.command):
            for i, record in enumerate(COMMANDS):
                into = getattr(core, record.stream)
                m.d.comb += into.payload.eq(command.payload[: record.bits])
                with m.Case(i):
                    m.d.comb += [into.valid.eq(skid.output.valid), skid.output.ready.eq(into.ready)]
        return reader

    def _control(self, m, core, control, side, lost):
        """Levels, pulses, counters and states between the host's clock and the core's."""
        m.d.comb += [
            core.kill.eq(synchronise(m, "kill", control.kill, to="sync")),
            core.handback.eq(synchronise(m, "handback", control.handback, to="sync")),
            core.kill_release.eq(side.kill_release),
            *(getattr(side, name).eq(getattr(control, name)) for name in ("pulses", "pulse", "adjust", "counter_index",
                                                                         "counter_read")),
            *(getattr(control, name).eq(getattr(side, name)) for name in (
                "busy", "now", "counter_value", "counter_answered", "counter_failed")),
            control.ready.eq(synchronise(m, "ready", core.ready, to="host")),
        ]
        counters = {f"{stage}_{name}": getattr(core, f"{stage}_counters")[name]
                    for stage, names in COUNTERS.items() for name in names}
        m.d.comb += side.values.eq(Cat(lost[i] if name == "ring_lost" else counters[name] for name, i in COUNTER_INDEX))

        causes, session = Signal(8), Signal(init=self.design.session.established)
        with m.If(core.kills.valid):
            m.d.sync += causes.eq(core.kills.payload.causes)
        with m.If(core.sessions.valid):
            m.d.sync += session.eq(core.sessions.payload.state == SessionEvent.ESTABLISHED.value)
        m.d.comb += [
            control.kill_causes.eq(synchronise(m, "kill_causes", causes, to="host")),
            control.session.eq(synchronise(m, "session", session, to="host")),
        ]
        if self.design.strategy.reconfigurable:
            m.d.comb += [
                core.decouple.eq(synchronise(m, "decouple", control.decouple, to="sync")),
                control.decoupled.eq(synchronise(m, "decoupled", core.decoupled, to="host")),
            ]
