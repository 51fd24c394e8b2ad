"""Designs for files that know nothing of ours: what is chosen, that it is valid, what the model makes of it."""

import pytest

from golden_model.core import Core
from sim.autodesign import MAX_SYMBOLS, fit, from_the_start, occurs, scan
from sim.generator import session
from sim.outputs import write_capture, write_itch
from sim.sources import input_frames
from spec import config, itch, wire

DEMO, SMALL = config.preset("demo"), config.preset("small")


def message(kind: str, **fields) -> bytes:
    return wire.write(itch.MESSAGES[kind], **fields)


@pytest.fixture
def write(tmp_path):
    def to_file(*messages: bytes):
        path = tmp_path / "input.itch"
        write_itch(path, messages)
        return [path]
    return to_file


def test_busiest_symbols_by_adds_with_locate_and_median_price(write):
    def adds(stock, locate, *prices):
        return [message("A", stock=stock, locate=locate, reference=100 * locate + i, side="B", shares=100, price=price)
                for i, price in enumerate(prices)]

    found = scan(write(*adds("ONE", 1, 1_000_000), *adds("CENTS", 2, 5_003, 5_004, 5_005),
                       *adds("THREE", 3, 1_999_999_900, 2_000_000, 2_000_100, 1_500_000, 100),
                       message("D", locate=9, reference=1)))
    design = fit(DEMO, found)
    assert [(s.stock, s.locate, s.reference, s.tick) for s in design.symbols] == [
        ("THREE", 3, 2_000_000, 100), ("CENTS", 2, 5_004, 1), ("ONE", 1, 1_000_000, 100), ("#9", 9, 1_000_000, 100)]
    assert design.book.assume_trading
    assert design.model_copy(update={"symbols": DEMO.symbols, "book": DEMO.book}) == DEMO


def test_at_most_sixteen_and_no_more_than_the_table_has_room_for(write):
    paths = write(*(message("A", stock=f"S{n}", locate=n, reference=n, side="S", shares=1, price=100_000)
                    for n in range(1, 40)))
    assert len(fit(DEMO, scan(paths)).symbols) == MAX_SYMBOLS == 16
    assert len(fit(SMALL, scan(paths)).symbols) == SMALL.book.capacity // SMALL.book.min_orders_per_symbol == 8


def test_named_symbols_keep_their_order(write):
    paths = write(*(message("A", stock=stock, locate=n, reference=n, side="S", shares=1, price=100_000)
                    for n, stock in enumerate(("AA", "BB", "CC"), 5)))
    design = fit(DEMO, scan(paths), stocks=["CC", "AA"])
    assert [(s.stock, s.locate) for s in design.symbols] == [("CC", 7), ("AA", 5)]
    with pytest.raises(config.ConfigError, match="'ZZ' does not occur in the input; the busiest there: AA, BB, CC"):
        fit(DEMO, scan(paths), stocks=["ZZ"])


@pytest.mark.parametrize(("price", "reference"), [
    (1_999_999_900, 1_999_999_900), (0xFFFFFFFF, (0xFFFFFFFF + 1 - DEMO.book.levels * 100) // 100 * 100), (0, 0),
    (9_999, 9_999), (10_001, 10_000),
])
def test_a_ladder_fits_any_price(write, price, reference):
    paths = write(message("A", stock="ODD", locate=65_535, reference=1, side="S", shares=1, price=price))
    design = fit(DEMO, scan(paths))
    assert design.symbols[0].reference == reference
    assert design.book.locates == 65_536


def test_a_day_from_its_start_is_not_assumed_to_trade(tmp_path):
    path = tmp_path / "day.itch"
    write_itch(path, session(SMALL, messages=2000, seed=1))
    found = scan([path])
    assert found.starts_day and found.whole and found.messages == 2000
    assert occurs(SMALL, found) and occurs(DEMO, found)  # both have AAPL
    assert not fit(SMALL, found).book.assume_trading
    assert fit(SMALL, found, stocks=["PENNY"]).symbols[0].tick == 1
    unknown = SMALL.model_copy(update={"symbols": [SMALL.symbols[0].model_copy(update={"stock": "NOWHERE"})]})
    assert not occurs(unknown, found)
    assert not scan([path], limit=1000).whole


def test_a_capture_begins_without_a_gap(tmp_path):
    design = SMALL.model_copy(update={"feed": SMALL.feed.model_copy(update={"first_sequence": 5000})})
    path = tmp_path / "late.pcap"
    write_capture(path, session(design, messages=2000, seed=1), design=design, seed=1)
    found = scan([path])
    assert found.first_sequence == 5000
    core = Core(from_the_start(SMALL, found))
    for frame in input_frames([path], design=SMALL):
        core.frame(frame.octets)
    assert core.counters["feed"]["messages"] == 2000
    assert core.counters["feed"]["gaps"] == 0


def test_itch_files_leave_the_first_sequence_alone(tmp_path):
    path = tmp_path / "day.itch"
    write_itch(path, session(SMALL, messages=2000, seed=1))
    assert from_the_start(SMALL, scan([path])) is SMALL


def test_damage_is_left_to_the_replay(tmp_path):
    path = tmp_path / "cut.itch"
    write_itch(path, session(SMALL, messages=2000, seed=1))
    path.write_bytes(path.read_bytes()[:-3])
    found = scan([path])
    assert found.messages == 1999


def test_nothing_found_is_an_error(write):
    with pytest.raises(config.ConfigError, match="no symbol occurs"):
        fit(DEMO, scan(write(message("S", event="O"))))


def test_progress_is_told(tmp_path):
    path = tmp_path / "day.itch"
    write_itch(path, session(SMALL, messages=9000, seed=1))
    told = []
    scan([path], progress=told.append)
    assert told == [4096, 8192]


@pytest.mark.parametrize("name", [
    "nasdaq_itch50/open_20191230_1000.itch", "nasdaq_itch50/premarket_20191230_500.itch",
    "nasdaq_itch50/premarket_20190730_500.itch", "nasdaq_itch50/head_20191230_1000.itch",
    "nasdaq_itch50/head_20190130_101.itch", "nasdaq_totalview_pcap",
])
@pytest.mark.parametrize("base", [DEMO, SMALL], ids=["demo", "small"])
def test_real_files_reach_the_book(shared_data, name, base):
    """Every message is delivered, and those of the chosen symbols make updates; the folder's captures one by one."""
    path = shared_data / name
    for each in sorted(path.glob("*.pcap")) if path.is_dir() else [path]:
        found = scan([each])
        design = fit(base, found)
        core = Core(design)
        for frame in input_frames([each], design=design):
            core.frame(frame.octets)
        assert core.counters["feed"]["messages"] == found.messages > 0
        locates = {s.locate for s in design.symbols}
        expected = sum(seen.messages for locate, seen in found.seen.items() if locate in locates)
        assert core.counters["book"]["updates"] == expected > 0
        assert core.counters["feed"]["gaps"] == (each.name == "Multiple.Packets.pcap")


def test_the_real_open_gives_prices_and_orders(shared_data):
    paths = [shared_data / "nasdaq_itch50" / "open_20191230_1000.itch"]
    design = fit(DEMO, scan(paths))
    assert [s.stock for s in design.symbols[:2]] == ["HDS", "VICI"]
    core = Core(design)
    steps = [core.frame(frame.octets) for frame in input_frames(paths, design=design)]
    known = [u for s in steps for u in s.updates if u.bid_known and u.bid_orders and u.ask_known and u.ask_orders]
    assert known
    assert all(u.bid_price < u.ask_price for u in known)
    assert core.counters["strategy"]["suppressed_halt"] == 0
