"""What the host does on the connection before the core holds it, with an ordinary socket that blocks.

Each reads exactly its answer: what follows it is the core's to read.
"""

import socket
import time
from typing import NamedTuple

from golden_model.fix_replies import FixReplies
from spec import fix, soupbintcp, wire
from spec.config import Design


class LoginRejected(Exception):
    """The exchange's reason."""


class Login(NamedTuple):
    session: str  #: SoupBinTCP session, to be named at the next login
    sequence: int  #: number of the next sequenced message


def soup_login(connected: socket.socket, *, username: str = "user", password: str = "password", session: str = "",
               sequence: int = 1) -> Login:
    """Log in; sequenced messages from ``sequence`` on follow, those sent before included (SoupBinTCP 3.00, 2.3.1)."""
    layout = soupbintcp.CLIENT["L"]
    connected.sendall(wire.write(
        layout, length=layout.length - layout["length"].length, username=username.ljust(6), password=password.ljust(10),
        session=session.rjust(10), sequence=str(sequence).rjust(20)))
    while True:
        header = _exactly(connected, soupbintcp.HEADER.length)
        found = wire.read(soupbintcp.HEADER, header)
        rest = _exactly(connected, found["length"] - 1)
        if found["type"] == "J":
            raise LoginRejected(rest.decode("latin-1"))
        if found["type"] == "A":
            accepted = wire.read(soupbintcp.SERVER["A"], header + rest)
            return Login(accepted["session"].strip(), int(accepted["sequence"]))


def fix_logon(connected: socket.socket, design: Design, *, msg_seq_num: int = 1, expected_seq_num: int = 1,
              heartbeat_s: int = 30, reset: bool = False) -> bytes:
    """Log on with FIX 4.4; the counterparty's answer, whatever it is."""
    names = design.order.fix
    body = [(35, "A"), (49, names.sender_comp_id), (56, names.target_comp_id), (34, msg_seq_num),
            (52, time.strftime("%Y%m%d-%H:%M:%S.000", time.gmtime())), (98, 0), (108, heartbeat_s)]
    connected.sendall(fix_message(*body, *[(141, "Y")] * reset))
    parser = FixReplies(design)
    parser.expected = expected_seq_num
    while True:
        for packet in parser.take(_exactly(connected, 1)):
            return packet.octets


def fix_message(*fields: tuple[int, object]) -> bytes:
    """A FIX 4.4 message with these fields between BodyLength and CheckSum."""
    body = b"".join(f"{tag}={value}".encode() + fix.SOH for tag, value in fields)
    message = f"8={fix.BEGIN_STRING}".encode() + fix.SOH + f"9={len(body)}".encode() + fix.SOH + body
    return message + f"10={sum(message) % 256:03d}".encode() + fix.SOH


def _exactly(connected: socket.socket, length: int) -> bytes:
    octets = b""
    while len(octets) < length:
        more = connected.recv(length - len(octets))
        if not more:
            raise ConnectionError("the exchange closed the connection")
        octets += more
    return octets
