"""Ten million messages through the compiled book, against the unbounded model: best prices, depths, counters.

Random and adversarial streams on the smallest design and on a larger one; `make campaign` runs them all, two at a time
on two cores, and prints a line for each. A short piece of each runs with the other tests.
"""

import pytest

from sim.book_run import BookRun, Result
from sim.engine.book import library
from sim.storms import Storms
from spec import config
from spec.config import Design

HOT = {"mixture": 1_000_000}  #: messages of a kind
REST = 500_000


def _larger() -> Design:
    """Eight symbols, ways that are no power of two, a longer ladder, a ladder below a dollar."""
    small = config.preset("small").model_dump()
    small["book"] |= {"tables": 4, "buckets": 256, "ways": 3, "spill": 16, "levels": 512}
    small["symbols"] += [{"stock": f"MORE{i}", "reference": 150_000 << i, "tick": 100, "locate": 0} for i in range(4)]
    return Design.model_validate(small)


DESIGNS = {"small": config.preset("small"), "larger": _larger()}


def _line(kind: str, name: str, result: Result) -> str:
    return (f"{kind:14} {name:6} {result.messages:>9,} messages, {result.updates:>9,} updates, "
            f"{result.known / max(result.updates, 1):6.1%} known, {result.windows:>6,} windows, "
            f"{result.depths:>8,} depths compared, {result.differences} differences")


@pytest.fixture(scope="module", params=["small", pytest.param("larger", marks=pytest.mark.campaign)])
def design(request):
    return request.param, DESIGNS[request.param], library(DESIGNS[request.param])


def _play(design, kind: str, count: int, seed: int, **sizes) -> tuple[Result, str]:
    name, about, built = design
    run = BookRun(about, built, seed=seed)
    result = run.run(Storms(about, seed).segments(kind, count, **sizes))
    line = _line(kind, name, result)
    print(line)
    assert not result.differences, "\n".join([line, *result.described])
    assert len(result.latency.counts) == 1
    assert result.messages >= count and result.updates and result.depths
    return result, line


@pytest.mark.campaign
@pytest.mark.parametrize("kind", Storms.KINDS)
def test_campaign(design, kind, seed, record_property):
    _, line = _play(design, kind, HOT.get(kind, REST), seed)
    record_property("campaign", line)


@pytest.mark.parametrize("kind", Storms.KINDS)
def test_a_piece_of_the_campaign(design, kind, seed):
    result, _ = _play(design, kind, 12_000, seed, size=3000)
    if kind in ("mixture", "ping_pong", "replace_chains", "crossing", "one_level", "sweeps"):
        assert result.known > result.updates / 2
    if kind == "walks":
        assert result.windows > 10
    if kind == "illegal":
        faults = ("unknown_reference", "duplicate_reference", "over_execution", "table_full")
        assert all(result.counters[name] for name in faults)


def test_the_campaign_has_ten_million_messages():
    assert len(DESIGNS) * sum(HOT.get(kind, REST) for kind in Storms.KINDS) == 10_000_000
