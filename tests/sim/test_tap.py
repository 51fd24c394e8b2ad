"""The order session with Linux's own TCP as peer: what a core must do on a wire that loses, repeats and reorders."""

import socket
import time
from dataclasses import replace
from random import Random

import pytest

from golden_model.ouch_replies import OuchReplies
from sim.tap import Impairment, Rig, Unavailable, repair
from sim.tap.fix_resume import FixHost, parse
from sim.tap.host import fix_logon, fix_message, soup_login
from sim.tap.loop import Loop
from sim.tap.software import SoftwareCore
from spec.records import ADMIN, LostReason, SessionEvent, Side
from tests.golden_model.build import small
from tests.sim.standin_exchange import FixVenue, OuchVenue

BAD = Impairment(loss=0.01, duplication=0.01, reordering=0.01)
ORDERS = 2000
RTO_MS = 20  #: of the exchange's kernel, and the core's


@pytest.fixture(scope="module", autouse=True)
def possible():
    """A namespace with a TAP, or a skip that says why not."""
    try:
        Rig(small()).close()
    except Unavailable as unavailable:
        pytest.skip(f"no kernel to trade with: {unavailable}")


def design(**order):
    """The small preset with timers for a session in wall time, without limits of risk in the way."""
    return small(order={"firm": "", **order}, session={
        "established": False, "retransmit_ns": RTO_MS * 1_000_000, "heartbeat_ns": 50_000_000})


class Bench:
    """A rig, an exchange in it, a core and what the host does. A context manager."""

    def __init__(self, design, **rig):
        self.design = design
        self.rig = Rig(design, rto_min_ms=RTO_MS, **rig)
        self.loop = Loop(self.rig.exchange)
        self.fix = design.order.protocol == "fix"
        self.exchange = FixVenue(design.order) if self.fix else OuchVenue(design.order)
        self.core = SoftwareCore(design, time_ns=time.time_ns())
        self.loop.call(self.exchange.start())
        self.random = Random(1)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.loop.close()
        self.rig.close()

    def open(self):
        """Connect, log in, hand over: what the exchange says from now on, and has said unheard, is the core's."""
        self.connected = self.rig.connect()
        if self.fix and self.core.states:
            return self.resume_fix()
        if self.fix:
            assert b"\x0135=A\x01" in self.rig.in_host(lambda: fix_logon(self.connected, self.design))
            self.hand_over(self.connected)
            return None
        login = self.rig.in_host(lambda: soup_login(self.connected, sequence=self.next_message()))
        assert login.sequence == self.next_message()
        repeated = self.resend()
        self.hand_over(self.connected)
        return len(self.taken.unread), repeated

    def resume_fix(self):
        state = self.core.states[-1]
        resumed = self.rig.in_host(FixHost(
            self.connected, self.design, sent=self.core.messages, msg_seq_num=state.msg_seq_num,
            expected_seq_num=state.expected_seq_num).resume)
        self.core.states[-1] = state._replace(msg_seq_num=resumed.msg_seq_num,
                                              expected_seq_num=resumed.expected_seq_num)
        self.hand_over(self.connected, resumed.pending)
        return len(resumed.pending + self.taken.unread), self.exchange.gaps

    def hand_over(self, connected, pending: bytes = b""):
        state = self.core.states[-1] if self.core.states else None
        numbers = (state.msg_seq_num, state.expected_seq_num) if state else (2, 2)  # 1 was the logon
        fix = dict(zip(("msg_seq_num", "expected_seq_num"), numbers, strict=True)) if self.fix else {}
        self.taken = self.rig.hand_over(connected, now_ns=self.core.time_ns, pending=pending, **fix)
        self.core.hand_over(self.taken.handover)

    def heard(self) -> list[bytes]:
        """All messages about orders."""
        inbox = self.core.session.inbox
        if self.fix:
            return [message for message in inbox if b"\x0135=8\x01" in message]
        return [packet[3:] for packet in inbox if packet[2:3] == b"S"]

    def said(self, messages: list[bytes]) -> list:
        """Messages without what differs when one is repeated: FIX's number and framing."""
        return [[pair for pair in parse(m) if pair[0] not in {9, 10, 34}] for m in messages] if self.fix else messages

    def next_message(self) -> int:
        """Sequence number of the next."""
        return 1 + len(self.heard())

    def resend(self) -> int:
        """What the exchange may not have received: harmless where it has (OUCH 5.0, section 2)."""
        answered = {reply.user_ref_num for reply in self.core.replies}
        lost = [decision for number, decision in self.core.sent.items() if number not in answered]
        payloads = b"".join(self.core.payload(decision) for decision in lost)
        self.rig.in_host(lambda: self.connected.sendall(payloads))
        return len(lost)

    def trade(self, orders: int, timeout_s: float = 60):
        """So many orders, and all that the exchange says of them."""
        self.want(orders)
        self.settle(timeout_s)

    def want(self, orders: int):
        for _ in range(orders):
            self.core.want(self.random.randrange(4), Side(self.random.randrange(2)),
                           self.random.randrange(1, 1000), self.random.randrange(1, 10_000) * 100)

    def settle(self, timeout_s: float = 60):
        self.rig.run(self.core, until=lambda: self.core.quiet and self.all_heard(), timeout_s=timeout_s)

    def all_heard(self) -> bool:
        """The exchange has read every order, which its kernel acknowledges sooner, and the core all said of them."""
        return (len(self.exchange.received) == len(self.core.decisions)
                and self.next_message() == 1 + len(self.exchange.messages))

    def check(self):
        """Every order came exactly once, everything said of it was heard, and both know the same positions."""
        numbers = sorted(self.core.decisions)
        assert sorted(self.exchange.received) == numbers
        assert self.said(self.heard()) == self.said(self.exchange.messages)
        stocks = [symbol.stock for symbol in self.design.symbols]
        assert self.core.positions == [self.exchange.positions[stock] for stock in stocks]
        assert any(self.core.positions)


    def hand_back(self):
        """Give the connection back to the host's kernel: a socket."""
        self.core.hand_back()
        self.rig.run(self.core, until=lambda: self.core.states[-1].state == SessionEvent.HANDED_BACK)
        return self.rig.hand_back(self.core.states[-1], self.taken.agreed, ts_value=self.core.ts_value)


