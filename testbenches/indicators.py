"""Indicators: every record and counter against the golden model, every latency to the cycle."""

import cocotb

from golden_model.indicators import Indicators as Golden
from hdl.indicators import Indicators
from spec.records import Trade

from .harness import Bench, assert_same_counters, assert_same_records
from .updates import Updates, drive

IDLE = (0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 9)


async def compare(bench: Bench, updates: list, gap=lambda: 0) -> list:
    """Drive ``updates`` from reset and compare all there is; returns the expected (indicator, vwap) pairs."""
    golden = Golden(bench.design)
    expected = [golden.update(update) for update in updates]
    await bench.start(updates_valid=0, updates_payload=0)
    sent, indicators, vwaps = (bench.watch(stream) for stream in ("updates", "indicators", "vwaps"))
    await drive(bench, updates, gap)
    await bench.cycles(Indicators.VWAP_LATENCY + 3)
    assert_same_records(indicators, [indicator for indicator, _ in expected])
    assert_same_records(vwaps, [vwap for _, vwap in expected])
    for watch, latency in ((indicators, Indicators.LATENCY), (vwaps, Indicators.VWAP_LATENCY)):
        assert watch.cycles == [cycle + latency for cycle in sent.cycles], f"{watch.record.stream}: latency"
    assert_same_counters(bench.counters("indicators"), golden.counters)
    return expected


def anything(make: Updates, count: int, *, matches: int = 12) -> list:
    return [make.make(symbol=make.symbol(), type=make.type(), **make.side("bid"), **make.side("ask"),
                      **make.trade(matches=matches)) for _ in range(count)]


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def anything_with_gaps(dut):
    bench = Bench(dut)
    expected = await compare(bench, anything(Updates(bench.rng, bench.design), 1200), lambda: bench.rng.choice(IDLE))
    assert {i.sma_known for i, _ in expected} == {0, 1}


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def anything_back_to_back(dut):
    bench = Bench(dut)
    await compare(bench, anything(Updates(bench.rng, bench.design), 1200))


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def prints_broken_at_once(dut):
    """Nothing but prints, and breaks of those 1 to 5 records ahead, of one symbol: all that forwarding must hold."""
    bench = Bench(dut)
    rng, make = bench.rng, Updates(bench.rng, bench.design)
    updates, printed, broken = [], [], set()
    for number in range(800):
        near = [match for match in printed[-5:] if match not in broken]
        if near and rng.random() < 0.5:
            match = rng.choice(near)
            broken.add(match)
            printed.append(None)
            updates.append(make.make(type=ord("B"), trade=Trade.BREAK, match=match))
        else:
            # Neighbours share an entry now and then; then the earlier one is gone and must not be broken.
            match = number if rng.random() < 0.8 else number + bench.design.indicators.matches
            index = match % bench.design.indicators.matches
            broken |= {old for old in printed if old is not None and old % bench.design.indicators.matches == index}
            printed.append(match)
            updates.append(make.make(type=ord("P"), trade=Trade.PRINT, match=match, trade_price=rng.getrandbits(32),
                                     trade_shares=rng.getrandbits(32)))
        broken.add(None)
    expected = await compare(bench, updates)
    assert all(indicator.vwap_known for indicator, _ in expected), "a legal break was taken for an unknown one"
    counters = bench.counters("indicators")
    assert counters["breaks"] > 100 and not counters["break_unknown"], counters


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def breaks_that_cannot_be(dut):
    """Per symbol one way to lose VWAP for good; the next symbol is not touched by it."""
    bench = Bench(dut)
    make, size = Updates(bench.rng, bench.design), bench.design.indicators.matches

    def print_(symbol, match, shares=100):
        return make.make(symbol=symbol, type=ord("P"), trade=Trade.PRINT, match=match, trade_price=1_000_000,
                         trade_shares=shares)

    def break_(symbol, match):
        return make.make(symbol=symbol, type=ord("B"), trade=Trade.BREAK, match=match)

    ways = {
        "never printed": [print_(0, 1), break_(0, 2)],
        "overwritten": [print_(0, 1), print_(0, 1 + size), break_(0, 1)],
        "overwritten by another symbol": [print_(0, 1), print_(1, 1 + size), break_(0, 1)],
        "another symbol's": [print_(1, 1), break_(0, 1)],
        "twice": [print_(0, 1), break_(0, 1), break_(0, 1)],
        "too many shares": [print_(0, 1, 2**32)],
        "no price": [make.make(type=ord("E"), trade=Trade.UNPRICED, trade_shares=100)],
    }
    for way, updates in ways.items():
        for spread in (0, 1, 2, 3, 4):  # cycles in between: each distance of the forwarding, and the RAM itself
            then = [print_(0, 3), print_(1, 4)]
            renumbered = [update._replace(message=k) for k, update in enumerate([*updates, *then])]
            expected = await compare(bench, renumbered, lambda spread=spread: spread)
            assert not expected[-2][0].vwap_known and expected[-1][0].vwap_known, way
            bench = Bench(dut)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def falling_samples_round_down(dut):
    """Averages fall by less than one unit in the last place per sample, where truncation and floor differ."""
    bench = Bench(dut)
    make, updates, price = Updates(bench.rng, bench.design), [], 2**32 - 1
    for number in range(400):
        price -= bench.rng.choice((0, 1, 1, 2, 3)) if number < 300 else bench.rng.getrandbits(25)
        updates.append(make.make(
            type=ord("P" if number % 2 else "A"), bid_known=1, ask_known=1, bid_price=price, ask_price=price,
            bid_orders=1, ask_orders=1, trade=Trade.PRINT, trade_price=price, trade_shares=1, match=number))
    expected = await compare(bench, updates)
    assert any(indicator.ema & 0xFFFF for indicator, _ in expected)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def reset_forgets(dut):
    """After a second reset everything begins anew, whatever was under way."""
    for _ in range(2):
        bench = Bench(dut)
        await compare(bench, anything(Updates(bench.rng, bench.design), 60))
        await drive(bench, anything(Updates(bench.rng, bench.design), 20))


