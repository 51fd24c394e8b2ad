"""The comparison finds what differs, names it, and never takes nothing for agreement."""

import random

import numpy as np
import pytest

from sim.compare import Comparison, Expected
from sim.differences import Difference, Place, Places
from sim.engine import Batch, Engine, Stream
from sim.engine.unpack import words_of
from spec import itch, wire
from spec.records import DECISION, Refusal
from tests.sim import standin

SEED = 11
COUNT = 300


@pytest.fixture(scope="module")
def hardware():
    """Frames, the batches that they were captured in, counters."""
    frames = standin.frames(random.Random(SEED), COUNT)
    core, batches = Engine(standin.library()), []
    for i in range(0, COUNT, 50):
        core.send(Batch.of(frames[i : i + 50]))
        batches.append(core.capture())
    core.idle(1000)
    batches.append(core.capture())
    return frames, batches, core.counters()


def _compare(hardware, wrong=None, *, model=None, keep=100):
    frames, batches, counters = hardware
    model = model or standin.Model(wrong)
    places = Places()
    places.extend(Place(frame=i, octet=0, offset=1000 + 100 * i, cycle=i, time_ns=0) for i in range(COUNT))
    comparison = Comparison(places, keep=keep)
    for i, got in enumerate(batches):
        comparison.add(got, Expected.of([model.frame(frame) for frame in frames[50 * i : 50 * i + 50]]))
    comparison.finish(counters, model.counters)
    return comparison


@pytest.fixture(scope="module")
def clean(hardware):
    return _compare(hardware)


def _numbers(hardware, stream):
    return [row[0] for got in hardware[1] for row in got.streams[stream].rows]


def test_equal_is_zero_differences_and_everything_was_compared(hardware, clean):
    assert clean.total == 0 and clean.first is None and clean.kept == []
    streams = {record.stream: len(_numbers(hardware, record.stream)) for record in standin.spec.RECORDS}
    assert clean.compared == streams | {"tx": streams["orders"]}
    assert all(clean.compared.values())


@pytest.mark.parametrize(("stream", "stage", "field"), [
    ("messages", "feed", "sequence"), ("updates", "book", "bid_price"), ("windows", "book", "low"),
    ("depths", "book", "price_4"), ("loads", "book", "reference"), ("symbols_set", "book", "locate"),
    ("indicators", "indicators", "notional"),
    ("vwaps", "indicators", "vwap"), ("parameters_set", "strategy", "max_spread"), ("intents", "strategy", "quantity"),
    ("decisions", "risk", "exposure_short"),
    ("symbol_limits_set", "risk", "max_gross"), ("session_limits_set", "risk", "max_loss"), ("kills", "risk", "causes"),
    ("positions", "risk", "position"), ("sessions", "session", "ts_recent"), ("orders", "order", "user_ref_num"),
])
def test_a_wrong_field_is_named_with_everything(hardware, stream, stage, field):
    """A record in the middle of a batch; every stream."""
    message = _numbers(hardware, stream)[20]
    (cycle,), row = next((got.streams[stream].cycles[[k]].tolist(), row) for got in hardware[1]
                         for k, row in enumerate(got.streams[stream].rows) if row[0] == message)
    record = standin.spec.RECORDS[[r.stream for r in standin.spec.RECORDS].index(stream)]
    truth = record.tuple(*row)._asdict()[field]
    comparison = _compare(hardware, {(stream, message): {field: 77}})
    assert comparison.total == 1
    assert comparison.first == Difference("value", stage, stream, field, 77, truth, message,
                                          Place(message, 0, 1000 + 100 * message, message, 0), cycle)
    text = str(comparison.first)
    for part in (f"{stage}, message {message} ", f"frame {message} octet 0", f"offset {1000 + 100 * message} ",
                 f"{stream}.{field}: expected 77, got {truth}", f"cycle {cycle}"):
        assert part in text


