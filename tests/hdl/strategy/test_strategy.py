"""The strategy stage: what fires, what holds it back, exact latencies, signals of one's own."""

import pytest
from amaranth.hdl import Module

from hdl.candidates import Candidates
from hdl.indicators import Indicators
from hdl.pipeline import delay
from hdl.strategy import SIGNALS, Strategy, TradingSignal
from spec.config import Strategy as Parameters
from spec.itch import BOOK_TYPES, MESSAGES
from spec.records import INDICATOR, INTENT, UPDATE, Side
from testbenches.candidates import candidates_of
from tests.golden_model.build import small, update
from tests.hdl.cycles import run

PARAMETERS = {"numerator": 3, "denominator": 2, "quantity": 70, "max_spread": 200, "cooldown_ns": 1000}
COUNTERS = ["intents", "suppressed_unknown", "suppressed_halt", "suppressed_cooldown"]


def quote(bid_quantity=300, ask_quantity=200, **values):
    """A book change that buys; no two of them are within the cooldown unless told so."""
    return update(**{"bid_price": 10_000, "ask_price": 10_100, "bid_quantity": bid_quantity, "bid_orders": 1,
                     "ask_quantity": ask_quantity, "ask_orders": 1, "last_trade": 9_000, **values})


def trade(updates, *, spread=0, signal=None, parameters=PARAMETERS, indicators=None, **sections):
    """Intents by cycle, and counters, when the updates come in cycles 0, spread + 1, ..."""
    dut = Strategy(design=small(strategy=parameters, **sections), signal=signal)
    inputs = [{"updates__valid": 0, "updates__payload": UPDATE.pack(quote())}
              for _ in range(len(updates) * (spread + 1) + dut.LATENCY + 3)]
    for k, each in enumerate(updates):
        inputs[k * (spread + 1)] = {"updates__valid": 1, "updates__payload": UPDATE.pack(each)}
    for cycle, indicator in (indicators or {}).items():
        inputs[cycle] |= {"indicators__valid": 1, "indicators__payload": INDICATOR.pack(indicator)}
    seen = run(dut, inputs, ["intents__valid", "intents__payload", "candidates",
                             *(f"counters__{name}" for name in COUNTERS)])
    intents = {cycle: INTENT.unpack(row[1]) for cycle, row in enumerate(seen) if row[0]}
    for cycle, intent in intents.items():
        other = Candidates.from_bits(seen[cycle - 1][2]).prices[1 - intent.side]
        assert seen[cycle - 1][2] == candidates_of(intent, other), cycle
    return intents, dict(zip(COUNTERS, seen[-1][3:], strict=True))


def counted(**counters):
    return dict.fromkeys(COUNTERS, 0) | counters


@pytest.mark.parametrize("spread", range(4))
def test_intent_follows_after_exactly_two_cycles_with_every_field(spread):
    common = {"collar_lower": 8_000, "collar_upper": 12_000}
    updates = [quote(message=7, timestamp=2**48 - 1, symbol=3, **common),
               quote(message=8, timestamp=5, symbol=0, bid_quantity=200, ask_quantity=300, **common)]
    intents, counters = trade(updates, spread=spread)
    assert intents == {
        2: INTENT.tuple(7, 2**48 - 1, 3, 0, 0, 0, Side.BUY, 70, 10_100, 9_000, 8_000, 12_000, 10_000, 1, 0, 0),
        3 + spread: INTENT.tuple(8, 5, 0, 0, 0, 0, Side.SELL, 70, 10_000, 9_000, 8_000, 12_000, 10_000, 1, 0, 0),
    }
    assert counters == counted(intents=2)
    assert Strategy(design=small()).LATENCY == 2


def test_mid_as_reference_is_rounded_down():
    intents, _ = trade([quote(ask_price=10_101)], risk={"reference": "mid"})
    assert intents[2].reference == 10_050


BUY, SELL = Side.BUY, Side.SELL


@pytest.mark.parametrize(("bid", "ask", "side"), [
    (300, 200, BUY), (299, 200, None), (200, 300, SELL), (200, 299, None), (0, 0, BUY), (0, 1, SELL), (1, 0, BUY),
    (2**52 - 1, 1, BUY), (1, 2**52 - 1, SELL), (2**52 - 1, 2**52 - 1, None)])
@pytest.mark.parametrize("flip", [False, True])
def test_imbalance_to_the_share(bid, ask, side, flip):
    if flip and bid != ask:
        bid, ask, side = ask, bid, side if side is None else BUY + SELL - side
    intents, _ = trade([quote(bid, ask)])
    assert [intent.side for intent in intents.values()] == ([] if side is None else [side])


