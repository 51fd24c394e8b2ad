"""Tags come out of frames of every length; nothing else changes."""

import random

import pytest

from hdl.session.untag import PlainBeat, Untag
from hdl.wire import Beat
from tests.hdl.cycles import run

TAG = b"\x81\x00\x12\x34"


def beats(frame: bytes, error: bool = False) -> list[int]:
    parts = [frame[i : i + 8] for i in range(0, len(frame), 8)]
    return [Beat.const({"data": int.from_bytes(part, "little"), "keep": (1 << len(part)) - 1,
                        "last": i == len(parts) - 1, "error": error and i == len(parts) - 1}).as_value().value
            for i, part in enumerate(parts)]


def untagged(frames: list[bytes], errors: list[bool], gap) -> list[tuple[bytes, bool]]:
    inputs = []
    for frame, error in zip(frames, errors, strict=True):
        for beat in beats(frame, error):
            inputs.append({"rx__valid": 1, "rx__payload": beat})
            inputs += [{"rx__valid": 0, "rx__payload": (1 << 74) - 1}] * gap()
    inputs.append({"rx__valid": 0})
    got, frame, index = [], b"", 0
    for valid, payload in run(Untag(), inputs, ["beats__valid", "beats__payload"], after=8):
        beat = PlainBeat.from_bits(payload)
        if valid:
            assert beat.index == index and beat.keep & beat.keep + 1 == 0 and beat.keep
            assert beat.keep == 0xFF or beat.last
            frame += beat.octets.to_bytes(8, "little")[: beat.keep.bit_count()]
            index += 1
            if beat.last:
                got.append((frame, bool(beat.error)))
                frame, index = b"", 0
    return got


@pytest.mark.parametrize("gaps", [(0,), (1,), (0, 0, 1, 3)])
def test_every_length(gaps, seed):
    rng = random.Random(seed)
    frames, expected, errors = [], [], []
    for length in [*range(1, 40), *rng.sample(range(40, 200), 20)]:
        for tag in rng.sample([b"", TAG], 2):
            frame = bytes([2]) + rng.randbytes(length - 1)
            if length > 12:
                frame = (frame[:12] + b"\x08\x00" + frame[14:])[:length]
            whole = frame[:12] + tag + frame[12:] if tag and length > 11 else frame
            error = rng.random() < 0.3
            frames.append(whole)
            errors.append(error)
            expected.append((frame, error))
    assert untagged(frames, errors, lambda: rng.choice(gaps)) == expected


def test_one_tag_only_and_no_other():
    two = bytes(12) + TAG + TAG + bytes(30)
    other = bytes(12) + b"\x88\xa8\x00\x01" + bytes(30)
    cut = [bytes(12) + TAG[:n] for n in (1, 2, 3, 4)]
    got = untagged([two, other, *cut], [False] * 6, lambda: 0)
    assert [octets for octets, _ in got] == [bytes(12) + TAG + bytes(30), other, bytes(12) + TAG[:1], *[bytes(12)] * 3]


def test_latency():
    frame = bytes(range(60))
    inputs = [{"rx__valid": 1, "rx__payload": beat} for beat in beats(frame)] + [{"rx__valid": 0}]
    seen = run(Untag(), inputs, ["beats__valid"], after=4)
    assert [cycle for cycle, (valid,) in enumerate(seen) if valid] == [*range(2, 10)]
