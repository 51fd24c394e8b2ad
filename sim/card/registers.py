"""The card's registers by name, over anything that reads and writes words."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from spec.counters import COUNTERS
from spec.registers import BY_NAME, Register, command_index
from spec.rings import COMMANDS

_COMMANDS = {record.stream: record for record in COMMANDS}
_WORD = (1 << 32) - 1


class Card(Protocol):
    """What carries the words. Both raise ``sim.card.CardError`` where the card answers SLVERR."""

    def read(self, address: int) -> int: ...

    def write(self, address: int, value: int) -> None: ...


class _Row:
    """Registers alike in a row: ``registers.ring_producer[3]``."""

    def __init__(self, registers: "Registers", register: Register):
        self._registers, self._register = registers, register

    def __len__(self) -> int:
        return self._register.count

    def __getitem__(self, i: int) -> int:
        return self._registers._read(self._register, self._index(i))

    def __setitem__(self, i: int, value: int) -> None:
        self._registers._write(self._register, self._index(i), value)

    def __iter__(self) -> Iterator[int]:
        return (self[i] for i in range(len(self)))

    def _index(self, i: int) -> int:
        if not 0 <= i < len(self):
            raise IndexError(f"{self._register.name} has indices 0 to {len(self) - 1}, not {i!r}")
        return i


class Registers:
    """Every register of ``spec.registers`` is an attribute; one that there are several of is indexed.

    A register of 64 bits is read and written low word first, what is signed is a signed integer. A value that does not
    fit raises ``ValueError``; an unknown name, a write to what is read-only and a read of what is write-only raise
    ``AttributeError``, none of which reaches the card. What the card refuses raises its ``CardError``.
    """

    def __init__(self, card: Card):
        object.__setattr__(self, "_card", card)

    def __getattr__(self, name: str):
        register = self._named(name)
        return _Row(self, register) if register.count > 1 else self._read(register)

    def __setattr__(self, name: str, value: int) -> None:
        register = self._named(name)
        if register.count > 1:
            raise AttributeError(f"{name} is {register.count} registers: give an index")
        self._write(register, 0, value)

    def __dir__(self):
        return sorted([*super().__dir__(), *BY_NAME])

    def counters(self) -> dict[str, dict[str, int]]:
        """All counters, by stage and name."""
        return {stage: {name: getattr(self, f"{stage}_{name}") for name in names} for stage, names in COUNTERS.items()}

    def commit(self, stream: str, values) -> None:
        """Have the card carry out one command.

        Parameters
        ----------
        stream
            Of a record in ``spec.rings.COMMANDS``.
        values
            Its fields: a sequence in their order, or a mapping that names every one.

        Raises ``ValueError`` for an unknown command, field or value, ``CardError`` while the one before it waits.
        """
        if stream not in _COMMANDS:
            raise ValueError(f"command must be one of {', '.join(_COMMANDS)}, not {stream!r}")
        record = _COMMANDS[stream]
        if isinstance(values, Mapping):
            names = [f.name for f in record.fields]
            if wrong := sorted(set(values) ^ set(names)):
                raise ValueError(f"{record.name}: {'no' if wrong[0] in values else 'needs'} field {wrong[0]!r}")
            values = [values[name] for name in names]
        word = record.pack(values)
        for i in range((record.bits + 31) // 32):
            self.request[i] = word >> 32 * i & _WORD
        self._write(BY_NAME["commit"], 0, command_index(stream))

    @staticmethod
    def _named(name: str) -> Register:
        if name not in BY_NAME:
            raise AttributeError(f"no register {name!r}")
        return BY_NAME[name]

    def _read(self, register: Register, i: int = 0) -> int:
        if not register.readable:
            raise AttributeError(f"{register.name} is write-only")
        address = register.offset + register.stride * i
        value = self._card.read(address)
        if register.stride > 4:
            value |= self._card.read(address + 4) << 32
        return value - (1 << register.bits) if register.signed and value >> register.bits - 1 else value

    def _write(self, register: Register, i: int, value: int) -> None:
        if not register.writable:
            raise AttributeError(f"{register.name} is read-only")
        low, high = (-(1 << register.bits - 1), 1 << register.bits - 1) if register.signed else (0, 1 << register.bits)
        if not low <= value < high:
            raise ValueError(f"{register.name} takes {low} to {high - 1}, not {value!r}")
        address, value = register.offset + register.stride * i, int(value) & (1 << register.bits) - 1
        self._card.write(address, value & _WORD)
        if register.stride > 4:
            self._card.write(address + 4, value >> 32)
