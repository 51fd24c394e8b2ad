"""cocotb bench of the session over FIX: execution reports, rejects, sequence numbers, and messages that are none."""

import cocotb

from spec import fix
from spec.records import LostReason, SessionEvent
from testbenches.session_peer import fix_message
from testbenches.session_tb import TB

_test = cocotb.test(timeout_time=2, timeout_unit="ms")

_PRICES = ("0", "1", "10.5", "291.52", "0.0001", "12.3456", "007.10", "429496.7295", "12.34560000", "5.")
_NO_PRICES = ("429496.7296", "1.23456", "-1", "1e3", "", ".5", "1.2.3", "99999999999999999999")
_QUANTITIES = ("0", "1", "100", "999999", "4294967295", "100.0", "00042", "7.")
_NO_QUANTITIES = ("4294967296", "1.5", "", "x", "+1", "18446744073709551616")


class Fix(TB):
    """A counterparty that numbers its messages."""

    def __init__(self, dut):
        super().__init__(dut)
        self.number = self.design.order.fix.expected_seq_num

    def identity(self, number: int | None = None) -> str:
        """A ClOrdID, mostly of ours."""
        number = self.rng.getrandbits(32) if number is None else number
        good = f"{self.design.order.cl_ord_id_prefix}{number:08X}"
        if self.rng.random() < 0.9:
            return good
        return self.rng.choice([good.lower() + "g", good[:-1], good + "0", "XX" + good[2:], "", good[:-1] + "G"])

    def fill(self, *fields: tuple[int, str]) -> list[tuple[int, str]]:
        """Fields in any order, with others, of which some come twice."""
        others = [(55, "AAPL"), (54, "1"), (38, "100"), (6, "0"), (14, "0"), (17, "E7"), (37, "X9"), (1511, "77"),
                  (58, "8=FIX.4.4 10=000"), (341, "9"), (3, "1"), (15, "USD=1")]
        made = [*fields, *self.rng.sample(others, self.rng.randint(0, 6))]
        self.rng.shuffle(made)
        if made and self.rng.random() < 0.2:
            made.append((self.rng.choice(made)[0], "1"))
        return made

    def report(self, exec_type: str, **values: str) -> tuple[str, list[tuple[int, str]]]:
        """An execution report."""
        rng = self.rng
        fields = [(150, exec_type), (39, "0"), (11, self.identity())]
        if exec_type == "5" or rng.random() < 0.4:
            fields.append((41, self.identity()))
        fields += [(151, values.get("leaves", rng.choice(_QUANTITIES))),
                   (32, values.get("last", rng.choice(_QUANTITIES))), (31, values.get("price", rng.choice(_PRICES)))]
        return "8", self.fill(*fields)

    def any(self) -> tuple[str, list[tuple[int, str]]]:
        """A message that is well-formed."""
        rng = self.rng
        kind = rng.choice("8888888899990123AB")
        if kind == "8":
            return self.report(rng.choice([*fix.EXEC_TYPES, *fix.EXEC_TYPES, "A", "E", "I"]))
        if kind == "9":
            return kind, self.fill((11, self.identity()), (41, self.identity()), (434, rng.choice("123")))
        if kind == "B":
            return rng.choice(["B", "AE", "j", "h"]), self.fill()
        return kind, self.fill()

    def messages(self, count: int) -> list[bytes]:
        made = []
        for _ in range(count):
            kind, fields = self.any()
            number = self.number
            if self.rng.random() < 0.1:
                number = self.rng.choice([number + 1, max(1, number - 1), number + (1 << 32), number + 10])
            self.number += number == self.number
            made.append(fix_message(kind, number, *fields))
        return made

    async def again(self):
        """A session from the beginning."""
        self.number = self.rng.choice([1, 99, 4_000_000_000])
        await self.handover(expected_seq_num=self.number, msg_seq_num=self.rng.randint(1, 1000))


