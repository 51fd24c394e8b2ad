"""The venue as a whole: clients' accounts, the rules, the recorded market, and the two ports.

Everything happens in one asyncio loop: a request is decided and answered before the next one is looked at.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable

from .accounts import Account
from .connection import Connection
from .engine import Engine
from .events import Events
from .faults import NONE, Faults
from .fix_acceptor import FixConnection
from .fix_orders import FixReporter
from .fix_tags import PROTOCOL as FIX
from .listener import Listener
from .orders import Request
from .ouch import PROTOCOL as OUCH
from .ouch import OuchReporter
from .recording import MANUAL, Pace, Recording
from .soup import SoupConnection


class Exchange:
    """Parameters
    ----------
    messages
        Recorded market data: ITCH messages, taken as time goes by.
    pace
        How fast they are.
    symbols
        What may be traded and which stocks of the recording are followed; None: whatever is asked for.
    faults
        What goes wrong on purpose.
    seed
        Decides which requests meet a fault.
    passwords
        By user or CompID; without any, everybody may log in with any.
    session
        SoupBinTCP session: up to ten letters and digits.
    comp_id
        Our CompID in FIX.
    heartbeat_s
        SoupBinTCP: silence of ours until we send a heartbeat. In FIX the client's logon says.
    timeout_s
        A client is dropped that is silent for longer, or does not log in.
    clock
        ns since 1970.

    Members
    -------
    engine : Engine
        With ``books`` and ``trades``.
    recording : Recording
    events : Events
    accounts : dict[tuple[str, str], Account]
        By protocol (ouch, fix) and name, from the first login on.
    ouch_port, fix_port : int
        Where it listens, once started.
    """

    def __init__(self, *, messages: Iterable[bytes] = (), pace: Pace = MANUAL, symbols: Iterable[str] | None = None,
                 faults: Faults = NONE, seed: int = 1, passwords: dict[str, str] | None = None,
                 session: str = "TICKWIRE", comp_id: str = "EXCHANGE", heartbeat_s: float = 1, timeout_s: float = 15,
                 clock: Callable[[], int] = time.time_ns):
        if not (session.isalnum() and session.isascii() and len(session) <= 10):
            raise ValueError(f"session must be up to ten letters and digits, not {session!r}")
        symbols = None if symbols is None else frozenset(symbols)
        self.session, self.comp_id, self.heartbeat_s, self.timeout_s = session, comp_id, heartbeat_s, timeout_s
        self.events = Events(clock)
        self.engine = Engine(symbols=symbols, faults=faults, seed=seed,
                             before_order=lambda: self.recording.advance(pace.per_order))
        self.recording = Recording(self.engine, messages, symbols)
        self.accounts: dict[tuple[str, str], Account] = {}
        self.ouch_port = self.fix_port = 0
        self._clock, self._pace, self._faults, self._passwords = clock, pace, faults, passwords or {}
        self._listeners = [Listener(lambda *streams: SoupConnection(self, *streams)),
                           Listener(lambda *streams: FixConnection(self, *streams))]
        self._waiting: deque[tuple[Account, Request]] = deque()
        self._market: asyncio.Task | None = None

    async def start(self, host: str = "127.0.0.1", *, ouch_port: int = 0, fix_port: int = 0) -> None:
        """Listen; 0 takes any free port. Raises ``OSError``."""
        ouch, fix = self._listeners
        self.ouch_port = await ouch.start(host, ouch_port)
        try:
            self.fix_port = await fix.start(host, fix_port)
        except OSError:
            await ouch.close()
            raise
        self._market = asyncio.create_task(self.recording.play(self._pace.per_second))

    async def close(self) -> None:
        """End every session and stop listening. What was said stays in the accounts."""
        if self._market:
            self._market.cancel()
        self._waiting.clear()
        for account in self.accounts.values():
            account.reporter.end()
        for listener in self._listeners:
            await listener.close()

    def login(self, protocol: str, name: str, password: str) -> Account | None:
        """The client's account, made upon its first login; None where it may not log in."""
        if not name or self._passwords and self._passwords.get(name) != password:
            return None
        account = self.accounts.get((protocol, name))
        if account is None:
            account = self.accounts[protocol, name] = Account(name, protocol)
            account.reporter = (OuchReporter(account, self.events, self._clock) if protocol == OUCH
                                else FixReporter(account, self.comp_id, self.events, self._clock))
        return account

    def submit(self, account: Account, request: Request, connection: Connection) -> None:
        """A request has arrived. It is handled now or after the delay, even if the connection is dropped with it."""
        if connection.requests == self._faults.disconnect_after:
            connection.drop(f"connection dropped on purpose, after {connection.requests} requests")
        if self._faults.delay_ms:
            self._waiting.append((account, request))
            asyncio.get_running_loop().call_later(self._faults.delay_ms / 1000, self._handle_next)
        else:
            self.engine.handle(account, request)

    def account(self, protocol: str, name: str) -> Account:
        """Of a client that has logged in. Raises ``KeyError``."""
        return self.accounts[protocol, name]

    def _handle_next(self) -> None:
        if self._waiting:  # in order of arrival, whatever order the timers come in
            self.engine.handle(*self._waiting.popleft())


__all__ = ["FIX", "OUCH", "Exchange"]
