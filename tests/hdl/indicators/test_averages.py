"""SMA, EMA and what they average: values by hand and by fractions, and the exact latency."""

import random
from fractions import Fraction
from math import floor

import pytest

from hdl.indicators.ema import Ema
from hdl.indicators.samples import SAMPLE_BITS, Sample, Sampler
from hdl.indicators.sma import Sma
from spec.itch import BOOK_TYPES, MESSAGES
from spec.records import UPDATE, Trade
from tests.golden_model.build import update
from tests.hdl.cycles import run

ULP = 1 << 15  # Q32.16 per half a price unit


def averages(dut, samples, *, spread=0):
    """(known, average) for each of (symbol, value), or (symbol, None) for an update without a sample."""
    idle = {"sample": Sample.const({"symbol": 0, "take": 0, "value": 2**SAMPLE_BITS - 1}).as_value().value}
    inputs = []
    for symbol, value in samples:
        fields = {"symbol": symbol, "take": value is not None, "value": 77 if value is None else value}
        inputs += [{"sample": Sample.const(fields).as_value().value}, *[idle] * spread]
    seen = run(dut, [*inputs, idle], ["known", "average"], after=dut.LATENCY)
    return seen[dut.LATENCY :: spread + 1][: len(samples)]


@pytest.mark.parametrize("spread", range(6))
def test_sma_by_hand(spread):
    samples = [(0, 4), (1, 100), (0, 8), (0, None), (0, 1), (1, None), (1, 3), (0, 0), (0, 2**33 - 1), (1, None)]
    expected = [(0, 0), (0, 0), (1, 6 * ULP), (1, 6 * ULP), (1, 9 * ULP // 2), (0, 0), (1, 103 * ULP // 2),
                (1, ULP // 2), (1, (2**33 - 1) * ULP // 2), (1, 103 * ULP // 2)]
    assert averages(Sma(symbols=2, length=2), samples, spread=spread) == expected


@pytest.mark.parametrize("length", [2, 4, 256])
def test_sma_is_the_mean_of_the_window(length):
    rng, samples = random.Random(length), []
    for _ in range(3 * length + 20):
        samples.append((rng.choice((0, 0, 1, 2)), rng.choice((rng.getrandbits(33), 2**33 - 1, None))))
    windows, expected = {0: [], 1: [], 2: []}, []
    for symbol, value in samples:
        if value is not None:
            windows[symbol].append(value)
        last = windows[symbol][-length:]
        full = len(last) == length
        expected.append((int(full), int(Fraction(sum(last), length) * ULP) if full else 0))
    assert averages(Sma(symbols=3, length=length), samples) == expected
    assert any(known for known, _ in expected)


@pytest.mark.parametrize("spread", range(5))
def test_ema_by_hand(spread):
    """Length 7 moves a quarter of the way; a fall of less than one unit in the last place still goes down one."""
    samples = [(0, 8), (0, 12), (0, None), (1, None), (1, 5), (0, 9)]
    expected = [(1, 8 * ULP), (1, 9 * ULP), (1, 9 * ULP), (0, 0), (1, 5 * ULP), (1, 9 * ULP)]
    assert averages(Ema(symbols=2, length=7), samples, spread=spread) == expected


@pytest.mark.parametrize("length", [3, 7, 1023])
def test_ema_rounds_to_minus_infinity(length):
    rng, step, values, ema, expected = random.Random(length), (length + 1) // 2, [], None, []
    for k in range(300):
        values.append(rng.choice((0, 2**33 - 1, rng.getrandbits(33))) if k % 50 else 2**33 - 1 - k)
        new = Fraction(values[-1] * ULP)
        ema = new if ema is None else ema + floor((new - ema) / step)
        expected.append((1, int(ema)))
    assert averages(Ema(symbols=1, length=length), [(0, value) for value in values]) == expected


def test_latencies():
    first = {"sample": Sample.const({"symbol": 0, "take": 1, "value": 2}).as_value().value}
    for dut, latency in ((Sma(symbols=1, length=2), 5), (Ema(symbols=1, length=3), 3)):
        seen = run(dut, [{"sample": 0}, first, first, {"sample": 0}], ["known", "average"], after=9)
        assert dut.LATENCY == latency
        assert seen.index((1, 2 * ULP)) == latency + (2 if isinstance(dut, Sma) else 1)


def samples(source, updates):
    dut = Sampler(source=source)
    inputs = [{"updates__valid": 1, "updates__payload": UPDATE.pack(each)} for each in updates]
    inputs.append({"updates__valid": 0})
    names = ["sample__symbol", "sample__take", "sample__value"]
    seen = run(dut, inputs, names, after=1)
    assert Sampler.LATENCY == 1
    assert not seen[0][1] and not seen[-1][1], "a sample without an update"
    return seen[1:-1]


def book(**fields):
    return update(**{"symbol": 3, "bid_price": 2**32 - 1, "ask_price": 2**32 - 2, "bid_orders": 1 << 19,
                     "ask_orders": 1, **fields})


def test_mid_of_book_messages_alone():
    for code in MESSAGES:
        assert samples("mid", [book(type=ord(code))]) == [(3, int(code in BOOK_TYPES), 2**33 - 3)], code


@pytest.mark.parametrize("missing", ["bid_known", "ask_known", "bid_orders", "ask_orders"])
def test_mid_needs_both_sides(missing):
    assert samples("mid", [book(), book(**{missing: 0})]) == [(3, 1, 2**33 - 3), (3, 0, 2**33 - 3)]


def test_trade_price_of_prints_alone():
    updates = [book(trade=trade, trade_price=2**32 - 1) for trade in Trade]
    assert samples("trade", updates) == [(3, int(trade == Trade.PRINT), 2**33 - 2) for trade in Trade]


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Sma(symbols=0, length=2), "symbols must be 1 to 1024, not 0"),
    (lambda: Sma(symbols=1, length=3), "length must be a power of two from 2 to 32768, not 3"),
    (lambda: Ema(symbols=1025, length=3), "symbols must be 1 to 1024, not 1025"),
    (lambda: Ema(symbols=1, length=4), "length must be one less than a power of two and at least 3, not 4"),
    (lambda: Sampler(source="bid"), "source must be 'mid' or 'trade', not 'bid'")])
def test_parameters_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()