@_test
async def every_report(dut):
    """Reports of every kind, with and without what they need not have, in one segment and in many."""
    tb = await Fix.create(dut)
    for exec_type in fix.EXEC_TYPES:
        for price in _PRICES:
            kind, fields = tb.report(exec_type, price=price)
            octets = fix_message(kind, tb.number, *fields)
            await tb.room(len(octets))
            tb.give(tb.peer.send(octets))
            tb.number += 1
    await tb.drain()
    tb.check()
    stream = b"".join(tb.messages(60))
    while stream:
        size = tb.rng.choice([1, 3, 8, 40, 200, 700])
        await tb.room(size)
        tb.give(tb.peer.send(stream[:size]))
        stream = stream[size:]
    await tb.room(400)
    tb.give(tb.peer.send(fix_message("8", tb.number + 1, *tb.fill()) + fix_message("B", tb.number)))
    await tb.drain()
    tb.check()
    kinds = {reply.kind for reply in tb.replies.seen}
    assert len(kinds) == 7, kinds
    for name in ("packet_sequence", "messages_unknown"):
        assert tb.model.counters[name], name


@_test
async def numbers_that_are_none(dut):
    """Prices and quantities that fit no record, or are none, end the session."""
    tb = await Fix.create(dut)
    cases = [("F", {"price": price, "last": "1"}) for price in _NO_PRICES]
    cases += [("F", {"price": "1", "last": quantity}) for quantity in _NO_QUANTITIES]
    cases += [("0", {"leaves": quantity}) for quantity in _NO_QUANTITIES]
    for exec_type, values in cases:
        tb.identity = lambda: f"{tb.design.order.cl_ord_id_prefix}0000000A"
        tb.fill = lambda *fields: list(fields)
        kind, fields = tb.report(exec_type, **values)
        del tb.identity, tb.fill
        tb.give(tb.peer.send(b"".join(tb.messages(1)) + fix_message(kind, tb.number, *fields)))
        await tb.drain()
        assert tb.sessions.seen[-1].reason == LostReason.MALFORMED, (exec_type, values)
        tb.check_state()
        tb.check()
        await tb.again()


@_test
async def no_messages(dut):
    """What is no FIX message ends the session; what was before it stands."""
    tb = await Fix.create(dut)
    tb.give(tb.peer.send(b"".join(tb.messages(3))))
    await tb.drain()

    def good(**options):
        return fix_message("0", tb.number, **options)

    for make in (
        lambda: good(begin="FIX.4.2"),
        lambda: good(checksum=(sum(good()[:-7]) + 1) % 256),
        lambda: good(length=len(good()) - 28) + b"10=000\x01",
        lambda: good(length=0),
        lambda: good().replace(b"\x019=", b"\x019=x"),
        lambda: good().replace(b"\x019=", b"\x019=000000"),
        lambda: good().replace(b"35=0", b"36=0"),
        lambda: fix_message("0", "1x"),
        lambda: fix_message("0", ""),
        lambda: good()[:-1] + b"0",
        lambda: good()[:-7] + b"10=\x01000",
        lambda: b"\0" * 8,
    ):
        what = make()
        tb.give(tb.peer.send(what + good()))
        await tb.drain()
        assert tb.sessions.seen[-1].reason == LostReason.MALFORMED, what
        tb.check_state()
        tb.check()
        await tb.again()


@_test
async def logout(dut):
    """A logout ends the session, whatever its number; what follows it is not looked at."""
    tb = await Fix.create(dut)
    for step in (0, 5):
        tb.give(tb.peer.send(b"".join(tb.messages(2)) + fix_message("5", tb.number + step) + b"nothing more"))
        await tb.drain()
        assert tb.sessions.seen[-1].reason == LostReason.END_OF_SESSION
        tb.check_state()
        tb.check()
        await tb.again()
        await tb.cycles(50)
        assert tb.sessions.seen[-1].state == SessionEvent.ESTABLISHED
        tb.check_state()


@_test
async def disorder(dut):
    """Segments lost, repeated and out of order."""
    tb = await Fix.create(dut)
    rng, start = tb.rng, tb.peer.sequence
    stream = b"".join(tb.messages(30))
    while tb.peer.acknowledged != start + len(stream):
        at, window = tb.peer.acknowledged, []
        while at != start + len(stream) and len(window) < 4:
            size = min(rng.choice([7, 60, 300]), start + len(stream) - at)
            back = min(rng.choice([0, 0, 3, 50]), at - start)
            window.append((at - back, stream[at - start - back : at - start + size]))
            at += size
        if rng.random() < 0.4:
            rng.shuffle(window)
        for sequence, payload in window:
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                tb.give(tb.peer.segment(payload, sequence=sequence), error=rng.random() < 0.05)
        await tb.drain()
    tb.check()
