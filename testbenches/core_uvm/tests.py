"""The UVM tests of the core."""

import pyuvm

from .environment import CoreTest
from .monitors import Seen
from .scoreboard import Mismatch, Scoreboard
from .sequences import (
    Exchange,
    FaultSequence,
    GapSequence,
    KillSequence,
    LimitSequence,
    MarketSequence,
    RiskSequence,
    WireSequence,
)


@pyuvm.test()
class EveryBin(CoreTest):
    """A market and everything that can go wrong with it; every coverage bin must be hit."""

    def sequences(self):
        exchange = Exchange(self.bench.design, self.bench.rng)
        # Gap last: after it no book is known any more.
        kinds = (RiskSequence, LimitSequence, MarketSequence, WireSequence, KillSequence, FaultSequence, GapSequence)
        return [kind(exchange) for kind in kinds]

    def check_phase(self):
        board, coverage = self.environment.scoreboard, self.environment.coverage
        coverage.sample(board.core, board.stimuli, board.steps)
        missing = coverage.missing()
        assert not missing, f"coverage bins never hit: {', '.join(missing)}"


class _Altered(Scoreboard):
    """Sees one bit of one record wrong, and must say so."""

    def check_phase(self):
        fifo = self.seen["decisions"]
        ok, first = fifo.try_get()
        assert ok, "no decision to alter"
        altered = first.value._replace(quantity=first.value.quantity ^ 1)
        rest = []
        while (item := fifo.try_get())[0]:
            rest.append(item[1])
        for seen in [Seen(first.cycle, altered), *rest]:
            fifo.try_put(seen)
        try:
            super().check_phase()
        except Mismatch as mismatch:
            assert "decisions[0]" in str(mismatch), mismatch
            return
        raise AssertionError("the scoreboard accepted an altered decision")


@pyuvm.test()
class CorruptedRecord(CoreTest):
    """The scoreboard can fail."""

    def build_phase(self):
        pyuvm.uvm_factory().set_type_override_by_type(Scoreboard, _Altered)
        super().build_phase()

    def sequences(self):
        return [RiskSequence(Exchange(self.bench.design, self.bench.rng))]

    def final_phase(self):
        pyuvm.uvm_factory().clear_overrides()
