"""TCP's checksum (RFC 9293, section 3.1; RFC 1071)."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic import add
from ..pipeline import delay

_GROUP = 6  #: words added at a time: three levels of carry-save and one chain
PAYLOAD_SUM_BITS = 20  #: of the sum of 16 words


def ones_complement_sum(octets: bytes) -> int:
    """The 16-bit one's complement sum of RFC 1071, not inverted. An odd last octet is padded with zero."""
    octets += bytes(len(octets) % 2)
    total = sum(int.from_bytes(octets[i : i + 2], "big") for i in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class Checksum(wiring.Component):
    """Sums a segment's header, adds the sum of its payload, and inverts.

    Latency: ``LATENCY`` cycles. II = 1.

    Parameters
    ----------
    header : int
        Number of 16-bit words.

    Members
    -------
    take
        Sum what follows, as it stands.
    header
        Words in host order, pseudo-header among them.
    payload
        Sum of the payload's words, as it stands ``PAYLOAD`` cycles later.
    checksum, payload_sum
        Of what was taken last, ``LATENCY`` cycles ago or longer; and of its payload alone, not inverted.
    """

    LATENCY, PAYLOAD = 5, 2

    def __init__(self, *, header: int):
        if not 1 <= header <= _GROUP**2:
            raise ValueError(f"header must be up to {_GROUP**2} words, not {header!r}")
        super().__init__({
            "take": In(1), "header": In(16).array(header), "payload": In(PAYLOAD_SUM_BITS), "checksum": Out(16),
            "payload_sum": Out(16),
        })

    def elaborate(self, platform):
        m = Module()

        def register(value, name, enable=1) -> Value:
            held = Signal(len(value), name=name)
            with m.If(enable):
                m.d.sync += held.eq(value)
            return held

        def folded(value, name) -> Value:
            """Two end-around carries: the first leaves at most one more."""
            once = register((value[:16] + value[16:])[:17], f"{name}_once")
            return register((once[:16] + once[16])[:16], f"{name}_folded")

        words = list(self.header)
        each = -(-len(words) // -(-len(words) // _GROUP))  # evenly: a group of five is quick with its last
        groups = [words[i : i + each] for i in range(0, len(words), each)]
        sums = [register(add(m, group), f"header_{i}", self.take) for i, group in enumerate(groups)]
        header = register(add(m, sums), "header_total")
        comes = delay(m, self.take, self.PAYLOAD, name="take", reset=True)
        payload = Mux(comes, self.payload, register(self.payload, "payload", comes))
        whole, own = register(header + payload, "whole"), register(payload, "own")
        m.d.comb += [
            self.payload_sum.eq(folded(own, "payload")),
            self.checksum.eq(~folded(whole, "whole")),
        ]
        return m
