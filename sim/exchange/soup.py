"""SoupBinTCP 3.00, the server's end of one connection.

A client logs in and gets the sequenced messages from the number on that it asks for (2.3.1; 0: only new ones). What it
sends comes as unsequenced packets. The server sends a heartbeat when it has sent nothing for a while (2.2.6), and drops
a client from which nothing has come for longer (2.3.3). Another login of the same user takes the session over.
"""

import asyncio

from spec import ouch, soupbintcp, wire

from .connection import Connection, Malformed
from .ouch import PROTOCOL, parse

_LENGTH = soupbintcp.HEADER["length"].length
_NOT_AUTHORIZED, _NO_SESSION = "A", "S"  #: login reject reasons (2.2.3)
_SEQUENCE = soupbintcp.SERVER["A"]["sequence"].length
_SESSION = soupbintcp.SERVER["A"]["session"].length


class SoupConnection(Connection):
    protocol = PROTOCOL

    def message(self, octets: bytes) -> None:
        """A sequenced message."""
        self._packet("S", octets)

    def end(self) -> None:
        """End the session (2.2.7)."""
        if self.account:
            self._packet("Z")
        self.close("the venue closes")

    def _packet(self, code: str, payload: bytes = b"", **values) -> None:
        layout = soupbintcp.SERVER[code]
        self.send(wire.write(layout, length=layout.length - _LENGTH + len(payload), **values) + payload)

    async def _read(self) -> None:
        while not self.closing:
            head = await self._reader.readexactly(_LENGTH)
            length = int.from_bytes(head, "big")
            if not length:
                raise Malformed("a packet of length 0 has no type")
            packet = head + await self._reader.readexactly(length)
            self._heard = asyncio.get_running_loop().time()
            layout = soupbintcp.CLIENT.get(chr(packet[_LENGTH]))
            if layout is None:
                raise Malformed(f"packet type {chr(packet[_LENGTH])!r}")
            if len(packet) < layout.length:
                raise Malformed(f"{layout.name} of {len(packet)} octets")
            match layout.code:
                case "L":
                    self._login(wire.read(layout, packet))
                case "U" if self.account is None:
                    raise Malformed("unsequenced data before login")
                case "U":
                    self._data(packet[layout.length :])
                case "O":
                    self.close("logged out")

    def _login(self, asked: dict) -> None:
        if self.account:
            raise Malformed("a second login")
        sequence = asked["sequence"].strip()
        if not sequence.isdecimal():
            raise Malformed(f"sequence number {sequence!r}")
        user, ours = asked["username"].strip(), self.exchange.session
        account = self.exchange.login(PROTOCOL, user, asked["password"].strip())
        if account is None:
            self._reject(user, _NOT_AUTHORIZED, "not authorized")
            return
        messages = account.reporter.messages
        first = int(sequence) or len(messages) + 1
        if asked["session"].strip() not in ("", ours) or first > len(messages) + 1:
            self._reject(user, _NO_SESSION, "no such session or sequence number")
            return
        self._enter(account)
        self.note(f"logged in from {self._peer}, sequence {first}")
        self._packet("A", session=ours.rjust(_SESSION), sequence=str(first).rjust(_SEQUENCE))
        for message in messages[first - 1 :]:
            self.message(message)

    def _reject(self, user: str, reason: str, why: str) -> None:
        self._packet("J", reason=reason)
        self.close(f"login of {user!r} rejected: {why}")

    def _data(self, payload: bytes) -> None:
        request, said = parse(payload)
        self.requests += 1
        values = {key: value for key, value in said.items() if key != "type"}
        self.exchange.events.tell(self.name, "in", PROTOCOL, ouch.CLIENT[said["type"]].name, **values,
                                  appendage=request.appendage)
        self.exchange.submit(self.account, request, self)

    def _due(self, now: float) -> float:
        beat, limit = self.exchange.heartbeat_s, self.exchange.timeout_s
        if now - self._heard >= limit:
            self.drop(f"silent for {limit:g} s, connection dropped")
        elif self.account and now - self._sent >= beat:
            self._packet("H")
        return min(self._heard + limit, (self._sent if self.account else now) + beat)
