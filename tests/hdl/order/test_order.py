"""Encoding and sending: octets, latency, back-to-back frames, backpressure, a queue that fills."""

import random

import pytest
from amaranth.sim import Simulator
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from hdl.order import Encode, Order, Transmit
from spec import ouch, soupbintcp, wire
from spec.config import preset
from spec.records import DECISION, ORDER, Refusal, Side

DESIGN = preset("small")


def variant(**changes):
    return DESIGN.model_copy(update={"order": DESIGN.order.model_copy(update=changes)})


def decision(**changes):
    values = {"message": 3, "timestamp": 34_200_000_000_000, "symbol": 0, "side": Side.BUY, "quantity": 100,
              "price": 2_915_300, "refusals": 0, "position": 100}
    return DECISION.tuple(**values | changes)


class Run:
    """What the order stage did with ``schedule[cycle]``, a Decision or None, while ``ready(cycle)`` held."""

    def __init__(self, schedule, *, design=DESIGN, ready=lambda cycle: True, cycles=None):
        self.orders, self.beats, self.offered, self.full = {}, {}, {}, set()
        cycles = cycles or len(schedule) + 16 * (2 + sum(d is not None for d in schedule))
        dut = Order(design=design)

        async def bench(ctx):
            held = None
            for cycle in range(cycles):
                given = schedule[cycle] if cycle < len(schedule) else None
                ctx.set(dut.decisions.valid, given is not None)
                ctx.set(dut.decisions.payload.as_value(), DECISION.pack(given) if given else 0)
                ctx.set(dut.tx.ready, ready(cycle))
                if ctx.get(dut.orders.valid):
                    self.orders[cycle] = ORDER.unpack(ctx.get(dut.orders.payload.as_value()))
                if ctx.get(dut.queue_full):
                    self.full.add(cycle)
                if ctx.get(dut.tx.valid):
                    beat = tuple(ctx.get(dut.tx.payload[name]) for name in ("data", "keep", "last", "error"))
                    assert held in (None, beat), f"cycle {cycle}: an offered beat changed from {held} to {beat}"
                    held = beat
                    self.offered.setdefault(len(self.beats), cycle)
                    if ctx.get(dut.tx.ready):
                        self.beats[cycle], held = beat, None
                else:
                    assert held is None, f"cycle {cycle}: an offered beat was withdrawn"
                await ctx.tick()
            self.counters = {name: ctx.get(dut.counters[name]) for name in dut.counters.shape().members}

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(bench)
        simulator.run()

    @property
    def frames(self):
        frames, octets = [], b""
        for data, keep, last, error in self.beats.values():
            assert error == 0
            assert keep == 0xFF or (last and keep & keep + 1 == 0)
            octets += data.to_bytes(8, "little")[: keep.bit_count()]
            if last:
                frames.append(octets)
                octets = b""
        assert octets == b"", "a frame without end"
        return frames


def fields(payload: bytes) -> dict:
    """Header and enter order of a SoupBinTCP packet, and its appendage."""
    header = wire.read(soupbintcp.HEADER, payload)
    message = payload[soupbintcp.HEADER.length :]
    assert header["type"] == "U" and header["length"] == 1 + len(message)
    return wire.read(ouch.CLIENT["O"], message) | {"appendage": message[ouch.CLIENT["O"].length :]}


@pytest.mark.parametrize("design, length", [(DESIGN, 110), (variant(firm=""), 104),
                                            (variant(firm="", cl_ord_id_prefix="ODD"), 104)])
def test_frame_octet_by_octet(design, length):
    """Everything that is not in the configuration, and every octet that is, by a table of its own and by scapy."""
    run = Run([decision(symbol=3, side=Side.SELL, quantity=0x01020304, price=0xF0E0D0C0)], design=design)
    [frame] = run.frames
    session = design.order
    assert len(frame) == length
    packet = Ether(frame)
    assert (packet.dst, packet.src, packet.type) == (session.destination_mac, session.source_mac, 0x0800)
    ip = packet[IP]
    assert (ip.version, ip.ihl, ip.tos, ip.id, ip.flags, ip.frag, ip.ttl, ip.proto) == (4, 5, 0, 0, "DF", 0, 64, 6)
    assert (ip.src, ip.dst, ip.len) == (session.source_address, session.destination_address, length - 14)
    tcp = packet[TCP]
    assert (tcp.sport, tcp.dport) == (session.source_port, session.destination_port)
    assert (tcp.seq, tcp.ack, tcp.window, tcp.urgptr) == (1, 1, session.tcp_window, 0)
    assert (tcp.flags, tcp.dataofs, tcp.options) == ("PA", 5, [])
    rebuilt = Ether(frame)
    del rebuilt[IP].chksum, rebuilt[TCP].chksum
    assert bytes(rebuilt) == frame, "checksums by scapy"
    assert fields(bytes(tcp.payload)) == {
        "type": "O", "user_ref_num": 1, "side": "S", "quantity": 0x01020304, "symbol": "PENNY   ",
        "price": 0xF0E0D0C0, "time_in_force": "3", "display": "Y", "capacity": "P", "intermarket_sweep": "N",
        "cross_type": "N", "cl_ord_id": f"{session.cl_ord_id_prefix}00000001".ljust(14),
        "appendage_length": 6 if session.firm else 0,
        "appendage": b"\x05\x02TWIR" if session.firm else b"",
    }


