"""Risk between drivers of everything that goes in, and its golden twin, which is told what came when."""

from collections import Counter

from cocotb.triggers import RisingEdge

from golden_model.risk import Risk
from hdl.risk import Risk as Gateware
from spec.limits import session_limit, symbol_limit
from spec.records import (
    INTENT,
    REPLY,
    SESSION_LIMIT,
    SYMBOL_LIMIT,
    UPDATE,
    Action,
    Cause,
    Refusal,
    Reply,
    Side,
)
from testbenches.candidates import candidates_of
from testbenches.harness import Bench, assert_same_counters, assert_same_records

_EVENTS = ("positions", "symbol_limits_set", "session_limits_set", "kills")  #: of the same cycle in this order
_STREAMS = ("replies", "symbol_limits", "session_limits")
RECORD_AGE = 2  #: cycles from an event to its record
LOSS_CYCLES = 16  #: from an update or reply to the kill that it causes, at most


class RiskBench(Bench):
    """Sends intents, and knows what the model makes of what was really sent, and when."""

    def __init__(self, dut):
        super().__init__(dut)
        self.intents, self.decisions = self.watch("intents"), self.watch("decisions")
        self.updates, self.replies = self.watch("updates"), self.watch("replies")
        self.symbol_limits = self.watch("symbol_limits")
        self.events = {name: self.watch(name) for name in _EVENTS}
        self.queue_full, self.no_session, self.time = {}, {}, {}  # by clock edge
        self.always(self._sample)
        self.limit, self.limits = session_limit(self.design), [
            symbol_limit(self.design, symbol) for symbol in range(len(self.design.symbols))]
        self.now = 1_700_000_000_000_000_000
        self.step_ns = 3

    def _sample(self):
        self.queue_full[self.cycle] = int(self.dut.queue_full.value)
        self.no_session[self.cycle] = int(self.dut.no_session.value)
        self.time[self.cycle] = int(self.dut.time.value) & (1 << 64) - 1
        self.now += self.step_ns
        self.dut.time.value = self.now

    async def begin(self):
        wires = ("kill", "kill_release", "session_lost", "queue_full", "no_session", "heard", "candidates",
                 "intents_valid", "intents_payload", "updates_valid", "updates_payload")
        inputs = dict.fromkeys(wires, 0)
        inputs |= {f"{name}_{part}": 0 for name in _STREAMS for part in ("valid", "payload")}
        await self.start(time=self.now, **inputs)

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
        values = {
            "message": self.rng.getrandbits(32), "timestamp": 34_200_000_000_000, "symbol": 0, "action": Action.ENTER,
            "host": 0, "target": 0, "side": Side.BUY, "quantity": 1, "price": 1_000_000, "reference": 1_000_000,
            "collar_lower": 0, "collar_upper": 0, "bid": 0, "tradable": 1, "gap": 0, "short_restricted": 0}
        return INTENT.tuple(**values | changes)

    @staticmethod
    def reply(kind: Reply, user_ref_num: int, **changes):
        values = {"kind": kind, "user_ref_num": user_ref_num, "original": 0, "quantity": 0, "all": 0, "price": 0}
        return REPLY.tuple(**values | changes)

    async def set_symbol(self, symbol: int = 0, **changes):
        """The host changes limits; they are in force when this returns."""
        self.limits[symbol] = self.limits[symbol]._replace(**changes)
        await self.offer("symbol_limits", [self.limits[symbol]])

    async def set_session(self, **changes):
        self.limit = self.limit._replace(**changes)
        await self.offer("session_limits", [self.limit])

    async def answer(self, *replies):
        """Replies, after what they answer has left, and time for all that they do."""
        await self.cycles(4)
        await self.offer("replies", replies)
        await self.cycles(2 * LOSS_CYCLES)

    async def trade(self, symbol: int, price: int):
        """The market trades."""
        update = UPDATE.tuple(**dict.fromkeys(UPDATE.tuple._fields, 0) | {"symbol": symbol, "last_trade": price})
        await self.drive("updates", [update])

    async def pulse(self, name: str):
        getattr(self.dut, name).value = 1
        await RisingEdge(self.dut.clk)
        getattr(self.dut, name).value = 0

    def check(self) -> Counter:
        """Compare everything so far with the model; how often each refusal occurred, alone or with others."""
        model = Risk(self.design)
        expected = {name: [] for name in _EVENTS}
        decisions = []
        for cycle, _, kind, record in sorted(self._inputs(), key=lambda i: i[:2]):
            if kind == "intent":
                decisions.append(model.intent(record, **self._conditions(cycle, len(decisions))))
            elif kind == "update":
                model.update(record)
            else:
                self._tell(model, kind, record, expected)
            expected["kills"] += model.kills
            model.kills.clear()
        assert_same_records(self.decisions, decisions)
        for name, records in expected.items():
            if records or self.events[name].seen:
                assert_same_records(self.events[name], records)
        latencies = {there - here for here, there in zip(self.intents.cycles, self.decisions.cycles, strict=True)}
        assert latencies == {Gateware.LATENCY}, f"decisions after {sorted(latencies)} cycles"
        for limit in self.symbol_limits.seen:
            if limit.symbol >= len(self.limits):
                model.symbol_limit(limit)  # dropped without an echo
        assert_same_counters(self.counters("risk"), model.counters)
        assert not model.lost or model.causes & Cause.LOSS, "a loss went unnoticed"
        self.model = model
        return Counter(refusal for refusal in Refusal if refusal for d in decisions if d.refusals & refusal)

    def _inputs(self):
        """(cycle, rank, kind, record). What happens in the cycle of an intent is seen by the next."""
        for cycle, intent in zip(self.intents.cycles, self.intents.seen, strict=True):
            yield cycle, 0, "intent", intent
        for cycle, update in zip(self.updates.cycles, self.updates.seen, strict=True):
            yield cycle, 1, "update", update
        for rank, (name, watch) in enumerate(self.events.items(), 2):
            for cycle, record in zip(watch.cycles, watch.seen, strict=True):
                yield cycle - RECORD_AGE, rank, name, record

    def _tell(self, model: Risk, kind: str, record, expected: dict[str, list]):
        if kind == "positions":
            expected[kind].append(model.reply(self.replies.seen[len(expected[kind])]))
        elif kind == "symbol_limits_set":
            expected[kind].append(model.symbol_limit(SYMBOL_LIMIT.tuple(*record[2:])))
        elif kind == "session_limits_set":
            expected[kind].append(model.session_limit(SESSION_LIMIT.tuple(*record[2:])))
        elif not record.causes:
            model.release()
        elif cause := Cause(record.causes) & ~(Cause.REJECTS | Cause.UNLAWFUL_REPLY) & ~model.causes:
            assert not cause & Cause.LOSS or model.may_kill_for_loss, f"no loss above the limit: {record}"
            model.kill(cause)

    def _conditions(self, cycle: int, number: int) -> dict:
        """Those that the bench knows exactly, and staleness, which has a test of its own."""
        judged = cycle + 1
        stale = bool(self.decisions.seen[number].refusals & Refusal.STALE_DATA)
        return {"time": self.time[cycle], "queue_full": bool(self.queue_full[judged]),
                "no_session": bool(self.no_session[judged]), "stale": stale}
