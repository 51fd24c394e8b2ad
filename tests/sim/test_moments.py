"""What the model is told of moments stands in the hardware's records, and in the order in which it took effect."""

from collections import deque
from types import SimpleNamespace

import pytest

from golden_model.core import Conditions
from sim import moments
from spec.records import (
    DECISION,
    INTENT,
    KILL,
    ORDER,
    PARAMETERS_SET,
    POSITION,
    SESSION_LIMIT_SET,
    SESSION_STATE,
    SYMBOL_SET,
    Refusal,
)


def _record(record, **values):
    return record.tuple(**dict.fromkeys(record.tuple._fields, 0) | values)


@pytest.fixture
def core():
    return SimpleNamespace(conditions={}, **{name: deque() for name in (
        "moments", "symbols", "parameters", "requests", "sent")})


def _seen(**streams):
    assert streams.keys() <= set(moments.STREAMS)
    return {stream: streams.get(stream, ([], [])) for stream in moments.STREAMS}


def test_moments_come_by_cycle_and_then_as_they_take_effect(core):
    state, kill = _record(SESSION_STATE), _record(KILL, causes=1)
    position, limit = _record(POSITION, symbol=3), _record(SESSION_LIMIT_SET)
    moments.tell(core, _seen(kills=([5, 9], [kill, kill]), sessions=([9], [state]),
                             positions=([9, 10], [position] * 2), session_limits_set=([4], [limit])))
    assert list(core.moments) == [limit, kill, state, position, kill, position]
    assert [type(moment) for moment in core.moments] == [
        SESSION_LIMIT_SET.tuple, KILL.tuple, SESSION_STATE.tuple, POSITION.tuple, KILL.tuple, POSITION.tuple]


def test_only_what_the_host_wants_is_a_request_and_every_order_is_told(core):
    host, own = _record(INTENT, host=1, quantity=7), _record(INTENT, quantity=8)
    order = _record(ORDER)
    moments.tell(core, _seen(intents=([1, 2], [own, host]), orders=([4], [order])))
    assert list(core.requests) == [host] and list(core.sent) == [order] and not core.moments


def test_names_and_parameters_are_told_as_they_come(core):
    first, second = _record(PARAMETERS_SET, message=5, quantity=1), _record(PARAMETERS_SET, message=5, quantity=2)
    named = _record(SYMBOL_SET, symbol=1)
    moments.tell(core, _seen(parameters_set=([3, 4], [first, second]), symbols_set=([2], [named])))
    assert list(core.parameters) == [first, second] and list(core.symbols) == [named] and not core.moments


def test_conditions_are_kept_by_decision(core):
    decisions = [_record(DECISION, decision=4, time=77, refusals=Refusal.STALE_DATA | Refusal.ROUND_LOT),
                 _record(DECISION, decision=5, time=78, refusals=Refusal.ORDER_QUEUE_FULL),
                 _record(DECISION, decision=6, time=79, refusals=Refusal.NO_SESSION),
                 _record(DECISION, decision=7, time=80)]
    moments.tell(core, _seen(decisions=([1, 2, 3, 4], decisions)))
    assert core.conditions == {4: Conditions(77, False, False, True), 5: Conditions(78, True, False, False),
                               6: Conditions(79, False, True, False), 7: Conditions(80, False, False, False)}


def test_a_stream_that_is_missing_is_an_error(core):
    seen = _seen()
    del seen["kills"]
    with pytest.raises(KeyError, match="kills"):
        moments.tell(core, seen)
