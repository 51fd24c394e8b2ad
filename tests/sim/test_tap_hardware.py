"""What drives a simulated core on the rig, with the software core in the simulator's place."""

from types import SimpleNamespace

import pytest

from sim.tap import Impairment, Rig, Unavailable
from sim.tap.hardware import HardwareCore
from sim.tap.software import SoftwareCore
from spec.records import ADMIN, DECISION, HANDOVER, ORDER, POSITION, REQUEST, SESSION_STATE, SessionEvent
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
