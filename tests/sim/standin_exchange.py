"""Small venues over kernel sockets, independent of ``sim.exchange``: SoupBinTCP with OUCH 5.0, and FIX 4.4.

What becomes of an order follows from its UserRefNum, so that both ends can be compared.
"""

import asyncio
from collections import Counter

import simplefix

from spec import fix, ouch, soupbintcp, wire
from spec.config import Order


class Venue:
    """Members
    -------
    received : Counter
        How often each UserRefNum came.
    positions : Counter
        Shares by stock, of the customer.
    messages : list[bytes]
        Everything said of orders.
    logins, heartbeats : int
        Of the client.
    """

    def __init__(self, order: Order):
        self.order = order
        self.received, self.positions = Counter(), Counter()
        self.messages: list[bytes] = []
        self.logins = self.heartbeats = 0
        self._writer: asyncio.StreamWriter | None = None

    async def start(self) -> None:
        await asyncio.start_server(self._connected, self.order.destination_address, self.order.destination_port)

    async def disconnect(self, *, reset: bool = False, end_of_session: bool = False) -> None:
        """Close the connection; or reset it; or end the session first."""
        if end_of_session:
            self._end_session()
            await self._writer.drain()
        if reset:
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        try:
            await self._serve(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    def _trade(self, number: int, *, buy: bool, stock: str, quantity: int, price: int) -> None:
        self.received[number] += 1
        if self.received[number] > 1:  # repeated, and ignored: OUCH 5.0, section 2
            return
        rest = number % 7
        if rest == 6:
            self._rejected(number)
            return
        self._accepted(number, quantity)
        left = quantity
        for executed in {0: [quantity], 1: [quantity // 2, quantity - quantity // 2], 2: [quantity // 3]}.get(rest, []):
            self.positions[stock] += executed if buy else -executed
            left -= executed
            self._executed(number, executed, left, price)
        if left:
            self._canceled(number, left)


class OuchVenue(Venue):
    """Keeps its sequenced messages for whoever logs in and asks for them."""

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        while True:
            length = int.from_bytes(await reader.readexactly(2), "big")
            packet = await reader.readexactly(length)
            match chr(packet[0]):
                case "L":
                    self._login(wire.read(soupbintcp.CLIENT["L"], length.to_bytes(2, "big") + packet))
                case "U" if packet[1:2] == b"O":
                    order = wire.read(ouch.CLIENT["O"], packet[1:])
                    self._trade(order["user_ref_num"], buy=order["side"] == "B", stock=order["symbol"].strip(),
                                quantity=order["quantity"], price=order["price"])
                case "R":
                    self.heartbeats += 1
                case "O":
                    return

    def _login(self, login: dict) -> None:
        first = int(login["sequence"]) or len(self.messages) + 1
        self.logins += 1
        self._writer.write(wire.write(soupbintcp.SERVER["A"], length=31, session="STANDIN".rjust(10),
                                      sequence=str(first).rjust(20)))
        for message in self.messages[first - 1 :]:
            self._packet("S", message)

    def _end_session(self) -> None:
        self._packet("Z")

    def _packet(self, code: str, payload: bytes = b"") -> None:
        self._writer.write((1 + len(payload)).to_bytes(2, "big") + code.encode() + payload)

    def _say(self, code: str, number: int, **values) -> None:
        self.messages.append(wire.write(ouch.SERVER[code], user_ref_num=number, **values))
        self._packet("S", self.messages[-1])

    def _accepted(self, number: int, quantity: int) -> None:
        self._say("A", number, quantity=quantity)

    def _executed(self, number: int, quantity: int, left: int, price: int) -> None:
        self._say("E", number, quantity=quantity, price=price, match=len(self.messages))

    def _canceled(self, number: int, quantity: int) -> None:
        self._say("C", number, quantity=quantity, reason="I")

    def _rejected(self, number: int) -> None:
        self._say("J", number, reason=1)


class FixVenue(Venue):
    """A FIX acceptor with message recovery. simplefix reads and writes.

    Members
    -------
    gaps : int
        Times that it had to ask for messages.
    """

    def __init__(self, order: Order):
        super().__init__(order)
        self.gaps = 0
        self._heard = 0
        self._log: list[tuple] = []  # what was sent: type and body

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        parser = simplefix.FixParser()
        while octets := await reader.read(4096):
            parser.append_buffer(octets)
            while message := parser.get_message():
                number, kind = int(message.get(34)), message.get(35)
                if kind == b"A":
                    self.logins += 1
                    self._message("A", (98, 0), (108, 30))
                    if number > self._heard + 1:
                        self.gaps += 1
                        self._message("2", (7, self._heard + 1), (16, 0))
                if kind == b"2":
                    self._again(int(message.get(7)))
                if number == self._heard + 1:
                    self._heard += 1
                    self._take(kind, message)
                elif number <= self._heard:
                    assert message.get(43) == b"Y", f"{message} is not number {self._heard + 1}"

    def _take(self, kind: bytes, message) -> None:
        match kind:
            case b"0":
                self.heartbeats += 1
            case b"1":
                self._message("0", (112, message.get(112).decode()))
            case b"4":
                self._heard = int(message.get(36)) - 1
            case b"5":
                self._writer.close()
            case b"D":
                prefix = self.order.cl_ord_id_prefix.encode()
                self._trade(int(message.get(11).removeprefix(prefix), 16), buy=message.get(54) == b"1",
                            stock=message.get(55).decode(), quantity=int(message.get(38)), price=1_234_500)

    def _again(self, first: int) -> None:
        for number, (code, *body) in enumerate(self._log[first - 1 :], first):
            if code == "8":
                self._write(number, code, (43, "Y"), *body)
            else:
                self._write(number, "4", (43, "Y"), (123, "Y"), (36, number + 1))

    def _end_session(self) -> None:
        self._message("5")

    def _message(self, code: str, *body: tuple[int, object]) -> bytes:
        self._log.append((code, *body))
        return self._write(len(self._log), code, *body)

    def _write(self, number: int, code: str, *body: tuple[int, object]) -> bytes:
        message = simplefix.FixMessage()
        for tag, value in ((8, fix.BEGIN_STRING), (35, code), (49, self.order.fix.target_comp_id),
                           (56, self.order.fix.sender_comp_id), (34, number), *body):
            message.append_pair(tag, value)
        octets = message.encode()
        self._writer.write(octets)
        return octets

    def _report(self, number: int, kind: str, left: int, *pairs: tuple[int, object]) -> None:
        cl_ord_id = f"{self.order.cl_ord_id_prefix}{number:08X}"
        self.messages.append(self._message("8", (11, cl_ord_id), (150, kind), (151, left), *pairs))

    def _accepted(self, number: int, quantity: int) -> None:
        self._report(number, "0", quantity)

    def _executed(self, number: int, quantity: int, left: int, price: int) -> None:
        self._report(number, "F", left, (32, quantity), (31, f"{price // 10_000}.{price % 10_000:04}"))

    def _canceled(self, number: int, quantity: int) -> None:
        self._report(number, "4", 0)

    def _rejected(self, number: int) -> None:
        self._report(number, "8", 0)
