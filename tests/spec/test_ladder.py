"""The ladder's windows and zones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.ladder import (
    ASK,
    BID,
    Window,
    Zone,
    check_window,
    common_window,
    highest_low,
    lowest_low,
    window_around,
    window_base,
    word_bits,
    word_span,
    zone_of,
)

LEVELS = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096]
price = st.integers(0, 2**32 - 1)
tick = st.sampled_from([1, 100])
levels = st.sampled_from(LEVELS)
side = st.sampled_from([BID, ASK])


@st.composite
def windows(draw, tick, levels):
    """Lawful ones, at rest or not."""
    span = word_span(tick, levels)
    low = draw(st.integers(lowest_low(tick, levels) // span, highest_low(tick, levels) // span)) * span
    return Window(low, low + span * draw(st.integers(0, levels * tick // span)))


def test_a_word_is_about_the_square_root_of_the_ladder():
    assert [1 << word_bits(n) for n in LEVELS] == [4, 8, 8, 16, 16, 32, 32, 64, 64]
    assert (word_span(1, 64), word_span(100, 64), word_span(100, 512)) == (8, 800, 3200)


@pytest.mark.parametrize(("tick", "levels", "low"), [
    (1, 64, 0), (1, 4096, 0), (100, 16, 10_000), (100, 64, 10_400), (100, 512, 12_800), (100, 4096, 12_800)])
def test_cents_begin_at_a_dollar(tick, levels, low):
    assert lowest_low(tick, levels) == low


@given(tick, levels)
def test_limits_are_the_outermost_words(tick, levels):
    span, lowest, highest = word_span(tick, levels), lowest_low(tick, levels), highest_low(tick, levels)
    assert lowest % span == highest % span == 0
    assert highest + levels * tick <= 2**32 - 1 < highest + span + levels * tick
    assert lowest - span < (10_000 if tick == 100 else 1) and (tick == 1 or lowest >= 10_000)


@given(price, tick, levels)
def test_a_window_around_a_price_has_it_in_its_middle(price, tick, levels):
    window = window_around(price, tick, levels)
    check_window(window, tick, levels)
    assert window.high - window.low == levels * tick and window.low == window_base(price, tick, levels)
    below = price // tick - window.low // tick
    if lowest_low(tick, levels) < window.low < highest_low(tick, levels):
        assert levels // 2 <= below < levels // 2 + (1 << word_bits(levels))
    elif window.low == lowest_low(tick, levels):
        assert below < levels // 2 + (1 << word_bits(levels))
    else:
        assert below >= levels // 2


@given(st.data(), tick, levels)
def test_what_two_windows_have_in_common_is_lawful(data, tick, levels):
    old, new = data.draw(windows(tick, levels)), data.draw(windows(tick, levels))
    check_window(old, tick, levels)
    common = common_window(old, new)
    check_window(common, tick, levels)
    for p in {*old, *new, *(bound - 1 for bound in (*old, *new))}:
        assert (common.low <= p < common.high) == all(w.low <= p < w.high for w in (old, new))


@pytest.mark.parametrize(("low", "high", "tick", "fault"), [
    (1_050_000, 1_056_800, 100, "multiples of 800, not 1050000 and 1056800"),
    (1_049_600, 1_050_000, 100, "multiples of 800"),
    (1_048_100, 1_048_100, 100, "multiples of 800"),
    (9_600, 16_000, 100, "begin from 10400 to 4294960800, not at 9600"),
    (9_600, 9_600, 100, "begin from 10400"),
    (-8, 56, 1, "begin from 0 to 4294967224, not at -8"),
    (4_294_967_232, 4_294_967_296, 1, "begin from 0 to 4294967224, not at 4294967232"),
    (4_294_961_600, 4_294_961_600, 100, "begin from 10400 to 4294960800"),
    (1_049_600, 1_048_800, 100, "span 0 to 64 levels of 100, not 1049600 to 1048800"),
    (1_049_600, 1_056_800, 100, "span 0 to 64 levels"),
    (4_000, 4_072, 1, "span 0 to 64 levels of 1, not 4000 to 4072")])
def test_an_unlawful_window_is_refused(low, high, tick, fault):
    with pytest.raises(ValueError, match=fault):
        check_window(Window(low, high), tick, 64)


@pytest.mark.parametrize(("low", "high", "tick"), [
    (0, 64, 1), (0, 0, 1), (4_294_967_224, 4_294_967_288, 1), (10_400, 16_800, 100), (10_400, 11_200, 100),
    (4_294_960_800, 4_294_967_200, 100)])
def test_a_lawful_window_is_not(low, high, tick):
    check_window(Window(low, high), tick, 64)


@given(st.data(), tick, st.sampled_from([16, 64]))
def test_lawful_is_what_the_rules_say(data, tick, levels):
    """By the tick's number rather than the price, near a lawful window."""
    base = data.draw(windows(tick, levels))
    nudge = st.sampled_from([-800, -100, -8, -4, -1, 0, 0, 0, 1, 4, 8, 100, 800])
    low, high = base.low + data.draw(nudge), base.high + data.draw(nudge)
    word = 1 << word_bits(levels)
    lawful = (low % tick == high % tick == 0 and low // tick % word == high // tick % word == 0
              and low >= (10_000 if tick == 100 else 0) and low + levels * tick < 2**32
              and 0 <= (high - low) // tick <= levels)
    if lawful:
        check_window(Window(low, high), tick, levels)
    else:
        with pytest.raises(ValueError):
            check_window(Window(low, high), tick, levels)


CENTS, POINTS = Window(19_200, 20_800), Window(4_000, 4_016)


@pytest.mark.parametrize(("price", "bid", "ask"), [
    (0, Zone.WORSE, Zone.BETTER), (5_000, Zone.WORSE, Zone.BETTER), (19_100, Zone.WORSE, Zone.BETTER),
    (19_200, Zone.INSIDE, Zone.INSIDE), (20_700, Zone.INSIDE, Zone.INSIDE),
    (20_800, Zone.BETTER, Zone.WORSE), (1_999_999_900, Zone.BETTER, Zone.WORSE),
    (1, Zone.WORSE, Zone.BETTER), (9_999, Zone.WORSE, Zone.BETTER), (10_001, Zone.BETTER, Zone.BETTER),
    (19_250, Zone.BETTER, Zone.BETTER), (20_850, Zone.BETTER, Zone.BETTER), (2**32 - 1, Zone.BETTER, Zone.BETTER)])
def test_zones_of_cents(price, bid, ask):
    assert zone_of(price, side=BID, tick=100, window=CENTS) is bid
    assert zone_of(price, side=ASK, tick=100, window=CENTS) is ask


@pytest.mark.parametrize(("price", "bid", "ask"), [
    (0, Zone.WORSE, Zone.BETTER), (3_999, Zone.WORSE, Zone.BETTER), (4_000, Zone.INSIDE, Zone.INSIDE),
    (4_015, Zone.INSIDE, Zone.INSIDE), (4_016, Zone.BETTER, Zone.WORSE), (2**32 - 1, Zone.BETTER, Zone.WORSE)])
def test_zones_of_points(price, bid, ask):
    assert zone_of(price, side=BID, tick=1, window=POINTS) is bid
    assert zone_of(price, side=ASK, tick=1, window=POINTS) is ask


def test_nothing_is_inside_an_empty_window():
    empty = Window(20_000, 20_000)
    assert zone_of(20_000, side=BID, tick=100, window=empty) is Zone.BETTER
    assert zone_of(20_000, side=ASK, tick=100, window=empty) is Zone.WORSE
    assert zone_of(19_900, side=BID, tick=100, window=empty) is Zone.WORSE


@given(st.data(), price, price, side, tick, levels)
def test_no_price_outside_is_on_the_wrong_side(data, price, other, side, tick, levels):
    """A worse price is never better than an inside one: what is known then is exact."""
    window = data.draw(windows(tick, levels))
    near = st.integers(max(0, window.low - 300), min(2**32 - 1, window.high + 300))
    for pair in ((price, other), (data.draw(near), data.draw(near)), (price, data.draw(near))):
        zone, other_zone = (zone_of(p, side=side, tick=tick, window=window) for p in pair)
        if zone is Zone.WORSE and other_zone is Zone.INSIDE:
            assert pair[0] < pair[1] if side == BID else pair[0] > pair[1]
