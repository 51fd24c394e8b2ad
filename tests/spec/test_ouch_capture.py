"""The tables of OUCH 5.0 and SoupBinTCP against real captures and tshark.

Whoever captured the frames cut or padded some of them; the SoupBinTCP length says where a packet ends. No replace order
was captured. The order model's messages equal the captured ones; the hardware's equal the model's.
"""

import json
import shutil
import subprocess
from dataclasses import replace

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap, wrpcap

from golden_model.order import Header, Order
from spec import ouch, soupbintcp
from spec.config import Design, preset
from spec.records import ADMIN, DECISION, Action, Side
from spec.wire import Kind, read, write

FOLDER = "nasdaq_ouch50_pcap"

#: Read off the captured octets by hand: file: (SoupBinTCP header, message, appended options).
CAPTURED = {
    "EnterOrderMessage": ({"length": 54, "type": "U"}, {
        "type": "O", "user_ref_num": 113, "side": "T", "quantity": 225, "symbol": "CVLT    ", "price": 630_200,
        "time_in_force": "0", "display": "Y", "capacity": "A", "intermarket_sweep": "N", "cross_type": "N",
        "cl_ord_id": "H8FUB8IV      ", "appendage_length": 6,
    }, [(ouch.OPTION_FIRM, b"LIME")]),
    "CancelOrderMessage": ({"length": 10, "type": "U"}, {"type": "X", "user_ref_num": 7_679_601, "quantity": 0}, []),
    "OrderAcceptedMessage": ({"length": 74, "type": "S"}, {
        "type": "A", "timestamp": 44_647_483_486_087, "user_ref_num": 7_682_701, "side": "B", "quantity": 40,
        "symbol": "ADBE    ", "price": 4_777_800, "time_in_force": "5", "display": "Y", "order_reference": 0x0F56B4F5,
        "capacity": "A", "intermarket_sweep": "N", "cross_type": "N", "state": "L", "cl_ord_id": "7682701       ",
        "appendage_length": 9,
    }, [(ouch.OPTION_FIRM, b"MLRO"), (18, b"0")]),
    "CanceledMessage": ({"length": 19, "type": "S"}, {
        "type": "C", "timestamp": 44_647_483_708_183, "user_ref_num": 7_682_701, "quantity": 40, "reason": "U",
    }, []),
    "ClientHeartbeatPacket": ({"length": 1, "type": "R"}, None, []),
    "ServerHeartbeatPacket": ({"length": 1, "type": "H"}, None, []),
}
TABLES = {"U": ouch.CLIENT, "S": ouch.SERVER}


def split(payload: bytes):
    """Header, message without appendage, options of the SoupBinTCP packet that ``payload`` begins with."""
    header = read(soupbintcp.HEADER, payload)
    body = payload[soupbintcp.HEADER.length : soupbintcp.HEADER["length"].length + header["length"]]
    if header["type"] not in TABLES:
        assert body == b""
        return header, None, []
    layout = TABLES[header["type"]][chr(body[0])]
    message, rest, options = read(layout, body), body[layout.length :], []
    assert len(rest) == message.get("appendage_length", 0)
    while rest:
        length, tag, value = rest[0], rest[1], rest[2 : 1 + rest[0]]
        options.append((tag, value))
        rest = rest[1 + length :]
    return header, message, options


@pytest.fixture(scope="module")
def captures(request):
    data = request.getfixturevalue("shared_data") / FOLDER
    if not data.is_dir():
        pytest.skip(f"no captures at {data}")
    return data


def payload_of(path) -> bytes:
    [frame] = rdpcap(str(path))
    return bytes(frame[TCP].payload)


@pytest.mark.parametrize("name", CAPTURED)
def test_capture_field_by_field(captures, name):
    assert split(payload_of(captures / f"{name}.pcap")) == CAPTURED[name]


def test_every_capture_is_looked_at(captures):
    assert {path.stem for path in captures.glob("*.pcap")} == set(CAPTURED)


@pytest.mark.parametrize("name", [name for name, (_, message, _) in CAPTURED.items() if message])
def test_written_back_octet_by_octet(captures, name):
    """Reading and writing are inverse, so no octet of the capture is outside the tables."""
    payload = payload_of(captures / f"{name}.pcap")
    header, message, options = CAPTURED[name]
    layout = TABLES[header["type"]][message["type"]]
    appended = b"".join(bytes([1 + len(value), tag]) + value for tag, value in options)
    written = write(soupbintcp.HEADER, **header) + write(layout, **message) + appended
    assert written == payload[: len(written)]
    assert len(written) == 2 + header["length"]


def test_wrong_table_is_found(captures, monkeypatch):
    """Two fields of one length exchanged, and the capture says so."""
    right = ouch.CLIENT["O"]
    names = {"display": "capacity", "capacity": "display"}
    wrong = replace(right, fields=tuple(replace(f, name=names.get(f.name, f.name)) for f in right.fields))
    monkeypatch.setitem(ouch.CLIENT, "O", wrong)
    assert split(payload_of(captures / "EnterOrderMessage.pcap"))[1] != CAPTURED["EnterOrderMessage"][1]


