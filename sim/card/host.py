"""A host program in Python: brings a card up, reads its rings, tells it what to do, and takes it down.

The same over a real card (``xrt``) and a simulated one: whatever reads and writes registers and gives memory.
"""

from collections.abc import Callable, Iterable

from sim.engine.boundary import Stream
from spec.config import Design
from spec.record import Record
from spec.registers import ID, VERSION, Control, CoreControl, Pulse, Status, design_words
from spec.rings import RINGS, SLOT_OCTETS

from . import CardError
from .registers import Registers
from .rings import CommandRing, Ring

_QUIET = 64  #: reads of nothing, after which nothing is on its way
_POLLS = 100_000  #: reads of a register before the card is given up


class Host:
    """One card under control.

    Parameters
    ----------
    card
        Has ``read``, ``write``, ``allocate`` and ``buffer``.
    ring_log2, command_log2 : int
        Slots of each ring are 2**this.

    Raises ``CardError`` if it is no card of ours, or of another register table.
    """

    def __init__(self, card, *, ring_log2: int = 12, command_log2: int = 8):
        self.card, self.registers = card, Registers(card)
        if self.registers.id != ID:
            raise CardError(f"no Tickwire card: its id is 0x{self.registers.id:08x}, expected 0x{ID:08x}")
        if self.registers.version != VERSION:
            raise CardError(f"the card's register table is version {self.registers.version}, expected {VERSION}")
        self._ring_log2, self._command_log2 = ring_log2, command_log2
        self._rings_octets, self._commands_octets = SLOT_OCTETS << ring_log2, SLOT_OCTETS << command_log2
        self._records = card.allocate(len(RINGS) * self._rings_octets)
        self._commands = card.allocate(self._commands_octets)
        self.rings: dict[str, Ring] = {}

    def start(self) -> None:
        """Take the core out of reset and wait until it is ready. All rings begin anew."""
        registers = self.registers
        memory = self.card.buffer(self._records, len(RINGS) * self._rings_octets)
        memory[:] = 0
        self.rings = {}
        for i, record in enumerate(RINGS):
            first = i * self._rings_octets
            self.rings[record.stream] = Ring(memory[first : first + self._rings_octets], i)
            registers.ring_consumer[i] = 0
        self._ring = CommandRing(self.card.buffer(self._commands, self._commands_octets))
        registers.command_producer = 0
        registers.records, registers.commands = self._records, self._commands
        registers.ring_log2, registers.command_log2 = self._ring_log2, self._command_log2
        registers.ap_ctrl = Control.START
        self._until(Status.READY)

    def _until(self, bits: Status, to: Status | None = None) -> None:
        wanted = bits if to is None else to
        self.until(f"the status {wanted!r}", lambda: self.registers.status & bits == wanted)

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for it. Raises ``CardError`` if it does not come."""
        for _ in range(_POLLS):
            if condition():
                return
        raise CardError(f"the card has not {what}")

    def pulse(self, pulses: Pulse) -> None:
        """Let pulses act, after the one before."""
        self._until(Status.BUSY, Status(0))
        self.registers.pulse = pulses

    def commit(self, record: Record, values) -> None:
        """One command, as a whole, as soon as the one before is under way."""
        for _ in range(_POLLS):
            try:
                return self.registers.commit(record.stream, values)
            except CardError:
                if not self.registers.status & Status.RUNNING:
                    raise
        raise CardError(f"the card takes no {record.name}")

    def send(self, record: Record, rows: Iterable) -> None:
        """Many commands of one kind, through the command ring. Raises ``CardError`` if the card stops at one."""
        rows = list(rows)
        while rows:
            room = self._ring.room(self.registers.command_consumer)
            if not room:
                self._check()
                continue
            self._ring.write(record, rows[:room])
            del rows[:room]
            self.registers.command_producer = self._ring.produced
        for _ in range(_POLLS):
            if self.registers.command_consumer == self._ring.produced:
                return
            self._check()
        raise CardError(f"the card took {self.registers.command_consumer} of {self._ring.produced} commands")

    def _check(self) -> None:
        if self.registers.status & Status.COMMAND_FAULT:
            raise CardError(f"the card stopped at command {self.registers.command_consumer}: host memory answered an "
                            "error, or its slot names no command")

    def read(self) -> dict[str, Stream]:
        """All records that have come since the last call, by stream."""
        found = {}
        for i, (name, ring) in enumerate(self.rings.items()):
            found[name] = ring.read()
            if len(found[name]):
                self.registers.ring_consumer[i] = ring.consumed
        return found

    def kill(self) -> None:
        """Engage the kill switch, and keep it engaged."""
        self.registers.core_control = self.registers.core_control | CoreControl.KILL

    def release(self) -> None:
        """End the kill switch."""
        self.registers.core_control = self.registers.core_control & ~CoreControl.KILL
        self.pulse(Pulse.KILL_RELEASE)

    def stop(self) -> dict[str, Stream]:
        """The kill switch, what still comes, and the core in reset. Returns the last records."""
        self.kill()
        self._until(Status.KILLED)
        last = {record.stream: Stream.none(record) for record in RINGS}
        quiet = 0
        while quiet < _QUIET:  # records are some hundred ns behind what they tell of
            more = self.read()
            quiet = 0 if any(map(len, more.values())) else quiet + 1
            last = {name: stream + more[name] for name, stream in last.items()}
            self.registers.status  # noqa: B018  a read takes its time
        self.registers.pulse = Pulse.STOP
        self._until(Status.RUNNING, Status(0))
        return last

    def check(self, design: Design) -> None:
        """Raise ``CardError`` if the card holds another design."""
        if (self.registers.design_low, self.registers.design_high) != design_words(design):
            raise CardError("the card holds another design")
