"""Risk and order together: what is approved reaches the wire, all of it, once, in order, and nothing else does."""

import random

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.sim import Simulator

from golden_model import order as golden_order
from golden_model import risk as golden_risk
from hdl.candidates import Candidates
from hdl.order import Order
from hdl.records import records
from hdl.risk import Risk
from hdl.wire import TX
from spec.config import preset
from spec.records import DECISION, INTENT, Refusal, Side
from testbenches.candidates import candidates_of

SMALL = preset("small")


class GateToWire(wiring.Component):
    """The end of the core: intents in, frames out."""

    candidates: In(Candidates)
    intents: In(records(INTENT))
    kill: In(1)
    decisions: Out(records(DECISION))
    tx: Out(TX)

    def __init__(self, design):
        self.risk, self.order = Risk(design=design), Order(design=design)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.risk, m.submodules.order = risk, order = self.risk, self.order
        connect(m, flipped(self.intents), risk.intents)
        connect(m, risk.decisions, order.decisions)
        connect(m, order.tx, flipped(self.tx))
        m.d.comb += [
            risk.candidates.eq(self.candidates),
            risk.kill.eq(self.kill),
            risk.queue_full.eq(order.queue_full),
            self.decisions.valid.eq(risk.decisions.valid),
            self.decisions.payload.eq(risk.decisions.payload),
        ]
        return m


@pytest.mark.parametrize("queue, seed", [(2, 1), (4, 2), (8, 3), (8, 4)])
def test_intents_in_every_cycle(queue, seed):
    """An intent per cycle while the wire is stopped, crawls, or runs; then the kill switch; then silence."""
    limits = SMALL.risk.model_copy(update={"max_quantity": 1000, "max_position": 10_000, "collar_bps": 500})
    design = SMALL.model_copy(update={"order": SMALL.order.model_copy(update={"queue": queue}), "risk": limits})
    rng = random.Random(seed)
    dut = GateToWire(design)
    busy, cycles = 700, 700 + 16 * (queue + 2)
    decisions, frames, octets = [], [], b""
    intents = [
        INTENT.tuple(cycle, cycle, rng.randrange(len(design.symbols)), rng.choice(list(Side)),
                     rng.choice([100, 1000, 1001]), rng.choice([1_000_000, 1_000_000, 1_100_000]), 1_000_000, 0, 0)
        for cycle in range(busy)]

    async def bench(ctx):
        nonlocal octets
        ctx.set(dut.candidates.as_value(), candidates_of(intents[0], 0))
        await ctx.tick().until(dut.risk.ready)
        share = 0
        for cycle in range(cycles):
            if cycle % 60 == 0:
                share = rng.choice([0, 0.2, 1])
            ready = rng.random() < share or cycle >= busy
            ctx.set(dut.tx.ready, ready)
            ctx.set(dut.kill, cycle == busy - 20)
            ctx.set(dut.candidates.as_value(), candidates_of(intents[min(cycle + 1, busy - 1)], rng.getrandbits(32)))
            ctx.set(dut.intents.valid, cycle < busy)
            ctx.set(dut.intents.payload.as_value(), INTENT.pack(intents[min(cycle, busy - 1)]))
            if ctx.get(dut.decisions.valid):
                decisions.append(DECISION.unpack(ctx.get(dut.decisions.payload.as_value())))
            if ready and ctx.get(dut.tx.valid):
                payload = dut.tx.payload
                octets += ctx.get(payload.data).to_bytes(8, "little")[: ctx.get(payload.keep).bit_count()]
                if ctx.get(payload.last):
                    frames.append(octets)
                    octets = b""
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()

    risk, order = golden_risk.Risk(design), golden_order.Order(design)
    expected, sent = [], []
    for cycle, (intent, decision) in enumerate(zip(intents, decisions, strict=True)):
        if cycle >= busy - 20:  # decided in the cycle in which it came
            risk.kill()
        # When the queue is full depends on the wire, which the model does not know: its word on that is taken.
        expected.append(risk.intent(intent, queue_full=bool(decision.refusals & Refusal.ORDER_QUEUE_FULL)))
        record = order.decision(expected[-1])
        if record is not None:
            sent.append(order.frame(record))
    assert decisions == expected
    assert frames == sent and octets == b""
    assert len(sent) > 2 * queue
    seen = Refusal(0)
    for decision in decisions:
        seen |= decision.refusals
    assert seen & Refusal.ORDER_QUEUE_FULL and seen & Refusal.KILL_SWITCH and seen & Refusal.PRICE_COLLAR
