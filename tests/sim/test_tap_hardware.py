"""The compiled core on the rig, with Linux's TCP and the simulated exchange behind it.

What drives it is first tried with the software core in the simulator's place.
"""

import time
from types import SimpleNamespace

import pytest

from sim import build
from sim.engine import Batch, Engine
from sim.engine import build as build_engine
from sim.framing import as_file, frames
from sim.tap import Impairment, Rig, Unavailable
from sim.tap.hardware import HardwareCore
from sim.tap.software import SoftwareCore
from spec.records import ADMIN, DECISION, HANDOVER, ORDER, POSITION, REQUEST, SESSION_STATE, Refusal, SessionEvent
from tests.golden_model.build import itch_message, small
from tests.sim.exchange.test_rig import Venue
from tests.sim.test_tap import BAD, Bench, design

RECORDS = {record.stream: record for record in (DECISION, ORDER, POSITION, SESSION_STATE)}


class SoftwareEngine:
    """As much of ``sim.engine.Engine`` as is needed."""

    def __init__(self, design):
        self.core, self.cycle, self.waiting = SoftwareCore(design, time_ns=0), 0, 0
        self._period, self._said = design.core.period_ns, dict.fromkeys(RECORDS, 0)

    def session(self, frames, gap):
        assert gap == 3
        self.core.send(frames)

    def idle(self, cycles):
        self.cycle += cycles
        self.core.step(int(self.cycle * self._period) - self.core.time_ns)

    def handback(self, on):
        if on:
            self.core.hand_back()

    def put(self, stream, packed, bits):
        record = {record.stream: record for record in (HANDOVER, ADMIN, REQUEST)}[stream]
        assert bits == record.bits
        for word in packed:
            values = record.unpack(word)
            if record is HANDOVER:
                self.core.hand_over(values)
            elif record is ADMIN:
                self.core.tell(values)
            else:
                self.core.want(values.symbol, values.side, values.quantity, values.price)

    def capture(self):
        core, session = self.core, self.core.session
        orders = [order_like(session.next_sequence)]
        rows = {"decisions": list(core.decisions.values()), "sessions": core.states,
                "positions": [POSITION.tuple(*[0] * len(POSITION.fields))._replace(symbol=n, position=position)
                              for n, position in enumerate(core.positions)], "orders": orders}
        streams = {name: SimpleNamespace(record=RECORDS[name], rows=self._new(name, of)) for name, of in rows.items()}
        return SimpleNamespace(streams=streams, tx=[SimpleNamespace(octets=frame) for frame in core.take()])

    def _new(self, name, rows):
        if name in ("positions", "orders"):
            return list(map(tuple, rows))
        at, self._said[name] = self._said[name], len(rows)
        return list(map(tuple, rows[at:]))


def order_like(sequence: int):
    return ORDER.tuple(*[0] * len(ORDER.fields))._replace(tcp_sequence=sequence)


def test_a_simulated_core_trades(seed):
    """At a thousandth of the wall's pace, handed back and over again."""
    try:
        Rig(design()).close()
    except Unavailable as unavailable:
        pytest.skip(f"no kernel to trade with: {unavailable}")
    slow = design(tcp_timestamps=True)
    session = slow.session.model_copy(update={"retransmit_ns": 20_000, "heartbeat_ns": 50_000})
    slow = slow.model_copy(update={"session": session})
    with Bench(slow, to_exchange=BAD, from_exchange=Impairment(loss=0.01), seed=seed, pace=0.001) as bench:
        engine = SoftwareEngine(slow)
        bench.core = HardwareCore(engine, slow)
        bench.open()
        bench.want(300)
        bench.rig.run(bench.core, until=lambda: len(bench.core.replies) > 20)
        bench.hand_over(bench.hand_back(), pending=bench.core.session.partial)
        bench.settle()
        bench.check()
        assert [state.state for state in bench.core.states] == [
            SessionEvent.ESTABLISHED, SessionEvent.HANDED_BACK, SessionEvent.ESTABLISHED]
        assert set(bench.exchange.received.values()) == {1} and engine.core.counts["retransmissions"]
        assert engine.core.session.inbox == bench.core.session.inbox
        assert engine.core.time_ns < 100_000_000


# The compiled core. It runs at some 300 000 cycles a second, a thousandth of its own time: timers are as much shorter.
PACE = 0.0004  #: seconds of the core per second of the kernels
REFERENCE = 500_000  #: $50.00: the collars let pass what the bench wants, up to $100
UNDER_WAY = 20_000  #: octets, at which no more orders are wanted for now
AT_ONCE = 32  #: orders
LOOKS_S, BEATS_S = 0.3, 10.0  #: of the wall
#: What refuses an order while the session is not there or has no room.
OF_THE_MOMENT = Refusal.KILL_SWITCH | Refusal.NO_SESSION | Refusal.ORDER_QUEUE_FULL


def traded(protocol: str):
    symbols = [{"stock": symbol.stock, "reference": REFERENCE, "locate": 1 + i, "tick": symbol.tick}
               for i, symbol in enumerate(small().symbols)]
    wide = {"max_long": 1 << 38, "max_short": 1 << 38, "collar_bps": 10_000}
    return small(symbols=symbols, book={"assume_trading": True},
                 order={"protocol": protocol, "firm": "", "tcp_timestamps": True, "queue": 64},
                 risk={"symbol": wide, "order_rows": 65536},
                 session={"established": False, "retransmit_ns": 20_000, "heartbeat_ns": 50_000,
                          "send_buffer": 65536, "receive_buffer": 32768})


