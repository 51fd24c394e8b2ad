"""What a slot carries: a message if one comes, else a request that was taken while nothing was ahead."""

import random

import pytest
from amaranth.hdl import Value

from hdl.book.operation import background, operation
from hdl.book.slots import Slots
from spec.itch import MAX_MESSAGE, MESSAGES
from spec.records import MESSAGE
from spec.wire import write

KINDS = ("load", "vouch", "scan", "hold", "release", "window", "query")
KNOWS = {"A": ("order", "places"), "F": ("order", "places"), "E": ("order", "finds", "takes"),
         "C": ("order", "finds", "takes"), "X": ("order", "finds", "takes"), "D": ("order", "finds", "drops"),
         "U": ("order", "finds", "drops", "places", "replace"), "load": ("order", "places"),
         "hold": ("order", "finds"), "release": ("order", "finds")}
FLAGS = ("message", "order", "finds", "takes", "drops", "places", "replace", *KINDS, "masked")
AHEAD = {"": 0.3, "none": 0.25, "message": 0.45}  #: nothing; a message that is refused; one that follows


def octets_of(rng, code):
    known = {name for name in ("locate", "reference", "new_reference", "shares", "side", "price", "stock")
             if name in MESSAGES[code]}
    fields = {"locate": rng.getrandbits(16), "reference": rng.getrandbits(64), "new_reference": rng.getrandbits(64),
              "shares": rng.getrandbits(32), "side": rng.choice("BS"), "price": rng.getrandbits(32), "stock": "AAPL"}
    if code in "JIOK":  # whose fields of that name are others
        known -= {"reference", "price"}
    fields = {name: fields[name] for name in known}
    return write(MESSAGES[code], **fields), fields


def random_slot(rng, design, number):
    request = {kind: 0 for kind in (*KINDS, "masked")} | {
        "symbol": rng.randrange(len(design.symbols)), "side": rng.randrange(2), "reference": rng.getrandbits(64),
        "price": rng.getrandbits(32), "shares": rng.getrandbits(32), "row": rng.randrange(design.book.buckets)}
    request[rng.choice(KINDS)] = 1
    request["masked"] = request["query"] & rng.randrange(2)
    shape = background(design)
    row = rng.getrandbits(shape["windows"].shape.size)
    word = shape.const(request).as_value().value | row << shape["windows"].offset
    op = {"ahead": rng.choices([*AHEAD], AHEAD.values())[0], "request": request, "windows": row,
          "requests_valid": int(rng.random() < 0.7), "requests_payload": word, "number": number}
    op |= {"ahead_valid": int(op["ahead"] != ""), "valid": int(op["ahead"] == "message"),
           "ahead_reference": rng.getrandbits(64), "ahead_new": rng.getrandbits(64), "add": rng.randrange(2),
           "ahead_locate": rng.getrandbits(16), "payload": rng.getrandbits(MESSAGE.bits)}
    if op["valid"]:
        op["code"] = rng.choice([*MESSAGES, *"AFECXDU" * 3])
        octets, op["fields"] = octets_of(rng, op["code"])
        fields = op["fields"]
        op["payload"] = MESSAGE.pack((number, rng.getrandbits(64), 0, int.from_bytes(octets, "little")))
        op |= {"ahead_locate": fields["locate"], "add": int(op["code"] in "AF"),
               "ahead_reference": fields.get("reference", op["ahead_reference"]),
               "ahead_new": fields.get("new_reference", op["ahead_new"])}
    return op


