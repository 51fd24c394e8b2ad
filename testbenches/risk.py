"""Risk against its golden twin: every decision, its latency, every counter."""

import cocotb
from cocotb.triggers import RisingEdge

from golden_model.risk import Risk
from hdl.risk import Risk as Gateware
from spec.records import INTENT, MAX_SYMBOLS, Refusal, Side
from testbenches.candidates import candidates_of
from testbenches.harness import Bench, assert_same_counters, assert_same_records

TIMEOUT = {"timeout_time": 1, "timeout_unit": "ms"}
REASONS = [refusal for refusal in Refusal if refusal]


class RiskBench(Bench):
    """Sends intents, and knows what the model makes of what was really sent, and when."""

    def __init__(self, dut):
        super().__init__(dut)
        self.intents, self.decisions = self.watch("intents"), self.watch("decisions")
        self.kill, self.queue_full = {}, {}  # by clock edge
        self.always(self._sample)
        self.limits = self.design.risk

    def _sample(self):
        self.kill[self.cycle] = int(self.dut.kill.value)
        self.queue_full[self.cycle] = int(self.dut.queue_full.value)

    async def begin(self):
        await self.start(candidates=0, intents_valid=0, intents_payload=0, kill=0, queue_full=0)

    async def send(self, intents, gap=lambda: 0):
        """Intents with ``gap()`` idle cycles after each; the candidates of each one cycle ahead of it, and otherwise
        anything."""
        steps = [None]
        for intent in intents:
            steps += [intent, *[None] * gap()]
        dut, rng = self.dut, self.rng
        for intent, follows in zip(steps, [*steps[1:], None], strict=True):
            dut.candidates.value = candidates_of(follows, rng.getrandbits(32)) if follows else rng.getrandbits(200)
            dut.intents_valid.value = intent is not None
            dut.intents_payload.value = INTENT.pack(intent) if intent else rng.getrandbits(INTENT.bits)
            await RisingEdge(dut.clk)
        dut.intents_valid.value = 0

    def intent(self, **changes):
        """An intent that nothing is wrong with, but for ``changes``."""
        values = {"message": len(self.intents.seen), "timestamp": 34_200_000_000_000, "symbol": 0, "side": Side.BUY,
                  "quantity": 1, "price": 1_000_000, "reference": 1_000_000, "collar_lower": 0, "collar_upper": 0}
        return INTENT.tuple(**values | changes)

    def check(self) -> set[Refusal]:
        """Compare everything so far with the model; the refusals that occurred, alone or with others."""
        model, expected, killed_at = Risk(self.design), [], min((c for c, k in self.kill.items() if k), default=None)
        for intent, cycle in zip(self.intents.seen, self.intents.cycles, strict=True):
            decided = cycle + Gateware.LATENCY - 1
            if killed_at is not None and decided >= killed_at:
                model.kill()
            expected.append(model.intent(intent, queue_full=bool(self.queue_full[decided])))
        assert_same_records(self.decisions, expected)
        latencies = {there - here for here, there in zip(self.intents.cycles, self.decisions.cycles, strict=True)}
        assert latencies == {Gateware.LATENCY}, f"decisions after {sorted(latencies)} cycles"
        assert_same_counters(self.counters("risk"), model.counters)
        return {reason for reason in REASONS for decision in expected if decision.refusals & reason}

    def random_intent(self, symbols):
        """Near every limit as often as far from it, and on few symbols, so that positions reach theirs."""
        rng, limits = self.rng, self.limits
        reference = rng.choice([0, 1, 20, 1_000_000, rng.getrandbits(32), rng.randrange(1, 1 << 24)])
        edge = reference * limits.collar_bps // 10_000
        price = reference + rng.choice([-edge - 1, -edge, 0, 0, 0, edge, edge + 1, rng.randrange(-edge, edge + 1)])
        price = rng.getrandbits(32) if rng.random() < 0.02 else min(max(price, 0), (1 << 32) - 1)
        lower, upper = rng.choice([(0, 0), (0, 0), (price, price), (price + 1, price + 9), (0, max(price - 1, 0))])
        biggest = limits.max_quantity
        return self.intent(
            timestamp=rng.getrandbits(48), message=rng.getrandbits(32), symbol=rng.choice(symbols),
            side=rng.choice(list(Side)), price=price, reference=reference,
            quantity=rng.choice([0, 1, biggest, biggest, biggest + 1, rng.randrange(1, biggest + 1),
                                 rng.randrange(1, biggest + 1), rng.getrandbits(32)]),
            collar_lower=min(lower, (1 << 32) - 1), collar_upper=min(upper, (1 << 32) - 1))


