"""How the host takes a FIX 4.4 session up again, so that neither side misses a message (volume 2, message recovery).

It logs on with the next MsgSeqNum, asks for what it missed and answers what the counterparty asks for: orders again, as
possible duplicates, the rest as a gap. Both have caught up when a test request is answered.
"""

import socket
import time
from typing import NamedTuple

from golden_model.fix_replies import FixReplies
from spec import fix
from spec.config import Design

from .host import fix_message

_SOH = fix.SOH.decode()
_ADMIN = {*fix.ADMIN_TYPES, "A"}
_LOGON, _HEARTBEAT, _TEST_REQUEST, _RESEND_REQUEST, _SEQUENCE_RESET = "A", "0", "1", "2", "4"
_FRAMING = {8, 9, 10}


class Resumed(NamedTuple):
    pending: bytes  #: missed messages, for the core to take; numbered up to the counterparty's next
    msg_seq_num: int  #: of the next message to send
    expected_seq_num: int  #: of the first pending message, or the next


def parse(message: bytes) -> list[tuple[int, str]]:
    pairs = (field.split("=", 1) for field in message.decode("latin-1").split(_SOH)[:-1])
    return [(int(tag), value) for tag, value in pairs]


def rewritten(message: bytes, *, number: int, again: bool) -> bytes:
    """With this MsgSeqNum, as a possible duplicate or not."""
    fields = []
    for tag, value in parse(message):
        if tag == 34:
            fields += [(34, number), *[(43, "Y")] * again]
        elif tag not in {43, *_FRAMING}:
            fields.append((tag, value))
    return fix_message(*fields)


class FixHost:
    """The host's end of a connection, with a socket that blocks.

    Parameters
    ----------
    sent
        Orders by their MsgSeqNum, as they were sent.
    msg_seq_num, expected_seq_num
        Of the ``SessionState``.
    """

    def __init__(self, connected: socket.socket, design: Design, *, sent: dict[int, bytes], msg_seq_num: int,
                 expected_seq_num: int):
        self._connected, self._names, self._sent = connected, design.order.fix, sent
        self._next, self._expected = msg_seq_num, expected_seq_num
        self._parser = FixReplies(design)
        self._missed: list[bytes] = []

    def resume(self) -> Resumed:
        """Blocks until both sides have caught up; reads nothing behind that."""
        self._say(_LOGON, (98, 0), (108, 30))
        self._say(_RESEND_REQUEST, (7, self._expected), (16, 0))
        test = self._test()
        while True:
            message = self._read()
            fields = dict(parse(message))
            if fields[35] == _RESEND_REQUEST:
                self._again(int(fields[7]))
                test = self._test()
            if int(fields[34]) != self._expected:
                continue  # comes again: what is missing was asked for up to the last
            self._expected += 1
            if fields[35] == _SEQUENCE_RESET:
                self._expected = int(fields[36])
            elif fields[35] not in _ADMIN:
                self._missed.append(message)
            elif fields[35] == _HEARTBEAT and fields.get(112) == test:
                first = self._expected - len(self._missed)
                pending = [rewritten(missed, number=first + n, again=False) for n, missed in enumerate(self._missed)]
                return Resumed(b"".join(pending), self._next, first)

    def _again(self, first: int) -> None:
        """Everything from that MsgSeqNum on."""
        last, number = self._next, first
        while number < last:
            if number in self._sent:
                self._connected.sendall(rewritten(self._sent[number], number=number, again=True))
                number += 1
                continue
            end = min((n for n in self._sent if number < n < last), default=last)
            self._write(_SEQUENCE_RESET, number, (43, "Y"), (123, "Y"), (36, end))
            number = end

    def _test(self) -> str:
        name = f"CAUGHT-UP-{self._next}"
        self._say(_TEST_REQUEST, (112, name))
        return name

    def _say(self, kind: str, *body: tuple[int, object]) -> None:
        self._write(kind, self._next, *body)
        self._next += 1

    def _write(self, kind: str, number: int, *body: tuple[int, object]) -> None:
        moment = time.strftime("%Y%m%d-%H:%M:%S.000", time.gmtime())
        self._connected.sendall(fix_message(
            (35, kind), (49, self._names.sender_comp_id), (56, self._names.target_comp_id), (34, number), (52, moment),
            *body))

    def _read(self) -> bytes:
        while True:
            octet = self._connected.recv(1)
            if not octet:
                raise ConnectionError("the exchange closed the connection")
            for packet in self._parser.take(octet):
                return packet.octets
