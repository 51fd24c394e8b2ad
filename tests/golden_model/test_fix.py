"""FIX 4.4 of the order stage: octet by octet, and as simplefix reads it."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import simplefix
from hypothesis import given
from hypothesis import strategies as st

from golden_model import fix
from golden_model.order import Order
from spec.records import ADMIN, Action, Side
from tests.golden_model.build import small
from tests.golden_model.test_order import ANY_DECISION, HEADER, decision, payload_of

TIME = 1_700_000_000_123_999_999  #: 2023-11-14 22:13:20.123999999 UTC
STOCKS = [symbol.stock for symbol in small().symbols]


def fix_design(**order):
    return small(order={"protocol": "fix", "time_in_force": "3", **order})


def message_of(stage: Order, d) -> bytes:
    return payload_of(stage.frame(stage.decision(d, header=HEADER)))


def parsed(message: bytes) -> simplefix.FixMessage:
    """simplefix's view of ``message``, all of which it is."""
    parser = simplefix.FixParser()
    parser.append_buffer(message)
    found = parser.get_message()
    assert found is not None and parser.get_buffer() == b""
    return found


def session_message(kind: str, text: bytes):
    """The record and the frame of what the host says, as the 41st message."""
    stage = Order(fix_design(fix={"msg_seq_num": 41}))
    admin = ADMIN.tuple(ord(kind), len(text), int.from_bytes(text, "little"))
    order = stage.admin(admin, header=HEADER, time=TIME)
    return order, stage.frame(order)


def assert_framed(message: bytes) -> None:
    """BodyLength and CheckSum, counted here from the specification's words and by simplefix."""
    start = message.index(b"\x01", message.index(b"\x019=") + 1) + 1  # behind the SOH of BodyLength
    end = message.rindex(b"10=")
    assert message.startswith(b"8=FIX.4.4\x019=")
    assert message[:start].split(b"\x01")[1] == b"9=%d" % (end - start)
    assert message[end:] == b"10=%03d\x01" % (sum(message[:end]) % 256)
    assert parsed(message).encode() == message


def test_new_order_single_octet_by_octet():
    d = decision(symbol=1, side=Side.SELL, short=1, user_ref_num=0xBEEF, quantity=1200, price=1_575_900, time=TIME)
    body = (b"35=D|49=TICKWIRE|56=EXCHANGE|34=1|52=20231114-22:13:20.123|11=TW0000BEEF|21=1|55=MSFT|54=5|"
            b"60=20231114-22:13:20.123|38=1200|40=2|44=157.59|59=3|528=P|")
    whole = (b"8=FIX.4.4|9=%d|" % len(body) + body).replace(b"|", b"\x01")
    expected = whole + b"10=%03d\x01" % (sum(whole) % 256)
    assert message_of(Order(fix_design()), d) == expected
    assert_framed(expected)


def test_cancel_request_octet_by_octet():
    d = decision(action=Action.CANCEL, side=Side.BUY, target=0x10, user_ref_num=0x11, quantity=300, time=TIME)
    message = message_of(Order(fix_design(cl_ord_id_prefix="")), d)
    assert message[message.index(b"35=") : message.rindex(b"10=")] == (
        b"35=F|49=TICKWIRE|56=EXCHANGE|34=1|52=20231114-22:13:20.123|41=00000010|11=00000011|55=AAPL|54=1|"
        b"60=20231114-22:13:20.123|38=300|").replace(b"|", b"\x01")
    assert_framed(message)


def test_cancel_replace_request_octet_by_octet():
    d = decision(action=Action.REPLACE, side=Side.SELL, target=1, user_ref_num=2, quantity=1, price=1, symbol=3,
                 time=TIME)
    message = message_of(Order(fix_design(time_in_force="0", capacity="A")), d)
    assert message[message.index(b"35=") : message.rindex(b"10=")] == (
        b"35=G|49=TICKWIRE|56=EXCHANGE|34=1|52=20231114-22:13:20.123|41=TW00000001|11=TW00000002|21=1|55=PENNY|54=2|"
        b"60=20231114-22:13:20.123|38=1|40=2|44=0.0001|59=0|528=A|").replace(b"|", b"\x01")
    assert_framed(message)


