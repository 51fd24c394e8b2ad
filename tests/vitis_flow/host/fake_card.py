"""A card that is a dictionary: the register rules of ``spec.registers`` and rings in a file, behind the socket of a
simulated card. It has no core; what comes out of one is put in by the test."""

import mmap
import socket
import struct
import threading
from collections import Counter
from pathlib import Path

from spec import wire
from spec.records import SESSION_STATE, Cause, SessionEvent
from spec.registers import BY_NAME, ID, REGISTERS, VERSION, Access, Control, CoreControl, Pulse, Status
from spec.rings import COMMAND_SLOT, COMMANDS, RINGS, SLOT, SLOT_OCTETS

OKAY, SLVERR = 0, 2
MEMORY = 1 << 25
_WORDS = {register.offset + register.stride * i + 4 * word: (register, i, word) for register in REGISTERS
          for i in range(register.count) for word in range(register.stride // 4)}
_INDEX = {record.stream: i for i, record in enumerate(RINGS)}


class FakeCard:
    """Serves one connection from a thread until it is closed.

    Attributes
    ----------
    log : list[tuple[str, str, int]]
        Accesses in order: ``read``, ``write`` or ``refused``; register; value.
    commands : list
        What the host had carried out, as named tuples.
    session : bool
        The core holds the order session.
    refuses : set[str]
        Registers that answer a write with SLVERR.
    on_idle
        Called with the card whenever the host has nothing to do and the core runs.
    """

    def __init__(self, directory: Path, *, symbols: int = 4, design: tuple[int, int] = (1, 2), on_idle=None,
                 registers: dict[str, int] | None = None, hands_back: bool = True):
        self.path, self.log, self.commands, self.on_idle = directory / "card", [], [], on_idle
        self.session, self.running, self.killed, self.cycle = False, False, False, 0
        self.counters: Counter[str] = Counter()
        self.refuses: set[str] = set()
        self.sequence, self.lost = Counter(), Counter()
        self._hands_back, self._next, self._low = hands_back, 4096, None
        self._values = {address: register.reset >> 32 * word & 0xFFFFFFFF
                        for address, (register, _, word) in _WORDS.items()}
        for name, value in {"id": ID, "version": VERSION, "ring_count": len(RINGS), "symbols": symbols,
                            "design_low": design[0], "design_high": design[1], "clock_khz": 322265,
                            **(registers or {})}.items():
            self._values[BY_NAME[name].offset] = value
        memory = directory / "memory"
        memory.write_bytes(bytes(MEMORY))
        self._file = memory.open("r+b")
        self.memory = mmap.mmap(self._file.fileno(), MEMORY)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.close()

    # What a test looks at, and does

    def value(self, name: str, i: int = 0) -> int:
        register = BY_NAME[name]
        address = register.offset + register.stride * i
        return self._values[address] | (self._values[address + 4] << 32 if register.stride > 4 else 0)

    def set(self, name: str, value: int, i: int = 0) -> None:
        self._values[BY_NAME[name].offset + BY_NAME[name].stride * i] = value

    def writes(self) -> list[tuple[str, int]]:
        return [(name, value) for kind, name, value in self.log if kind == "write"]

    def emit(self, stream: str, record, *, ring: int | None = None) -> bool:
        """Put a record into its ring; False where it found no room and was lost."""
        i = _INDEX[stream]
        size, produced = 1 << self.value("ring_log2"), self.value("ring_producer", i)
        sequence, self.sequence[i] = self.sequence[i], self.sequence[i] + 1
        if produced - self.value("ring_consumer", i) & 0xFFFFFFFF >= size:
            self.lost[i] += 1
            return False
        slot = wire.write(SLOT, "little", payload=RINGS[i].pack(record).to_bytes(SLOT["payload"].length, "little"),
                          cycle=self.cycle, sequence=sequence, ring=i if ring is None else ring,
                          phase=~(produced // size) & 1)
        at = self.value("records") + (i * size + produced % size) * SLOT_OCTETS
        self.memory[at : at + SLOT_OCTETS - 1] = slot[:-1]
        self.memory[at + SLOT_OCTETS - 1] = slot[-1]
        self.set("ring_producer", produced + 1, i)
        return True

    # Registers

    def status(self) -> int:
        core = self.value("core_control")
        self.killed |= bool(core & CoreControl.KILL)
        return sum(flag for flag, up in ((Status.RUNNING, self.running), (Status.READY, self.running),
                                         (Status.KILLED, self.running and self.killed),
                                         (Status.SESSION, self.session)) if up)

    def read(self, address: int) -> tuple[int, int]:
        register, i, word = _WORDS.get(address, (None, 0, 0))
        if register is None or not register.readable:
            self.log.append(("refused", f"0x{address:x}", 0))
            return SLVERR, 0
        if register.access is Access.COUNTER:
            if word == 0:
                self._low = register.name, i
            elif self._low != (register.name, i):
                return SLVERR, 0
            value = self.lost[i] if register.name == "ring_lost" else self.counters[register.name]
            value = value >> 32 * word & 0xFFFFFFFF
        elif register.name == "status":
            value = self.status()
        elif register.name == "kill_causes":
            value = int(Cause.HOST) if self.killed else 0
        elif register.name == "ap_ctrl":
            value = int(Control.START if self.running else Control.IDLE)
        else:
            value = self._values[address]
        self.log.append(("read", register.name, value))
        return OKAY, value

    def write(self, address: int, value: int) -> int:
        register, _, _ = _WORDS.get(address, (None, 0, 0))
        if (register is None or not register.writable or register.name in self.refuses
                or register.access is Access.LOCKED and self.running):
            self.log.append(("refused", register.name if register else f"0x{address:x}", value))
            return SLVERR
        self._values[address] = value
        self.log.append(("write", register.name, value))
        act = getattr(self, f"_write_{register.name}", None)
        if act:
            act(value)
        return OKAY

    def _write_ap_ctrl(self, value: int) -> None:
        self.running, self.killed = True, False
        for i in range(len(RINGS)):
            self.set("ring_producer", 0, i)
        self.set("command_consumer", 0)
        self.status()

    def _write_pulse(self, value: int) -> None:
        if value & Pulse.KILL_RELEASE and not self.value("core_control") & CoreControl.KILL:
            self.killed = False
        if value & Pulse.STOP:
            self.running = self.session = False

    def _write_core_control(self, value: int) -> None:
        if value & CoreControl.HANDBACK and self.session and self._hands_back:
            self.session = False
            self._emit_session(SessionEvent.HANDED_BACK)

    def _write_command_producer(self, value: int) -> None:
        while self.running and self.value("command_consumer") != value:
            consumed = self.value("command_consumer")
            at = self.value("commands") + consumed % (1 << self.value("command_log2")) * SLOT_OCTETS
            slot = wire.read(COMMAND_SLOT, self.memory[at : at + SLOT_OCTETS], "little")
            record = COMMANDS[slot["command"]]
            self.commands.append(record.unpack(int.from_bytes(slot["payload"], "little")))
            if record.stream in ("symbol_limits", "session_limits"):
                self.counters["risk_limits_set"] += 1
            if record.stream == "symbols":
                self.counters["book_symbols_refused" if self.commands[-1].locate > 60_000 else "book_symbols_set"] += 1
            if record.stream == "parameters":
                self.counters["strategy_parameters_set"] += 1
            if record.stream == "handovers":
                self.session = True
                self._emit_session(SessionEvent.ESTABLISHED)
            self.set("command_consumer", consumed + 1)

    def _emit_session(self, state: SessionEvent) -> None:
        self.emit("sessions", SESSION_STATE.tuple(*([0] * 2), int(state), 0, *range(100, 106)))

    # The socket

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as stream:
            path = self._file.name.encode()
            stream.write(struct.pack("<IQH", 0x31435754, MEMORY, len(path)) + path)
            stream.flush()
            while request := stream.read(1):
                stream.write(self._answer(request, stream))
                stream.flush()

    def _answer(self, request: bytes, stream) -> bytes:
        if request == b"R":
            return struct.pack("<BI", *self.read(*struct.unpack("<I", stream.read(4))))
        if request == b"W":
            return bytes([self.write(*struct.unpack("<II", stream.read(8)))])
        if request == b"A":
            octets, = struct.unpack("<Q", stream.read(8))
            address = self._next if self._next + octets <= MEMORY else 0
            self._next += (octets + 4095) // 4096 * 4096 if address else 0
            return struct.pack("<Q", address)
        if request == b"I":
            self.cycle += struct.unpack("<I", stream.read(4))[0]
            if self.on_idle and self.running and not self.killed:
                self.on_idle(self)
            return struct.pack("<Q", self.cycle)
        raise AssertionError(f"request {request!r}")