@pytest.mark.parametrize(("stamped", "far"), [(False, False), (True, False), (True, True)],
                         ids=["plain", "timestamps", "timestamps, SACK and delay"])
def test_trade_over_a_bad_wire(seed, stamped, far):
    bad = replace(BAD, delay_ns=1_000_000, jitter_ns=2_000_000) if far else BAD
    with Bench(design(tcp_timestamps=stamped), to_exchange=bad, from_exchange=bad, seed=seed, sack=far) as bench:
        bench.open()
        assert bench.taken.agreed.sack == far and bench.taken.agreed.timestamps == stamped
        bench.trade(ORDERS)
        bench.check()
        assert set(bench.exchange.received.values()) == {1}
        bench.rig.run(bench.core, until=lambda: bench.exchange.heartbeats, timeout_s=60)  # with silence at last
        for way in (bench.rig.to_exchange, bench.rig.from_exchange):
            assert all(way.counts.values()), way.counts
        assert bench.core.counts["retransmissions"]


@pytest.mark.campaign
def test_trade_ten_thousand_orders(seed, record_property):
    with Bench(design(tcp_timestamps=True), to_exchange=BAD, from_exchange=BAD, seed=seed) as bench:
        bench.open()
        bench.trade(10_000, timeout_s=300)
        bench.check()
        assert set(bench.exchange.received.values()) == {1}
        to, back, core = bench.rig.to_exchange.counts, bench.rig.from_exchange.counts, bench.core.counts
        record_property("campaign", f"10000 orders against the kernel's TCP: {to} to the exchange, {back} from it, "
                                    f"{core} by the software core")


def test_trade_in_fix(seed):
    with Bench(design(protocol="fix", tcp_timestamps=True), to_exchange=BAD, from_exchange=BAD, seed=seed) as bench:
        bench.open()
        for round in range(1, 4):
            bench.want(200)
            bench.core.tell(ADMIN.tuple(ord("0"), 0, 0))
            bench.settle()
            heartbeat = fix_message(
                (35, "0"), (49, "TICKWIRE"), (56, "EXCHANGE"), (34, bench.core.order.msg_seq_num),
                (52, "20261126-09:30:00.000"))
            connected = bench.hand_back()
            bench.rig.in_host(connected.sendall, heartbeat)
            bench.rig.run(until=lambda round=round: bench.exchange.heartbeats == 2 * round)
            state = bench.core.states.pop()
            bench.core.states.append(state._replace(msg_seq_num=state.msg_seq_num + 1))
            bench.hand_over(connected, pending=bench.core.session.partial)
        bench.trade(200)
        bench.check()
        assert set(bench.exchange.received.values()) == {1} and bench.exchange.gaps == 0


