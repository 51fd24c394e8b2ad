"""TCP's checksum (RFC 9293, section 3.1; RFC 1071)."""

from functools import reduce

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..pipeline import delay

_GROUP = 6  #: words added at a time: three levels of carry-save and one chain
TEXT_SUM_BITS = 17  #: of a message's sum that comes from elsewhere


def ones_complement_sum(octets: bytes) -> int:
    """The 16-bit one's complement sum of RFC 1071, not inverted. An odd last octet is padded with zero."""
    octets += bytes(len(octets) % 2)
    total = sum(int.from_bytes(octets[i : i + 2], "big") for i in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def add(m: Module, words: list[Value], name: str) -> Value:
    """The sum of up to ``_GROUP`` words by carry-save and one addition."""
    words = [Value.cast(word) for word in words]
    width = max(map(len, words)) + 3
    while len(words) > 2:
        compressed = []
        while len(words) >= 3:
            a, b, c, *words = words
            total, carry = Signal(width, name=f"{name}_sum"), Signal(width, name=f"{name}_carry")
            m.d.comb += [total.eq(a ^ b ^ c), carry.eq(Cat(C(0, 1), (a & b) | (a & c) | (b & c)))]
            compressed += [total, carry]
        words = compressed + words
    return reduce(lambda a, b: a + b, words)[:width]


class Checksum(wiring.Component):
    """Sums payload and header of a segment, and inverts.

    Latency: ``LATENCY`` cycles for ``checksum``, one less for ``payload_sum``. II = 1.

    Parameters
    ----------
    header, payload : int
        Number of 16-bit words. Without ``payload`` all of its sum is ``extra``.

    Members
    -------
    take
        Sum what follows, as it stands.
    header, payload
        Words in host order, pseudo-header among the first.
    extra
        Sum of payload that is not in ``payload``, as it stands ``EXTRA`` cycles later.
    checksum
        Of what was taken last, ``LATENCY`` cycles ago or longer.
    payload_sum
        One's complement sum of ``payload`` and ``extra``, not inverted.
    """

    LATENCY, EXTRA = 5, 2

    def __init__(self, *, header: int, payload: int):
        if not 1 <= header <= _GROUP**2 or not 0 <= payload <= _GROUP**2:
            raise ValueError(f"header and payload must be up to {_GROUP**2} words, not {header!r} and {payload!r}")
        super().__init__({
            "take": In(1), "header": In(16).array(header), "payload": In(16).array(payload), "extra": In(TEXT_SUM_BITS),
            "checksum": Out(16), "payload_sum": Out(16),
        })

    def elaborate(self, platform):
        m = Module()

        def register(value, name, enable=1) -> Value:
            held = Signal(len(value), name=name)
            with m.If(enable):
                m.d.sync += held.eq(value)
            return held

        def total(words, name) -> Value:
            """Two cycles."""
            if not words:
                return C(0, 1)
            groups = [words[i : i + _GROUP] for i in range(0, len(words), _GROUP)]
            words = [register(add(m, group, f"{name}_{i}"), f"{name}_{i}", self.take)
                     for i, group in enumerate(groups)]
            return register(add(m, words, f"{name}_all"), f"{name}_total")

        header, payload = (total(list(words), name) for words, name in (
            (self.header, "header"), (self.payload, "payload")))

        def folded(value, name) -> Value:
            """Two end-around carries: the first leaves at most one more."""
            once = register((value[:16] + value[16:])[:17], f"{name}_once")
            return register((once[:16] + once[16])[:16], f"{name}_folded")

        comes = delay(m, self.take, self.EXTRA, name="take", reset=True)
        extra = Mux(comes, self.extra, register(self.extra, "extra", comes))
        whole = register(add(m, [header, payload, extra], "whole"), "whole")
        own = register(payload + extra, "own")
        m.d.comb += [
            self.payload_sum.eq(folded(own, "payload")),
            self.checksum.eq(~folded(whole, "whole")),
        ]
        return m
