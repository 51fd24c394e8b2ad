"""SoupBinTCP 3.00, the server's end of one connection.

A client logs in and gets the sequenced messages from the number on that it asks for (2.3.1; 0: only new ones). What it
sends comes as unsequenced packets. The server sends a heartbeat when it has sent nothing for a while (2.2.6), and drops
a client from which nothing has come for longer (2.3.3). Another login of the same user takes the session over.
"""

import asyncio
from collections.abc import Callable

from spec import ouch, soupbintcp, wire

from .accounts import Account
from .events import Events
from .orders import Request
from .ouch import PROTOCOL, Malformed, parse

_LENGTH = soupbintcp.HEADER["length"].length
_NOT_AUTHORIZED, _NO_SESSION = "A", "S"  #: login reject reasons (2.2.3)
_SEQUENCE = soupbintcp.SERVER["A"]["sequence"].length
_SESSION = soupbintcp.SERVER["A"]["session"].length


class SoupServer:
    """What the connections share.

    Parameters
    ----------
    session
        Up to ten letters and digits; a client may ask for it or for none.
    heartbeat_s, timeout_s
        Silence of the server until its heartbeat, of a client until it is dropped.
    login
        The account of a user and password, or None.
    submit
        Called with each request.
    """

    def __init__(self, *, session: str, heartbeat_s: float, timeout_s: float, events: Events,
                 login: Callable[[str, str], Account | None],
                 submit: Callable[[Account, Request, "SoupConnection"], None]):
        self.session, self.heartbeat_s, self.timeout_s = session, heartbeat_s, timeout_s
        self.events, self.login, self.submit = events, login, submit
        self.connections: set[SoupConnection] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        connection = SoupConnection(self, reader, writer)
        self.connections.add(connection)
        try:
            await connection.serve()
        finally:
            self.connections.discard(connection)

    def end(self) -> None:
        """End the session with every client (2.2.7)."""
        for connection in [*self.connections]:
            connection.packet("Z")
            connection.close()


class SoupConnection:
    """Members
    -------
    account : Account or None
        None before login.
    requests : int
        Received on this connection.
    """

    def __init__(self, server: SoupServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._server, self._reader, self._writer = server, reader, writer
        self.account: Account | None = None
        self.requests = 0
        self._heard = self._sent = asyncio.get_running_loop().time()
        host, port = writer.get_extra_info("peername")[:2]
        self._peer = f"{host}:{port}"

    @property
    def name(self) -> str:
        return self.account.name if self.account else self._peer

    async def serve(self) -> None:
        beat = asyncio.create_task(self._beat())
        try:
            while not self._writer.is_closing():
                await self._packet()
        except (asyncio.IncompleteReadError, ConnectionError):
            self._note("connection lost" if self.account else "connection closed before login")
        except Malformed as error:
            self._note(f"malformed, connection dropped: {error}")
        finally:
            beat.cancel()
            if self.account and self.account.reporter.connection is self:
                self.account.reporter.connection = None
            self._writer.close()

    def send(self, message: bytes) -> None:
        """A sequenced message."""
        self.packet("S", message)

    def packet(self, code: str, payload: bytes = b"", **values) -> None:
        layout = soupbintcp.SERVER[code]
        head = wire.write(layout, length=layout.length - _LENGTH + len(payload), **values)
        if not self._writer.is_closing():
            self._writer.write(head + payload)
            self._sent = asyncio.get_running_loop().time()

    def close(self, why: str = "") -> None:
        """What was written goes out first."""
        if why:
            self._note(why)
        self._writer.close()

    def drop(self, why: str) -> None:
        """At once, whatever waits."""
        self._note(why)
        if self.account and self.account.reporter.connection is self:
            self.account.reporter.connection = None
        self._writer.transport.abort()

    def _note(self, what: str) -> None:
        self._server.events.note(self.name, PROTOCOL, what)

    async def _packet(self) -> None:
        head = await self._reader.readexactly(_LENGTH)
        length = int.from_bytes(head, "big")
        if not length:
            raise Malformed("a packet of length 0 has no type")
        body = await self._reader.readexactly(length)
        self._heard = asyncio.get_running_loop().time()
        code = chr(body[0])
        layout = soupbintcp.CLIENT.get(code)
        if layout is None:
            raise Malformed(f"packet type {code!r}")
        if _LENGTH + length < layout.length:
            raise Malformed(f"{layout.name} of {length} octets")
        if code == "L":
            self._login(wire.read(layout, head + body))
        elif code == "U" and self.account is None:
            raise Malformed("unsequenced data before login")
        elif code == "U":
            self._data(body[1:])
        elif code == "O":
            self.close("logged out")

    def _login(self, asked: dict) -> None:
        server = self._server
        if self.account:
            raise Malformed("a second login")
        sequence = asked["sequence"].strip()
        if not sequence.isdecimal():
            raise Malformed(f"sequence number {sequence!r}")
        user, session = asked["username"].strip(), asked["session"].strip()
        account = server.login(user, asked["password"].strip())
        if account is None:
            self._reject(user, _NOT_AUTHORIZED, "not authorized")
            return
        messages = account.reporter.messages
        first = int(sequence) or len(messages) + 1
        if session not in ("", server.session) or first > len(messages) + 1:
            self._reject(user, _NO_SESSION, "no such session or sequence number")
            return
        if account.reporter.connection:
            account.reporter.connection.drop("another login of the same user")
        self.account, account.reporter.connection = account, self
        self.packet("A", session=server.session.rjust(_SESSION), sequence=str(first).rjust(_SEQUENCE))
        self._note(f"logged in from {self._peer}, sequence {first}")
        for message in messages[first - 1 :]:
            self.send(message)

    def _reject(self, user: str, reason: str, why: str) -> None:
        self._server.events.note(user or self._peer, PROTOCOL, f"login rejected: {why}")
        self.packet("J", reason=reason)
        self._writer.close()

    def _data(self, payload: bytes) -> None:
        request, said = parse(payload)
        self.requests += 1
        name = ouch.CLIENT[said["type"]].name
        self._server.events.tell(self.name, "in", PROTOCOL, name,
                                 **{key: value for key, value in said.items() if key != "type"},
                                 appendage=request.appendage)
        self._server.submit(self.account, request, self)

    async def _beat(self) -> None:
        """Heartbeats, and the end of a silent client."""
        server, loop = self._server, asyncio.get_running_loop()
        while True:
            now = loop.time()
            if now - self._heard >= server.timeout_s:
                self.close(f"silent for {server.timeout_s:g} s, connection dropped")
                self._writer.transport.abort()
                return
            if self.account and now - self._sent >= server.heartbeat_s:
                self.packet("H")
            due = self._heard + server.timeout_s
            if self.account:
                due = min(due, self._sent + server.heartbeat_s)
            await asyncio.sleep(max(0.0, due - loop.time()))
