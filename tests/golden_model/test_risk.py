"""risk: each limit from inside and from outside, and that nothing else is refused."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden_model.risk import Risk
from spec.records import Refusal, Side
from tests.golden_model.build import intent, nonzero, small

LIMITS = {"max_quantity": 500, "max_position": 700, "collar_bps": 100}


@pytest.fixture
def risk():
    return Risk(small(risk=LIMITS))


@pytest.mark.parametrize(("refusals", "values"), [
    (0, {}),
    (0, {"quantity": 500}),
    (0, {"quantity": 1}),
    (Refusal.ORDER_SIZE, {"quantity": 501}),
    (Refusal.ORDER_SIZE, {"quantity": 0}),
    (Refusal.ORDER_SIZE | Refusal.PRICE_COLLAR, {"price": 0}),
    (0, {"price": 10_100}),
    (0, {"price": 9_900}),
    (Refusal.PRICE_COLLAR, {"price": 10_101}),
    (Refusal.PRICE_COLLAR, {"price": 9_899}),
    (0, {"price": 10_098, "reference": 9_999}),
    (Refusal.PRICE_COLLAR, {"price": 10_099, "reference": 9_999}),
    (Refusal.PRICE_COLLAR, {"price": 2**32 - 1, "reference": 1}),
    (Refusal.NO_REFERENCE, {"reference": 0}),
    (0, {"collar_lower": 10_000, "collar_upper": 10_000}),
    (Refusal.LULD_COLLAR, {"collar_lower": 10_001, "collar_upper": 10_002}),
    (Refusal.LULD_COLLAR, {"collar_lower": 9_000, "collar_upper": 9_999}),
    (0, {"collar_lower": 10_001, "collar_upper": 0}),
    (Refusal.ORDER_SIZE | Refusal.NO_REFERENCE | Refusal.LULD_COLLAR | Refusal.POSITION_LIMIT,
     {"quantity": 2**32 - 1, "reference": 0, "collar_upper": 1}),
])
@pytest.mark.parametrize("side", Side)
def test_every_limit_on_both_sides_of_it(risk, side, refusals, values):
    i = intent(side=side, message=3, timestamp=4, symbol=2, **values)
    d = risk.intent(i)
    assert Refusal(d.refusals) == refusals
    assert d[:6] == i[:6]
    filled = 0 if refusals else i.quantity * (1 if side == Side.BUY else -1)
    assert d.position == risk.positions[2] == filled
    names = {r.name.lower() for r in Refusal if r in Refusal(refusals) and r}
    assert nonzero(risk.counters) == ({name: 1 for name in names} | {"refused": 1} if refusals else {"approved": 1})


def test_the_position_limit_goes_both_ways(risk):
    positions = []
    for side, quantity in [(0, 500), (0, 200), (0, 1), (1, 500), (1, 500), (1, 400), (1, 1), (0, 1)]:
        d = risk.intent(intent(side=side, quantity=quantity))
        assert Refusal(d.refusals) in (Refusal.NONE, Refusal.POSITION_LIMIT)
        positions.append((d.position, d.refusals == 0))
    assert positions == [(500, True), (700, True), (700, False), (200, True), (-300, True), (-700, True),
                         (-700, False), (-699, True)]
    assert risk.intent(intent(symbol=1)).position == 100, "each symbol has its own"


def test_the_kill_switch_latches(risk):
    assert not risk.intent(intent()).refusals
    risk.kill()
    for _ in range(2):
        d = risk.intent(intent())
        assert Refusal(d.refusals) == Refusal.KILL_SWITCH and d.position == 100


def test_a_full_queue_refuses_and_does_not_latch(risk):
    assert Refusal(risk.intent(intent(), queue_full=True).refusals) == Refusal.ORDER_QUEUE_FULL
    assert risk.positions[0] == 0
    assert not risk.intent(intent()).refusals


def within_limits(i, position: int, killed: bool, queue_full: bool) -> bool:
    """What the configuration promises, in words of its own."""
    after = position + (i.quantity if i.side == Side.BUY else -i.quantity)
    return (not killed and not queue_full and i.quantity in range(1, LIMITS["max_quantity"] + 1) and i.price > 0
            and i.reference > 0 and abs(Fraction(i.price, i.reference) - 1) <= Fraction(LIMITS["collar_bps"], 10_000)
            and (i.collar_upper == 0 or i.price in range(i.collar_lower, i.collar_upper + 1))
            and after in range(-LIMITS["max_position"], LIMITS["max_position"] + 1))


price = st.sampled_from([0, 1, 5_000, 9_899, 9_900, 10_000, 10_100, 10_101, 2**32 - 1])
intents = st.builds(intent, symbol=st.integers(0, 1), side=st.sampled_from(Side), price=price,
                    quantity=st.sampled_from([0, 1, 100, 350, 500, 501, 2**32 - 1]),
                    reference=st.sampled_from([10_000, 10_000, 0, 5_000]),
                    collar_lower=st.sampled_from([0, 9_950]), collar_upper=st.sampled_from([0, 0, 10_050]))


@given(st.lists(st.tuples(intents, st.booleans()), max_size=30), st.integers(0, 30))
def test_approves_exactly_what_is_within_limits(script, kill_at):
    risk, positions = Risk(small(risk=LIMITS)), [0, 0]
    for n, (i, full) in enumerate(script):
        if n == kill_at:
            risk.kill()
        expected = within_limits(i, positions[i.symbol], n >= kill_at, full)
        d = risk.intent(i, queue_full=full)
        assert (d.refusals == 0) == expected
        if expected:
            positions[i.symbol] += i.quantity if i.side == Side.BUY else -i.quantity
        assert d.position == positions[i.symbol]
    assert risk.counters["approved"] + risk.counters["refused"] == len(script)
