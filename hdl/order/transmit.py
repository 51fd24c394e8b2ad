"""Frames of the order session on the wire."""

from functools import reduce
from ipaddress import IPv4Address
from operator import or_

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spec import ethernet, wire
from spec.config import Design
from spec.records import ORDER

from ..link import SENT, Header, Service
from ..pipeline import delay
from ..records import records
from ..wire import TX, to_octets
from .checksum import PAYLOAD_SUM_BITS, Checksum, ones_complement_sum
from .packer import LANES, Beats
from .queue import Queue

_TTL = 64
_WORD = 4  #: octets of a word of TCP's data offset


class Transmit(wiring.Component):
    """Ethernet/IPv4/TCP frames around messages (Ethernet II; RFC 791, section 3.1; RFC 9293, section 3.1).

    From a message to the first beat of its frame offered on ``tx``: latency ``LATENCY`` cycles when the wire is idle,
    so in the cycle of the message itself, else directly after the frame before. One beat per cycle while ``tx.ready``
    is high, frames back to back. The first octets of all frames are the same: they go out on the word that a message
    comes, and the checksums are ready before their beats although they take several cycles. Messages go before
    services.

    ===== ==============================================================================================
    cycle does, on an idle wire
    ===== ==============================================================================================
    -1    ``coming``; ``started``: the first beat is loaded
    0     ``orders``; the first beat is offered; what varies is taken, its checksum's first sums with it
    b     beat b is offered, if those before it were accepted at once
    ===== ==============================================================================================

    Parameters
    ----------
    design : Design
    octets : int
        Of payload, at most.
    packed : bool
        A message's octets do not come with it, but as ``beats``.

    Members
    -------
    coming
        ``orders`` has a message in the next cycle.
    orders, payload
        To be sent, with the octets, or without those if they are packed.
    sums
        Of the octets of each message, ``Checksum.PAYLOAD`` cycles after it.
    beats
        If packed: octets of all messages, aligned to their frames. The first in time for its place in a frame that
        begins with the message, and then one in every cycle.
    service, again
        Frames that carry nothing new, and the payload of those that have any: beats that follow one another.
    header
        What the TCP header of a service says; the source port is that of all.
    tx
        AXI4-Stream: a beat once offered stays until it is accepted.
    started
        A frame with a message begins: its first beat is offered in the next cycle.
    waiting
        Messages that came before this cycle, ``coming``, and whose frames have not ``started``. At most
        ``design.order.queue``: whoever approves must leave room.
    sent
        Payload as it is offered for the first time.
    idle
        No frame is under way, and none waits but of services.
    frame_sent, acknowledgment_sent, retransmission_sent
        TX accepts the last beat of a frame; of one without payload; of one with payload sent before.
    """

    LATENCY = 0

    def __init__(self, *, design: Design, octets: int, packed: bool = False):
        self._design, self._octets, self._depth, self._packed = design, octets, design.order.queue, packed
        self._options = bytes(ethernet.TCP_TIMESTAMPS) + bytes(8) if design.order.tcp_timestamps else b""
        self._header = ethernet.ETHERNET.length + ethernet.IPV4.length + ethernet.TCP.length + len(self._options)
        self.lane = self._header % LANES  #: of a payload's first octet
        self._segment = data.StructLayout({
            "sequence": 32, "length": 16, "acknowledgment": 32, "window": 16, "ts_value": 32, "ts_echo": 32,
        } | ({} if packed else {"payload": 8 * octets}))
        payload = {"beats": In(stream.Signature(Beats))} if packed else {"payload": In(8 * octets)}
        super().__init__(payload | {
            "coming": In(1), "orders": In(records(ORDER)),
            "sums": In(stream.Signature(PAYLOAD_SUM_BITS, always_ready=True)),
            "service": In(stream.Signature(Service)), "again": In(stream.Signature(64)), "header": In(Header),
            "tx": Out(TX), "started": Out(1), "waiting": Out(range(self._depth + 1)), "sent": Out(SENT),
            "idle": Out(1), "frame_sent": Out(1), "acknowledgment_sent": Out(1), "retransmission_sent": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = Queue(shape=self._segment, depth=self._depth)
        order, service, packed = self.orders.payload, self.service.payload, self._packed
        m.d.comb += [
            queue.entries.valid.eq(self.orders.valid),
            queue.entries.payload.eq(Cat(
                order.tcp_sequence, order.length, order.acknowledgment, order.window, order.ts_value, order.ts_echo,
                *([] if packed else [self.payload]))),
        ]

        # A frame begins.
        beats = -(-(self._header + self._octets) // LANES)
        beat = Signal(beats, init=1)  # to be loaded next, one-hot: the multiplexer is then two levels of logic
        first, free, serves = beat[0], Signal(), Signal()
        none, one = Signal(init=1), Signal()  # waiting == 0, waiting == 1
        messages = self.coming | ~none
        m.d.comb += [
            free.eq(~self.tx.valid | self.tx.ready),
            self.started.eq(messages & free & first),
            serves.eq(self.service.valid & ((service.length == 0) | self.again.valid) & ~messages & free & first),
        ]
        with m.If(self.coming & ~self.started):
            m.d.sync += [self.waiting.eq(self.waiting + 1), none.eq(0), one.eq(none)]
        with m.If(self.started & ~self.coming):
            m.d.sync += [self.waiting.eq(self.waiting - 1), none.eq(one), one.eq(self.waiting == 2)]

        # What it carries is taken one cycle later. A message that did not wait is on its way around the queue then.
        takes_service = Signal()
        m.d.sync += [queue.head.ready.eq(self.started), takes_service.eq(serves)]
        m.d.comb += self.service.ready.eq(takes_service)
        taken, header = Signal(self._segment), self.header
        of_service = Cat(service.sequence, service.length, header.acknowledgment, header.window, header.ts_value,
                         header.ts_echo, *([] if packed else [C(0, 8 * self._octets)]))
        m.d.comb += taken.eq(Mux(takes_service, of_service, queue.head.payload.as_value()))
        current, again = Signal(self._segment), Signal()
        takes = queue.head.ready | takes_service
        with m.If(takes):
            m.d.sync += [current.eq(taken), again.eq(takes_service)]
        has_any = ~takes_service | (service.length != 0)
        checksum = self._sum(m, takes, taken, has_any)
        m.d.comb += checksum.payload.eq(self._payload_sum(m, queue.head.ready, takes_service))
        push = Signal()
        with m.If(takes):
            m.d.sync += push.eq(has_any)
        end, last, keep, has_payload = self._ends(m, current.length, beats)

        # Beats.
        whole, own = self._octets_of(m, current, push, checksum, beats)
        payload_beats = range(self._header // LANES, beats)
        carries = reduce(or_, (beat[b] & has_payload[b] for b in payload_beats))
        tx, is_last = self.tx.payload, (beat & last).any() & ~first
        loads = messages | serves | ~first
        m.d.comb += [
            self.again.ready.eq(free & again & carries & ~first),
            self.idle.eq(none & ~self.coming & ~self.orders.valid & first & ~self.tx.valid & ~takes),
        ]
        from_elsewhere = Mux(again & carries, self.again.payload, 0)
        if packed:
            new = carries & ~again
            m.d.comb += self.beats.ready.eq(free & new & ~first)
            from_elsewhere |= Mux(new, self.beats.payload.data, 0)
        with m.If(free):
            m.d.sync += [
                self.tx.valid.eq(loads),
                tx.data.eq(reduce(or_, (Mux(at, octets, 0) for at, octets in zip(beat, whole, strict=False)),
                               from_elsewhere)),
                tx.last.eq(is_last),
                tx.keep.eq(Mux(is_last, keep, 0xFF)),
            ]
            with m.If(is_last):
                m.d.sync += beat.eq(1)
            with m.Elif(loads):
                m.d.sync += beat.eq(beat << 1)
        self._say_sent(m, current, again, beat, carries & free, own, end, checksum)

        # What left, when its last beat is accepted.
        plain, repeats = Signal(), Signal()
        with m.If(free & is_last):
            m.d.sync += [plain.eq(again & (current.length == 0)), repeats.eq(again & (current.length != 0))]
        m.d.comb += [
            self.frame_sent.eq(self.tx.valid & self.tx.ready & tx.last),
            self.acknowledgment_sent.eq(self.frame_sent & plain),
            self.retransmission_sent.eq(self.frame_sent & repeats),
        ]
        return m

    def _payload_sum(self, m, takes_message, takes_service):
        """``Checksum.PAYLOAD`` cycles after either is taken."""
        late = Checksum.PAYLOAD
        again = delay(m, Mux(takes_service, self.service.payload.sum, 0), late, name="service_sum")
        m.submodules.sums = sums = Queue(shape=PAYLOAD_SUM_BITS, depth=self._depth)
        m.d.comb += [
            sums.entries.valid.eq(self.sums.valid), sums.entries.payload.eq(self.sums.payload),
            sums.head.ready.eq(delay(m, takes_message, late, name="takes_message", reset=True)),
        ]
        return Mux(sums.head.ready, sums.head.payload, again)

    def _sum(self, m, takes, taken, push):
        """TCP's checksum, of what is taken in this cycle."""
        order = self._design.order
        source, destination = (IPv4Address(address).packed for address in (
            order.source_address, order.destination_address))
        constant = ones_complement_sum(
            source + destination + bytes([0, ethernet.PROTOCOL_TCP]) + order.destination_port.to_bytes(2, "big")
            + (ethernet.TCP.length + len(self._options)).to_bytes(2, "big") + bytes(self._options))
        # Whether to push is known last.
        words = [C(constant, 16), taken.length, self.header.source_port, taken.window, self._flags(push)]
        stamps = (taken.ts_value, taken.ts_echo) if self._options else ()
        for value in (taken.sequence, taken.acknowledgment, *stamps):
            words += [value[:16], value[16:]]
        m.submodules.checksum = checksum = Checksum(header=len(words))
        m.d.comb += [
            checksum.take.eq(takes), *(port.eq(word) for port, word in zip(checksum.header, words, strict=True))]
        return checksum

    def _flags(self, push) -> Value:
        """Data offset and flags: push what has to be handed on."""
        words = (ethernet.TCP.length + len(self._options)) // _WORD
        return C(words << 12 | ethernet.TCP_ACK, 16) | Mux(push, ethernet.TCP_PSH, 0)

    def _ends(self, m, length, beats):
        """Of a frame with as much payload, two cycles later: the octet after the payload, one-hot its last beat, that
        one's ``keep``, and which beats have payload. No header ends before that."""
        end, padded = (Signal(range(self._header + self._octets + 1), name=name) for name in ("end", "padded"))
        last, keep, has_payload = Signal(beats), Signal(LANES), Signal(beats)
        least = max(0, ethernet.MIN_FRAME - self._header)
        assert self._header >= 3 * LANES
        m.d.sync += [
            end.eq(length + self._header), padded.eq(Mux(length < least, least, length) + self._header),
            last.eq(Cat((padded > LANES * b) & (padded <= LANES * (b + 1)) for b in range(beats))),
            keep.eq(Cat((padded - 1)[:3] >= i for i in range(LANES))),
            has_payload.eq(Cat(end > max(LANES * b, self._header) for b in range(beats))),
        ]
        return end, last, keep, has_payload

    def _octets_of(self, m, current, push, checksum, beats):
        """The frame's beats, and those of its payload alone; if that is packed only the beats with headers."""
        order, options = self._design.order, self._options
        link = wire.write(ethernet.ETHERNET, ethertype=ethernet.ETHERTYPE_IPV4,
                          destination=bytes.fromhex(order.destination_mac.replace(":", "")),
                          source=bytes.fromhex(order.source_mac.replace(":", "")))
        ip = wire.write(ethernet.IPV4, version_ihl=0x45, flags_fragment=ethernet.IPV4_DONT_FRAGMENT, ttl=_TTL,
                        protocol=ethernet.PROTOCOL_TCP, source=IPv4Address(order.source_address).packed,
                        destination=IPv4Address(order.destination_address).packed)
        tcp = wire.write(ethernet.TCP, destination_port=order.destination_port) + options
        beside = ethernet.IPV4.length + ethernet.TCP.length + len(options)
        total, summed, carried = Signal(16), Signal(17), Signal(16)
        m.d.comb += total.eq(current.length + beside)
        m.d.sync += [summed.eq(current.length + (beside + ones_complement_sum(ip))),
                     carried.eq(current.length + (beside + ones_complement_sum(ip) + 1))]
        ip_checksum = ~Mux(summed[16], carried, summed[:16])

        octets = [C(octet, 8) for octet in link + ip + tcp]
        segment = len(link) + len(ip)

        def put(start: int, field: wire.Field, value: Value):
            for i in range(field.length):
                octets[start + field.offset + i] = to_octets(value, field.length).word_select(i, 8)

        put(len(link), ethernet.IPV4["total_length"], total)
        put(len(link), ethernet.IPV4["checksum"], ip_checksum)
        for name, value in (("source_port", self.header.source_port), ("sequence", current.sequence),
                            ("acknowledgment", current.acknowledgment), ("offset_flags", self._flags(push)),
                            ("window", current.window), ("checksum", checksum.checksum)):
            put(segment, ethernet.TCP[name], value)
        if options:
            at = segment + ethernet.TCP.length + len(ethernet.TCP_TIMESTAMPS)
            for i in range(_WORD):
                octets[at + i] = to_octets(current.ts_value, _WORD).word_select(i, 8)
                octets[at + _WORD + i] = to_octets(current.ts_echo, _WORD).word_select(i, 8)
        # Beat b is loaded b cycles after the first at the earliest, what varies one cycle after the first.
        assert segment + ethernet.TCP["checksum"].offset >= LANES * (Checksum.LATENCY + 1), "the checksum would be late"

        if self._packed:
            octets += [C(0, 8)] * (-self._header % LANES)
            return [Cat(octets[at : at + LANES]) for at in range(0, len(octets), LANES)], []

        payload = [current.payload.word_select(i, 8) for i in range(self._octets)]
        empty = [C(0, 8)] * (LANES * beats - self._header - self._octets)
        own = [C(0, 8)] * self._header + payload + empty
        whole = octets + payload + empty
        return [[Cat(part[LANES * b : LANES * (b + 1)]) for b in range(beats)] for part in (whole, own)]

    def _say_sent(self, m, current, again, beat, loads, own, end, checksum):
        """In the cycle in which a beat of it is offered."""
        sent, said = self.sent, self.sent.payload
        start = self._header // LANES
        m.d.sync += [
            sent.valid.eq(loads & ~again),
            said.first.eq(beat[start]), said.sequence.eq(current.sequence), said.length.eq(current.length),
            said.sum.eq(checksum.payload_sum), said.acknowledgment.eq(current.acknowledgment),
        ]
        if self._packed:
            packed = self.beats.payload
            m.d.sync += [said.data.eq(packed.data), said.keep.eq(packed.keep), said.last.eq(packed.last)]
            return

        keeps = [Cat((end > LANES * b + i) & (LANES * b + i >= self._header) for i in range(LANES))
                 for b in range(len(own))]
        lasts = [(end > LANES * b) & (end <= LANES * (b + 1)) for b in range(len(own))]

        def chosen(parts) -> Value:
            return reduce(or_, (Mux(at, part, 0) for at, part in zip(beat, parts, strict=True)))

        m.d.sync += [said.data.eq(chosen(own)), said.keep.eq(chosen(keeps)), said.last.eq(chosen(lasts))]
