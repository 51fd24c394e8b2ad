"""The strategy is exchanged while the rest runs: no market data is lost, and no order leaves meanwhile."""

import numpy as np
import pytest

from hdl.export import write_verilog
from hdl.kernel import Kernel
from hdl.strategy import Strategy
from hdl.strategy.partition import Decoupler
from sim.card.compiled import RX, CompiledCard
from sim.card.host import Host
from sim.engine.native import Batch
from sim.framing import as_file, frames
from sim.generator import session
from sim.pace import Pace
from spec import config
from spec.records import INTENT, REQUEST, Action, Side
from spec.registers import CoreControl, Status
from testbenches.exchangeable import Exchangeable

MARKET = ("messages", "updates", "windows", "depths", "indicators", "vwaps")
ORDERS = ("intents", "decisions", "orders")
FIRST, SECOND = 100, 300  #: shares that each strategy orders


def design(quantity: int) -> config.Design:
    small = config.preset("small")
    return small.model_copy(update={"strategy": small.strategy.model_copy(
        update={"quantity": quantity, "reconfigurable": True})})


def kernel(directory) -> tuple[config.Design, object]:
    chosen = design(FIRST)
    exchangeable = Exchangeable(Strategy(design=chosen), Strategy(design=design(SECOND)))
    return chosen, write_verilog(Kernel(design=chosen, strategy=exchangeable), directory / "kernel.v",
                                 name="tickwire_kernel")


class Run:
    """Frames through a card, and what came of them."""

    def __init__(self, chosen, verilog, seed):
        self.card = CompiledCard(chosen, verilog=verilog)
        self.host = Host(self.card)
        self.host.start()
        self.seen: dict[str, list] = {}
        whole = list(frames(as_file(session(chosen, messages=3000, seed=seed)), design=chosen, seed=seed, bracket=True))
        self.card.frames(RX, Batch.of([frame.octets for frame in whole], Pace("10g", chosen).gaps(whole)))

    def to(self, cycle: int) -> dict[str, int]:
        """Let time pass; how many records came, by stream, and how many order frames left."""
        counts = dict.fromkeys(self.host.rings, 0)
        while self.card.cycle < cycle:
            self.card.run(min(500, cycle - self.card.cycle))
            for name, stream in self.host.read().items():
                if len(stream):
                    self.seen.setdefault(name, []).append(stream)
                    counts[name] += len(stream)
        counts["tx"] = len(self.card.left()[1])
        return counts

    def stream(self, name: str):
        first, *rest = self.seen[name]
        return sum(rest, first)

    def quantities(self, intents) -> set[int]:
        """Shares of the strategy's own intents."""
        return {row[intents.record.tuple._fields.index("quantity")] for row in intents.rows
                if not row[intents.record.tuple._fields.index("host")]}


def exchange(chosen, verilog, seed: int, *, decouples: bool) -> tuple[Run, dict]:
    """A run during which the partition is cut off for a while; or is not."""
    run, found = Run(chosen, verilog, seed), {}
    registers = run.host.registers
    found["before"] = run.to(20_000)
    if decouples:
        registers.core_control = CoreControl.DECOUPLE
        found["settling"] = run.to(22_000)  # what was approved before leaves
        found["cut"] = registers.status
        run.host.commit(REQUEST, REQUEST.tuple(0, Action.ENTER, 0, Side.BUY, 7, 10_000))
        found["middle"] = run.to(40_000)
        found["cut"] &= registers.status
        registers.core_control = CoreControl(0)
    found["after"] = run.to(75_000)
    found["status"] = registers.status
    return run, found


@pytest.fixture(scope="module")
def swap(tmp_path_factory, request):
    seed = request.config.getoption("seed")
    chosen, verilog = kernel(tmp_path_factory.mktemp("kernel"))
    return exchange(chosen, verilog, seed, decouples=False)[0], *exchange(chosen, verilog, seed, decouples=True)


def test_no_market_data_is_lost(swap):
    """The same records in the same cycles as without."""
    plain, swapped, _ = swap
    for name in MARKET:
        one, other = plain.stream(name), swapped.stream(name)
        assert len(one) > 10 and np.array_equal(one.words, other.words) and np.array_equal(one.cycles, other.cycles)


def test_no_order_leaves_while_it_is_cut_off(swap):
    _, _, found = swap
    before, middle, after = found["before"], found["middle"], found["after"]
    assert Status.DECOUPLED & found["cut"] and not Status.DECOUPLED & found["status"]
    assert all(before[name] and after[name] for name in ("intents", "decisions")) and before["orders"] and before["tx"]
    assert not any(middle[name] for name in (*ORDERS, "tx")), middle
    assert middle["messages"] and middle["updates"]


def test_another_strategy_goes_on(swap):
    _, swapped, found = swap
    intents, before = swapped.stream("intents"), found["before"]["intents"]
    before += found["settling"]["intents"]
    assert swapped.quantities(intents[:before]) == {FIRST}
    assert swapped.quantities(intents[before:]) == {SECOND}


def test_a_request_waits_until_it_is_back(swap):
    _, swapped, _ = swap
    hosts = [row for row in swapped.stream("intents").rows if row[INTENT.tuple._fields.index("host")]]
    assert len(hosts) == 1 and hosts[0][INTENT.tuple._fields.index("quantity")] == 7


@pytest.mark.campaign
def test_noise_that_gets_through_is_found(tmp_path, seed, monkeypatch):
    """Without the decoupler the region's noise is orders."""
    def elaborate(self, platform):
        m = whole(self, platform)
        m.d.comb += self.intents.valid.eq(self.partition.intents.valid)
        return m

    whole = Decoupler.elaborate
    monkeypatch.setattr(Decoupler, "elaborate", elaborate)
    chosen, verilog = kernel(tmp_path)
    run = Run(chosen, verilog, seed)
    run.host.registers.core_control = CoreControl.DECOUPLE
    run.card.run(2000)
    assert len(run.host.read()["intents"])