def test_octets_are_told_by_itch_field(hardware):
    message = next(k for k, frame in enumerate(hardware[0]) if frame[:1] == b"A")
    octets = bytearray(hardware[0][message])
    octets[20:24] = (4711).to_bytes(4, "big")
    comparison = _compare(hardware, {("messages", message): {"octets": int.from_bytes(octets, "little")}})
    shares = wire.read(itch.MESSAGES["A"], hardware[0][message])["shares"]
    assert (comparison.first.field, comparison.first.expected, comparison.first.got) == ("shares", 4711, shares)
    octets[0] = ord("D")
    comparison = _compare(hardware, {("messages", message): {"octets": int.from_bytes(octets, "little")}})
    assert (comparison.first.field, comparison.first.expected, comparison.first.got) == ("type", "D", "A")
    octets[0], octets[20:24] = ord("A"), hardware[0][message][20:24]
    comparison = _compare(hardware, {("messages", message): {"octets": int.from_bytes(octets, "little") | 5 << 320}})
    assert (comparison.first.field, comparison.first.expected) == ("octets[40]", 5)


@pytest.mark.parametrize("stream", ["messages", "updates", "vwaps", "intents"])
@pytest.mark.parametrize("which", [0, 20, -1])
def test_a_record_of_one_side_only_is_one_difference(hardware, stream, which):
    """The model leaves one out: hardware's is surplus, and all others still meet their twins."""
    message = _numbers(hardware, stream)[which]
    comparison = _compare(hardware, {(stream, message): None})
    assert comparison.total == 1
    assert (comparison.first.kind, comparison.first.stream, comparison.first.message) == ("surplus", stream, message)
    assert comparison.first.got.message == message


@pytest.mark.parametrize("which", [0, 20, -1])
def test_a_record_that_hardware_lacks_is_missing(hardware, which):
    message = _numbers(hardware, "updates")[which]

    class Saying(standin.Model):
        def frame(self, octets, error=False):
            step = super().frame(octets, error)
            if step.messages[0].message == message:
                step.updates.insert(0, step.updates[0]._replace(message=message - 1))
            return step

    comparison = _compare(hardware, model=Saying())
    assert comparison.total == 1
    assert (comparison.first.kind, comparison.first.expected.message) == ("missing", message - 1)
    assert comparison.first.cycle == (None if message == 0 else message - 1)  # of the message's last octet


def test_a_wrong_message_number_is_a_wrong_field(hardware):
    message = _numbers(hardware, "updates")[20]
    comparison = _compare(hardware, {("updates", message): {"message": 1 << 20}})
    assert comparison.total == 1
    assert (comparison.first.kind, comparison.first.field, comparison.first.got) == ("value", "message", message)


def test_the_first_difference_is_upstream_of_later_ones(hardware):
    """Later stages differ at the same message, later messages differ earlier in the pipeline."""
    updates, decisions = _numbers(hardware, "updates"), _numbers(hardware, "decisions")
    message = decisions[5]
    later = next(number for number in updates if number > message)
    comparison = _compare(hardware, {
        ("vwaps", message): {"vwap": 1}, ("decisions", message): {"price": 2}, ("updates", message): {"match": 3},
        ("messages", later): {"gap": 1},
    })
    assert comparison.total == 4
    assert comparison.by_stream == {"vwaps": 1, "decisions": 1, "updates": 1, "messages": 1}
    assert (comparison.first.stage, comparison.first.message) == ("book", message)


def test_all_differences_are_counted_and_the_first_kept(hardware):
    wrong = {("updates", message): {"match": 1} for message in _numbers(hardware, "updates")}
    comparison = _compare(hardware, wrong, keep=3)
    assert comparison.total == len(wrong) and len(comparison.kept) == 3
    assert comparison.first.message == min(message for _, message in wrong)


class _WrongFrames(standin.Model):
    def __init__(self, change):
        super().__init__()
        self.change = change

    def frame(self, octets, error=False):
        step = super().frame(octets, error)
        step.frames = [self.change(frame) for frame in step.frames]
        return step


