"""The venue of a replay: what orders meet, in the words of each protocol. scapy makes the frames and reads answers."""

import dataclasses
from collections import Counter, defaultdict

import pytest
import simplefix
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from sim.venue import Venue
from spec import config, ouch, soupbintcp, wire
from spec.config import Design

ORDERS = 400
WINDOW = 60_000


def _design(protocol: str) -> Design:
    values = config.preset("small").model_dump()
    return Design.model_validate(values | {"order": values["order"] | {"protocol": protocol}})


class Client:
    """The core's end. ``heard``: octets of the answers, in order."""

    def __init__(self, protocol: str, seed: int = 1):
        self.order = _design(protocol).order
        self.venue = Venue(_design(protocol), seed=seed)
        self.heard = b""
        self.sequence, self.acknowledgment = self.order.tcp_sequence, self.order.tcp_acknowledgment

    def frame(self, payload: bytes = b"", window: int = WINDOW, sequence: int | None = None) -> bytes:
        order = self.order
        segment = TCP(sport=order.source_port, dport=order.destination_port, flags="PA", window=window,
                      seq=self.sequence if sequence is None else sequence, ack=self.acknowledgment)
        if order.tcp_timestamps:
            segment.options = [("NOP", None), ("NOP", None), ("Timestamp", (7, 0))]
        return bytes(Ether(src=order.source_mac, dst=order.destination_mac)
                     / IP(src=order.source_address, dst=order.destination_address, flags="DF") / segment / payload)

    def send(self, *messages: bytes, window: int = WINDOW) -> None:
        for message in messages:
            self.venue.take([self.frame(message, window)])
            self.sequence += len(message)

    def hear(self) -> list:
        """Segments that come now, checked."""
        segments = []
        for octets in self.venue.frames():
            frame = Ether(octets)
            for layer in (IP, TCP):
                said = frame[layer].chksum
                del frame[layer].chksum
                assert Ether(bytes(frame))[layer].chksum == said
            assert (frame.dst, frame[IP].dst) == (self.order.source_mac, self.order.source_address)
            assert (frame[TCP].sport, frame[TCP].dport) == (self.order.destination_port, self.order.source_port)
            assert frame[TCP].seq == self.acknowledgment and frame[TCP].ack == self.sequence
            length = frame[IP].len - 20 - 4 * frame[TCP].dataofs
            payload = bytes(frame[TCP].payload)[:length]
            self.acknowledgment += length
            self.heard += payload
            segments.append(frame)
        return segments


def _enter(protocol: str, number: int, quantity: int, side: str = "B", rests: bool = True) -> bytes:
    if protocol == "fix":
        return _fix("D", number, (54, 1 if side == "B" else 5), (55, "AAPL"), (38, quantity), (44, "12.3400"),
                    (59, 0 if rests else 3))
    return _ouch("O", user_ref_num=number, side=side, quantity=quantity, symbol="AAPL", price=123_400,
                 time_in_force="0" if rests else "3", display="Y", capacity="P", intermarket_sweep="N", cross_type="N",
                 cl_ord_id="X", appendage_length=0)


def _replace(protocol: str, number: int, target: int, quantity: int) -> bytes:
    if protocol == "fix":
        return _fix("G", number, (41, f"T{target:08X}"), (54, 1), (55, "AAPL"), (38, quantity), (44, "12.3500"))
    return _ouch("U", user_ref_num=number, original_user_ref_num=target, quantity=quantity, price=123_500,
                 time_in_force="0", display="Y", intermarket_sweep="N", cl_ord_id="X", appendage_length=0)


def _cancel(protocol: str, number: int, target: int) -> bytes:
    if protocol == "fix":
        return _fix("F", number, (41, f"T{target:08X}"), (54, 1), (55, "AAPL"), (38, 1))
    return _ouch("X", user_ref_num=target, quantity=0)


def _ouch(code: str, **values) -> bytes:
    message = wire.write(ouch.CLIENT[code], **values)
    return wire.write(soupbintcp.HEADER, length=1 + len(message), type="U") + message


def _fix(code: str, number: int, *pairs) -> bytes:
    message = simplefix.FixMessage()
    for tag, value in ((8, "FIX.4.4"), (35, code), (34, number), (11, f"T{number:08X}"), *pairs):
        message.append_pair(tag, value)
    return message.encode()


@dataclasses.dataclass(frozen=True)
class Answer:
    kind: str  #: OUCH's letter
    number: int
    quantity: int = 0


_OF_FIX = {"0": "A", "5": "U", "F": "E", "4": "C", "8": "J"}


def _answers(protocol: str, octets: bytes) -> list[Answer]:
    if protocol == "fix":
        parser = simplefix.FixParser()
        parser.append_buffer(octets)
        found = []
        while message := parser.get_message():
            report = message.get(35) == b"8"
            kind = _OF_FIX[message.get(150).decode()] if report else "I"
            quantity = int(message.get(32) or 0) if kind == "E" else 0
            found.append(Answer(kind, int(message.get(11)[-8:], 16), quantity))
        return found
    found = []
    while octets:
        header = wire.read(soupbintcp.HEADER, octets)
        message, octets = octets[3 : 2 + header["length"]], octets[2 + header["length"]:]
        assert header["type"] == "S"
        said = wire.read(ouch.SERVER[chr(message[0])], message)
        found.append(Answer(chr(message[0]), said["user_ref_num"], said.get("quantity", 0)))
    return found


