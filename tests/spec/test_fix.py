"""The tables of FIX 4.4 against tshark's dictionary, and against what volumes 2 and 4 require, typed in by hand."""

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from spec import fix
from spec.config import Order
from spec.fix import Tag
from spec.ouch import CLIENT

ORDERS = {"D": fix.NEW_ORDER_SINGLE, "F": fix.ORDER_CANCEL_REQUEST, "G": fix.ORDER_CANCEL_REPLACE_REQUEST}
#: Volume 4: required of the message or of its required blocks, Instrument and OrderQtyData.
REQUIRED = {"D": {11, 55, 54, 60, 38, 40}, "F": {41, 11, 55, 54, 60, 38}, "G": {41, 11, 55, 54, 60, 38, 40}}
HEADER = {8, 9, 35, 49, 56, 34, 52}  #: volume 2: standard message header
#: What a tag's value means, in tshark's words.
MEANINGS = {
    54: {fix.SIDES["buy"]: "BUY", fix.SIDES["sell"]: "SELL", fix.SIDES["short"]: "SELL SHORT"},
    528: {fix.CAPACITIES["A"]: "AGENCY", fix.CAPACITIES["P"]: "PRINCIPAL", fix.CAPACITIES["R"]: "RISKLESS PRINCIPAL"},
    59: {"0": "DAY", "3": "IMMEDIATE OR CANCEL"},
    40: {"2": "LIMIT"},
    21: {"1": "AUTOMATED EXECUTION ORDER PRIVATE NO BROKER INTERVENTION"},
    150: {"0": "NEW", "3": "DONE FOR DAY", "4": "CANCELED", "5": "REPLACED", "8": "REJECTED", "C": "EXPIRED",
          "F": "TRADE", "H": "TRADE CANCEL"},
    434: {"1": "ORDER CANCEL REQUEST", "2": "ORDER CANCEL REPLACE REQUEST"},
}
#: Those of the tags that the core reads in a reply.
NAMES = {11: "ClOrdID", 41: "OrigClOrdID", 150: "ExecType", 32: "LastQty", 31: "LastPx", 151: "LeavesQty",
         34: "MsgSeqNum", 43: "PossDupFlag", 35: "MsgType", 434: "CxlRejResponseTo"}


def message(code: str, *pairs: tuple[int, str]) -> bytes:
    """A message with these fields behind its MsgType, well framed."""
    body = b"".join(b"%d=%s\x01" % (tag, value.encode()) for tag, value in [(35, code), *pairs])
    whole = b"8=FIX.4.4\x019=%d\x01" % len(body) + body
    return whole + b"10=%03d\x01" % (sum(whole) % 256)


def of_table(table: tuple[Tag, ...]) -> bytes:
    """A message with the table's tags in its order; what is no constant there is ``1``."""
    return message(table[2].value, *((tag.number, "1" if tag.value.startswith("{") else tag.value)
                                     for tag in table[3:-1]))


@pytest.fixture
def dissect(tmp_path):
    """Each message as tshark reads it: (tag, name, value, meaning) in the order of the message."""
    def run(messages: list[bytes]) -> list[list[tuple[int, str, str, str]]]:
        assert shutil.which("tshark"), "tshark is not installed: apt-get install tshark (or: make system)"
        frames, sequence = [], 1
        for octets in messages:
            frames.append(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2")
                          / TCP(sport=40_000, dport=8_003, seq=sequence, ack=1, flags="PA") / octets)
            sequence += len(octets)
        wrpcap(str(tmp_path / "fix.pcap"), frames)
        pdml = subprocess.run(["tshark", "-r", tmp_path / "fix.pcap", "-d", "tcp.port==8003,fix", "-T", "pdml"],
                              check=True, capture_output=True).stdout
        return [[read(field) for field in packet.iterfind("proto[@name='fix']/field")
                 if field.get("name").startswith("fix.")]
                for packet in ElementTree.fromstring(pdml).iterfind("packet")]

    def read(field) -> tuple[int, str, str, str]:
        name, _, rest = field.get("showname").partition(" (")
        number, _, rest = rest.partition("): ")
        _, _, meaning = rest.partition(" (")
        return int(number), name, field.get("show"), meaning.removesuffix(")")

    return run


