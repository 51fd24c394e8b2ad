"""Records into rings in host memory, over AXI4."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec.rings import BURST_SLOTS, MAX_LOG2, PAYLOAD_OCTETS, RINGS, SLOT, SLOT_OCTETS

from .axi import AXI4_WRITE, DATA_BITS, OCTETS, burst
from .record_fifo import Entry

BEATS = SLOT_OCTETS // OCTETS  #: of a slot
_SLOT_LOG2 = SLOT_OCTETS.bit_length() - 1
_COUNT = BURST_SLOTS.bit_length()  #: bits of a number of slots in a burst


class RingWriter(wiring.Component):
    """Takes turns among the rings that have records and room; what one has goes in one burst, up to 4 KiB.

    A burst of n slots takes 2n + 5 cycles while AW and W are ready. No burst crosses a boundary of 4 KiB, since rings
    begin at one and a burst ends at a multiple of 32 slots. A ring without room is passed over. Several bursts may be
    under way; their responses are only counted.

    Domain ``sync``: the host's clock.

    Members
    -------
    axi
        ``m_axi_records``.
    entries_I, level_I
        Of ring I (``record_fifo``).
    begin
        One cycle: all rings begin anew. Nothing is under way.
    run
        Bursts may begin.
    address, log2
        Of the first ring; slots of each. Still while running.
    consumers
        Slots that the host has read, by ring.
    producers
        Slots sent, by ring.
    idle
        No burst is under way.
    failed
        One cycle: a burst was answered with an error.
    """

    def __init__(self, *, depth: int):
        self._depth = depth
        count = len(RINGS)
        super().__init__({
            "axi": Out(AXI4_WRITE), "begin": In(1), "run": In(1), "address": In(64), "log2": In(5),
            "consumers": In(data.ArrayLayout(32, count)), "producers": Out(data.ArrayLayout(32, count)),
            "idle": Out(1), "failed": Out(1),
        } | {f"entries_{i}": In(stream.Signature(Entry(record))) for i, record in enumerate(RINGS)}
          | {f"level_{i}": In(range(depth + 1)) for i in range(count)})

    def elaborate(self, platform):
        m = Module()
        axi = self.axi
        ring, entry, takes = self._served(m)
        chosen, chooses = self._choose(m)
        level = Array(getattr(self, f"level_{i}") for i in range(len(RINGS)))
        m.d.comb += [*burst(axi, "aw"), axi.wstrb.eq(-1), axi.bready.eq(1)]

        # Responses are counted, nothing waits for them but ``idle`` and the seventeenth burst.
        under_way, begins = Signal(5), Signal()
        m.d.sync += [under_way.eq(under_way + begins - axi.bvalid), self.failed.eq(axi.bvalid & axi.bresp[1])]
        with m.If(axi.awvalid & axi.awready):
            m.d.sync += axi.awvalid.eq(0)
        with m.If(axi.wvalid & axi.wready):
            m.d.sync += axi.wvalid.eq(0)

        size, produced, used, waiting = Signal(MAX_LOG2 + 1), Signal(32), Signal(32), Signal.like(level[0])
        room, to_boundary, slots = Signal(_COUNT), Signal(_COUNT), Signal(_COUNT)
        index, phase, left, second = Signal(32), Signal(), Signal(_COUNT), Signal()
        slot = Signal(8 * SLOT_OCTETS)
        m.d.sync += size.eq(1 << self.log2)
        m.d.comb += slot.eq(Cat(
            entry.payload, C(0, 8 * PAYLOAD_OCTETS - len(entry.payload)), entry.cycle, entry.sequence,
            ring, C(0, 8 * (SLOT["phase"].offset - SLOT["ring"].offset) - len(ring)), phase))
        with m.FSM():
            with m.State("CHOOSE"):
                m.d.comb += [self.idle.eq(under_way == 0), chooses.eq(self.run & ~self.begin & (under_way < 16))]
                with m.If(self.begin):
                    m.d.sync += Value.cast(self.producers).eq(0)
                with m.If(chooses & chosen.valid):
                    m.d.sync += ring.eq(chosen.ring)
                    m.next = "LOOK"
            with m.State("LOOK"):
                m.d.sync += [
                    produced.eq(self.producers[ring]), used.eq(self.producers[ring] - self.consumers[ring]),
                    waiting.eq(level[ring]),
                ]
                m.next = "MEASURE"
            with m.State("MEASURE"):
                m.d.sync += [
                    room.eq(_least(Mux(used > size, 0, size - used), BURST_SLOTS)),
                    to_boundary.eq(_least(BURST_SLOTS - produced[: _COUNT - 1], waiting)),
                    index.eq(produced & (size - 1)), phase.eq(~(produced >> self.log2)[0]),
                ]
                m.next = "SIZE"
            with m.State("SIZE"):
                m.d.comb += slots.eq(_least(room, to_boundary))
                m.d.sync += [
                    left.eq(slots), second.eq(0), axi.awlen.eq(BEATS * slots - 1),
                    axi.awaddr.eq(self.address + (((ring << self.log2) + index) << _SLOT_LOG2)),
                ]
                m.next = "CHOOSE"
                with m.If(slots != 0):
                    m.d.comb += begins.eq(1)
                    m.d.sync += [axi.awvalid.eq(1), self.producers[ring].eq(produced + slots)]
                    m.next = "SEND"
            with m.State("SEND"):
                with m.If(~axi.wvalid | axi.wready):
                    m.d.comb += takes.eq(second)
                    m.d.sync += [
                        axi.wvalid.eq(1), axi.wlast.eq(second & (left == 1)), second.eq(~second),
                        left.eq(left - second), axi.wdata.eq(Mux(second, slot[DATA_BITS:], slot[:DATA_BITS])),
                    ]
                    with m.If(second & (left == 1)):
                        m.next = "AWAIT"
            with m.State("AWAIT"):
                with m.If((~axi.awvalid | axi.awready) & (~axi.wvalid | axi.wready)):
                    m.next = "CHOOSE"
        return m

    def _choose(self, m):
        """The next ring with something and with room, after the one served last; whether it is taken."""
        count = len(RINGS)
        chosen, chooses = Signal(data.StructLayout({"valid": 1, "ring": range(count)})), Signal()
        eligible, last = Signal(count), Signal(range(count))
        for i in range(count):
            used = self.producers[i] - self.consumers[i]
            m.d.sync += eligible[i].eq((getattr(self, f"level_{i}") != 0) & (used < 1 << self.log2))
        with m.Switch(last):
            for i in range(count):
                with m.Case(i):
                    for other in reversed([*range(i + 1, count), *range(i + 1)]):
                        with m.If(eligible[other]):
                            m.d.comb += [chosen.valid.eq(1), chosen.ring.eq(other)]
        with m.If(chooses & chosen.valid):
            m.d.sync += last.eq(chosen.ring)
        return chosen, chooses

    def _served(self, m):
        """The ring that is being served, its first entry, and the strobe that takes it."""
        ring, takes = Signal(range(len(RINGS))), Signal()
        entry = Signal(max((Entry(record) for record in RINGS), key=lambda entry: entry.size))
        with m.Switch(ring):
            for i in range(len(RINGS)):
                source = getattr(self, f"entries_{i}")
                with m.Case(i):
                    m.d.comb += [source.ready.eq(takes), *(entry[name].eq(source.payload[name]) for name in (
                        "payload", "cycle", "sequence"))]
        return ring, entry, takes


def _least(one, other) -> Value:
    return Mux(one < other, one, other)
