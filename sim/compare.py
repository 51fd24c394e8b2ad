"""Hardware against golden model: record k of a stream with record k, every field, and every octet of every order frame.

Works on batches and in bounded memory. Whole columns are compared first, and hardware's records taken apart only where
they differ.
A record that only one side has is a difference, and its neighbours are still compared with their own twins: every
record carries its message's number. What is not there to be compared is never taken for agreement.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from spec import itch, wire
from spec.counters import COUNTERS
from spec.records import POSITION, RECORDS, REPLY, Record, Refusal

from .differences import MESSAGE_MASK, Difference, Places
from .engine import Capture, OrderFrame, Stream, unpack
from .order_frames import name_octet, segment

STREAMS = tuple(record.stream for record in RECORDS)
_streams = attrgetter(*STREAMS)
TX = "tx"  #: the pseudo-stream of order frames
_RANK = {stream: i for i, stream in enumerate((*STREAMS, TX))}
_AFTER_ALL = 1 << 64
#: Fields that a record of one stage only passes on, and whose they are.
_OF_ANOTHER = {(POSITION.stream, field): REPLY.stage for field in REPLY.tuple._fields}


@dataclass
class Expected:
    """What the model says about a batch."""

    streams: dict[str, list] = field(default_factory=lambda: {stream: [] for stream in STREAMS})
    frames: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, steps: Sequence) -> "Expected":
        """From the ``Step`` of each frame."""
        made = cls()
        for step in steps:
            made.add(step)
        return made

    def add(self, step) -> None:
        """Take the ``Step`` of one more frame."""
        for records, more in zip(self.streams.values(), _streams(step), strict=True):
            if more:
                records += more
        self.frames += step.frames


def _octet_fields(expected: int, got: int) -> Iterator[tuple[str, object, object]]:
    """Two ``messages.octets`` by ITCH field."""
    mine, theirs = (octets.to_bytes(itch.MAX_MESSAGE, "little") for octets in (expected, got))
    layout = itch.MESSAGES.get(chr(mine[0]))
    covered = 0
    if layout and mine[0] == theirs[0]:
        for part in layout.fields:
            a, b = wire.read_field(part, mine), wire.read_field(part, theirs)
            if a != b:
                yield part.name, a, b
        covered = layout.length
    elif mine[0] != theirs[0]:
        yield "type", chr(mine[0]), chr(theirs[0])
        return
    for i in range(covered, itch.MAX_MESSAGE):
        if mine[i] != theirs[i]:
            yield f"octets[{i}]", mine[i], theirs[i]


class Pairs:
    """One stream: what each side has said and the other has not yet answered."""

    BACKLOG = 1 << 16  #: records; one side is never this far ahead unless the other has lost some

    def __init__(self, record: Record):
        self.record = record
        self.compared = 0
        self._got = Stream.none(record)
        self._expected: list[tuple] = []

    def add(self, got: Stream, expected: list) -> bool:
        """Take a batch. Returns whether all that can be compared is equal, which then is done with."""
        self._got = self._got + got if len(self._got) else got
        self._expected += expected
        count = min(len(self._got), len(self._expected))
        if not unpack.equal(self.record, self._got.words[:count], self._expected[:count]):
            return False
        self._drop(count, count)
        return True

    def _drop(self, got: int, expected: int) -> None:
        self._got = self._got[got:]
        del self._expected[:expected]
        self.compared += min(got, expected)

    def differences(self, final: bool) -> Iterator[tuple[str, tuple | None, tuple | None, int | None]]:
        """(kind, expected, got, cycle) of what differs, as far as it can be told; ``final``: no more will come."""
        g = e = 0
        mine, theirs, cycles = self._expected, self._got.rows, self._got.cycles.tolist()
        while True:
            more_expected, more_got = e < len(mine), g < len(theirs)
            if more_expected and more_got:
                if mine[e] != theirs[g]:
                    kind = self._kind(mine[e : e + 2], theirs[g : g + 2], final)
                    if kind == "wait":
                        break
                    yield (kind, None if kind == "surplus" else mine[e], None if kind == "missing" else theirs[g],
                           None if kind == "missing" else cycles[g])
                    e, g = e + (kind != "surplus"), g + (kind != "missing")
                else:
                    e, g = e + 1, g + 1
            elif more_expected and (final or len(mine) - e > self.BACKLOG):
                yield "missing", mine[e], None, None
                e += 1
            elif more_got and (final or len(theirs) - g > self.BACKLOG):
                yield "surplus", None, theirs[g], cycles[g]
                g += 1
            else:
                break
        self._drop(g, e)

    @staticmethod
    def _kind(mine: list, theirs: list, final: bool) -> str:
        """How the first records of both differ; a second of each tells a wrong message number from a lost record."""
        ahead = theirs[0][0] - mine[0][0] & MESSAGE_MASK
        if not ahead or (len(mine) == len(theirs) == 2 and mine[1][0] == theirs[1][0]):
            return "value"
        if len(mine) == len(theirs) == 1 and final:
            return "value"
        if (len(mine) < 2 or len(theirs) < 2) and not final:
            return "wait"
        return "missing" if ahead <= MESSAGE_MASK >> 1 else "surplus"


class Comparison:
    """Everything compared so far.

    Parameters
    ----------
    places : Places
        Where messages stood; the caller extends it before it adds a batch.
    acknowledgment
        What the model makes of a frame without payload, given the frame: such frames leave at moments that the hardware
        chooses. Default: there are none.
    keep : int
        Differences kept in ``kept``; all are counted in ``total``, by stream in ``by_stream``.

    Members
    -------
    first : Difference | None
        Of the earliest message, and there of the earliest stage: where to look.
    compared : dict[str, int]
        Records (order frames for ``tx``) by stream that stood against a record of the other side.
    """

    def __init__(self, places: Places, *, acknowledgment: Callable[[bytes], bytes] | None = None, keep: int = 100):
        self.places, self.keep, self._acknowledgment = places, keep, acknowledgment
        self.first: Difference | None = None
        self.kept: list[Difference] = []
        self.by_stream: Counter[str] = Counter()
        self._pairs = {record.stream: Pairs(record) for record in RECORDS}
        self._frames_got: deque[OrderFrame] = deque()
        self._frames_expected: deque[tuple[int, bytes]] = deque()
        self._frames_compared = 0

    @property
    def total(self) -> int:
        return self.by_stream.total()

    @property
    def compared(self) -> dict[str, int]:
        return {stream: pairs.compared for stream, pairs in self._pairs.items()} | {TX: self._frames_compared}

    def add(self, got: Capture, expected: Expected) -> None:
        """Compare a batch. What is still in flight at its end is compared with a later one."""
        for stream, pairs in self._pairs.items():
            if not pairs.add(got.streams[stream], expected.streams[stream]):
                self._walk(pairs)
        for frame in got.tx:
            part = segment(frame.octets) if self._acknowledgment else None
            if part is not None and not part.length:
                self._compare_octets(frame, self._acknowledgment(frame.octets), None)
            else:
                self._frames_got.append(frame)
        messages = [order.message for order in expected.streams["orders"]]
        self._frames_expected += zip(messages, expected.frames, strict=True)
        self._compare_frames()

    def finish(self, got: dict[str, dict[str, int]], expected: dict[str, dict[str, int]], *,
               held_back: int = 0) -> None:
        """No more will come: counters, what one side still owes, and whether anything was compared at all."""
        for pairs in self._pairs.values():
            self._walk(pairs, final=True)
        for message, octets in self._frames_expected:
            self._say("missing", TX, "frame", octets.hex(), None, message, None)
        for frame in self._frames_got:
            self._say("surplus", TX, "frame", None, frame.octets.hex(), None, frame.offered)
        for stage, names in COUNTERS.items():
            for name in names:
                if got[stage][name] != expected[stage][name]:
                    self._keep(Difference("counter", stage, "counters", name, expected[stage][name],
                                          got[stage][name]))
        if held_back:
            self._keep(Difference("held back", "feed", "rx", "tready", "always high", f"low for {held_back} cycles"))
        if not self._pairs["messages"].compared and not self.total:
            self._keep(Difference("nothing compared", "feed", "messages", "count", "at least one message", 0))

    def impossible(self, stage: str, stream: str, what: str) -> None:
        """The hardware said something that the model, or the venue, cannot take."""
        self._keep(Difference("impossible", stage, stream, "record", "one that can be", what))

    def unlawful(self, window, cycle: int, fault: str) -> None:
        """A window that ``spec.ladder`` does not know."""
        self._say("value", "windows", "window", fault, f"{window.low} to {window.high}", window.message, cycle)

    def _walk(self, pairs: Pairs, final: bool = False) -> None:
        record = pairs.record
        for kind, mine, theirs, cycle in pairs.differences(final):
            message = (theirs if mine is None else mine)[0]
            if kind != "value":
                said = record.tuple(*(theirs if mine is None else mine))
                self._say(kind, record.stream, "record", *((None, said) if mine is None else (said, None)),
                          message, cycle)
                continue
            for name, a, b in zip(record.tuple._fields, mine, theirs, strict=True):
                if a == b:
                    continue
                if name == "octets":
                    for part, *values in _octet_fields(a, b):
                        self._say("value", record.stream, part, *values, message, cycle)
                elif name == "refusals":
                    self._say("value", record.stream, name, _refusals(a), _refusals(b), message, cycle)
                else:
                    self._say("value", record.stream, name, a, b, message, cycle)

    def _compare_frames(self) -> None:
        while self._frames_got and self._frames_expected:
            frame, (message, octets) = self._frames_got.popleft(), self._frames_expected.popleft()
            self._frames_compared += 1
            self._compare_octets(frame, octets, message)

    def _compare_octets(self, frame: OrderFrame, octets: bytes, message: int | None) -> None:
        if frame.error:
            self._say("value", TX, "tuser", 0, 1, message, frame.offered)
        if frame.octets == octets:
            return
        if len(frame.octets) != len(octets):
            self._say("value", TX, "length", len(octets), len(frame.octets), message, frame.offered)
        for i, (a, b) in enumerate(zip(octets, frame.octets, strict=False)):
            if a != b:
                self._say("value", TX, name_octet(octets, i), f"0x{a:02x}", f"0x{b:02x}", message, frame.offered)

    def _say(self, kind, stream, name, expected, got, message, cycle) -> None:
        place = self.places.get(message)
        stage = "order" if stream == TX else _OF_ANOTHER.get((stream, name), self._pairs[stream].record.stage)
        if cycle is None and place:
            cycle = place.cycle
        self._keep(Difference(kind, stage, stream, name, expected, got, message, place, cycle))

    def _keep(self, difference: Difference) -> None:
        self.by_stream[difference.stream] += 1
        if len(self.kept) < self.keep:
            self.kept.append(difference)
        if self.first is None or _order(difference) < _order(self.first):
            self.first = difference


def _order(difference: Difference) -> tuple[int, int]:
    """Earliest message first, then upstream first; counters and verdicts concern no message and come last."""
    message = _AFTER_ALL if difference.message is None else difference.message
    return message, _RANK.get(difference.stream, len(_RANK) + list(COUNTERS).index(difference.stage))


def _refusals(bits: int) -> str:
    names = [refusal.name for refusal in Refusal if refusal & bits]
    return " | ".join(names) + (f" | {rest:#x}" if (rest := bits & ~sum(Refusal)) else "") or "approved"