class HardwareBench(Bench):
    """The compiled core, which has seen a trade of every symbol."""

    def __init__(self, design, **rig):
        super().__init__(design, pace=PACE, max_step_ns=20_000, **rig)
        self.engine = Engine(build_engine(build.cached_verilog("core", design), "build/native"))
        trades = [itch_message("P", 1 + i, side="B", shares=100, stock=symbol.stock, price=REFERENCE, match=1 + i)
                  for i, symbol in enumerate(design.symbols)]
        market = frames(as_file(trades), design=design)
        self.engine.send(Batch.of([frame.octets for frame in market], None))
        self.engine.idle(1000)
        assert len(self.engine.capture().streams["updates"]) == len(trades)
        self.core = HardwareCore(self.engine, design)
        self._looks = self._beats = time.monotonic()
        self._heard = 0

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self.engine.close()

    def approve(self, orders: int, *, settled: bool = True, timeout_s: float = 60):
        """So many more approved orders, and with ``settled`` all that the exchange says of them."""
        core, goal = self.core, len(self.core.decisions) + orders

        def done() -> bool:
            self._keep_alive()
            decided = core.wanted == len(core.decisions) + len(core.refused)
            if len(core.decisions) < goal and decided and core.under_way < UNDER_WAY:
                self.want(min(AT_ONCE, goal - len(core.decisions)))
            return len(core.decisions) >= goal

        self.rig.run(core, until=done, timeout_s=timeout_s)
        if settled:
            self.settle(timeout_s)

    def settle(self, timeout_s: float = 60):
        self.rig.run(self.core, until=self._settled, timeout_s=timeout_s)

    def _settled(self) -> bool:
        """Looked for when nothing comes any more: to say what it said, the exchange writes all FIX messages again."""
        self._keep_alive()
        now, heard = time.monotonic(), len(self.core.replies)
        if not self.core.quiet or heard != self._heard or now < self._looks:
            if heard != self._heard:
                self._heard, self._looks = heard, now + LOOKS_S
            return False
        self._looks = now + LOOKS_S
        return self.all_heard()

    def _keep_alive(self) -> None:
        """In FIX heartbeats are the host's business."""
        if self.fix and (now := time.monotonic()) >= self._beats:
            self._beats = now + BEATS_S
            self.core.tell(ADMIN.tuple(ord("0"), 0, 0))

    def without_times(self, messages: list[bytes]) -> list:
        """FIX without what is another when a message is sent again: SendingTime, OrigSendingTime, PossDupFlag."""
        said = self.said(messages)
        return [[pair for pair in fields if pair[0] not in {43, 52, 122}] for fields in said] if self.fix else said

    def agree(self):
        """Every order came, everything said of it was heard, in order; both know the same positions."""
        assert sorted(self.exchange.received) == sorted(self.core.decisions)
        assert self.without_times(self.heard()) == self.without_times(self.exchange.messages)
        stocks = [symbol.stock for symbol in self.design.symbols]
        assert self.core.positions == [self.exchange.positions[stock] for stock in stocks]
        assert all(self.core.positions)
        assert not [decision for decision in self.core.refused if decision.refusals & ~OF_THE_MOMENT]
        counters = self.engine.counters()
        assert counters["session"]["replies"] == len(self.core.replies)
        assert not counters["risk"]["unlawful_reply"]


def _session(protocol: str, orders: int, seed: int, monkeypatch) -> str:
    monkeypatch.setattr("tests.sim.test_tap.OuchVenue", Venue)
    monkeypatch.setattr("tests.sim.test_tap.FixVenue", Venue)
    with HardwareBench(traded(protocol), to_exchange=BAD, from_exchange=BAD, seed=seed) as bench:
        bench.open()
        bench.approve(orders, timeout_s=900)
        bench.agree()
        assert set(bench.exchange.received.values()) == {1} and len(bench.core.decisions) >= orders
        # The exchange breaks the connection with orders and replies on the way.
        bench.approve(orders // 20, settled=False)
        bench.loop.call(bench.exchange.disconnect())
        bench.rig.run(bench.core, until=lambda: bench.core.states[-1].state == SessionEvent.LOST)
        bench.rig.forget()
        heard, repeated = bench.open()
        bench.settle()
        bench.agree()
        bench.approve(orders, timeout_s=900)
        bench.agree()
        to, back = bench.rig.to_exchange.counts, bench.rig.from_exchange.counts
        assert all(to.values()) and all(back.values()) and bench.core.retransmissions
        return (f"{protocol}: {len(bench.core.decisions)} orders of the compiled core received exactly once by the "
                f"exchange, and once again after a disconnection; {to} to the exchange, {back} from it, "
                f"{bench.core.retransmissions} frames sent again, positions {bench.core.positions} on both sides, "
                f"{bench.engine.cycle:,} cycles; after the disconnection {heard} octets heard late, {repeated} orders "
                "repeated by the host")


@pytest.mark.parametrize("orders", [
    pytest.param(400, id="short"), pytest.param(10_000, id="ten thousand", marks=pytest.mark.campaign)])
@pytest.mark.parametrize("protocol", [pytest.param("ouch", marks=pytest.mark.campaign), "fix"])
def test_the_compiled_core_trades_over_a_bad_wire(protocol, orders, seed, monkeypatch, record_property):
    try:
        Rig(design()).close()
    except Unavailable as unavailable:
        pytest.skip(f"no kernel to trade with: {unavailable}")
    record_property("campaign", _session(protocol, orders, seed, monkeypatch))
