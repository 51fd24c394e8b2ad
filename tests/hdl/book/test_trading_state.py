"""What is known of a symbol besides its orders, against a naive state per symbol."""

import random
from dataclasses import dataclass, field

import pytest
from amaranth.hdl import Value

from hdl.book.trading_state import TradingState
from spec.itch import MESSAGES
from spec.records import MESSAGE, UPDATE, Trade
from spec.wire import Kind, read, write

FAULTS = ("unknown_reference", "duplicate_reference", "over_execution", "table_full")
FREQUENT = "ECPQBHhJYSW"  #: types that say something of a symbol, or of all


@dataclass
class Symbol:
    trading: int
    halted: int = 0
    short_restricted: int = 0
    faults: set = field(default_factory=set)
    last_trade: int = 0
    collars: tuple = (0, 0)


class NaiveState:
    def __init__(self, design):
        assume = int(design.book.assume_trading)
        self.symbols = [Symbol(assume) for _ in design.symbols]
        self.open, self.gap = assume, 0

    def apply(self, op):
        """The update, if the slot makes one; whether the symbol is sound after it."""
        symbol, update = self.symbols[op["symbol"]], None
        symbol.faults |= {name for name in FAULTS if op[name]}
        if op["vouch"]:
            symbol.faults.discard("unknown_reference")
        if op["code"]:
            self.gap = op["record"].gap
            self.market(op["code"], op["fields"])
        if op["mapped"]:
            update = self.message(symbol, op)
        return update, int(not symbol.faults and not self.gap)

    def market(self, code, fields):
        if code == "S" and fields["event"] == "Q":
            self.open = 1
        elif code == "W" or code == "S" and fields["event"] == "M":
            self.open = 0

    def message(self, symbol, op):
        code, fields = op["code"], op["fields"]
        if code == "H":
            symbol.trading = int(fields["state"] == "T")
        elif code == "h" and fields["market"] == "Q":
            symbol.halted = int(fields["action"] == "H")
        elif code == "Y":
            symbol.short_restricted = int(fields["action"] != "0")
        elif code == "J":
            symbol.collars = fields["lower"], fields["upper"]
        trade, price, shares = Trade.NONE, 0, 0
        if code == "E":
            trade, price, shares = Trade.UNPRICED, 0, fields["shares"]
            if op["found"]:
                trade, price = Trade.PRINT, op["price"]
        elif code == "P" or code == "C" and fields["printable"] == "Y" or code == "Q" and fields["shares"]:
            trade, price, shares = Trade.PRINT, fields["price"], fields["shares"]
        elif code == "B":
            trade = Trade.BREAK
        if trade == Trade.PRINT:
            symbol.last_trade = price
        faults = [int(name in symbol.faults) for name in FAULTS]
        return UPDATE.tuple(
            op["record"].message, fields["timestamp"], op["symbol"], ord(code), self.gap, *faults,
            int(self.open and symbol.trading and not symbol.halted), symbol.short_restricted, *[0] * 8,
            trade.value, price, shares, fields.get("match", 0), symbol.last_trade, *symbol.collars)


def random_fields(rng, code):
    values = {}
    for part in MESSAGES[code].fields[1:]:
        if part.kind.is_integer:
            values[part.name] = rng.choice((rng.getrandbits(8 * part.length), rng.randrange(3)))
        elif part.kind is Kind.CHAR:
            values[part.name] = rng.choice(part.codes or "NY ")
    return values


