"""ITCH and the other protocol tables against the offsets of the specifications, typed in anew.

Referees that nobody here wrote read the same messages in ``tests/referees``.
"""

import pytest

from spec import ethernet, itch, moldudp64, soupbintcp
from spec.wire import Kind, Layout

#: Type: octets, then name@offset:length. The header's four fields are checked apart.
ITCH = {
    "S": "12 event@11:1",
    "R": "39 stock@11:8 category@19:1 financial_status@20:1 round_lot@21:4 round_lots_only@25:1 classification@26:1 "
         "subtype@27:2 authenticity@29:1 short_sale_threshold@30:1 ipo@31:1 luld_tier@32:1 etp@33:1 etp_leverage@34:4 "
         "inverse@38:1",
    "H": "25 stock@11:8 state@19:1 reserved@20:1 reason@21:4",
    "Y": "20 stock@11:8 action@19:1",
    "L": "26 mpid@11:4 stock@15:8 primary@23:1 mode@24:1 state@25:1",
    "V": "35 level1@11:8 level2@19:8 level3@27:8",
    "W": "12 level@11:1",
    "K": "28 stock@11:8 release_time@19:4 qualifier@23:1 price@24:4",
    "J": "35 stock@11:8 reference@19:4 upper@23:4 lower@27:4 extension@31:4",
    "h": "21 stock@11:8 market@19:1 action@20:1",
    "A": "36 reference@11:8 side@19:1 shares@20:4 stock@24:8 price@32:4",
    "F": "40 reference@11:8 side@19:1 shares@20:4 stock@24:8 price@32:4 mpid@36:4",
    "E": "31 reference@11:8 shares@19:4 match@23:8",
    "C": "36 reference@11:8 shares@19:4 match@23:8 printable@31:1 price@32:4",
    "X": "23 reference@11:8 shares@19:4",
    "D": "19 reference@11:8",
    "U": "35 reference@11:8 new_reference@19:8 shares@27:4 price@31:4",
    "P": "44 reference@11:8 side@19:1 shares@20:4 stock@24:8 price@32:4 match@36:8",
    "Q": "40 shares@11:8 stock@19:8 price@27:4 match@31:8 cross_type@39:1",
    "B": "19 match@11:8",
    "I": "50 paired@11:8 imbalance@19:8 direction@27:1 stock@28:8 far@36:4 near@40:4 reference@44:4 cross_type@48:1 "
         "variation@49:1",
    "N": "20 stock@11:8 interest@19:1",
    "O": "48 stock@11:8 eligibility@19:1 minimum@20:4 maximum@24:4 near@28:4 near_time@32:8 lower@40:4 upper@44:4",
}
HEADERS = [
    (itch.HEADER, "11 type@0:1 locate@1:2 tracking@3:2 timestamp@5:6"),
    (moldudp64.HEADER, "20 session@0:10 sequence@10:8 count@18:2"),
    (moldudp64.REQUEST, "20 session@0:10 sequence@10:8 count@18:2"),
    (moldudp64.MESSAGE_BLOCK, "2 length@0:2"),
    (soupbintcp.HEADER, "3 length@0:2 type@2:1"),
    (ethernet.ETHERNET, "14 destination@0:6 source@6:6 ethertype@12:2"),
    (ethernet.VLAN, "4 tpid@0:2 tci@2:2"),
    (ethernet.IPV4, "20 version_ihl@0:1 dscp_ecn@1:1 total_length@2:2 identification@4:2 flags_fragment@6:2 ttl@8:1 "
                    "protocol@9:1 checksum@10:2 source@12:4 destination@16:4"),
    (ethernet.UDP, "8 source_port@0:2 destination_port@2:2 length@4:2 checksum@6:2"),
    (ethernet.TCP, "20 source_port@0:2 destination_port@2:2 sequence@4:4 acknowledgment@8:4 offset_flags@12:2 "
                   "window@14:2 checksum@16:2 urgent@18:2"),
]


def described(layout: Layout, fields) -> str:
    return " ".join([str(layout.length), *(f"{f.name}@{f.offset}:{f.length}" for f in fields)])


def test_all_types_are_there():
    assert list(itch.MESSAGES) == list(ITCH)
    assert all(layout.code == code for code, layout in itch.MESSAGES.items())
    assert itch.MAX_MESSAGE == 50


@pytest.mark.parametrize("code", ITCH)
def test_message_fields(code):
    layout = itch.MESSAGES[code]
    assert layout.fields[:4] == itch.HEADER.fields
    assert described(layout, layout.fields[4:]) == ITCH[code]
    assert layout.fields[-1].end == layout.length, "nothing after the last field"


@pytest.mark.parametrize(("layout", "expected"), HEADERS, ids=lambda value: getattr(value, "name", ""))
def test_header_fields(layout, expected):
    assert described(layout, layout.fields) == expected


def test_soupbintcp_lengths():
    lengths = {code: layout.length for code, layout in soupbintcp.CLIENT.items()}
    assert lengths == {"L": 49, "U": 3, "R": 3, "O": 3, "+": 3}
    lengths = {code: layout.length for code, layout in soupbintcp.SERVER.items()}
    assert lengths == {"A": 33, "J": 4, "S": 3, "H": 3, "Z": 3, "+": 3}


def test_prices_have_four_decimals_but_for_decline_levels():
    kinds = {(code, f.name): f.kind for code, layout in itch.MESSAGES.items() for f in layout.fields
             if f.kind in (Kind.PRICE4, Kind.PRICE8)}
    assert {code for (code, _), kind in kinds.items() if kind is Kind.PRICE8} == {"V"}
    assert {code for (code, _), kind in kinds.items() if kind is Kind.PRICE4} == set("KJAFCUPQIO")
