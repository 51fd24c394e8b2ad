"""No beat of an order frame leaves the core unless the gate approved that order: each frame is one approval's, once, in
order, octet by octet. From the gate to the wire, at the core's own TX."""

import pytest
from amaranth import *

from golden_model.order import Header
from golden_model.order import Order as Model
from hdl.order import Encode, Order
from hdl.order.ouch import Ouch
from hdl.order.transmit import Transmit
from hdl.records import layout
from hdl.top import TickToTrade
from spec import ouch, soupbintcp
from spec.records import DECISION, Action
from tests.proofs.cases import faults, smallest
from tests.proofs.proving import Subject, before, plant, prove

DEPTH = 3
#: All but the gate itself and what is behind it.
CUT = ("clock", "feed", "book", "indicators", "strategy", "session", *(
    f"risk.{part}" for part in ("limits", "order_checks", "exposure", "open_orders", "duplicates", "symbol_rate",
                                "message_rate", "replies", "loss", "stale", "buckets", "kill_switch")))
#: What makes FIX's text: frames are counted, not read.
TEXT = ("order.texts", "order.packer", "order.checksums", "order.encode.quantity", "order.encode.price")
LANES, HEADERS = 8, 54  #: octets of a beat, and before the payload
LEAST = 60 - HEADERS  #: octets of payload below which a frame is padded
CODES = {Action.ENTER: "O", Action.REPLACE: "U", Action.CANCEL: "X"}


def big_endian(value: Value, octets: int) -> list[Value]:
    padded = Cat(value, C(0, 8 * octets))[: 8 * octets]
    return [padded.word_select(i, 8) for i in reversed(range(octets))]


def written(design, decision) -> dict[Action, list[Value]]:
    """The octets of an order, as the model writes those that do not differ and the tables say where the others are."""
    found = {}
    for action, code in CODES.items():
        values = dict.fromkeys(DECISION.tuple._fields, 0) | {"action": action}
        constant = []
        for symbol in range(len(design.symbols)):
            model = Model(design)
            order = model.decision(DECISION.tuple(**values | {"symbol": symbol}), header=Header(0, 0))
            constant.append(model._payloads[order.tcp_sequence])
        octets = [Mux(decision.symbol == 0, C(a, 8), C(b, 8)) for a, b in zip(*constant, strict=True)]
        number = decision.target if action is Action.CANCEL else decision.user_ref_num
        digits = [number.word_select(i, 4) for i in reversed(range(8))]
        prefix = [C(ord(c), 8) for c in design.order.cl_ord_id_prefix]
        differ = {
            "user_ref_num": big_endian(number, 4), "original_user_ref_num": big_endian(decision.target, 4),
            "quantity": big_endian(decision.quantity, 4), "price": big_endian(decision.price, 8),
            "side": [Mux(decision.side, Mux(decision.short, C(ord("T"), 8), C(ord("S"), 8)), C(ord("B"), 8))],
            "cl_ord_id": prefix + [Array(C(ord(f"{n:X}"), 8) for n in range(16))[digit] for digit in digits],
        }
        if action is Action.CANCEL:
            del differ["quantity"]  # of all that is left
        for name, value in differ.items():
            if name in ouch.CLIENT[code]:
                start = soupbintcp.HEADER.length + ouch.CLIENT[code][name].offset
                octets[start : start + len(value)] = value
        found[action] = octets
    return found


def describe_queue(subject: Subject, path: str) -> Value:
    """What is always true of a queue. Returns how many entries it has."""
    queue, depth = subject.part(path), subject.part(path)._depth
    empty, stored, taken, forward, forwarded = (
        subject.signal(path, name) for name in ("empty", "stored", "taken", "forward", "forwarded"))
    written = subject.signal(path, "written")
    subject.invariant(f"{path}: empty is none stored", empty == (stored == 0))
    subject.invariant(f"{path}: as many rows as are stored", (written - taken - stored)[: len(taken)] == 0)
    subject.invariant(f"{path}: no more than there are rows", stored <= depth)
    row = subject.row(f"{path}.rows", taken)
    read = subject.read_data(f"{path}.rows")
    subject.invariant(f"{path}: the head is the oldest row",
                  empty | (Mux(forward, forwarded, read) == row))
    subject.invariant(f"{path}: nothing is taken that is not there", ~queue.head.ready | queue.head.valid)
    return stored


