"""The host's control of the kernel: the register block, starting and stopping, interrupts, single commands."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spec import registers as spec
from spec.config import Design
from spec.registers import ADDRESS_BITS, BY_NAME, Control, CoreControl, Interrupt, Pulse, Status
from spec.rings import COMMANDS, RINGS

from .axi import axi4_lite
from .command_reader import Command
from .ptp import PtpAdjust, PtpTime
from .registers import COUNTER_BITS, Registers

_OUT = ("records", "commands", "ring_log2", "command_log2", "ring_enable", "command_producer", "ring_consumer")
_IN = ("ring_producer", "command_consumer", "kill_causes", "rx_cut")
_COUNTER = {"counter_index": Out(COUNTER_BITS), "counter_read": Out(1), "counter_value": In(64),
            "counter_answered": In(1), "counter_failed": In(1)}


class HostControl(wiring.Component):
    """Registers, and what they do on the host's side.

    The core is in reset until START, and from STOP on, as soon as no burst is under way. Domain ``sync``: the host's
    clock.

    Members
    -------
    axi, interrupt
        ``s_axi_control``; level, high.
    running
        The core is out of reset.
    begin
        One cycle before that: rings begin anew.
    run
        Bursts may begin.
    idle
        No burst is under way.
    kill, handback, decouple
        ``CoreControl``.
    ready, decoupled, session, kill_causes
        Of the core: as ``Status`` and the register say.
    pulses, pulse, busy, adjust, now, counter_...
        As of ``CoreSide``.
    commits
        Commands of ``request`` and ``commit``.
    command_fault, record_failed, command_failed, clear_fault
        Of command reader and ring writer: it stands still; there was an error, for one cycle; forget it.
    all others
        Registers of those names.
    """

    REST = 255  #: cycles after STOP in which START is refused: commands that nobody took leave with the reset

    def __init__(self, *, design: Design):
        self._design = design
        super().__init__(_COUNTER | {
            "axi": In(axi4_lite(ADDRESS_BITS)), "interrupt": Out(1),
            "running": Out(1), "begin": Out(1), "run": Out(1), "idle": In(1),
            "kill": Out(1), "handback": Out(1), "decouple": Out(1),
            "ready": In(1), "decoupled": In(1), "session": In(1),
            "pulses": Out(7), "pulse": Out(1), "busy": In(1), "adjust": Out(PtpAdjust), "now": In(PtpTime),
            "commits": Out(stream.Signature(Command)),
            "command_fault": In(1), "record_failed": In(1), "command_failed": In(1), "clear_fault": Out(1),
        } | {name: Out(BY_NAME[name].bits * BY_NAME[name].count) for name in _OUT}
          | {name: In(BY_NAME[name].bits * BY_NAME[name].count) for name in _IN})

    def elaborate(self, platform):
        m = Module()
        m.submodules.registers = registers = Registers()
        connect(m, flipped(self.axi), registers.axi)
        m.d.comb += [
            *(getattr(self, name).eq(getattr(registers, name)) for name in _OUT),
            *(getattr(registers, name).eq(getattr(self, name)) for name in _IN),
            *((getattr(self, name).eq(getattr(registers, name)) if member.flow == Out else
               getattr(registers, name).eq(getattr(self, name))) for name, member in _COUNTER.items()),
            registers.locked.eq(self.running),
            *(getattr(self, bit.name.lower()).eq(registers.core_control[bit.bit_length() - 1]) for bit in CoreControl),
        ]
        self._identify(m, registers)
        self._start_and_stop(m, registers)
        self._pulse(m, registers)
        self._commit(m, registers)
        self._interrupt(m, registers)
        return m

    def _identify(self, m, registers):
        design, (low, high) = self._design, spec.design_words(self._design)
        for name, value in (("id", spec.ID), ("version", spec.VERSION), ("design_low", low),
                            ("design_high", high), ("clock_khz", round(design.core.clock_mhz * 1000)),
                            ("symbols", len(design.symbols)), ("ring_count", len(RINGS)),
                            ("protocol", ("ouch", "fix").index(design.order.protocol))):
            m.d.comb += getattr(registers, name).eq(value)

    def _start_and_stop(self, m, registers):
        written, stops = registers.ap_ctrl_written, Signal()
        rest = Signal(range(self.REST + 1))
        rests = rest != 0
        m.d.comb += [
            stops.eq(registers.pulse_written & registers.pulse_data[Pulse.STOP.bit_length() - 1]),
            registers.ap_ctrl_ready.eq(~rests),
            registers.ap_ctrl.eq(Mux(self.running, Control.START.value, Control.IDLE.value)),
        ]
        with m.FSM():
            with m.State("STAND"):
                with m.If(written & registers.ap_ctrl_data[0]):
                    m.d.comb += self.begin.eq(1)
                    m.d.sync += [self.running.eq(1), self.run.eq(1)]
                    m.next = "RUN"
            with m.State("RUN"):
                with m.If(stops):
                    m.d.sync += self.run.eq(0)
                    m.next = "SETTLE"
            with m.State("SETTLE"):  # a burst may have been decided upon in the last cycle
                m.next = "STOP"
            with m.State("STOP"):
                with m.If(self.idle):
                    m.d.sync += [self.running.eq(0), rest.eq(self.REST)]
                    m.next = "STAND"
        with m.If(rests):
            m.d.sync += rest.eq(rest - 1)

    def _pulse(self, m, registers):
        """To the core, one after another; what concerns the host's side alone needs nobody."""
        written, pulses = registers.pulse_written, registers.pulse_data
        mine = Pulse.STOP | Pulse.CLEAR_FAULT
        theirs = pulses & ~mine.value & (1 << len(Pulse)) - 1
        record_fault, shown, now = Signal(), Signal(len(Status)), self.now
        m.d.comb += [
            registers.pulse_ready.eq(~self.busy | ~theirs.any()),
            self.pulses.eq(theirs), self.pulse.eq(written & theirs.any()),
            self.adjust.set.seconds.eq(registers.ptp_set_seconds),
            self.adjust.set.nanoseconds.eq(registers.ptp_set_nanoseconds),
            self.adjust.set.fraction.eq(registers.ptp_set_fraction),
            self.adjust.phase.eq(registers.ptp_phase_nanoseconds),
            self.adjust.rate.eq(registers.ptp_rate),
            registers.ptp_now_seconds.eq(now.seconds), registers.ptp_now_nanoseconds.eq(now.nanoseconds),
            registers.ptp_now_fraction.eq(now.fraction),
            self.clear_fault.eq(written & pulses[Pulse.CLEAR_FAULT.bit_length() - 1]),
            registers.status.eq(shown),
        ]
        for bit, value in ((Status.RUNNING, self.running), (Status.READY, self.ready), (Status.SESSION, self.session),
                           (Status.KILLED, self.kill_causes.any()), (Status.DECOUPLED, self.decoupled),
                           (Status.RECORD_FAULT, record_fault), (Status.COMMAND_FAULT, self.command_fault),
                           (Status.BUSY, self.busy), (Status.COMMITTING, self.commits.valid)):
            m.d.comb += shown[bit.bit_length() - 1].eq(value)
        with m.If(self.clear_fault | self.begin):
            m.d.sync += record_fault.eq(0)
        with m.If(self.record_failed):
            m.d.sync += record_fault.eq(1)
        for errors, failed in ((registers.record_errors, self.record_failed),
                               (registers.command_errors, self.command_failed)):
            count = Signal(32)
            m.d.comb += errors.eq(count)
            with m.If(failed):
                m.d.sync += count.eq(count + 1)

    def _commit(self, m, registers):
        """What ``request`` holds becomes a command at once: later writes to it do not reach it."""
        commits = self.commits
        with m.If(commits.valid & commits.ready):
            m.d.sync += commits.valid.eq(0)
        number = registers.commit_data
        m.d.comb += registers.commit_ready.eq(~commits.valid & self.running & (number < len(COMMANDS)))
        with m.If(registers.commit_written):
            m.d.sync += [commits.valid.eq(1), commits.payload.payload.eq(registers.request),
                         commits.payload.command.eq(number)]

    def _interrupt(self, m, registers):
        causes = self.kill_causes
        had, had_session, up = Signal.like(causes), Signal(), Signal(len(Interrupt))
        m.d.sync += [had.eq(causes), had_session.eq(self.session)]
        events = {Interrupt.KILL: (causes & ~had).any(), Interrupt.SESSION: self.session != had_session,
                  Interrupt.FAULT: self.record_failed | self.command_failed}
        toggled = Mux(registers.isr_written, registers.isr_data[: len(Interrupt)], 0)
        m.d.sync += up.eq((up ^ toggled) | Cat(events[bit] for bit in Interrupt))
        m.d.comb += [
            registers.isr_ready.eq(1), registers.isr.eq(up),
            self.interrupt.eq(registers.gie & (up & registers.ier).any()),
        ]