def random_slot(rng, design, number, gap):
    op = {"symbol": rng.randrange(len(design.symbols)), "found": rng.randrange(2), "price": rng.getrandbits(32),
          "code": "", "mapped": 0, "vouch": 0, **dict.fromkeys(FAULTS, 0)}
    payload = rng.getrandbits(MESSAGE.bits)  # of no message
    if rng.random() < 0.75:
        code = op["code"] = rng.choice([*MESSAGES, *FREQUENT * 3])
        octets = write(MESSAGES[code], **random_fields(rng, code))
        op["fields"] = read(MESSAGES[code], octets)
        op["record"] = MESSAGE.tuple(number, rng.getrandbits(64), gap, int.from_bytes(octets, "little"))
        op |= {"types": 1 << [*MESSAGES].index(code), "mapped": int(code not in "SVW" and rng.random() < 0.8)}
        payload = MESSAGE.pack(op["record"])
    else:
        op["vouch"] = int(rng.random() < 0.5)
    if op["mapped"] or not op["code"]:
        op[rng.choice(FAULTS)] = int(rng.random() < 0.05)
    return op | {"payload": payload}


def session(seed, design, count):
    rng, operations, number, gap = random.Random(seed), [], 0, 0
    for k in range(count):
        gap = int(k % 200 in range(150, 170))
        operations.append(random_slot(rng, design, number, gap))
        number += bool(operations[-1]["code"])
    return operations


def compare(run_pipeline, design, operations):
    """The updates that the naive state expects."""
    dut = TradingState(design=design)
    inputs = {"payload": (Value.cast(dut.message), 0), "types": (dut.types, 0), "mapped": (dut.mapped, 2),
              "symbol": (dut.symbol, 2), "found": (dut.found, 3), "price": (dut.price, 3), "vouch": (dut.vouch, 4)}
    inputs |= {name: (dut.faults[name], 4) for name in FAULTS}
    outputs = {"update": (Value.cast(dut.update), 6), "sound": (dut.sound, 6)}
    naive, updates, sounds = NaiveState(design), [], set()
    for k, (op, got) in enumerate(zip(operations, run_pipeline(dut, operations, inputs, outputs), strict=True)):
        update, sound = naive.apply(op)
        assert got["sound"] == sound, (k, op)
        sounds.add((bool(op["code"]), sound))
        if update:
            assert UPDATE.unpack(got["update"]) == update, (k, op)
            updates.append(update)
    assert len(sounds) == 4
    return updates


@pytest.mark.parametrize("symbols, assume", [(1, False), (3, False), (3, True)])
def test_against_naive_states(run_pipeline, tiny, seed, symbols, assume):
    design = tiny(symbols=symbols, assume_trading=assume)
    updates = compare(run_pipeline, design, session(seed, design, 2000))
    assert {chr(update.type) for update in updates} == {*MESSAGES} - {*"SVW"}
    assert {update.trade for update in updates} == {trade.value for trade in Trade}
    assert {update.tradable for update in updates} == {0, 1}
    assert {update.short_restricted for update in updates} == {0, 1}
    assert {update.gap for update in updates} == {0, 1}


def test_a_vouch_takes_back_the_unknown_reference_alone(run_pipeline, tiny):
    """And one that comes in the slot after the fault does so as well."""
    design = tiny(symbols=1)
    dut = TradingState(design=design)
    inputs = {name: (dut.faults[name], 4) for name in FAULTS} | {"vouch": (dut.vouch, 4)}
    got = run_pipeline(dut, [
        {}, {"unknown_reference": 1}, {"vouch": 1}, {}, {"unknown_reference": 1}, {}, {}, {}, {"vouch": 1}, {},
        {"over_execution": 1}, {"vouch": 1}, {}], inputs, {"sound": (dut.sound, 6)})
    assert [slot["sound"] for slot in got] == [1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0]


def test_the_comparison_finds_a_print_at_another_price(run_pipeline, tiny, seed, monkeypatch):
    design = tiny(symbols=1)
    operations = session(seed, design, 300)
    message = NaiveState.message
    monkeypatch.setattr(NaiveState, "message",
                        lambda state, symbol, op: message(state, symbol, op | {"price": op["price"] ^ 1}))
    k = next(k for k, op in enumerate(operations) if op["code"] == "E" and op["mapped"] and op["found"])
    with pytest.raises(AssertionError, match=rf"^\({k}, "):
        compare(run_pipeline, design, operations)
