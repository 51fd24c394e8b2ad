"""A host program, a simulated card, and the golden model: what the host reads in its rings is what the model says."""

import pytest

from sim import replay
from sim.card.compiled import CompiledCard
from sim.card.engine import CardEngine
from sim.card.host import Host
from sim.framing import as_file, frames
from sim.generator import session
from sim.pace import Pace
from spec import config
from spec.registers import Status
from tests.sim.card.served import HostProgram, Served, ServedEngine
from tests.vitis_flow.host.conftest import programs  # noqa: F401  a fixture

MESSAGES = 100_000


def design(clocks: str = "one", **host) -> config.Design:
    small = config.preset("small")
    return small.model_copy(update={"host": small.host.model_copy(update={"clocks": clocks, **host})})


def replayed(chosen: config.Design, core, out, messages: int, seed: int) -> replay.Run:
    """A session as on a 10G wire: what a wire as fast as the core's bus says is more than a PCIe slot holds."""
    return replay.run(chosen, frames(as_file(session(chosen, messages=messages, seed=seed)), design=chosen, seed=seed,
                                     bracket=True), pace=Pace("10g", chosen), out=out, core=core)


def assert_compared(run: replay.Run, messages: int) -> None:
    assert run.differences == 0, run.first_difference
    compared = run.compared
    assert compared["messages"] == messages
    assert all(compared[name] for name in ("updates", "depths", "windows", "indicators", "vwaps", "intents",
                                           "decisions", "positions", "orders", "tx")), compared


def test_a_host_program_reads_what_the_model_says(programs, tmp_path, seed):  # noqa: F811
    """Load, configure, replay, read all rings, stop: in C++, over a socket, 100 000 messages."""
    chosen = design()
    served = Served(chosen, tmp_path)
    try:
        host = HostProgram(programs.sim, served, tmp_path)
        run = replayed(chosen, ServedEngine(chosen, served, host), tmp_path / "out", MESSAGES, seed)
        assert_compared(run, MESSAGES)
        assert run.passed  # latency budgets, too: the core's cycles are those of the wire here
        code, said = host.end()
        assert code == 0, said
        served.until(Status.RUNNING, Status(0))
    finally:
        served.close()


@pytest.mark.parametrize("clocks", ["all", *(
    pytest.param(clocks, marks=pytest.mark.campaign) for clocks in ("one", "rx"))])
def test_a_host_in_python_in_every_mode_of_clocks(clocks, tmp_path, seed):
    chosen, messages = design(clocks), 5000
    card = CompiledCard(chosen)
    host = Host(card)
    host.check(chosen)
    host.start()
    run = replayed(chosen, CardEngine(chosen, card, host), tmp_path, messages, seed)
    assert_compared(run, messages)
