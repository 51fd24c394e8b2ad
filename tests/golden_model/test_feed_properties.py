"""feed: whatever comes, every frame is counted once; and two lossy lines make one stream."""

from hypothesis import given, settings
from hypothesis import strategies as st

from golden_model.feed import Feed
from spec.config import preset
from tests.golden_model.build import datagram, frame, itch_message, mold, octets_of

DESIGN = preset("small")
HEADER_DROPS = [name for name in Feed(DESIGN).counters if name.startswith("frame_")
                and name not in ("frame_truncated", "frame_error")]

@given(st.lists(st.tuples(st.one_of(st.binary(max_size=120), st.builds(
    lambda payload, cut: frame(mold() + payload)[:cut], st.binary(max_size=60), st.integers(0, 120))),
    st.booleans(), st.booleans()), max_size=8))
def test_anything_at_all_is_counted_and_never_raises(frames):
    feed = Feed(DESIGN)
    delivered = sum(len(feed.frame(octets, error=error, ready=ready)) for octets, error, ready in frames)
    counters = feed.counters
    assert counters["frames"] == len(frames) == counters["datagrams"] + sum(counters[name] for name in HEADER_DROPS)
    assert counters["messages"] == delivered
    assert counters["frame_error"] <= sum(error for _, error, _ in frames)


#: How a stream of 12 messages is cut into datagrams, and which of them each line loses.
LINE = st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=12, max_size=12)


def datagrams(line) -> list[tuple[int, bytes]]:
    """(first sequence, frame) of what a line delivers of messages 1 to 12."""
    result, sequence = [], 1
    for size, lost in line:
        size = min(size, 13 - sequence)
        if size and not lost:
            messages = [itch_message("D", reference=n) for n in range(sequence, sequence + size)]
            result.append((sequence, datagram(*messages, sequence=sequence)))
        sequence += size
    return result


@settings(max_examples=200)
@given(LINE, LINE)
def test_two_lines_make_one_stream_without_repetition(line_a, line_b):
    feed = Feed(DESIGN)
    frames = sorted(datagrams(line_a) + datagrams(line_b))
    messages = [message for _, octets in frames for message in feed.frame(octets)]
    got = [message.sequence for message in messages]
    carried = {n for first, octets in frames for n in range(first, first + int.from_bytes(octets[60:62], "big"))}
    assert got == sorted(carried)
    assert [m.message for m in messages] == list(range(len(messages)))
    assert all(octets_of(m) == itch_message("D", reference=m.sequence) for m in messages)
    skipped = [n for n in range(1, max(carried, default=0)) if n not in carried]
    assert feed.counters["messages_lost"] == len(skipped)
    assert all(m.gap == any(n < m.sequence for n in skipped) for m in messages)
