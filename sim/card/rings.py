"""Rings in host memory, as the host reads and writes them."""

from collections.abc import Iterable

import numpy as np

from sim.engine.boundary import Stream
from sim.engine.unpack import words_of
from spec.record import Record
from spec.rings import COMMAND_SLOT, COMMANDS, PAYLOAD_OCTETS, RINGS, SLOT, SLOT_OCTETS

from . import CardError

_COLUMNS = np.dtype({
    "names": ["payload", "cycle", "sequence", "ring", "phase"],
    "formats": [(np.uint8, PAYLOAD_OCTETS), "<u8", "<u4", "u1", "u1"],
    "offsets": [SLOT[name].offset for name in ("payload", "cycle", "sequence", "ring", "phase")],
    "itemsize": SLOT_OCTETS,
})


class Ring:
    """One ring of records, polled: a slot is there when its phase says so.

    Parameters
    ----------
    memory : numpy array of uint8
        Of the whole ring; zeros at first.
    index : int
        In ``spec.rings.RINGS``.

    Members
    -------
    consumed
        Slots read, modulo 2**32: to be written to ``ring_consumer``.
    lost
        Records that never reached the ring, by their sequence numbers.
    """

    def __init__(self, memory: np.ndarray, index: int):
        self.record: Record = RINGS[index]
        self._slots = memory.view(_COLUMNS)
        self._index = index
        self.consumed = self.lost = self._sequence = 0

    def read(self) -> Stream:
        """What has come since. Raises ``CardError`` if a slot is not what it must be."""
        taken, size = [], len(self._slots)
        while len(taken) < 2:  # to the ring's end, and from its beginning
            lap, first = divmod(self.consumed, size)
            here = self._slots[first:]
            there = (here["phase"] & 1) == (lap + 1) % 2
            count = len(there) if there.all() else int(np.argmin(there))
            taken.append(here[:count].copy())
            self.consumed = (self.consumed + count) % (1 << 32)
            if first + count < size:
                break
        slots = np.concatenate(taken)
        if (slots["ring"] != self._index).any():
            raise CardError(f"ring {self.record.stream}: a slot says that it is of ring {slots['ring'].max()}")
        if len(slots):
            ahead = int(slots["sequence"][-1]) - self._sequence + 1 - len(slots) & 0xFFFF_FFFF
            self.lost += ahead
            self._sequence = int(slots["sequence"][-1]) + 1 & 0xFFFF_FFFF
        words = slots["payload"][:, : 8 * words_of(self.record)].copy().view("<u8")
        return Stream(self.record, slots["cycle"].astype(np.uint64), words.reshape(len(slots), words_of(self.record)))


class CommandRing:
    """The host's end of the command ring.

    Parameters
    ----------
    memory : numpy array of uint8
        Of the whole ring.
    """

    def __init__(self, memory: np.ndarray):
        self._slots = memory.reshape(-1, SLOT_OCTETS)
        self.produced = 0  #: slots written, modulo 2**32: to be written to ``command_producer``

    def room(self, consumer: int) -> int:
        """Slots that can be written, once the card has carried out so many."""
        return len(self._slots) - (self.produced - consumer) % (1 << 32)

    def write(self, record: Record, rows: Iterable) -> None:
        """Commands of one kind; there is room."""
        number = COMMANDS.index(record)
        for row in rows:
            slot = self._slots[self.produced % len(self._slots)]
            slot[:PAYLOAD_OCTETS] = np.frombuffer(record.pack(row).to_bytes(PAYLOAD_OCTETS, "little"), np.uint8)
            slot[COMMAND_SLOT["command"].offset] = number
            self.produced = (self.produced + 1) % (1 << 32)
