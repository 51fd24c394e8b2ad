"""The real files and captures through hardware and model, one by one, without a difference.

One design serves all of them, so that it is built once: it follows the busiest locates of every file. A locate stands
for another stock on another day; the book goes by locates, so that only moves prices out of the ladder, and hardware
must agree with the model there as well.
"""

from pathlib import Path

import pytest

from sim import autodesign, bench, build, engine, replay
from sim.simulators import CHECKOUT
from sim.sources import input_frames
from spec import config

DATA = CHECKOUT.parent / "shared" / "data"
FILES = sorted([*DATA.glob("nasdaq_itch50/*.itch"), *DATA.glob("nasdaq_totalview_pcap/*.pcap")])
PER_FILE = 8
pytestmark = pytest.mark.slow


def _following(base: config.Design, per_file: int) -> config.Design:
    """``base`` with the busiest symbols of every file."""
    base = base.model_copy(update={"book": base.book.model_copy(update={"min_orders_per_symbol": 1})})
    symbols, stocks = {}, set()
    for path in FILES:
        found = autodesign.scan([path])
        own = [symbol for symbol in autodesign.fit(base, found).symbols
               if symbol.locate not in symbols and symbol.stock not in stocks][:per_file]
        symbols.update({symbol.locate: symbol for symbol in own})
        stocks.update(symbol.stock for symbol in own)
    highest = max(symbols)
    book = {**base.book.model_dump(), "assume_trading": True, "locates": 1 << highest.bit_length()}
    table = {**base.model_dump(), "book": book, "symbols": [symbol.model_dump() for symbol in symbols.values()]}
    return config.Design.model_validate(table)


@pytest.fixture(scope="module")
def design(shared_data) -> config.Design:
    return _following(config.preset("demo"), PER_FILE)


@pytest.fixture(scope="module")
def library(design) -> Path:
    return engine.build(build.cached_verilog("core", design), Path("build/native"))


@pytest.mark.parametrize("path", FILES or [None], ids=lambda path: path.stem if path else "none")
def test_agrees(path, shared_data, design, library, tmp_path):
    run = replay.run(design, input_frames([path], design=design), out=tmp_path, library=library)
    assert run.passed and run.differences == 0, run.first_difference
    messages = sum(run.messages.values())
    assert messages == run.compared["messages"] > 0
    assert run.updates == run.compared["updates"] > 0


@pytest.fixture(scope="module")
def small(shared_data) -> config.Design:
    """Small tables, which Icarus sweeps in seconds."""
    return _following(config.preset("small"), 2)


@pytest.mark.campaign
@pytest.mark.parametrize("path", FILES or [None], ids=lambda path: path.stem if path else "none")
def test_three_engines_say_the_same(path, shared_data, small, record_property):
    """Every record in the same cycle, every order frame."""
    frames = list(input_frames([path], design=small))
    found = bench.compare_engines(small, frames)
    assert [speed.engine for speed in found] == [*engine.ENGINES] and len({speed.digest for speed in found}) == 1
    assert found[-1].messages > 0
    record_property("campaign", f"three engines: {path.name}: {found[-1].messages} messages, "
                                f"{found[-1].cycles} cycles, {len({speed.digest for speed in found})} digest")


def test_every_file_is_there(shared_data):
    assert len(FILES) == 13, [path.name for path in FILES]
