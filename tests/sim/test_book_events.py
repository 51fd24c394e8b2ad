"""Hardware's events reach the model in the order in which they belong, and nothing unlawful does."""

from collections import deque

from sim.book_events import Events
from spec import config
from spec.records import DEPTH, LOAD, WINDOW

DESIGN = config.preset("small")


def _record(record, **fields):
    return record.tuple(**dict.fromkeys(record.tuple._fields, 0) | fields)


WINDOW_5, WINDOW_6 = (_record(WINDOW, message=n, low=16_000, high=16_000) for n in (5, 6))
LOAD_5, DEPTH_4, DEPTH_5 = _record(LOAD, message=5), _record(DEPTH, message=4), _record(DEPTH, message=5)


def test_by_message_then_by_cycle():
    to = deque()
    Events(DESIGN, to).hear([("windows", [20, 30], [WINDOW_5, WINDOW_6]), ("loads", [19], [LOAD_5]),
                             ("depths", [31, 33], [DEPTH_4, DEPTH_5])])
    assert list(to) == [DEPTH_4, LOAD_5, WINDOW_5, DEPTH_5, WINDOW_6]


def test_what_comes_late_goes_before_what_waits():
    to = deque()
    events = Events(DESIGN, to)
    events.hear([("windows", [20, 30], [WINDOW_5, WINDOW_6])])
    events.hear([("depths", [31, 33], [tuple(DEPTH_4), tuple(DEPTH_5)])])
    assert list(to) == [DEPTH_4, WINDOW_5, DEPTH_5, WINDOW_6]
    assert [type(event).__name__ for event in to] == ["Depth", "Window", "Depth", "Window"]


def test_what_the_model_has_taken_is_forgotten():
    to = deque()
    events = Events(DESIGN, to)
    events.hear([("windows", [20, 30], [WINDOW_5, WINDOW_6])])
    to.popleft()
    events.hear([])
    assert list(to) == [WINDOW_6]


def test_an_unlawful_window_is_kept_from_the_model():
    to = deque()
    events = Events(DESIGN, to)
    bad = [_record(WINDOW, message=1, low=16_001, high=16_001), _record(WINDOW, message=2, symbol=9)]
    events.hear([("windows", [7, 8, 9], [*bad, WINDOW_5])])
    assert list(to) == [WINDOW_5]
    assert [(event, cycle) for event, cycle, _ in events.unlawful] == [(bad[0], 7), (bad[1], 8)]
    assert "multiples" in events.unlawful[0][2]
