"""What proofs have in common: the smallest design, which has the fewest states, and which faults are refuted when."""

import pytest

from spec import config
from spec.config import Design


def smallest(**order) -> Design:
    """Two symbols, sixteen rows of open orders, two orders that wait for the wire, in any protocol."""
    small = config.preset("small").model_dump()
    small["symbols"] = small["symbols"][:2]
    small["risk"]["order_rows"] = 16
    small["order"] |= {"queue": 2} | order
    return Design.model_validate(small)


def faults(names, *always: str) -> list:
    """Those that are refuted in every run of the tests, and those for which there is time in a campaign only."""
    return [name if name in always else pytest.param(name, marks=pytest.mark.campaign) for name in names]
