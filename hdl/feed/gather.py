"""Gather: the octets of a message, from whatever lanes and beats they came in, side by side."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.feed.framer import LENGTH_BITS
from hdl.feed.frames import BEATS
from spec import itch
from spec.itch import MAX_MESSAGE

_ROWS = -(-MAX_MESSAGE // 8)
COMING = itch.MESSAGES["U"]["new_reference"].end  #: octets that are shown one cycle earlier too


def turned(beat: Value, lane: Value) -> Value:
    """The octets of ``beat`` from the one after ``lane`` on, and around."""
    return Array(beat.rotate_right(8 * ((i + 1) % 8)) for i in range(8))[lane]


def octet_mask(octets: Value) -> Value:
    """Each bit of ``octets`` eight times."""
    return Cat(bit.replicate(8) for bit in octets)


class Gather(wiring.Component):
    """Message octets in rows of eight. Latency 2 cycles from ``beats``; II 1 message per two beats.

    A message begins in the lane after its length field. Its row r is in two beats: the front of the row in its beat r,
    the back in beat r+1 (counted from the beat of ``start``), both turned by the same number of lanes. So in beat r+1
    the row is put together from the beat and the beat before, and what the beat has beyond it is laid into row r+1, in
    case the message ends there. The beat of ``start`` itself writes nothing: the message that ends in it stands
    undisturbed in ``octets`` for one cycle.

    Members
    -------
    beats
        Beats of frames.
    late
        The same, one cycle later.
    start, lane, length
        From ``Framer``, in step with ``late``.
    octets
        Octet i of the message in bits 8i+7..8i, zero past its length, in the second cycle after the beat with its last
        octet was in ``beats``. (In other cycles: in the making.)
    coming
        The first of these octets one cycle earlier, two levels of logic at most behind registers; not cleared past the
        length.
    """

    beats: In(BEATS)
    late: In(BEATS)
    start: In(1)
    lane: In(3)
    length: In(LENGTH_BITS)
    octets: Out(8 * MAX_MESSAGE)
    coming: Out(8 * COMING)

    def elaborate(self, platform):
        m = Module()
        current = Signal(64)  # `late`, turned for the message under way before any start in it
        previous = Signal(64)  # the beat before `late`, turned likewise
        from_previous = Signal(8)  # the octets of a row that are in the earlier of its two beats
        wanted = Signal(8 * (_ROWS + 1))  # shift register: the octets that the message has, from `row` on
        row = Signal(_ROWS)  # one-hot: the row that this beat completes
        rows = [Signal(64, name=f"row_{r}") for r in range(_ROWS)]

        # `lane` already is that of a start in `late`, if there is one: its front is what `previous` must keep.
        with m.If(self.beats.valid):
            m.d.sync += current.eq(turned(self.beats.payload.octets, self.lane))
        with m.If(self.late.valid):
            m.d.sync += [
                previous.eq(turned(self.late.payload.octets, self.lane)),
                row.eq(row << 1),
                wanted.eq(wanted >> 8),
            ]
        with m.If(self.start):
            m.d.sync += [
                row.eq(1),
                from_previous.eq(Cat(i + self.lane < 7 for i in range(8))),
                wanted.eq(Cat(self.length > i for i in range(MAX_MESSAGE))),
            ]

        earlier = octet_mask(from_previous)
        joined = (previous & earlier) | (current & ~earlier)
        whole = joined & octet_mask(wanted[:8])
        beyond = current & octet_mask(wanted[8:16])
        for r, word in enumerate(rows):
            with m.If(self.late.valid):
                with m.If(row[r]):
                    m.d.sync += word.eq(whole)
                with m.Elif(row[r - 1] if r else 0):
                    m.d.sync += word.eq(beyond)
                with m.Elif(row[0]):
                    m.d.sync += word.eq(0)
        m.d.comb += self.octets.eq(Cat(rows))

        # What the rows take in. It counts only if the message ends in this beat and has the octet, so neither `wanted`
        # nor an idle cycle matters: six inputs a bit.
        m.d.comb += self.coming.eq(Cat(
            Mux(row[r], joined, Mux(row[r - 1] if r else 0, current, word)) for r, word in enumerate(rows)))
        return m
