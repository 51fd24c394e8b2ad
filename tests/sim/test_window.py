"""Parts of a day, and two lines of a feed."""

import pytest

from sim.framing import as_file, frames
from sim.generator import session
from sim.inputs import InputError, open_input
from sim.octets import Frame
from sim.outputs import writer
from sim.sources import both_lines, input_frames, input_messages
from sim.window import WHOLE, Window
from spec import config
from spec.config import ConfigError

DESIGN = config.preset("small")
HOUR = 3600 * 10**9


def _time(octets: bytes) -> int:
    return int.from_bytes(octets[5:11], "big")


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """The same session as ITCH and as a capture."""
    directory = tmp_path_factory.mktemp("day")
    messages = list(session(DESIGN, messages=4000, seed=5))
    itch, pcap = directory / "day.itch", directory / "day.pcap"
    writer(itch)(itch, messages, design=DESIGN, seed=5)
    writer(pcap)(pcap, messages, design=DESIGN, seed=5)
    return itch, pcap, messages


@pytest.mark.parametrize("text, ns", [
    ("09:30", 9.5 * HOUR), ("9:30:00", 9.5 * HOUR), ("09:30:00.5", 9.5 * HOUR + 5 * 10**8),
    ("23:59:59.999999999", 24 * HOUR - 1)])
def test_times(text, ns):
    assert Window.of(text, "") == Window(int(ns)) and Window.of("", text) == Window(0, int(ns))


@pytest.mark.parametrize("start, end, what", [
    ("24:00", "", "--from: expected a time of day"), ("", "12", "--to: expected a time of day"),
    ("9:61", "", "--from"), ("10:00", "09:59", "--to: must be later than --from 10:00, not 09:59"),
    ("10:00", "10:00", "must be later")])
def test_what_is_no_time(start, end, what):
    with pytest.raises(ConfigError, match=what):
        Window.of(start, end)


def test_messages_of_a_window(day):
    itch, _, messages = day
    window = Window.of("09:30:00", "15:00")
    got = [message.octets for message in input_messages([itch], window)]
    inside = [m for m in messages if window.start <= _time(m) < window.end]
    before = [m for m in messages if _time(m) < window.start]
    assert inside and got[-len(inside):] == inside
    standing = got[: -len(inside)]
    assert standing == [m for m in before if chr(m[0]) not in "AFECXDUPQBINO"] and {m[:1] for m in standing} >= {b"R"}
    assert len(standing) < len(before)
    assert [message.octets for message in input_messages([itch], WHOLE)] == messages


def test_frames_of_a_window_are_whole_and_adjoin(day):
    _, pcap, _ = day
    window = Window.of("09:30", "15:00")
    with open_input(pcap) as captured:
        whole = [frame.octets for frame in captured.frames()]
    got = [frame.octets for frame in input_frames([pcap], design=DESIGN, window=window)]
    assert 10 < len(got) < len(whole) and whole[whole.index(got[0]):][: len(got)] == got
    times = [_time(message.octets) for message in input_messages([pcap], window)]
    assert times[-1] < window.end and sum(time < window.start for time in times) < 40


def test_both_lines_come_by_time(day):
    itch, _, messages = day
    both = list(both_lines([itch], [itch], design=DESIGN, seed=3))
    assert [frame.time_ns for frame in both] == sorted(frame.time_ns for frame in both)
    a, b = (list(frames(as_file(messages), design=DESIGN, seed=3 + line, line=line, bracket=True)) for line in (0, 1))
    assert sorted(both) == sorted(a + b) and {frame.octets for frame in a}.isdisjoint(frame.octets for frame in b)


def test_a_damaged_line_gives_what_came_before(day, tmp_path):
    itch, *_ = day
    cut = tmp_path / "cut.itch"
    cut.write_bytes(itch.read_bytes()[:50_000])
    got: list[Frame] = []
    with pytest.raises(InputError, match="cut.itch"):
        for frame in both_lines([itch], [cut], design=DESIGN):
            got.append(frame)
    assert len(got) > 100
