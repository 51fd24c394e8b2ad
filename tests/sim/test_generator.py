"""Generated sessions: legal for a book that follows them, shaped like the real day, the same for the same seed."""

from collections import Counter

import pytest

from golden_model.core import Core
from sim.blocks import blocks
from sim.cli import run
from sim.framing import as_file, frames
from sim.generator import MIN_PER_SYMBOL, describe, session
from sim.generator.describe import Statistics
from sim.outputs import writer
from sim.sources import input_messages
from spec import config, itch, wire

SMALL, DEMO = config.preset("small"), config.preset("demo")
#: Percent of the messages on 2019-12-30, and how far a session of 100 000 may be from it.
REAL_MIX = {"A": (43.59, 2), "D": (42.55, 2), "U": (8.05, 1), "E": (2.13, 0.4), "I": (1.50, 0.4), "X": (1.04, 0.2),
            "F": (0.55, 0.3), "P": (0.45, 0.15), "L": (0.08, 0.08), "C": (0.037, 0.06), "Q": (0.007, 0.1)}


def least(design) -> int:
    return 300 + MIN_PER_SYMBOL * len(design.symbols)


@pytest.fixture(scope="module")
def day() -> list[bytes]:
    return list(session(DEMO, messages=100_000, seed=1))


@pytest.fixture(scope="module")
def statistics(day) -> Statistics:
    return describe(day)


def fields(octets: bytes) -> dict:
    return wire.read(itch.MESSAGES[chr(octets[0])], octets)


def follow(messages) -> Counter:
    """An order book that trusts nothing: every broken rule, counted."""
    broken: Counter = Counter()
    orders: dict[int, list] = {}  # reference -> [locate, side, price, shares]
    best: dict[tuple[int, str], Counter] = {}  # locate, side -> price -> orders
    stocks: dict[int, str] = {}

    def level(locate, side):
        return best.setdefault((locate, side), Counter())

    def put(reference, locate, side, price, shares):
        broken["reference in use"] += reference in orders
        broken["no shares"] += shares == 0
        broken["no price"] += price == 0
        orders[reference] = [locate, side, price, shares]
        level(locate, side)[price] += 1
        other = level(locate, "S" if side == "B" else "B")
        broken["crossed"] += bool(other) and (price >= min(other) if side == "B" else price <= max(other))

    def drop(reference):
        locate, side, price, _ = orders.pop(reference)
        prices = level(locate, side)
        prices[price] -= 1
        if not prices[price]:
            del prices[price]
        return locate, side

    for octets in messages:
        kind, m = chr(octets[0]), fields(octets)
        if kind == "R":
            stocks[m["locate"]] = m["stock"]
        elif "stock" in m:
            broken["stock and locate"] += stocks.get(m["locate"]) != m["stock"]
        if kind in "AF":
            put(m["reference"], m["locate"], m["side"], m["price"], m["shares"])
        elif kind in "ECXDU":
            order = orders.get(m["reference"])
            if order is None or order[0] != m["locate"]:
                broken["unknown reference"] += 1
                continue
            if kind == "E" or kind == "C":
                prices = level(order[0], order[1])
                broken["not the best price"] += order[2] != (max(prices) if order[1] == "B" else min(prices))
            if kind in "ECX":
                order[3] -= m["shares"]
                broken["too many shares"] += order[3] < 0 or m["shares"] == 0
                broken["X empties an order"] += kind == "X" and order[3] == 0
                if order[3] <= 0:
                    drop(m["reference"])
            else:
                locate, side = drop(m["reference"])
                if kind == "U":
                    put(m["new_reference"], locate, side, m["price"], m["shares"])
    broken["orders left"] += len(orders)
    return +broken


def test_every_message_is_legal(day):
    assert follow(day) == {}


def test_the_follower_finds_what_is_illegal(day):
    """It must be able to fail."""
    first = next(i for i, m in enumerate(day) if m[0] == ord("D"))
    assert follow(day[:first] + day[first + 1 :])["orders left"] == 1
    assert follow([*day, day[first]])["unknown reference"] == 1
    added = next(m for m in day if m[0] == ord("A"))
    assert follow([added, added])["reference in use"] == 1
    assert follow([added])["stock and locate"] == 1
    crossing = wire.write(itch.MESSAGES["A"], **fields(added) | {"side": "SB"["BS".index(fields(added)["side"])],
                                                                 "reference": 1})
    assert follow([added, crossing])["crossed"] == 1


