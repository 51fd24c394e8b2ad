"""A small venue of SoupBinTCP and OUCH 5.0 over kernel sockets, independent of ``sim.exchange``.

What becomes of an order follows from its UserRefNum, so that both ends can be compared. Sequenced messages are kept,
and sent again to whoever logs in and asks for them; a repeated UserRefNum is ignored (OUCH 5.0, section 2).
"""

import asyncio
from collections import Counter

from spec import ouch, soupbintcp, wire


class StandinExchange:
    """Members
    -------
    received : Counter
        How often each UserRefNum came.
    positions : Counter
        Shares by stock, of the customer.
    messages : list[bytes]
        Every sequenced message.
    logins : list[int]
        Number of the first message asked for, of each login.
    heartbeats : int
        Of the client.
    """

    def __init__(self):
        self.received, self.positions = Counter(), Counter()
        self.messages: list[bytes] = []
        self.logins: list[int] = []
        self.heartbeats = 0
        self._writer: asyncio.StreamWriter | None = None

    async def start(self, address: str, port: int) -> None:
        await asyncio.start_server(self._serve, address, port)

    async def disconnect(self, *, reset: bool = False, end_of_session: bool = False) -> None:
        """Close the connection; or reset it; or end the session first."""
        if end_of_session:
            self._packet("Z")
            await self._writer.drain()
        if reset:
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                packet = await reader.readexactly(length)
                match chr(packet[0]):
                    case "L":
                        self._login(wire.read(soupbintcp.CLIENT["L"], length.to_bytes(2, "big") + packet))
                    case "U":
                        self._message(packet[1:])
                    case "R":
                        self.heartbeats += 1
                    case "O":
                        writer.close()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _login(self, login: dict) -> None:
        first = int(login["sequence"]) or len(self.messages) + 1
        self.logins.append(first)
        self._writer.write(wire.write(soupbintcp.SERVER["A"], length=31, session="STANDIN".rjust(10),
                                      sequence=str(first).rjust(20)))
        for message in self.messages[first - 1 :]:
            self._packet("S", message)

    def _packet(self, code: str, payload: bytes = b"") -> None:
        self._writer.write((1 + len(payload)).to_bytes(2, "big") + code.encode() + payload)

    def _say(self, code: str, **values) -> None:
        self.messages.append(wire.write(ouch.SERVER[code], **values))
        self._packet("S", self.messages[-1])

    def _message(self, octets: bytes) -> None:
        message = wire.read(ouch.CLIENT[chr(octets[0])], octets)
        if message["type"] != "O":
            return
        number = message["user_ref_num"]
        self.received[number] += 1
        if self.received[number] > 1:
            return
        quantity, rest = message["quantity"], number % 7
        if rest == 6:
            self._say("J", user_ref_num=number, reason=1)
            return
        self._say("A", user_ref_num=number, quantity=quantity, side=message["side"], symbol=message["symbol"],
                  price=message["price"])
        for executed in {0: [quantity], 1: [quantity // 2, quantity - quantity // 2], 2: [quantity // 3]}.get(rest, []):
            self.positions[message["symbol"].strip()] += executed if message["side"] == "B" else -executed
            self._say("E", user_ref_num=number, quantity=executed, price=message["price"], match=len(self.messages))
        if rest >= 2:
            self._say("C", user_ref_num=number, quantity=quantity - (quantity // 3 if rest == 2 else 0), reason="I")
