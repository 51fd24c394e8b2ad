"""ITCH tables and the model's decoder against PyPI ``itchfeed``: all 23 types, and every message of the real files.

itchfeed 1.6.4 agrees with the tables in every type, both ways; O (direct listing price discovery) has 48 octets there
too. It names fields after the specification's prose; ``NAMES`` is the dictionary.
"""

from dataclasses import replace

import pytest
from itch.messages import AllMessages, create_message, messages
from itch.parser import MessageParser
from scapy.layers.inet import UDP
from scapy.utils import rdpcap

from golden_model.decode import decode, decode_record
from golden_model.feed import Feed
from spec.config import preset
from spec.itch import MESSAGES
from tests.referees.cases import FILES, REAL, encode, extremes, normal, read_file

_COMMON = {"locate": "stock_locate", "tracking": "tracking_number", "timestamp": "timestamp"}
_REFERENCE, _MATCH = {"reference": "order_reference_number"}, {"match": "match_number"}
_SIDE = {"side": "buy_sell_indicator"}

#: Type -> our field -> itchfeed's attribute, where the names differ.
NAMES = {
    "S": {"event": "event_code"},
    "R": {"category": "market_category", "financial_status": "financial_status_indicator",
          "round_lot": "round_lot_size", "classification": "issue_classification", "subtype": "issue_sub_type",
          "short_sale_threshold": "short_sale_threshold_indicator", "ipo": "ipo_flag", "luld_tier": "luld_ref",
          "etp": "etp_flag", "etp_leverage": "etp_leverage_factor", "inverse": "inverse_indicator"},
    "H": {"state": "trading_state"},
    "Y": {"action": "reg_sho_action"},
    "L": {"primary": "primary_market_maker", "mode": "market_maker_mode", "state": "market_participant_state"},
    "V": {"level1": "level1_price", "level2": "level2_price", "level3": "level3_price"},
    "W": {"level": "breached_level"},
    "K": {"release_time": "ipo_release_time", "qualifier": "ipo_release_qualifier", "price": "ipo_price"},
    "J": {"reference": "auction_collar_reference_price", "upper": "upper_auction_collar_price",
          "lower": "lower_auction_collar_price", "extension": "auction_collar_extention"},
    "h": {"market": "market_code", "action": "operational_halt_action"},
    "A": _REFERENCE | _SIDE,
    "F": _REFERENCE | _SIDE | {"mpid": "attribution"},
    "E": _REFERENCE | _MATCH | {"shares": "executed_shares"},
    "C": _REFERENCE | _MATCH | {"shares": "executed_shares", "price": "execution_price"},
    "X": _REFERENCE | {"shares": "cancelled_shares"},
    "D": _REFERENCE,
    "U": _REFERENCE | {"new_reference": "new_order_reference_number"},
    "P": _REFERENCE | _SIDE | _MATCH,
    "Q": _MATCH | {"price": "cross_price"},
    "B": _MATCH,
    "I": {"paired": "paired_shares", "imbalance": "imbalance_shares", "direction": "imbalance_direction",
          "far": "far_price", "near": "near_price", "reference": "current_reference_price",
          "variation": "variation_indicator"},
    "N": {"interest": "interest_flag"},
    "O": {"eligibility": "open_eligibility_status", "minimum": "minimum_allowable_price",
          "maximum": "maximum_allowable_price", "near": "near_execution_price", "near_time": "near_execution_time",
          "lower": "lower_price_range_collar", "upper": "upper_price_range_collar"},
}


def attribute(code: str, field: str) -> str:
    return {**_COMMON, **NAMES[code]}.get(field, field)


def check(layout, cases: list[dict]) -> None:
    """itchfeed reads what the table wrote, and writes the same octets."""
    code = layout.code
    for values in cases:
        octets, values = encode(layout, values), normal(values)
        message = MessageParser().get_message_type(octets)
        read = {field: getattr(message, attribute(code, field)) for field in values}
        assert read == values
        assert message.to_bytes() == octets
        made = create_message(code.encode(), **{attribute(code, field): value for field, value in values.items()})
        assert made.to_bytes() == octets


def test_the_same_types_and_lengths():
    assert sorted(AllMessages.decode()) == sorted(MESSAGES)
    assert {code.decode(): message.message_size for code, message in messages.items()} == {
        code: layout.length for code, layout in MESSAGES.items()}


@pytest.mark.parametrize("code", MESSAGES)
def test_both_read_what_either_writes(code, seed):
    check(MESSAGES[code], extremes(MESSAGES[code], seed))


def swapped(layout):
    """The table with two fields in each other's place, or one field cut, where there is but one."""
    *head, last = layout.fields
    if len(head) > 4 and head[-1].length == last.length:
        return replace(layout, fields=(*head[:-1], replace(last, offset=head[-1].offset),
                                       replace(head[-1], offset=last.offset)))
    return replace(layout, length=layout.length - 1, fields=(*head, replace(last, length=last.length - 1)))


@pytest.mark.parametrize("code", MESSAGES)
def test_a_wrong_table_is_noticed(code, seed):
    wrong = swapped(MESSAGES[code])
    with pytest.raises((AssertionError, ValueError)):
        check(wrong, extremes(wrong, seed))


@pytest.mark.parametrize("name", REAL)
def test_decodes_real_messages_alike(shared_data, name):
    path = shared_data / FILES / name
    ours = read_file(path)
    with open(path, "rb") as file:
        theirs = list(MessageParser().parse_file(file))
    assert len(theirs) == len(ours) == int(path.stem.rpartition("_")[2])
    for octets, message in zip(ours, theirs, strict=True):
        decoded = decode(octets)._asdict()
        code = decoded.pop("type").decode()
        assert message.message_type == code.encode()
        assert decoded == {field: getattr(message, attribute(code, field)) for field in decoded}


def test_reads_real_frames_alike(shared_data):
    """Frames as captured: what the model's feed delivers is what scapy and itchfeed find in them."""
    frames, found = 0, 0
    for path in sorted((shared_data / "nasdaq_totalview_pcap").glob("*.pcap")):
        feed = Feed(preset("small"))
        for packet in rdpcap(str(path)):
            octets, payload = bytes(packet), bytes(packet[UDP].payload)
            records, ends = feed.frame(octets), iter(feed.last_octets)
            sequence, count, at = int.from_bytes(payload[10:18], "big"), int.from_bytes(payload[18:20], "big"), 20
            assert len(records) == count > 0
            for n, record in enumerate(records):
                length = int.from_bytes(payload[at : at + 2], "big")
                message = MessageParser().get_message_type(payload[at + 2 : at + 2 + length])
                at += 2 + length
                decoded = decode_record(record)._asdict()
                code = decoded.pop("type").decode()
                assert message.message_type == code.encode() and record.sequence == sequence + n
                assert decoded == {field: getattr(message, attribute(code, field)) for field in decoded}
                assert octets[: next(ends) + 1].endswith(message.to_bytes())
            frames, found = frames + 1, found + count
        assert feed.counters["datagrams"] == feed.counters["frames"]
    assert (frames, found) == (9, 46)