def frames(inductive: bool = True, stalls: bool = True, admits: bool = True, **order) -> Subject:
    """The core from the gate to the wire."""
    design = smallest(**order)
    is_fix = design.order.protocol == "fix"
    subject = Subject(TickToTrade(design=design), cut=(*CUT, *(TEXT if is_fix else ())), inductive=inductive)
    core, m = subject.component, subject.m
    decision, order, session, tx = (
        subject.part("risk").decisions, subject.part("order"), subject.part("session"), core.tx)
    # The session sends again what it had from here, so no more in a segment than that.
    most = subject.part("order.encode").octets
    subject.given(session.service.payload.length <= most)

    if not inductive:  # fewer runs to search: what is found is as wrong as it is among all
        subject.given(~session.service.valid & ~session.begin.valid & (session.header.as_value() == 0))
        subject.given(~session.admin.valid | admits)
        subject.given(tx.ready | stalls)

    # Frames as they are seen from outside: which beat is offered, whether it is offered for the first time.
    at, held = Signal(6), Signal()
    with m.If(tx.valid & tx.ready):
        m.d.sync += at.eq(Mux(tx.payload.last, 0, at + 1))
    m.d.sync += held.eq(tx.valid & ~tx.ready)
    begins = tx.valid & (at == 0) & ~held
    of_order = begins & ~session.service.ready
    approved = decision.valid & (decision.payload.refusals == 0)
    asked = session.admin.valid & session.admin.ready
    unused = Signal(8)  # approvals, and messages taken, for which no frame has begun
    m.d.sync += unused.eq(unused + (approved | asked) - of_order)
    subject.claim("a frame with a message has an approval that no other frame had", ~of_order | (unused != 0))
    subject.claim("one message at a time", ~(approved & asked))

    _describe(subject, design, at, unused, of_order, approved, most)
    if is_fix:
        subject.given(subject.part("order.encode").orders.payload.length <= most)
    else:
        _follow(subject, design, at, begins, unused, of_order, approved, asked)
    return subject


