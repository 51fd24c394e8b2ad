"""The design configuration: presets load, and every bad value is named with file, key, value and what is allowed."""

import re

import pytest

from spec import config
from spec.config import ConfigError, Design, load, parse, preset
from spec.ladder import check_window, window_around

PRESETS = sorted(path.stem for path in config.PRESETS.glob("*.toml"))
TEXT = (config.PRESETS / "small.toml").read_text()


def changed(*pairs: tuple[str, str]) -> str:
    text = TEXT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        parse(text, "my.toml")
    return str(error.value).splitlines()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_load(name):
    design = preset(name)
    assert load(config.PRESETS / f"{name}.toml") == design
    assert Design.model_validate(design.model_dump()) == design


def test_presets_are_those_that_the_project_names():
    assert {"small", "demo", "u280"} <= set(PRESETS)
    assert len(preset("demo").symbols) == 16
    assert [preset(name).book.levels for name in ("small", "demo", "u280")] == [64, 512, 512]
    with pytest.raises(ConfigError, match="preset 'big': no such preset; there are .*small"):
        preset("big")


def test_derived_values():
    design = preset("small")
    assert design.book.capacity == 2 * 64 * 4 + 8
    assert design.feed.max_ip_length == 9022 - 18
    assert design.symbols[0].stock_octets == b"AAPL    "
    assert design.feed.lines[0].address_octets == bytes([233, 54, 12, 111])
    assert design.core.period_ns == pytest.approx(3.103, abs=1e-3)
    with pytest.raises(ValueError, match="frozen"):
        design.core.clock_mhz = 1


@pytest.mark.parametrize(("old", "new", "key", "allowed"), [
    ("levels = 64", "levels = 63", "book.levels = 63", "a power of two"),
    ("levels = 64", "levels = 8192", "book.levels = 8192", "less than or equal to 4096"),
    ("levels = 64", "levels = 8", "book.levels = 8", "greater than or equal to 16"),
    ("ways = 4", "ways = 0", "book.ways = 0", "greater than or equal to 1"),
    ("ways = 4", "ways = 9", "book.ways = 9", "less than or equal to 8"),
    ("tables = 2", "tables = 1", "book.tables = 1", "greater than or equal to 2"),
    ("tables = 2", 'tables = "2"', "book.tables = '2'", "valid integer"),
    ("tables = 2", "tables = true", "book.tables = True", "valid integer"),
    ("tables = 2\n", "", "book.tables", "required"),
    ("tables = 2", "tables = 2\ncolour = 3", "book.colour", "no such key"),
    ("ema = 7", "ema = 8", "indicators.ema = 8", "one less than a power of two"),
    ("sma = 4", "sma = 512", "indicators.sma = 512", "256"),
    ('"233.54.12.111"', '"233.54.12.300"', "feed.lines.0", "address must be an IPv4 address, not '233.54.12.300'"),
    ("26477", "70000", "feed.lines.0.port = 70000", "65536"),
    ('"02:54:57:00:00:01"', '"02:54:57"', "order.source_mac = '02:54:57'", "a MAC address such as"),
    ('"10.49.247.1"', '"here"', "order", "source_address must be an IPv4 address, not 'here'"),
    ('"TWIR"', '"TWIRE"', "order.firm = 'TWIRE'", "pattern"),
    ("queue = 8", "queue = 6", "order.queue = 6", "a power of two"),
    ('"PENNY"', '"TOO LONG"', "symbols.3.stock = 'TOO LONG'", "pattern"),
    ("tick = 1\n", "tick = 5\n", "symbols.3.tick = 5", "1 or 100"),
    ("[strategy]", "[core]\ndata_width = 128\n[strategy]", "core.data_width = 128", "64"),
    ("[strategy]", '[strategy]\nname = "luck"', "strategy.name = 'luck'", "'imbalance'"),
    ("[strategy]", "[budgets]\nfeed = 0\n[strategy]", "budgets.feed = 0", "greater than 0"),
])
def test_a_bad_value_is_named(old, new, key, allowed):
    (fault,) = faults(changed((old, new)))
    assert fault.startswith(f"my.toml: {key}") and allowed in fault, fault


