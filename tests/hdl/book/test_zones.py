"""Windows and the judgement of prices, against ``spec.ladder``."""

import random

import pytest

from hdl.book import zones
from hdl.book.operation import Ring, window_row
from hdl.book.zones import Zones
from spec.ladder import ASK, BID, DOLLAR, MAX_PRICE, Window, Zone, window_around, word_span, zone_of


def row_of(design, window, ring_base, tick):
    """As recentring writes it; where the ring's words are does not matter to a verdict."""
    ring = Ring(design)
    span = word_span(tick, ring.levels)
    return {"law_low": window.low, "law_high": window.high, "ring_base": ring_base,
            "ring_word": ring_base // span % ring.words, "lo_word": 0, "hi_word": ring.words}


def naive_zone(price, side, tick, law, entering):
    """``entering``: the window that is about to be, or None."""
    off = price % tick != 0
    zone = zone_of(price, side=side, tick=tick, window=law)
    judged = zone
    if entering and not off and zone_of(price, side=side, tick=tick, window=entering) != Zone.INSIDE:
        judged = zone_of(price, side=side, tick=tick, window=entering)
    verdict = {"inside": int(zone == Zone.INSIDE), "better": int(zone == Zone.BETTER), "worse": int(zone == Zone.WORSE),
               "entering": int(bool(entering) and not off and zone != Zone.INSIDE
                               and entering.low <= price < entering.high)}
    if zone != Zone.INSIDE:
        verdict["far_better"] = int(judged == Zone.BETTER)
    return verdict


def random_operations(rng, design, count):
    laws = {(s, side): window_around(symbol.reference, symbol.tick, design.book.levels)
            for s, symbol in enumerate(design.symbols) for side in (BID, ASK)}
    operations = []
    for _ in range(count):
        s, side = rng.randrange(len(design.symbols)), rng.randrange(2)
        tick, law = design.symbols[s].tick, laws[s, side]
        target = window_around(rng.choice((law.low, law.high, DOLLAR, rng.randrange(50 * DOLLAR), MAX_PRICE)), tick,
                               design.book.levels)
        entering = rng.choice((None, target))
        about = (s, side) if rng.random() < 0.6 else (rng.randrange(len(design.symbols)), rng.randrange(2))
        near = [law.low, law.high, target.low, target.high, 0, DOLLAR, MAX_PRICE, rng.getrandbits(32)]

        def price(near=near, tick=tick):
            return min(max(rng.choice(near) + rng.choice((-tick, -1, 0, 0, 1, tick, 3 * tick)), 0), MAX_PRICE)

        op = {"symbol": s, "side": side, "law": law, "tick": tick, "find_price": price(), "place_price": price(),
              "write": int(rng.random() < 0.2), "active": int(entering is not None), "enter_symbol": about[0],
              "enter_side": about[1], "low": target.low, "high": target.high,
              "entering": entering if about == (s, side) else None}
        op |= {f"{name}_off": int(op[f"{name}_price"] % tick != 0) for name in ("find", "place")}
        middle = target.low + tick * design.book.levels // 2
        new = rng.choice((target, Window(target.low, target.low), Window(target.low, middle)))
        op["row"] = row_of(design, new, target.low, tick) if op["write"] else None
        op["windows"] = window_row(design).const(op["row"]).as_value().value if op["write"] else rng.getrandbits(80)
        if op["write"]:
            laws[s, side] = new
        operations.append(op)
    return operations


def compare(run_pipeline, design, operations):
    dut = Zones(design=design)
    inputs = {"symbol": (dut.symbol, 1), "side": (dut.side, 1)}
    inputs |= {name: (getattr(dut, name), 2) for name in (
        "write", "windows", "find_price", "find_off", "place_price", "place_off")}
    inputs |= {"active": (dut.entering.active, 2), "enter_symbol": (dut.entering.symbol, 2),
               "enter_side": (dut.entering.side, 2), "low": (dut.entering.low, 2), "high": (dut.entering.high, 2)}
    row = window_row(design)
    outputs = {name: (dut.row[name], 3) for name in row.members}
    outputs |= {f"{zone} {name}": (getattr(dut, zone)[name], 3) for zone in ("find", "place")
                for name in zones.Zone.members}
    outputs |= {"from_better": (dut.from_better, 3)}
    seen, rows = set(), {}
    for k, (op, got) in enumerate(zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True)):
        expected, at = {}, (op["symbol"], op["side"])
        for name in ("find", "place"):
            verdict = naive_zone(op[f"{name}_price"], op["side"], op["tick"], op["law"], op["entering"])
            expected |= {f"{name} {part}": value for part, value in verdict.items()}
            seen.add((op["side"], *verdict.values()))
        if op["write"]:
            rows[at] = op["row"]
        expected |= rows.get(at) or row_of(design, op["law"], op["law"].low, op["tick"])
        if op["entering"] and op["low"] != op["law"].low:  # the side of the law on which what enters lies
            expected["from_better"] = int((op["high"] > op["law"].high) == (op["side"] == BID))
        assert {name: got[name] for name in expected} == expected, (k, op)
    return seen


@pytest.mark.parametrize("symbols, levels", [(1, 16), (3, 64), (4, 32)])
def test_against_the_law(run_pipeline, tiny, seed, symbols, levels):
    """A window that is written is seen by the next operation, and not by the same."""
    design = tiny(symbols=symbols, levels=levels)
    seen = compare(run_pipeline, design, random_operations(random.Random(seed), design, 1500))
    assert {verdict[:5] for verdict in seen} >= {
        (side, *zone) for side in (BID, ASK) for zone in ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 1, 0, 1),
                                                         (0, 0, 1, 1))}
    # A window that jumped over an order counts it by where the new one will lie.
    assert {(side, 0, 1, 0, 0, 0) for side in (BID, ASK)} <= seen


@pytest.mark.parametrize("symbols", [1, 4])
def test_windows_begin_around_the_reference(run_pipeline, tiny, symbols):
    design = tiny(symbols=symbols)
    dut = Zones(design=design)
    operations = [{"symbol": s, "side": side} for s in range(symbols) for side in (BID, ASK)]
    outputs = {name: (dut.row[name], 3) for name in window_row(design).members}
    got = run_pipeline(dut, operations, {"symbol": (dut.symbol, 1), "side": (dut.side, 1)}, outputs)
    for op, row in zip(operations, got, strict=True):
        symbol = design.symbols[op["symbol"]]
        window = window_around(symbol.reference, symbol.tick, design.book.levels)
        assert row == row_of(design, window, window.low, symbol.tick)
        assert window.low <= symbol.reference < window.high


def test_the_comparison_finds_another_dollar(run_pipeline, tiny, monkeypatch):
    design = tiny(symbols=1, levels=16)
    symbol = design.symbols[0]
    law = window_around(symbol.reference, symbol.tick, 16)
    operations = []
    for price in range(DOLLAR - 20, DOLLAR + 20):
        prices = {f"{name}_price": price for name in ("find", "place")}
        offs = dict.fromkeys(("find_off", "place_off"), int(price % symbol.tick != 0))
        operations.append({"symbol": 0, "side": BID, "write": 0, "entering": None, "tick": symbol.tick, "law": law,
                           **prices, **offs})
    compare(run_pipeline, design, operations)
    monkeypatch.setattr(zones, "DOLLAR", DOLLAR - 1)
    with pytest.raises(AssertionError, match=r"^\(19, "):
        compare(run_pipeline, design, operations)