# 65 537 cycles whatever one does; Icarus would take a minute. The Amaranth tests overflow a narrower volume.
@cocotb.test(timeout_time=10, timeout_unit="ms", skip="icarus" in cocotb.SIM_NAME.lower())
async def volume_overflows_at_48_bits(dut):
    bench = Bench(dut)
    make, most = Updates(bench.rng, bench.design), 2**32 - 1
    golden = Golden(bench.design)
    largest = make.make(type=ord("P"), trade=Trade.PRINT, match=1, trade_price=most, trade_shares=most)
    last = [make.make(type=ord("P"), trade=Trade.PRINT, match=k, trade_price=most, trade_shares=shares)
            for k, shares in enumerate((2**16 - 2, 1, 1, 1))]
    await bench.start(updates_valid=0, updates_payload=0)
    for _ in range(2**16):
        golden.update(largest)
    await drive(bench, [largest])
    dut.updates_valid.value = 1  # the same once more in every cycle
    await bench.cycles(2**16 - 1)
    dut.updates_valid.value = 0
    await bench.cycles(Indicators.VWAP_LATENCY + 3)
    indicators, vwaps = bench.watch("indicators"), bench.watch("vwaps")
    await drive(bench, last)
    await bench.cycles(Indicators.VWAP_LATENCY + 3)
    expected = [golden.update(update) for update in last]
    assert [indicator.volume for indicator, _ in expected] == [2**48 - 2, 2**48 - 1, 0, 0]
    assert_same_records(indicators, [indicator for indicator, _ in expected])
    assert_same_records(vwaps, [vwap for _, vwap in expected])
    assert_same_counters(bench.counters("indicators"), golden.counters)