@pytest.mark.parametrize("design", [SMALL, DEMO, config.preset("u280")], ids=["small", "demo", "u280"])
def test_short_sessions_too_are_whole_and_have_every_type(design):
    for extra in 0, 1, 2, 57:
        for seed in range(4):
            messages = list(session(design, messages=least(design) + extra, seed=seed))
            assert len(messages) == least(design) + extra
            assert follow(messages) == {}
            assert {chr(m[0]) for m in messages} == set(itch.MESSAGES)
            assert all(len(m) == itch.MESSAGES[chr(m[0])].length for m in messages)


def test_length_is_exact_and_seed_decides(day):
    assert len(day) == 100_000
    assert list(session(DEMO, messages=100_000, seed=1)) == day
    assert list(session(DEMO, messages=100_000, seed=2)) != day


def test_mix_of_types_is_the_real_days(statistics):
    for kind, (real, tolerance) in REAL_MIX.items():
        assert 100 * statistics.share(kind) == pytest.approx(real, abs=tolerance), kind
    assert statistics.mean_octets == pytest.approx(28.7, abs=0.4)
    full, partial = statistics.full_executions, statistics.partial_executions
    assert partial / (full + partial) == pytest.approx(0.27, abs=0.05)
    assert statistics.emptying_cancels == 0
    assert not statistics.illegal


def test_bursts_are_the_real_days(statistics):
    """Median within one; the 99th percentile within a factor of two; the worst microsecond as heavy as on that day."""
    for width, (median, high) in {1_000: (1, 2), 10_000: (1, 6), 100_000: (2, 19), 1_000_000: (6, 90)}.items():
        found = statistics.windows[width]
        assert found[0] == pytest.approx(median, abs=1)
        assert high / 2 <= found[1] <= 2 * high
    assert statistics.windows[1_000][-1] >= 500
    assert statistics.backward == 0


def test_references_and_stubs_are_the_real_days(statistics):
    assert all(len(residues) == 1 for residues in statistics.residues.values())
    assert set.union(*statistics.residues.values()) == {0, 1, 2, 3}
    quoting = len(statistics.residues)
    assert 0.7 < len(statistics.stub_asks) / quoting < 0.9
    assert 0.7 < len(statistics.stub_bids) / quoting < 0.9


def test_orders_fit_the_table(statistics):
    assert 2000 < statistics.peak_orders < DEMO.book.capacity
    assert statistics.resting_orders == 0


def test_configured_symbols_get_their_share(day):
    configured = {s.stock.ljust(8) for s in DEMO.symbols}
    directory = [fields(m) for m in day if m[0] == ord("R")]
    mine = {m["locate"] for m in directory if m["stock"] in configured}
    assert len(mine) == len(configured)
    assert sorted(m["locate"] for m in directory) == list(range(1, len(directory) + 1))
    assert len(directory) == 16 + 384
    share = sum(fields(m)["locate"] in mine for m in day) / len(day)
    assert 0.5 < share < 0.65
    little = list(session(DEMO, messages=5000, seed=1, share=0.1))
    assert sum(fields(m)["locate"] in mine for m in little) / 5000 < 0.35


def test_locates_that_the_design_knows_are_kept():
    symbols = [s.model_copy(update={"locate": n}) for s, n in zip(SMALL.symbols, (7, 0, 50, 2), strict=True)]
    design = SMALL.model_copy(update={"symbols": symbols})
    found = {fields(m)["stock"]: fields(m)["locate"] for m in session(design, messages=2000, seed=1)
             if m[0] == ord("R")}
    assert [found[s.stock.ljust(8)] for s in symbols if s.locate] == [7, 50, 2]
    assert len(set(found.values())) == len(found)