@cocotb.test(**TIMEOUT)
async def each_check_just_inside_and_just_outside(dut):
    """Every limit from both sides, in adjacent cycles."""
    bench = RiskBench(dut)
    await bench.begin()
    limits, price, top = bench.limits, 1_000_000, (1 << 32) - 1
    edge = price * limits.collar_bps // 10_000
    pairs = {  # refusal: [(inside, outside)]
        Refusal.ORDER_SIZE: [({"quantity": 1}, {"quantity": 0}),
                             ({"quantity": limits.max_quantity}, {"quantity": limits.max_quantity + 1}),
                             ({"price": 1, "reference": 1}, {"price": 0})],
        Refusal.PRICE_COLLAR: [({"price": price + edge}, {"price": price + edge + 1}),
                               ({"price": price - edge}, {"price": price - edge - 1}),
                               ({"price": top, "reference": top}, {"price": top, "reference": top // 4})],
        Refusal.LULD_COLLAR: [({"collar_lower": price, "collar_upper": top},
                               {"collar_lower": price + 1, "collar_upper": top}),
                              ({"collar_lower": 0, "collar_upper": price},
                               {"collar_lower": 0, "collar_upper": price - 1}),
                              ({"collar_lower": top, "collar_upper": 0},
                               {"collar_lower": top, "collar_upper": 1})],
        Refusal.NO_REFERENCE: [({"reference": price}, {"reference": 0})],
    }
    steps = [(refusal, step) for refusal, rows in pairs.items() for row in rows for step in enumerate(row)]
    await bench.send([bench.intent(symbol=0, **changes) for _, (_, changes) in steps])
    await bench.cycles(4)
    bench.check()
    for decision, (refusal, (outside, _)) in zip(bench.decisions.seen, steps, strict=True):
        assert bool(decision.refusals & refusal) == bool(outside), (refusal, decision)
        # The position limit of a small design may be below the largest order.
        assert outside or not decision.refusals & ~Refusal.POSITION_LIMIT, decision


@cocotb.test(**TIMEOUT)
async def position_limit_just_inside_and_just_outside(dut):
    """Up to the limit and one more, long and short, every order in the cycle after the one before."""
    bench = RiskBench(dut)
    await bench.begin()
    biggest, limit = bench.limits.max_quantity, bench.limits.max_position
    intents, outside = [], []

    def order(symbol, side, quantity, refused=False):
        outside.append(refused)
        intents.append(bench.intent(symbol=symbol, side=side, quantity=quantity))

    for symbol, side in enumerate(Side):
        rest = limit
        while rest > biggest:
            order(symbol, side, biggest)
            rest -= biggest
        order(symbol, side, rest + 1, refused=True)
        order(symbol, side, rest)
        order(symbol, side, 1, refused=True)
        order(symbol, Side(1 - side), 1)
        order(symbol, side, 2, refused=True)
        order(symbol, side, 1)
    await bench.send(intents)
    await bench.cycles(4)
    bench.check()
    assert [bool(d.refusals & Refusal.POSITION_LIMIT) for d in bench.decisions.seen] == outside
    assert {d.position for d in bench.decisions.seen} >= {limit, -limit}


@cocotb.test(**TIMEOUT)
async def random_intents(dut):
    """Everything at once, with and without gaps, with a queue that fills and empties."""
    bench = RiskBench(dut)
    await bench.begin()
    symbols = range(min(len(bench.design.symbols), MAX_SYMBOLS))

    async def fill():
        while True:
            await bench.cycles(1)
            dut.queue_full.value = bench.rng.random() < 0.1

    filling = cocotb.start_soon(fill())
    for round in range(6):
        longest = [0, 0, 1, 3][round % 4]
        chosen = bench.rng.sample(symbols, min(len(symbols), 1 + round % 3))
        await bench.send([bench.random_intent(chosen) for _ in range(250)],
                         gap=lambda longest=longest: bench.rng.randint(0, longest))
    filling.cancel()
    dut.queue_full.value = 0
    await bench.cycles(4)
    seen = bench.check()
    assert seen == set(REASONS) - {Refusal.KILL_SWITCH}, f"never refused for {set(REASONS) - seen}"
    assert bench.counters("risk")["approved"] > 100


@cocotb.test(**TIMEOUT)
async def kill_switch_stops_everything_after_it(dut):
    """One cycle of kill in the middle of a stream without gaps."""
    bench = RiskBench(dut)
    await bench.begin()
    sending = cocotb.start_soon(bench.send([bench.intent(message=i) for i in range(60)]))
    await bench.cycles(bench.rng.randint(20, 30))
    assert any(not d.refusals for d in bench.decisions.seen)
    dut.kill.value = 1
    await RisingEdge(dut.clk)
    dut.kill.value = 0
    await sending
    await bench.cycles(4)
    assert bench.check() == {Refusal.KILL_SWITCH}
    refused = [bool(d.refusals) for d in bench.decisions.seen]
    assert refused == sorted(refused) and set(refused) == {False, True}