def test_order_frames_are_compared_octet_by_octet(hardware):
    orders = len(_numbers(hardware, "orders"))
    comparison = _compare(hardware, model=_WrongFrames(lambda frame: frame[:15] + b"\x01" + frame[16:]))
    assert comparison.total == orders
    assert (comparison.first.stream, comparison.first.stage) == ("tx", "order")
    assert comparison.first.field == "octet 15 (IPv4 dscp_ecn)"
    assert (comparison.first.expected, comparison.first.got) == ("0x01", "0x00")
    shorter = _compare(hardware, model=_WrongFrames(lambda frame: frame[:-1]))
    assert (shorter.total, shorter.first.field, shorter.first.got) == (orders, "length", standin.FRAME)


def test_an_order_frame_of_one_side_only_is_a_difference(hardware):
    frames, batches, counters = hardware
    comparison = Comparison(Places())
    comparison._frames_expected.append((3, b"never sent"))
    comparison.finish(counters, counters)
    assert [d.kind for d in comparison.kept] == ["missing"]
    comparison = Comparison(Places())
    comparison._frames_got.append(next(frame for got in batches for frame in got.tx))
    comparison.finish(counters, counters)
    assert [d.kind for d in comparison.kept] == ["surplus"]


def test_counters_are_compared(hardware):
    model = standin.Model()
    model.counters["risk"]["order_quantity"] = 5
    comparison = _compare(hardware, model=model)
    assert comparison.total == 1
    assert str(comparison.first) == "risk: counters.order_quantity: expected 5, got 0"


def test_refusals_are_told_by_name(hardware, monkeypatch):
    _, batches, _ = hardware
    message = _numbers(hardware, "decisions")[0]
    got = next(got for got in batches if len(got.streams["decisions"]))
    decisions = got.streams["decisions"]
    k = decisions.messages.tolist().index(message)
    word = DECISION.pack(DECISION.tuple(*decisions.rows[k])._replace(
        refusals=Refusal.ORDER_QUANTITY | Refusal.SHORT_SALE | 1 << 31))
    words = decisions.words.copy()
    words[k] = [word >> 64 * i & (1 << 64) - 1 for i in range(words_of(DECISION))]
    monkeypatch.setitem(got.streams, "decisions", Stream(DECISION, decisions.cycles, words))
    comparison = _compare(hardware)
    assert comparison.total == 1 and comparison.first.expected == "approved"
    assert comparison.first.got == "SHORT_SALE | ORDER_QUANTITY | 0x80000000"


def test_comparing_nothing_is_a_failure():
    counters = standin.Model().counters
    comparison = Comparison(Places())
    comparison.finish(counters, counters)
    assert comparison.total == 1 and comparison.first.kind == "nothing compared"


def test_a_held_back_wire_is_a_failure(hardware):
    counters = standin.Model().counters
    comparison = Comparison(Places())
    comparison.finish(counters, counters, held_back=3)
    assert comparison.first.kind == "held back" and "3 cycles" in str(comparison.first)


def test_a_stream_that_stops_is_noticed_in_bounded_memory(hardware):
    frames, batches, _ = hardware
    comparison = Comparison(Places())
    pairs = comparison._pairs["updates"]
    pairs.BACKLOG = 40
    said = [row for got in batches for row in got.streams["updates"].rows]
    silent = Stream(pairs.record, np.empty(0, np.uint64), np.empty((0, words_of(pairs.record)), np.uint64))
    for i in range(0, 100, 10):
        pairs.add(silent, said[i : i + 10])
        comparison._walk(pairs)
        assert len(pairs._expected) <= 40
    assert comparison.by_stream == {"updates": 60}
    assert comparison.first.kind == "missing"


def test_places_forget_the_oldest():
    places = Places(keep=3)
    all_of_them = [Place(i, i, i, i, i) for i in range(5)]
    places.extend(all_of_them[:2])
    places.extend(all_of_them[2:])
    assert [places.get(i) for i in (-1, 0, 1, 2, 3, 4, 5, None)] == [None, None, None, *all_of_them[2:], None, None]
