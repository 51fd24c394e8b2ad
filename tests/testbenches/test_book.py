"""The book bench on both simulators; and that it fails when it should."""

import pytest

from sim import build, simulators
from spec import config


def test_bench(simulator, seed, build_dir):
    build.run_bench("book", simulator=simulator, seed=seed, directory=build_dir)


def _with_symbol(design, **changes):
    first, *others = design.symbols
    return {"symbols": [first.model_copy(update=changes), *others]}


def _with_book(design, **changes):
    return {"book": design.book.model_copy(update=changes)}


@pytest.mark.parametrize("change, failed, complaint", [
    (lambda d: _with_book(d, spill=7), "same_bucket_storm", "table_full: expected 0, got 1"),
    *(pytest.param(*each, marks=pytest.mark.campaign) for each in (
        (lambda d: _with_symbol(d, reference=d.symbols[0].reference + 800), "far_prices", "(bid|ask)_known: expected"),
        (lambda d: _with_symbol(d, stock="AAPLX"), "each_fault_alone", "symbol: expected 0, got 1"),
        (lambda d: _with_book(d, assume_trading=True), "big_levels", "tradable: expected 0, got 1"))),
], ids=["spill", "window", "stock", "trading"])
def test_bench_finds_another_constant_in_the_hardware(tmp_path, build_dir, seed, change, failed, complaint):
    design = config.preset("small")
    verilog = build.verilog("book", design.model_copy(update=change(design)), tmp_path)
    with pytest.raises(simulators.TestsFailed, match=rf"{failed}: .*{complaint}"):
        simulators.run_cocotb(simulator="icarus", verilog=verilog, toplevel=build.module_name("book"),
                              test_module="testbenches.book", build_dir=build_dir, seed=seed, testcase=failed,
                              env={"TICKWIRE_DESIGN": "small"})


@pytest.mark.campaign
@pytest.mark.parametrize("testcase", ["same_bucket_storm", "one_message_per_cycle", "far_prices", "walking_prices"])
def test_bench_on_another_geometry(tmp_path, build_dir, seed, testcase):
    """More and narrower sub-tables, one spill entry, a short ladder, preset locates."""
    text = (config.PRESETS / "small.toml").read_text()
    for old, new in {"tables = 2": "tables = 4", "buckets = 64": "buckets = 32", "ways = 4": "ways = 2",
                     "spill = 8": "spill = 1", "levels = 64": "levels = 16\nmin_orders_per_symbol = 1",
                     'stock = "MSFT"': 'locate = 7\nstock = "MSFT"'}.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "narrow.toml"
    path.write_text(text)
    build.run_bench("book", simulator="icarus", design=str(path), seed=seed, testcase=testcase, directory=build_dir)
