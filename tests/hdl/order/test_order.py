"""Encoding and sending: octets, latency, numbers, a queue that fills. The bench holds it to the model."""

import random

import pytest
import simplefix
from amaranth.sim import Simulator
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from golden_model.order import Header
from golden_model.order import Order as GoldenOrder
from hdl.order import Encode, FixEncode, Order, Transmit, encoder
from spec import ouch, soupbintcp, wire
from spec.records import ADMIN, DECISION, Action, Refusal, Side
from tests.hdl.order.order_run import MS, NOW, Run, decision, design_of

TOP = (1 << 32) - 1
FIX_FRAME = 45  #: cycles that a frame takes at most


def ouch_fields(payload: bytes) -> dict:
    """Of a message in a SoupBinTCP packet, and its appendage."""
    header, message = wire.read(soupbintcp.HEADER, payload), payload[soupbintcp.HEADER.length :]
    assert header["type"] == "U" and header["length"] == 1 + len(message)
    layout = ouch.CLIENT[chr(message[0])]
    return wire.read(layout, message) | {"appendage": message[layout.length :]}


def fix_fields(payload: bytes) -> dict:
    """Of the one message in ``payload``, by tag; simplefix computes BodyLength and CheckSum anew."""
    parser = simplefix.FixParser()
    parser.append_buffer(payload)
    message = parser.get_message()
    assert message is not None and parser.get_buffer() == b""
    assert message.encode() == payload
    return {int(tag): value.decode() for tag, value in message.pairs}


@pytest.mark.parametrize("protocol, stamps, length", [("ouch", False, 56), ("ouch", True, 56), ("fix", False, 183),
                                                      ("fix", True, 183)])
