"""The FIX 4.4 acceptor over a real socket: session protocol, and what each message does."""

import pytest

from sim.exchange import FIX, Background, Exchange
from tests.sim.exchange.fix_client import FixClient
from tests.sim.exchange.ouch_client import OuchClient


@pytest.fixture
def venue():
    with Background(Exchange()) as background:
        yield background


@pytest.fixture
def client(venue):
    with connect(venue) as client:
        client.logon()
        yield client


def connect(venue, comp_id: str = "ALICE", **more) -> FixClient:
    return FixClient(venue.exchange.fix_port, comp_id, **more)


def test_an_order_rests_trades_and_is_canceled(venue, client):
    client.enter("one", 1, 100, "150.25")
    new = client.expect("8", t11="one", t150="0", t39="0", t151=100, t14=0, t44="150.2500")
    with connect(venue, "BOB") as bob:
        bob.logon()
        bob.enter("one", 2, 30, 150, (59, 3))
        bob.expect("8", t150="0")
        bob.expect("8", t150="F", t39="2", t32=30, t31="150.2500", t14=30, t6="150.2500")
    client.expect("8", t11="one", t150="F", t39="1", t37=new[37], t32=30, t151=70, t14=30)
    client.cancel("one", "two")
    client.expect("8", t11="two", t41="one", t150="4", t39="4", t37=new[37], t151=0, t14=30)
    positions = venue.call(lambda: [venue.exchange.account(FIX, name).positions for name in ("ALICE", "BOB")])
    assert positions == [{"AAPL": 30}, {"AAPL": -30}]


def test_both_protocols_meet_in_one_book(venue, client):
    with OuchClient(venue.exchange.ouch_port, sequence=0) as other:
        other.enter(1, "B", 100, 1_500_000)
        other.messages("A")
        client.enter("one", 2, 40, 150)
        client.expect("8", t150="0")
        client.expect("8", t150="F", t32=40)
        [executed] = other.messages("E")
        assert executed["quantity"] == 40


def test_a_replacement_counts_what_was_executed(venue, client):
    client.enter("one", 1, 100, 150)
    client.expect("8", t150="0")
    with connect(venue, "BOB") as bob:
        bob.logon()
        bob.enter("one", 2, 40, 150)
    client.expect("8", t150="F", t14=40)
    client.replace("one", "two", 1, 90, 151)
    client.expect("8", t11="two", t41="one", t150="5", t39="1", t38=90, t151=50, t14=40, t6="150.0000")
    client.replace("two", "three", 1, 40, 151)  # no more than was executed: refused, the order stays
    client.expect("9", t11="three", t41="two", t434=2, t39="1")
    client.cancel("two", "four")
    client.expect("8", t150="4", t41="two", t14=40)


@pytest.mark.parametrize(("original", "status", "reason"), [("never", "8", 1), ("one", "4", 0)])
def test_what_is_not_live_cannot_be_canceled_or_replaced(client, original, status, reason):
    client.enter("one", 1, 100, 150, (59, 3))
    client.expect("8", t150="0")
    client.expect("8", t150="4", t39="4", t58="ioc")
    client.cancel(original, "two")
    client.expect("9", t11="two", t41=original, t434=1, t102=reason, t39=status)
    client.replace(original, "three", 1, 10, 150)
    client.expect("9", t11="three", t41=original, t434=2, t102=reason, t39=status)


def test_a_replacement_needs_a_cl_ord_id_of_its_own(client):
    client.enter("one", 1, 100, 150)
    client.expect("8", t150="0")
    client.replace("one", "one", 1, 50, 150)
    client.expect("9", t11="one", t434=2, t102=6)


@pytest.mark.parametrize(("change", "reason"), [
    ({"quantity": 0}, 13), ({"quantity": 1_000_000}, 13), ({"price": 0}, 99), ({"price": 199_999.995}, 99)])
