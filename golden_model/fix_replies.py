"""FIX 4.4, the counterparty's side of the session: octets in, replies out.

Source: FIX 4.4 with errata 20030618, volume 2 (message format, MsgSeqNum, PossDupFlag) and volume 4 (execution report,
order cancel reject). What is done where it leaves a choice, or where a choice is needed:

- A message begins with ``8=FIX.4.4`` and ``9=`` of one to five digits, its body with ``35=``; the body's last octet is
  SOH, and ``10=`` of three digits, the right sum, ends the message. Anything else is malformed, though the
  specification would have a receiver skip it: TCP delivers what was sent, so a bad message is the peer's fault.
- The prefix is judged octet by octet, the rest when the message is whole.
- A field is what stands between two SOH and begins with digits and ``=``; what does not is skipped. Of a tag that comes
  twice the first counts. So a data field is read as if its SOH were separators.
- MsgSeqNum is needed and has digits only. The expected one is taken. Another is for the host, which resolves it: it
  asks for what is missing, or takes the session back. A SequenceReset moves nothing here. A Logout ends the session
  whatever its number.
- An execution report or cancel reject is about an order of ours if its ClOrdID is the configured prefix and 8
  hexadecimal digits, upper-case. Others mean nothing to risk.
- A report that lacks what its reply needs, or has it in no decimal notation, with a fraction of a share or of 1/10 000
  dollar, or beyond 32 bits, is malformed.
"""

import re
from collections.abc import Iterator

from spec import fix
from spec.config import Design
from spec.records import Reply

from .replies import Malformed, Packet, reply

_PREFIX = b"8=" + fix.BEGIN_STRING.encode() + fix.SOH + b"9="
_MAX_LENGTH_DIGITS = 5
_TRAILER = len(b"10=000\x01")
_FIELD = re.compile(rb"([0-9]+)=(.*)", re.DOTALL)
_ADMIN = {code.encode() for code in fix.ADMIN_TYPES} | {b"A"}
_EXECUTION_REPORT, _CANCEL_REJECT, _LOGOUT = b"8", b"9", b"5"
_TO_CANCEL, _TO_REPLACE = b"1", b"2"  #: CxlRejResponseTo


class FixReplies:
    """The counterparty's octets, cut into messages.

    Members
    -------
    partial : bytes
        What follows the last whole message.
    expected : int
        MsgSeqNum of the next message that is taken.
    """

    def __init__(self, design: Design):
        self.partial = b""
        self.expected = design.order.fix.expected_seq_num
        self._cl_ord_id = re.compile(re.escape(design.order.cl_ord_id_prefix.encode()) + rb"([0-9A-F]{8})")

    def take(self, octets: bytes) -> Iterator[Packet]:
        """The messages that ``octets`` complete. Raises ``Malformed`` after the last good one."""
        self.partial += octets
        while (end := _end(self.partial)) is not None and len(self.partial) >= end:
            message, self.partial = self.partial[:end], self.partial[end:]
            yield self._read(message)

    def _read(self, message: bytes) -> Packet:
        fields = _fields(message)
        sequence = _whole(fields, 34)
        kind = fields[35]
        if sequence != self.expected:
            return Packet(message, out_of_sequence=True, ends_session=kind == _LOGOUT)
        self.expected += 1
        if kind in _ADMIN:
            return Packet(message, ends_session=kind == _LOGOUT)
        read = {_EXECUTION_REPORT: self._report, _CANCEL_REJECT: self._cancel_reject}.get(kind)
        found = read and read(fields)
        return Packet(message, found, unknown=not found)

    def _report(self, fields: dict[int, bytes]):
        name = fix.EXEC_TYPES.get(fields.get(150, b"").decode("latin-1"))
        if name is None:
            return None
        kind = Reply[name]
        # An order that was cancelled on request is named by OrigClOrdID; ClOrdID is then the cancel's own.
        number = self._number(fields, 41 if kind is Reply.CANCELED and 41 in fields else 11)
        original = self._number(fields, 41) if kind is Reply.REPLACED else 0
        if number is None or original is None:
            return None
        match kind:
            case Reply.ACCEPTED | Reply.REPLACED:
                return reply(kind, number, original=original, quantity=_decimal(fields, 151, 0))
            case Reply.EXECUTED:
                return reply(kind, number, quantity=_decimal(fields, 32, 0), price=_decimal(fields, 31, 4))
            case _:
                return reply(kind, number, all=kind is Reply.CANCELED)

    def _cancel_reject(self, fields: dict[int, bytes]):
        kind = {_TO_CANCEL: Reply.CANCEL_REJECTED, _TO_REPLACE: Reply.REJECTED}.get(fields.get(434))
        number = self._number(fields, 11)
        return None if kind is None or number is None else reply(kind, number)

    def _number(self, fields: dict[int, bytes], tag: int) -> int | None:
        """UserRefNum in a ClOrdID of ours."""
        ours = self._cl_ord_id.fullmatch(fields.get(tag, b""))
        return int(ours[1], 16) if ours else None


def _end(octets: bytes) -> int | None:
    """Where the first message of ``octets`` ends; None while that is not known."""
    if not _PREFIX.startswith(octets[: len(_PREFIX)]):
        raise Malformed("no BeginString and BodyLength")
    digits, soh, _ = octets[len(_PREFIX):].partition(fix.SOH)
    if digits.strip(b"0123456789") or len(digits) > _MAX_LENGTH_DIGITS or soh and not digits:
        raise Malformed(f"BodyLength {digits[:20]!r}")
    if not soh:
        return None
    return len(_PREFIX) + len(digits) + len(soh) + int(digits) + _TRAILER


def _fields(message: bytes) -> dict[int, bytes]:
    """Tag -> value of a whole message, the trailer checked and left out."""
    body, trailer = message[:-_TRAILER], message[-_TRAILER:]
    if not body.endswith(fix.SOH) or trailer != b"10=%03d\x01" % (sum(body) % 256):
        raise Malformed("CheckSum")
    chunks = body.split(fix.SOH)[:-1]
    if len(chunks) < 3 or not chunks[2].startswith(b"35="):
        raise Malformed("no MsgType")
    fields: dict[int, bytes] = {}
    for chunk in chunks:
        if field := _FIELD.fullmatch(chunk):
            fields.setdefault(int(field[1]), field[2])
    return fields


def _whole(fields: dict[int, bytes], tag: int) -> int:
    value = fields.get(tag, b"")
    if not re.fullmatch(rb"[0-9]+", value):
        raise Malformed(f"{tag}={value!r}")
    return int(value)


def _decimal(fields: dict[int, bytes], tag: int, places: int) -> int:
    """The value times 10**places."""
    value = fields.get(tag, b"")
    number = re.fullmatch(rb"([0-9]+)(?:\.([0-9]*))?", value)
    if not number:
        raise Malformed(f"{tag}={value!r}")
    fraction = (number[2] or b"").ljust(places, b"0")
    scaled = int(number[1] + fraction[:places])
    if fraction[places:].strip(b"0") or scaled >= 1 << 32:
        raise Malformed(f"{tag}={value!r}")
    return scaled