@pytest.fixture(params=["ouch", "fix"])
def protocol(request):
    return request.param


def _trade(protocol: str, **kwargs) -> Client:
    client = Client(protocol, **kwargs)
    for number in range(1, ORDERS + 1):
        client.send(_enter(protocol, number, 100 + number, "S" if number % 3 == 0 else "B", rests=number % 2 == 1))
        client.hear()
    return client


def test_every_order_is_answered_and_every_fate_is_met(protocol):
    client = _trade(protocol)
    of = defaultdict(list)
    for answer in _answers(protocol, client.heard):
        of[answer.number].append(answer)
    assert sorted(of) == list(range(1, ORDERS + 1)) and client.venue.orders == ORDERS
    fates, position = Counter(), 0
    for number, answers in of.items():
        kinds = "".join(answer.kind for answer in answers)
        shares = sum(answer.quantity for answer in answers if answer.kind == "E")
        fates[kinds] += 1
        position += -shares if number % 3 == 0 else shares
        whole = shares == 100 + number
        if kinds == "J":
            continue
        assert shares <= 100 + number and kinds.startswith("A")
        assert kinds.endswith("C") == (not whole and number % 2 == 0), "only what rests stays open"
    assert client.venue.positions == {"AAPL": position} and position
    assert set(fates) == {"J", "A", "AE", "AEE", "AC", "AEEC"}, fates


def test_batches_make_no_difference_but_the_seed_does(protocol):
    client = Client(protocol)
    for number in range(1, ORDERS + 1):
        client.send(_enter(protocol, number, 100 + number, "S" if number % 3 == 0 else "B", rests=number % 2 == 1))
    while client.venue.owes:
        client.hear()
        client.venue.take([client.frame()])  # makes room in the window
    assert _answers(protocol, client.heard) == _answers(protocol, _trade(protocol).heard)
    assert _answers(protocol, client.heard) != _answers(protocol, _trade(protocol, seed=2).heard)


def test_open_orders_are_replaced_and_cancelled(protocol):
    client = _trade(protocol)
    kinds = defaultdict(str)
    for answer in _answers(protocol, client.heard):
        kinds[answer.number] += answer.kind
    resting = [number for number in kinds if number % 2 and kinds[number] == "A"]
    client.heard = b""
    client.send(_replace(protocol, 1001, resting[0], 7), _replace(protocol, 1002, resting[0], 7),
                _cancel(protocol, 1003, 1001), _cancel(protocol, 1004, 1001), _cancel(protocol, 1005, resting[1]))
    client.hear()
    fix = protocol == "fix"
    assert [(answer.kind, answer.number) for answer in _answers(protocol, client.heard)] == [
        ("U", 1001), ("J", 1002), ("C", 1003 if fix else 1001), ("I", 1004 if fix else 1001),
        ("C", 1005 if fix else resting[1])]


def test_a_closed_window_holds_answers_back(protocol):
    client = Client(protocol)
    client.send(*(_enter(protocol, number, 100) for number in range(1, 30)), window=10)
    assert [len(frame[TCP].payload) >= 10 for frame in client.hear()] == [True] and len(client.heard) == 10
    assert client.venue.owes and not client.hear()
    client.venue.take([client.frame(window=WINDOW)])
    client.hear()
    assert not client.venue.owes and len(_answers(protocol, client.heard)) >= 29


def test_what_was_received_before_counts_once_and_is_acknowledged(protocol):
    client = Client(protocol)
    order = _enter(protocol, 1, 100)
    client.send(order)
    assert client.hear() and not client.hear()
    client.venue.take([client.frame(order, sequence=client.sequence - len(order))])
    assert client.venue.orders == 1 and not client.hear()
    half = _enter(protocol, 2, 100)
    client.send(half[:9])
    assert len(client.hear()) == 1 and client.venue.orders == 1, "acknowledged, and not answered yet"
    client.send(half[9:])
    assert client.venue.orders == 2


@pytest.mark.parametrize("frame", [b"", bytes(60), bytes(20)])
def test_a_frame_that_holds_no_segment_is_an_error(frame):
    with pytest.raises(ValueError, match="no TCP segment"):
        Client("ouch").venue.take([frame])


@pytest.mark.parametrize(("protocol", "message", "why"), [
    ("ouch", wire.write(soupbintcp.HEADER, length=3, type="U") + b"ZZ", "no OUCH message about an order"),
    ("ouch", wire.write(soupbintcp.HEADER, length=5, type="U") + b"Oxxx", "no OUCH message about an order"),
    ("fix", _fix("D", 1, (54, 1), (55, "AAPL"), (38, "ten")), "no FIX message about an order"),
    ("fix", _fix("D", 1, (54, 1), (55, "AAPL")), "no FIX message about an order"),
])
def test_an_order_that_is_none_is_an_error(protocol, message, why):
    with pytest.raises(ValueError, match=why):
        Client(protocol).send(message)
