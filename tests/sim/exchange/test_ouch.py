"""SoupBinTCP and OUCH 5.0 over a real socket: the session, and what each message does."""

import pytest

from sim.exchange import OUCH, Background, Exchange, Status
from tests.sim.exchange.ouch_client import OuchClient


@pytest.fixture
def venue():
    with Background(Exchange(session="DAY1")) as background:
        yield background


def login(venue, user="alice", **asked) -> OuchClient:
    """A client, logged in for what is new."""
    return OuchClient(venue.exchange.ouch_port, user, **{"sequence": 0} | asked)


def test_an_order_is_accepted_executed_and_moves_positions(venue):
    with login(venue, sequence=1) as alice, login(venue, "bob") as bob:
        assert (alice.login["type"], alice.login["session"].strip()) == ("A", "DAY1")
        assert alice.message()["event"] == "S"
        alice.enter(1, "S", 100, 1_500_000)
        [accepted] = alice.messages("A")
        assert (accepted["quantity"], accepted["state"], accepted["cl_ord_id"]) == (100, "L", "order1".ljust(14))
        bob.enter(1, "B", 60, 1_510_000)
        _, bought = bob.messages("AE")
        [sold] = alice.messages("E")
        assert (bought["quantity"], bought["price"], bought["liquidity_flag"]) == (60, 1_500_000, "R")
        assert (sold["quantity"], sold["price"], sold["liquidity_flag"]) == (60, 1_500_000, "A")
        assert bought["match"] == sold["match"]
        positions = venue.call(lambda: [venue.exchange.account(OUCH, name).positions for name in ("alice", "bob")])
        assert positions == [{"AAPL": -60}, {"AAPL": 60}]
        [order] = venue.call(lambda: venue.exchange.account(OUCH, "alice").open_orders)
        assert (order.status, order.remaining, order.executed) == (Status.LIVE, 40, 60)


def test_login_says_why_it_is_rejected():
    with Background(Exchange(session="DAY1", passwords={"alice": "secret"})) as venue:
        for asked, reason in (({"user": "bob"}, "A"), ({"password": "wrong"}, "A"), ({"session": "DAY2"}, "S"),
                              ({"sequence": 3}, "S")):
            with login(venue, **asked) as client:
                assert (client.login["type"], client.login["reason"]) == ("J", reason), asked
                assert client.closed()
        with login(venue, session="DAY1", sequence=2) as client:
            assert client.sequence == 2


def test_messages_said_meanwhile_come_with_the_next_login(venue):
    with login(venue) as alice:
        alice.enter(1, "B", 100, 1_500_000)
        alice.messages("A")
        seen = alice.sequence
    with login(venue, "bob") as bob:
        bob.enter(1, "S", 100, 1_500_000)
        bob.messages("AE")
    with login(venue, session="DAY1", sequence=seen) as alice:
        assert alice.login["sequence"].strip() == str(seen) == "3"
        [executed] = alice.messages("E")
        assert executed["quantity"] == 100
    with login(venue, sequence=1) as alice:  # and all of them, as often as they are asked for
        alice.messages("SAE")


def test_another_login_takes_the_session_over(venue):
    with login(venue) as first, login(venue) as second:
        assert first.closed()
        second.enter(1, "B", 100, 1_500_000)
        second.messages("A")


@pytest.mark.parametrize("octets", [b"\0\0", b"\0\1?", b"\0\2U?", b"\0\3UOx", b"\0\1L", b"\0\x2fU" + b"O" + bytes(45)])
def test_what_is_no_message_ends_the_connection(venue, octets):
    with login(venue) as client:
        client.socket.sendall(octets)
        assert client.closed()
    with login(venue):  # nobody else notices
        pass


def test_nothing_is_taken_before_login(venue):
    with OuchClient(venue.exchange.ouch_port, user="") as client:
        assert client.login["reason"] == "A"
    with login(venue, "bob") as client:
        client.send("L", username="bob", sequence="1")
        assert client.closed()


def test_logout_closes_and_leaves_orders_in_the_book(venue):
    with login(venue) as alice:
        alice.enter(1, "B", 100, 1_500_000)
        alice.messages("A")
        alice.send("O")
        assert alice.closed()
    assert venue.call(lambda: len(venue.exchange.account(OUCH, "alice").open_orders)) == 1


def test_heartbeats_and_silence():
    with Background(Exchange(heartbeat_s=0.05, timeout_s=1)) as venue, login(venue) as client:
        assert client.socket.recv(3) == b"\0\1H"
        client.send("R")
        assert client.closed()  # nothing came for a second


def test_the_end_of_the_venue_is_an_end_of_session():
    venue = Background(Exchange())
    with login(venue) as client:
        venue.close()
        assert client.message()["event"] == "E"
        assert client.packet()[0] == "Z"
        assert client.closed()


@pytest.mark.parametrize(("change", "reason"), [
    ({"side": "X"}, 0x09), ({"quantity": 0}, 0x13), ({"quantity": 1_000_000}, 0x13), ({"price": 0}, 0x1D),
    ({"price": 1_999_999_901}, 0x1D), ({"symbol": ""}, 0x17), ({"symbol": "MSFT"}, 0x17), ({"display": "?"}, 0x03),
    ({"cross_type": "O"}, 0x14), ({"time_in_force": "9"}, 0x0F)])
def test_orders_are_rejected(change, reason):
    with Background(Exchange(symbols=["AAPL"])) as venue, login(venue) as client:
        client.enter(1, **{"side": "B", "quantity": 100, "price": 1_500_000} | change)
        [rejected] = client.messages("J")
        assert (rejected["reason"], rejected["cl_ord_id"].strip()) == (reason, "order1")
        client.enter(2, "B", 100, 1_999_999_900)
        client.messages("A")


def test_a_number_used_before_is_ignored(venue):
    with login(venue) as client:
        client.enter(5, "B", 100, 1_500_000)
        client.enter(5, "B", 100, 1_500_000)
        client.enter(4, "B", 100, 1_500_000)
        client.enter(6, "B", 100, 1_500_000)
        assert [m["user_ref_num"] for m in client.messages("AA")] == [5, 6]


def test_options_are_echoed(venue):
    with login(venue) as client:
        client.say("O", appendage=b"\5\2FIRM", user_ref_num=1, side="B", quantity=1, symbol="AAPL", price=1,
                   time_in_force="0", display="Y", capacity="A", intermarket_sweep="N", cross_type="N")
        code, packet = client.packet()
        assert (code, packet[-8:]) == ("S", b"\0\6\5\2FIRM")


def test_a_modification_reduces_an_order_and_marks_a_sale(venue):
    with login(venue) as client:
        client.enter(1, "S", 100, 1_500_000)
        client.messages("A")
        client.say("M", user_ref_num=1, side="T", quantity=60)
        [modified] = client.messages("M")
        assert (modified["side"], modified["quantity"]) == ("T", 60)
        client.say("M", user_ref_num=1, side="B", quantity=60)  # no sale any more: ignored, as the next, an increase
        client.say("M", user_ref_num=1, side="T", quantity=70)
        client.say("M", user_ref_num=1, side="T", quantity=0)
        [canceled] = client.messages("C")
        assert (canceled["quantity"], canceled["reason"]) == (60, "U")
