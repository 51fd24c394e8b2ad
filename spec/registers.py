"""The registers of ``s_axi_control``: AXI4-Lite, 32 bits wide, little-endian.

The gateware, the C++ header, the Python class, the page of documentation and kernel.xml are all made from
``REGISTERS``. A register of 64 bits is two words, the low one first. Whole words only: a write that strobes less, an
unaligned access, a write to what is read-only, a read of what is write-only and an address without a register are
answered with SLVERR and change nothing.
"""

import hashlib
from dataclasses import dataclass
from enum import Enum, IntFlag
from typing import NamedTuple

from .config import Design
from .counters import COUNTERS
from .rings import COMMANDS, PAYLOAD_OCTETS, RINGS

ADDRESS_BITS = 14
SIZE = 1 << ADDRESS_BITS  #: octets


class Access(Enum):
    READ_WRITE = "rw"  #: keeps what was written
    ACTION = "rw, acts"  #: what is written acts, what is read is a state
    LOCKED = "rw, locked"  #: as before; SLVERR while the core runs
    READ_ONLY = "ro"
    WRITE_ONLY = "wo"  #: acts; SLVERR where it cannot act now, and nothing has changed
    COUNTER = "ro, counter"  #: 64 bits of one moment: the low word first, the high word then belongs to it; SLVERR if
    #: another counter's low word was read in between, or the core's clock stands still


@dataclass(frozen=True)
class Register:
    """One register, or ``count`` alike in a row.

    ``bits`` up to 32 take one word, more take two. Bits beyond read zero; what is written there is ignored.
    """

    name: str
    offset: int
    access: Access
    doc: str
    bits: int = 32
    count: int = 1
    reset: int = 0
    signed: bool = False

    @property
    def stride(self) -> int:
        return 4 if self.bits <= 32 else 8

    @property
    def end(self) -> int:
        return self.offset + self.count * self.stride

    @property
    def writable(self) -> bool:
        return self.access in (Access.READ_WRITE, Access.LOCKED, Access.ACTION, Access.WRITE_ONLY)

    @property
    def readable(self) -> bool:
        return self.access is not Access.WRITE_ONLY


class Control(IntFlag):
    """Bits of ``ap_ctrl``, as Vitis has them (UG1393, "Controlling the kernel")."""

    START = 1 << 0  #: write 1: the core leaves reset; reads 1 while it runs
    DONE = 1 << 1  #: never: the core runs until it is stopped
    IDLE = 1 << 2  #: the core is in reset
    READY = 1 << 3  #: never


class Interrupt(IntFlag):
    """Bits of ``ier`` and ``isr``; write 1 to ``isr`` toggles."""

    KILL = 1 << 0  #: the kill switch was engaged
    SESSION = 1 << 1  #: the order session was taken over, handed back or lost
    FAULT = 1 << 2  #: host memory answered an error


class CoreControl(IntFlag):
    """Bits of ``core_control``."""

    KILL = 1 << 0  #: engages the kill switch, and keeps it engaged
    HANDBACK = 1 << 1  #: give the order session back
    DECOUPLE = 1 << 2  #: cut the strategy partition off; where the design has one


class Pulse(IntFlag):
    """Bits of ``pulse``: each acts once. SLVERR while ``Status.BUSY``, but for STOP and CLEAR_FAULT alone."""

    KILL_RELEASE = 1 << 0  #: end the kill switch, unless a cause is up
    STOP = 1 << 1  #: put the core in reset, as soon as no burst is under way
    CLEAR_FAULT = 1 << 2  #: forget the faults; the command ring goes on with the slot that failed
    PTP_SET = 1 << 3  #: the PTP clock becomes ``ptp_set_*``
    PTP_ADJUST = 1 << 4  #: ``ptp_phase_*`` is added to the PTP clock, once
    PTP_RATE = 1 << 5  #: ``ptp_rate`` counts from now on
    PTP_READ = 1 << 6  #: ``ptp_now_*`` become the PTP clock's time, all of one moment


class Status(IntFlag):
    """Bits of ``status``."""

    RUNNING = 1 << 0  #: the core is out of reset
    READY = 1 << 1  #: its memories are swept: frames count
    KILLED = 1 << 2  #: the kill switch is engaged
    SESSION = 1 << 3  #: the core holds the order session
    DECOUPLED = 1 << 4  #: the strategy partition is cut off
    RECORD_FAULT = 1 << 5  #: host memory answered a write of records with an error
    COMMAND_FAULT = 1 << 6  #: it answered a read of commands so, or a slot names no command: the ring stands still
    BUSY = 1 << 7  #: the last pulse has not acted yet
    COMMITTING = 1 << 8  #: the last commit is not yet on its way: another one is refused


ID = 0x4B434954  #: "TICK"
VERSION = 1  #: of this table

_RW, _LOCKED, _RO, _WO, _ACTS = (Access.READ_WRITE, Access.LOCKED, Access.READ_ONLY, Access.WRITE_ONLY,
                                 Access.ACTION)

