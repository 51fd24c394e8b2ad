"""What a client's connection has in both protocols: it says things, notices silence, and ends."""

import asyncio
from typing import TYPE_CHECKING

from .accounts import Account

if TYPE_CHECKING:
    from .exchange import Exchange

_LONGEST_SLEEP_S = 1.0  #: a logon may ask for a shorter interval meanwhile


class Malformed(Exception):
    """What a client sent is no message of the protocol: its connection is dropped."""


class Connection:
    """Members
    -------
    account : Account or None
        None before login.
    requests : int
        Received on this connection.
    """

    protocol = ""

    def __init__(self, exchange: "Exchange", reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.exchange, self._reader, self._writer = exchange, reader, writer
        self.account: Account | None = None
        self.requests = 0
        self._heard = self._sent = asyncio.get_running_loop().time()
        host, port = writer.get_extra_info("peername")[:2]
        self._peer = f"{host}:{port}"

    @property
    def name(self) -> str:
        return self.account.name if self.account else self._peer

    @property
    def closing(self) -> bool:
        return self._writer.is_closing()

    async def serve(self) -> None:
        """Until the connection ends, by whomever."""
        beat = asyncio.create_task(self._beat())
        try:
            await self._read()
        except (asyncio.IncompleteReadError, ConnectionError):
            if not self.closing:
                self.note("connection lost" if self.account else "connection closed before login")
        except Malformed as error:
            self.note(f"malformed, connection dropped: {error}")
        finally:
            beat.cancel()
            self._leave()
            self._writer.close()

    async def _read(self) -> None:
        """Take messages until the connection closes. Raises ``Malformed``, ``ConnectionError``."""
        raise NotImplementedError

    def send(self, octets: bytes) -> None:
        if not self.closing:
            self._writer.write(octets)
            self._sent = asyncio.get_running_loop().time()

    def end(self) -> None:
        """The venue closes: say so, and close."""
        raise NotImplementedError

    def close(self, why: str) -> None:
        """What was written goes out first."""
        self.note(why)
        self._leave()
        self._writer.close()

    def drop(self, why: str) -> None:
        """At once, whatever waits to go out."""
        self.note(why)
        self._leave()
        self.abort()

    def abort(self) -> None:
        self._writer.transport.abort()

    def note(self, what: str) -> None:
        self.exchange.events.note(self.name, self.protocol, what)

    def _enter(self, account: Account) -> None:
        """The account is reached here from now on; a connection that it has elsewhere is dropped."""
        if account.connection:
            account.connection.drop("another login of the same client")
        self.account, account.connection = account, self

    def _leave(self) -> None:
        if self.account and self.account.connection is self:
            self.account.connection = None

    def _due(self, now: float) -> float:
        """Do what silence asks for; when to look again."""
        raise NotImplementedError

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.closing:
            due = self._due(loop.time())
            await asyncio.sleep(max(0.001, min(due - loop.time(), _LONGEST_SLEEP_S)))
