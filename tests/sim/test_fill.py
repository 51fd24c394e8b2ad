"""How full the order table gets: far beyond three quarters, and the compiled book agrees to the message."""

from collections import Counter
from itertools import islice

import pytest

from sim import fill
from sim.cli import run
from sim.engine.book import library
from spec import config


def _scaled(design, buckets):
    return design.model_copy(update={"book": design.book.model_copy(update={"buckets": buckets})})


def test_the_flow_is_legal_and_shaped_like_a_day():
    live, kinds, turned = {}, Counter(), 0
    for operation, symbol, reference, new in islice(fill.flow(8, 3), 200_000):
        kinds[operation] += 1
        assert (new or reference) % 4 == symbol * 7 % 4
        if operation != fill.ADD:
            assert live.pop(reference) == symbol
            turned += 1
        if operation != fill.REMOVE:
            assert live.setdefault(new or reference, symbol) == symbol
    assert 0.07 < kinds[fill.REPLACE] / 200_000 < 0.09
    assert turned > 3 * len(live)
    assert max(Counter(live.values()).values()) > 1.5 * min(Counter(live.values()).values())


@pytest.mark.parametrize("seed", [1, 2])
def test_three_quarters_before_the_first_spill(seed):
    """An eighth of the built-in table: the same shares in an eighth of the time."""
    found = fill.fill(_scaled(fill.built_in(), 1024), seed=seed)
    assert 0.75 < found.spill.load < found.flag.load < 1
    assert found.spill.message < found.flag.message


def test_the_built_in_table_fits():
    design = fill.built_in()
    assert design.book.capacity * 0.75 < 157_000 < design.book.capacity * 0.82  # what it holds before it spills
    assert fill.entry_bits(design) == 64 - 13 + 3 + 1 + 32 + 10 + 1 + 32 + 1 + 1
    assert fill.urams(design) == 96 <= 128


@pytest.mark.campaign
def test_the_compiled_book_raises_the_flag_with_the_same_message():
    design = config.preset("small")
    found = fill.confirm(fill.fill(design), library(design))
    assert found.confirmed, found


def test_a_book_of_another_size_is_found_out():
    """The rule is told of one spill entry more than the compiled book has."""
    design = config.preset("small")
    other = design.model_copy(update={"book": design.book.model_copy(update={"spill": design.book.spill + 1})})
    found = fill.confirm(fill.fill(other), library(design))
    assert not found.confirmed and found.hardware_flag < found.flag.message


def test_the_command(capsys):
    assert run(["fill", "-d", "small"]) == 0


@pytest.mark.campaign
def test_the_whole_table(seed, record_property):
    """157 000 live orders before the first spill, confirmed by hardware."""
    design = fill.built_in()
    found = fill.confirm(fill.fill(design, seed=seed), library(design), seed=seed)
    record_property("campaign", f"fill: first spill at {found.spill.live:,} orders, load {found.spill.load:.1%}; "
                                f"first flag at {found.flag.live:,}, {found.flag.load:.1%}")
    assert found.spill.live >= 157_000 and found.spill.load > 0.75
    assert found.confirmed