def expect(op, last, design):
    """What is known of the slot; ``last``: number of the first message after the slots before."""
    request, taken = op["request"], op["requests_valid"] and not op["ahead_valid"]
    expected = {"ready": int(not op["ahead_valid"])}
    if op["ahead_valid"]:
        expected |= {"locate": op["ahead_locate"], "old": op["ahead_reference"],
                     "new": op["ahead_reference" if op["add"] else "ahead_new"]}
    elif taken:
        expected |= {"old": request["reference"], "new": request["reference"]}
    flags, kind = dict.fromkeys(FLAGS, 0), op.get("code")
    if op["valid"]:
        fields = op["fields"]
        flags["message"] = 1
        expected |= {"types": 1 << [*MESSAGES].index(kind), "record": op["payload"], "directory": int(kind == "R")}
        expected["op number"] = op["number"] + 1 & (1 << 32) - 1
        if kind == "R":
            expected["stock"] = int.from_bytes(b"AAPL    ", "little")
        for name, known_to in (("side", "AF"), ("shares", "AFUECX"), ("price", "AFU")):
            if kind in known_to:
                value = fields[name]
                expected[f"op {name}"] = int(value == "S") if name == "side" else value
        if kind in "AFU":
            expected["price"] = fields["price"]
        if kind in "AFECXDU":
            expected["op old"] = fields["reference"]
            expected["op new"] = fields["new_reference"] if kind == "U" else expected["op old"]
            if kind not in "AFU":
                del expected["op new"]
    else:
        expected |= {"types": 0, "directory": 0, "op number": last}
    if taken:
        kind = next(name for name in KINDS if request[name])
        flags |= {name: request[name] for name in (*KINDS, "masked")}
        expected |= {f"op {name}": request[name] for name in ("side", "symbol", "price", "shares")}
        expected |= {"op fine": int(design.symbols[request["symbol"]].tick == 1), "op old": request["reference"],
                     "op new": request["reference"], "price": request["price"], "windows": op["windows"]}
    flags |= dict.fromkeys(KNOWS.get(kind, ()), 1)
    return expected | {f"op {name}": value for name, value in flags.items()}


def compare(run_pipeline, design, operations):
    dut = Slots(design=design)
    ahead = dut.ahead
    inputs = {"ahead_valid": (ahead.valid, -1), "add": (ahead.add, -1), "ahead_locate": (ahead.locate, -1),
              "ahead_reference": (ahead.reference, -1), "ahead_new": (ahead.new_reference, -1),
              "requests_valid": (dut.requests.valid, -1), "requests_payload": (Value.cast(dut.requests.payload), -1),
              "valid": (dut.messages.valid, 0), "payload": (Value.cast(dut.messages.payload), 0)}
    outputs = {name: (getattr(dut, name), -1) for name in ("locate", "old", "new")}
    outputs |= {"ready": (dut.requests.ready, -1), "types": (dut.types, 0), "record": (dut.message, 0),
                "windows": (dut.windows, 2)}
    outputs |= {name: (getattr(dut, name), 0) for name in ("price", "stock", "directory")}
    outputs |= {f"op {name}": (dut.operation[name], 1) for name in operation(design).members}
    last = 0
    for k, (op, got) in enumerate(zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True)):
        expected = expect(op, last, design)
        last = expected["op number"]
        assert {name: got[name] for name in expected} == expected, (k, op)


def session(seed, design, count):
    rng, operations = random.Random(seed), []
    number = (1 << 32) - 20  # the number comes around
    for _ in range(count):
        operations.append(random_slot(rng, design, number))
        number = number + operations[-1]["valid"] & (1 << 32) - 1
    return operations


def test_every_kind_in_every_slot(run_pipeline, tiny, seed):
    design = tiny(symbols=3)
    operations = session(seed, design, 1500)
    compare(run_pipeline, design, operations)
    assert {op["code"] for op in operations if op["valid"]} == set(MESSAGES)
    assert all(op["payload"] >> MESSAGE.bits - 8 * MAX_MESSAGE & 255 == ord(op["code"])
               for op in operations if op["valid"])


def test_a_request_is_only_taken_where_nothing_is_ahead(run_pipeline, tiny, seed):
    """Even if no message follows what was ahead: the slot stays empty."""
    design = tiny(symbols=2)
    operations = session(seed, design, 300)
    for op in operations:
        op["requests_valid"] = 1
    compare(run_pipeline, design, operations)
    dut = Slots(design=design)
    given = {"ahead": (dut.ahead.valid, -1), "valid": (dut.requests.valid, -1), "hold": (dut.requests.payload.hold, -1)}
    got = run_pipeline(dut, [{"ahead": k & 1, "valid": 1, "hold": 1} for k in range(10)], given,
                       {"ready": (dut.requests.ready, -1), "hold": (dut.operation.hold, 1)})
    assert got == [{"ready": k, "hold": k} for k in [1, 0] * 5]


def test_the_comparison_finds_a_message_of_another_number(run_pipeline, tiny, seed):
    design = tiny(symbols=2)
    operations = session(seed, design, 50)
    wrong = next(k for k, op in enumerate(operations) if op["valid"])
    operations[wrong]["number"] += 1
    with pytest.raises(AssertionError, match=rf"^\({wrong}, "):
        compare(run_pipeline, design, operations)