def assert_named(table: tuple[Tag, ...], fields: list[tuple[int, str, str, str]]) -> None:
    assert [(tag.number, tag.name) for tag in table] == [(number, name) for number, name, _, _ in fields]


@pytest.mark.parametrize("code", ORDERS)
def test_names_and_numbers(dissect, code):
    [fields] = dissect([of_table(ORDERS[code])])
    assert_named(ORDERS[code], fields)


def test_a_wrong_number_is_found(dissect):
    table = tuple(tag._replace(number=43) if tag.number == 44 else tag for tag in fix.NEW_ORDER_SINGLE)
    [fields] = dissect([of_table(table)])
    with pytest.raises(AssertionError):
        assert_named(table, fields)


def test_message_types(dissect):
    """In tshark's words, which are those of older versions."""
    codes = {"D": "ORDER SINGLE", "F": "ORDER CANCEL REQUEST", "G": "ORDER CANCEL REPLACE REQUEST",
             "8": "EXECUTION REPORT", "9": "ORDER CANCEL REJECT", "0": "HEARTBEAT", "1": "TEST REQUEST",
             "2": "RESEND REQUEST", "3": "REJECT", "4": "SEQUENCE RESET", "5": "LOGOUT"}
    rows = dissect([message(code, (34, "1")) for code in codes])
    assert [fields[2][2:] for fields in rows] == [*codes.items()]
    assert {code: name.upper() for code, name in fix.ADMIN_TYPES.items()} == {
        code: codes[code].replace(" ", "") for code in fix.ADMIN_TYPES}


@pytest.mark.parametrize("tag", MEANINGS)
def test_codes(dissect, tag):
    rows = dissect([message("8", (tag, value)) for value in MEANINGS[tag]])
    assert {fields[3][2]: fields[3][3] for fields in rows} == MEANINGS[tag]
    assert {fields[3][0] for fields in rows} == {tag}


def test_tags_of_replies(dissect):
    [fields] = dissect([message("8", *((tag, "1") for tag in NAMES if tag != 35))])
    assert {number: name for number, name, _, _ in fields if number in NAMES} == NAMES


def test_every_code_is_looked_at():
    assert set(MEANINGS[150]) == set(fix.EXEC_TYPES)
    assert set(MEANINGS[54]) == set(fix.SIDES.values())
    assert set(MEANINGS[528]) == set(fix.CAPACITIES.values())
    assert set(fix.CAPACITIES) == set(CLIENT["O"]["capacity"].codes)
    for table in ORDERS.values():
        constants = {tag.number: tag.value for tag in table[3:] if not tag.value.startswith("{")}
        assert all(value in MEANINGS[number] for number, value in constants.items())


def test_time_in_force_of_fix(dissect):
    """Configurations that FIX cannot say are refused; what is left means in FIX what it means in OUCH."""
    values = {"source_mac": "02:00:00:00:00:01", "destination_mac": "02:00:00:00:00:02", "source_address": "10.0.0.1",
              "destination_address": "10.0.0.2", "source_port": 1, "destination_port": 2, "protocol": "fix"}
    for code in CLIENT["O"]["time_in_force"].codes:
        if code in MEANINGS[59]:
            Order(**values, time_in_force=code)
        else:
            with pytest.raises(ValueError, match="time_in_force"):
                Order(**values, time_in_force=code)


@pytest.mark.parametrize("code", ORDERS)
def test_what_is_required_is_there(code):
    numbers = [tag.number for tag in ORDERS[code]]
    assert numbers[:3] == [8, 9, 35] and numbers[-1] == 10, "volume 2: the order of these is fixed"
    assert len(numbers) == len(set(numbers))
    assert set(numbers[: len(HEADER)]) == HEADER, "the header stands before the body"
    assert REQUIRED[code] <= set(numbers)
    assert ORDERS[code][2].value == code and ORDERS[code][0].value == fix.BEGIN_STRING
    assert (44 in numbers) == (code != "F"), "a limit order has a price"