@pytest.mark.parametrize("stamped", [False, True], ids=["plain", "timestamps"])
def test_hand_back_and_over_again_while_trading(seed, stamped):
    """Nothing is lost on the way: neither what the exchange says nor what waits to be ordered."""
    with Bench(design(tcp_timestamps=stamped), to_exchange=BAD, from_exchange=BAD, seed=seed) as bench:
        bench.open()
        for _ in range(4):
            bench.want(200)
            bench.rig.run(bench.core, until=lambda: len(bench.core.waiting) < 150)
            connected, heartbeats = bench.hand_back(), bench.exchange.heartbeats
            bench.rig.in_host(connected.sendall, b"\0\1R")
            bench.rig.run(until=lambda heartbeats=heartbeats: bench.exchange.heartbeats > heartbeats)
            bench.hand_over(connected, pending=bench.core.session.partial)
        bench.settle()
        bench.check()
        assert set(bench.exchange.received.values()) == {1}
        assert bench.core.session.counters["handovers"] == 5


def test_the_host_goes_on_alone():
    with Bench(design(tcp_timestamps=True)) as bench:
        bench.open()
        bench.want(50)
        bench.rig.run(bench.core, until=lambda: len(bench.core.session.inbox) > 20)
        octets = bench.core.session.partial
        with bench.hand_back() as connected:
            bench.rig.in_host(connected.sendall, b"".join(map(bench.core.payload, bench.core.waiting)) + b"\0\1O")
            connected.settimeout(10)
            while more := bench.rig.in_host(connected.recv, 4096):
                octets += more
        bench.core.session.inbox += [packet.octets for packet in OuchReplies().take(octets)]
        assert bench.all_heard() and sorted(bench.exchange.received) == sorted(bench.core.decisions)


@pytest.mark.parametrize(("how", "reason"), [
    ({}, LostReason.FIN), ({"reset": True}, LostReason.RST), ({"end_of_session": True}, LostReason.END_OF_SESSION),
], ids=["FIN", "RST", "end of session"])
@pytest.mark.parametrize("protocol", ["ouch", "fix"])
def test_a_lost_session_is_resumed(seed, protocol, how, reason):
    with Bench(design(protocol=protocol), to_exchange=BAD, from_exchange=BAD, seed=seed) as bench:
        bench.open()
        for round in range(1, 3):
            bench.want(300)
            bench.rig.run(bench.core, until=lambda: len(bench.core.waiting) < 150)
            bench.loop.call(bench.exchange.disconnect(**how))
            bench.rig.run(bench.core, until=lambda: not bench.core.session.established)
            assert bench.core.states[-1].state == SessionEvent.LOST
            # An end that is lost on the wire may be followed by another.
            assert bench.core.states[-1].reason in {reason, LostReason.RST, LostReason.FIN}
            bench.want(10)  # nothing of it goes out meanwhile
            bench.rig.forget()
            missed, repeated = bench.open()
            assert bench.exchange.logins == 1 + round
            print(missed, "octets heard late,", repeated, "times or orders sent again")
        bench.settle()
        bench.check()
        assert bench.core.session.counters["lost"] == 2
        if protocol == "fix":  # lets nothing be repeated
            assert set(bench.exchange.received.values()) == {1} and bench.core.session.counters["packet_sequence"] == 0


def test_an_exchange_that_is_gone(seed):
    with Bench(design(), seed=seed) as bench:
        bench.open()
        bench.trade(10)
        bench.rig.to_exchange.impairment = Impairment(loss=1)
        # Timeouts double eight times in between: the core's time need not be the wall's.
        bench.rig.pace = 100
        bench.core.want(0, Side.BUY, 1, 100)
        bench.rig.run(bench.core, until=lambda: not bench.core.session.established)
        assert bench.core.states[-1].reason == LostReason.TIMEOUT
        assert bench.core.counts["timeouts"] >= bench.design.session.retransmissions
        bench.rig.to_exchange.impairment, bench.rig.pace = Impairment(), 1
        bench.rig.forget()
        bench.open()
        bench.settle()
        bench.check()


def test_a_connection_that_is_not_quiet_is_not_taken():
    with Bench(design()) as bench:
        connected = bench.rig.connect()
        connected.sendall(b"\0\1R")
        with pytest.raises(repair.NotQuiet):
            repair.take(connected, now_ns=0)
        bench.rig.run(until=lambda: bench.exchange.heartbeats == 1)
        assert bench.rig.hand_over(connected, now_ns=0).unread == b""


def test_a_socket_with_a_scaled_window_is_not_taken():
    with Bench(design()) as bench:
        order = bench.design.order
        connected = bench.rig.in_host(socket.create_connection, (order.destination_address, order.destination_port))
        with pytest.raises(ValueError, match="scale 0"):
            bench.rig.hand_over(connected, now_ns=0)
