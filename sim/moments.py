"""What the hardware says of moments, for the model to follow: when replies, limits and kills took effect, what the time
was and what the wire and the session were like when an order was judged, and in which order messages left.
"""

from collections.abc import Mapping, Sequence

from golden_model.core import Conditions, Core
from spec.records import (
    DECISION,
    INTENT,
    KILL,
    ORDER,
    PARAMETERS_SET,
    POSITION,
    SESSION_LIMIT_SET,
    SESSION_STATE,
    SYMBOL_LIMIT_SET,
    SYMBOL_SET,
    Refusal,
)

#: Streams of what takes effect between two decisions; of the same cycle the first comes first.
RECORDS = (SESSION_STATE, POSITION, SYMBOL_LIMIT_SET, SESSION_LIMIT_SET, KILL)
STREAMS = tuple(record.stream for record in (SYMBOL_SET, *RECORDS, PARAMETERS_SET, INTENT, DECISION, ORDER))
_HOST = INTENT.tuple._fields.index("host")


def tell(core: Core, seen: Mapping[str, tuple[Sequence[int], Sequence[tuple]]]) -> None:
    """Tell ``core`` of (cycles, records) by stream, all of ``STREAMS``, that belong to frames it has not seen."""
    moments = [(cycle, rank, record.tuple(*row))
               for rank, record in enumerate(RECORDS) for cycle, row in zip(*seen[record.stream], strict=True)]
    core.moments.extend(moment for *_, moment in sorted(moments, key=lambda entry: entry[:2]))
    for row in seen["decisions"][1]:
        decision = DECISION.tuple(*row)
        core.conditions[decision.decision] = conditions(decision)
    core.symbols.extend(SYMBOL_SET.tuple(*row) for row in seen["symbols_set"][1])
    core.parameters.extend(PARAMETERS_SET.tuple(*row) for row in seen["parameters_set"][1])
    core.requests.extend(INTENT.tuple(*row) for row in seen["intents"][1] if row[_HOST])
    core.sent.extend(ORDER.tuple(*row) for row in seen["orders"][1])


def conditions(decision) -> Conditions:
    """What a ``Decision`` says of the moment in which it was made."""
    refused = [bool(decision.refusals & refusal)
               for refusal in (Refusal.ORDER_QUEUE_FULL, Refusal.NO_SESSION, Refusal.STALE_DATA)]
    return Conditions(decision.time, *refused)
