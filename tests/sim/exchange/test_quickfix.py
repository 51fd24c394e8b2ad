"""quickfix as the acceptor's counterparty: an engine that knows the session protocol and checks messages by FIX44.xml.

Needs quickfix, as ``make referees`` installs it.
"""

import queue
import time
from pathlib import Path

import pytest

from sim.exchange import FIX, Background, Exchange
from sim.exchange.fix_tags import EXECUTION_REPORT, Tag
from tests.sim.exchange.itch import add

pytestmark = pytest.mark.referees
PATIENCE_S = 30
ORDERS = 200
SETTINGS = """[DEFAULT]
ConnectionType=initiator
StartTime=00:00:00
EndTime=00:00:00
HeartBtInt=30
ReconnectInterval=1
CheckLatency=N
FileStorePath={store}
UseDataDictionary=Y
DataDictionary={dictionary}
SocketConnectHost=127.0.0.1
[SESSION]
BeginString=FIX.4.4
SenderCompID={comp_id}
TargetCompID=EXCHANGE
SocketConnectPort={port}
"""


class Counterparty:
    """A quickfix initiator. A context manager. quickfix keeps sessions for the process: each has its own CompID.

    Members
    -------
    logons : Queue
        An entry for each.
    reports : Queue
        Each application message received: tag -> value.
    complaints : list[str]
        Rejects that quickfix sent or received.
    """

    def __init__(self, port: int, comp_id: str, store: Path):
        import quickfix  # here: where it is missing, these tests fail rather than skip

        self.quickfix = quickfix
        self.logons, self.reports, self.complaints = queue.Queue(), queue.Queue(), []
        outer = self

        class Application(quickfix.Application):
            def onCreate(self, session): ...
            def onLogout(self, session): ...
            def toApp(self, message, session): ...

            def onLogon(self, session):
                outer.session = session
                outer.logons.put(True)

            def toAdmin(self, message, session):
                outer.judge(message)

            def fromAdmin(self, message, session):
                outer.judge(message)

            def fromApp(self, message, session):
                pairs = (field.split("=", 1) for field in message.toString().split("\x01") if field)
                outer.reports.put({int(tag): value for tag, value in pairs})

        # Installed beside the modules: <prefix>/lib/python3.x/site-packages/quickfix.py.
        dictionary = Path(quickfix.__file__).parents[3] / "share" / "quickfix" / "FIX44.xml"
        assert dictionary.exists(), f"quickfix came without {dictionary}"
        config = store / "settings.cfg"
        config.write_text(SETTINGS.format(store=store, dictionary=dictionary, port=port, comp_id=comp_id))
        self._application, self._settings = Application(), quickfix.SessionSettings(str(config))
        self._store = quickfix.FileStoreFactory(self._settings)
        self._initiator = quickfix.SocketInitiator(self._application, self._store, self._settings)

    def __enter__(self):
        self._initiator.start()
        return self

    def __exit__(self, *exception):
        self._initiator.stop()

    def judge(self, message) -> None:
        kind = self.quickfix.MsgType()
        message.getHeader().getField(kind)
        if kind.getValue() in "3j":
            self.complaints.append(message.toString())

    def send(self, code: str, *body: tuple[int, object]) -> None:
        message = self.quickfix.Message()
        message.getHeader().setField(self.quickfix.StringField(8, "FIX.4.4"))
        message.getHeader().setField(self.quickfix.StringField(35, code))
        for tag, value in body:
            message.setField(self.quickfix.StringField(tag, str(value)))
        self.quickfix.Session.sendToTarget(message, self.session)

    def order(self, cl_ord_id: str, code: str = "D", *more: tuple[int, object]) -> None:
        self.send(code, (11, cl_ord_id), (55, "AAPL"), (54, 1), (60, "20260102-14:30:00.000"), (38, 10), (40, 2),
                  (44, 100), *more)


def test_quickfix_complains_of_a_report_without_required_tags(tmp_path):
    with Background(Exchange()) as venue, Counterparty(venue.exchange.fix_port, "BOB", tmp_path) as client:
        client.logons.get(timeout=PATIENCE_S)
        session = venue.exchange.account(FIX, "BOB").reporter.session
        venue.call(session.say, EXECUTION_REPORT, (Tag.ORDER_ID, 1))
        while not client.complaints:
            time.sleep(0.01)
    assert f"{Tag.REF_SEQ_NUM:d}=2" in client.complaints[0]


def test_a_session_with_quickfix(tmp_path):
    """Every kind of report passes its dictionary; after disconnects it misses none and complains of nothing."""
    with Background(Exchange()) as venue, Counterparty(venue.exchange.fix_port, "ALICE", tmp_path) as client:
        client.logons.get(timeout=PATIENCE_S)
        venue.call(venue.exchange.recording.apply, add(1, "S", 3, 1_000_000))
        client.order("one")
        client.order("two", "G", (41, "one"))
        client.order("two")
        client.order("three", "F", (41, "never"))
        client.order("four", "F", (41, "two"))
        client.order("five", "D", (59, 3))
        kinds = []
        while len(kinds) < 8:
            found = client.reports.get(timeout=PATIENCE_S)
            kinds.append(found.get(150, found[35]))
        assert kinds == ["0", "F", "5", "8", "9", "4", "0", "4"]

        account = venue.exchange.account(FIX, "ALICE")
        for number in range(ORDERS):
            client.order(f"order{number}")
            if number % 50 == 25:
                venue.call(lambda: account.connection and account.connection.drop("on purpose"))
                client.logons.get(timeout=PATIENCE_S)
        acknowledged = [client.reports.get(timeout=PATIENCE_S)[11] for _ in range(ORDERS)]
        assert sorted(acknowledged) == sorted(f"order{number}" for number in range(ORDERS))
        assert len(venue.call(lambda: account.open_orders)) == ORDERS
        assert client.complaints == []
    assert client.reports.empty()
