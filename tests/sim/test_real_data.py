"""The real files and captures through hardware and model, one by one, without a difference.

One design serves all of them, so that it is built once: it follows the busiest locates of every file. A locate stands
for another stock on another day; the book goes by locates, so that only moves prices out of the ladder, and hardware
must agree with the model there as well.
"""

from pathlib import Path

import pytest

from sim import autodesign, build, engine, replay
from sim.simulators import CHECKOUT
from sim.sources import input_frames
from spec import config

DATA = CHECKOUT.parent / "shared" / "data"
FILES = sorted([*DATA.glob("nasdaq_itch50/*.itch"), *DATA.glob("nasdaq_totalview_pcap/*.pcap")])
PER_FILE = 8
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def design(shared_data) -> config.Design:
    base = config.preset("demo")
    base = base.model_copy(update={"book": base.book.model_copy(update={"min_orders_per_symbol": 64})})
    symbols, stocks = {}, set()
    for path in FILES:
        found = autodesign.scan([path])
        own = [symbol for symbol in autodesign.fit(base, found).symbols
               if symbol.locate not in symbols and symbol.stock not in stocks][:PER_FILE]
        symbols.update({symbol.locate: symbol for symbol in own})
        stocks.update(symbol.stock for symbol in own)
    book = {**base.book.model_dump(), "assume_trading": True}
    table = {**base.model_dump(), "book": book, "symbols": [symbol.model_dump() for symbol in symbols.values()]}
    return config.Design.model_validate(table)


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


def test_every_file_is_there(shared_data):
    assert len(FILES) == 13, [path.name for path in FILES]