def test_orders_are_rejected(client, change, reason):
    client.enter("one", 1, **{"quantity": 100, "price": 150} | change)
    client.expect("8", t150="8", t39="8", t103=reason, t37="NONE", t151=0)


def test_a_cl_ord_id_is_used_once(client):
    for report in ("0", "8"):
        client.enter("one", 1, 100, 150)
        found = client.expect("8", t150=report)
    assert found[103] == "6"


def test_a_market_order_needs_no_price_and_does_not_rest(client):
    client.say("D", (11, "one"), (55, "AAPL"), (54, 1), (60, "now"), (38, 10), (40, 1))
    new = client.expect("8", t150="0", t40="1")
    assert 44 not in new
    client.expect("8", t150="4")


@pytest.mark.parametrize(("body", "tag", "reason"), [
    ([(11, "one"), (55, "AAPL"), (60, "now"), (38, 10), (40, 2), (44, 1)], 54, 1),
    ([(11, "one"), (55, "AAPL"), (54, 9), (60, "now"), (38, 10), (40, 2), (44, 1)], 54, 5),
    ([(11, "one"), (55, "AAPL"), (54, 1), (60, "now"), (38, 10), (40, 2)], 44, 1),
    ([(11, "one"), (55, "AAPL"), (54, 1), (60, "now"), (38, "ten"), (40, 2), (44, 1)], 38, 6),
    ([(11, "one"), (55, "AAPL"), (54, 1), (60, "now"), (38, "9" * 5000), (40, 2), (44, 1)], 38, 6),
    ([(11, "one"), (55, "AAPL"), (54, 1), (60, "now"), (38, 10), (40, 2), (44, "1.00001")], 44, 5),
    ([(11, "one"), (55, "AAPL"), (54, 1), (60, "now"), (38, 10), (40, "P")], 40, 5),
    ([(11, ""), (55, "AAPL"), (54, 1), (60, "now"), (38, 10), (40, 2), (44, 1)], 11, 4),
])
def test_a_field_that_is_wrong_is_rejected(client, body, tag, reason):
    client.say("D", *body)
    client.expect("3", t45=2, t371=tag, t372="D", t373=reason)
    client.say("1", (112, "still here"))
    client.expect("0", t112="still here")


def test_what_is_echoed_is_echoed_octet_by_octet(client):
    octets = bytes({*range(256)} - {0x01})
    client.enter(octets, 1, 100, 150)
    client.expect("8", t11=octets.decode("latin-1"))


def test_what_is_not_supported_is_a_business_reject(client):
    client.say("V", (262, "quotes"))
    client.expect("j", t45=2, t372="V", t380=3)


def test_logon_is_refused_to_strangers():
    with Background(Exchange(passwords={"ALICE": "secret"})) as venue:
        for comp_id, password, target in (("BOB", "secret", "EXCHANGE"), ("ALICE", "wrong", "EXCHANGE"),
                                          ("ALICE", "secret", "OTHER")):
            with connect(venue, comp_id, target=target) as client:
                client.say("A", (98, 0), (108, 30), (554, password))
                assert client.closed()
        with connect(venue) as client:
            assert client.logon((554, "secret"))[108] == "30"


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", b"8=FIX.4.2\x019=5\x01", b"8=FIX.4.4\x019=99999999\x01",
                                    b"8=FIX.4.4\x019=5\x0135=A\x0110=1\x01xxx"])
def test_what_is_no_message_ends_the_connection(venue, octets):
    with connect(venue) as client:
        client.socket.sendall(octets + b"8=FIX.4.4\x019=5\x01")
        assert client.closed()


def test_the_first_message_is_a_logon(venue):
    with connect(venue) as client:
        client.enter("one", 1, 100, 150)
        assert client.closed()


def test_logout_is_answered(client):
    client.say("5")
    client.expect("5")
    assert client.closed()


