"""core: from a frame to an order, and that the stages are nothing but composed."""

import random

import pytest
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from golden_model.book import Book
from golden_model.core import Conditions, Core, Impossible, Step
from golden_model.feed import Feed
from golden_model.indicators import Indicators
from golden_model.order import Header, Order
from golden_model.risk import Risk
from golden_model.session import Session
from golden_model.strategy import Strategy
from spec.config import preset
from spec.counters import COUNTERS
from spec.ladder import ASK, BID, window_around
from spec.limits import parameters, session_limit, symbol_limit
from spec.records import (
    ADMIN,
    DEPTH,
    INTENT,
    KILL,
    LOAD,
    ORDER,
    PARAMETERS_SET,
    POSITION,
    RECORDS,
    SESSION_LIMIT_SET,
    SYMBOL_LIMIT_SET,
    SYMBOL_SET,
    WINDOW,
    Cause,
    Refusal,
    Reply,
    Side,
)
from tests.golden_model import peer
from tests.golden_model.build import datagram, itch_message, nonzero, small

DESIGN = preset("small")
OPEN = [itch_message("S", 0, event="Q"), itch_message("R", 5, stock="AAPL"), itch_message("H", 5, state="T")]
REFERENCE = 2_915_200


EMPTY = Step(*([] for _ in Step._fields))


def add(reference, side, price, shares, timestamp=0):
    return itch_message("A", 5, reference=reference, side=side, price=price, shares=shares, timestamp=timestamp)


#: A trade at the reference price, then a book that leans upwards with its third order.
LEAN = [itch_message("P", 5, price=REFERENCE, shares=10, match=1),
        add(1, "S", REFERENCE + 100, 100), add(2, "B", REFERENCE, 200), add(3, "B", REFERENCE, 100)]


def test_a_tick_becomes_an_order():
    core = Core(DESIGN)
    step = core.frame(datagram(*OPEN, *LEAN))
    assert [len(getattr(step, name)) for name in ("messages", "updates", "indicators", "vwaps")] == [7, 6, 6, 6]
    (intent,), (decision,), (order,), (frame,) = step.intents, step.decisions, step.orders, step.frames
    assert intent.message == decision.message == order.message == 6
    assert (intent.side, intent.price, intent.reference) == (Side.BUY, REFERENCE + 100, REFERENCE)
    assert decision.refusals == 0 and decision.exposure_long == 100
    tcp = Ether(frame)[TCP]
    assert tcp.seq == order.tcp_sequence and len(tcp.payload) == order.length
    assert nonzero(core.counters["order"]) == {"orders": 1, "frames": 1}


def test_kill_stops_orders_not_the_book():
    core = Core(DESIGN)
    core.frame(datagram(*OPEN))
    core.kill()
    step = core.frame(datagram(*LEAN, sequence=4))
    assert Refusal(step.decisions[0].refusals) == Refusal.KILL_SWITCH
    assert not step.orders and not step.frames and len(step.updates) == 4


def test_the_harness_may_say_that_the_queue_was_full():
    core = Core(DESIGN)
    core.conditions[0] = Conditions(time=7, queue_full=True)
    (decision,) = core.frame(datagram(*OPEN, *LEAN)).decisions
    assert (Refusal(decision.refusals), decision.time) == (Refusal.ORDER_QUEUE_FULL, 7)


def told(record, **values):
    """Of a record, what matters of it."""
    return record.tuple(**dict.fromkeys(record.tuple._fields, 0) | values)


def test_replies_move_positions_before_the_decision_that_sees_them():
    core = Core(small(session={"established": True}))
    (order,) = core.frame(datagram(*OPEN, *LEAN)).orders
    number = order.user_ref_num
    said = peer.message("A", user_ref_num=number, quantity=100) + peer.message(
        "E", user_ref_num=number, quantity=60, price=REFERENCE, match=1)
    core.session_frame(peer.segment(peer.logged_in() + said, acknowledgment=1 + order.length))
    core.moments += [told(POSITION, message=6, decision=1)] * 2
    core.requests.append(told(INTENT, message=6, host=1, side=Side.SELL, quantity=61, price=REFERENCE + 100,
                              symbol=0))
    step = core.settle()
    assert [(p.kind, p.lawful, p.position, p.exposure_long, p.open_orders, p.remaining) for p in step.positions] == [
        (Reply.ACCEPTED, 1, 0, 100, 1, 100), (Reply.EXECUTED, 1, 60, 100, 1, 40)]
    (decision,) = step.decisions
    assert (decision.refusals, decision.host, decision.short, decision.exposure_short) == (0, 1, 1, -1)
    with pytest.raises(ValueError, match="the exchange sent no such reply"):
        core.moments.append(told(POSITION, decision=2))
        core.settle()


