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

from .connection import Connection, Malformed
from .fix_message import Garbled, fields, require, take, whole
from .fix_orders import ACTIONS, parse
from .fix_session import FixSession
from .fix_tags import (
    ADMIN,
    BUSINESS_REJECT,
    HEARTBEAT,
    LOGON,
    LOGOUT,
    NAMES,
    NO_VALUE,
    PROTOCOL,
    REJECT,
    RESEND_REQUEST,
    SEQUENCE_RESET,
    TEST_REQUEST,
    UNSUPPORTED_TYPE,
    VALUE_INCORRECT,
    FieldError,
    Tag,
)

_CHUNK = 1 << 16
_SLACK = 1.2  #: of HeartBtInt: reasonable transmission time
_HEADER = {Tag.BEGIN_STRING, Tag.BODY_LENGTH, Tag.CHECK_SUM, Tag.MSG_SEQ_NUM, Tag.MSG_TYPE, Tag.SENDER_COMP_ID,
           Tag.SENDING_TIME, Tag.TARGET_COMP_ID}


class FixConnection(Connection):
    protocol = PROTOCOL

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._session: FixSession | None = None
        self._interval = 0  # HeartBtInt
        self._asked_up_to = 0  # MsgSeqNum up to which a resend request is under way
        self._tested = False

    def end(self) -> None:
        self._log_out("the venue closes")

    def _log_out(self, text: str) -> None:
        if self._session:
            self._say(LOGOUT, (Tag.TEXT, text))
        self.close(text)

    def _say(self, code: str, *body: tuple[Tag, object]) -> None:
        number = self._session.say(code, *body)
        if code != HEARTBEAT:
            self.exchange.events.tell(self.name, "out", PROTOCOL, NAMES[code], sequence=number,
                                      **{f"{tag:d}": value for tag, value in body})

    async def _read(self) -> None:
        waiting = bytearray()
        while octets := await self._reader.read(_CHUNK):
            waiting += octets
            self._take(waiting)
            if self.closing:
                return
        raise ConnectionError("closed by the counterparty")

    def _take(self, waiting: bytearray) -> None:
        while not self.closing:
            try:
                message = take(waiting)
            except Garbled as error:
                self.note(f"ignored: {error}")
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
        if found.get(Tag.MSG_TYPE) != LOGON:
            raise Malformed("the first message is no Logon")
        try:
            require(found, Tag.SENDER_COMP_ID, Tag.TARGET_COMP_ID, Tag.ENCRYPT_METHOD)
            number, interval = whole(found, Tag.MSG_SEQ_NUM), whole(found, Tag.HEART_BT_INT)
        except FieldError as error:
            raise Malformed(f"Logon: {error}") from None
        theirs, ours = found[Tag.SENDER_COMP_ID], found[Tag.TARGET_COMP_ID]
        account = None
        if ours == self.exchange.comp_id:
            account = self.exchange.login(PROTOCOL, theirs, found.get(Tag.PASSWORD, ""))
        if account is None:
            self.close(f"logon of {theirs!r} to {ours!r} rejected: not authorized")
            return
        self._enter(account)
        self._session, self._interval = account.reporter.session, interval
        reset = found.get(Tag.RESET_SEQ_NUM_FLAG) == "Y"
        if reset:
            self._session.reset()
        if number < self._session.expected:
            self._too_low(number)
            return
        self.note(f"logged on from {self._peer}, MsgSeqNum {number}")
        self._say(LOGON, (Tag.ENCRYPT_METHOD, 0), (Tag.HEART_BT_INT, interval),
                  *[(Tag.RESET_SEQ_NUM_FLAG, "Y")] * reset)
        if number == self._session.expected:
            self._session.expected += 1
        else:
            self._ask(number)

    def _too_low(self, number: int) -> None:
        self._log_out(f"MsgSeqNum too low, expecting {self._session.expected} but received {number}")

    def _ask(self, number: int) -> None:
        """For everything from the expected message on, unless that was done."""
        if self._session.expected > self._asked_up_to:
            self._say(RESEND_REQUEST, (Tag.BEGIN_SEQ_NO, self._session.expected), (Tag.END_SEQ_NO, 0))
        self._asked_up_to = max(self._asked_up_to, number)

    def _message(self, found: dict[int, str]) -> None:
        code = found.get(Tag.MSG_TYPE, "")
        try:
            number = whole(found, Tag.MSG_SEQ_NUM)
        except FieldError as error:
            self._log_out(str(error))
            return
        names = found.get(Tag.SENDER_COMP_ID), found.get(Tag.TARGET_COMP_ID)
        if names != (self.name, self.exchange.comp_id):
            self._log_out("CompID is wrong")
            return
        try:
            self._sequenced(code, number, found)
        except FieldError as error:
            self._say(REJECT, (Tag.REF_SEQ_NUM, number), (Tag.REF_TAG_ID, error.tag), (Tag.REF_MSG_TYPE, code),
                      (Tag.SESSION_REJECT_REASON, error.reason), (Tag.TEXT, str(error)))

    def _sequenced(self, code: str, number: int, found: dict[int, str]) -> None:
        session = self._session
        if code == SEQUENCE_RESET and found.get(Tag.GAP_FILL_FLAG) != "Y":
            self._jump(found)
        elif number < session.expected:
            if found.get(Tag.POSS_DUP_FLAG) != "Y":
                self._too_low(number)
        elif number > session.expected and code == LOGOUT:
            self._log_out("logged out")
        elif number > session.expected:
            self._ask(number)
            if code == RESEND_REQUEST:
                self._resend(found)
        else:
            session.expected += 1
            for tag, value in found.items():
                if not value:
                    raise FieldError(tag, NO_VALUE, f"tag {tag} has no value")
            self._handle(code, number, found)

    def _handle(self, code: str, number: int, found: dict[int, str]) -> None:
        if code in ACTIONS:
            self._request(code, found)
        elif code == TEST_REQUEST:
            require(found, Tag.TEST_REQ_ID)
            self._say(HEARTBEAT, (Tag.TEST_REQ_ID, found[Tag.TEST_REQ_ID]))
        elif code == RESEND_REQUEST:
            self._resend(found)
        elif code == REJECT:
            self.note(f"rejected our message {found.get(Tag.REF_SEQ_NUM)}: {found.get(Tag.TEXT, '')}")
        elif code == SEQUENCE_RESET:
            self._jump(found)
        elif code == LOGOUT:
            self._log_out("logged out")
        elif code == LOGON:
            raise FieldError(Tag.MSG_TYPE, VALUE_INCORRECT, "logged on already")
        elif code not in ADMIN:
            self._say(BUSINESS_REJECT, (Tag.REF_SEQ_NUM, number), (Tag.REF_MSG_TYPE, code),
                      (Tag.BUSINESS_REJECT_REASON, UNSUPPORTED_TYPE), (Tag.TEXT, "unsupported message type"))

    def _jump(self, found: dict[int, str]) -> None:
        """A sequence reset, by gap fill or without."""
        new = whole(found, Tag.NEW_SEQ_NO)
        if new < self._session.expected:
            raise FieldError(Tag.NEW_SEQ_NO, VALUE_INCORRECT, f"NewSeqNo {new} is below {self._session.expected}")
        self._session.expected = new

    def _resend(self, found: dict[int, str]) -> None:
        first, last = whole(found, Tag.BEGIN_SEQ_NO), whole(found, Tag.END_SEQ_NO)
        if not 1 <= first < self._session.next:
            raise FieldError(Tag.BEGIN_SEQ_NO, VALUE_INCORRECT, f"BeginSeqNo {first} was not sent")
        self.note(f"sends messages from {first} to {last or self._session.next - 1} again")
        for octets in self._session.again(first, last):
            self.send(octets)

    def _request(self, code: str, found: dict[int, str]) -> None:
        request = parse(code, found)
        self.requests += 1
        self.exchange.events.tell(self.name, "in", PROTOCOL, NAMES[code], sequence=int(found[Tag.MSG_SEQ_NUM]),
                                  **{f"{tag:d}": value for tag, value in found.items() if tag not in _HEADER})
        self.exchange.submit(self.account, request, self)

    def _due(self, now: float) -> float:
        if not self._session:
            if now - self._heard >= self.exchange.timeout_s:
                self.drop("no logon, connection dropped")
            return self._heard + self.exchange.timeout_s
        if not self._interval:  # HeartBtInt 0: none
            return float("inf")
        silence = self._interval * _SLACK
        if now - self._heard >= 2 * silence:
            self.drop(f"silent for {now - self._heard:.1f} s, connection dropped")
        elif now - self._heard >= silence and not self._tested:
            self._tested = True
            self._say(TEST_REQUEST, (Tag.TEST_REQ_ID, f"TEST{self._session.next}"))
        if now - self._sent >= self._interval:
            self._say(HEARTBEAT)
        return min(self._heard + silence * (1 + self._tested), self._sent + self._interval)
