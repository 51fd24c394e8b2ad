"""FIX 4.4 messages as octets: framing, fields, times.

Source: FIX 4.4 with errata 20030618, volume 2. simplefix reads and writes the fields, BodyLength and CheckSum. It looks
for the end of a message by its tag 10 and checks neither: where a message ends, and whether it is whole, is decided
here.
"""

import re
from datetime import UTC, datetime

import simplefix

from spec import fix

from .connection import Malformed
from .fix_tags import FORMAT, REQUIRED_MISSING, FieldError, Tag

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
        pairs = [(int(tag), value.decode("latin-1")) for tag, value in parsed.pairs] if parsed else []
    except (simplefix.errors.ParsingError, ValueError) as error:
        raise Malformed(f"fields: {error}") from None
    if not pairs:
        raise Malformed("no fields")
    found: dict[int, str] = {}
    for tag, value in pairs:
        found.setdefault(tag, value)
    return found


def encode(header: Pairs, body: Pairs) -> bytes:
    """A message; BeginString, BodyLength and CheckSum are filled in. ``header`` begins with MsgType."""
    message = simplefix.FixMessage()
    for tag, value in ((Tag.BEGIN_STRING, fix.BEGIN_STRING), *header, *body):
        message.append_pair(int(tag), value.encode("latin-1") if isinstance(value, str) else value)
    return message.encode()


def utc(ns: int) -> str:
    """UTCTimestamp with milliseconds."""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    return f"{moment:%Y%m%d-%H:%M:%S}.{ns // 1_000_000 % 1000:03d}"


def require(found: dict[int, str], *tags: Tag) -> None:
    """Raises ``FieldError`` for the first one that is missing."""
    for tag in tags:
        if tag not in found:
            raise FieldError(tag, REQUIRED_MISSING, f"required tag {tag:d} is missing")


def whole(found: dict[int, str], tag: Tag) -> int:
    """The value of a field that counts something. Raises ``FieldError``."""
    require(found, tag)
    if not re.fullmatch("[0-9]{1,18}", found[tag]):
        raise FieldError(tag, FORMAT, f"{tag:d}={found[tag]} is no number")
    return int(found[tag])