@pytest.mark.parametrize(("changes", "expected"), [
    ([("levels = 64", "levels = 64\nmin_orders_per_symbol = 131")], "book: capacity 520: .* 4 symbols .* = 524"),
    ([("tables = 2", "tables = 8"), ("buckets = 64", "buckets = 32768")], "book: capacity 1048584: at most 1048575"),
    ([('"MSFT"', '"AAPL"')], "symbols: stock = 'AAPL': each symbol once"),
    ([("reference = 2915200", "reference = 2915200\nlocate = 64")], r"symbols.0.locate = 64: below book.locates = 64"),
    ([("reference = 2915200", "reference = 2915250")], r"symbols.0.reference = 2915250: a multiple of tick = 100"),
    ([("reference = 2915200", "reference = 4294967200")],
     "symbols.0.reference = 4294967200: from 10000 to 4294967100, where a ladder of 64 levels with tick = 100 can be"),
    ([("reference = 2915200", "reference = 9900")], "symbols.0.reference = 9900: from 10000 to 4294967100, .*"),
    ([("reference = 4_200", "reference = 4294967288")],
     "symbols.3.reference = 4294967288: from 0 to 4294967287, where a ladder of 64 levels with tick = 1 can be"),
    ([("[strategy]", "[strategy]\nquantity = 99_999")],
     r"strategy.quantity = 99999: .*risk.symbol.min_quantity = \d+ to max_quantity = \d+"),
])
def test_a_mismatch_between_parts_is_named(changes, expected):
    (fault,) = faults(changed(*changes))
    assert re.fullmatch(f"my.toml: {expected}.*", fault), fault


@pytest.mark.parametrize(("old", "new"), [
    ("ways = 4", "ways = 7"), ("reference = 2915200", "reference = 10400"), ("reference = 4_200", "reference = 0"),
    ("reference = 2915200", "reference = 4294967100"), ("reference = 4_200", "reference = 4294967287")])
def test_the_outermost_values_are_taken(old, new):
    design = parse(changed((old, new)))
    for symbol in design.symbols:
        low, high = window_around(symbol.reference, symbol.tick, design.book.levels)
        assert low <= symbol.reference < high


def test_a_reference_just_above_a_dollar_begins_below_its_windows():
    symbol = parse(changed(("reference = 2915200", "reference = 10000"))).symbols[0]
    assert window_around(symbol.reference, symbol.tick, 64) == (10_400, 16_800)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_begins_with_lawful_windows(name):
    design = preset(name)
    for symbol in design.symbols:
        window = window_around(symbol.reference, symbol.tick, design.book.levels)
        check_window(window, symbol.tick, design.book.levels)
        assert window.low <= symbol.reference < window.high


def test_locates_may_repeat_only_when_unknown():
    text = changed(("reference = 2915200", "reference = 2915200\nlocate = 5"),
                   ("reference = 1575900", "reference = 1575900\nlocate = 5"))
    assert faults(text) == ["my.toml: symbols: locate = 5: each symbol once"]
    assert [s.locate for s in parse(TEXT).symbols] == [0, 0, 0, 0]


def test_all_faults_are_named_at_once():
    found = faults(changed(("tables = 2", "tables = 3"), ("sma = 4", "sma = 1"), ("queue = 8", "queue = 0")))
    assert len(found) == 3
    found = faults(changed(("reference = 2915200", "reference = 2915250\nlocate = 99"), ('"MSFT"', '"AAPL"')))
    assert len(found) == 3


def test_what_is_no_file_or_no_toml(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere.toml: cannot be read: No such file"):
        load(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="bad.toml: cannot be read"):
        load(tmp_path / "bad.toml")
    assert faults("[feed")[0].startswith("my.toml: not TOML: ")
