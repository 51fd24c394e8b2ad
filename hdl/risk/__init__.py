"""Risk: the gate between what the strategy wants and what may be sent.

Every intent passes all checks side by side; ``Decision.refusals`` names those that failed. Nothing but a decision
without refusals makes an order.
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import DECISION, INTENT, Refusal, Side

from ..candidates import Candidates
from ..counting import count
from ..records import counters, layout, records
from .collar import PriceCollar
from .luld import LuldCollar
from .position import Positions
from .reference import NoReference
from .size import OrderSize

__all__ = ["LuldCollar", "NoReference", "OrderSize", "Positions", "PriceCollar", "Risk"]


class Risk(wiring.Component):
    """One decision per intent.

    Latency ``LATENCY`` cycles, initiation interval 1. An intent at clock edge c is decided there, where ``kill`` and
    ``queue_full`` count as they stand, and its decision is at edge c + 1. What it may order is there one cycle before
    it, and is judged for either side; the intent says which verdict counts. A decision holds what was judged: symbol,
    quantity and price are the candidate's, whatever the intent says they are.

    =====  ===========================================================================================
    cycle  does
    =====  ===========================================================================================
    c - 1  candidates: every comparison that needs no position; products of the price collar; read of the
           position
    c      intent; collar's last addition; position limit; choice of the side; verdict; new position
    c + 1  decision; write of the position
    =====  ===========================================================================================

    Members
    -------
    candidates
        What an intent in the next cycle may order.
    intents
        What the strategy wants of it.
    kill
        Refuse everything from now on until reset, however short the pulse.
    queue_full
        No room for another order in front of the wire.
    decisions
        The verdicts.
    ready
        Positions are cleared. Intents before that are a design error.
    """

    LATENCY = 1

    candidates: In(Candidates)
    intents: In(records(INTENT))
    kill: In(1)
    queue_full: In(1)
    decisions: Out(records(DECISION))
    ready: Out(1)
    counters: Out(counters("risk"))

    def __init__(self, *, design: Design):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        self._design = design
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        design = self._design
        checks = {
            Refusal.ORDER_SIZE: [OrderSize(design=design) for _ in Side],
            Refusal.PRICE_COLLAR: [PriceCollar(design=design) for _ in Side],
            Refusal.LULD_COLLAR: [LuldCollar() for _ in Side],
            Refusal.NO_REFERENCE: [NoReference() for _ in Side],
        }
        candidates, intent = self.candidates, self.intents.payload
        failing = {}
        for refusal, of_side in checks.items():
            for side, check in zip(Side, of_side, strict=True):
                m.submodules[f"{refusal.name}_{side.name}".lower()] = check
                m.d.comb += check.intent.price.eq(candidates.prices[side])
                for name in ("symbol", "quantity", "reference", "collar_lower", "collar_upper"):
                    m.d.comb += check.intent[name].eq(candidates[name])
            failing[refusal] = Mux(intent.side, of_side[Side.SELL].fails, of_side[Side.BUY].fails)

        m.submodules.positions = positions = Positions(design=design)
        m.d.comb += [
            positions.symbol.eq(candidates.symbol),
            positions.quantity.eq(candidates.quantity),
            positions.valid.eq(self.intents.valid),
            positions.side.eq(intent.side),
            self.ready.eq(positions.ready),
        ]
        failing[Refusal.POSITION_LIMIT] = positions.fails

        killed = Signal()
        with m.If(self.kill):
            m.d.sync += killed.eq(1)
        failing[Refusal.KILL_SWITCH] = self.kill | killed
        failing[Refusal.ORDER_QUEUE_FULL] = self.queue_full

        refusals = Signal(layout(DECISION)["refusals"].shape)
        for refusal, fails in failing.items():
            m.d.comb += refusals[refusal.bit_length() - 1].eq(fails)

        # An idle gate approves nothing, whatever stands in its registers.
        m.d.comb += positions.approved.eq(self.intents.valid & (refusals == 0))

        judged = Signal(Candidates, reset_less=True)
        decision = self.decisions.payload
        m.d.sync += [
            judged.eq(candidates),
            self.decisions.valid.eq(self.intents.valid),
            decision.refusals.eq(refusals),
            decision.symbol.eq(judged.symbol),
            decision.quantity.eq(judged.quantity),
            decision.price.eq(Mux(intent.side, judged.prices[Side.SELL], judged.prices[Side.BUY])),
        ]
        for name in ("message", "timestamp", "side"):
            m.d.sync += decision[name].eq(intent[name])
        m.d.comb += decision.position.eq(positions.position)

        approved = self.decisions.valid & (decision.refusals == 0)
        count(m, self.counters, "approved", approved)
        count(m, self.counters, "refused", self.decisions.valid & (decision.refusals != 0))
        for refusal in failing:
            failed = decision.refusals[refusal.bit_length() - 1]
            count(m, self.counters, refusal.name.lower(), self.decisions.valid & failed)
        return m