REGISTERS: tuple[Register, ...] = (
    # Where Vitis expects them; pointers are kernel arguments (kernel.xml).
    Register("ap_ctrl", 0x000, _ACTS, "Control", 8),
    Register("gie", 0x004, _RW, "1: interrupts are raised at all", 1),
    Register("ier", 0x008, _RW, "Interrupt: which are raised", 3),
    Register("isr", 0x00C, _ACTS, "Interrupt: which are up; 1 toggles", 3),
    Register("records", 0x010, _LOCKED, "of the rings, a multiple of 4 KiB; ring i begins i rings after it", 64),
    Register("commands", 0x01C, _LOCKED, "of the command ring, a multiple of 4 KiB", 64),
    Register("ring_log2", 0x028, _LOCKED, "slots of a ring are 2**this", 5, reset=10),
    Register("command_log2", 0x02C, _LOCKED, "slots of the command ring are 2**this", 5, reset=10),
    # What this card is.
    Register("id", 0x040, _RO, "0x4B434954, \"TICK\""),
    Register("version", 0x044, _RO, "of the register table"),
    Register("design_low", 0x048, _RO, "first half of the design's digest (SHA-256 of its JSON)"),
    Register("design_high", 0x04C, _RO, "what follows of it"),
    Register("clock_khz", 0x050, _RO, "core clock that the design asks for, kHz; a target"),
    Register("symbols", 0x054, _RO, "configured symbols"),
    Register("ring_count", 0x058, _RO, "rings of records"),
    Register("protocol", 0x05C, _RO, "0 OUCH, 1 FIX"),
    # The core.
    Register("core_control", 0x080, _RW, "CoreControl", 3),
    Register("pulse", 0x084, _WO, "Pulse", 7),
    Register("status", 0x088, _RO, "Status", 9),
    Register("kill_causes", 0x08C, _RO, "spec.records.Cause: what engaged the kill switch", 8),
    Register("ring_enable", 0x090, _RW, "bit i: ring i is written", len(RINGS), reset=(1 << len(RINGS)) - 1),
    # The PTP clock.
    Register("ptp_set_seconds", 0x0C0, _RW, "s", 48),
    Register("ptp_set_nanoseconds", 0x0C8, _RW, "ns, below 10**9", 30),
    Register("ptp_set_fraction", 0x0CC, _RW, "2**-32 ns"),
    Register("ptp_rate", 0x0D0, _RW, "2**-32 ns per cycle, added to the nominal period", signed=True),
    Register("ptp_phase_nanoseconds", 0x0D4, _RW, "ns; whole seconds are set, not adjusted", 30, signed=True),
    Register("ptp_now_seconds", 0x0E0, _RO, "s at the last Pulse.PTP_READ", 48),
    Register("ptp_now_nanoseconds", 0x0E8, _RO, "ns", 30),
    Register("ptp_now_fraction", 0x0EC, _RO, "2**-32 ns"),
    # What the host wants.
    Register("command_producer", 0x100, _RW, "slots of the command ring that the host has written, modulo 2**32; 0 "
             "before the core starts"),
    Register("command_consumer", 0x104, _RO, "slots of it that were carried out, modulo 2**32"),
    Register("command_errors", 0x108, _RO, "reads of it that host memory answered with an error"),
    Register("record_errors", 0x10C, _RO, "bursts of records that host memory answered with an error"),
    Register("rx_cut", 0x110, _RO, "frames that were cut or dropped between an Ethernet clock and the core: of market "
             "data, of the order session; modulo 2**32", count=2),
    Register("request", 0x180, _RW, "a command's payload, word by word", count=PAYLOAD_OCTETS // 4),
    Register("commit", 0x1F0, _WO, "index in spec.rings.COMMANDS: carry out what ``request`` holds, as a whole; SLVERR "
             "while the one before it waits", 8),
    # The rings; each in the order of spec.rings.RINGS.
    Register("ring_producer", 0x200, _RO, "slots that were sent to the ring, modulo 2**32; those whose phase has "
             "changed have landed", count=len(RINGS)),
    Register("ring_consumer", 0x280, _RW, "slots of the ring that the host has read, modulo 2**32; 0 before the core "
             "starts", count=len(RINGS)),
    Register("ring_lost", 0x300, Access.COUNTER, "records that found no room since the core's reset", 64, len(RINGS)),
    # The stages' counters, in the order of spec.counters.
    *(Register(f"{stage}_{name}", 0x1000 + 8 * i, Access.COUNTER, what, 64)
      for i, (stage, name, what) in enumerate((stage, name, what) for stage, names in COUNTERS.items()
                                              for name, what in names.items())),
)
BY_NAME = {register.name: register for register in REGISTERS}
#: What goes with an index instead of a wire of its own: position of a 64-bit value in the core.
COUNTER_INDEX = {(register.name, i): n for n, (register, i) in enumerate(
    (register, i) for register in REGISTERS if register.access is Access.COUNTER for i in range(register.count))}


class Word(NamedTuple):
    """One word of a register: of number ``i`` of them, bits ``first`` up to ``first + bits``."""

    register: Register
    i: int
    first: int
    bits: int


#: By address.
WORDS = {register.offset + register.stride * i + first // 8: Word(register, i, first, min(32, register.bits - first))
         for register in REGISTERS for i in range(register.count) for first in range(0, 8 * register.stride, 32)}


def design_words(design: Design) -> tuple[int, int]:
    """``design_low`` and ``design_high``: the first eight octets of SHA-256 of the design's JSON, as two numbers."""
    digest = hashlib.sha256(design.model_dump_json().encode()).digest()
    return int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big")


def command_index(name: str) -> int:
    """Index in ``COMMANDS`` of a stream."""
    return [record.stream for record in COMMANDS].index(name)
