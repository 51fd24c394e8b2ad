"""A SoupBinTCP and OUCH 5.0 client over a blocking socket."""

import socket

from spec import ouch, soupbintcp, wire

PATIENCE_S = 10


class OuchClient:
    """Logs in. A context manager.

    Members
    -------
    login : dict
        The answer: login accepted or login rejected.
    sequence : int
        Number of the next sequenced message.
    """

    def __init__(self, port: int, user: str = "alice", password: str = "secret", session: str = "", sequence: int = 1):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.send("L", username=user, password=password, session=session.rjust(10), sequence=str(sequence).rjust(20))
        code, packet = self.packet()
        self.login = wire.read(soupbintcp.SERVER[code], packet)
        self.sequence = int(self.login.get("sequence", 0))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, code: str, payload: bytes = b"", **values) -> None:
        layout = soupbintcp.CLIENT[code]
        self.socket.sendall(wire.write(layout, length=layout.length - 2 + len(payload), **values) + payload)

    def packet(self) -> tuple[str, bytes]:
        """The next one that is no heartbeat: its type, and all of it. Raises ``ConnectionError`` at the end."""
        while True:
            head = self._exactly(2)
            packet = head + self._exactly(int.from_bytes(head, "big"))
            if packet[2:3] != b"H":
                return chr(packet[2]), packet

    def message(self) -> dict:
        """The next sequenced message."""
        code, packet = self.packet()
        assert code == "S", f"{code} instead of a message"
        self.sequence += 1
        return wire.read(ouch.SERVER[chr(packet[3])], packet[3:])

    def messages(self, types: str) -> list[dict]:
        """The next messages, whose types must be these."""
        found = [self.message() for _ in types]
        assert "".join(message["type"] for message in found) == types, found
        return found

    def say(self, code: str, appendage: bytes = b"", **values) -> None:
        layout = ouch.CLIENT[code]
        if "appendage_length" in layout:
            values["appendage_length"] = len(appendage)
        self.send("U", wire.write(layout, **values) + appendage)

    def enter(self, number: int, side: str, quantity: int, price: int, symbol: str = "AAPL", **values) -> None:
        self.say("O", **{"user_ref_num": number, "side": side, "quantity": quantity, "price": price, "symbol": symbol,
                         "time_in_force": "0", "display": "Y", "capacity": "P", "intermarket_sweep": "N",
                         "cross_type": "N", "cl_ord_id": f"order{number}"} | values)

    def replace(self, original: int, number: int, quantity: int, price: int, **values) -> None:
        self.say("U", **{"original_user_ref_num": original, "user_ref_num": number, "quantity": quantity,
                         "price": price, "time_in_force": "0", "display": "Y", "intermarket_sweep": "N"} | values)

    def cancel(self, number: int, quantity: int = 0) -> None:
        self.say("X", user_ref_num=number, quantity=quantity)

    def closed(self) -> bool:
        """The venue has closed the connection; whatever it said before is passed over."""
        try:
            while self.socket.recv(4096):
                pass
        except ConnectionError:
            pass
        return True

    def _exactly(self, length: int) -> bytes:
        octets = b""
        while len(octets) < length:
            more = self.socket.recv(length - len(octets))
            if not more:
                raise ConnectionError("closed by the venue")
            octets += more
        return octets
