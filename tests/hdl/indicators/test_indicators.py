"""The indicators stage: its records side by side, latencies, counters."""

import pytest

from hdl.indicators import Indicators
from spec.records import INDICATOR, UPDATE, VWAP, Trade
from tests.golden_model.build import small, update
from tests.hdl.cycles import run, run_records

DESIGN = small(indicators={"sma": 2, "ema": 3, "matches": 16, "source": "mid"})
BOOK = {"bid_price": 10_000, "ask_price": 10_100, "bid_orders": 1, "ask_orders": 1}
MID = 10_050 << 16

UPDATES = [
    update(message=5, symbol=2, **BOOK),
    update(message=6, symbol=2, type=ord("P"), trade=Trade.PRINT, trade_price=10_000, trade_shares=3, match=1),
    update(message=8, symbol=2, **BOOK, trade=Trade.PRINT, trade_price=20_000, trade_shares=4, match=2),
    update(message=9, symbol=0, type=ord("E"), trade=Trade.UNPRICED, trade_shares=1),
]
EXPECTED = [
    INDICATOR.tuple(5, 2, 1, 0, 0, 0, 0, 1, MID),
    INDICATOR.tuple(6, 2, 1, 30_000, 3, 0, 0, 1, MID),
    INDICATOR.tuple(8, 2, 1, 110_000, 7, 1, MID, 1, MID),
    INDICATOR.tuple(9, 0, 0, 0, 0, 0, 0, 0, 0),
]
QUOTIENTS = [
    VWAP.tuple(5, 2, 0, 0), VWAP.tuple(6, 2, 1, 10_000 << 16), VWAP.tuple(8, 2, 1, (110_000 << 16) // 7),
    VWAP.tuple(9, 0, 0, 0),
]


@pytest.mark.parametrize("at", [(0, 1, 2, 3), (3, 5, 9, 30)])
def test_records_follow_at_exact_latencies(at):
    sent = dict(zip(at, UPDATES, strict=True))
    seen = run_records(Indicators(design=DESIGN), UPDATE, sent, INDICATOR, cycles=45)
    assert Indicators.LATENCY == 6
    assert seen == {cycle + 6: record for cycle, record in zip(at, EXPECTED, strict=True)}
    seen = run_records(Indicators(design=DESIGN), UPDATE, sent, VWAP, cycles=100)
    assert Indicators.VWAP_LATENCY == 54
    assert seen == {cycle + 54: record for cycle, record in zip(at, QUOTIENTS, strict=True)}


def test_counters():
    breaks = [update(type=ord("B"), symbol=2, trade=Trade.BREAK, match=match) for match in (1, 1)]
    inputs = [{"updates__valid": 1, "updates__payload": UPDATE.pack(each)} for each in [*UPDATES, *breaks]]
    names = ["samples", "prints", "breaks", "break_unknown", "print_unpriced"]
    dut = Indicators(design=DESIGN)
    seen = run(dut, [*inputs, {"updates__valid": 0}], [f"counters__{name}" for name in names], after=8)
    assert seen[-1] == (2, 2, 1, 1, 1)


def test_design_is_checked():
    with pytest.raises(TypeError, match="design must be a spec.config.Design, not None"):
        Indicators(design=None)