def _describe(subject, design, at, unused, of_order, approved, most):
    """What induction needs to know of the cycle that it begins with."""
    m, tx, order, transmit = subject.m, subject.component.tx, subject.part("order"), subject.part("order.transmit")
    none, one, beat, last, padded = (
        subject.signal("order.transmit", name) for name in ("none", "one", "beat", "last", "padded"))
    waiting, depth = subject.signal("order", "waiting"), design.order.queue
    started = before(m, transmit.started, name="started")
    subject.invariant("unused are those that wait", unused == waiting + started)
    subject.invariant("what begins on tx had started", of_order == started)
    subject.invariant("none is none", none == (transmit.waiting == 0))
    subject.invariant("one is one", one == (transmit.waiting == 1))
    subject.invariant("none of all is none", subject.signal("order", "none") == (waiting == 0))
    encoding = sum(subject.signal("order.encode", "accepted_5")) if design.order.protocol == "fix" else 0
    subject.invariant("what waits is being encoded or waits for a frame", transmit.waiting + encoding == waiting)
    subject.invariant("no more wait than there is room for", waiting <= depth)
    subject.invariant("full is full", order.queue_full == (waiting >= depth - 1))
    subject.invariant("an approval has room", ~approved | (waiting < depth))

    # Which beat is next: one, and none behind the last of its frame.
    current = transmit._segment(subject.signal("order.transmit", "current"))
    beats = len(beat)
    length = Mux(current.length < LEAST, LEAST, current.length)[:16] + HEADERS
    ends = Cat((length > LANES * b) & (length <= LANES * (b + 1)) for b in range(beats))
    first = beat[0]
    subject.invariant("one beat is next", (beat != 0) & ((beat & (beat - 1)) == 0))
    subject.invariant("no segment is too long", current.length <= most)
    subject.invariant("no frame ends in its headers", (last & 0x7F) == 0)
    subject.invariant("no frame is short", (padded == 0) | (padded >= 60))
    subject.invariant("the frame's length is that of what it carries", (beat < 1 << 3) | (padded == length))
    subject.invariant("the frame's last beat is that of its length", (beat < 1 << 4) | (last == ends) & (beat <= last))
    keep = subject.signal("order.transmit", "keep")
    subject.invariant("and so are the octets of its last beat", (beat < 1 << 4)
                      | (keep == Cat((length - 1)[:3] >= i for i in range(LANES))))
    subject.invariant("tx has the beat before the next", ~tx.valid | Mux(tx.payload.last, first, beat == 1 << (at + 1)))
    subject.invariant("no frame is broken off", tx.valid | first & (at == 0))
    takes = subject.part("order.transmit.queue").head.ready | transmit.service.ready
    subject.invariant("taken at the first beat", ~takes | beat[1] & tx.valid & (at == 0))

    # What waits is in the queue.
    orders = subject.part("order.encode").orders
    path = "order.transmit.queue"
    stored = describe_queue(subject, path)
    taken = subject.signal(path, "taken")
    segment = transmit._segment
    for i in range(depth):
        row = segment(subject.row(f"{path}.rows", taken + i))
        subject.invariant(f"no segment in row {i} is too long", (stored <= i) | (row.length <= most))
    subject.invariant("nor one on its way there", ~orders.valid | (orders.payload.length <= most))
    subject.invariant("what waits is stored or on its way", stored + orders.valid == transmit.waiting + started)


