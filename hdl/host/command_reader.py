"""The host's command ring, read over AXI4."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec.rings import BURST_SLOTS, COMMAND_BITS, COMMAND_SLOT, COMMANDS, MAX_LOG2, SLOT_OCTETS

from .axi import AXI4_READ, DATA_BITS, OCTETS, burst

BEATS = SLOT_OCTETS // OCTETS  #: of a slot
_COUNT = BURST_SLOTS.bit_length()  #: bits of a number of slots in a burst
_ID = COMMAND_SLOT["command"]


class Command(data.Struct):
    """What the host wants."""

    payload: COMMAND_BITS  #: a packed record
    command: range(len(COMMANDS))


class CommandReader(wiring.Component):
    """Fetches what the host has announced, in bursts up to 4 KiB that cross no such boundary, one at a time.

    A read that is answered with an error, or a slot that names no command, stops it before that slot: nothing behind is
    carried out until ``clear``, after which it reads the slot again.

    Domain ``sync``: the host's clock.

    Members
    -------
    axi
        ``m_axi_commands``.
    commands
        With backpressure, which reaches the AXI master's R.
    begin
        One cycle: the ring begins anew. Nothing is under way.
    run
        Bursts may begin.
    address, log2
        Of the ring; its slots. Still while running.
    producer, consumer
        Slots that the host has announced; that were handed on.
    clear, fault
        Forget the fault; it stands still.
    failed
        One cycle: there was one.
    idle
        No burst is under way.
    """

    axi: Out(AXI4_READ)
    commands: Out(stream.Signature(Command))
    begin: In(1)
    run: In(1)
    address: In(64)
    log2: In(5)
    producer: In(32)
    consumer: Out(32)
    clear: In(1)
    fault: Out(1)
    failed: Out(1)
    idle: Out(1)

    def elaborate(self, platform):
        m = Module()
        axi, commands = self.axi, self.commands
        size, waiting = Signal(MAX_LOG2 + 1), Signal(32)
        slots, index, to_boundary = Signal(_COUNT), Signal(32), Signal(_COUNT)
        m.d.comb += [
            *burst(axi, "ar"),
            # More than the ring holds: a producer of before the ring began anew.
            waiting.eq(self.producer - self.consumer),
            index.eq(self.consumer & (size - 1)),
            to_boundary.eq(BURST_SLOTS - self.consumer[: _COUNT - 1]),
            slots.eq(Mux(waiting < to_boundary, waiting, to_boundary)),
        ]
        m.d.sync += size.eq(1 << self.log2)
        with m.If(axi.arvalid & axi.arready):
            m.d.sync += axi.arvalid.eq(0)

        second, first_half, bad = Signal(), Signal(DATA_BITS), Signal()
        slot = Cat(first_half, axi.rdata)
        number, wrong = slot[8 * _ID.offset : 8 * _ID.end], Signal()
        m.d.comb += [
            wrong.eq(axi.rresp[1] | bad | (number >= len(COMMANDS))),
            commands.payload.payload.eq(slot[:COMMAND_BITS]),
            commands.payload.command.eq(number),
        ]
        m.d.sync += self.failed.eq(0)
        with m.If(self.clear):
            m.d.sync += self.fault.eq(0)
        with m.FSM():
            with m.State("AWAIT"):
                m.d.comb += self.idle.eq(1)
                m.d.sync += [second.eq(0), bad.eq(0)]
                with m.If(self.begin):
                    m.d.sync += [self.consumer.eq(0), self.fault.eq(0)]
                with m.Elif(self.run & ~self.fault & (waiting != 0) & (waiting <= size)):
                    m.d.sync += [
                        axi.arvalid.eq(1), axi.arlen.eq(BEATS * slots - 1),
                        axi.araddr.eq(self.address + (index << SLOT_OCTETS.bit_length() - 1)),
                    ]
                    m.next = "RECEIVE"
            with m.State("RECEIVE"):
                m.d.comb += [
                    commands.valid.eq(axi.rvalid & second & ~wrong & ~self.fault),
                    axi.rready.eq(~second | wrong | self.fault | commands.ready),
                ]
                with m.If(axi.rvalid & axi.rready):
                    m.d.sync += second.eq(~second)
                    with m.If(~second):
                        m.d.sync += [first_half.eq(axi.rdata), bad.eq(axi.rresp[1])]
                    with m.Elif(~wrong & ~self.fault):
                        m.d.sync += self.consumer.eq(self.consumer + 1)
                    with m.Elif(~self.fault):
                        m.d.sync += [self.fault.eq(1), self.failed.eq(1)]
                    with m.If(axi.rlast):
                        m.next = "AWAIT"
        return m
