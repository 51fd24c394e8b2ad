"""What goes wrong on purpose; and that a client which resumes has lost nothing."""

import time

import pytest

from sim.exchange import FIX, OUCH, Background, Exchange, Faults, Status
from tests.sim.exchange.fix_client import FixClient
from tests.sim.exchange.ouch_client import OuchClient

PRICE = 1_000_000


def serve(seed=1, **faults) -> Background:
    return Background(Exchange(faults=Faults(**faults), seed=seed))


def login(venue, user="alice", sequence=0) -> OuchClient:
    return OuchClient(venue.exchange.ouch_port, user, sequence=sequence)


def test_reject():
    with serve(reject=1) as venue, login(venue) as client, FixClient(venue.exchange.fix_port) as fix:
        client.enter(1, "B", 100, PRICE)
        assert client.messages("J")[0]["reason"] == 0x0F
        fix.logon()
        fix.enter("one", 1, 100, 100)
        fix.expect("8", t150="8", t103=99)


def test_a_rejected_replacement_leaves_the_order():
    with serve(seed=2, reject=0.5) as venue, login(venue) as client:
        number, answer = 0, "J"
        while answer != "A":
            number += 1
            client.enter(number, "B", 100, PRICE)
            answer = client.message()["type"]
        original, answer = number, "U"
        while answer != "J":
            number += 1
            client.replace(original, number, 90, PRICE)
            answer = client.message()["type"]
            original = number if answer == "U" else original
        client.cancel(original)
        client.messages("C")


def test_partial():
    with serve(partial=1) as venue, login(venue) as maker, login(venue, "bob") as taker:
        maker.enter(1, "S", 100, PRICE)
        maker.messages("A")
        taker.enter(1, "B", 100, PRICE, time_in_force="3")
        _, executed, canceled = taker.messages("AEC")
        assert 0 < executed["quantity"] < 100
        assert executed["quantity"] + canceled["quantity"] == 100


def test_drop():
    with serve(drop=1) as venue, login(venue) as client, FixClient(venue.exchange.fix_port) as fix:
        client.enter(1, "B", 100, PRICE)
        client.cancel(1)  # of an order that the venue does not know
        fix.logon()
        fix.enter("one", 1, 100, 100)
        fix.cancel("one", "two")
        fix.expect("9", t102=1)  # unknown order
        assert client.sequence == 2
        statuses = venue.call(lambda: [order.status for protocol, name in ((OUCH, "alice"), (FIX, "ALICE"))
                                       for order in venue.exchange.account(protocol, name).orders])
        assert statuses == [Status.DROPPED, Status.DROPPED]


def test_delay_keeps_the_order_of_requests():
    with serve(delay_ms=30) as venue, login(venue) as client:
        start = time.monotonic()
        for number in range(1, 21):
            client.enter(number, "B", 1, PRICE)
        assert [m["user_ref_num"] for m in client.messages("A" * 20)] == [*range(1, 21)]
        assert time.monotonic() - start >= 0.03


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_meets_the_same_fate(seed):
    def statuses() -> list[Status]:
        with serve(seed, reject=0.3, drop=0.3) as venue, login(venue) as client:
            for number in range(1, 41):
                client.enter(number, "B", 1, PRICE)
            client.send("O")
            assert client.closed()  # all was read before
            return venue.call(lambda: [order.status for order in venue.exchange.account(OUCH, "alice").orders])

    first = statuses()
    assert {Status.LIVE, Status.DROPPED, Status.REJECTED} <= {*first}
    assert statuses() == first


def test_seeds_differ():
    faults = Faults(reject=0.5)
    assert len({tuple(faults.fate(seed, "alice", n).reject for n in range(20)) for seed in range(8)}) == 8


@pytest.mark.parametrize("delay_ms", [0, 1])
def test_ouch_disconnects_and_resumes_with_nothing_lost(delay_ms):
    """Orders are sent again until something was said of them, as a client does that cannot know what arrived."""
    orders, said, logins = 100, [], 0
    with serve(disconnect_after=7, delay_ms=delay_ms) as venue:
        while len(said) < 1 + 2 * orders:
            with login(venue, sequence=len(said) + 1) as client:
                logins += 1
                assert logins < orders
                answered = {m["user_ref_num"] for m in said if m["type"] == "A"}
                try:
                    for number in range(1, orders + 1):
                        if number not in answered:
                            client.enter(number, "B", number, PRICE, time_in_force="3")
                    while len(said) < 1 + 2 * orders:
                        said.append(client.message())
                except ConnectionError:
                    pass
        account = venue.exchange.account(OUCH, "alice")
        assert venue.call(lambda: len(account.reporter.messages)) == len(said)
    assert logins > orders // 8
    assert [m["user_ref_num"] for m in said if m["type"] == "A"] == [*range(1, orders + 1)]
    assert [m["quantity"] for m in said if m["type"] == "C"] == [*range(1, orders + 1)]


def test_fix_disconnects_and_resumes_with_nothing_lost():
    """Both sides ask for what they miss; each order is acknowledged once."""
    orders, reports, expected, log, logons = 30, {}, 1, [], 0
    with serve(disconnect_after=4) as venue:
        while len(reports) < orders:
            logons += 1
            assert logons < orders
            with FixClient(venue.exchange.fix_port, next=len(log) + 1) as client:
                try:
                    log.append(None)
                    number = int(client.logon()[34])
                    if number > expected:
                        log.append(None)
                        client.say("2", (7, expected), (16, 0))
                    else:
                        expected = number + 1
                    while len([entry for entry in log if entry]) < orders:
                        log.append(f"order{len(log)}")
                        client.enter(log[-1], 1, 1, 100, (59, 0))
                    while len(reports) < orders:
                        found = client.message()
                        if found[35] == "2":  # what was under way when the connection broke
                            again(client, log, int(found[7]))
                        if int(found[34]) == expected:
                            expected = int(found[36]) if found[35] == "4" else expected + 1
                            if found[35] == "8":
                                assert found[11] not in reports
                                reports[found[11]] = found
                except ConnectionError:
                    pass
        entered = venue.call(lambda: [order.key for order in venue.exchange.account(FIX, "ALICE").orders])
    assert entered == [*reports] == [entry for entry in log if entry]


def again(client: FixClient, log: list[str | None], first: int) -> None:
    """Answer a resend request: orders again, whatever else as a gap."""
    for number in range(first, len(log) + 1):
        if log[number - 1]:
            client.say("D", (43, "Y"), (11, log[number - 1]), (55, "AAPL"), (54, 1), (60, "now"), (38, 1), (40, 2),
                       (44, 100), number=number)
        else:
            client.say("4", (43, "Y"), (123, "Y"), (36, number + 1), number=number)


@pytest.mark.parametrize(("fault", "message"), [
    ({"reject": 2}, "reject must be a probability from 0 to 1, not 2"),
    ({"drop": float("nan")}, "drop must be a probability from 0 to 1, not nan"),
    ({"delay_ms": -1}, "delay-ms must be at least 0, not -1"),
    ({"disconnect_after": -1}, "disconnect-after must be at least 0, not -1")])
def test_bad_faults_are_named(fault, message):
    with pytest.raises(ValueError, match=message):
        Faults(**fault)