def ours(**values) -> bytes:
    """What the order model puts into TCP of a decision, in the session of the captured orders."""
    data = preset("small").model_dump()
    data["order"] |= {"firm": "LIME", "time_in_force": "0", "capacity": "A", "cl_ord_id_prefix": ""}
    data["symbols"][0]["stock"] = "CVLT"
    stage = Order(Design.model_validate(data))
    order = stage.decision(DECISION.tuple(**dict.fromkeys(DECISION.tuple._fields, 0) | values), header=Header(1, 1))
    return bytes(Ether(stage.frame(order))[TCP].payload)[: order.length]


def test_our_enter_order_is_the_captured_one(captures):
    """Octet by octet but for ClOrdID, which is of each client's own making."""
    payload = payload_of(captures / "EnterOrderMessage.pcap")
    made = ours(action=Action.ENTER, user_ref_num=113, side=Side.SELL, short=1, quantity=225, price=630_200)
    field = ouch.CLIENT["O"]["cl_ord_id"]
    own = range(soupbintcp.HEADER.length + field.offset, soupbintcp.HEADER.length + field.end)
    assert len(made) == len(payload) == 56
    assert [i for i in range(len(payload)) if made[i] != payload[i] and i not in own] == []
    assert split(made) == (CAPTURED["EnterOrderMessage"][0], {
        **CAPTURED["EnterOrderMessage"][1], "cl_ord_id": "00000071      "}, CAPTURED["EnterOrderMessage"][2])


def test_our_cancel_is_the_captured_one(captures):
    """Octet by octet."""
    payload = payload_of(captures / "CancelOrderMessage.pcap")
    made = ours(action=Action.CANCEL, target=7_679_601, user_ref_num=1, quantity=100, price=1)
    assert made == payload[: len(made)]
    assert split(made) == CAPTURED["CancelOrderMessage"]


def test_our_heartbeat_is_the_captured_one(captures):
    payload = payload_of(captures / "ClientHeartbeatPacket.pcap")
    stage = Order(preset("small"))
    order = stage.admin(ADMIN.tuple(ord("R"), 0, 0), header=Header(1, 1))
    made = bytes(Ether(stage.frame(order))[TCP].payload)[: order.length]
    assert made == payload[: len(made)] == b"\0\1R"


@pytest.mark.parametrize("table", [ouch.CLIENT, ouch.SERVER])
def test_tables_are_contiguous_and_complete(table):
    for code, layout in table.items():
        assert layout.code == code and layout.fields[0].kind is Kind.CHAR
        assert [field.offset for field in layout.fields] == [0, *(field.end for field in layout.fields[:-1])]
        assert layout.fields[-1].end == layout.length


def test_soupbintcp_against_tshark(tmp_path):
    """Every packet type of both directions, as tshark dissects it."""
    assert shutil.which("tshark"), "tshark is not installed: apt-get install tshark (or: make system)"
    session, sequence = "SESSION001", "1".rjust(20)
    login = {"username": "trader", "password": "secret", "session": session, "sequence": sequence}
    packets = {
        "L": write(soupbintcp.CLIENT["L"], length=47, **login),
        "U": write(soupbintcp.CLIENT["U"], length=4) + b"abc",
        "R": write(soupbintcp.CLIENT["R"], length=1),
        "O": write(soupbintcp.CLIENT["O"], length=1),
        "A": write(soupbintcp.SERVER["A"], length=31, session=session, sequence=sequence),
        "J": write(soupbintcp.SERVER["J"], length=2, reason="A"),
        "S": write(soupbintcp.SERVER["S"], length=4) + b"xyz",
        "H": write(soupbintcp.SERVER["H"], length=1),
        "Z": write(soupbintcp.SERVER["Z"], length=1),
        "+": write(soupbintcp.SERVER["+"], length=6) + b"hello",
    }
    assert set(packets) == set(soupbintcp.CLIENT) | set(soupbintcp.SERVER)
    capture = tmp_path / "soup.pcap"
    frames, sent = [], 1
    for packet in packets.values():
        tcp = TCP(sport=40_000, dport=8_003, seq=sent, ack=1, flags="PA")
        frames.append(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2")
                      / tcp / packet)
        sent += len(packet)
    wrpcap(str(capture), frames)
    output = subprocess.run(["tshark", "-r", capture, "-d", "tcp.port==8003,soupbintcp", "-T", "json"],
                            check=True, capture_output=True, text=True).stdout
    layers = [packet["_source"]["layers"] for packet in json.loads(output)]
    assert len(layers) == len(packets)
    for (code, packet), layer in zip(packets.items(), layers, strict=True):
        soup = layer["soupbintcp"]
        assert "_ws.malformed" not in str(layer), (code, layer)
        assert int(soup["soupbintcp.packet_length"]) == len(packet) - 2, soup
        assert soup["soupbintcp.packet_type"].strip("'") == code, soup
    text = {code: str(layer["soupbintcp"]) for code, layer in zip(packets, layers, strict=True)}
    for value in ("trader", "secret", session):
        assert value in text["L"], text["L"]
    assert session in text["A"] and "hello" in text["+"]
