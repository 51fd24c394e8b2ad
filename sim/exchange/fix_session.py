"""A FIX 4.4 session of the venue with one counterparty, over all its connections: numbers, and what was said.

Source: FIX 4.4 with errata 20030618, volume 2 (session protocol). simplefix writes and reads the fields.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import simplefix

from spec import fix

from .ouch import Malformed

PROTOCOL = "fix"
LOGON, HEARTBEAT, TEST_REQUEST, RESEND_REQUEST, REJECT, SEQUENCE_RESET, LOGOUT = "A", "0", "1", "2", "3", "4", "5"
ADMIN = {LOGON, HEARTBEAT, TEST_REQUEST, RESEND_REQUEST, REJECT, SEQUENCE_RESET, LOGOUT}
NAMES = {
    LOGON: "Logon", HEARTBEAT: "Heartbeat", TEST_REQUEST: "TestRequest", RESEND_REQUEST: "ResendRequest",
    REJECT: "Reject", SEQUENCE_RESET: "SequenceReset", LOGOUT: "Logout", "D": "NewOrderSingle",
    "F": "OrderCancelRequest", "G": "OrderCancelReplaceRequest", "8": "ExecutionReport", "9": "OrderCancelReject",
    "j": "BusinessMessageReject",
}

# Tags (volume 6).
BEGIN_SEQ_NO, END_SEQ_NO, NEW_SEQ_NO, GAP_FILL_FLAG = 7, 16, 36, 123
MSG_SEQ_NUM, MSG_TYPE, SENDER_COMP_ID, TARGET_COMP_ID, SENDING_TIME = 34, 35, 49, 56, 52
POSS_DUP_FLAG, ORIG_SENDING_TIME = 43, 122
ENCRYPT_METHOD, HEART_BT_INT, RESET_SEQ_NUM_FLAG, USERNAME, PASSWORD = 98, 108, 141, 553, 554
TEST_REQ_ID, TEXT = 112, 58
REF_SEQ_NUM, REF_TAG_ID, REF_MSG_TYPE, SESSION_REJECT_REASON = 45, 371, 372, 373
BUSINESS_REJECT_REASON = 380

_PREFIX = b"8=" + fix.BEGIN_STRING.encode() + fix.SOH + b"9="
_LENGTH_DIGITS = 5
_TRAILER = len(b"10=000\x01")

Pairs = tuple[tuple[int, object], ...]


class Garbled(Exception):
    """A message whose CheckSum is wrong: it is ignored, and asked for again when the next one shows the gap."""


def take(octets: bytearray) -> bytes | None:
    """The first message of ``octets``, which loses it; None while it is not whole.

    Raises ``Malformed`` where none begins, ``Garbled`` for a wrong CheckSum.
    """
    head = bytes(octets[: len(_PREFIX) + _LENGTH_DIGITS + 1])
    if not _PREFIX.startswith(head[: len(_PREFIX)]):
        raise Malformed(f"no BeginString and BodyLength: {head[:20]!r}")
    digits, soh, _ = head[len(_PREFIX) :].partition(fix.SOH)
    if not soh and len(digits) <= _LENGTH_DIGITS and (not digits or digits.isdigit()):
        return None
    if not digits.isdigit() or not soh:
        raise Malformed(f"BodyLength {digits!r}")
    end = len(_PREFIX) + len(digits) + 1 + int(digits)
    if len(octets) < end + _TRAILER:
        return None
    message, trailer = bytes(octets[:end]), bytes(octets[end : end + _TRAILER])
    if not message.endswith(fix.SOH) or not trailer.startswith(b"10=") or not trailer.endswith(fix.SOH):
        raise Malformed("no CheckSum where BodyLength says")
    del octets[: end + _TRAILER]
    if trailer != b"10=%03d\x01" % (sum(message) % 256):
        raise Garbled("CheckSum is wrong")
    return message + trailer


def fields(message: bytes) -> dict[int, str]:
    """Tag -> value; of a tag that comes twice the first. Raises ``Malformed``."""
    parser = simplefix.FixParser(allow_empty_values=True)
    parser.append_buffer(message)
    try:
        parsed = parser.get_message()
    except (simplefix.errors.ParsingError, ValueError) as error:
        raise Malformed(f"fields: {error}") from None
    if parsed is None:
        raise Malformed("fields")
    found: dict[int, str] = {}
    for tag, value in parsed.pairs:
        found.setdefault(int(tag), value.decode("latin-1"))
    return found


def utc(ns: int) -> str:
    """UTCTimestamp with milliseconds."""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    return f"{moment:%Y%m%d-%H:%M:%S}.{ns // 1_000_000 % 1000:03d}"


class _Sent(NamedTuple):
    code: str
    time: str
    body: Pairs


class FixSession:
    """Parameters
    ----------
    ours, theirs
        CompIDs.
    clock
        ns since 1970.

    Members
    -------
    expected : int
        MsgSeqNum of the counterparty's next message.
    connection
        Whoever is logged on, or None; its ``send`` gets the octets of each new message.
    """

    def __init__(self, ours: str, theirs: str, clock: Callable[[], int]):
        self.ours, self.theirs = ours, theirs
        self.expected = 1
        self.connection = None
        self._clock = clock
        self._log: list[_Sent] = []

    @property
    def next(self) -> int:
        """MsgSeqNum of our next message."""
        return len(self._log) + 1

    def reset(self) -> None:
        """Both sides begin with 1 (ResetSeqNumFlag)."""
        self.expected = 1
        self._log.clear()

    def say(self, code: str, *body: tuple[int, object]) -> int:
        """Number a message and send it to whoever is there; its MsgSeqNum."""
        sent = _Sent(code, utc(self._clock()), body)
        self._log.append(sent)
        number = len(self._log)
        if self.connection:
            self.connection.send(self._encode(number, code, sent.time, body))
        return number

    def again(self, first: int, last: int) -> Iterator[bytes]:
        """What was said from ``first`` to ``last`` (0: to the end): session messages as a gap, the rest again."""
        end = min(last or len(self._log), len(self._log))
        number = first
        while number <= end:
            sent = self._log[number - 1]
            if sent.code not in ADMIN:
                yield self._encode(number, sent.code, utc(self._clock()), sent.body, original=sent.time)
                number += 1
                continue
            beyond = number
            while beyond <= end and self._log[beyond - 1].code in ADMIN:
                beyond += 1
            now = utc(self._clock())
            yield self._encode(number, SEQUENCE_RESET, now, ((GAP_FILL_FLAG, "Y"), (NEW_SEQ_NO, beyond)), original=now)
            number = beyond

    def _encode(self, number: int, code: str, time: str, body: Pairs, *, original: str = "") -> bytes:
        message = simplefix.FixMessage()
        header = [(8, fix.BEGIN_STRING), (MSG_TYPE, code), (SENDER_COMP_ID, self.ours), (TARGET_COMP_ID, self.theirs),
                  (MSG_SEQ_NUM, number), (SENDING_TIME, time)]
        if original:
            header += [(POSS_DUP_FLAG, "Y"), (ORIG_SENDING_TIME, original)]
        for tag, value in (*header, *body):
            message.append_pair(tag, value)
        return message.encode()
