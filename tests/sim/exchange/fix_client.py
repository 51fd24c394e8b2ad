"""A FIX 4.4 initiator over a blocking socket. simplefix reads and writes."""

import socket

import simplefix

PATIENCE_S = 10
TIME = "20260102-14:30:00.000"


class FixClient:
    """Connects; ``logon`` logs on. A context manager.

    Members
    -------
    next : int
        MsgSeqNum of our next message.
    """

    def __init__(self, port: int, comp_id: str = "ALICE", target: str = "EXCHANGE", next: int = 1):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.comp_id, self.target, self.next = comp_id, target, next
        self._parser = simplefix.FixParser()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def encode(self, code: str, *body: tuple[int, object], number: int | None = None) -> bytes:
        message = simplefix.FixMessage()
        for tag, value in ((8, "FIX.4.4"), (35, code), (49, self.comp_id), (56, self.target),
                           (34, self.next if number is None else number), (52, TIME), *body):
            message.append_pair(tag, value)
        if number is None:
            self.next += 1
        return message.encode()

    def say(self, code: str, *body: tuple[int, object], number: int | None = None) -> None:
        self.socket.sendall(self.encode(code, *body, number=number))

    def logon(self, *more: tuple[int, object], heartbeat_s: int = 30) -> dict[int, str]:
        self.say("A", (98, 0), (108, heartbeat_s), *more)
        return self.expect("A")

    def message(self) -> dict[int, str]:
        """The next one; its BodyLength and CheckSum must be right. Raises ``ConnectionError`` at the end."""
        while (message := self._parser.get_message()) is None:
            octets = self.socket.recv(65536)
            if not octets:
                raise ConnectionError("closed by the venue")
            self._parser.append_buffer(octets)
        whole = message.encode(raw=True)
        body, trailer = whole[whole.index(b"35=") : -7], whole[-7:]
        assert (int(message.get(9)), trailer) == (len(body), b"10=%03d\x01" % (sum(whole[:-7]) % 256)), whole
        return {int(tag): value.decode("latin-1") for tag, value in message.pairs}

    def expect(self, code: str, **values: object) -> dict[int, str]:
        """The next message, which must be of that type and have these values: ``t39="0"``."""
        found = self.message()
        assert found[35] == code, found
        for name, value in values.items():
            assert found.get(int(name[1:])) == str(value), (name, found)
        return found

    def enter(self, cl_ord_id: str, side: int, quantity: object, price: object, *more: tuple[int, object],
              symbol: str = "AAPL") -> None:
        self.say("D", (11, cl_ord_id), (55, symbol), (54, side), (60, TIME), (38, quantity), (40, 2), (44, price),
                 *more)

    def replace(self, original: str, cl_ord_id: str, side: int, quantity: object, price: object) -> None:
        self.say("G", (41, original), (11, cl_ord_id), (55, "AAPL"), (54, side), (60, TIME), (38, quantity), (40, 2),
                 (44, price))

    def cancel(self, original: str, cl_ord_id: str, side: int = 1) -> None:
        self.say("F", (41, original), (11, cl_ord_id), (55, "AAPL"), (54, side), (60, TIME), (38, 1))

    def closed(self) -> bool:
        """The venue has closed the connection; whatever it said before is passed over."""
        try:
            while self.socket.recv(4096):
                pass
        except ConnectionError:
            pass
        return True