def test_phases_of_the_day(day):
    events = [(fields(m)["event"], fields(m)["timestamp"] // 1_000_000_000) for m in day if m[0] == ord("S")]
    hour = 3600
    assert [e for e, _ in events] == ["O", "S", "Q", "Q", "M", "E", "C"]  # the second Q ends a circuit breaker
    times = [time / hour for _, time in events]
    assert (times[1], times[2], times[4], times[5]) == (4, 9.5, 16, 20)
    halted = [m for m in map(fields, (m for m in day if m[0] == ord("H"))) if m["state"] != "T"]
    assert [m["state"] for m in halted] == ["H", "Q", "P"]
    resumed = [m for m in day if m[0] == ord("Q") and fields(m)["cross_type"] == "H"]
    assert len(resumed) == 2


def test_the_model_follows_without_a_fault_and_trades():
    """What a demo is for: no order is unknown, prices move, signals fire, some orders are refused. Nobody answers here,
    so that all orders stay open."""
    data = SMALL.model_dump()
    data["risk"] |= {"order_rows": 4096}
    data["risk"]["symbol"] |= {"max_long": 10_000, "max_short": 10_000}
    core = Core(config.Design.model_validate(data))
    known: Counter = Counter()
    spreads: Counter = Counter()
    bests, decisions = set(), 0
    for frame in frames(as_file(session(SMALL, messages=15_000, seed=1)), design=SMALL, seed=1):
        step = core.frame(frame.octets)
        assert len(step.messages) == len(list(blocks(frame.octets)))
        decisions += len(step.decisions)
        for update in step.updates:
            known[bool(update.bid_known and update.ask_known)] += 1
            if update.bid_known and update.ask_known and update.bid_orders and update.ask_orders:
                bests.add((update.symbol, update.bid_price))
                spreads[(update.ask_price - update.bid_price) // SMALL.symbols[update.symbol].tick] += 1
    for fault in "unknown_reference", "duplicate_reference", "over_execution", "table_full", "locate_range":
        assert core.counters["book"][fault] == 0
    assert 0 < known[False] < 0.1 * known[True]
    assert min(spreads) == 1
    assert sum(n for ticks, n in spreads.items() if ticks <= 5) > 0.96 * spreads.total()
    assert len(bests) > 30
    counters = core.counters
    assert decisions == counters["strategy"]["intents"] > 1000
    assert counters["risk"]["approved"] > 500
    assert counters["risk"]["luld_collar"] and counters["risk"]["position_limit"]
    assert counters["strategy"]["suppressed_halt"] and counters["strategy"]["suppressed_unknown"]
    assert counters["book"]["zone_better"] and counters["book"]["zone_worse"]
    assert counters["indicators"]["breaks"] and not counters["indicators"]["break_unknown"]


def test_thousands_of_symbols(tmp_path):
    """Written as a file many messages at a time, and legal one by one."""
    whole = session(DEMO, messages=150_000, seed=3, share=0.05, symbols=3000)
    path = tmp_path / "day.itch"
    writer(path)(path, whole)
    messages = [message.octets for message in input_messages([path])]
    assert messages == list(whole) and len(messages) == 150_000
    assert follow(messages) == {}
    statistics = describe(messages)
    assert len(statistics.by_symbol) == 3000 and {*statistics.types} == {*itch.MESSAGES}
    assert 0.02 < statistics.busiest(10) < 0.2 and statistics.peak_orders > 5000 and not statistics.unknown
    assert statistics.busiest_orders < statistics.peak_orders
    hours = Counter(fields(m)["timestamp"] // (3600 * 10**9) for m in messages)
    assert hours[15] > hours[12] < hours[9] and all(hours[hour] for hour in range(9, 17))


def test_describe_prints_a_day_and_what_is_no_message(tmp_path, capsys):
    path = tmp_path / "day.itch"
    writer(path)(path, session(SMALL, messages=3000, seed=1))
    octets = path.read_bytes()
    path.write_bytes(octets[:-5])
    assert run(["describe", str(path)]) == 2
    captured = capsys.readouterr()
    assert "2,999" in captured.out and "76 %" not in captured.out and "77.6 %" in captured.out
    assert captured.err.startswith(f"tickwire: {path}: offset ") and captured.err.count("\n") == 1
    assert describe([b"", b"Z", b"D" * 7]).unknown == 3


@pytest.mark.parametrize(("arguments", "fault"), [
    ({"messages": least(SMALL) - 1}, f"messages must be at least {least(SMALL)} for 4 symbols, not {least(SMALL) - 1}"),
    ({"share": 0.0}, "share must be above 0"), ({"share": 1.0}, "below 1"),
])
def test_what_cannot_be_generated_is_refused(arguments, fault):
    with pytest.raises(ValueError, match=fault):
        session(SMALL, **{"messages": 5000, "seed": 1} | arguments)
