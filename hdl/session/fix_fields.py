"""The fields of a FIX message's body that matter.

Source: FIX 4.4 with errata 20030618, volume 1 (tag=value, data types).
"""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

_SOH = 1
_PLACES = 4  #: of prices
_ID_DIGITS = 8


class Code(data.Struct):
    """A value of one character; 0 without the field or with any other value."""

    code: 8


class Whole(data.Struct):
    """A value of digits."""

    value: 32
    good: 1  #: there, and digits only
    large: 1  #: 2**32 or more


class Decimal(data.Struct):
    """A value in decimal notation, times ten to the places that it may have."""

    value: 32
    good: 1  #: there, with no more places and below 2**32


class Number(data.Struct):
    """UserRefNum in a ClOrdID."""

    value: 32
    ours: 1  #: the prefix and 8 hexadecimal digits, upper-case
    there: 1  #: the message has the field


TAGS = {35: Code, 34: Whole, 11: Number, 41: Number, 150: Code, 32: Decimal, 31: Decimal, 151: Decimal, 434: Code}
_PRICE = 31
NAMES = {35: "msg_type", 34: "msg_seq_num", 11: "cl_ord_id", 41: "orig_cl_ord_id", 150: "exec_type", 32: "last_qty",
         31: "last_px", 151: "leaves_qty", 434: "response_to"}
FIELDS = data.StructLayout({NAMES[tag]: shape for tag, shape in TAGS.items()})


class FixFields(wiring.Component):
    """Reads ``tag=value`` fields, one octet per cycle. Of a tag that comes twice the first counts.

    A field is there from the cycle on in which ``busy`` is low after its SOH. ``busy`` is high for one cycle after the
    SOH of a field that matters, and for another for each place that a price lacks: no octet may come then.

    Parameters
    ----------
    prefix : bytes
        Of ClOrdID.

    Members
    -------
    octet, takes
        The body. ``takes``: this cycle.
    clear
        A message begins.
    fields
        What was read.
    busy
        No octet may come.
    """

    def __init__(self, *, prefix: bytes):
        self._prefix = prefix
        super().__init__({"octet": In(8), "takes": In(1), "clear": In(1), "fields": Out(FIELDS), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        octet = self.octet
        is_digit = (octet >= ord("0")) & (octet <= ord("9"))
        digit = octet[:4]
        tag, tag_large, tag_there = Signal(10), Signal(), Signal()
        tags = [*TAGS]
        of, seen = Signal(len(tags)), Signal(len(tags))  # the field under way; those of the message so far

        # Whatever the value may be, all of it is tried.
        number, large = Signal(32), Signal()
        odd, dotted, digits = Signal(), Signal(), Signal()  # a character that is no digit, a dot, some digits
        places, excess = Signal(range(_PLACES + 1)), Signal()
        first, length = Signal(8), Signal(2)
        position, differs, hexadecimal = Signal(4), Signal(), Signal(32)
        price = of[tags.index(_PRICE)]
        tens = Signal(36)
        m.d.comb += tens.eq((number << 3) + (number << 1) + Mux(self.busy, 0, digit))

        def multiply():
            return [number.eq(tens), large.eq(large | tens[32:].any())]

        with m.FSM():
            with m.State("TAKE_TAG"):
                with m.If(self.takes):
                    with m.If(is_digit):
                        m.d.sync += [tag.eq((tag << 3) + (tag << 1) + digit), tag_there.eq(1),
                                     tag_large.eq(tag_large | (tag > 99))]
                    with m.Elif(octet == _SOH):
                        m.d.sync += [tag.eq(0), tag_there.eq(0), tag_large.eq(0)]
                    with m.Elif((octet == ord("=")) & tag_there):
                        found = Cat((tag == number) & ~tag_large for number in tags)
                        m.d.sync += [
                            of.eq(found & ~seen), seen.eq(seen | found),
                            number.eq(0), large.eq(0), odd.eq(0), dotted.eq(0), digits.eq(0), places.eq(0),
                            excess.eq(0), length.eq(0), position.eq(0), differs.eq(0),
                        ]
                        m.next = "TAKE_VALUE"
                    with m.Else():
                        m.d.sync += of.eq(0)
                        m.next = "TAKE_VALUE"
            with m.State("TAKE_VALUE"):
                with m.If(self.takes & (octet == _SOH)):
                    m.d.sync += [tag.eq(0), tag_there.eq(0), tag_large.eq(0), self.busy.eq(of.any())]
                    m.next = "TAKE_TAG"
                    with m.If(of.any()):
                        m.next = "STORE"
                with m.Elif(self.takes):
                    with m.If(length == 0):
                        m.d.sync += first.eq(octet)
                    m.d.sync += length.eq(length + ~length.all())
                    with m.If(~is_digit):
                        with m.If((octet == ord(".")) & digits & ~dotted):
                            m.d.sync += dotted.eq(1)
                        with m.Else():
                            m.d.sync += odd.eq(1)
                    with m.Elif(~dotted | (price & (places != _PLACES))):
                        m.d.sync += [digits.eq(1), *multiply(), places.eq(places + dotted)]
                    with m.Elif(digit != 0):
                        m.d.sync += excess.eq(1)
                    self._take_number(m, position, differs, hexadecimal)
            with m.State("STORE"):
                with m.If(price & (places != _PLACES)):
                    m.d.sync += [*multiply(), places.eq(places + 1)]
                with m.Else():
                    for i, (at, shape) in enumerate(TAGS.items()):
                        field = self.fields[NAMES[at]]
                        with m.If(of[i]):
                            if shape is Code:
                                m.d.sync += field.code.eq(Mux(length == 1, first, 0))
                            elif shape is Whole:
                                m.d.sync += [field.value.eq(number), field.good.eq(digits & ~odd & ~dotted),
                                             field.large.eq(large)]
                            elif shape is Decimal:
                                m.d.sync += [field.value.eq(number), field.good.eq(digits & ~odd & ~excess & ~large)]
                            else:
                                last = len(self._prefix) + _ID_DIGITS
                                m.d.sync += [field.value.eq(hexadecimal), field.there.eq(1),
                                             field.ours.eq((position == last) & ~differs)]
                    m.d.sync += self.busy.eq(0)
                    m.next = "TAKE_TAG"
        with m.If(self.clear):
            m.d.sync += [self.fields.eq(0), seen.eq(0)]
        return m

    def _take_number(self, m, position, differs, hexadecimal):
        """The octet as one of ClOrdID."""
        octet, prefix = self.octet, self._prefix
        wrong, in_prefix = Signal(), Signal()
        letter = (octet >= ord("A")) & (octet <= ord("F"))
        is_digit = (octet >= ord("0")) & (octet <= ord("9"))
        with m.Switch(position):
            for i, wanted in enumerate(prefix):
                with m.Case(i):
                    m.d.comb += [in_prefix.eq(1), wrong.eq(octet != wanted)]
            with m.Case(*range(len(prefix), len(prefix) + _ID_DIGITS)):
                m.d.comb += wrong.eq(~letter & ~is_digit)
            with m.Default():
                m.d.comb += wrong.eq(1)
        m.d.sync += [position.eq(position + ~position.all()), differs.eq(differs | wrong)]
        with m.If(~in_prefix):
            m.d.sync += hexadecimal.eq(Cat((octet[:4] + Mux(letter, 9, 0))[:4], hexadecimal))