def test_limits_and_kills_take_effect_before_the_decision_that_they_name():
    core = Core(DESIGN)
    core.frame(datagram(*OPEN))
    narrow = symbol_limit(DESIGN, 0)._replace(max_long=99)
    whole = session_limit(DESIGN)._replace(max_gross=1)
    core.moments += [SYMBOL_LIMIT_SET.tuple(2**32 - 1, 0, *narrow), SESSION_LIMIT_SET.tuple(2**32 - 1, 0, *whole),
                     KILL.tuple(2**32 - 1, 0, Cause.SESSION_LOST)]
    step = core.frame(datagram(*LEAN, sequence=4))
    assert Refusal(step.decisions[0].refusals) == (
        Refusal.KILL_SWITCH | Refusal.POSITION_LIMIT | Refusal.GROSS_NOTIONAL)
    assert (len(step.symbol_limits_set), len(step.session_limits_set), len(step.kills)) == (1, 1, 1)
    core.moments.append(KILL.tuple(6, 1, 0))
    assert [k.causes for k in core.settle().kills] == [0] and not core.risk.causes
    with pytest.raises(ValueError, match="decision 0 is past, the next is 1"):
        core.moments.append(KILL.tuple(6, 0, Cause.HOST))
        core.settle()


@pytest.mark.parametrize("moment, complaint", [
    (KILL.tuple(6, 1, Cause.LOSS), "no loss above the limit, profit is"),
    (LOAD.tuple(6, 0, ASK, 9, REFERENCE, 5, 0), "has no attribute|nothing that risk is told of"),
])
def test_a_moment_that_cannot_be_is_refused(moment, complaint):
    core = Core(DESIGN)
    core.frame(datagram(*OPEN, *LEAN))
    core.moments.append(moment)
    with pytest.raises((ValueError, AttributeError), match=complaint):
        core.settle()


def named(symbol, stock, locate, *, message=0, refused=0):
    return SYMBOL_SET.tuple(message, symbol, int.from_bytes(stock.encode().ljust(8), "little"), locate, refused)


def test_what_the_host_names_takes_the_place_of_the_configuration_and_the_directory():
    core = Core(DESIGN)
    names = [named(0, "TSLA", 9), named(0, "GM", 6), named(1, "GM", 0), named(1, "G M", 6), named(4, "GM", 6),
             named(1, "GM", DESIGN.book.locates)]
    core.symbols.extend(names)
    there = [itch_message("R", 9, stock="TSLA"), itch_message("H", 9, state="T"),
             *(message[:1] + (9).to_bytes(2, "big") + message[3:] for message in LEAN)]
    step = core.frame(datagram(*OPEN, *there))
    assert step.symbols_set == [names[0], *(name._replace(refused=1) for name in names[1:])]
    assert [update.symbol for update in step.updates] == [0] * 6 and core.counters["book"]["filtered"] == 2
    assert (core.counters["book"]["symbols_set"], core.counters["book"]["symbols_refused"]) == (1, 5)
    (frame,) = step.frames
    assert b"TSLA    " in frame and b"AAPL" not in frame


def test_it_is_too_late_to_name_a_symbol_once_there_was_a_message():
    core = Core(DESIGN)
    core.frame(datagram(*OPEN))
    core.symbols.append(named(0, "TSLA", 9, message=3, refused=1))
    assert core.settle().symbols_set == [named(0, "TSLA", 9, message=3, refused=1)]
    for message in (0, 3):
        core.symbols.append(named(0, "TSLA", 9, message=message))
        with pytest.raises(Impossible, match="too late to name a symbol") as error:
            core.settle()
        assert error.value.stage == "book"


def test_parameters_take_effect_after_the_update_that_they_name():
    core = Core(DESIGN)
    other = parameters(DESIGN)._replace(quantity=7)
    core.parameters += [PARAMETERS_SET.tuple(6, *other), PARAMETERS_SET.tuple(7, *parameters(DESIGN))]
    assert core.frame(datagram(*OPEN, *LEAN)).intents[0].quantity == DESIGN.strategy.quantity
    with pytest.raises(Impossible, match="cannot be after message 6") as error:
        core.settle()
    assert error.value.stage == "strategy"
    assert core.strategy.parameters(other).message == 6


