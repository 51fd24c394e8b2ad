"""The core as a whole: its stages, the sum of their latencies, when it is ready. What it computes: testbenches.core."""

import gc
import warnings

import pytest
from amaranth.hdl import UnusedElaboratable
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hdl.order import Transmit, encoder
from hdl.top import TickToTrade
from sim import build
from sim.explain import declared
from sim.latency import TICK_TO_TRADE, TRANSMIT
from spec import config
from spec.counters import COUNTERS
from spec.records import RECORDS, REQUESTS

SMALL = config.preset("small")
HOT_PATH = ("feed", "book", "strategy", "risk", "order")  #: of stages; indicators stand beside it


def _speaking(protocol: str, preset: str) -> config.Design:
    data = config.preset(preset).model_dump()
    data["order"]["protocol"] = protocol
    return config.Design.model_validate(data)


@pytest.fixture(autouse=True)
def _components_to_be_looked_at():
    """Most are made to be asked, not to be built."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedElaboratable)
        yield
        gc.collect()


@pytest.mark.parametrize("unit", [*build.STAGES, "core"])
@pytest.mark.parametrize("design", [None, {}, "small"])
def test_a_design_must_be_a_design(unit, design):
    with pytest.raises(TypeError, match=rf"design must be a spec\.config\.Design, not {design!r}"):
        build.component(unit, design)


def test_parameters_are_keyword_only():
    with pytest.raises(TypeError, match="positional"):
        TickToTrade(SMALL)


def test_members():
    members = TickToTrade(design=SMALL).signature.members
    assert set(members) == {
        "rx", "session_rx", "tx", "clock", "kill", "kill_release", "handback", "ready", "inbox",
        *(record.stream for record in (*REQUESTS, *RECORDS)), *(f"{stage}_counters" for stage in COUNTERS)}
    for record in REQUESTS:
        assert members[record.stream].flow == In and not members[record.stream].signature.always_ready
    for record in RECORDS:
        assert members[record.stream].flow == Out and members[record.stream].signature.always_ready


@pytest.mark.parametrize("protocol, order, tick_to_trade", [("ouch", 1, 15), ("fix", 6, 20)])
def test_cycles(protocol, order, tick_to_trade):
    design = _speaking(protocol, "small")
    stages = {stage: build.component(stage, design).LATENCY for stage in HOT_PATH}
    assert stages == {"feed": 3, "book": 7, "strategy": 2, "risk": 2, "order": order}
    assert declared(design)[TICK_TO_TRADE] == tick_to_trade


@pytest.mark.parametrize("protocol", ["ouch", "fix"])
@pytest.mark.parametrize("preset", ["small", "demo", "u280"])
def test_latencies_fit_their_budgets(preset, protocol):
    design = _speaking(protocol, preset)
    encode = encoder(design)
    stages = {stage: build.component(stage, design) for stage in build.STAGES}
    assert all(isinstance(stage.LATENCY, int) and stage.LATENCY > 0 for stage in stages.values())
    told = declared(design)
    assert told[TICK_TO_TRADE] == sum(stages[name].LATENCY for name in HOT_PATH)
    assert stages["order"].LATENCY == encode.LATENCY + Transmit.LATENCY == told["encode"] + told[TRANSMIT]
    period, budgets = design.core.period_ns, design.budgets
    cycles = {name: stage.LATENCY for name, stage in stages.items() if name not in ("order", "session")}
    cycles |= {"encode": encode.LATENCY, "transmit": Transmit.LATENCY, "tick_to_trade": told[TICK_TO_TRADE]}
    assert cycles.keys() == type(budgets).model_fields.keys()
    for name, taken in cycles.items():
        assert taken * period <= getattr(budgets, name), f"{name}: {taken} cycles"
    assert budgets.tick_to_trade <= 200


class _Probe:
    """The core with its stages within reach while it is simulated."""

    def __init__(self, design):
        self.stages = {}
        self.core = TickToTrade(design=design)
        self.module = self.core.elaborate(None)
        for name in build.STAGES:
            self.stages[name] = getattr(self.module.submodules, name)


def test_ready_when_every_sweep_is_over():
    """Neither earlier nor later than the last of the stages, and no frame is let in before."""
    probe = _Probe(SMALL)
    sweeping = {name: stage.ready for name, stage in probe.stages.items() if hasattr(stage, "ready")}
    assert set(sweeping) == {"book", "indicators", "strategy", "risk", "order", "session"}
    first_ready = {}

    async def process(ctx):
        for cycle in range(3000):
            ready = {name: ctx.get(flag) for name, flag in sweeping.items()}
            for name, flag in ready.items():
                assert flag or name not in first_ready, f"{name} is not ready any more"
                if flag:
                    first_ready.setdefault(name, cycle)
            assert ctx.get(probe.core.ready) == ctx.get(probe.stages["feed"].enabled) == all(ready.values())
            if all(ready.values()):
                return
            await ctx.tick()

    simulator = Simulator(probe.module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(process)
    simulator.run()
    book = SMALL.book
    assert first_ready.keys() == sweeping.keys()
    assert max(first_ready.values()) == first_ready["book"] >= 2 * len(SMALL.symbols) * book.levels
    assert first_ready["risk"] >= len(SMALL.symbols) and first_ready["strategy"] >= len(SMALL.symbols)
