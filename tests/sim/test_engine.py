"""The native engine by itself, on the stand-in core: octets, cycles, counters, snapshots."""

import random

import numpy as np
import pytest

from sim import engine, simulators
from sim.engine import Batch, Engine, EngineError, unpack
from spec import records
from spec.counters import COUNTERS
from tests.sim import standin


@pytest.fixture(scope="module")
def library():
    return standin.library()


@pytest.fixture(scope="module")
def traced():
    return standin.library(waves=True)


def _run(library, frames, *, gaps=None, errors=None, **patterns):
    core = Engine(library, **patterns)
    core.send(Batch.of(frames, gaps, errors))
    core.idle(8 * len(frames) + 200)
    return core, core.capture()


def _expected(frames):
    model = standin.Model()
    return model, [model.frame(frame) for frame in frames]


def test_every_stream_octet_and_counter_comes_back(library):
    frames = standin.frames(random.Random(1), 500)
    core, got = _run(library, frames, gaps=[i % 5 for i in range(500)])
    model, steps = _expected(frames)
    for record in records.RECORDS:
        expected = [made for step in steps for made in getattr(step, record.stream)]
        assert got.streams[record.stream].rows == expected, record.stream
        assert expected, "nothing was compared"
    assert [frame.octets for frame in got.tx] == [octets for step in steps for octets in step.frames]
    counters = core.counters()
    assert counters == model.counters
    assert list(counters) == list(COUNTERS)
    assert core.held_back == 0


