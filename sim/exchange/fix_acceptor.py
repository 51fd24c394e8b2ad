"""FIX 4.4, the acceptor's end of one connection: session protocol.

Source: FIX 4.4 with errata 20030618, volume 2. What is done where it leaves a choice:

- SendingTime is not held against a clock: a simulated counterparty lives in a time of its own.
- Octets that are no message end the connection; a message with a wrong CheckSum is ignored, as garbled ones are to be.
- A message beyond the expected number is answered with one resend request and comes again; a resend request is honoured
  whatever its number, or two sides that both miss something would wait for each other.
- After HeartBtInt plus a fifth without a word a test request goes out, after as long again the connection is dropped.
- Another logon with the same CompID takes the session over.
"""

import asyncio
from collections.abc import Callable

from .accounts import Account
from .events import Events
from .fix_orders import ACTIONS, NO_VALUE, VALUE_INCORRECT, FieldError, parse, require, whole
from .fix_session import (
    ADMIN,
    BEGIN_SEQ_NO,
    BUSINESS_REJECT_REASON,
    ENCRYPT_METHOD,
    END_SEQ_NO,
    GAP_FILL_FLAG,
    HEART_BT_INT,
    HEARTBEAT,
    LOGON,
    LOGOUT,
    MSG_SEQ_NUM,
    MSG_TYPE,
    NAMES,
    NEW_SEQ_NO,
    PASSWORD,
    POSS_DUP_FLAG,
    PROTOCOL,
    REF_MSG_TYPE,
    REF_SEQ_NUM,
    REF_TAG_ID,
    REJECT,
    RESEND_REQUEST,
    RESET_SEQ_NUM_FLAG,
    SENDER_COMP_ID,
    SEQUENCE_RESET,
    SESSION_REJECT_REASON,
    TARGET_COMP_ID,
    TEST_REQ_ID,
    TEST_REQUEST,
    TEXT,
    FixSession,
    Garbled,
    fields,
    take,
)
from .orders import Request
from .ouch import Malformed

_CHUNK = 1 << 16
_SLACK = 1.2  #: of HeartBtInt: reasonable transmission time
_UNSUPPORTED = 3  #: BusinessRejectReason
_HEADER = {8, 9, 10, 34, 35, 49, 52, 56}


class FixServer:
    """What the connections share.

    Parameters
    ----------
    comp_id
        Ours.
    timeout_s
        Until a connection without logon is dropped.
    login
        The account of a CompID and password, or None.
    submit
        Called with each request.
    """

    def __init__(self, *, comp_id: str, timeout_s: float, events: Events, login: Callable[[str, str], Account | None],
                 submit: Callable[[Account, Request, "FixConnection"], None]):
        self.comp_id, self.timeout_s, self.events = comp_id, timeout_s, events
        self.login, self.submit = login, submit
        self.connections: set[FixConnection] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        connection = FixConnection(self, reader, writer)
        self.connections.add(connection)
        try:
            await connection.serve()
        finally:
            self.connections.discard(connection)

    def end(self) -> None:
        """Log every counterparty out."""
        for connection in [*self.connections]:
            connection.log_out("the venue closes")


