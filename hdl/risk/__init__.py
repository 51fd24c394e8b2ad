"""Risk: the gate between what the strategy wants and what may be sent.

Every intent passes all checks side by side; ``Decision.refusals`` names those that failed. Nothing but a decision
without refusals makes an order.
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spec.config import Design
from spec.records import DECISION, INTENT, Refusal

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

    Latency ``LATENCY`` cycles, initiation interval 1. An intent at clock edge c is decided at edge c + 1, where
    ``kill`` and ``queue_full`` count as they stand, and its decision is at edge c + 2.

    =====  ==========================================================================================
    cycle  does
    =====  ==========================================================================================
    c      every comparison that needs no position; products of the price collar; read of the position
    c + 1  collar's last addition; position limit; verdict; new position
    c + 2  decision; write of the position
    =====  ==========================================================================================

    Members
    -------
    intents
        What the strategy wants.
    kill
        Refuse everything from now on until reset, however short the pulse.
    queue_full
        No room for another order in front of the wire.
    decisions
        The verdicts.
    ready
        Positions are cleared. Intents before that are a design error.
    """

    LATENCY = 2

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
            Refusal.ORDER_SIZE: OrderSize(design=design),
            Refusal.PRICE_COLLAR: PriceCollar(design=design),
            Refusal.LULD_COLLAR: LuldCollar(),
            Refusal.NO_REFERENCE: NoReference(),
        }
        failing = {}
        for refusal, check in checks.items():
            m.submodules[refusal.name.lower()] = check
            m.d.comb += check.intent.eq(self.intents.payload)
            failing[refusal] = check.fails

        m.submodules.positions = positions = Positions(design=design)
        m.d.comb += [
            positions.valid.eq(self.intents.valid),
            positions.intent.eq(self.intents.payload),
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
        judging = Signal()
        intent = Signal(layout(INTENT), reset_less=True)
        m.d.comb += positions.approved.eq(judging & (refusals == 0))
        m.d.sync += [
            judging.eq(self.intents.valid),
            intent.eq(self.intents.payload),
        ]

        decision = self.decisions.payload
        m.d.sync += self.decisions.valid.eq(judging)
        m.d.sync += decision.refusals.eq(refusals)
        for name in ("message", "timestamp", "symbol", "side", "quantity", "price"):
            m.d.sync += decision[name].eq(intent[name])
        m.d.comb += decision.position.eq(positions.position)

        approved = self.decisions.valid & (decision.refusals == 0)
        count(m, self.counters, "approved", approved)
        count(m, self.counters, "refused", self.decisions.valid & (decision.refusals != 0))
        for refusal in failing:
            failed = decision.refusals[refusal.bit_length() - 1]
            count(m, self.counters, refusal.name.lower(), self.decisions.valid & failed)
        return m
