"""What goes wrong on purpose. A client's n-th request meets the same fate with the same seed, whatever the timing."""

from dataclasses import dataclass, fields
from math import inf
from random import Random
from typing import NamedTuple


class Fate(NamedTuple):
    """What one request meets."""

    drop: bool
    reject: bool
    partial: bool
    share: float  #: of a partial fill


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Probabilities from 0 to 1 for each order, and more.

    Parameters
    ----------
    reject
        An order or replacement is rejected; what was to be replaced stays.
    partial
        An order executes only a part of what it could.
    drop
        An order or replacement is never answered, as if it had not arrived.
    delay_ms
        From the arrival of a request until it takes effect.
    disconnect_after
        A connection is dropped after so many requests, before the last one's answers are on the wire; 0 = never.
    """

    reject: float = 0
    partial: float = 0
    drop: float = 0
    delay_ms: float = 0
    disconnect_after: int = 0

    def __post_init__(self):
        for option in fields(self):
            value, name = getattr(self, option.name), option.name.replace("_", "-")
            if option.name in ("delay_ms", "disconnect_after"):
                if not 0 <= value < inf:
                    raise ValueError(f"{name} must be at least 0, not {value!r}")
            elif not 0 <= value <= 1:
                raise ValueError(f"{name} must be a probability from 0 to 1, not {value!r}")

    def fate(self, seed: int, client: str, number: int) -> Fate:
        """Of the client's request with that number."""
        draw = Random(f"{seed} {client} {number}").random
        drop, reject, partial, share = draw(), draw(), draw(), draw()
        return Fate(drop < self.drop, reject < self.reject, partial < self.partial, share)


NONE = Faults()
