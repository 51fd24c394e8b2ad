"""The venue behind Linux's TCP, with the model's core on a bad wire as its client (the bench of ``sim.tap``)."""

from collections import Counter

import pytest

from sim.exchange import Background, Exchange, Faults
from sim.tap import Impairment, Rig, Unavailable
from sim.tap.namespace import Namespace
from tests.golden_model.build import small
from tests.sim import test_tap
from tests.sim.exchange.itch import add
from tests.sim.exchange.ouch_client import OuchClient

BAD = Impairment(loss=0.01, duplication=0.01, reordering=0.01)
ENDLESS = 1 << 31  #: shares


@pytest.fixture(scope="module", autouse=True)
def possible():
    """A namespace with a TAP, or a skip that says why not."""
    try:
        Rig(small()).close()
    except Unavailable as unavailable:
        pytest.skip(f"no kernel to trade with: {unavailable}")


class Venue:
    """An ``Exchange`` with what the bench asks of its stand-in. Orders that cross $40 one way or $30 the other trade.

    Members
    -------
    received : Counter
        How often each UserRefNum came.
    positions : Counter
    messages : list[bytes]
        Said of orders.
    """

    gaps = None  # counted by the stand-in alone

    def __init__(self, order):
        self._order, self._fix = order, order.protocol == "fix"
        self.exchange = Exchange(comp_id=order.fix.target_comp_id, timeout_s=60,
                                 faults=Faults(reject=0.1, partial=0.3))
        for number, symbol in enumerate(small().symbols):
            for offset, side, price in ((1, "S", 400_000), (2, "B", 300_000)):
                octets = add(2 * number + offset, side, ENDLESS, price, stock=symbol.stock)
                self.exchange.recording.apply(octets)

    async def start(self) -> None:
        ours = {"fix_port" if self._fix else "ouch_port": self._order.destination_port}
        await self.exchange.start(self._order.destination_address, **ours)

    async def disconnect(self) -> None:
        self._account.connection.drop("on purpose")

    @property
    def _account(self):
        [account] = self.exchange.accounts.values()
        return account

    @property
    def received(self) -> Counter:
        prefix = self._order.cl_ord_id_prefix
        return Counter(int(request.key.removeprefix(prefix), 16) if self._fix else request.key
                       for request in self._account.requests)

    @property
    def positions(self) -> Counter:
        return Counter(self._account.positions)

    @property
    def messages(self) -> list[bytes]:
        if not self._fix:
            return self._account.reporter.messages
        return [octets for octets in self._account.reporter.session.again(1, 0) if b"\x0135=8\x01" in octets]


def test_a_namespace_holds_the_sockets():
    with Namespace() as namespace:
        namespace.ip("link", "set", "lo", "up")
        with Background(Exchange(), thread=namespace.thread) as venue:
            with namespace.run(OuchClient, venue.exchange.ouch_port) as client:
                client.enter(1, "B", 100, 1_000_000)
                client.messages("SA")
            with pytest.raises(ConnectionRefusedError):
                OuchClient(venue.exchange.ouch_port)


@pytest.fixture
def bench(request, monkeypatch):
    """Over a bad wire both ways, by protocol."""
    monkeypatch.setattr(test_tap, "OuchVenue", Venue)
    monkeypatch.setattr(test_tap, "FixVenue", Venue)
    design = test_tap.design(protocol=request.param, tcp_timestamps=True)
    with test_tap.Bench(design, to_exchange=BAD, from_exchange=BAD) as bench:
        bench.open()
        yield bench


def check(bench) -> None:
    """Every order came, everything said of it was heard, both know the same positions."""
    account = bench.exchange._account
    assert {*bench.exchange.received} == {*bench.core.decisions}
    assert sorted({order.key for order in account.orders}) == sorted(order.key for order in account.orders)
    assert len(bench.heard()) == len(bench.exchange.messages)
    stocks = [symbol.stock for symbol in bench.design.symbols]
    assert bench.core.positions == [bench.exchange.positions[stock] for stock in stocks]
    assert all(bench.core.positions)


@pytest.mark.parametrize("bench", ["ouch", "fix"], indirect=True)
def test_a_session_over_a_bad_wire(bench):
    bench.trade(300)
    check(bench)
    assert set(bench.exchange.received.values()) == {1}


@pytest.mark.parametrize("bench", ["ouch", "fix"], indirect=True)
def test_a_lost_session_is_resumed(bench):
    bench.want(300)
    bench.rig.run(bench.core, until=lambda: len(bench.core.waiting) < 150)
    bench.loop.call(bench.exchange.disconnect())
    bench.rig.run(bench.core, until=lambda: not bench.core.session.established)
    bench.rig.forget()
    bench.open()
    bench.settle()
    check(bench)