def test_cycles_are_the_edges_at_which_beats_and_records_pass(library):
    """The stand-in's latencies are known; without gaps beat k is accepted k cycles after the first."""
    frames = standin.frames(random.Random(2), 50)
    core, got = _run(library, frames)
    beats = sum(-(-len(frame) // 8) for frame in frames)
    assert np.array_equal(np.diff(got.beats), np.ones(beats - 1))
    ends = got.beats[np.cumsum([-(-len(frame) // 8) for frame in frames]) - 1]
    assert np.array_equal(got.streams["messages"].cycles, ends + standin.FEED)
    messages = dict(enumerate(got.streams["messages"].cycles.tolist()))
    updates = got.streams["updates"]
    begun = [messages[number] for number in updates.messages.tolist()]
    assert (updates.cycles - np.array(begun) == standin.BOOK).all() and begun


def test_gaps_and_patterns_idle_the_wire(library):
    frames = standin.frames(random.Random(3), 20)
    _, steps = _expected(frames)
    whole = [record for step in steps for record in step.messages]
    core, got = _run(library, frames, gaps=[7] * 20, rx="011", tx="0001")
    assert got.streams["messages"].rows == whole
    assert not (got.beats % 3 == 0).any()
    firsts = np.cumsum([0] + [-(-len(frame) // 8) for frame in frames])[:-1]
    assert (np.diff(got.beats.astype(np.int64))[firsts[1:] - 1] >= 8).all()
    assert [frame.octets for frame in got.tx] == [octets for step in steps for octets in step.frames]
    for frame in got.tx:
        assert frame.accepted % 4 == 3 and frame.last - frame.accepted == 4 * (frame.beats - 1)
        assert 0 <= frame.accepted - frame.offered <= 3


def test_frame_error_reaches_the_last_beat(library):
    frames = standin.frames(random.Random(4), 4)
    _, got = _run(library, frames, errors=[False, True, False, False])
    assert got.streams["messages"].columns["gap"].tolist() == [0, 1, 0, 0]


def test_batches_of_any_size_capture_the_same(library):
    frames = standin.frames(random.Random(5), 60)
    _, whole = _run(library, frames)
    core, parts = Engine(library), []
    for i in range(0, 60, 7):
        core.send(Batch.of(frames[i : i + 7]))
        parts.append(core.capture())
    core.idle(500)
    parts.append(core.capture())
    for stream, records_ in whole.streams.items():
        assert np.array_equal(np.concatenate([part.streams[stream].words for part in parts]), records_.words)
        assert np.array_equal(np.concatenate([part.streams[stream].cycles for part in parts]), records_.cycles)
    assert [frame for part in parts for frame in part.tx] == whole.tx
    assert np.array_equal(np.concatenate([part.beats for part in parts]), whole.beats)


def test_kill_reaches_the_core(library):
    core = Engine(library)
    core.kill()
    core.send(Batch.of([standin.message("A", locate=1)]))
    core.idle(20)
    got = core.capture()
    assert got.streams["decisions"].columns["refusals"].tolist() == [1]
    assert not got.tx


def test_two_engines_are_independent(library):
    frames = standin.frames(random.Random(6), 10)
    one, two = Engine(library), Engine(library)
    one.send(Batch.of(frames))
    two.idle(20)
    assert len(one.capture().streams["messages"]) >= 9
    assert len(two.capture().streams["messages"]) == 0


def test_a_snapshot_continues_in_the_middle_of_an_order_frame(traced, tmp_path):
    frames = standin.frames(random.Random(7), 200)
    core = Engine(traced)
    core.send(Batch.of(frames[:100]))
    core.capture()
    snapshot = core.save()
    core.send(Batch.of(frames[100:]))
    core.idle(400)
    expected = core.capture()

    again = Engine(traced)
    again.restore(snapshot)
    assert again.cycle == snapshot.cycle
    wave = tmp_path / f"wave.{again.wave_format}"
    again.wave(wave, snapshot.cycle + 10, snapshot.cycle + 60)
    again.send(Batch.of(frames[100:]))
    again.wave_end()
    again.idle(400)
    got = again.capture()
    assert got.tx == expected.tx and got.tx
    for stream in expected.streams:
        assert np.array_equal(got.streams[stream].words, expected.streams[stream].words), stream
        assert np.array_equal(got.streams[stream].cycles, expected.streams[stream].cycles), stream
    assert wave.stat().st_size > 1000


def test_a_machine_without_the_headers_of_fst_gets_a_vcd(tmp_path, monkeypatch):
    def missing():
        raise simulators.MissingSimulator("FST waveforms need lz4.h")

    monkeypatch.setattr(simulators, "_require_fst", missing)
    core = Engine(engine.build(standin.verilog(), standin.DIRECTORY, waves=True))
    assert core.wave_format == "vcd"
    first = core.cycle
    core.wave(tmp_path / "wave.vcd", first, first + 20)
    core.send(Batch.of(standin.frames(random.Random(9), 10)))
    core.wave_end()
    text = (tmp_path / "wave.vcd").read_text()
    assert "$timescale 1ps $end" in text and f"#{1000 * first}\n" in text


def test_an_untraced_build_says_that_it_cannot(library, tmp_path):
    core = Engine(library)
    with pytest.raises(EngineError, match="waves=True"):
        core.save()
    with pytest.raises(EngineError, match="waves=True"):
        core.wave(tmp_path / "wave.fst", 0, 10)


def test_a_core_that_never_becomes_ready_is_an_error(library):
    with pytest.raises(EngineError, match="not ready within 10 cycles"):
        Engine(library, ready_within=10)


def test_a_payload_of_another_width_is_an_error():
    wider = records.Record("Order", "orders", "order", "", records.ORDER.fields + (records.Field("more", 64, ""),))
    ports = engine.Ports(streams=tuple(wider if record is records.ORDER else record for record in records.RECORDS))
    with pytest.raises(EngineError, match="orders_payload has 6 words of 64 bits, spec.records says 7"):
        Engine(engine.build(standin.verilog(), standin.DIRECTORY), ports=ports)


@pytest.mark.parametrize("pattern", ["", "0", "012", "1" * 65])
def test_bad_patterns_are_refused(library, pattern):
    with pytest.raises(ValueError, match="rx must be"):
        Engine(library, rx=pattern)


def test_a_frame_without_octets_is_refused():
    with pytest.raises(ValueError, match="frame 1 has no octets"):
        Batch.of([b"x", b"", b"y"])


@pytest.mark.parametrize("record", records.RECORDS, ids=lambda record: record.stream)
def test_unpack_inverts_pack(record):
    """Random and extreme values of every field, signed and wide ones included."""
    rng = random.Random(8)
    made = []
    for choice in [min, max, *[lambda low, high: rng.randint(low, high)] * 50]:
        bounds = [(-(1 << f.bits - 1), (1 << f.bits - 1) - 1) if f.signed else (0, (1 << f.bits) - 1)
                  for f in record.fields]
        made.append(record.tuple(*(choice(low, high) for low, high in bounds)))
    width = unpack.words_of(record)
    words = np.array([[record.pack(r) >> 64 * i & (1 << 64) - 1 for i in range(width)] for r in made], np.uint64)
    assert engine.Stream(record, np.zeros(len(made), np.uint64), words).rows == made


def test_ports_header_is_remade_for_other_ports():
    some = engine.Ports(streams=(records.MESSAGE,), counters=("feed",), inputs=("snapshot",))
    assert some.header() == (
        "#define STREAMS(X) X(messages)\n#define COUNTERS(X) X(feed_counters)\n#define INPUTS(X) X(snapshot)\n")
    alone = engine.Ports(streams=(records.MESSAGE,), counters=("feed",), alone=True, inputs=())
    assert alone.header() == "#define STREAMS(X) X(messages)\n#define COUNTERS(X) X(counters)\n#define INPUTS(X) \n"

