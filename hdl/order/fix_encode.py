"""Approved decisions as FIX 4.4 messages, numbered: all that is to be known before the first octet leaves."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec import fix
from spec.config import Design
from spec.records import ADMIN, DECISION, ORDER

from ..arithmetic import add, table
from ..link import BEGIN, NAMING, Header
from ..memory import SweptMemory
from ..pipeline import delay
from ..records import layout, records
from ..time import Time
from .checksum import PAYLOAD_SUM_BITS
from .decimal import DIGITS, Decimal
from .fix_message import CHECKSUM, PRICED, TIME, Kind, Message
from .msg_seq_num import MsgSeqNum

DOLLARS, CENTS = 6, 4  #: digits
_ZERO = ord("0")
_PARITY = ("body", "sequence", "symbol", "quantity", "dollars")  #: an odd length of these shifts what is behind them
_SUM_BITS = 14  #: octets of half a message
_NAME_SUM_BITS = 10  #: octets of half a symbol
_NAME = data.StructLayout({"octets": 64, "length": 4, "even": _NAME_SUM_BITS, "odd": _NAME_SUM_BITS})


class Text(data.Struct):
    """What a message says. Numbers are decimal digits, the first one first; past their length they mean nothing."""

    kind: 2  #: ``Kind``
    type: 8  #: of a session message
    body: data.ArrayLayout(4, 3)
    body_long: 1  #: three digits, not two
    sequence: data.ArrayLayout(4, DIGITS)
    sequence_length: 4
    time: data.ArrayLayout(4, 17)
    target: 32
    user_ref_num: 32
    symbol: 64
    symbol_length: 4
    side: 4
    quantity: data.ArrayLayout(4, DIGITS)
    quantity_length: 4
    dollars: data.ArrayLayout(4, DOLLARS)
    dollars_length: 3
    cents: data.ArrayLayout(4, CENTS)
    four: 1  #: decimals, not two


class FixEncode(wiring.Component):
    """Numbers, lengths and checksums of FIX messages (FIX 4.4, volume 2; ``spec.fix``).

    Latency from a decision: ``LATENCY`` cycles to its record, ``TEXT`` more to ``texts``, ``SUM`` more to ``sums`` and
    ``checksums``. Initiation interval 1. A decision with any refusal writes nothing. A message of the host's waits for
    a cycle without one. For ``Decimal.LATENCY + 1`` cycles after ``begin`` no message may come.

    A message's octets are summed at even and at odd places: both together are FIX's checksum, and TCP's takes the even
    ones for high octets. What differs is summed field by field, and once the lengths of all fields are known, each
    field's two sums are added to those of the message, the right way round.

    ===== ==============================================================================================
    cycle does
    ===== ==============================================================================================
    0     the decision; looks up decimal digits, compares for how many there are, takes MsgSeqNum
    1-3   makes decimal digits; sums all other octets; BodyLength but for the price's decimals
    4     sums the digits; two or four decimals
    5     both sums of the message, and its length; ``coming``
    6     the record; FIX's checksum, TCP's without it
    7     ``texts``; FIX's checksum in decimal
    8     ``checksums``, ``sums``
    ===== ==============================================================================================

    Members
    -------
    decisions
        Verdicts of risk.
    admin
        Messages that keep the session.
    admitted
        A message of the host's may be taken now.
    time
        Of the core. A message tells that of ``JUDGED`` cycles before it is taken: the decision's.
    begin
        The session goes on with these numbers.
    naming
        Of the host; seen by decisions from the second cycle after it.
    ready
        The symbols' memory is swept, as many cycles after reset as there are. No decision before.
    header
        What a TCP header says now; read in the cycle before the record.
    accepted
        A message is taken. Combinational.
    coming
        There is a record in the next cycle.
    orders
        One record per message, in order.
    texts, checksums
        What the message says; FIX's checksum in decimal.
    sums
        Of its octets in 16-bit words, carries not yet added around the end.
    next_sequence, next_msg_seq_num
        Of the next record, and of the next message taken.
    """

    LATENCY, TEXT, SUM = 6, 1, 2
    JUDGED = 2  #: cycles from a judgement, whose time it is, to its decision

    def __init__(self, *, design: Design):
        self._design = design
        self._messages = [Message(kind, design) for kind in Kind]
        self.octets = max(message.longest for message in self._messages)
        super().__init__({
            "decisions": In(records(DECISION)), "admin": In(stream.Signature(layout(ADMIN))), "admitted": In(1),
            "time": In(Time), "begin": In(BEGIN), "naming": In(NAMING), "header": In(Header), "ready": Out(1),
            "accepted": Out(1), "coming": Out(1),
            "orders": Out(records(ORDER)), "texts": Out(stream.Signature(Text, always_ready=True)),
            "checksums": Out(stream.Signature(4 * CHECKSUM, always_ready=True)),
            "sums": Out(stream.Signature(PAYLOAD_SUM_BITS, always_ready=True)), "next_sequence": Out(32),
            "next_msg_seq_num": Out(32),
        })

    def elaborate(self, platform):
        m = Module()
        approved, asked = Signal(), Signal()
        m.d.comb += [
            approved.eq(self.decisions.valid & (self.decisions.payload.refusals == 0)),
            self.admin.ready.eq(~self.decisions.valid & self.admitted),
            asked.eq(self.admin.valid & self.admin.ready),
            self.accepted.eq(approved | asked),
        ]
        decision, begin = self.decisions.payload, self.begin
        m.submodules.quantity = quantity = Decimal()
        m.submodules.price = price = Decimal()
        m.submodules.msg_seq_num = number = MsgSeqNum(first=self._design.order.fix.msg_seq_num)
        m.d.comb += [
            quantity.number.eq(Mux(begin.valid, begin.payload.msg_seq_num, decision.quantity)),
            price.number.eq(decision.price),
            number.next.eq(self.accepted),
            number.load.eq(begin.valid), number.number.eq(begin.payload.msg_seq_num),
            number.load_digits.eq(delay(m, begin.valid, Decimal.LATENCY, name="begin", reset=True)),
            number.digits.eq(quantity.digits),
            self.next_msg_seq_num.eq(number.count),
        ]
        # What begins with c and a number is of so many cycles after the decision.
        c1 = self._take(m, number)
        c2 = self._count_digits(m, c1)
        c3 = self._measure(m, c1, c2)
        c4 = self._sum_early(m, c1, c2, c3)
        c6 = self._sum_all(m, c1, c2, c3, c4, quantity.digits, price.digits)
        self._write_record(m, number, c6["length_5"])
        self._finish(m, c6)

        text, cents = self.texts.payload, Value.cast(price.digits)[: 4 * CENTS]
        quantity_length, dollars_length = c2["lengths"]["quantity"], c2["lengths"]["dollars"]
        values = {  # and the cycle in which they are so
            "kind": (c1["kind"], 1), "type": (c1["type"], 1), "body": (c6["body"], 6),
            "body_long": (c3["body_long"], 3),
            "sequence": (_first_first(delay(m, c1["number"], 1, name="number"), c2["lengths"]["sequence"]), 2),
            "sequence_length": (c2["lengths"]["sequence"], 2), "time": (c1["time"], 1), "target": (c1["target"], 1),
            "user_ref_num": (c1["user_ref_num"], 1), "symbol": (c1["symbol"].octets, 1),
            "symbol_length": (c1["symbol"].length, 1), "side": (c1["side"], 1),
            "quantity": (_first_first(quantity.digits, delay(m, quantity_length, 2, name="quantity_length_4")), 4),
            "quantity_length": (quantity_length, 2),
            "dollars": (_first_first(Value.cast(price.digits)[4 * CENTS :],
                                     delay(m, dollars_length, 2, name="dollars_length_4")), 4),
            "dollars_length": (dollars_length, 2),
            "cents": (Cat(cents.word_select(i, 4) for i in reversed(range(CENTS))), 4), "four": (c6["four"], 6),
        }
        now = self.LATENCY + self.TEXT
        m.d.comb += [
            text.as_value().eq(Cat(delay(m, Cat(values[name][0], C(0, field.width))[: field.width],
                                         now - values[name][1], name=f"{name}_8")
                                   for name, field in data.Layout.cast(Text))),
            self.texts.valid.eq(delay(m, self.orders.valid, self.TEXT, name="text_valid", reset=True)),
            self.sums.valid.eq(delay(m, self.orders.valid, self.SUM, name="sum_valid", reset=True)),
            self.checksums.valid.eq(self.sums.valid),
        ]
        return m

    def _take(self, m, number) -> dict:
        """Cycle 0."""
        decision, admin = self.decisions.payload, self.admin.payload
        rows = {}
        for i, symbol in enumerate(self._design.symbols):
            stock = symbol.stock.encode()
            rows[i] = _NAME.const({"octets": int.from_bytes(stock, "little"), "length": len(stock),
                                   "even": sum(stock[::2]), "odd": sum(stock[1::2])}).as_value().value
        m.submodules.symbols = symbols = SweptMemory(shape=_NAME, depth=len(rows), rows=rows)
        names, named = _reg(m, self.naming.valid, "names"), _reg(m, self.naming.payload.symbol, "named_symbol")
        m.d.comb += [
            symbols.read_address[0].eq(decision.symbol), self.ready.eq(symbols.ready),
            symbols.write_enable.eq(names), symbols.write_address.eq(named[: len(symbols.write_address)]),
            Value.cast(symbols.write_data).eq(_reg(m, _name(self.naming.payload.stock), "named")),
        ]
        time = delay(m, self.time.digits, self.JUDGED, name="time")
        side = Mux(decision.side, Mux(decision.short, int(fix.SIDES["short"]), int(fix.SIDES["sell"])),
                   int(fix.SIDES["buy"]))
        taken = {
            "kind": Mux(self.decisions.valid, decision.action, Kind.ADMIN.value), "number": number.decimal,
            "time": time, "type": admin.type, "text": admin.text, "text_length": admin.length, "side": side,
            "user_ref_num": decision.user_ref_num, "target": decision.target,
            "quantity_above": Cat(decision.quantity >= 10**k for k in range(1, DIGITS)),
            "dollars_above": Cat(decision.price >= 10 ** (CENTS + k) for k in range(1, DOLLARS)),
        }
        return {name: _reg(m, value, f"{name}_1") for name, value in taken.items()} | {
            "symbol": symbols.read_data[0]}

    def _count_digits(self, m, c1) -> dict:
        """Cycle 1: lengths of all that differs, zero of what a message does not have. A session message's text counts
        as its symbol."""
        is_admin, priced = c1["kind"] == Kind.ADMIN, Cat(c1["kind"] == kind for kind in PRICED).any()
        some = Cat(c1["number"].word_select(i, 4).any() for i in range(DIGITS))
        lengths = {
            "sequence": _count(Cat(some[i:].any() for i in range(1, DIGITS))),
            "symbol": Mux(is_admin, c1["text_length"], c1["symbol"].length),
            "quantity": Mux(is_admin, 0, _count(c1["quantity_above"])),
            "dollars": Mux(priced, _count(c1["dollars_above"]), 0),
        }
        kind = _reg(m, c1["kind"], "kind_2")
        return {"lengths": {name: _reg(m, value, f"{name}_length") for name, value in lengths.items()}, "kind": kind,
                "is_admin": _reg(m, is_admin, "is_admin_2"), "priced": _reg(m, priced, "priced_2")}

    def _measure(self, m, c1, c2) -> dict:
        """Cycle 2: BodyLength, with two decimals, and at which places fields stand, odd or even."""
        lengths, kind = c2["lengths"], c2["kind"]
        body = table(kind, [message.body for message in self._messages])
        for length in lengths.values():
            body = body + length
        shortest = max(0, 100 - self._messages[Kind.ADMIN].body)  # what is added to it makes three digits
        body_long = _reg(m, ~c2["is_admin"] | (lengths["sequence"] + lengths["symbol"] >= shortest), "body_long_3")

        def odd(source: str, **which) -> Value:
            """Of the place where a field stands."""
            fixed, before = [0] * len(Kind), ()
            for each, message in enumerate(self._messages):
                if message.has(source, **which):
                    fixed[each], before = message.place(source, **which)
            known = table(kind, [place % 2 for place in fixed])
            for name in before:
                if name in lengths:
                    known = known ^ lengths[name][0]
            # Whether BodyLength has two digits is known in the next cycle only.
            return _reg(m, known, f"{source}_{len(which)}_place") ^ body_long

        return {
            "body": _reg(m, body[:8], "body_3"), "body_long": body_long, "kind": _reg(m, kind, "kind_3"),
            "odd": {"body": body_long} | {name: _reg(m, length[0], f"{name}_odd") for name, length in lengths.items()},
            "at": {"again": odd("time", nth=1)}
            | {name: odd(name) for name in ("symbol", "time", "user_ref_num", "target", "side", "type")}
            | {name: odd(name, last=True) for name in ("sequence", "quantity", "dollars")},
        }

    def _sum_early(self, m, c1, c2, c3) -> list:
        """Cycles 1 to 3: sums at even and at odd places of all that does not wait for decimal digits."""
        def reg(value, name):
            return _reg(m, value, name)

        is_admin = c1["kind"] == Kind.ADMIN

        def hexadecimals(name: str, present) -> list:
            """Of eight digits, the first at an even place, beyond that of the character 0."""
            digits = [c1[name].word_select(i, 4) for i in reversed(range(8))]
            octets = [Mux(present, table(digit, [ord(f"{i:X}") - _ZERO for i in range(16)]), 0) for digit in digits]
            halves = [[reg(octets[i] + octets[i + 2], f"{name}_sum_{i}") for i in (place, place + 4)]
                      for place in range(2)]
            return [reg(sum(pair), f"{name}_sums_{place}") for place, pair in enumerate(halves)]

        places = [i for i, c in enumerate(TIME) if c.isalpha()]
        times, texts = [], []
        for odd in range(2):
            of = [c1["time"].word_select(k, 4) for k, place in enumerate(places) if place % 2 == odd]
            thirds = [reg(sum(of[i : i + 3]), f"time_sum_{odd}_{i}") for i in range(0, len(of), 3)]
            times.append(reg(sum(thirds), f"time_sums_{odd}"))
            of = [Mux(is_admin, c1["text"].word_select(i, 8), 0) for i in range(odd, fix.MAX_ADMIN_BODY, 2)]
            fours = [reg(sum(of[i : i + 4]), f"text_sum_{odd}_{i}") for i in range(0, len(of), 4)]
            texts.append([reg(sum(fours[i : i + 4]), f"text_sums_{odd}_{i}") for i in range(0, len(fours), 4)])
        numbers = [reg(sum(c1["number"].word_select(i, 4) for i in range(place, DIGITS, 2)), f"number_sum_{place}")
                   for place in range(2)]
        symbols = [delay(m, Mux(is_admin, 0, c1["symbol"][name]), 2, name=f"symbol_{name}") for name in ("even", "odd")]

        def zeros(name: str, digits=(0, 0)) -> list:
            """As many characters 0 as a number has digits, the last at an even place, and the digits' sums."""
            return [reg(total + table(c2["lengths"][name], [_ZERO * ((n + 1 - place) // 2) for n in range(16)]),
                        f"{name}_zeros_{place}") for place, total in enumerate(digits)]

        is_admin3 = delay(m, is_admin, 2, name="is_admin_3")
        side, type = (delay(m, c1[name], 2, name=f"{name}_3") for name in ("side", "type"))
        groups = {
            "names": {"sequence": zeros("sequence", numbers), "symbol": symbols},
            "times": {"time": times, "again": [Mux(is_admin3, 0, total) for total in times]},
            "references": {"user_ref_num": hexadecimals("user_ref_num", ~is_admin),
                           "target": hexadecimals("target", ~is_admin & (c1["kind"] != Kind.ENTER))},
            "zeros": {"quantity": zeros("quantity"), "dollars": zeros("dollars"), "side": [Mux(is_admin3, 0, side), 0]},
            "texts": {"symbol": [half[0] for half in texts], "type": [Mux(is_admin3, type, 0), 0]},
            "more": {"symbol": [half[1] for half in texts]},
        }
        index = Cat(c3["kind"], *(c3["odd"][name] for name in _PARITY))
        constants = [self._constant(n) for n in range(1 << len(index))]
        totals = []
        for place in range(2):
            sums = [reg(table(index, [pair[place] for pair in constants]), f"constant_{place}")]
            for group, fields in groups.items():
                words = [Mux(c3["at"][name], pair[1 - place], pair[place]) for name, pair in fields.items()]
                sums.append(reg(add(m, words), f"{group}_sum_{place}"))
            totals.append((add(m, sums[:4]), add(m, sums[4:])))
        return totals

    def _constant(self, index: int) -> tuple[int, int]:
        """Both sums of a message whose digits are all 0, numbers left out but for BodyLength and the first two
        decimals; a session message's type too."""
        kind, odd = index % len(Kind), {name: index // len(Kind) >> i & 1 for i, name in enumerate(_PARITY)}
        even_sum, odd_sum = self._messages[kind].sums(odd)
        decimals = _ZERO * (kind in PRICED)
        return even_sum + _ZERO * (1 + odd["body"]) + decimals, odd_sum + _ZERO + decimals

    def _sum_all(self, m, c1, c2, c3, c4, quantity, price) -> dict:
        """Cycles 3 to 5, ``quantity`` and ``price`` in cycle 4: both sums of the message, and its lengths."""
        # BodyLength in decimal, with two decimals and with four: its first digit is at an even place.
        digits = [_reg(m, Cat(table(c3["body"], [int(str(body + more).ljust(3, "0")[i]) for body in range(256)])
                              for i in range(3)), f"body_digits_{more}") for more in (0, 2)]
        is_admin, priced = (delay(m, c2[name], 2, name=f"{name}_4") for name in ("is_admin", "priced"))
        four = priced & Cat(price[i].any() for i in range(CENTS // 2)).any()
        totals = []
        for place in range(2):
            body = [sum(each.word_select(i, 4) for i in range(place, 3, 2)) for each in digits]
            totals.append([_reg(m, part, f"part_{place}_{i}") for i, part in enumerate(c4[place])]
                          + [_reg(m, Mux(four, body[1] + _ZERO, body[0]), f"body_sum_{place}")])
        # From the last digit on; decimals go on, behind the point, where dollars end.
        halves = [[*range(CENTS + place, DIGITS, 2), *range(1 - place, CENTS, 2)] for place in range(2)]
        fields = {
            "quantity": [Mux(is_admin, 0, sum(quantity[i] for i in range(place, DIGITS, 2))) for place in range(2)],
            "dollars": [Mux(priced, sum(price[i] for i in half), 0) for half in halves],
        }
        for name, pair in fields.items():
            pair = [_reg(m, total, f"{name}_sum_{place}") for place, total in enumerate(pair)]
            odd = delay(m, c3["at"][name], 2, name=f"{name}_place_5")
            totals[0].append(Mux(odd, pair[1], pair[0]))
            totals[1].append(Mux(odd, pair[0], pair[1]))
        four5 = _reg(m, four, "four_5")
        # Known before it is known which of them it is.
        around = len(f"8={fix.BEGIN_STRING}|9=|10=000|") + 2 + delay(m, c3["body_long"], 1, name="body_long_4")
        body = delay(m, c3["body"], 1, name="body_4")
        two, four_more = (_reg(m, body + (around + decimals), f"length_{decimals}_5") for decimals in (0, 2))
        length5 = Mux(four5, four_more, two)
        return {
            "length_5": length5, "length": _reg(m, length5, "length_6"),
            "sums": [_reg(m, add(m, total)[:_SUM_BITS], f"all_sum_{place}")
                     for place, total in enumerate(totals)],
            "body": _reg(m, _reg(m, Mux(four, digits[1], digits[0]), "body_digits_5"), "body_digits_6"),
            "four": _reg(m, four5, "four_6"),
        }

    def _write_record(self, m, number, length) -> None:
        """Cycle 5."""
        decision, order = self.decisions.payload, self.orders.payload
        approved = self.decisions.valid
        names = ("message", "decision", "user_ref_num")
        said = delay(m, Cat(Mux(approved, Cat(decision[name] for name in names), 0), ~approved, number.count,
                            delay(m, self.time.ns, self.JUDGED, name="ns")), self.LATENCY - 1, name="said")
        sequence = Signal(32, init=self._design.order.tcp_sequence)
        m.d.comb += [
            self.coming.eq(delay(m, self.accepted, self.LATENCY - 1, name="accepted_5", reset=True)),
            self.next_sequence.eq(sequence),
        ]
        m.d.sync += self.orders.valid.eq(self.coming)
        with m.If(self.coming):
            m.d.sync += [
                Cat(*(order[name] for name in names), order.admin, order.msg_seq_num, order.sending_time).eq(said),
                order.tcp_sequence.eq(sequence), order.length.eq(length),
                *(order[name].eq(self.header[name]) for name in ("acknowledgment", "window", "ts_value", "ts_echo")),
                sequence.eq(sequence + length),
            ]
        with m.If(self.begin.valid):
            m.d.sync += sequence.eq(self.begin.payload.tcp_sequence)

    def _finish(self, m, c6) -> None:
        """Cycles 6 and 7: FIX's checksum, which counts in TCP's."""
        even, odd = c6["sums"]
        own = sum(b"10=000" + fix.SOH)  # does not count in itself
        total = _reg(m, (even + odd + (-own % 256))[:8], "total_7")
        words = _reg(m, Cat(even[8:], C(0, 16 - _SUM_BITS), even[:8]) + odd, "words_7")
        digits = [table(total, [int(f"{value:03d}"[i]) for value in range(256)]) for i in range(CHECKSUM)]
        outer, inner = table(total, [value // 100 + value % 10 for value in range(256)]), digits[1]
        outer, inner = (Cat(value, C(0, 8 - len(value))) for value in (outer, inner))
        # They begin four octets before the end: the two outer ones are high octets if that is an even place.
        by_place = Mux(delay(m, c6["length"][0], 1, name="length_odd_7"), Cat(outer, inner), Cat(inner, outer))
        m.d.comb += [
            self.sums.payload.eq(_reg(m, words + by_place, "words_8")),
            self.checksums.payload.eq(_reg(m, Cat(Cat(digit, C(0, 4))[:4] for digit in digits), "checksum_8")),
        ]


def _reg(m: Module, value, name: str) -> Signal:
    """``value`` of the cycle before."""
    value = Value.cast(value)
    held = Signal(value.shape(), name=name, reset_less=True)
    m.d.sync += held.eq(value)
    return held


def _name(stock: Value) -> Value:
    """``_NAME`` of a stock with spaces at its end."""
    octets = [stock.word_select(i, 8) for i in range(8)]
    there = [octet != ord(" ") for octet in octets]
    octets = [Mux(one, octet, 0) for one, octet in zip(there, octets, strict=True)]
    parts = (Cat(octets), 64), (sum(there), 4), (sum(octets[::2]), _NAME_SUM_BITS), (sum(octets[1::2]), _NAME_SUM_BITS)
    return Cat(Cat(value, C(0, bits))[:bits] for value, bits in parts)


def _count(above: Value) -> Value:
    """How many digits a number has that is at or above 10, 100 and so on."""
    ends = [~above[0], *(above[i] & ~above[i + 1] for i in range(len(above) - 1)), above[-1]]
    width = len(ends).bit_length()
    return Cat(Cat(end for n, end in enumerate(ends, 1) if n >> bit & 1).any() for bit in range(width))


def _first_first(digits, length: Value) -> Value:
    """``length`` digits, whose last stands first, turned round."""
    digits = Value.cast(digits)
    count = len(digits) // 4
    return Cat(Mux(length > i, Array(digits.word_select(max(0, n - 1 - i), 4) for n in range(count + 1))[length], 0)[:4]
               for i in range(count))