def _follow(subject, design, at, begins, unused, of_order, approved, asked):
    """An arbitrary approved order, or message of the host's, to its frame."""
    m, tx, session = subject.m, subject.component.tx, subject.part("session")
    decision, admin = subject.part("risk").decisions.payload, session.admin.payload
    chosen, fresh, queued, mine = (Signal(name=name) for name in ("chosen", "fresh", "queued", "mine"))
    ahead = Signal.like(unused)  # messages before it whose frames have not begun
    which, is_admin, kind = Signal(layout(DECISION)), Signal(), Signal(8)
    choose = subject.free(1, name="choose") & ~chosen & (approved | asked)
    ours = of_order & (fresh | queued) & (ahead == 0)
    m.d.sync += fresh.eq(choose)
    with m.If(choose):
        m.d.sync += [chosen.eq(1), which.eq(decision), is_admin.eq(asked), kind.eq(admin.type),
                     ahead.eq(unused - of_order)]
    with m.Elif(of_order & (ahead != 0)):
        m.d.sync += ahead.eq(ahead - 1)
    with m.If(ours):
        m.d.sync += [queued.eq(0), mine.eq(1)]
    with m.Elif(fresh):
        m.d.sync += queued.eq(1)
    ended = tx.valid & tx.ready & tx.payload.last
    with m.If(mine & ended):
        m.d.sync += mine.eq(0)

    octets = subject.part("order.encode").octets
    said, length = Signal(8 * octets, name="said"), Signal(16)  # what its frame must carry
    admin_octets = [C(0, 8), C(1, 8), kind]
    for is_kind, text in ((is_admin, admin_octets),
                          *((~is_admin & (which.action == action.value), text)
                            for action, text in written(design, which).items())):
        with m.If(is_kind):
            m.d.comb += [said.eq(Cat(text)), length.eq(len(text))]
    # The strategy makes no other intents.
    subject.given(~choose | asked | (decision.action <= Action.CANCEL) & (decision.symbol < len(design.symbols)))

    _describe_stocks(subject, design)
    subject.given(~choose | asked | subject.part("order").ready)  # no decision before the core is ready

    # The claim: its octets and no others, in its place.
    for b in range(-(-(HEADERS + octets) // LANES)):
        for lane in range(LANES):
            octet = LANES * b + lane - HEADERS
            if 0 <= octet:
                expected = said.word_select(octet, 8) if octet < octets else C(0, 8)
                subject.claim(f"octet {octet} of the payload", ~(mine & tx.valid & (at == b))
                              | (tx.payload.data.word_select(lane, 8) == expected))
        subject.claim(f"beat {b} is the last if the payload ends there", ~(mine & tx.valid & (at == b))
                      | (tx.payload.last == (HEADERS + Mux(length < LEAST, LEAST, length) <= LANES * (b + 1))))

        kept = Cat(HEADERS + Mux(length < LEAST, LEAST, length) > LANES * b + lane for lane in range(LANES))
        subject.claim(f"no octet of beat {b} but the frame's", ~(mine & tx.valid & (at == b))
                      | (tx.payload.keep == kept))

    path = "order.transmit.queue"
    transmit, segment = subject.part("order.transmit"), subject.part("order.transmit")._segment
    taken, stored = subject.signal(path, "taken"), subject.signal(path, "stored")
    current, again = segment(subject.signal("order.transmit", "current")), subject.signal("order.transmit", "again")
    row = segment(subject.row(f"{path}.rows", taken + ahead))
    subject.invariant("it is written as it was approved", ~fresh | (transmit.payload == said)
                  & (transmit.orders.payload.length == length) & transmit.orders.valid & (ahead == stored))
    subject.invariant("it waits as it was written", ~queued | (row.payload == said) & (row.length == length)
                  & (ahead < stored))
    subject.invariant("it is sent as it waited", ~mine
                      | ~again & (current.payload == said) & (current.length == length))
    subject.invariant("one place at a time", fresh + queued + mine <= 1)
    subject.invariant("it is somewhere only once chosen", chosen | ~(fresh | queued | mine))
    subject.invariant("its frame is under way", ~mine | tx.valid)


def _describe_stocks(subject, design):
    """While the host names no other, each symbol has the stock of the configuration once the sweep has passed it."""
    path = "order.encode.ouch.stocks"
    stocks, swept = subject.part(path), subject.signal(path, "row")
    subject.given(~subject.part("book").naming.valid)
    subject.invariant("no name is under way", ~stocks.write_enable)
    for i, symbol in enumerate(design.symbols):
        stock = int.from_bytes(symbol.stock_octets, "little")
        subject.invariant(f"stock {i} is there", ~stocks.ready & (swept <= i)
                          | (subject.row(f"{path}.rows", C(i, 10))[:64] == stock))


@pytest.mark.parametrize("protocol", ["ouch", "fix"])
def test_every_frame_is_an_approval(protocol, build_dir):
    verdict = prove(frames(protocol=protocol), build_dir / protocol, depth=DEPTH)
    assert verdict.status == "PASS", str(verdict)


FAULTS = {
    "an order that was killed": (Encode, "(decision.refusals == 0)", "(decision.refusals[1:] == 0)"),
    "an admin message over an order": (Encode, "~self.decisions.valid & self.admitted", "self.admitted"),
    "a price that is a quantity": (Ouch, "to_octets(held.price, 8)", "to_octets(held.quantity, 8)"),
    "a frame too many": (Transmit, "waiting - 1), none.eq(one)", "waiting - 1), none.eq(0)"),
    "a queue that is full too late": (Order, "design.order.queue - IN_FLIGHT", "design.order.queue"),
}


@pytest.mark.parametrize("fault", faults(FAULTS, "an order that was killed"))
def test_a_fault_is_refuted(fault, build_dir, monkeypatch):
    plant(monkeypatch, *FAULTS[fault])
    subject = frames(inductive=False, stalls="queue" in fault, admits="admin" in fault)
    verdict = prove(subject, build_dir / fault.replace(" ", "_"), depth=22)
    assert verdict.status == "FAIL", str(verdict)
