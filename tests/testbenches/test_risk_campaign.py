"""A million intents through the compiled risk stage, against its model: no order passes that the model refuses.

Near every limit, alone and several at once, with replies, limits, kills and releases between any two orders; on a
design whose rows are soon taken, a larger one whose UserRefNums come round, and one of a single symbol. `make campaign`
runs them all and prints a line for each. A short piece of each runs with the other tests.
"""

import dataclasses

import numpy as np
import pytest

from hdl.candidates import Candidates
from sim.engine.risk import CANDIDATES, library
from sim.risk_run import Result, RiskRun
from sim.risk_storms import RiskStorms
from spec import config
from spec.config import Design
from spec.records import CHECKS_OF_CANCEL, DECISION, Cause, Refusal, Reply

_SUMS = (Refusal.POSITION_LIMIT, Refusal.SYMBOL_GROSS, Refusal.SYMBOL_NET, Refusal.GROSS_NOTIONAL, Refusal.NET_NOTIONAL,
         Refusal.SYMBOL_OPEN_ORDERS, Refusal.OPEN_ORDERS)
FOCI = {
    "everything": RiskStorms.FOCI,
    "sums": _SUMS,
    "moments": (*(refusal for refusal in Refusal if refusal & CHECKS_OF_CANCEL), Refusal.STALE_DATA,
                Refusal.DUPLICATE_ORDER, Refusal.POSITION_LIMIT, Refusal.SHORT_SALE),
}
INTENTS = {("small", "everything"): 200_000, ("small", "sums"): 150_000, ("small", "moments"): 100_000,
           ("larger", "everything"): 200_000, ("larger", "sums"): 150_000, ("larger", "moments"): 100_000,
           ("one", "everything"): 100_000}
SHORT = {"small": 20_000, "larger": 5_000}


def _of(**sections) -> Design:
    small = config.preset("small").model_dump()
    for name, values in sections.items():
        small[name] = {**small[name], **values} if isinstance(values, dict) else values
    return Design.model_validate(small)


SYMBOLS = config.preset("small").model_dump()["symbols"]
DESIGNS = {
    "small": config.preset("small"),
    "larger": _of(risk={"order_rows": 1024, "restricted": ["MSFT"]}, order={"user_ref_num": (1 << 32) - 9000},
                  symbols=[*SYMBOLS, *({"stock": f"MORE{i}", "reference": 150_000 << i} for i in range(4))]),
    "one": _of(risk={"order_rows": 16}, symbols=SYMBOLS[:1]),
}


def _play(name: str, foci: str, intents: int, seed: int) -> tuple[Result, str]:
    design = DESIGNS[name]
    result = RiskRun(design, library(design), seed=seed).play(RiskStorms(design, seed, FOCI[foci]), intents)
    line = f"risk {name:6} {foci:10} {result}"
    print(line)
    print({kind.name: f"{count} ({result.alone[kind]} alone)" for kind, count in sorted(result.refusals.items())})
    assert not result.differences and not result.leaks, "\n".join([line, *result.described])
    assert result.latency.counts == {2: result.intents} and result.intents >= intents
    assert result.longest > 50 and result.approved > intents / 20
    return result, line


def _assert_covered(result: Result) -> None:
    assert not result.never_alone
    assert all(result.replies[kind] for kind in Reply if kind)
    assert all(result.kills[cause] for cause in Cause), result.kills


@pytest.mark.campaign
@pytest.mark.parametrize(("name", "foci"), INTENTS)
def test_campaign(name, foci, seed, record_property):
    result, line = _play(name, foci, INTENTS[name, foci], seed)
    record_property("campaign", line)
    if foci == "everything":
        _assert_covered(result)
        assert result.replies[None]


def test_the_campaign_has_a_million_intents():
    assert sum(INTENTS.values()) == 1_000_000


@pytest.mark.parametrize(("name", "intents"), [
    ("small", SHORT["small"]), pytest.param("larger", SHORT["larger"], marks=pytest.mark.campaign)])
def test_a_piece_of_the_campaign(name, intents, seed):
    result, _ = _play(name, "everything", intents, seed)
    assert not result.never_alone or name != "small"


def test_candidates_are_those_of_the_gateware():
    shape = Candidates.as_shape()
    fields = {name: (field.offset, field.width) for name, field in shape}
    offset = 0
    for name, bits in CANDIDATES.items():
        if name in ("buy", "sell"):
            assert fields["prices"][0] + 32 * (name == "sell") == offset
        else:
            assert fields[name] == (offset, bits)
        offset += bits
    assert offset == shape.size


def _falsified(seed, change, intents=2000) -> Result:
    design = DESIGNS["small"]
    run = RiskRun(design, library(design), seed=seed, falsify=change)
    return run.play(RiskStorms(design, seed), intents)


def _without_refusals(streams):
    """Everything is approved."""
    offset = sum(f.bits for f in DECISION.fields[: DECISION.tuple._fields.index("refusals")])
    words = streams["decisions"].words.copy()
    for bit in range(offset, offset + 32):
        words[:, bit // 64] &= ~np.uint64(1 << bit % 64)
    return streams | {"decisions": dataclasses.replace(streams["decisions"], words=words)}


def _without(name: str, removed: list):
    def change(streams):
        stream = streams[name]
        removed.extend(stream.rows)
        return streams | {name: dataclasses.replace(stream, cycles=stream.cycles[:0], words=stream.words[:0])}
    return change


def test_an_order_that_should_not_pass_is_a_leak(seed):
    result = _falsified(seed, _without_refusals)
    assert result.leaks and "refusals" in result.described[0]


@pytest.mark.parametrize("name", ["positions", "symbol_limits_set", "session_limits_set", "kills"])
def test_a_record_that_is_missing_is_a_difference(name, seed):
    removed = []
    differences = _falsified(seed, _without(name, removed), intents=10_000).differences  # no kill comes before 3000
    assert removed and differences


@pytest.mark.campaign
def test_hardware_with_other_rows_is_found(seed):
    other = _of(risk={"order_rows": 128})
    run = RiskRun(DESIGNS["small"], library(other), seed=seed)
    assert run.play(RiskStorms(DESIGNS["small"], seed), 5000).leaks
