"""A crossing between a source and a sink that know what comes: gateware that checks gateware, at full speed.

Two clocks, ``a`` where payloads come from and ``b`` where they go. Payload n is ``expected(n)``. ``count`` says how
many arrived, ``errors`` how many were not what they had to be.
"""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.host.crossing import Call, Crossing, GrayCount
from hdl.host.wire_crossing import RxCrossing, TxCrossing
from hdl.wire import Beat

KINDS = ("fifo", "deep_fifo", "rx", "tx", "call", "count")
_BEAT_BITS = Beat.as_shape().size


def expected(n: Value, bits: int) -> Value:
    """Payload n: every bit of it changes from one to the next, sooner or later."""
    words = [(n ^ (n << 7) ^ (n >> 3)) + 0x9E37_79B9 * (2 * i + 1) for i in range(-(-bits // 32))]
    return Cat(word[:32] for word in words)[:bits]


class CrossingCheck(wiring.Component):
    """``kind`` of crossing, with its source and sink.

    Members
    -------
    a_clk, a_rst, b_clk, b_rst
    offers, takes
        Of 256: share of the cycles in which a payload is offered, and in which one is taken.
    count, errors
        Of the sink.
    sent
        Of the source.
    """

    a_clk: In(1)
    a_rst: In(1)
    b_clk: In(1)
    b_rst: In(1)
    offers: In(9)
    takes: In(9)
    sent: Out(32)
    count: Out(32)
    errors: Out(32)

    def __init__(self, kind: str):
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        self._kind = kind
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        for domain in ("a", "b"):
            m.domains += ClockDomain(domain)
            m.d.comb += [ClockSignal(domain).eq(getattr(self, f"{domain}_clk")),
                         ResetSignal(domain).eq(getattr(self, f"{domain}_rst"))]
        self._offer = self._chance(m, "a", self.offers)
        self._take = self._chance(m, "b", self.takes)
        getattr(self, f"_{self._kind}")(m)
        return m

    @staticmethod
    def _chance(m, domain, share) -> Signal:
        """High in so many of 256 cycles, in no pattern."""
        lfsr, high = Signal(32, init=0xACE1_5EED, name=f"lfsr_{domain}"), Signal(name=f"chance_{domain}")
        m.d[domain] += [
            lfsr.eq(Cat(lfsr[31] ^ lfsr[21] ^ lfsr[1] ^ lfsr[0], lfsr)), high.eq((lfsr[:8] ^ lfsr[13:21]) < share)]
        return high

    def _stream(self, m, source, sink, bits: int, *, throttled: bool):
        """``throttled``: the source never waits, as a wire does not."""
        waits = Signal()
        m.d.comb += [source.valid.eq(self._offer | waits), Value.cast(source.payload).eq(expected(self.sent, bits))]
        taken = source.valid & (1 if throttled else source.ready)
        with m.If(taken):
            m.d.a += self.sent.eq(self.sent + 1)
        m.d.a += waits.eq(source.valid & ~taken)
        m.d.comb += sink.ready.eq(self._take)
        with m.If(sink.valid & sink.ready):
            m.d.b += self.count.eq(self.count + 1)
            with m.If(Value.cast(sink.payload) != expected(self.count, bits)):
                m.d.b += self.errors.eq(self.errors + 1)

    def _fifo(self, m, depth: int = 4):
        m.submodules.dut = dut = Crossing(shape=100, depth=depth, writes="a", reads="b")
        self._stream(m, dut.input, dut.output, 100, throttled=False)

    def _deep_fifo(self, m):
        self._fifo(m, 64)

    def _rx(self, m):
        m.submodules.dut = dut = DomainRenamer({"sync": "b"})(RxCrossing(depth=64, domain="a"))
        source, sink = dut.wire, dut.core
        m.d.comb += [source.valid.eq(self._offer),
                     Value.cast(source.payload).eq(expected(self.sent, _BEAT_BITS))]
        with m.If(source.valid):
            m.d.a += self.sent.eq(self.sent + 1)
        with m.If(sink.valid):
            m.d.b += self.count.eq(self.count + 1)
            with m.If(Value.cast(sink.payload) != expected(self.count, _BEAT_BITS)):
                m.d.b += self.errors.eq(self.errors + 1)
        with m.If(dut.cut):
            m.d.b += self.errors.eq(self.errors + 1)

    def _tx(self, m):
        m.submodules.dut = dut = DomainRenamer({"sync": "a"})(
            TxCrossing(depth=64, core_mhz=322.265625, wire_mhz=390.625, domain="b"))
        self._stream(m, dut.core, dut.wire, _BEAT_BITS, throttled=False)

    def _call(self, m):
        """Question n is heard there once, its answer here once."""
        m.submodules.dut = dut = Call(question=32, answer=64, here="a", there="b")
        heard, answers = Signal(32), Signal(32)
        wrong_there, wrong_here = Signal(32), Signal(32)
        m.d.comb += [dut.question.eq(expected(self.sent, 32)), dut.ask.eq(self._offer & ~dut.busy),
                     self.count.eq(answers), self.errors.eq(wrong_there + wrong_here)]
        with m.If(dut.ask):
            m.d.a += self.sent.eq(self.sent + 1)
        with m.If(dut.asks):
            m.d.b += [heard.eq(heard + 1), dut.says.eq(expected(heard, 64))]
            with m.If(dut.asked != expected(heard, 32)):
                m.d.b += wrong_there.eq(wrong_there + 1)
        with m.If(dut.answered):
            m.d.a += answers.eq(answers + 1)
            with m.If((dut.answer != expected(answers, 64)) | (answers + 1 != self.sent)):
                m.d.a += wrong_here.eq(wrong_here + 1)

    def _count(self, m):
        """What is shown never goes back, and never ahead of what was counted."""
        m.submodules.dut = dut = GrayCount(counts="a", shows="b")
        last = Signal(32)
        m.d.comb += [dut.event.eq(self._offer), self.count.eq(dut.count)]
        m.d.a += self.sent.eq(self.sent + dut.event)
        m.d.b += last.eq(dut.count)
        with m.If((dut.count < last) | (dut.count > self.sent)):
            m.d.b += self.errors.eq(self.errors + 1)