def test_a_gap_is_asked_for_and_filled(client):
    lost = client.encode("D", (11, "one"), (55, "AAPL"), (54, 1), (60, "now"), (38, 10), (40, 2), (44, 1))
    client.enter("two", 1, 20, 1)  # the venue has not seen "one"
    client.expect("2", t7=2, t16=0)
    client.socket.sendall(lost)
    client.expect("8", t11="one", t150="0")
    client.enter("three", 1, 30, 1)  # beyond as well, but asked for already
    client.say("4", (43, "Y"), (123, "Y"), (36, client.next), number=3)
    client.say("1", (112, "caught up"))
    client.expect("0", t112="caught up")


def test_a_garbled_message_is_ignored_and_asked_for(client):
    octets = client.encode("1", (112, "a"))
    client.socket.sendall(octets[:-4] + b"%03d\x01" % ((int(octets[-4:-1]) + 1) % 256))
    client.say("1", (112, "b"))
    client.expect("2", t7=2)


def test_a_number_that_is_too_low_ends_the_session_unless_it_may_be_a_duplicate(client):
    client.say("0", number=1)
    client.expect("5", t58="MsgSeqNum too low, expecting 2 but received 1")
    assert client.closed()


def test_a_possible_duplicate_is_passed_over(client):
    client.enter("one", 1, 100, 150)
    client.expect("8", t150="0")
    client.say("D", (43, "Y"), (11, "one"), (55, "AAPL"), (54, 1), (60, "now"), (38, 100), (40, 2), (44, 150), number=2)
    client.say("1", (112, "next"))
    client.expect("0", t112="next")


def test_a_sequence_reset_moves_on_but_not_back(client):
    client.say("4", (36, 10), number=2)
    client.next = 10
    client.say("1", (112, "ten"))
    client.expect("0", t112="ten")
    client.say("4", (36, 3))
    client.expect("3", t371=36, t373=5)


def test_a_resend_request_beyond_what_was_sent_is_rejected(client):
    client.say("2", (7, 99), (16, 0))
    client.expect("3", t371=7, t372="2")
    client.say("1", (112, "goes on"))
    client.expect("0", t112="goes on")


def test_reports_missed_are_sent_again_and_the_rest_is_a_gap(venue, client):
    client.enter("one", 1, 100, 150)
    client.expect("8", t34=2, t150="0")
    client.say("1", (112, "x"))
    client.expect("0", t34=3)
    client.socket.close()
    with connect(venue, "BOB") as bob:
        bob.logon()
        bob.enter("one", 2, 100, 150)
        bob.expect("8", t150="0")
        bob.expect("8", t150="F")
    with connect(venue, next=client.next) as again:
        assert again.logon()[34] == "5"  # 4 was said to nobody
        again.say("2", (7, 1), (16, 0))
        again.expect("4", t34=1, t43="Y", t123="Y", t36=2)
        again.expect("8", t34=2, t43="Y", t150="0", t11="one")
        again.expect("4", t34=3, t36=4)
        again.expect("8", t34=4, t43="Y", t150="F", t11="one", t32=100)
        again.expect("4", t34=5, t36=6)


def test_numbers_begin_again_on_request(venue, client):
    client.enter("one", 1, 100, 150)
    client.expect("8", t34=2)
    with connect(venue) as again:
        again.logon((141, "Y"))
        again.cancel("one", "two")  # the order is still there
        again.expect("8", t34=2, t150="4")
    assert client.closed()


def test_silence_is_noticed_both_ways(venue):
    with connect(venue) as client:
        client.logon(heartbeat_s=1)
        client.expect("0")
        assert client.message()[35] in "01"
        assert client.closed()


def test_the_end_of_the_venue_is_a_logout():
    venue = Background(Exchange())
    with connect(venue) as client:
        client.logon()
        venue.close()
        client.expect("5", t58="the venue closes")
        assert client.closed()


def test_a_wrong_comp_id_ends_the_session(client):
    client.comp_id = "BOB"
    client.say("0")
    client.expect("5", t58="CompID is wrong")