def test_a_request_that_cannot_be_is_refused():
    core = Core(DESIGN)
    core.frame(datagram(*OPEN, *LEAN))
    core.requests.append(told(INTENT, message=5, host=1, quantity=1, price=REFERENCE))
    with pytest.raises(Impossible, match="cannot be after message 6") as error:
        core.settle()
    assert error.value.stage == "strategy"


@pytest.mark.parametrize("protocol", ["ouch", "fix"])
def test_session_messages_leave_in_the_order_and_at_the_time_that_is_told(protocol):
    """The host's first, then, where it gave none, the core's own heartbeat."""
    core = Core(small(order={"protocol": protocol}))
    header = dict(zip(Header._fields, Header.of(DESIGN), strict=True))
    time = 1_767_225_599_999_990_000  # 10 us before 2026
    core.sent += [told(ORDER, admin=1, sending_time=time, **header), told(ORDER, user_ref_num=1, **header),
                  told(ORDER, admin=1, sending_time=time + 10_000, **header)]
    core.admin.append(ADMIN.tuple(ord("0" if protocol == "fix" else "R"), 0, 0))
    step, last = core.frame(datagram(*OPEN, *LEAN)), core.settle()
    assert [o.admin for o in step.orders] == [1, 0] and not core.sent
    first, second = (bytes(Ether(frame)[TCP].payload) for frame in (step.frames[0], *last.frames))
    if protocol == "ouch":
        assert first[:3] == second[:3] == b"\0\1R"  # and padding
    else:
        assert b"52=20251231-23:59:59.999" in first and [o.msg_seq_num for o in step.orders] == [1, 2]


def test_events_happen_between_the_messages_of_a_frame():
    core = Core(DESIGN)
    low, high = window_around(REFERENCE + 10_000, 100, DESIGN.book.levels)
    moved = WINDOW.tuple(6, 0, ASK, low, high)
    load = LOAD.tuple(6, 0, ASK, 9, REFERENCE + 300, 5, 0)
    asked = DEPTH.tuple(6, 0, BID, *[0] * 20)
    core.events += [moved, load, asked]
    step = core.frame(datagram(*OPEN, *LEAN))
    assert [u.ask_known for u in step.updates] == [1, 1, 1, 1, 1, 0], "the last message finds the asks out of reach"
    assert (step.windows, step.loads, step.orders) == ([moved], [load], [])
    (depth,) = step.depths
    assert depth[:11] == (6, 0, BID, *window_around(REFERENCE, 100, 64), 1, 1, 0, REFERENCE, 200, 1)
    core.events.append(WINDOW.tuple(7, 0, ASK, *window_around(REFERENCE, 100, 64)))
    assert not core.frame(datagram(sequence=8)).windows
    assert core.settle().windows and core.book.book(0).sides[ASK].known
    assert nonzero(core.counters["book"]) == {
        "updates": 6, "zone_better": 1, "windows": 2, "loads": 1, "depths": 1}
    core.events.append(WINDOW.tuple(7, 0, ASK, low + 100, high))
    with pytest.raises(ValueError, match=r"Window\(message=7, .* multiples of 800"):
        core.settle()


def test_counters_are_those_of_the_contract():
    counters = Core(DESIGN).counters
    assert {stage: list(names) for stage, names in counters.items()} == {
        stage: list(names) for stage, names in COUNTERS.items()}
    assert not any(value for names in counters.values() for value in names.values())