@given(d=st.builds(decision, **ANY_DECISION), msg_seq_num=st.integers(1, 2**31 - 1))
def test_simplefix_reads_the_fields_back(d, msg_seq_num):
    stage = Order(fix_design(fix={"sender_comp_id": "S", "target_comp_id": "T" * 16, "msg_seq_num": msg_seq_num}))
    message = message_of(stage, d)
    assert_framed(message)
    read = parsed(message)
    kind = {Action.ENTER: b"D", Action.REPLACE: b"G", Action.CANCEL: b"F"}[d.action]
    side = b"1" if d.side == Side.BUY else b"5" if d.short else b"2"
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=d.time // 10**6)
    assert [read.get(tag) for tag in (35, 49, 56, 34)] == [kind, b"S", b"T" * 16, b"%d" % msg_seq_num]
    assert [read.get(tag) for tag in (11, 54, 38)] == [b"TW%08X" % d.user_ref_num, side, b"%d" % d.quantity]
    assert read.get(55).decode() == STOCKS[d.symbol]
    assert read.get(52) == read.get(60)
    assert datetime.strptime(read.get(52).decode() + "000+0000", "%Y%m%d-%H:%M:%S.%f%z") == moment
    assert read.get(41) == (None if d.action == Action.ENTER else b"TW%08X" % d.target)
    if d.action == Action.CANCEL:
        assert [read.get(tag) for tag in (21, 40, 44, 59, 528)] == [None] * 5
    else:
        assert [read.get(tag) for tag in (21, 40, 59, 528)] == [b"1", b"2", b"3", b"P"]
        assert Decimal(read.get(44).decode()) * 10_000 == d.price
    tags = [tag for tag, _ in read.pairs]
    assert len(tags) == len(set(tags)) and tags[:3] == [b"8", b"9", b"35"] and tags[-1] == b"10"
    assert all(value and b" " not in value for _, value in read.pairs)


def test_messages_are_numbered():
    stage = Order(fix_design(fix={"msg_seq_num": 9}))
    orders = [stage.decision(decision(user_ref_num=k), header=HEADER) for k in range(3)]
    refused = stage.decision(decision(refusals=1), header=HEADER)
    assert refused is None
    heartbeat = stage.admin(ADMIN.tuple(ord("0"), 0, 0), header=HEADER, time=TIME)
    assert [order.msg_seq_num for order in (*orders, heartbeat)] == [9, 10, 11, 12]
    assert [parsed(payload_of(stage.frame(order))).get(34) for order in (*orders, heartbeat)] == [
        b"9", b"10", b"11", b"12"]
    stage.begin(1, 100)
    assert stage.decision(decision(), header=HEADER).msg_seq_num == 100


def test_msg_seq_num_grows_a_digit():
    stage = Order(fix_design(cl_ord_id_prefix=""))
    lengths = set()
    for number in range(1, 1001):
        message = message_of(stage, decision(time=TIME))
        assert_framed(message)
        assert parsed(message).get(34) == b"%d" % number
        lengths.add(len(message))
    assert len(lengths) == 4


def test_body_length_grows_a_digit():
    """Without a zero before it: of session messages it may be below 100."""
    lengths = []
    for octets in range(6, 65):
        message = payload_of(session_message("1", b"112=".ljust(octets - 1, b"x") + b"\x01")[1])
        assert_framed(message)
        lengths.append(int(parsed(message).get(9)))
    assert lengths == [*range(lengths[0], lengths[0] + 59)] and 99 in lengths and 100 in lengths


