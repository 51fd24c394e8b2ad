"""Payload that was received and not yet parsed: a ring of octets, each where its sequence number says."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spec.ethernet import IPV4, TCP

from ..memory import PlainMemory
from ..pipeline import delay
from .segments import LANES, SEGMENT
from .untag import BEATS, PlainBeat

_FIRST = (SEGMENT + TCP.length) // LANES  # the first beat that can hold payload
_BITS = 18  # of offsets within a segment, signed


class ReceiveBuffer(wiring.Component):
    """Stores payload as it comes and forgets it unless ``received`` moves over it.

    An octet with sequence number s stands in row s // 8 of bank s modulo 8. Whatever of a segment lies between
    ``received`` and the end of the room is written before anyone knows whether the segment is good: nothing is lost
    where nothing was. II 1 beat in, 1 octet out. Latency from a beat to its octets in the ring ``WRITTEN`` cycles, from
    ``received`` to the first octet on ``octets`` ``READ`` cycles.

    Parameters
    ----------
    size : int
        Octets, a power of two.

    Members
    -------
    beats, sequence, header_words, total_length
        Of ``Untag`` and ``Segments``.
    received
        Sequence number after the last octet in order. Moves after a segment's last beat by ``MOVES`` cycles at most.
    clear
        Begin at ``received`` with nothing.
    room
        Octets that find room after ``received``; of ``received`` one cycle before.
    taken
        Sequence number after the last octet read: the room ends ``size`` octets behind it.
    octets
        What was received, in order.
    empty
        Everything up to ``received`` was taken from ``octets``.
    """

    _DELAY = 6  # of beats: the segment before has moved ``received`` before an offset is made from it
    WRITTEN = _DELAY + 2
    MOVES = 8
    READ = 5

    def __init__(self, *, size: int):
        if size < 64 or size & size - 1:
            raise ValueError(f"size must be a power of two of at least 64, not {size!r}")
        self._size = size
        super().__init__({
            "beats": In(BEATS),
            "sequence": In(32),
            "header_words": In(4),
            "total_length": In(16),
            "received": In(32),
            "clear": In(1),
            "room": Out(range(size + 1)),
            "taken": Out(32),
            "octets": Out(stream.Signature(8)),
            "empty": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        size = self._size
        banks = [PlainMemory(shape=8, depth=size // LANES) for _ in range(LANES)]
        for i, bank in enumerate(banks):
            m.submodules[f"bank_{i}"] = bank

        # Where the first beat that can hold payload stands: relative to ``received``, and in the ring. These follow the
        # headers freely, four cycles behind, and are taken with the beat before.
        start = LANES * _FIRST - SEGMENT - (self.header_words << 2)  # octets of payload before the beat
        distance = Signal(signed(32))
        length = Signal(signed(_BITS))
        m.d.sync += [
            distance.eq(self.sequence - self.received),
            length.eq(self.total_length - IPV4.length - (self.header_words << 2)),
        ]
        low, end, takes = Signal(signed(_BITS)), Signal(signed(_BITS)), Signal()
        m.d.sync += [
            # What begins beyond a hole is not taken.
            takes.eq((distance == 0) | (distance[_BITS - 2 :] == ~C(0, 32 - _BITS + 2))),
            low.eq(distance[: _BITS - 1].as_signed() + start),
            end.eq(distance[: _BITS - 1].as_signed() + length),
        ]
        limit = Signal(signed(_BITS))
        m.d.sync += limit.eq(Mux(end < self.room, end, self.room))
        left = Signal(signed(_BITS))
        takes_1, low_1 = delay(m, takes, 1, name="takes_1"), delay(m, low, 1, name="low_1").as_signed()
        m.d.sync += left.eq(Mux(takes_1, limit - low_1, 0))
        first_low = delay(m, low, 2, name="low_2").as_signed()
        position = Signal(range(size))
        m.d.sync += position.eq(self.sequence + start)
        first_position = delay(m, position, 3, name="position_3")

        beats = delay(m, Cat(self.beats.payload, self.beats.valid), self._DELAY, name="beats_delayed")
        valid, beat = beats[-1], PlainBeat(beats[:-1])
        valid = valid & delay(m, C(1, 1), self._DELAY, name="after_reset", reset=True)
        now_low, now_left = Signal(signed(_BITS)), Signal(signed(_BITS))
        row, turn = Signal(range(size // LANES)), Signal(range(LANES))
        with m.If(valid):
            m.d.sync += [now_low.eq(now_low + LANES), now_left.eq(now_left - LANES), row.eq(row + 1)]
            with m.If(beat.index == _FIRST - 1):
                m.d.sync += [now_low.eq(first_low), now_left.eq(left),
                             row.eq(first_position[3:]), turn.eq(first_position[:3])]

        # The lanes to be written; then each bank's octet and row.
        from_lane = Mux(now_low >= 0, 0xFF, Mux(now_low < -LANES, 0, ~((1 << (-now_low)[:4]) - 1)))[:LANES]
        to_lane = Mux(now_left < 0, 0, Mux(now_left >= LANES, 0xFF, (1 << now_left[:3]) - 1))[:LANES]
        lanes, octets = Signal(LANES), Signal(64)
        rows, turns = Signal.like(row), Signal.like(turn)
        m.d.sync += [
            lanes.eq(Mux(valid & (beat.index >= _FIRST), from_lane & to_lane, 0)),
            octets.eq(beat.octets),
            rows.eq(row),
            turns.eq(turn),
        ]
        for i, bank in enumerate(banks):
            lane = (i - turns)[:3]
            m.d.sync += [
                bank.write_enable.eq(lanes.bit_select(lane, 1)),
                bank.write_data.eq(octets.word_select(lane, 8)),
                bank.write_address.eq(rows + (i < turns)),
            ]

        # Reading: ``place`` is the octet that the banks show if ``shown``.
        written = delay(m, self.received, 2, name="written")
        place, shown, take = Signal(32), Signal(), Signal()
        after = Signal(32)
        m.d.comb += [
            take.eq(shown & (~self.octets.valid | self.octets.ready)),
            after.eq(place + 1),
        ]
        mask = range(size.bit_length())  # the distance between the two is at most ``size``
        next_place = Mux(take, after, place)
        m.d.sync += [
            place.eq(next_place),
            shown.eq(Mux(take, after[: len(mask)] != written[: len(mask)], place[: len(mask)] != written[: len(mask)])),
            self.octets.valid.eq(take | (self.octets.valid & ~self.octets.ready)),
            self.room.eq(place + size - self.received),
            self.empty.eq((place == self.received) & ~self.octets.valid),
        ]
        with m.If(take):
            m.d.sync += self.octets.payload.eq(
                Cat(bank.read_data for bank in banks).word_select(place[:3], 8))
        for bank in banks:
            m.d.comb += bank.read_address.eq(next_place[3:])
        m.d.comb += self.taken.eq(place)
        with m.If(self.clear):
            m.d.sync += [place.eq(self.received), shown.eq(0), self.octets.valid.eq(0)]
        return m
