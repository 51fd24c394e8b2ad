"""Counters of a stage: every name of ``spec.counters``, 64 bits, from zero."""

from spec.counters import COUNTER_BITS, COUNTERS

_MASK = (1 << COUNTER_BITS) - 1


class Counters(dict):
    """``name -> count``. Single increments cannot overflow 64 bits in a lifetime; ``add`` is for those that can."""

    def __init__(self, stage: str):
        super().__init__(dict.fromkeys(COUNTERS[stage], 0))

    def add(self, name: str, amount: int) -> None:
        """Add ``amount`` modulo 2**64."""
        self[name] = self[name] + amount & _MASK