@pytest.mark.parametrize(("numerator", "denominator"), [(1, 1), (255, 254), (171, 85), (1, 255), (255, 1)])
def test_ratios(numerator, denominator):
    parameters = {**PARAMETERS, "numerator": numerator, "denominator": denominator}
    ask = 1_000_003
    edge = -(-ask * numerator // denominator)
    intents, _ = trade([quote(edge, ask)], parameters=parameters)
    assert intents[2].side == BUY
    intents, _ = trade([quote(edge - 1, ask)], parameters=parameters)
    assert [intent.side for intent in intents.values()] != [BUY]


@pytest.mark.parametrize(("values", "fires"), [
    ({"bid_orders": 0}, False), ({"ask_orders": 0}, False), ({"bid_orders": 1 << 19, "ask_orders": 1 << 19}, True),
    ({"ask_price": 10_000}, False), ({"ask_price": 9_999}, False), ({"ask_price": 10_001}, True),
    ({"ask_price": 10_200}, True), ({"ask_price": 10_201}, False), ({"bid_price": 0, "ask_price": 200}, True),
    ({"bid_price": 2**32 - 2, "ask_price": 2**32 - 1}, True), ({"bid_price": 2**32 - 1, "ask_price": 0}, False)])
def test_spread_and_sides(values, fires):
    intents, counters = trade([quote(**values)])
    assert len(intents) == fires
    assert counters == counted(intents=int(fires))


def test_book_messages_alone_fire():
    updates = [quote(message=k, timestamp=10_000 * k, type=ord(code)) for k, code in enumerate(MESSAGES)]
    intents, counters = trade(updates)
    expected = [k for k, code in enumerate(MESSAGES) if code in BOOK_TYPES]
    assert [intent.message for intent in intents.values()] == expected
    assert counters == counted(intents=len(BOOK_TYPES))


def test_what_holds_a_signal_back_and_in_which_order():
    updates = [
        quote(bid_known=0, tradable=0),  # unknown comes before halted
        quote(ask_known=0),
        quote(tradable=0),  # and starts no cooldown
        quote(timestamp=1),
        quote(timestamp=1, tradable=0),  # halted comes before cooling
        quote(timestamp=1000),
        quote(timestamp=1, symbol=1, bid_known=0, type=ord("P")),  # no book change: not counted
        quote(timestamp=1001),
        quote(timestamp=1001, bid_quantity=200),  # no signal: not counted
    ]
    intents, counters = trade(updates)
    assert list(intents) == [3 + 2, 7 + 2]
    assert counters == counted(intents=2, suppressed_unknown=2, suppressed_halt=2, suppressed_cooldown=1)


class Late(TradingSignal):
    """Buys at one more than the offer, three cycles later."""

    LATENCY = 3

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [
            self.wish.fire.eq(1),
            self.wish.side.eq(Side.BUY),
            self.wish.prices[Side.BUY].eq(delay(m, self.updates.payload.ask_price, 3, name="ask") + 1),
        ]
        return m


@pytest.mark.parametrize("spread", range(5))
def test_a_slower_signal(spread):
    updates = [quote(message=k, timestamp=k * 400, ask_price=k, tradable=k != 2, bid_known=k != 3) for k in range(7)]
    intents, counters = trade(updates, spread=spread, signal=Late(configuration=Parameters()), parameters=PARAMETERS)
    assert {cycle: (intent.message, intent.price) for cycle, intent in intents.items()} == {
        k * (spread + 1) + 4: (k, k + 1) for k in (0, 4)}
    assert counters == counted(intents=2, suppressed_unknown=1, suppressed_halt=1, suppressed_cooldown=3)


class Cheap(TradingSignal):
    """Buys at the offer while it is below the EMA."""

    LATENCY = 1
    USES_INDICATORS = True

    def elaborate(self, platform):
        m = Module()
        indicator, ask = self.indicators.payload, self.updates.payload.ask_price
        m.d.sync += [
            self.wish.fire.eq(indicator.ema_known & (ask < indicator.ema >> 16)),
            self.wish.side.eq(Side.BUY),
            self.wish.prices[Side.BUY].eq(ask),
        ]
        return m


@pytest.mark.parametrize("spread", range(3))
def test_a_signal_with_indicators_sees_those_of_its_update(spread):
    updates = [quote(message=k, timestamp=k * 10_000, ask_price=10_000 + k) for k in range(4)]
    emas = [10_000, 10_002, 10_002, 10_004]
    indicators = {k * (spread + 1) + Indicators.LATENCY: INDICATOR.tuple(k, 0, 0, 0, 0, 0, 0, 1, ema << 16)
                  for k, ema in enumerate(emas)}
    intents, _ = trade(updates, spread=spread, signal=Cheap(configuration=Parameters()), indicators=indicators)
    assert {cycle: intent.message for cycle, intent in intents.items()} == {
        k * (spread + 1) + Indicators.LATENCY + 2: k for k in (1, 3)}


def test_every_name_that_the_configuration_allows_has_a_signal():
    allowed = Parameters.model_fields["name"].annotation.__args__
    assert set(SIGNALS) == set(allowed)


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="design must be a spec.config.Design, not None"):
        Strategy(design=None)
    with pytest.raises(TypeError, match="signal must be a TradingSignal, not 'imbalance'"):
        Strategy(design=small(), signal="imbalance")
    with pytest.raises(TypeError, match="configuration must be a spec.config.Strategy, not None"):
        Late(configuration=None)
    for latency in (0, None):
        with pytest.raises(TypeError, match=f"Wrong.LATENCY must be an integer of at least 1, not {latency}"):
            type("Wrong", (TradingSignal,), {"LATENCY": latency})(configuration=Parameters())