def test_every_checksum_occurs():
    """Leading zeros too."""
    stage, rng, sums = Order(fix_design()), random.Random(1), set()
    while len(sums) < 256:
        message = message_of(stage, decision(user_ref_num=rng.getrandbits(32), price=rng.getrandbits(32), time=TIME))
        assert_framed(message)
        sums.add(message[-4:-1])
    assert sums == {b"%03d" % value for value in range(256)}


@pytest.mark.parametrize("value, text", [
    (0, "0.00"), (1, "0.0001"), (99, "0.0099"), (100, "0.01"), (101, "0.0101"), (9_999, "0.9999"), (10_000, "1.00"),
    (10_010, "1.0010"), (10_100, "1.01"), (99_900, "9.99"), (99_999, "9.9999"), (100_000, "10.00"),
    (1_999_999_900, "199999.99"), (2**32 - 1, "429496.7295"), (4_294_967_200, "429496.72"),
])
def test_price(value, text):
    assert fix.price(value) == text


@given(st.integers(0, 2**32 - 1))
def test_price_is_exact_and_short(value):
    text = fix.price(value)
    assert Decimal(text) * 10_000 == value
    whole, places = text.split(".")
    assert whole == str(int(whole)) and len(places) in (2, 4) and (len(places) == 2) == (value % 100 == 0)


@pytest.mark.parametrize("time, text", [
    (0, "19700101-00:00:00.000"), (999_999, "19700101-00:00:00.000"), (1_000_000, "19700101-00:00:00.001"),
    (86_399_999_999_999, "19700101-23:59:59.999"), (86_400_000_000_000, "19700102-00:00:00.000"),
    (951_782_399_999_999_999, "20000228-23:59:59.999"), (951_782_400_000_000_000, "20000229-00:00:00.000"),
    (951_868_800_000_000_000, "20000301-00:00:00.000"), (1_709_164_800_000_000_000, "20240229-00:00:00.000"),
    (4_107_542_399_999_999_999, "21000228-23:59:59.999"), (4_107_542_400_000_000_000, "21000301-00:00:00.000"),
    (1_735_689_599_999_999_999, "20241231-23:59:59.999"), (1_735_689_600_000_000_000, "20250101-00:00:00.000"),
    (2**64 - 1, "25540721-23:34:33.709"),
])
def test_timestamp(time, text):
    """Cut to milliseconds; leap years by 4, not by 100, by 400."""
    assert fix.timestamp(time) == text and len(text) == 21


@pytest.mark.parametrize("kind, text", [
    ("0", b""), ("0", b"112=QUERY|"), ("1", b"112=ARE YOU THERE|"), ("2", b"7=5|16=0|"), ("4", b"123=Y|36=12|"),
    ("5", b""), ("3", b"45=7|373=5|58=" + b"x" * 48 + b"|"),
])
def test_session_messages(kind, text):
    """The host's fields stand as they are between header and trailer."""
    text = text.replace(b"|", b"\x01")
    assert len(text) <= 64
    order, frame = session_message(kind, text)
    assert (order.admin, order.msg_seq_num, order.message, order.decision, order.user_ref_num) == (1, 41, 0, 0, 0)
    message = payload_of(frame)
    assert_framed(message)
    assert message[message.index(b"35=") : message.rindex(b"10=")] == (
        b"35=%s\x0149=TICKWIRE\x0156=EXCHANGE\x0134=41\x0152=20231114-22:13:20.123\x01" % kind.encode() + text)


@pytest.mark.parametrize("damage", [
    lambda m: m.replace(b"38=100", b"38=101"),  # CheckSum
    lambda m: m.replace(b"\x0159=3", b""),  # BodyLength
    lambda m: m.replace(b"10=", b"10= "),
])
def test_a_damaged_message_is_noticed(damage):
    message = message_of(Order(fix_design()), decision(time=TIME))
    assert_framed(message)
    assert damage(message) != message
    with pytest.raises(AssertionError):
        assert_framed(damage(message))
