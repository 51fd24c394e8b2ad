"""The clock against Python's calendar, at every edge."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from amaranth.sim import Simulator

from hdl.clock import FRACTION_BITS, Clock
from spec.config import preset

MS = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def digits(ns: int) -> list[int]:
    """YYYYMMDDHHMMSSsss."""
    moment = EPOCH + timedelta(milliseconds=ns // MS)
    return [int(c) for c in f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}"]


def ns_of(*moment, ns: int = 0) -> int:
    return int((datetime(*moment, tzinfo=UTC) - EPOCH).total_seconds()) * 10**9 + ns


def design(mhz: float):
    small = preset("small")
    return small.model_copy(update={"core": small.core.model_copy(update={"clock_mhz": mhz})})


def follow(starts: list[int], cycles: int, mhz: float = 322.265625) -> list[int]:
    """Set to each of ``starts`` in turn, hold every edge to the calendar; the times seen."""
    dut, seen = Clock(design=design(mhz)), []
    step = round(1000 / mhz * (1 << FRACTION_BITS))

    async def bench(ctx):
        for start in starts:
            tomorrow = EPOCH + timedelta(days=start // (86_400 * 10**9) + 1)
            setting = dut.set.payload
            ctx.set(setting.time.ns, start)
            for i, digit in enumerate(digits(start)):
                ctx.set(setting.time.digits[i], digit)
            ctx.set(setting.ns_of_ms, start % MS)
            for i, digit in enumerate(f"{tomorrow:%Y%m%d}"):
                ctx.set(setting.tomorrow[i], int(digit))
            ctx.set(dut.set.valid, 1)
            assert ctx.get(dut.set.ready)
            await ctx.tick()
            ctx.set(dut.set.valid, 0)
            for cycle in range(cycles):
                ns = ctx.get(dut.time.ns)
                seen.append(ns)
                assert ns == start + (cycle * step >> FRACTION_BITS), f"cycle {cycle} after {start}"
                shown = [ctx.get(dut.time.digits[i]) for i in range(17)]
                assert shown == digits(ns), f"{shown} at {ns}"
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


ROLLOVERS = [
    (2026, 3, 4, 5, 6, 7), (2026, 3, 4, 5, 6, 10), (2026, 3, 4, 5, 7, 0), (2026, 3, 4, 6, 0, 0), (2026, 3, 4, 10, 0, 0),
    (2026, 3, 4, 20, 0, 0), (2026, 3, 5), (2026, 3, 10), (2026, 4, 1), (2027, 1, 1), (2028, 2, 29), (2028, 3, 1),
    (2100, 3, 1),
]


@pytest.mark.parametrize("moment", ROLLOVERS)
def test_a_second_minute_hour_day_month_year_begins(moment):
    seen = follow([ns_of(*moment) - 40], 30)
    assert seen[0] // MS < seen[-1] // MS


@pytest.mark.parametrize("before", [9, 10, 99, 100, 109, 199, 899, 989, 990])
def test_a_ms_begins(before):
    follow([ns_of(2026, 3, 4, 5, 6, 7) + before * MS + MS - 40], 30)


@pytest.mark.parametrize("mhz", [322.265625, 250.0, 300.0, 156.25])
def test_fractions_of_a_ns_are_kept(mhz):
    """Never more than the fraction's last bit away from the true time."""
    cycles = 2000
    seen = follow([ns_of(2026, 1, 1)], cycles, mhz)
    true = Fraction(1000) / Fraction(mhz) * (cycles - 1)
    assert abs(seen[-1] - seen[0] - true) <= 1 + Fraction(cycles, 1 << FRACTION_BITS)


def test_ms_after_ms():
    """Each begins at its own edge, whatever the fraction at the one before; the setting's own moment is not lost."""
    follow([ns_of(2026, 1, 1, ns=k * MS - 17 + k) for k in range(1, 12)], 12)


def test_starts_in_1970():
    dut = Clock(design=preset("small"))

    async def bench(ctx):
        assert ctx.get(dut.time.ns) == 0
        assert [ctx.get(dut.time.digits[i]) for i in range(17)] == digits(0)
        for _ in range(100):
            await ctx.tick()
        assert ctx.get(dut.time.ns) == 310

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
