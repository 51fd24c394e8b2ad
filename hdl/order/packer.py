"""Messages of variable length as beats of their frames."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec import fix
from spec.config import Design

from ..arithmetic import table
from .fix_encode import Text
from .fix_message import CHECKSUM, MOST, ORDERS, Kind, Message, Octet, Piece, Variable

LANES = 8  #: octets per beat
_ROW = 3  #: beats that a piece reaches, at most: up to LANES - 1 octets are there already
_TAIL = len(f"10=000{fix.SOH.decode()}")


class Beats(data.Struct):
    """A beat of payload, aligned to its frame."""

    data: 64  #: zero where ``keep`` is
    keep: 8
    last: 1


class Packer(wiring.Component):
    """Writes FIX messages one behind another, each from the lane on where a frame's payload begins.

    A message is cut, when the core is generated, into pieces of ``LEAST`` to ``MOST`` octets. One piece is put behind
    the octets that are there already whenever fewer than a beat of those are left, so that every piece but the last
    fills a beat at least, and no cycle is without one.

    Latency from ``texts`` to the first beat on ``beats``: ``LATENCY`` cycles if nothing is under way. From then on a
    beat per cycle to the message's end.

    Parameters
    ----------
    design : Design
    lane : int
        Of a message's first octet.

    Members
    -------
    texts, checksums
        What to write, and FIX's checksum of it, which may come a few cycles later. Taken before a message's first piece
        and after its last.
    load, text, text_length
        Octets that a session message has before its checksum. ``load`` only while ``idle``, and before its ``texts``.
    beats
        Taken one by one.
    idle
        No session message's octets wait.
    """

    LATENCY = 4

    def __init__(self, *, design: Design, lane: int):
        if not 0 <= lane < LANES:
            raise ValueError(f"lane must be below {LANES}, not {lane!r}")
        self._design, self._lane = design, lane
        super().__init__({
            "texts": In(stream.Signature(Text)), "checksums": In(stream.Signature(4 * CHECKSUM)), "load": In(1),
            "text": In(8 * fix.MAX_ADMIN_BODY), "text_length": In(7), "beats": Out(stream.Signature(Beats)),
            "idle": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        messages = {kind: Message(kind, self._design).pieces() for kind in Kind}
        # Every piece once, whatever messages it is of. The last but one is eight octets of a session message's text.
        pieces = list(dict.fromkeys(piece for cut in messages.values() for piece in cut))
        ends = messages[Kind.ADMIN].pop()
        pieces.remove(ends)
        text_at, end_at = len(pieces), len(pieces) + 1
        routes = {kind: [pieces.index(piece) for piece in cut] for kind, cut in messages.items()}
        assert all(cut[0] == messages[Kind.ENTER][0] for cut in messages.values()), "all messages begin alike"

        said = Signal(Text)  # of the message that is being cut
        kind = Cat(said.kind == each for each in Kind)
        busy, at = Signal(), Signal(len(pieces) + 2, init=1)  # one-hot: the piece that is next
        text, text_waits = Signal(8 * fix.MAX_ADMIN_BODY), Signal()
        eights, rest = Signal(4), Signal(3)  # octets of text
        with m.If(self.load):
            m.d.sync += [text.eq(self.text), Cat(rest, eights).eq(self.text_length), text_waits.eq(1)]
        m.d.comb += self.idle.eq(~text_waits)

        # Which piece comes after which.
        final = at[end_at] | reduce(or_, (at[route[-1]] & kind[each] for each, route in routes.items()
                                          if each is not Kind.ADMIN))
        after = [[] for _ in range(len(pieces) + 2)]
        for each, route in routes.items():
            for here, there in zip(route, route[1:], strict=False):
                after[there].append(at[here] & kind[each])
        ready_for_text = (at[routes[Kind.ADMIN][-1]] & kind[Kind.ADMIN])
        after[text_at] += [ready_for_text & (eights != 0), at[text_at] & (eights > 1)]
        after[end_at] += [ready_for_text & (eights == 0), at[text_at] & (eights <= 1)]

        # The piece, its octets from the lowest on, and how many they are.
        piece, length = Signal(8 * MOST), Signal(range(MOST + 1))
        is_first, is_last, has_piece, goes = (Signal(name=name) for name in (
            "is_first", "is_last", "has_piece", "goes"))
        parts = [self._filled(each, said) for each in pieces]
        parts.append((text[: 8 * LANES], C(LANES, 4)))
        tail = Cat(C(c, 8) if isinstance(c, int) else self._octet(c, said) for c in ends.items)
        kept = text[: 8 * (LANES - 1)]
        parts.append((kept | (tail << (8 * rest)), table(rest, [n + _TAIL for n in range(LANES)])))
        with m.If(goes):
            m.d.sync += [
                piece.eq(reduce(or_, (Mux(at[i], octets, 0) for i, (octets, _) in enumerate(parts)))),
                length.eq(reduce(or_, (Mux(at[i], count, 0) for i, (_, count) in enumerate(parts)))),
                is_first.eq(at[0]), is_last.eq(final), has_piece.eq(busy),
            ]
            with m.If(busy):
                m.d.sync += at.eq(Mux(final, 1, Cat(Cat(C(0, 1), *terms).any() for terms in after)))
                with m.If(at[text_at]):
                    m.d.sync += [text.eq(text[8 * LANES :]), eights.eq(eights - 1)]
                with m.If(at[end_at]):
                    m.d.sync += text_waits.eq(0)
        m.d.sync += self.checksums.ready.eq(goes & final & busy)  # the next message has none yet that it wants
        # A cycle without a message does not matter while the next frame's headers leave.
        m.d.comb += self.texts.ready.eq(~busy)
        with m.If(~busy):
            m.d.sync += [busy.eq(self.texts.valid), said.eq(self.texts.payload)]
        with m.If(goes & final & busy):
            m.d.sync += busy.eq(0)

        # Its place: behind what is there.
        behind, begins, end = Signal(range(LANES)), Signal(range(LANES)), Signal(range(LANES + MOST))
        moves = Signal()
        row, keep, beats = Signal(64 * _ROW), Signal(LANES * _ROW), Signal(range(_ROW + 1))
        has_row, row_is_last = Signal(), Signal()
        m.d.comb += [
            begins.eq(Mux(is_first, self._lane, behind)),
            end.eq(begins + length),
            goes.eq(~has_piece | moves),
        ]
        with m.If(moves):
            m.d.sync += [
                has_row.eq(has_piece),
                row.eq(piece << (begins << 3)),
                keep.eq(Cat((end > i) & (begins <= i if i < LANES else 1) for i in range(LANES * _ROW))),
                beats.eq((end + Mux(is_last, LANES - 1, 0)) >> 3), row_is_last.eq(is_last),
            ]
            with m.If(has_piece):
                m.d.sync += behind.eq(end[:3])

        # Beats: those that are whole, and the octets behind them.
        waiting = [Signal(Beats, name=f"waiting_{i}") for i in range(_ROW)]
        whole = Signal(range(_ROW + 1))
        takes, leaves = Signal(), Signal()
        m.d.comb += [
            self.beats.valid.eq(whole != 0), self.beats.payload.eq(waiting[0]),
            leaves.eq(self.beats.valid & self.beats.ready),
            takes.eq(has_row & ((whole == 0) | ((whole == 1) & leaves))),
            moves.eq(~has_row | takes),
        ]
        with m.If(takes):
            m.d.sync += whole.eq(beats)
            for i, beat in enumerate(waiting):
                mine = Cat(row.word_select(i, 64), keep.word_select(i, LANES), row_is_last & (beats == i + 1))
                there = Mux(whole[0], waiting[1].as_value(), waiting[0].as_value()) if i == 0 else 0
                m.d.sync += beat.as_value().eq(mine | there)
        with m.Elif(leaves):
            m.d.sync += whole.eq(whole - 1)
            m.d.sync += [beat.eq(following) for beat, following in zip(waiting, [*waiting[1:], 0], strict=True)]
        return m

    def _filled(self, piece: Piece, said) -> tuple[Value, Value]:
        """Octets, zero past its length, and the length."""
        octets, length, fixed = [], C(0, 1), 0
        for i, item in enumerate(piece.items):
            if isinstance(item, Variable):
                values, count = self._variable(item, said)
                if item.source == "cents":
                    rest = [self._octet(each, said) for each in piece.items[i + 1 :]]
                    short, long = (Cat(*octets, *values[:n], *rest) for n in (item.least, item.most))
                    return Mux(said.four, long, short), Mux(said.four, len(long) // 8, len(short) // 8)
                octets += values
                length = count
            else:
                octets.append(self._octet(item, said))
                fixed += 1
        # A table where an adder would be a carry chain.
        return Cat(octets), table(length, [n + fixed for n in range(1 << len(length))])

    @staticmethod
    def _variable(item: Variable, said) -> tuple[list[Value], Value]:
        if item.source == "symbol":
            return [said.symbol.word_select(i, 8) for i in range(item.most)], said.symbol_length
        digits = Value.cast(said[item.source])
        if item.source == "body":
            length = Mux(said.body_long, item.most, item.least)
        elif item.source == "cents":
            length = C(0, 1)
        else:
            length = said[f"{item.source}_length"]
        there = [C(1, 1)] * item.most if item.source == "cents" else [length > i for i in range(item.most)]
        return [Mux(there[i], _digit(digits.word_select(i, 4)), 0) for i in range(item.most)], length

    def _octet(self, item: int | Octet, said) -> Value:
        if isinstance(item, int):
            return C(item, 8)
        match item.source:
            case "type":
                types = [C(ord(ORDERS[each][2].value), 8) if each in ORDERS else said.type for each in Kind]
                return Array(types)[said.kind]
            case "side":
                return _digit(said.side)
            case "user_ref_num" | "target":
                nibble = said[item.source].word_select(7 - item.index, 4)
                return Array(C(ord(f"{value:X}"), 8) for value in range(16))[nibble]
        if item.source == "checksum":
            return _digit(self.checksums.payload.word_select(item.index, 4))
        return _digit(said[item.source][item.index])


def _digit(value) -> Value:
    """In ASCII."""
    return C(ord("0"), 8) | value
