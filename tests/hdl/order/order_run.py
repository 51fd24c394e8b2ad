"""The order stage in Amaranth's simulator, cycle by cycle, and its frames."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from amaranth.sim import Simulator

from golden_model.order import Header
from hdl.order import FixEncode, Order
from spec.config import Design, preset
from spec.records import ADMIN, DECISION, GIVEN_SYMBOL, ORDER

NOW = 1_767_225_599_123_456_789  #: 2025-12-31 23:59:59.123
MS = 1_000_000


def design_of(protocol: str = "ouch", **order) -> Design:
    data = preset("small").model_dump()
    data["order"] |= {"protocol": protocol} | order
    return Design.model_validate(data)


def decision(**changes):
    values = dict.fromkeys(DECISION.tuple._fields, 0) | {
        "message": 3, "timestamp": 34_200_000_000_000, "quantity": 100, "price": 2_915_300, "user_ref_num": 1,
        "time": NOW}
    return DECISION.tuple(**values | changes)


def header(cycle: int) -> Header:
    """One that says in which cycle it was read."""
    return Header(0xA000_0000 + cycle, cycle & 0xFFFF, 0x5000_0000 + cycle, 0x6000_0000 + cycle)


def time_word(ns: int) -> int:
    """``hdl.time.Time`` as a number."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ns // MS)
    digits = f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}"
    return ns | sum(int(digit) << 64 + 4 * i for i, digit in enumerate(digits))


class Frame(NamedTuple):
    offered: int  #: cycle in which the first beat was offered first
    end: int  #: cycle in which the last beat was accepted
    octets: bytes


class Run:
    """What the stage did with ``decisions`` (by cycle), ``admin`` (one after another, from a cycle on), ``begin`` and
    ``naming`` (by cycle) while ``ready(cycle)`` held, from the first cycle in which it is ready. The clock shows
    ``NOW`` and a ms for each cycle, but a decision's time when that was judged."""

    def __init__(self, decisions: dict, *, design: Design, cycles: int, ready=lambda cycle: True, admin=(),
                 admin_from: int = 1, begin: dict | None = None, naming: dict | None = None):
        self.orders, self.taken, self.full, self.idle = {}, {}, set(), set()
        self.frames: list[Frame] = []
        admins, begins = list(admin), begin or {}
        dut = Order(design=design)
        offered, octets = None, b""

        async def bench(ctx):
            nonlocal offered, octets
            held = None
            ctx.set(dut.header.source_port, design.order.source_port)
            await ctx.tick().until(dut.ready)
            for cycle in range(cycles):
                given, following = decisions.get(cycle), decisions.get(cycle + FixEncode.JUDGED)
                ctx.set(dut.decisions.valid, given is not None)
                ctx.set(dut.decisions.payload.as_value(), DECISION.pack(given) if given else (1 << DECISION.bits) - 1)
                ctx.set(dut.time.as_value(), time_word(following.time if following else NOW + MS * cycle))
                for name, value in header(cycle)._asdict().items():
                    ctx.set(dut.header[name], value if design.order.tcp_timestamps or not name.startswith("ts") else 0)
                ctx.set(dut.tx.ready, ready(cycle))
                ctx.set(dut.admin.valid, bool(admins) and cycle >= admin_from)
                if admins:
                    ctx.set(dut.admin.payload.as_value(), ADMIN.pack(admins[0]))
                ctx.set(dut.begin.valid, cycle in begins)
                if cycle in begins:
                    ctx.set(dut.begin.payload.tcp_sequence, begins[cycle][0])
                    ctx.set(dut.begin.payload.msg_seq_num, begins[cycle][1])
                named = (naming or {}).get(cycle)
                ctx.set(dut.naming.valid, named is not None)
                if named is not None:
                    ctx.set(dut.naming.payload.as_value(), GIVEN_SYMBOL.pack(named))
                if ctx.get(dut.admin.valid) and ctx.get(dut.admin.ready):
                    self.taken[cycle] = admins.pop(0)
                if ctx.get(dut.orders.valid):
                    self.orders[cycle] = ORDER.unpack(ctx.get(dut.orders.payload.as_value()))
                if ctx.get(dut.queue_full):
                    self.full.add(cycle)
                if ctx.get(dut.idle):
                    self.idle.add(cycle)
                if ctx.get(dut.tx.valid):
                    beat = tuple(ctx.get(dut.tx.payload[name]) for name in ("data", "keep", "last", "error"))
                    assert held in (None, beat), f"cycle {cycle}: an offered beat changed from {held} to {beat}"
                    held, offered = beat, cycle if offered is None else offered
                    if ctx.get(dut.tx.ready):
                        word, keep, last, error = beat
                        held = None
                        assert error == 0 and (keep == 0xFF or last and keep & keep + 1 == 0)
                        octets += word.to_bytes(8, "little")[: keep.bit_count()]
                        if last:
                            self.frames.append(Frame(offered, cycle, octets))
                            offered, octets = None, b""
                else:
                    assert held is None, f"cycle {cycle}: an offered beat was withdrawn"
                    assert offered is None, f"cycle {cycle}: a frame paused"
                await ctx.tick()
            self.counters = {name: ctx.get(dut.counters[name]) for name in dut.counters.shape().members}
            self.next = (ctx.get(dut.next_sequence), ctx.get(dut.next_msg_seq_num))

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(bench)
        simulator.run()
        assert octets == b"", "a frame without end"

    def payloads(self, headers: int = 54) -> list[bytes]:
        """Of the frames that have records."""
        return [frame.octets[headers:][: order.length] for frame, order in zip(
            self.frames, self.orders.values(), strict=True)]
