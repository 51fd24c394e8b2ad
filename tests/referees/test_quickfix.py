"""quickfix's word on the order model's FIX messages, which the hardware's equal octet by octet.

Run by `make referees`, which installs quickfix. Its parser refuses a wrong BodyLength or CheckSum; its data dictionary,
FIX44.xml, says which tags a message has, needs and may not have, and what their values may be.
"""

import random
from collections import Counter

import pytest

from golden_model.order import Header, Order
from spec.config import Design
from spec.fix import ADMIN_TYPES
from spec.records import ADMIN
from tests.golden_model.build import small
from tests.golden_model.test_order import payload_of
from tests.referees.test_orders import decisions

pytestmark = pytest.mark.referees
MESSAGES = 20_000
TYPES = {*"DFG", *ADMIN_TYPES}
#: Bodies of the host's messages; volume 2 requires 112 of a test request, 7 and 16, 45, and 36.
BODIES = {"0": ["", "112=ECHO|"], "1": ["112=ECHO|"], "2": ["7=1|16=0|", "7=900|16=999999|"],
          "3": ["45=3|", "45=12|371=44|372=D|373=5|58=no such price|"],
          "4": ["36=7|", "123=Y|36=1000000|"], "5": ["", "58=Good night|"]}
#: By FIX44.xml, beside the header. Instrument and OrderQtyData it requires as blocks of which no field is required.
REQUIRED = {"D": {11, 40, 54, 60}, "F": {11, 41, 54, 60}, "G": {11, 40, 41, 54, 60}, "0": set(), "1": {112},
            "2": {7, 16}, "3": {45}, "4": {36}, "5": set()}
HEADER = Header(1, 1)


def fix_design(rng: random.Random) -> Design:
    return small(order={
        "protocol": "fix", "time_in_force": rng.choice("03"), "capacity": rng.choice("APRO"),
        "cl_ord_id_prefix": rng.choice(("", "TW", "a-Z~!#")),
        "fix": {"sender_comp_id": rng.choice(("S", "TICKWIRE", "X" * 16)),
                "target_comp_id": rng.choice(("T", "Y" * 16)),
                "msg_seq_num": rng.choice((1, 9_990, 2**31 - 100_000))}})


def messages(rng: random.Random, count: int):
    """As the model writes them: sessions of a hundred orders, a message of the host behind every third."""
    while count > 0:
        stage = Order(fix_design(rng))
        for decision in decisions(small(), rng, min(count, 100)):
            yield payload_of(stage.frame(stage.decision(decision, header=HEADER)))
            count -= 1
            if decision.decision % 3 == 2 and count:
                kind = rng.choice([*ADMIN_TYPES])
                text = rng.choice(BODIES[kind]).replace("|", "\x01").encode()
                admin = ADMIN.tuple(ord(kind), len(text), int.from_bytes(text, "little"))
                yield payload_of(stage.frame(stage.admin(admin, header=HEADER, time=decision.time)))
                count -= 1


def one_of_each(seed: int) -> dict[str, bytes]:
    found = {}
    for octets in messages(random.Random(seed), 500):
        found.setdefault(octets.split(b"\x0135=")[1][:1].decode(), octets)
    assert set(found) == TYPES
    return found


def pairs_of(octets: bytes) -> list[tuple[int, str]]:
    return [(int(tag), value.decode()) for tag, value in (field.split(b"=", 1) for field in octets.split(b"\x01")[:-1])]


def framed(pairs: list[tuple[int, str]]) -> bytes:
    """A message of these fields with BodyLength and CheckSum, whatever they say of those, right."""
    body = "".join(f"{tag}={value}\x01" for tag, value in pairs if tag not in (8, 9, 10))
    whole = f"8=FIX.4.4\x019={len(body)}\x01{body}".encode()
    return whole + b"10=%03d\x01" % (sum(whole) % 256)


def test_messages_of_the_model(validate, seed, record_property):
    kinds = Counter()
    for octets in messages(random.Random(seed), MESSAGES):
        message = validate(octets)
        for tag, value in pairs_of(octets):
            place = (message.getHeader() if tag in (8, 9, 35, 49, 56, 34, 52)
                     else message.getTrailer() if tag == 10 else message)
            assert place.getField(tag) == value, octets
        kinds[message.getHeader().getField(35)] += 1
    assert kinds.total() >= MESSAGES and set(kinds) == TYPES
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    record_property("campaign", f"quickfix: {kinds.total()} FIX messages valid: {counted}")


@pytest.mark.parametrize("code", sorted(TYPES))
def test_a_message_without_a_required_tag_is_refused(quickfix, dictionary, validate, seed, code):
    pairs = pairs_of(one_of_each(seed)[code])
    validate(framed(pairs))
    assert {tag for tag, _ in pairs if dictionary.isRequiredField(code, tag)} == REQUIRED[code]
    for missing in REQUIRED[code] | {49, 56, 34, 52}:
        with pytest.raises(quickfix.RequiredTagMissing):
            validate(framed([(tag, value) for tag, value in pairs if tag != missing]))


@pytest.mark.parametrize("tag, value, exception", [
    (54, "Z", "IncorrectTagValue"), (528, "O", "IncorrectTagValue"), (38, "1x", "IncorrectDataFormat"),
    (44, "1,50", "IncorrectDataFormat"), (60, "20260101-25:00:00.000", "IncorrectDataFormat"),
    (52, "20260101 10:00:00.000", "IncorrectDataFormat"), (34, " 5", "IncorrectDataFormat"), (11, "", "NoTagValue"),
    (150, "0", "TagNotDefinedForMessage"), (4999, "1", "InvalidTagNumber"),
])
def test_a_wrong_value_is_refused(quickfix, validate, seed, tag, value, exception):
    pairs = pairs_of(one_of_each(seed)["D"])
    wrong = [(t, value if t == tag else v) for t, v in pairs]
    if wrong == pairs:
        wrong.insert(-1, (tag, value))
    with pytest.raises(getattr(quickfix, exception)):
        validate(framed(wrong))


@pytest.mark.parametrize("damage", [
    lambda m: m[:-4] + b"%03d\x01" % ((int(m[-4:-1]) + 1) % 256),
    lambda m: m.replace(b"\x019=1", b"\x019=2"),
    lambda m: m.replace(b"\x0111=", b"\x0112="),
    lambda m: m.replace(b"\x01", b"^"),
    lambda m: m[:-1],
])
def test_a_damaged_message_is_refused(quickfix, validate, seed, damage):
    octets = one_of_each(seed)["D"]
    assert damage(octets) != octets
    with pytest.raises(quickfix.InvalidMessage):
        validate(damage(octets))
