"""Clock, risk and order together: what is approved reaches the wire, once, in order, and nothing else does."""

import random

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.sim import Simulator

from golden_model import order as golden_order
from golden_model import risk as golden_risk
from hdl.candidates import Candidates
from hdl.clock import Clock
from hdl.order import Order
from hdl.records import records
from hdl.risk import Risk
from hdl.wire import TX
from spec.config import Design
from spec.records import DECISION, INTENT, ORDER, Action, Refusal, Side
from testbenches.candidates import candidates_of
from tests.hdl.order.order_run import design_of


class GateToWire(wiring.Component):
    """The end of the core: intents in, frames out."""

    candidates: In(Candidates)
    intents: In(records(INTENT))
    kill: In(1)
    decisions: Out(records(DECISION))
    orders: Out(records(ORDER))
    tx: Out(TX)

    def __init__(self, design):
        self.clock, self.risk, self.order = Clock(design=design), Risk(design=design), Order(design=design)
        self.source_port = design.order.source_port
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.clock, m.submodules.risk, m.submodules.order = clock, risk, order = (
            self.clock, self.risk, self.order)
        connect(m, flipped(self.intents), risk.intents)
        connect(m, risk.decisions, order.decisions)
        connect(m, order.tx, flipped(self.tx))
        m.d.comb += [
            risk.time.eq(clock.time), order.time.eq(clock.time),
            order.header.source_port.eq(self.source_port),
            risk.candidates.eq(self.candidates),
            risk.kill.eq(self.kill),
            risk.queue_full.eq(order.queue_full),
            self.decisions.valid.eq(risk.decisions.valid), self.decisions.payload.eq(risk.decisions.payload),
            self.orders.valid.eq(order.orders.valid), self.orders.payload.eq(order.orders.payload),
        ]
        return m


def _design(protocol: str, queue: int) -> Design:
    data = design_of(protocol, queue=queue).model_dump()
    data["risk"] |= {"max_open_orders": 60_000, "order_rows": 4096}
    data["risk"]["symbol"] |= {"max_quantity": 1000, "collar_bps": 500, "max_long": 10**9, "max_short": 10**9}
    return Design.model_validate(data)


@pytest.mark.parametrize("protocol, queue, seed", [
    ("ouch", 2, 1), pytest.param("fix", 8, 4, marks=pytest.mark.campaign)])
def test_intents_in_every_cycle(protocol, queue, seed):
    """An intent per cycle while the wire is stopped, crawls, or runs; then the kill switch; then silence. The clock is
    a ms later every 300 000 cycles only, but what it says is what a frame says."""
    design = _design(protocol, queue)
    rng = random.Random(seed)
    dut = GateToWire(design)
    busy, drain = 700, 60 + 45 * (queue + 2)
    decisions, orders, frames, octets = [], [], [], b""
    intents = [
        INTENT.tuple(**dict.fromkeys(INTENT.tuple._fields, 0) | {
            "message": cycle, "timestamp": cycle, "symbol": rng.randrange(len(design.symbols)),
            "action": rng.choice([Action.ENTER, Action.ENTER, Action.REPLACE, Action.CANCEL]),
            "target": rng.randrange(1, 30), "side": rng.choice(list(Side)), "quantity": rng.choice([100, 1000, 1001]),
            "price": rng.choice([1_000_000, 1_000_000, 1_100_000]), "reference": 1_000_000, "tradable": 1})
        for cycle in range(busy)]

    async def bench(ctx):
        nonlocal octets
        ctx.set(dut.candidates.as_value(), candidates_of(intents[0], 0))
        await ctx.tick().until(dut.risk.ready)
        share = 0
        for cycle in range(busy + drain):
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
            if ctx.get(dut.orders.valid):
                orders.append(ORDER.unpack(ctx.get(dut.orders.payload.as_value())))
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
    killed = next(i for i, d in enumerate(decisions) if d.refusals & Refusal.KILL_SWITCH)  # no cancel
    assert busy - 20 <= killed < busy - 10
    for number, (intent, decision) in enumerate(zip(intents, decisions, strict=True)):
        if number == killed:
            risk.kill()
        # When the queue is full depends on the wire, which the model does not know: its word on that is taken.
        expected.append(risk.intent(intent, time=decision.time, queue_full=bool(
            decision.refusals & Refusal.ORDER_QUEUE_FULL)))
        record = order.decision(expected[-1], header=golden_order.Header(0, 0))
        if record is not None:
            sent.append((record, order.frame(record)))
    assert decisions == expected
    assert (orders, frames) == ([record for record, _ in sent], [frame for _, frame in sent]) and octets == b""
    assert len(sent) > queue + 2
    seen = Refusal(0)
    for decision in decisions:
        seen |= decision.refusals
    assert seen & Refusal.ORDER_QUEUE_FULL and seen & Refusal.KILL_SWITCH and seen & Refusal.PRICE_COLLAR