def session(seed: int, length: int = 1500) -> list[bytes]:
    """Frames of a random day on all symbols and one more: legal at first, then with wrong references and cut frames."""
    rng, sequence, frames = random.Random(seed), 1, []
    live = {locate: [] for locate in range(5, 10)}
    messages = [OPEN[0]] + [m for n, s in enumerate(DESIGN.symbols, 5)
                            for m in (itch_message("R", n, stock=s.stock), itch_message("H", n, state="T"))]
    for t in range(length):
        locate, legal = rng.choice(list(live)), t < length // 2 or rng.random() < 0.9
        mine, side = live[locate], rng.choice("BS")
        symbol = DESIGN.symbols[min(locate, 8) - 5]
        old = {"reference": rng.choice(mine) if mine and legal else rng.randint(1, t + 1)}
        away = symbol.tick * rng.randint(0, 3)
        price = symbol.reference + (-away if side == "B" else symbol.tick + away)
        new = {"price": price, "shares": rng.randint(9, 900)}
        code = rng.choice("AAAAAFDDDXECPQJIYL") if mine and (legal or rng.random() < 0.9) else rng.choice("AFUB")
        values = {"A": new | {"reference": t + 1, "side": side}, "D": old, "X": old | {"shares": 1},
                  "U": old | new | {"new_reference": t + 1}, "E": old | {"shares": 1, "match": t},
                  "C": old | new | {"match": t, "printable": "Y", "shares": 1}, "P": new | {"match": t},
                  "Q": new | {"match": t}, "B": {"match": max(0, t - 3)}, "J": {"lower": 1, "upper": 2**31},
                  "Y": {"action": "0"}}
        values["F"] = values["A"]
        if code in "AF":
            mine.append(t + 1)
        elif code in "DU" and old["reference"] in mine:
            mine.remove(old["reference"])
        messages.append(itch_message(code, locate, timestamp=t * 3000, **values.get(code, {})))
    while messages:
        batch, messages = messages[: (n := rng.randint(1, 6))], messages[n:]
        octets = datagram(*batch, sequence=sequence)
        sequence += len(batch)
        cut = sequence > length * 3 // 4 and rng.random() < 0.1
        frames.append(octets[: rng.randint(20, len(octets))] if cut else octets)
    return frames


@pytest.fixture(scope="module")
def frames():
    return session(1)


def test_is_the_composition_of_its_stages(frames):
    feed, book, indicators = Feed(DESIGN), Book(DESIGN), Indicators(DESIGN)
    strategy, risk, order = Strategy(DESIGN), Risk(DESIGN), Order(DESIGN)
    messages = [(m, n) for octets in frames for m, n in zip(feed.frame(octets), feed.last_octets, strict=True)]
    updates = [u for m, _ in messages if (u := book.message(m))]
    averages = [indicators.update(u) for u in updates]
    intents = [i for u, (a, _) in zip(updates, averages, strict=True) if (i := strategy.update(u, a))]
    decisions = [risk.intent(i) for i in intents]
    orders = [o for d in decisions if (o := order.decision(d, header=Header.of(DESIGN)))]
    expected = EMPTY._replace(
        messages=[m for m, _ in messages], updates=updates, indicators=[a for a, _ in averages],
        vwaps=[v for _, v in averages], intents=intents, decisions=decisions, orders=orders,
        frames=[order.frame(o) for o in orders], last_octets=[n for _, n in messages])
    core = Core(DESIGN)
    steps = list(core.run(frames))
    for name in Step._fields:
        assert [x for step in steps for x in getattr(step, name)] == getattr(expected, name), name
    assert len(updates) > 1000 and len(orders) > 10 and core.counters["feed"]["messages_lost"]
    stages = {"feed": feed, "book": book, "indicators": indicators, "strategy": strategy, "risk": risk, "order": order,
              "session": Session(DESIGN)}
    assert core.counters == {name: stage.counters for name, stage in stages.items()}


def test_every_record_fits_its_fields(frames):
    packed, core = 0, Core(DESIGN)
    for n, s in enumerate(DESIGN.symbols):
        core.events += [LOAD.tuple(20, n, BID, 10**9 + n, s.reference, 1, 0), WINDOW.tuple(20, n, ASK, 16_000, 16_000),
                        DEPTH.tuple(20, n, BID, *[0] * 20)]
    for step in core.run(frames):
        for record in RECORDS:
            for values in getattr(step, record.stream):
                assert record.unpack(record.pack(values)) == values
                packed += 1
    assert packed > 4000


def test_the_same_frames_make_the_same_records(frames):
    assert list(Core(DESIGN).run(frames)) == list(Core(DESIGN).run(frames))


def test_frames_before_ready_and_with_errors():
    core = Core(small())
    assert core.frame(datagram(*OPEN), ready=False) == EMPTY
    core.frame(datagram(*OPEN), error=True)
    assert nonzero(core.counters["feed"]) == {
        "frames": 2, "frame_not_ready": 1, "datagrams": 1, "messages": 3, "frame_error": 1}
    assert all(u.gap for u in core.frame(datagram(*LEAN, sequence=4)).updates)
