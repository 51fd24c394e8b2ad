"""What the host may say of a symbol, and when; and that nothing else counts once it did."""

import pytest

from hdl.book.locate_filter import LocateFilter
from hdl.book.naming import SymbolNaming
from spec.records import GIVEN_SYMBOL, SYMBOL_SET
from tests.golden_model.build import small
from tests.hdl.cycles import run

DESIGN = small()
LOCATES = DESIGN.book.locates


def stock(text: str) -> int:
    return int.from_bytes(text.encode("latin-1").ljust(8), "little")


def named(inputs, enabled=lambda cycle: True):
    """Echoes and namings by cycle, of (symbol, stock, locate) or None by cycle; True for what begins."""
    rows = []
    for given in [*inputs, None]:
        row = {"given__valid": 0, "begins": int(given is True), "message": 7, "enabled": int(enabled(len(rows)))}
        if isinstance(given, tuple):
            symbol, text, locate = given
            row |= {"given__valid": 1, "given__payload": GIVEN_SYMBOL.pack((symbol, stock(text), locate))}
        rows.append(row)
    seen = run(SymbolNaming(design=DESIGN), rows, ["given__ready", "echo__valid", "echo__payload", "naming__valid",
                                                   "naming__payload"], after=3)
    echoes = {c: SYMBOL_SET.unpack(row[2]) for c, row in enumerate(seen) if row[1]}
    names = {c: GIVEN_SYMBOL.unpack(row[4]) for c, row in enumerate(seen) if row[3]}
    assert all(echo.message == 7 for echo in echoes.values())
    assert names == {c: GIVEN_SYMBOL.tuple(*echo[1:-1]) for c, echo in echoes.items() if not echo.refused}
    return [(c, echo.symbol, echo.refused) for c, echo in echoes.items()]


def test_each_symbol_once_and_the_echo_a_cycle_later():
    given = [(0, "TSLA", 5), None, (3, "A", 6), (3, "A", 6), (3, "B", 7), None, (1, "12345678", LOCATES - 1)]
    assert named(given) == [(1, 0, 0), (3, 3, 0), (5, 3, 1), (7, 1, 0)]


@pytest.mark.parametrize("symbol, text, locate", [
    (len(DESIGN.symbols), "TSLA", 5), (1023, "TSLA", 5), (0, "TSLA", 0), (0, "TSLA", LOCATES), (0, "TSLA", 65535),
    (0, "", 5), (0, " TSLA", 5), (0, "TS LA", 5), (0, "TSLA\x01", 5), (0, "TSLA\x7f", 5), (0, "TSL\xc4", 5),
    (0, "TSLA\0\0\0\0", 5)])
def test_what_is_wrong_is_refused_and_takes_nothing(symbol, text, locate):
    assert named([(symbol, text, locate), None, (0, "TSLA", 5)]) == [(1, symbol, 1), (3, 0, 0)]


def test_nothing_is_taken_before_all_memories_are_swept():
    assert named([(0, "TSLA", 5)] * 5 + [None], enabled=lambda cycle: cycle >= 3) == [(4, 0, 0)]


def test_nothing_is_named_once_it_began():
    assert named([True, (0, "TSLA", 5), None, None, (1, "A", 6)]) == [(2, 0, 1), (5, 1, 1)]


FILTER = ["mapped", "symbol"]


def looked_up(given: dict, messages):
    """(mapped, symbol) of (locate, stock of a directory message or None), one per cycle, after ``given`` was named."""
    dut = LocateFilter(design=small(symbols=[
        {"stock": "AAPL", "reference": 2_915_200, "locate": 9}, {"stock": "MSFT", "reference": 1_575_900}]))
    names = [{"naming__valid": 1, "naming__payload": GIVEN_SYMBOL.pack((symbol, stock(text), locate))}
             for locate, (symbol, text) in given.items()]
    rows = [{"naming__valid": 0, "directory": 0} for _ in range(len(messages) + 4)]
    for k, (locate, directory) in enumerate(messages):
        rows[k]["locate"] = locate
        rows[k + 1] |= {"directory": int(directory is not None), "stock": stock(directory or "")}
    seen = run(dut, [*names, *rows], FILTER)
    return seen[len(names) + 2 : len(names) + 2 + len(messages)]


def test_without_names_the_configuration_and_the_directory_count():
    found = looked_up({}, [(9, None), (4, "MSFT"), (4, None), (5, None)])
    assert [mapped for mapped, _ in found] == [1, 1, 1, 0]
    assert found[0][1] == 0 and found[2][1] == 1


def test_once_the_host_named_one_only_what_it_named_counts():
    found = looked_up({7: (1, "TSLA")}, [(9, None), (4, "MSFT"), (4, None), (7, "AAPL"), (7, None)])
    assert [mapped for mapped, _ in found] == [0, 0, 0, 1, 1]
    assert {symbol for mapped, symbol in found if mapped} == {1}
    assert looked_up({9: (1, "TSLA")}, [(9, None)]) == [(1, 1)], "the configuration's locate, for another symbol"