class FixConnection:
    """Members
    -------
    account : Account or None
        None before logon.
    requests : int
        Received on this connection.
    """

    def __init__(self, server: FixServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._server, self._reader, self._writer = server, reader, writer
        self.account: Account | None = None
        self.requests = 0
        self._session: FixSession | None = None
        self._interval = 0.0  # HeartBtInt
        self._asked_up_to = 0  # MsgSeqNum up to which a resend request is under way
        self._tested = False
        self._heard = self._sent = asyncio.get_running_loop().time()
        host, port = writer.get_extra_info("peername")[:2]
        self._peer = f"{host}:{port}"

    @property
    def name(self) -> str:
        return self.account.name if self.account else self._peer

    async def serve(self) -> None:
        beat = asyncio.create_task(self._beat())
        waiting = bytearray()
        try:
            while octets := await self._reader.read(_CHUNK):
                waiting += octets
                self._take(waiting)
                if self._writer.is_closing():
                    return
            self._note("connection lost" if self.account else "connection closed before logon")
        except ConnectionError:
            self._note("connection lost")
        except Malformed as error:
            self._note(f"malformed, connection dropped: {error}")
        finally:
            beat.cancel()
            self._leave()
            self._writer.close()

    def send(self, octets: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(octets)
            self._sent = asyncio.get_running_loop().time()

    def log_out(self, text: str) -> None:
        """Say so, and close."""
        if self._session:
            self._say(LOGOUT, (TEXT, text))
        self._note(text)
        self._leave()
        self._writer.close()

    def drop(self, why: str) -> None:
        """At once, whatever waits."""
        self._note(why)
        self._leave()
        self._writer.transport.abort()

    def _leave(self) -> None:
        if self._session and self._session.connection is self:
            self._session.connection = None

    def _note(self, what: str) -> None:
        self._server.events.note(self.name, PROTOCOL, what)

    def _say(self, code: str, *body: tuple[int, object]) -> None:
        number = self._session.say(code, *body)
        if code != HEARTBEAT:
            self._server.events.tell(self.name, "out", PROTOCOL, NAMES[code], sequence=number,
                                     **{str(tag): value for tag, value in body})

    def _take(self, waiting: bytearray) -> None:
        while not self._writer.is_closing():
            try:
                message = take(waiting)
            except Garbled as error:
                self._note(f"ignored: {error}")
                continue
            if message is None:
                return
            self._heard, self._tested = asyncio.get_running_loop().time(), False
            found = fields(message)
            if self._session:
                self._message(found)
            else:
                self._logon(found)

    def _logon(self, found: dict[int, str]) -> None:
        if found.get(MSG_TYPE) != LOGON:
            raise Malformed("the first message is no Logon")
        try:
            require(found, SENDER_COMP_ID, TARGET_COMP_ID, ENCRYPT_METHOD)
            number, interval = whole(found, MSG_SEQ_NUM), whole(found, HEART_BT_INT)
        except FieldError as error:
            raise Malformed(f"Logon: {error}") from None
        theirs = found[SENDER_COMP_ID]
        account = self._server.login(theirs, found.get(PASSWORD, ""))
        if account is None or found[TARGET_COMP_ID] != self._server.comp_id:
            self._server.events.note(theirs, PROTOCOL, "logon rejected: not authorized")
            self._writer.close()
            return
        if account.reporter.connection:
            account.reporter.connection.drop("another logon with the same CompID")
        self.account, self._session, self._interval = account, account.reporter.session, interval
        self._session.connection = self
        reset = found.get(RESET_SEQ_NUM_FLAG) == "Y"
        if reset:
            self._session.reset()
        if number < self._session.expected:
            self._too_low(number)
            return
        self._note(f"logged on from {self._peer}, MsgSeqNum {number}")
        self._say(LOGON, (ENCRYPT_METHOD, 0), (HEART_BT_INT, interval), *[(RESET_SEQ_NUM_FLAG, "Y")] * reset)
        if number == self._session.expected:
            self._session.expected += 1
        else:
            self._ask(number)

    def _too_low(self, number: int) -> None:
        self.log_out(f"MsgSeqNum too low, expecting {self._session.expected} but received {number}")

    def _ask(self, number: int) -> None:
        """For everything from the expected message on, unless that was done."""
        if self._session.expected > self._asked_up_to:
            self._say(RESEND_REQUEST, (BEGIN_SEQ_NO, self._session.expected), (END_SEQ_NO, 0))
        self._asked_up_to = max(self._asked_up_to, number)

    def _message(self, found: dict[int, str]) -> None:
        session, code = self._session, found.get(MSG_TYPE, "")
        number = found.get(MSG_SEQ_NUM, "")
        if not number.isdecimal():
            self.log_out("MsgSeqNum is missing")
            return
        number = int(number)
        if (found.get(SENDER_COMP_ID), found.get(TARGET_COMP_ID)) != (session.theirs, session.ours):
            self.log_out("CompID is wrong")
            return
        try:
            self._check_and_handle(code, number, found)
        except FieldError as error:
            self._say(REJECT, (REF_SEQ_NUM, number), (REF_TAG_ID, error.tag), (REF_MSG_TYPE, code),
                      (SESSION_REJECT_REASON, error.reason), (TEXT, str(error)))

    def _check_and_handle(self, code: str, number: int, found: dict[int, str]) -> None:
        session = self._session
        if code == SEQUENCE_RESET and found.get(GAP_FILL_FLAG) != "Y":
            self._jump(found)
            return
        if number < session.expected:
            if found.get(POSS_DUP_FLAG) != "Y":
                self._too_low(number)
            return
        if code == RESEND_REQUEST:
            self._resend(found)
        if number > session.expected:
            if code == LOGOUT:
                self.log_out("logged out")
            else:
                self._ask(number)
            return
        session.expected += 1
        for tag, value in found.items():
            if not value:
                raise FieldError(tag, NO_VALUE, f"tag {tag} has no value")
        self._handle(code, number, found)

    def _handle(self, code: str, number: int, found: dict[int, str]) -> None:
        match code:
            case "0" | "2":
                pass
            case "1":
                require(found, TEST_REQ_ID)
                self._say(HEARTBEAT, (TEST_REQ_ID, found[TEST_REQ_ID]))
            case "3":
                self._note(f"rejected our message {found.get(REF_SEQ_NUM)}: {found.get(TEXT, '')}")
            case "4":
                self._jump(found)
            case "5":
                self.log_out("logged out")
            case "D" | "F" | "G":
                self._request(code, found)
            case _ if code in ADMIN:
                raise FieldError(MSG_TYPE, VALUE_INCORRECT, "logged on already")
            case _:
                self._say("j", (REF_SEQ_NUM, number), (REF_MSG_TYPE, code), (BUSINESS_REJECT_REASON, _UNSUPPORTED),
                          (TEXT, "unsupported message type"))

    def _jump(self, found: dict[int, str]) -> None:
        """A sequence reset, by gap fill or without."""
        new = whole(found, NEW_SEQ_NO)
        if new < self._session.expected:
            raise FieldError(NEW_SEQ_NO, VALUE_INCORRECT, f"NewSeqNo {new} is below {self._session.expected}")
        self._session.expected = new

    def _resend(self, found: dict[int, str]) -> None:
        first, last = whole(found, BEGIN_SEQ_NO), whole(found, END_SEQ_NO)
        if not 1 <= first < self._session.next:
            raise FieldError(BEGIN_SEQ_NO, VALUE_INCORRECT, f"BeginSeqNo {first} was not sent")
        self._note(f"sends messages from {first} to {last or self._session.next - 1} again")
        for octets in self._session.again(first, last):
            self.send(octets)

    def _request(self, code: str, found: dict[int, str]) -> None:
        request = parse(code, found)
        self.requests += 1
        self._server.events.tell(self.name, "in", PROTOCOL, NAMES[code], sequence=int(found[MSG_SEQ_NUM]),
                                 **{str(tag): value for tag, value in found.items() if tag not in _HEADER})
        self._server.submit(self.account, request, self)

    async def _beat(self) -> None:
        """Heartbeats, test requests, and the end of a silent counterparty."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            silence = self._interval * _SLACK if self._session else self._server.timeout_s
            if self._session and not self._interval:
                return
            if now - self._heard >= silence * (2 if self._session else 1):
                self.drop(f"silent for {now - self._heard:.1f} s, connection dropped")
                return
            if self._session and now - self._heard >= silence and not self._tested:
                self._tested = True
                self._say(TEST_REQUEST, (TEST_REQ_ID, f"TEST{self._session.next}"))
            if self._session and now - self._sent >= self._interval:
                self._say(HEARTBEAT)
            times = [self._heard + silence * (2 if self._tested else 1)]
            if self._session:
                times.append(self._sent + self._interval)
            await asyncio.sleep(max(0.001, min(min(times) - loop.time(), 1.0)))