@pytest.mark.parametrize("idle", [1, 2, 7, 30])
def test_latency_on_an_idle_wire(idle):
    run = Run([*[None] * idle, decision(), *[None] * 40, decision(message=4)])
    assert (Encode.LATENCY, Transmit.LATENCY, Order.LATENCY) == (1, 0, 1)
    given = [idle, idle + 41]
    assert list(run.orders) == [cycle + Encode.LATENCY for cycle in given]
    assert [o.message for o in run.orders.values()] == [3, 4]
    beats = 14
    assert list(run.beats) == [cycle + Order.LATENCY + beat for cycle in given for beat in range(beats)]
    assert run.counters == {"orders": 2, "frames": 2}


def test_numbers_run_on_and_wrap():
    top = (1 << 32) - 1
    run = Run([decision()] * 3, design=variant(user_ref_num=top, tcp_sequence=top - 10))
    orders = list(run.orders.values())
    assert [o.user_ref_num for o in orders] == [top, 0, 1]
    assert [o.tcp_sequence for o in orders] == [top - 10, 45, 101]  # payload of 56 octets
    assert [fields(frame[54:])["cl_ord_id"][:10] for frame in run.frames] == ["TWFFFFFFFF", "TW00000000", "TW00000001"]
    assert [TCP(frame[34:]).seq for frame in run.frames] == [top - 10, 45, 101]


def test_every_hexadecimal_digit():
    run = Run([decision(), *[None] * 20, decision()], design=variant(user_ref_num=0x01234567))
    assert fields(run.frames[0][54:])["cl_ord_id"] == "TW01234567    "
    run = Run([decision()], design=variant(user_ref_num=0x89ABCDEF))
    assert fields(run.frames[0][54:])["cl_ord_id"] == "TW89ABCDEF    "


def test_refused_decision_leaves_no_trace():
    refused = [decision(refusals=refusal) for refusal in Refusal if refusal]
    run = Run([*refused, None, decision(), *refused])
    assert len(run.orders) == len(run.frames) == 1
    assert fields(run.frames[0][54:])["user_ref_num"] == 1
    assert run.counters == {"orders": 1, "frames": 1}
    assert not run.full


def test_frames_follow_each_other_without_a_gap():
    run = Run([decision(message=i) for i in range(7)])
    assert list(run.beats) == list(range(1, 1 + 7 * 14))
    assert [fields(f[54:])["user_ref_num"] for f in run.frames] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("distance", range(12, 17))
def test_order_that_arrives_as_a_frame_ends(distance):
    run = Run([decision(), *[None] * (distance - 1), decision()])
    start = max(distance, 14)
    assert list(run.beats) == [1 + beat for beat in range(14)] + [1 + start + beat for beat in range(14)]


@pytest.mark.parametrize("seed", range(4))
def test_first_beat_by_the_law(seed):
    """SOF = max(decision + LATENCY, end of the frame before + 1), whatever the wire does; refusals start nothing."""
    rng = random.Random(seed)
    share = rng.choice([0.3, 0.8, 1])
    gaps = [rng.choice([1, 2, 13, 14, 15, 40]) for _ in range(12)]
    schedule = []
    for message, gap in enumerate(gaps):
        refused = decision(refusals=rng.choice([r for r in Refusal if r]))
        schedule += [decision(message=message), *(rng.choice([None, refused]) for _ in range(gap - 1))]
    given = [cycle for cycle, d in enumerate(schedule) if d is not None and not d.refusals]
    run = Run(schedule, ready=lambda cycle: rng.random() < share, cycles=len(schedule) + 14 * 60,
              design=variant(queue=16))
    assert [o.message for o in run.orders.values()] == [*range(12)]
    assert list(run.orders) == [cycle + Encode.LATENCY for cycle in given]
    ends = [cycle for cycle, (_, _, last, _) in run.beats.items() if last]
    starts = [run.offered[14 * n] for n in range(12)]
    assert starts == [max(cycle + Order.LATENCY, end + 1) for cycle, end in zip(given, [-1, *ends[:-1]], strict=True)]
    assert len(run.frames) == 12


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("queue", [2, 4, 8])
def test_queue_full_in_time_for_what_is_under_way(queue, seed):
    """Approvals in every cycle, but for those that see ``queue_full`` one cycle before, as risk does: whatever is
    approved is sent, once and in order, however the wire dawdles."""
    rng = random.Random(seed)
    dut = Order(design=variant(queue=queue))
    sent, seen, octets = 0, [], b""

    async def bench(ctx):
        nonlocal sent, octets
        approve, share = False, 0.5
        for cycle in range(1500):
            if cycle % 100 == 0:
                share = rng.choice([0, 0.1, 0.9, 1])
            busy = cycle < 1000
            ctx.set(dut.decisions.valid, approve)
            ctx.set(dut.decisions.payload.as_value(), DECISION.pack(decision(quantity=sent)))
            ctx.set(dut.tx.ready, rng.random() < share if busy else 1)
            sent += approve
            approve = busy and not ctx.get(dut.queue_full) and rng.random() < 0.9
            if ctx.get(dut.tx.valid) and ctx.get(dut.tx.ready):
                octets += ctx.get(dut.tx.payload.data).to_bytes(8, "little")
                if ctx.get(dut.tx.payload.last):
                    seen.append(fields(octets[54:110])["quantity"])
                    octets = b""
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == list(range(sent)) and sent > 10


def test_queue_holds_what_the_configuration_says():
    """With the wire stopped and an approval in every cycle, one is on the wire and all rows are taken in the end."""
    queue = 8
    run = Run([decision()] * (queue + 1), ready=lambda cycle: cycle >= 40, cycles=40 + 16 * (queue + 2))
    # The last approval, seen here in cycle 8, was decided in cycle 7, when the queue had room for it.
    assert min(run.full) == queue
    assert [fields(f[54:])["user_ref_num"] for f in run.frames] == list(range(1, queue + 2))
    assert max(run.full) < max(run.beats), "the queue drains"