def test_headers_octet_by_octet(protocol, stamps, length):
    """Everything that is not in the configuration, and every octet that is, by scapy."""
    design = design_of(protocol, tcp_timestamps=stamps)
    given = decision(symbol=3, side=Side.SELL, quantity=0x01020304, price=0xF0E0D0C0)
    run = Run({5: given}, design=design, cycles=60)
    [frame], [record] = run.frames, run.orders.values()
    session, options = design.order, 12 if stamps else 0
    assert record.length == length and len(frame.octets) == 54 + options + length
    packet = Ether(frame.octets)
    assert (packet.dst, packet.src, packet.type) == (session.destination_mac, session.source_mac, 0x0800)
    ip = packet[IP]
    assert (ip.version, ip.ihl, ip.tos, ip.id, ip.flags, ip.frag, ip.ttl, ip.proto) == (4, 5, 0, 0, "DF", 0, 64, 6)
    assert (ip.src, ip.dst, ip.len) == (session.source_address, session.destination_address, 40 + options + length)
    tcp = packet[TCP]
    assert (tcp.sport, tcp.dport) == (session.source_port, session.destination_port)
    assert (tcp.seq, tcp.ack, tcp.window, tcp.urgptr) == (1, record.acknowledgment, record.window, 0)
    assert (tcp.flags, tcp.dataofs) == ("PA", 5 + options // 4)
    stamp = (record.ts_value, record.ts_echo)
    assert tcp.options == ([("NOP", None), ("NOP", None), ("Timestamp", stamp)] if stamps else [])
    assert all(stamp) == stamps
    read_in = next(iter(run.orders)) - 1  # the cycle whose header it has
    assert (record.acknowledgment & 0xFFFF, record.window) == (read_in, read_in)
    rebuilt = Ether(frame.octets)
    del rebuilt[IP].chksum, rebuilt[TCP].chksum
    assert bytes(rebuilt) == frame.octets, "checksums by scapy"


def test_ouch_field_by_field():
    common = {"time_in_force": "3", "display": "Y", "intermarket_sweep": "N", "cl_ord_id": "TW89ABCDEF    "}
    numbers = {"user_ref_num": 0x89AB_CDEF, "quantity": 0x01020304, "price": 0xF0E0_D0C0, "symbol": 3}
    for firm in ("TWIR", ""):
        run = Run({
            5: decision(side=Side.SELL, short=1, **numbers), 40: decision(side=Side.SELL, **numbers),
            80: decision(action=Action.REPLACE, target=0x01234567, **numbers),
            120: decision(action=Action.CANCEL, target=0x01234567, **numbers),
        }, design=design_of(firm=firm), cycles=160)
        short, sale, replace, cancel = map(ouch_fields, run.payloads())
        assert short == common | {
            "type": "O", "user_ref_num": 0x89AB_CDEF, "side": "T", "quantity": 0x01020304, "symbol": "PENNY   ",
            "price": 0xF0E0_D0C0, "capacity": "P", "cross_type": "N", "appendage_length": 6 if firm else 0,
            "appendage": b"\x05\x02TWIR" if firm else b""}
        assert sale == short | {"side": "S"}
        assert replace == common | {
            "type": "U", "original_user_ref_num": 0x01234567, "user_ref_num": 0x89AB_CDEF, "quantity": 0x01020304,
            "price": 0xF0E0_D0C0, "appendage_length": 0, "appendage": b""}
        assert cancel == {"type": "X", "user_ref_num": 0x01234567, "quantity": 0, "appendage": b""}
        assert [len(frame.octets) for frame in run.frames] == [110 if firm else 104] * 2 + [97, 66]


def test_fix_field_by_field():
    numbers = {"user_ref_num": 0x89AB_CDEF, "quantity": 1200, "symbol": 3}
    run = Run({
        5: decision(side=Side.SELL, short=1, price=1_575_900, **numbers),
        60: decision(action=Action.REPLACE, side=Side.SELL, target=0x01234567, price=TOP, **numbers),
        120: decision(action=Action.CANCEL, target=0x01234567, **numbers),
    }, design=design_of("fix", fix={"msg_seq_num": 9}), cycles=180)
    enter, replace, cancel = map(fix_fields, run.payloads())
    time = "20251231-23:59:59.123"
    common = {8: "FIX.4.4", 49: "TICKWIRE", 56: "EXCHANGE", 52: time, 11: "TW89ABCDEF", 55: "PENNY", 60: time,
              38: "1200"}
    terms = {21: "1", 40: "2", 59: "3", 528: "P"}
    expected = (
        common | terms | {35: "D", 34: "9", 54: "5", 44: "157.59"},
        common | terms | {35: "G", 34: "10", 54: "2", 44: "429496.7295", 41: "TW01234567"},
        common | {35: "F", 34: "11", 54: "1", 41: "TW01234567"},
    )
    for got, wanted in zip((enter, replace, cancel), expected, strict=True):
        assert {tag: value for tag, value in got.items() if tag not in (9, 10)} == wanted
    assert [order.msg_seq_num for order in run.orders.values()] == [9, 10, 11]


@pytest.mark.parametrize("text", [b"", b"112=WHO\x01", b"58=" + b"x" * 60 + b"\x01"])
def test_session_messages_of_fix(text):
    admin = ADMIN.tuple(ord("1"), len(text), int.from_bytes(text, "little"))
    run = Run({}, design=design_of("fix"), cycles=60, admin=[admin], admin_from=7)
    [payload] = run.payloads()
    fields = fix_fields(payload)
    assert (fields[35], fields[34], fields[52]) == ("1", "1", "20251231-23:59:59.128")  # as of a judgement
    assert payload[:-7].endswith(b"\x0152=20251231-23:59:59.128\x01" + text)
    assert len(fields[9]) == (2 if len(payload) < 122 else 3)
    [order] = run.orders.values()
    assert (order.admin, order.message, order.decision, order.user_ref_num) == (1, 0, 0, 0)


def test_session_messages_of_soupbintcp():
    run = Run({}, design=design_of(), cycles=60, admin=[ADMIN.tuple(ord(c), 0, 0) for c in "RO"])
    assert run.payloads() == [b"\0\1R", b"\0\1O"]
    assert [len(frame.octets) for frame in run.frames] == [60, 60]
    assert [frame.octets[57:] for frame in run.frames] == [bytes(3)] * 2, "padded with zeros"


def test_time_is_that_of_the_decision():
    """A decision says what the clock showed when it was judged, however near to the next ms."""
    edge = NOW - NOW % MS + MS
    times = {5: edge - 1, 6: edge, 7: edge + MS}
    run = Run({cycle: decision(time=ns) for cycle, ns in times.items()}, design=design_of("fix"), cycles=120)
    assert [fix_fields(payload)[52][-3:] for payload in run.payloads()] == ["123", "124", "125"]


@pytest.mark.parametrize("protocol, latency", [("ouch", 1), ("fix", 6)])
@pytest.mark.parametrize("idle", [2, 3, 13])
def test_latency_on_an_idle_wire(protocol, latency, idle):
    given = {idle: decision(), idle + 61: decision(message=4)}
    run = Run(given, design=design_of(protocol), cycles=150)
    assert latency == encoder(design_of(protocol)).LATENCY + Transmit.LATENCY
    assert latency == Order(design=design_of(protocol)).LATENCY
    assert list(run.orders) == [frame.offered for frame in run.frames] == [cycle + latency for cycle in given]
    beats = -(-len(run.frames[0].octets) // 8)
    assert [frame.end for frame in run.frames] == [cycle + latency + beats - 1 for cycle in given]
    assert run.counters == {"orders": 2, "admin": 0, "frames": 2, "acknowledgments": 0, "retransmissions": 0}
    busy = {cycle for cycle in range(150) for frame, begun in zip(run.frames, given, strict=True)
            if begun <= cycle <= frame.end}
    assert run.idle == set(range(150)) - busy


def test_latencies_are_what_they_are():
    assert (Encode.LATENCY, FixEncode.LATENCY, Transmit.LATENCY) == (1, 6, 0)


@pytest.mark.parametrize("protocol, lengths", [("ouch", [56, 56, 56]), ("fix", [172, 172, 173])])
def test_numbers_run_on_and_wrap(protocol, lengths):
    begin = {3: (TOP - 100, 8)}
    run = Run({10: decision(), 11: decision(), 12: decision()}, design=design_of(protocol), cycles=160, begin=begin)
    orders = list(run.orders.values())
    sequences = [TOP - 100, (TOP - 100 + lengths[0]) & TOP, (TOP - 100 + 2 * lengths[0]) & TOP]
    assert [order.tcp_sequence for order in orders] == [TCP(f.octets[34:]).seq for f in run.frames] == sequences
    assert [order.length for order in orders] == lengths
    assert [order.msg_seq_num for order in orders] == ([8, 9, 10] if protocol == "fix" else [0, 0, 0])
    assert run.next == ((sequences[-1] + lengths[-1]) & TOP, 11 if protocol == "fix" else 0)


@pytest.mark.parametrize("protocol", ["ouch", "fix"])
def test_refused_decision_leaves_no_trace(protocol):
    refusals = [refusal for refusal in Refusal if refusal]
    given = {5 + i: decision(refusals=refusal) for i, refusal in enumerate(refusals)}
    given |= {40: decision(), **{41 + i: decision(refusals=refusal) for i, refusal in enumerate(refusals)}}
    run = Run(given, design=design_of(protocol), cycles=120)
    assert len(run.orders) == len(run.frames) == 1
    assert next(iter(run.orders.values())).msg_seq_num == (protocol == "fix")
    assert (run.counters["orders"], run.counters["frames"]) == (1, 1)
    assert not run.full


@pytest.mark.parametrize("protocol", ["ouch", "fix"])
@pytest.mark.parametrize("share", [1, 0.6])
def test_frames_follow_each_other(protocol, share):
    """However slow the wire is: each begins in the cycle after the one before."""
    rng = random.Random(1)
    given = {5 + 2 * i: decision(message=i) for i in range(8)}
    run = Run(given, design=design_of(protocol, queue=16), ready=lambda cycle: rng.random() < share, cycles=600)
    assert [order.message for order in run.orders.values()] == [*range(8)]
    latency = encoder(design_of(protocol)).LATENCY
    ends = [-1, *(frame.end for frame in run.frames)]
    assert [frame.offered for frame in run.frames] == [
        max(cycle + latency, end + 1) for cycle, end in zip(given, ends, strict=False)]


@pytest.mark.parametrize("protocol, queue, seed", [("ouch", 2, 0), ("ouch", 4, 1), ("ouch", 8, 2), ("fix", 2, 3),
                                                   ("fix", 8, 4)])
def test_queue_full_in_time_for_what_is_under_way(protocol, queue, seed):
    """Approvals in every cycle, but for those that see ``queue_full`` one cycle before, as risk does: whatever is
    approved is sent, once and in order, however the wire dawdles."""
    rng = random.Random(seed)
    dut = Order(design=design_of(protocol, queue=queue))
    cycles, drain = 900, 60 + FIX_FRAME * (queue + 2)
    sent, seen, octets = 0, [], b""

    async def bench(ctx):
        nonlocal sent, octets
        approve, share = False, 0.5
        await ctx.tick().until(dut.ready)
        for cycle in range(cycles + drain):
            if cycle % 100 == 0:
                share = rng.choice([0, 0.1, 0.9, 1])
            busy = cycle < cycles
            ctx.set(dut.decisions.valid, approve)
            ctx.set(dut.decisions.payload.as_value(), DECISION.pack(decision(user_ref_num=sent)))
            ctx.set(dut.tx.ready, rng.random() < share if busy else 1)
            sent += approve
            approve = busy and not ctx.get(dut.queue_full) and rng.random() < 0.9
            if ctx.get(dut.tx.valid) and ctx.get(dut.tx.ready):
                octets += ctx.get(dut.tx.payload.data).to_bytes(8, "little")[: ctx.get(dut.tx.payload.keep).bit_count()]
                if ctx.get(dut.tx.payload.last):
                    payload = octets[54:]
                    name = fix_fields(payload)[11] if protocol == "fix" else ouch_fields(payload)["cl_ord_id"]
                    seen.append(int(name[2:], 16))
                    octets = b""
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == list(range(sent)) and sent > 2 * queue


@pytest.mark.parametrize("protocol", ["ouch", "fix"])
def test_a_symbol_is_what_the_host_named(protocol):
    """From the second cycle after that; frames are the model's, checksums among them."""
    design, stocks = design_of(protocol), ["AAPL", "Z", "12345678", "BRK.B", "QQ+"]
    for cycles, expected in ((1, "AAPL"), (2, None)):
        given = {20 * k + 6: decision(symbol=0, user_ref_num=1 + k) for k in range(len(stocks))}
        naming = {cycle - cycles: (0, int.from_bytes(stock.encode().ljust(8), "little"), 7)
                  for cycle, stock in zip(given, stocks, strict=True)}
        run = Run(given, design=design, cycles=160 + FIX_FRAME, naming=naming)
        before = [expected, *stocks] if expected else stocks
        model = GoldenOrder(design)
        for frame, order, one, stock in zip(run.frames, run.orders.values(), given.values(), before, strict=False):
            model.name(0, stock)
            header = Header(*(getattr(order, name) for name in Header._fields))
            assert model.decision(one, header=header) == order
            assert model.frame(order) == frame.octets
        assert len(run.frames) == len(stocks)


@pytest.mark.parametrize("protocol", ["ouch", "fix"])
def test_queue_holds_what_the_configuration_says(protocol):
    """With the wire stopped and an approval in every cycle, one is on the wire and all rows are taken in the end."""
    queue = 8
    latency = encoder(design_of(protocol)).LATENCY
    # What comes before the first frame begins waits as well.
    given = {0: decision(user_ref_num=1)} | {latency + i: decision(user_ref_num=2 + i) for i in range(queue)}
    run = Run(given, design=design_of(protocol, queue=queue), ready=lambda cycle: cycle >= 40,
              cycles=40 + FIX_FRAME * (queue + 2))
    # The last approval was decided one cycle before, when the queue had room for it.
    assert min(run.full) == latency + queue - 1
    assert [order.user_ref_num for order in run.orders.values()] == list(range(1, queue + 2))
    assert len(run.frames) == queue + 1 and max(run.full) < run.frames[-1].end, "the queue drains"


def test_wants_a_design():
    with pytest.raises(TypeError, match="not 'small'"):
        Order(design="small")
