"""A FIX 4.4 session of the venue with one counterparty, over all its connections: numbers, and what was said.

Source: FIX 4.4 with errata 20030618, volume 2 (session protocol).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from .accounts import Account
from .fix_message import Pairs, encode, utc
from .fix_tags import ADMIN, SEQUENCE_RESET, Tag


class _Sent(NamedTuple):
    code: str
    time: str
    body: Pairs


class FixSession:
    """Parameters
    ----------
    account
        The counterparty's; its connection gets each new message.
    comp_id
        Ours.
    clock
        ns since 1970.

    Members
    -------
    expected : int
        MsgSeqNum of the counterparty's next message.
    """

    def __init__(self, account: Account, comp_id: str, clock: Callable[[], int]):
        self.expected = 1
        self._account, self._comp_id, self._clock = account, comp_id, clock
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
        if self._account.connection:
            self._account.connection.send(self._encode(number, code, sent.time, body))
        return number

    def again(self, first: int, last: int) -> Iterator[bytes]:
        """What was said from ``first`` to ``last`` (0: to the end): session messages as a gap, the rest again."""
        end = min(last or len(self._log), len(self._log))
        number = first
        while number <= end:
            sent, now = self._log[number - 1], utc(self._clock())
            beyond = number + 1
            if sent.code not in ADMIN:
                yield self._encode(number, sent.code, now, sent.body, original=sent.time)
            else:
                while beyond <= end and self._log[beyond - 1].code in ADMIN:
                    beyond += 1
                gap = ((Tag.GAP_FILL_FLAG, "Y"), (Tag.NEW_SEQ_NO, beyond))
                yield self._encode(number, SEQUENCE_RESET, now, gap, original=now)
            number = beyond

    def _encode(self, number: int, code: str, time: str, body: Pairs, *, original: str = "") -> bytes:
        header = [(Tag.MSG_TYPE, code), (Tag.SENDER_COMP_ID, self._comp_id), (Tag.TARGET_COMP_ID, self._account.name),
                  (Tag.MSG_SEQ_NUM, number), (Tag.SENDING_TIME, time)]
        if original:
            header += [(Tag.POSS_DUP_FLAG, "Y"), (Tag.ORIG_SENDING_TIME, original)]
        return encode(tuple(header), body)
