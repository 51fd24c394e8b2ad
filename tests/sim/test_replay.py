"""A whole replay, on the stand-in: verdict, report, files, waveform."""

import json
import random
import struct

import pytest
from rich.console import Console

from sim import replay, report
from sim.inputs import Frame, InputError
from sim.pace import Pace
from spec import config
from tests.sim import standin

DESIGN = config.preset("small")
START = 34_200_000_000_000  # 09:30:00


def _frames(count=3000, seed=31):
    return [Frame(octets, 100 * i, START + 1000 * i)
            for i, octets in enumerate(standin.frames(random.Random(seed), count))]


def _run(frames, out, *, wrong=None, waves=False, **options):
    return replay.run(DESIGN, frames, out=out, waves=waves, library=standin.library(waves=waves),
                      model=standin.Model(wrong), venue=standin.Silence(), **options)


def _followed(frames, types="ADFEX"):
    return [i for i, frame in enumerate(frames) if frame.octets[2] < 4 and chr(frame.octets[0]) in types]


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    frames, said = _frames(), []
    return frames, _run(frames, tmp_path_factory.mktemp("clean"), waves=True, progress=said.append), said


def test_a_replay_without_differences_passes(clean):
    frames, run, _ = clean
    assert run.passed and run.differences == 0 and run.first_difference is None
    assert run.frames == run.messages.total() == run.compared["messages"] == 3000
    assert run.messages["A"] == sum(frame.octets[:1] == b"A" for frame in frames)
    assert run.updates == run.compared["updates"] == len(_followed(frames))
    assert run.orders == run.compared["tx"] == len(_followed(frames, "A"))
    assert run.tick_to_trade == standin.TICK_TO_TRADE and run.broken_latency == 0
    assert run.counters == run.expected_counters


@pytest.mark.parametrize("speed", ["max", "10g", "realtime"])
def test_speed_changes_cycles_and_nothing_else(clean, tmp_path, speed):
    frames, run, _ = clean
    paced = _run(frames, tmp_path, pace=Pace(speed, DESIGN))
    assert paced.passed and paced.compared == run.compared and paced.counters == run.counters
    assert paced.cycles < run.cycles if speed == "max" else paced.cycles > run.cycles
    if speed == "realtime":
        period = (frames[-1].time_ns - frames[0].time_ns) / DESIGN.core.period_ns
        assert period < paced.cycles < period + 10_000


def test_the_last_word_on_each_symbol_is_kept(clean):
    frames, run, _ = clean
    for symbol, state in enumerate(run.symbols):
        numbers = [i for i in _followed(frames) if frames[i].octets[2] == symbol]
        assert state.updates == len(numbers)
        assert state.update.message == state.indicator.message == state.vwap.message == numbers[-1]


def test_progress_ends_with_everything(clean):
    frames, _, said = clean
    assert [p.phase for p in said] == ["replaying"] * -(-3000 // replay.BATCH)
    assert said[-1].messages <= 3000  # the last are still in flight
    assert said[-1].offset == frames[-1].offset + len(frames[-1].octets)


def test_order_frames_are_in_the_capture_with_their_time(clean):
    frames, run, _ = clean
    octets = run.paths["orders"].read_bytes()
    at, seen = 24, []
    while at < len(octets):
        seconds, ns, length, _ = struct.unpack_from("<IIII", octets, at)
        seen.append((seconds * 10**9 + ns, octets[at + 16 : at + 16 + length]))
        at += 16 + length
    triggers = _followed(frames, "A")
    model = standin.Model()
    expected = [frame for f in frames for frame in model.frame(f.octets).frames]
    assert [frame for _, frame in seen] == expected
    delay = round(standin.TICK_TO_TRADE * DESIGN.core.period_ns)
    assert [time for time, _ in seen] == [frames[i].time_ns + delay for i in triggers]


def test_the_waveform_shows_the_first_order(clean):
    _, run, _ = clean
    first, end = run.wave_cycles
    assert first <= run.first_orders[0].cycle < end
    assert run.paths["waveform"].stat().st_size > 1000


def test_json_says_the_same(clean):
    _, run, _ = clean
    said = json.loads(run.paths["run"].read_text())
    assert said["passed"] is True and said["differences"]["count"] == 0
    assert said["counters"] == run.counters
    assert [row["max"] for row in said["latency"]] == [row.maximum for row in run.latency]
    assert said["symbols"][0]["update"]["message"] == run.symbols[0].update.message


def test_a_difference_fails_the_run_and_is_shown_with_its_waveform(tmp_path):
    """In the last batch but one, long after the first order."""
    frames = _frames(7000)
    message = next(i for i in _followed(frames) if i > 5000)
    run = _run(frames, tmp_path, wrong={("updates", message): {"bid_price": 1}}, waves=True)
    assert not run.passed and run.differences == 1
    first = run.first_difference
    assert (first.stage, first.message, first.field, first.expected) == ("book", message, "bid_price", 1)
    assert (first.place.frame, first.place.octet, first.place.offset) == (message, 0, 100 * message)
    assert run.wave_cycles[0] <= first.cycle < run.wave_cycles[1]
    said = json.loads(run.paths["run"].read_text())["differences"]["first"]
    assert (said["stage"], said["message"], said["field"], said["cycle"]) == ("book", message, "bid_price", first.cycle)
    text = _text(run)
    for part in ("FAILED: 1 differences, the first in book", f"frame {message}, octet 0; offset {100 * message}",
                 "bid_price", f"{first.cycle}"):
        assert part in text, text


@pytest.mark.parametrize("which", [0, 1, -1])
def test_the_waveform_of_a_difference_near_either_end(tmp_path, which):
    frames = _frames(2100)
    message = _followed(frames)[which]
    run = _run(frames, tmp_path, wrong={("updates", message): {"match": 1}}, waves=True)
    assert run.wave_cycles[0] <= run.first_difference.cycle < run.wave_cycles[1]


def test_a_damaged_input_is_replayed_as_far_as_it_is_good(tmp_path):
    def damaged():
        yield from _frames(100)
        raise InputError("some.itch", "expected a message of 36 octets, the file ends after 3", 4711)

    run = _run(damaged(), tmp_path)
    assert run.messages.total() == 100 and run.differences == 0
    assert run.input_error == "some.itch: offset 4711: expected a message of 36 octets, the file ends after 3"
    assert not run.passed and run.input_error in _text(run)


def test_nothing_to_replay_is_a_failure(tmp_path):
    run = _run([], tmp_path)
    assert not run.passed
    assert [d.kind for d in run.kept_differences] == ["nothing compared"]
    assert "FAILED" in _text(run)


def test_an_exceeded_budget_fails_the_run(clean, tmp_path):
    frames, _, _ = clean
    tight = DESIGN.model_copy(update={"budgets": DESIGN.budgets.model_copy(update={"strategy": 3.0})})
    run = replay.run(tight, frames[:200], out=tmp_path, library=standin.library(), model=standin.Model(),
                     venue=standin.Silence())
    assert [row.name for row in run.exceeded] == ["strategy"]
    assert not run.passed and "over budget: strategy" in _text(run)


def _text(run, width=100):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    report.print_run(run, console)
    return console.export_text()


def test_the_report_fits_a_hundred_columns(clean):
    _, run, _ = clean
    text = _text(run, width=180)
    assert max(map(len, (line.rstrip() for line in text.splitlines() if "/" not in line))) <= 100
    for part in ("Messages by type", "Symbols, in dollars", "Orders sent", "Latency", "Counters that are not zero",
                 "0 differences", "PASSED"):
        assert part in text
    assert "…" not in text
